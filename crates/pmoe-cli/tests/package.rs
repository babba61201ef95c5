//! `pmoe package`: what the folder holds, who reads it, and what is refused.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
#![cfg(feature = "experiments")]

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use common::{SMALL, SMALL_SCHEDULE, pmoe, refuse, snapshot, succeed};
use serde_json::Value;

/// A small run on the task that is drawn without graphics.
fn train(method: &str, seed: u64, out: &Path, settings: &[&str]) {
    let mut command = pmoe();
    command.args(["train", "--task", "TargetReaching-v0", "--method", method, "--steps", "400"]);
    command.args(["--seed", &seed.to_string(), "--progress", "none", "--out"]).arg(out);
    for setting in SMALL.iter().chain(SMALL_SCHEDULE).chain(settings) {
        command.args(["--set", setting]);
    }
    succeed(&mut command);
}

fn package(run: &Path, out: &Path, more: &[&str]) -> Command {
    let mut command = pmoe();
    command.arg("package").arg(run).arg("--out").arg(out).args(["--episodes", "3"]).args(more);
    command
}

fn returns(run: &Path) -> Value {
    let mut command = pmoe();
    let said = succeed(command.args(["evaluate", "--episodes", "3", "--json"]).arg(run));
    serde_json::from_str::<Value>(&said).unwrap()["returns"].clone()
}

#[test]
fn a_package_tells_of_the_policy_and_acts_like_it() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    for seed in [0, 1, 2] {
        train("pmoe-sac", seed, &at(&format!("runs/seed_{seed}")), &[]);
    }
    // No seeds of this method: other settings, another method, a broken run, no run.
    train("pmoe-sac", 5, &at("runs/other"), &["gamma=0.5"]);
    train("sac", 6, &at("runs/sac"), &[]);
    train("pmoe-sac", 7, &at("runs/broken"), &[]);
    fs::write(at("runs/broken/events.jsonl"), "{").unwrap();
    fs::create_dir(at("runs/empty")).unwrap();
    let before = snapshot(&at("runs"));
    succeed(&mut package(&at("runs/seed_1"), &at("hub"), &[]));
    assert_eq!(snapshot(&at("runs")), before);

    let mut found: BTreeSet<String> = fs::read_dir(at("hub"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    // Where ffmpeg is installed.
    found.remove("replay.mp4");
    let expected =
        ["README.md", "config.toml", "learning_curve.png", "policy.safetensors", "replay.gif"];
    assert_eq!(found, expected.map(str::to_owned).into());
    // Nothing else is left behind.
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
    assert!(fs::read(at("hub/learning_curve.png")).unwrap().starts_with(b"\x89PNG"));
    assert!(fs::read(at("hub/replay.gif")).unwrap().starts_with(b"GIF89a"));

    let card = fs::read_to_string(at("hub/README.md")).unwrap();
    let returned = returns(&at("runs/seed_1"));
    let returned = returned.as_array().unwrap().iter().map(|x| x.as_f64().unwrap());
    let mean = returned.sum::<f64>() / 3.0;
    for part in [
        "---\nlibrary_name: pmoe\nlicense: mit\n",
        "- \"TargetReaching-v0\"\n- \"pmoe-sac\"\n",
        &format!("      value: {mean:.2} +/- "),
        "# pmoe-sac on TargetReaching-v0\n",
        "![An episode of the policy](replay.gif)\n",
        "![Learning curve](learning_curve.png)\n",
        &format!("| this policy | {mean:.1} ± "),
        "evaluations in the last tenth of training, 3 seeds |",
        "pmoe train --task TargetReaching-v0 --method pmoe-sac --steps 400 --seed 1",
        "pmoe evaluate . --episodes 3",
        "method = \"pmoe-sac\"\n",
    ] {
        assert!(card.contains(part), "no `{part}` in:\n{card}");
    }
    assert_eq!(returns(&at("hub")), returns(&at("runs/seed_1")));
    // The same again, but for the clip's film.
    succeed(&mut package(&at("runs/seed_1"), &at("again"), &["--no-clip"]));
    for name in ["config.toml", "learning_curve.png", "policy.safetensors"] {
        let [one, other] = ["hub", "again"].map(|folder| fs::read(at(folder).join(name)).unwrap());
        assert_eq!(one, other, "{name}");
    }
    assert!(!fs::read_to_string(at("again/README.md")).unwrap().contains("replay"));
    // Others read it as they read a run.
    for command in ["render", "export"] {
        let (name, ending) = if command == "render" { ("x", "gif") } else { ("y", "onnx") };
        let output = at(&format!("{name}.{ending}"));
        succeed(pmoe().arg(command).arg(at("hub")).arg("--output").arg(&output));
        assert!(output.exists());
    }
}

#[test]
fn seeds_from_elsewhere_count_if_they_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    train("sac", 0, &at("a/run"), &[]);
    train("sac", 1, &at("b/run"), &[]);
    train("sac", 2, &at("c/run"), &["gamma=0.5"]);
    let [other, changed] = ["b/run", "c/run"].map(|name| at(name).display().to_string());
    let seeds = ["--no-clip", "--seeds", &other];
    succeed(&mut package(&at("a/run"), &at("hub"), &seeds));
    let card = fs::read_to_string(at("hub/README.md")).unwrap();
    assert!(card.contains("of training, 2 seeds |"), "{card}");
    let seeds = ["--no-clip", "--seeds", &other, &changed];
    let words = ["c/run is no other seed of", "settings differ"];
    refuse(&mut package(&at("a/run"), &at("never"), &seeds), 2, &words);
    assert!(!at("never").exists());
}

#[test]
fn what_cannot_be_packaged_is_refused_and_nothing_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    train("sac", 0, &at("run"), &[]);
    fs::create_dir(at("full")).unwrap();
    fs::write(at("full/file"), "").unwrap();
    let before = snapshot(dir.path());
    let refused = |run: &str, out: &str, more: &[&str], words: &[&str]| {
        refuse(&mut package(&at(run), &at(out), more), 2, words);
        assert_eq!(snapshot(dir.path()), before, "{run}, {out}");
    };
    refused("run", "full", &[], &["full is not empty", "--out"]);
    refused("run", "run", &[], &["run is not empty"]);
    refused("run", "run/config.toml", &[], &["cannot write", "config.toml"]);
    refused("run", "missing/hub", &[], &["cannot write", "missing"]);
    refused("none", "hub", &[], &["none", "manifest.json"]);
    refused("full", "hub", &[], &["full", "manifest.json"]);
    refused("run", "hub", &["--license", "a b"], &["a licence is named by"]);
    fs::remove_dir_all(at("run/checkpoint")).unwrap();
    fs::remove_file(at("run/policy.safetensors")).unwrap();
    let words = ["its policy was not kept", "pmoe retrain"];
    refuse(&mut package(&at("run"), &at("hub"), &[]), 2, &words);
    let left: BTreeSet<_> =
        fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["full", "run"].map(Into::into).into());
}

#[test]
fn a_bad_package_is_refused_by_who_reads_it() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    train("sac", 0, &at("run"), &[]);
    succeed(&mut package(&at("run"), &at("hub"), &["--no-clip"]));
    let kept = fs::read(at("hub/policy.safetensors")).unwrap();
    let config = fs::read_to_string(at("hub/config.toml")).unwrap();
    let evaluate = || {
        let mut command = pmoe();
        command.args(["evaluate", "--episodes", "1"]).arg(at("hub"));
        command
    };
    let policy = at("hub/policy.safetensors");
    for length in [0, 7, 100, kept.len() - 1] {
        fs::write(&policy, &kept[..length]).unwrap();
        refuse(&mut evaluate(), 2, &["hub/policy.safetensors"]);
    }
    fs::remove_file(&policy).unwrap();
    refuse(&mut evaluate(), 2, &["hub", "it has no policy.safetensors"]);
    fs::write(&policy, &kept).unwrap();
    let edits = [
        ("TargetReaching-v0", "TargetReachingFixed-v0", "hub/policy.safetensors is of another run"),
        ("gamma = 0.99", "gamma = 0.9", "hub/policy.safetensors is of another run"),
        ("gamma = ", "gama = ", "gama"),
        ("TargetReaching-v0", "Hoper-v4", "Hoper-v4"),
    ];
    for (from, to, word) in edits {
        assert!(config.contains(from), "{from}");
        fs::write(at("hub/config.toml"), config.replace(from, to)).unwrap();
        refuse(&mut evaluate(), 2, &[word]);
    }
    fs::remove_file(at("hub/config.toml")).unwrap();
    refuse(&mut evaluate(), 2, &["hub is not a run folder"]);
    refuse(pmoe().arg("export").arg(at("hub")), 2, &["hub is not a run folder"]);
}
