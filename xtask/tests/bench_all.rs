//! `cargo xtask bench-all` and `pmoe matrix` are interchangeable: each accepts the other's results.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]
#![cfg(target_os = "linux")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const SUITE: &str = r#"
title = "Tiny"
item = "Fig. 1"
reference = "ppo"
methods = ["ppo"]
tasks = ["TargetReaching-v0"]
[presets]
quick = { seeds = [0], total_steps = 100_000 }
paper = { seeds = [0], total_steps = 100_000 }
[presets.smoke]
seeds = [0]
total_steps = 1_000
[presets.smoke.set]
rollout_steps = 250
minibatch_size = 50
epochs = 2
"schedule.eval_every" = 500
"schedule.eval_episodes" = 1
"#;

/// Returns the exit code and all output.
fn run(program: &Path, command: &str, suites: &Path, out: &Path) -> (Option<i32>, String) {
    let mut command_line = Command::new(program);
    command_line.args([command, "--preset", "smoke", "--suites"]).arg(suites);
    let output = command_line.arg("--out").arg(out).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout) + &text(output.stderr))
}

#[test]
fn bench_all_and_pmoe_matrix_leave_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let [suites, out, other] = ["suites", "out", "other"].map(|name| dir.path().join(name));
    fs::create_dir(&suites).unwrap();
    fs::write(suites.join("tiny.toml"), SUITE).unwrap();
    let xtask = PathBuf::from(env!("CARGO_BIN_EXE_xtask"));
    // `bench-all` builds `pmoe` next to `xtask`.
    let pmoe = xtask.with_file_name("pmoe");

    let (code, text) = run(&xtask, "bench-all", &suites, &out);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("1 run: 1 done"), "{text}");
    let (code, text) = run(&pmoe, "matrix", &suites, &other);
    assert_eq!(code, Some(0), "{text}");
    for file in ["plan.json", "tiny/ppo/TargetReaching-v0/seed_0/events.jsonl"] {
        let [made, expected] =
            [&other, &out].map(|folder| fs::read(folder.join("smoke").join(file)).unwrap());
        assert!(made == expected, "{file} differs");
    }
    for (program, command) in [(&pmoe, "matrix"), (&xtask, "bench-all")] {
        let (code, text) = run(program, command, &suites, &out);
        assert_eq!(code, Some(0), "{text}");
        assert!(text.contains("All runs are done"), "{text}");
    }
}

#[test]
fn bad_input_ends_with_2() {
    let dir = tempfile::tempdir().unwrap();
    let xtask = PathBuf::from(env!("CARGO_BIN_EXE_xtask"));
    let missing = dir.path().join("missing");
    let (code, text) = run(&xtask, "bench-all", &missing, dir.path());
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains(&format!("error: cannot read {}", missing.display())), "{text}");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}
