//! Neither signals nor unread output end a run without a checkpoint or change its results.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use common::{
    checkpoints, events, manifest, pmoe, policy, refuse, run, signal, start_until, succeed,
};

const STEPS: u64 = 3000;

fn train(out: &Path) -> Command {
    train_showing("json", out)
}

fn train_showing(progress: &str, out: &Path) -> Command {
    let mut command = pmoe();
    command.args([
        "train",
        "--task",
        "TargetReaching-v0",
        "--method",
        "sac",
        "--progress",
        progress,
    ]);
    command.args(["--seed", "3", "--steps", &STEPS.to_string(), "--out"]).arg(out);
    for setting in common::SMALL.iter().chain(common::SMALL_SCHEDULE) {
        command.args(["--set", setting]);
    }
    command
}

/// Starts a run that takes days to reach its first update, evaluation or end, and waits for its
/// initial checkpoint.
fn stuck(setting: &str, out: &Path) -> Child {
    let mut command = train_showing("none", out);
    let mut child = command.args(["--set", setting]).stderr(Stdio::null()).spawn().unwrap();
    wait_for_checkpoint(&mut child, out);
    child
}

fn wait_for_checkpoint(child: &mut Child, out: &Path) {
    while !out.join("checkpoint/newest").exists() {
        assert!(child.try_wait().unwrap().is_none(), "the run is under way");
        std::thread::yield_now();
    }
}

#[test]
fn every_signal_that_ends_programs_writes_a_checkpoint() {
    let dir = tempfile::tempdir().unwrap();
    let [whole, stopped] = ["whole", "stopped"].map(|name| dir.path().join(name));
    succeed(&mut train(&whole));
    let signals = [
        ("HUP", 99),
        ("INT", 130),
        ("QUIT", 130),
        ("TERM", 99),
        ("USR1", 99),
        ("USR2", 99),
        ("ALRM", 99),
        ("VTALRM", 99),
        ("PROF", 99),
        ("XCPU", 99),
        // IO, PWR, and the first and last real-time signals, which some `kill` programs have no
        // names for.
        ("29", 99),
        ("30", 99),
        ("34", 99),
        ("64", 99),
    ];
    for (index, (name, code)) in signals.into_iter().enumerate() {
        let mut child = start_until(&mut train(&stopped), 1 + 100 * index as u64);
        signal(&child, name);
        assert_eq!(child.wait().unwrap().code(), Some(code), "{name}");
        let manifest = manifest(&stopped);
        assert_eq!(manifest["status"]["state"], "interrupted", "{name}");
        let newest = checkpoints(&stopped).pop().unwrap();
        let step = format!("step-{:012}", manifest["env_step"].as_u64().unwrap());
        assert_eq!(newest.file_name().unwrap().to_str().unwrap(), step, "{name}");
    }
    succeed(&mut train(&stopped));
    assert_eq!(events(&stopped), events(&whole));
    assert_eq!(policy(&stopped), policy(&whole));
}

#[test]
fn evaluations_and_updates_of_any_length_can_be_interrupted() {
    let cases = [
        ("schedule.eval_episodes=1M", "TERM", 99),
        ("schedule.eval_episodes=1M", "USR1", 99),
        ("schedule.eval_episodes=1M", "INT", 130),
        ("gradient_steps=10M", "TERM", 99),
        ("gradient_steps=10M", "HUP", 99),
        ("gradient_steps=10M", "INT", 130),
    ];
    let dir = tempfile::tempdir().unwrap();
    let step_of = |manifest: &serde_json::Value| manifest["env_step"].as_u64().unwrap();
    for (index, (setting, name, code)) in cases.into_iter().enumerate() {
        let folder = dir.path().join(index.to_string());
        let mut child = stuck(setting, &folder);
        signal(&child, name);
        assert_eq!(child.wait().unwrap().code(), Some(code), "{setting}, {name}");
        let manifest = manifest(&folder);
        assert_eq!(manifest["status"]["state"], "interrupted");
        assert!(step_of(&manifest) <= 100, "{setting}");
    }
}

#[test]
fn a_second_polite_signal_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    for (name, code) in [("INT", 130), ("TERM", 99), ("HUP", 99)] {
        let folder = dir.path().join(name);
        let mut child = stuck("schedule.eval_episodes=1M", &folder);
        for _ in 0..3 {
            // The run may already have ended.
            let id = child.id().to_string();
            let _ = Command::new("kill").args(["-s", name, &id]).stderr(Stdio::null()).status();
        }
        assert_eq!(child.wait().unwrap().code(), Some(code), "{name}");
        assert_eq!(manifest(&folder)["status"]["state"], "interrupted");
        assert!(!checkpoints(&folder).is_empty());
    }
}

#[test]
fn a_hang_up_that_is_ignored_stays_ignored() {
    let dir = tempfile::tempdir().unwrap();
    let of_run = train(dir.path());
    let mut command = Command::new("nohup");
    command.arg(of_run.get_program()).args(of_run.get_args());
    let mut child = start_until(&mut command, 1);
    signal(&child, "HUP");
    // Its further output has no reader.
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(manifest(dir.path())["status"]["state"], "done");
}

#[test]
fn output_that_nobody_reads_changes_no_run() {
    let dir = tempfile::tempdir().unwrap();
    let [whole, full, gone, stopped] =
        ["whole", "full", "gone", "stopped"].map(|name| dir.path().join(name));
    succeed(&mut train(&whole));
    let dev_full = || Stdio::from(File::options().write(true).open("/dev/full").unwrap());

    for kind in ["json", "auto", "none"] {
        let _ = fs::remove_dir_all(&full);
        let mut command = train_showing(kind, &full);
        command.stdout(dev_full()).stderr(dev_full());
        assert_eq!(command.status().unwrap().code(), Some(0), "{kind}");
        assert_eq!(events(&full), events(&whole), "{kind}");

        let _ = fs::remove_dir_all(&gone);
        let mut command = train_showing(kind, &gone);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop((child.stdout.take(), child.stderr.take()));
        assert_eq!(child.wait().unwrap().code(), Some(0), "{kind}");
        assert_eq!(events(&gone), events(&whole), "{kind}");
    }

    // As with Ctrl-C if the output is piped to `tee`, which also ends.
    let mut command = train(&stopped);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop((child.stdout.take(), child.stderr.take()));
    wait_for_checkpoint(&mut child, &stopped);
    signal(&child, "INT");
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(manifest(&stopped)["status"]["state"], "interrupted");
}

/// A command's messages on stderr may be lost, but not its exit code.
#[test]
fn errors_that_nobody_reads_keep_their_exit_codes() {
    let dir = tempfile::tempdir().unwrap();
    let (run_dir, out) = (dir.path().join("run"), dir.path().join("out"));
    succeed(&mut train(&run_dir));
    let [run_dir, out] = [&run_dir, &out].map(|path| path.to_str().unwrap());
    let report = format!("{out}/report");
    let picture = format!("{out}.png");
    let commands: &[&[&str]] = &[
        &["train", "--method", "nope", "--task", "Hopper-v4"],
        &["train", "--method", "sac", "--task", "nope"],
        &["train", "--method", "sac", "--task", "Hopper-v4", "--steps", "x"],
        &["evaluate", run_dir, "--episodes", "1"],
        &["evaluate", out],
        &["analyze", run_dir, "--kind", "robustness", "--set", "episodes=1"],
        &["analyze", run_dir, "--kind", "robustness", "--set", "episodes=1"],
        &["analyze", run_dir, "--kind", "gait"],
        &["render", run_dir, "--output", &picture, "--steps", "3"],
        &["render", run_dir, "--output", "picture.bmp"],
        &["list", "methods"],
        &["config", "check", "configs/absent.toml"],
        &["config", "show", "--method", "sac", "--task", "Hopper-v4"],
        &["watch", dir.path().to_str().unwrap(), "--once"],
        &["report", run_dir, "--out", &report],
        &["report", out, "--out", &report],
        &["verify", dir.path().to_str().unwrap()],
        &["env", "bench", "--task", "TargetReaching-v0", "--steps", "10"],
        &["bench", "cost", "--method", "ppo", "--task", "TargetReaching-v0"],
        &["no-such-command"],
        &["--version"],
    ];
    for arguments in commands {
        let expected = run(pmoe().args(*arguments)).code;
        let full = File::options().write(true).open("/dev/full").unwrap();
        let status = pmoe().args(*arguments).stdout(Stdio::null()).stderr(full).status();
        assert_eq!(status.unwrap().code(), expected, "{arguments:?}");
        assert!(expected.is_some_and(|code| code <= 2), "{arguments:?}: {expected:?}");
    }
}

#[test]
fn a_checkpoint_that_does_not_fit_on_the_disk_leaves_room_for_the_manifest() {
    let dir = tempfile::tempdir().unwrap();
    let mut large = train(dir.path());
    large.args(["--set", "hidden=[256,256]"]);
    // Limit files to about 100 kB.
    let mut limited = Command::new("sh");
    limited.args(["-c", "ulimit -f 100; exec \"$@\"", "sh"]);
    limited.arg(large.get_program()).args(large.get_args());
    refuse(&mut limited, 1, &["error: cannot access", "actor.bpk"]);
    assert_eq!(manifest(dir.path())["status"]["state"], "failed");
    let left: Vec<_> = fs::read_dir(dir.path().join("checkpoint")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
    // With enough space it resumes.
    succeed(&mut large);
}
