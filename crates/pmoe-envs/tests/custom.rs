//! Tasks from a model file and the settings next to it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use common::{actions, rng};
use pmoe_envs::{Env, EnvConfig, EnvError, TaskId, make, make_mujoco, make_with};
use tempfile::TempDir;

/// Returns the settings that the documentation shows.
fn documented() -> String {
    let page = include_str!("../../../docs/custom-tasks.md");
    let (_, rest) = page.split_once("```toml\n").unwrap();
    rest.split_once("```").unwrap().0.to_owned()
}

/// Creates a folder with a built-in robot's model file and these settings next to it.
fn beside(model: &str, settings: &str) -> (TempDir, TaskId) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(model);
    fs::copy(Path::new(&env::var_os("PMOE_MODEL_DIR").unwrap()).join(model), &path).unwrap();
    fs::write(path.with_extension("toml"), settings).unwrap();
    (folder, id(&path))
}

fn id(path: &Path) -> TaskId {
    format!("mjcf:{}", path.display()).parse().unwrap()
}

/// Takes random steps in both tasks, with resets, and compares them; `is_same` compares the
/// rewards.
fn compare(ours: &TaskId, built_in: &str, steps: usize, is_same: fn(f64, f64) -> bool) {
    let mut envs = [ours.clone(), built_in.parse().unwrap()].map(|task| make(&task).unwrap());
    let action_dim = envs[0].spec().action_dim();
    let mut obs = envs.each_ref().map(|env| vec![f64::NAN; env.spec().obs_dim]);
    let mut rngs = [rng(3), rng(3)];
    let mut reset = |envs: &mut [Box<dyn Env>; 2], obs: &mut [Vec<f64>; 2]| {
        for i in 0..2 {
            envs[i].reset(&mut rngs[i], &mut obs[i]).unwrap();
        }
    };
    reset(&mut envs, &mut obs);
    let mut ended = 0;
    for (index, action) in actions(action_dim, steps, 4).iter().enumerate() {
        let taken = [0, 1].map(|i| envs[i].step(action, &mut obs[i]).unwrap());
        let bits = obs.each_ref().map(|obs| obs.iter().map(|x| x.to_bits()).collect::<Vec<_>>());
        assert_eq!(bits[0], bits[1], "observation of step {index}");
        let [one, two] = taken.map(|step| step.reward);
        assert!(is_same(one, two), "reward of step {index}: {one} and {two}");
        let endings = taken.map(|step| (step.terminated, step.truncated));
        assert_eq!(endings[0], endings[1], "ending of step {index}");
        if taken[0].terminated || taken[0].truncated {
            ended += 1;
            reset(&mut envs, &mut obs);
        }
    }
    assert!(ended > 3, "{ended} episodes");
}

#[test]
fn the_documented_hopper_is_the_built_in_one_bit_for_bit() {
    let (_folder, task) = beside("hopper.xml", &documented());
    compare(&task, "Hopper-v4", 1000, |one, two| one.to_bits() == two.to_bits());
}

const ANT: &str = r#"
frame_skip = 5
[reset]
qpos = { uniform = 0.1 }
qvel = { normal = 0.1 }
[observation]
skip_qpos = 2
contact_forces = { limit = 1.0 }
[reward]
forward = { weight = 1, body = "torso", axis = "x" }
alive = { weight = 1.0 }
control_cost = { weight = 0.5 }
contact_cost = { weight = 5e-4, limit = 1.0 }
[termination]
healthy = [{ joint = "root", axis = "z", range = [0.2, 1.0] }]
"#;

#[test]
fn bodies_free_joints_and_contact_forces_make_an_ant() {
    let (_folder, task) = beside("ant.xml", ANT);
    // The terms are added in a different order.
    compare(&task, "Ant-v5", 1000, |one, two| (one - two).abs() < 1e-12);
}

#[test]
fn faults_name_file_key_and_what_is_allowed() {
    let hopper = documented();
    let check = |from: &str, to: &str, words: &[&str]| {
        assert!(hopper.contains(from), "{from}");
        let (_folder, task) = beside("hopper.xml", &hopper.replacen(from, to, 1));
        let error = task.config().unwrap_err().to_string();
        for word in ["hopper.toml"].iter().chain(words) {
            assert!(error.contains(word), "{to}: no {word} in: {error}");
        }
        let error = make(&task).err().unwrap().to_string();
        assert!(error.contains("hopper.toml"), "{error}");
    };
    for (from, to, words) in [
        ("frame_skip = 4", "frame_skip = 0", &["`frame_skip` is 0", "between 1 and 1000"][..]),
        ("frame_skip = 4", "frame_skip = -1", &["`frame_skip`", "whole number"]),
        ("frame_skip = 4", "frameskip = 4", &["`frameskip`", "`frame_skip`", "`reward`"]),
        ("frame_skip = 4", "", &["frame_skip", "missing"]),
        ("frame_skip = 4", "frame_skip = ", &["not valid TOML", "line"]),
        (
            "frame_skip = 4",
            "model_blake3 = \"x\"\nframe_skip = 4",
            &["`model_blake3`", "64 hexadecimal digits"],
        ),
        (
            "max_episode_steps = 1000",
            "max_episode_steps = 0",
            &["`max_episode_steps`", "at least 1"],
        ),
        ("skip_qpos = 1", "skip_qpos = 7", &["`observation.skip_qpos` is 7", "at most 6"]),
        ("skip_qpos = 2", "skip_qpos = 7", &["`termination.state.skip_qpos` is 7", "at most 6"]),
        ("qvel_limit = 10.0", "qvel_limit = 0", &["`observation.qvel_limit` is 0", "positive"]),
        (
            "qpos = { uniform = 0.005 }",
            "qpos = { uniform = -1 }",
            &["`reset.qpos` is -1", "at least 0"],
        ),
        ("qpos = { uniform", "qpos = { evenly", &["reset.qpos", "evenly", "`uniform`", "`normal`"]),
        ("\"rootx\"", "\"rootq\"", &["`reward.forward.joint` is `rootq`", "rootx, rootz, rooty"]),
        (
            "joint = \"rootx\"",
            "body = \"torsoo\", axis = \"x\"",
            &["`reward.forward.body` is `torsoo`", "torso, thigh, leg, foot"],
        ),
        (
            "joint = \"rootx\"",
            "body = \"torso\"",
            &["`reward.forward.axis` is absent", "`x`, `y` or `z`"],
        ),
        ("joint = \"rootx\"", "body = \"torso\", axis = \"w\"", &["reward.forward.axis", "`z`"]),
        ("joint = \"rootx\", ", "", &["`reward.forward.joint` is absent"]),
        (
            "joint = \"rootx\"",
            "joint = \"rootx\", axis = \"x\"",
            &["`reward.forward.axis`", "free"],
        ),
        ("joint = \"rootz\"", "joint = \"root\\u0000\"", &["`termination.healthy[0].joint`"]),
        (
            "[0.7, inf]",
            "[0.7, 0.7]",
            &["`termination.healthy[0].range` is [0.7, 0.7]", "low < high"],
        ),
        ("[0.7, inf]", "[nan, 1]", &["`termination.healthy[0].range`"]),
        ("[-100.0, 100.0]", "[100.0, -100.0]", &["`termination.state.range`"]),
        ("{ weight = 0.001 }", "{ weight = nan }", &["`reward.control_cost.weight` is NaN"]),
        ("\"terminate\"", "\"explode\"", &["termination.when_unstable", "`terminate`", "`fail`"]),
    ] {
        check(from, to, words);
    }
    let (before, after) = hopper.split_once("[reward]").unwrap();
    let (_, after) = after.split_once("[termination]").unwrap();
    let (_folder, task) = beside("hopper.xml", &format!("{before}[reward]\n[termination]{after}"));
    let error = task.config().unwrap_err().to_string();
    assert!(error.contains("`reward` is empty") && error.contains("`control_cost`"), "{error}");
}

#[test]
fn missing_files_are_named() {
    let (folder, task) = beside("hopper.xml", &documented());
    let [model, settings] = ["hopper.xml", "hopper.toml"].map(|name| folder.path().join(name));
    fs::rename(&model, folder.path().join("away")).unwrap();
    let error = task.config().unwrap_err();
    assert!(
        matches!(&error, EnvError::Model { path, .. } if path.ends_with("hopper.xml")),
        "{error}"
    );
    fs::rename(folder.path().join("away"), &model).unwrap();
    fs::remove_file(&settings).unwrap();
    let error = task.config().unwrap_err().to_string();
    assert!(error.contains("hopper.toml") && error.contains("No such file"), "{error}");
}

#[test]
fn settings_of_a_run_are_checked_by_the_model_as_well() {
    let (_folder, task) = beside("hopper.xml", &documented());
    let mut config = task.config().unwrap();
    let EnvConfig::Mjcf(settings) = &mut config else { panic!("a task from a file") };
    settings.termination.healthy[1].joint = Some("rooty2".to_owned());
    let error = make_with(&task, &config).err().unwrap().to_string();
    assert!(error.starts_with("`env.mjcf.termination.healthy[1].joint` is `rooty2`"), "{error}");
    let hopper: TaskId = "Hopper-v4".parse().unwrap();
    let error = make_with(&hopper, &config).err().unwrap().to_string();
    assert_eq!(error, "`env` is `mjcf`, but must be `mujoco` for Hopper-v4");
}

/// Creates a slider with a motor, in a model that includes one file and uses a mesh.
fn model_of_three_files() -> (TempDir, TaskId, [PathBuf; 3]) {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::create_dir(path("meshes")).unwrap();
    let files = [path("slider.xml"), path("part.xml"), path("meshes/box.obj")];
    let model = r#"<mujoco><compiler meshdir="meshes"/><asset><mesh name="m" file="box.obj"/></asset><worldbody><body>
        <joint name="x" type="slide" axis="1 0 0"/><geom type="mesh" mesh="m"/></body></worldbody>
        <include file="part.xml"/></mujoco>"#;
    let part = r#"<mujoco><actuator><motor joint="x" ctrllimited="true" ctrlrange="-1 1"/></actuator></mujoco>"#;
    let mesh = "v 0 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 1\nf 1 3 2\nf 1 2 4\nf 1 4 3\nf 2 3 4\n";
    for (path, text) in files.iter().zip([model, part, mesh]) {
        fs::write(path, text).unwrap();
    }
    let settings = "frame_skip = 1\nreset = { qpos = { uniform = 0 }, qvel = { uniform = 0 } }\n\
                    reward = { alive = { weight = 1 } }\n";
    fs::write(path("slider.toml"), settings).unwrap();
    let task = id(&files[0]);
    (folder, task, files)
}

#[test]
fn a_model_that_has_changed_is_refused() {
    let (_folder, task, files) = model_of_three_files();
    let config = task.config().unwrap();
    let EnvConfig::Mjcf(settings) = &config else { panic!("a task from a file") };
    let texts = files.each_ref().map(|path| fs::read_to_string(path).unwrap());
    // The hash covers the contents, in the order in which the files are referred to.
    let [model, part, mesh] = &texts;
    let expected = blake3::hash(format!("{model}{mesh}{part}").as_bytes()).to_hex().to_string();
    assert_eq!(settings.model_blake3.as_ref(), Some(&expected));
    make_with(&task, &config).unwrap();
    for (path, text) in files.iter().zip(&texts) {
        fs::write(path, format!("{text}\n")).unwrap();
        let error = make_with(&task, &config).err().unwrap();
        assert!(matches!(&error, EnvError::ModelChanged { expected: of, .. } if *of == expected));
        assert!(error.to_string().contains("slider.xml has changed"), "{error}");
        fs::write(path, text).unwrap();
    }
    make_with(&task, &config).unwrap();
}

#[test]
fn an_unstable_simulation_ends_the_episode_or_the_run() {
    let start = |when_unstable: &str| {
        let settings = documented().replace("\"terminate\"", when_unstable);
        let (_folder, task) = beside("hopper.xml", &settings);
        let mut env = make_mujoco(&task).unwrap();
        let mut obs = vec![0.0; env.spec().obs_dim];
        let (qpos, mut qvel) = (env.qpos().to_vec(), env.qvel().to_vec());
        qvel[3] = 1e11;
        env.set_physics(&qpos, &qvel, &mut obs).unwrap();
        let step = env.step(&[0.0; 3], &mut obs);
        (step, obs)
    };
    let (step, obs) = start("\"terminate\"");
    let step = step.unwrap();
    assert!(step.terminated && !step.truncated);
    assert_eq!(step.reward.to_bits(), 0.0_f64.to_bits());
    let mut initial = [0.0; 11];
    initial[0] = 1.25;
    assert_eq!(obs, initial);
    let (step, _) = start("\"fail\"");
    assert!(matches!(step, Err(EnvError::Unstable { .. })));
}
