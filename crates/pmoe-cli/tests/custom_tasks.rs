//! A task from a user's model file: every command accepts it, and a run is tied to its files.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use std::fs;
use std::path::Path;
use std::process::Command;

use common::{SMALL, SMALL_SCHEDULE, events, manifest, pmoe, refuse, run, succeed};
use serde_json::Value;

const TASK: &str = "mjcf:robots/cart_pole.xml";
const MODEL: &str = "robots/cart_pole.xml";
const SETTINGS: &str = "robots/cart_pole.toml";
const RUN: &str = "results/runs/sac/mjcf-cart_pole/seed_0";

/// Creates a folder with a model and its settings.
fn workplace() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("robots")).unwrap();
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../pmoe-envs/examples");
    for file in [MODEL, SETTINGS] {
        let name = Path::new(file).file_name().unwrap();
        fs::copy(examples.join(name), dir.path().join(file)).unwrap();
    }
    dir
}

/// `pmoe`, run in that folder.
fn here(dir: &Path, arguments: &[&str]) -> Command {
    let mut command = pmoe();
    command.current_dir(dir).args(arguments);
    command
}

fn train(dir: &Path) -> Command {
    let mut command = here(dir, &["train", "--method", "sac", "--task", TASK, "--steps", "400"]);
    command.args(["--progress", "none"]);
    for setting in SMALL.iter().chain(SMALL_SCHEDULE) {
        command.args(["--set", setting]);
    }
    command
}

/// Replaces text in a file and returns the original.
fn edit(path: &Path, from: &str, to: &str) -> String {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.contains(from), "{from}");
    fs::write(path, text.replace(from, to)).unwrap();
    text
}

#[test]
fn every_command_takes_a_task_from_a_model_file() {
    let dir = workplace();
    let dir = dir.path();
    succeed(&mut train(dir));
    let run_folder = dir.join(RUN);
    assert_eq!(manifest(&run_folder)["task"], TASK);
    assert!(events(&run_folder).lines().any(|line| line.contains("\"update\"")));
    let finished = run(&mut train(dir));
    assert!(finished.stderr.contains("already done"), "{}", finished.stderr);

    let watched = succeed(&mut here(dir, &["watch", "results", "--once"]));
    assert!(!watched.contains("mjcf-cart_pole"), "a task, not a suite: {watched}");

    let evaluated = succeed(&mut here(dir, &["evaluate", RUN, "--episodes", "3", "--json"]));
    let evaluated: Value = serde_json::from_str(&evaluated).unwrap();
    assert_eq!(evaluated["task"], TASK);
    assert_eq!(evaluated["returns"].as_array().unwrap().len(), 3);

    let robustness = ["--kind", "robustness", "--set", "episodes=2", "--set", "obs_noise=[0,0.1]"];
    succeed(&mut here(dir, &[&["analyze", RUN][..], &robustness].concat()));
    succeed(&mut here(dir, &["config", "check", SETTINGS, &format!("{RUN}/config.toml")]));
    succeed(&mut here(dir, &["env", "bench", "--task", TASK, "--seconds", "0.01"]));

    let shown = ["config", "show", "--method", "sac", "--task", TASK, "--set", "env.frame_skip=3"];
    let shown: toml::Table = succeed(&mut here(dir, &shown)).parse().unwrap();
    assert_eq!(shown["task"].as_str(), Some(TASK));
    let env = &shown["env"]["mjcf"];
    assert_eq!(env["frame_skip"].as_integer(), Some(3));
    assert_eq!(env["max_episode_steps"].as_integer(), Some(1000));
    assert_eq!(env["model_blake3"].as_str().unwrap().len(), 64);

    let input = format!(
        r#"{{"task": "{TASK}", "qpos": [0, 0.1], "qvel": [0, 0], "actions": [[0.5], [-2]]}}"#
    );
    fs::write(dir.join("in.json"), input).unwrap();
    let files = ["--input", "in.json", "--output", "out.json"];
    succeed(&mut here(dir, &[&["env", "trace", "--task", TASK][..], &files].concat()));
    let traced: Value = serde_json::from_slice(&fs::read(dir.join("out.json")).unwrap()).unwrap();
    // 1 per step minus 0.01 times the squared action.
    let rewards: Vec<f64> =
        traced["reward"].as_array().unwrap().iter().map(|r| r.as_f64().unwrap()).collect();
    assert!(
        (rewards[0] - 0.9975).abs() < 1e-12 && (rewards[1] - 0.96).abs() < 1e-12,
        "{rewards:?}"
    );

    // Elsewhere rendering needs a graphics device.
    let picture = ["render", RUN, "--steps", "2", "--output", "a.png"];
    let finished = run(&mut here(dir, &picture));
    let is_drawn = finished.code == Some(0) && dir.join("a.png").exists();
    assert!(is_drawn || finished.stderr.contains("no graphics device"), "{}", finished.stderr);
}

#[test]
fn a_run_belongs_to_its_model_and_settings() {
    let dir = workplace();
    let dir = dir.path();
    succeed(&mut train(dir));
    let evaluate = || here(dir, &["evaluate", RUN, "--episodes", "1"]);

    let settings = dir.join(SETTINGS);
    let before = edit(&settings, "weight = 1.0", "weight = 2.0");
    let key = "`env.mjcf.reward.alive.weight` is 1.0 there, but 2.0 here";
    refuse(&mut train(dir), 2, &["another config", key]);
    // A trained run keeps the settings that it was trained with.
    succeed(&mut evaluate());
    fs::write(&settings, before).unwrap();

    let model = dir.join(MODEL);
    let before = edit(&model, "gear=\"10\"", "gear=\"20\"");
    let words = [TASK, "has changed since the run began", "`env.mjcf.model_blake3`"];
    refuse(&mut train(dir), 2, &words);
    refuse(&mut evaluate(), 2, &["robots/cart_pole.xml has changed", "blake3"]);
    fs::write(&model, before).unwrap();
    succeed(&mut train(dir));

    // A relative path is resolved against the working directory.
    let elsewhere = tempfile::tempdir().unwrap();
    let mut command = pmoe();
    command.current_dir(elsewhere.path()).arg("evaluate").arg(dir.join(RUN));
    refuse(&mut command, 2, &["robots/cart_pole.xml", "No such file"]);
}

#[test]
fn faults_in_the_files_leave_no_run() {
    let dir = workplace();
    let dir = dir.path();
    for (from, to, words) in [
        ("frame_skip", "frameskip", &["unknown field `frameskip`", "`frame_skip`"][..]),
        ("\"hinge\"", "\"hing\"", &["`termination.healthy[0].joint` is `hing`", "slide, hinge"]),
        ("weight = 0.01", "weight = -1", &["`reward.control_cost.weight` is -1", "at least 0"]),
    ] {
        let before = edit(&dir.join(SETTINGS), from, to);
        let words = [&[SETTINGS][..], words].concat();
        refuse(&mut train(dir), 2, &words);
        refuse(&mut here(dir, &["config", "check", SETTINGS]), 2, &words);
        fs::write(dir.join(SETTINGS), before).unwrap();
    }
    let mut command = train(dir);
    command.args(["--set", "env.termination.healthy=[]", "--set", "env.frame_skip=0"]);
    refuse(&mut command, 2, &["`env.mjcf.frame_skip` is 0", "between 1 and 1000"]);
    let missing = ["env", "bench", "--task", "mjcf:robots/none.xml"];
    refuse(&mut here(dir, &missing), 2, &["robots/none.xml", "No such file"]);
    fs::copy(dir.join(MODEL), dir.join("robots/none.xml")).unwrap();
    refuse(&mut here(dir, &missing), 2, &["robots/none.toml", "No such file"]);
    refuse(&mut here(dir, &["env", "bench", "--task", "mjcf:"]), 2, &["unknown task", "mjcf:FILE"]);
    assert!(!dir.join("results").exists());
}
