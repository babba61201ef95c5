//! A suite whose runs take a second, and what its matrices leave.

use std::fs;
use std::path::{Path, PathBuf};

/// Two methods on a task without MuJoCo.
pub const SUITE: &str = r#"
title = "Tiny"
item = "Fig. 1"
reference = "sac"
methods = ["sac", "pmoe-sac"]
tasks = ["TargetReaching-v0"]
[presets]
quick = { seeds = [0], total_steps = 100_000 }
paper = { seeds = [0], total_steps = 100_000 }
[presets.smoke]
seeds = SEEDS
total_steps = STEPS
[presets.smoke.set]
hidden = [16, 16]
batch_size = 8
random_steps = 100
learning_starts = 100
"schedule.eval_every" = 200
"schedule.eval_episodes" = 1
"schedule.checkpoint_every" = 300
"#;

/// The suite with so many seeds, and runs of `steps` environment steps.
pub fn suite(seeds: u64, steps: u64) -> String {
    let seeds: Vec<_> = (0..seeds).collect();
    SUITE.replace("SEEDS", &format!("{seeds:?}")).replace("STEPS", &steps.to_string())
}

/// Reads what a matrix leaves, but for what names a time or a machine.
pub fn results(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    const SAME: [&str; 5] =
        ["config.toml", "events.jsonl", "policy.safetensors", "actor.bpk", "critic.bpk"];
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(place) = folders.pop() {
        for entry in fs::read_dir(place).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if SAME.iter().any(|name| path.ends_with(name)) {
                let bytes = fs::read(&path).unwrap();
                found.push((path.strip_prefix(folder).unwrap().to_owned(), bytes));
            }
        }
    }
    found.sort();
    found
}

/// Asserts that two matrices left the same.
#[track_caller]
pub fn assert_same(found: &[(PathBuf, Vec<u8>)], expected: &[(PathBuf, Vec<u8>)]) {
    let names = |files: &[(PathBuf, Vec<u8>)]| {
        files.iter().map(|(path, _)| path.clone()).collect::<Vec<_>>()
    };
    assert_eq!(names(found), names(expected));
    for ((path, found), (_, expected)) in found.iter().zip(expected) {
        assert!(found == expected, "{} differs", path.display());
    }
}
