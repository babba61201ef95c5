//! Names of the joints that the actions of a task drive.

/// Returns the names in the order of the actions, or `None` for a task whose joints are not known
/// here, such as one from a model of the user's own.
///
/// # Source
/// The `actuator` sections of Gymnasium's model files, without the ending `_joint`.
pub(super) fn joints(task: &str, num_actions: usize) -> Option<&'static [&'static str]> {
    let (robot, _) = task.rsplit_once("-v")?;
    let joints: &[&str] = match robot {
        "HalfCheetah" => &["bthigh", "bshin", "bfoot", "fthigh", "fshin", "ffoot"],
        "Hopper" => &["thigh", "leg", "foot"],
        "Walker2d" => &["thigh", "leg", "foot", "thigh_left", "leg_left", "foot_left"],
        "Ant" => &["hip_4", "ankle_4", "hip_1", "ankle_1", "hip_2", "ankle_2", "hip_3", "ankle_3"],
        _ => return None,
    };
    (joints.len() == num_actions).then_some(joints)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    #[test]
    fn unknown_tasks_have_no_names() {
        assert_eq!(joints("Hopper-v4", 3), Some(["thigh", "leg", "foot"].as_slice()));
        assert_eq!(joints("Hopper-v4", 4), None);
        for task in ["TargetReaching-v0", "Hopper", "my/Hopper-v4", ""] {
            assert_eq!(joints(task, 3), None, "{task}");
        }
    }

    #[test]
    fn names_are_those_of_the_models() {
        let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../.mujoco/models"));
        let files =
            [("HalfCheetah", "half_cheetah"), ("Hopper", "hopper"), ("Walker2d", "walker2d")];
        for (robot, file) in files.into_iter().chain([("Ant", "ant")]) {
            // The models are fetched by `cargo xtask setup`, which this crate does not need.
            let Ok(text) = fs::read_to_string(folder.join(format!("{file}.xml"))) else { continue };
            let uncommented: String =
                text.split("<!--").map(|part| part.rsplit("-->").next().unwrap()).collect();
            let (_, actuators) = uncommented.split_once("<actuator>").unwrap();
            let (actuators, _) = actuators.split_once("</actuator>").unwrap();
            let names = actuators
                .split(" joint=\"")
                .skip(1)
                .map(|rest| rest.split('"').next().unwrap().trim_end_matches("_joint"));
            let names: Vec<_> = names.collect();
            assert_eq!(joints(&format!("{robot}-v2"), names.len()), Some(names.as_slice()));
        }
    }
}
