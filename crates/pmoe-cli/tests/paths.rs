//! Paths that are not UTF-8.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
// Other systems don't allow such paths.
#![cfg(target_os = "linux")]

mod common;

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use common::{SMALL, SMALL_SCHEDULE, pmoe, refuse, succeed};

/// Neither `\xff` nor an incomplete `\xc3` sequence is valid UTF-8.
fn strange(name: &[u8]) -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(OsStr::from_bytes(name));
    fs::create_dir(&path).unwrap();
    (dir, path)
}

/// Trains in a folder, then runs every command that reads runs on it.
fn use_everywhere(runs: &Path, run: &Path) {
    let mut train = pmoe();
    train.args(["train", "--method", "pmoe-sac", "--task", "TargetReaching-v0", "--steps", "600"]);
    SMALL.iter().chain(SMALL_SCHEDULE).for_each(|setting| {
        train.args(["--set", setting]);
    });
    succeed(train.arg("--out").arg(run));
    // The second time it is already finished.
    succeed(&mut train);
    for arguments in [
        &["evaluate", "--episodes=1"][..],
        &["evaluate", "--episodes=1", "--json"],
        &["analyze", "--kind=trajectories", "--set=rollouts=2"],
        &["analyze", "--kind=trajectories", "--set=rollouts=2", "--json"],
    ] {
        succeed(pmoe().args(arguments).arg(run));
    }
    let picture = runs.join("picture.png");
    succeed(pmoe().args(["render", "--steps=5"]).arg(run).arg("--output").arg(&picture));
    assert!(picture.is_file());
    for json in [&[][..], &["--json"]] {
        let report = runs.join("report");
        succeed(pmoe().arg("report").args(json).arg(runs).arg("--out").arg(&report));
        assert!(report.join("index.html").is_file());
        succeed(pmoe().arg("verify").args(json).arg(runs));
    }
    succeed(pmoe().args(["watch", "--once"]).arg(runs));
    let text = succeed(pmoe().args(["watch", "--json"]).arg(runs));
    let snapshot: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(snapshot["total"]["runs"]["done"], 1, "{text}");
}

#[test]
fn runs_and_reports_may_have_them() {
    let (_dir, runs) = strange(b"runs-\xff\xfe");
    use_everywhere(&runs, &runs.join("run"));
    let (_dir, runs) = strange(b"runs");
    use_everywhere(&runs, &runs.join(OsStr::from_bytes(b"run-\xc3")));
}

#[test]
fn inputs_and_outputs_of_other_commands_may_have_them() {
    let (_dir, dir) = strange(b"\xff");
    let (input, output) = (dir.join("in.json"), dir.join(OsStr::from_bytes(b"out\xff.json")));
    fs::write(
        &input,
        r#"{"task": "Hopper-v4", "qpos": [0, 1.25, 0, 0, 0, 0], "qvel": [0, 0, 0, 0, 0, 0],
           "actions": [[0, 0, 0]]}"#,
    )
    .unwrap();
    succeed(pmoe().args(["env", "trace", "--input"]).arg(input).arg("--output").arg(&output));
    assert!(output.is_file());
    let library = dir.join("lib");
    fs::create_dir(&library).unwrap();
    let source = Path::new(env!("MUJOCO_DYNAMIC_LINK_DIR")).join("libmujoco.so");
    fs::copy(source, library.join("libmujoco.so")).unwrap();
    let bench = ["env", "bench", "--task", "Hopper-v4", "--seconds", "0.01"];
    succeed(pmoe().args(bench).env("MUJOCO_DYNAMIC_LINK_DIR", library));
    let config = dir.join(OsStr::from_bytes(b"sac\xff.toml"));
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs/methods/sac.toml");
    fs::copy(committed, &config).unwrap();
    succeed(pmoe().args(["config", "check"]).arg(config));
}

/// MuJoCo accepts UTF-8 paths only.
#[test]
fn a_folder_of_models_is_refused_before_the_work() {
    let (_dir, dir) = strange(b"models-\xff");
    for file in fs::read_dir(env!("PMOE_MODEL_DIR")).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), dir.join(file.file_name())).unwrap();
    }
    let out = dir.join("run");
    let mut train = pmoe();
    train.args(["train", "--method", "sac", "--task", "Hopper-v4", "--out"]).arg(&out);
    refuse(train.env("PMOE_MODEL_DIR", &dir), 2, &["hopper.xml", "UTF-8"]);
    assert!(!out.exists(), "a refused run leaves nothing behind");
}
