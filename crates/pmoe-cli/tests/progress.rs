//! What a run tells while it trains, and at its end.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use std::path::Path;
use std::process::Command;

use common::{SMALL, SMALL_SCHEDULE, pmoe, run, succeed};
use serde_json::Value;

/// A small run with an evaluation every 400 steps.
fn train(progress: &str, out: &Path) -> Command {
    let mut command = pmoe();
    command.args(["train", "--method", "sac", "--task", "TargetReaching-v0", "--steps", "1000"]);
    for setting in SMALL.iter().chain(SMALL_SCHEDULE) {
        command.args(["--set", setting]);
    }
    command.args(["--progress", progress, "--out"]).arg(out);
    command
}

#[test]
fn a_finished_run_says_how_it_went_and_what_next() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("my run");
    let finished = run(&mut train("auto", &out));
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    let lines: Vec<&str> = finished.stderr.lines().collect();
    let evaluations = lines.iter().filter(|line| line.contains("/1000: evaluation "));
    assert_eq!(evaluations.count(), 4, "{}", finished.stderr);

    let [how, folder, next] = lines[lines.len() - 3..] else { panic!("three lines") };
    assert!(how.starts_with("1_000 steps in ") && how.contains(" at the end, "), "{how}");
    assert_eq!(folder, format!("run folder: {}", out.display()));
    // Each command can be pasted into a shell, whatever the name of the folder.
    let commands: Vec<&str> = next.split('`').skip(1).step_by(2).collect();
    assert_eq!(commands.len(), 3, "{next}");
    let program = env!("CARGO_BIN_EXE_pmoe");
    for command in [commands[0], commands[2]] {
        let arguments = command.strip_prefix("pmoe ").unwrap();
        succeed(Command::new("sh").args(["-c", &format!("'{program}' {arguments}")]));
    }
}

#[test]
fn every_evaluation_is_a_line_for_programs() {
    let dir = tempfile::tempdir().unwrap();
    let finished = run(&mut train("json", &dir.path().join("run")));
    let lines = finished.stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let mut steps: Vec<u64> =
        lines.filter_map(|line| line["evaluation"]["env_step"].as_u64()).collect();
    steps.dedup();
    assert_eq!(steps, [0, 400, 800, 1000]);
    assert!(!finished.stderr.contains("run folder"), "{}", finished.stderr);
}
