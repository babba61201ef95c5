//! A missing, broken or hostile model file gives an error; it does not end the process.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

use pmoe_envs::mjcf::{Noise, ResetNoise, WhenUnstable};
use pmoe_envs::mujoco::{MujocoEnv, Reward, RewardTerms, Rules};
use pmoe_envs::{Env, EnvError, Rng};
use rand::SeedableRng;

fn rules(model: PathBuf) -> Rules {
    Rules {
        model,
        frame_skip: 1,
        obs_dim: 2,
        reset: ResetNoise { qpos: Noise::Uniform(0.1), qvel: Noise::Uniform(0.1) },
        contact_forces: false,
        when_unstable: WhenUnstable::Fail,
        position: Box::new(|sim| sim.qpos()[0]),
        is_healthy: Box::new(|_| true),
        reward: Box::new(|_| Reward { total: 0.0, terms: RewardTerms::default() }),
        observe: Box::new(|sim, obs| (obs[0], obs[1]) = (sim.qpos()[0], sim.qvel()[0])),
    }
}

/// A slider with a motor and `extra` lines of MJCF.
fn slider(extra: &str, ctrlrange: &str) -> String {
    format!(
        r#"<mujoco>{extra}<worldbody><body><joint name="x" type="slide" axis="1 0 0"/><geom size="0.1"/></body>
        </worldbody><actuator><motor joint="x" {ctrlrange}/></actuator></mujoco>"#
    )
}

fn write(name: &str, text: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("model_files");
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join(name);
    fs::write(&path, text).unwrap();
    path
}

fn load(name: &str, text: &str) -> Result<MujocoEnv, EnvError> {
    MujocoEnv::new("Slider", rules(write(name, text)))
}

const RANGE: &str = r#"ctrllimited="true" ctrlrange="-1 1""#;

#[test]
fn a_good_one_is_a_task() {
    let mut env = load("good.xml", &slider("", RANGE)).unwrap();
    let mut obs = [f64::NAN; 2];
    env.reset(&mut Rng::seed_from_u64(0), &mut obs).unwrap();
    let before = obs[1];
    env.step(&[1.0], &mut obs).unwrap();
    assert!(obs[1] > before);
    assert_eq!((env.spec().id.as_str(), env.spec().action_dim()), ("Slider", 1));
}

#[test]
fn a_file_that_has_changed_is_another_model() {
    let of_size = |size: &str| slider("", RANGE).replace("0.1", size);
    let load = |size: &str| load("changed.xml", &of_size(size)).unwrap();
    let mass = |env: &MujocoEnv| env.sim().body_masses()[1];
    let first = load("0.1");
    let second = load("0.2");
    assert!(mass(&second) > 7.0 * mass(&first));
    assert_eq!(mass(&load("0.1")).to_bits(), mass(&first).to_bits());
}

#[test]
fn bad_ones_are_errors_that_name_the_file() {
    let looped = slider(r#"<include file="loop.xml"/>"#, RANGE);
    let huge_arena = slider(r#"<size memory="900G"/>"#, RANGE);
    let missing_mesh = slider(r#"<asset><mesh name="m" file="none.stl"/></asset>"#, RANGE);
    for (name, text, reason) in [
        ("empty.xml", String::new(), ""),
        ("not.xml", "not XML at all <<<".to_owned(), ""),
        ("unknown.xml", "<mujoco><nonsense/></mujoco>".to_owned(), "nonsense"),
        ("loop.xml", looped, "loop.xml includes itself"),
        ("memory.xml", huge_arena, ""),
        ("small_memory.xml", slider(r#"<size memory="50K"/>"#, RANGE), "fewer than 1048576"),
        ("mesh.xml", missing_mesh, "none.stl"),
        ("range.xml", slider("", ""), "motor 0 has no ctrlrange"),
        ("motor.xml", "<mujoco/>".to_owned(), "it has no motor"),
    ] {
        let error = load(name, &text).err().unwrap_or_else(|| panic!("{name} was taken"));
        let EnvError::Model { path, reason: found } = &error else { panic!("{error}") };
        assert!(path.ends_with(name), "{error}");
        assert!(!found.is_empty() && found.contains(reason), "{error}");
    }
    let missing = PathBuf::from("/nowhere/at/all.xml");
    let error = MujocoEnv::new("Slider", rules(missing)).err().unwrap();
    assert!(error.to_string().starts_with("cannot load the model /nowhere/at/all.xml"), "{error}");
}

/// A slider and a body of two elements, replicated by each of the nested `counts`.
fn repeated(counts: &[u64]) -> String {
    let mut body = r#"<body pos="0 0 9"><geom size="0.1"/></body>"#.to_owned();
    for count in counts {
        body = format!(r#"<replicate count="{count}" offset="1 0 0">{body}</replicate>"#);
    }
    slider("", RANGE).replace("<worldbody>", &format!("<worldbody>{body}"))
}

#[test]
fn sizes_without_bounds_are_refused_before_anything_is_allocated() {
    const MODEL: &str = r#"<asset><model name="m" file="itself.xml"/></asset>"#;
    assert!(load("forty.xml", &repeated(&[5, 8])).is_ok());
    let sized = |size: &str| slider(&format!("<size {size}/>"), RANGE);
    let asset = |asset: &str| slider(&format!("<asset>{asset}</asset>"), RANGE);
    for (name, text, reason) in [
        ("replicate.xml", repeated(&[1_000_000_000]), "more than 20000 elements"),
        ("nested.xml", repeated(&[100, 100, 100]), "more than 20000 elements"),
        ("user.xml", sized(r#"nuser_body="2000000000""#), "nuser_body is 2000000000"),
        ("keys.xml", sized(r#"nkey="2000000000""#), "nkey is 2000000000"),
        (
            "hfield.xml",
            asset(r#"<hfield name="h" nrow="1000000" ncol="2" size="1 1 1 1"/>"#),
            "nrow",
        ),
        ("itself.xml", slider(MODEL, RANGE), "itself.xml includes itself"),
        (
            "zero.xml",
            slider(r#"<include file="/dev/zero"/>"#, RANGE),
            "/dev/zero: it is not a regular file",
        ),
    ] {
        let error = load(name, &text).err().unwrap_or_else(|| panic!("{name} was taken"));
        assert!(error.to_string().contains(reason), "{error}");
    }

    // Copies of another file's elements count too.
    let part = r#"<mujoco><body pos="0 0 9"><geom size="0.1"/></body></mujoco>"#;
    write("part.xml", part);
    let many = repeated(&[10_000]).replace("<geom", r#"<include file="part.xml"/><geom"#);
    let error = load("many.xml", &many).err().unwrap();
    assert!(error.to_string().contains("more than 20000 elements"), "{error}");
}

#[test]
fn environments_of_one_file_give_the_same_bits() {
    let mut envs = [0, 1].map(|_| load("shared.xml", &slider("", RANGE)).unwrap());
    let bits = envs.each_mut().map(|env| {
        let mut obs = [f64::NAN; 2];
        env.reset(&mut Rng::seed_from_u64(0), &mut obs).unwrap();
        for _ in 0..50 {
            env.step(&[0.3], &mut obs).unwrap();
        }
        obs.map(f64::to_bits)
    });
    assert_eq!(bits[0], bits[1]);
}
