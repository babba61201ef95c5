//! Runs whose policy was not kept, and runs of earlier versions.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use std::fs;
use std::path::Path;
use std::process::Command;

use common::{pmoe, refuse, run, snapshot, succeed, train};

#[test]
fn a_run_without_its_policy_is_trained_again_by_the_advice() {
    let dir = tempfile::tempdir().unwrap();
    let [old, new] = ["an old run", "new"].map(|name| dir.path().join(name));
    succeed(&mut train("pmoe-sac", 400, &old));
    fs::remove_dir_all(old.join("checkpoint")).unwrap();
    fs::remove_file(old.join("policy.safetensors")).unwrap();
    let before = snapshot(&old);

    let finished = run(pmoe().arg("evaluate").arg(&old));
    assert_eq!(finished.code, Some(2));
    let command = finished.stderr.split('`').nth(1).unwrap();
    let arguments = command.strip_prefix("pmoe ").unwrap().replace("FOLDER", "\"$1\"");
    let program = env!("CARGO_BIN_EXE_pmoe");
    let script = format!("'{program}' {arguments} --progress none");
    succeed(Command::new("sh").args(["-c", &script, "sh"]).arg(&new));

    for file in ["events.jsonl", "config.toml"] {
        assert_eq!(fs::read(new.join(file)).unwrap(), fs::read(old.join(file)).unwrap(), "{file}");
    }
    succeed(pmoe().args(["evaluate", "--episodes", "1"]).arg(&new));
    assert_eq!(snapshot(&old), before);
}

/// Of PPO, a finished run kept the policy alone.
#[test]
fn a_q_network_that_chooses_the_primitive_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    succeed(train("pmoe-ppo", 400, &run).args(["--set", "actor.pmoe.eval_primitive=argmax_q"]));
    let evaluate = || succeed(pmoe().args(["evaluate", "--episodes", "2", "--json"]).arg(&run));
    let before = evaluate();
    fs::remove_dir_all(run.join("checkpoint")).unwrap();
    assert_eq!(evaluate(), before);
}

/// The numbers of a safetensors file, which follow a header of the length that it begins with.
fn parameters(file: &[u8]) -> &[u8] {
    let (length, rest) = file.split_first_chunk().unwrap();
    &rest[u64::from_le_bytes(*length) as usize..]
}

#[test]
fn a_finished_run_acts_without_its_checkpoint() {
    let dir = tempfile::tempdir().unwrap();
    let evaluate = |run: &Path| {
        let mut evaluate = pmoe();
        succeed(evaluate.args(["evaluate", "--episodes", "2", "--json"]).arg(run))
    };
    for method in ["sac", "pmoe-sac", "td3", "mcp-ppo", "dac"] {
        let folder = dir.path().join(method);
        succeed(&mut train(method, 400, &folder));
        let before = evaluate(&folder);
        let exported = dir.path().join(format!("{method}.safetensors"));
        succeed(pmoe().arg("export").arg(&folder).arg("--output").arg(&exported));
        fs::rename(folder.join("checkpoint"), dir.path().join(format!("{method}-checkpoint")))
            .unwrap();
        assert_eq!(evaluate(&folder), before, "{method}");
        // What it exports has the parameters that it kept, behind a longer description.
        let kept = fs::read(folder.join("policy.safetensors")).unwrap();
        assert_eq!(parameters(&fs::read(&exported).unwrap()), parameters(&kept), "{method}");
        assert!(kept.len() < 8 << 20, "{method}: {} bytes", kept.len());
    }
    let damaged = dir.path().join("sac/policy.safetensors");
    let mut bytes = fs::read(&damaged).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&damaged, bytes).unwrap();
    let mut act = pmoe();
    refuse(act.arg("evaluate").arg(dir.path().join("sac")), 2, &["policy.safetensors", "checksum"]);
    let other = dir.path().join("td3/policy.safetensors");
    fs::copy(dir.path().join("dac/policy.safetensors"), other).unwrap();
    let mut act = pmoe();
    refuse(act.arg("evaluate").arg(dir.path().join("td3")), 2, &["is of another run"]);
    // The critic was left out: whoever asks it is told.
    let mut act = pmoe();
    act.args(["evaluate", "--eval-primitive", "argmax_q"]).arg(dir.path().join("pmoe-sac"));
    refuse(&mut act, 2, &["its critic was not kept", "pmoe retrain"]);
    // Learning on takes it too.
    let mut start = train("pmoe-sac", 400, &dir.path().join("new"));
    let from = dir.path().join("pmoe-sac");
    refuse(start.arg("--from").arg(&from), 2, &["its critic was not kept", "pmoe retrain"]);
}

#[test]
fn a_run_from_another_policy_is_not_trained_again() {
    let dir = tempfile::tempdir().unwrap();
    let [first, second, new] = ["first", "second", "new"].map(|name| dir.path().join(name));
    succeed(&mut train("sac", 400, &first));
    succeed(train("sac", 400, &second).arg("--from").arg(&first));
    let mut again = pmoe();
    refuse(again.arg("retrain").arg(&second).arg("--out").arg(&new), 2, &["another run's policy"]);
    assert!(!new.exists());
}

#[test]
fn the_config_of_every_published_run_is_read() {
    let results = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../results");
    let mut folders = vec![results];
    let mut check = pmoe();
    check.args(["config", "check"]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.ends_with("config.toml") {
                check.arg(path);
            }
        }
    }
    assert!(check.get_args().len() > 100);
    succeed(&mut check);
}
