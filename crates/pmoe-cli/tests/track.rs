//! Runs in trackers, and searches, as far as they go without Python.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::{pmoe, refuse, run, start_until, succeed, train};

/// The file of a run for TensorBoard, and its size.
fn board(run: &Path) -> (PathBuf, u64) {
    let files = fs::read_dir(run.join("tensorboard")).unwrap().map(|file| file.unwrap().path());
    let is_one = |path: &PathBuf| path.to_string_lossy().contains("tfevents");
    let sized = files.filter(is_one).map(|path| {
        let bytes = fs::metadata(&path).unwrap().len();
        (path, bytes)
    });
    let mut written: Vec<_> = sized.filter(|(_, bytes)| *bytes > 0).collect();
    assert_eq!(written.len(), 1, "{written:?}");
    written.pop().unwrap()
}

fn added(runs: &Path) -> String {
    let finished = run(pmoe().args(["track", "--to", "tensorboard"]).arg(runs));
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    finished.stderr
}

#[test]
fn tracking_changes_no_byte_of_the_events_and_a_killed_run_has_every_point_once() {
    let dir = tempfile::tempdir().unwrap();
    let [plain, tracked, killed] = ["plain", "tracked", "killed"].map(|name| dir.path().join(name));
    succeed(&mut train("pmoe-sac", 1200, &plain));
    succeed(train("pmoe-sac", 1200, &tracked).args(["--track", "tensorboard"]));
    let mut command = train("pmoe-sac", 1200, &killed);
    let mut child = start_until(command.args(["--track", "tensorboard"]), 800);
    child.kill().unwrap();
    child.wait().unwrap();
    succeed(train("pmoe-sac", 1200, &killed).args(["--track", "tensorboard"]));

    let events = |run: &Path| fs::read(run.join("events.jsonl")).unwrap();
    assert!(events(&plain) == events(&tracked) && events(&plain) == events(&killed));
    // Records of the same events are equally long, whatever the time.
    let lines = events(&plain).iter().filter(|&&byte| byte == b'\n').count();
    assert!(added(&plain).contains(&format!("{lines} events of 1 runs added")));
    let (_, bytes) = board(&plain);
    for run in [&tracked, &killed] {
        let (path, found) = board(run);
        // The text with the command line is longer.
        let provenance = |run: &Path| {
            let manifest = fs::read_to_string(run.join("manifest.json")).unwrap();
            let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
            serde_json::to_string_pretty(&manifest["provenance"]).unwrap().len() as u64
        };
        assert_eq!(found - provenance(run), bytes - provenance(&plain), "{}", path.display());
        assert!(added(run).contains("0 events of 1 runs added"));
        assert_eq!(board(run), (path, found));
    }
    // All three at once: nothing is new.
    assert!(added(dir.path()).contains("0 events of 3 runs added"));
}

#[test]
fn what_needs_python_says_so() {
    let dir = tempfile::tempdir().unwrap();
    for to in ["wandb", "mlflow", "trackio"] {
        let words =
            [&*format!("`pmoe track --to {to}`"), "needs the command `pmoe` of the Python package"];
        refuse(pmoe().args(["track", "--to", to]).arg(dir.path()), 2, &words);
    }
    let file = dir.path().join("sweep.toml");
    let text = "method = \"sac\"\ntask = \"TargetReaching-v0\"\nsteps = 5000\nseeds = [1]\nn_trials = 3\n\
                objective = \"final\"\n[space]\ngamma = { kind = \"float\", low = 0.9, high = 0.99 }\n";
    fs::write(&file, text).unwrap();
    refuse(
        pmoe().arg("sweep").arg(&file),
        2,
        &["`pmoe sweep` needs the command `pmoe` of the Python package"],
    );
    succeed(pmoe().args(["config", "check"]).arg(&file));
    fs::write(&file, text.replace("0.99 }", "1.5 }")).unwrap();
    refuse(pmoe().args(["config", "check"]).arg(&file), 2, &["`gamma` = 1.5", "sweep.toml"]);
    refuse(pmoe().arg("sweep").arg(&file), 2, &["`gamma` = 1.5", "sweep.toml"]);
}

#[test]
fn bad_arguments_are_refused_and_change_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let track = |to: &str| {
        let mut command = pmoe();
        command.args(["track", "--to", to]);
        command
    };
    refuse(track("tensorboard").arg(dir.path()), 2, &["has no runs"]);
    refuse(track("tensorboard").arg(dir.path().join("nowhere")), 2, &["no such folder"]);
    refuse(track("excel").arg(dir.path()), 2, &["tensorboard", "wandb", "mlflow", "trackio"]);
    refuse(
        train("sac", 10, &dir.path().join("run")).args(["--track", "wandb"]),
        2,
        &["tensorboard"],
    );
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn every_run_of_a_population_is_tracked() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = pmoe();
    command.args([
        "train",
        "--task",
        "TargetReaching-v0",
        "--method",
        "sac",
        "--population",
        "0..2",
    ]);
    command.args(["--steps", "600", "--track", "tensorboard", "--out"]).arg(dir.path());
    for setting in common::SMALL.iter().chain(common::SMALL_SCHEDULE) {
        command.args(["--set", setting]);
    }
    succeed(&mut command);
    for seed in 0..2 {
        board(&dir.path().join(format!("seed_{seed}")));
    }
    assert!(added(dir.path()).contains("0 events of 2 runs added"));
}
