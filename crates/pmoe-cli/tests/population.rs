//! `pmoe train --population`: several runs in lockstep, each an ordinary run.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use std::path::Path;
use std::process::Command;

use common::{
    SMALL, SMALL_SCHEDULE, events, manifest, pmoe, policy, refuse, run, signal, snapshot,
    start_until, succeed,
};

const STEPS: &str = "3000";

/// A command that trains the runs of some seeds, or of one, in or below `out`.
fn train(method: &str, seeds: [&str; 2], out: &Path) -> Command {
    let mut command = pmoe();
    command.args(["train", "--task", "Hopper-v4", "--method", method, "--steps", STEPS]);
    command.args(seeds).args(["--progress", "json", "--out"]).arg(out);
    for setting in SMALL.iter().chain(SMALL_SCHEDULE) {
        command.args(["--set", setting]);
    }
    command
}

#[test]
fn a_killed_population_goes_on_to_the_bytes_of_runs_alone() {
    let dir = tempfile::tempdir().unwrap();
    let (alone, together) = (dir.path().join("alone"), dir.path().join("together"));
    let of = |folder: &Path, seed: u64| folder.join(format!("seed_{seed}"));
    let population = || train("pmoe-sac", ["--population", "3,0..2"], &together);

    let mut child = start_until(&mut population(), 400);
    child.kill().unwrap();
    child.wait().unwrap();
    // One of them goes ahead alone, then all are asked to stop.
    let mut child = start_until(&mut train("pmoe-sac", ["--seed", "1"], &of(&together, 1)), 1200);
    signal(&child, "TERM");
    assert_eq!(child.wait().unwrap().code(), Some(99));
    let mut child = start_until(&mut population(), 400);
    signal(&child, "TERM");
    let code = child.wait().unwrap().code();
    assert_eq!(code, Some(99));
    succeed(&mut population());

    for seed in [0, 1, 3] {
        let (alone, together) = (of(&alone, seed), of(&together, seed));
        succeed(&mut train("pmoe-sac", ["--seed", &seed.to_string()], &alone));
        assert_eq!(events(&together), events(&alone), "seed {seed}");
        assert_eq!(policy(&together), policy(&alone), "seed {seed}");
        let (together, alone) = (manifest(&together), manifest(&alone));
        assert_eq!(together["status"]["state"], "done");
        assert_eq!(together["provenance"]["population"], 3);
        assert!(alone["provenance"].get("population").is_none());
        assert_eq!(together["attempts"].as_array().unwrap().len(), if seed == 1 { 4 } else { 3 });
    }

    // Each is a run like any other.
    succeed(pmoe().arg("evaluate").arg(of(&together, 3)).args(["--episodes", "1"]));
    let before = snapshot(&together);
    succeed(&mut population());
    assert_eq!(snapshot(&together), before, "finished runs are left alone");
}

#[test]
fn what_cannot_go_in_lockstep_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("runs");
    for method in ["ppo", "td3", "dac"] {
        let mut command = pmoe();
        command.args(["train", "--task", "Hopper-v4", "--method", method, "--population", "0..2"]);
        let words = ["--population does not work with", method, "pmoe-sac", "gating-sac"];
        refuse(command.arg("--out").arg(&out), 2, &words);
    }
    for (seeds, word) in [
        ("64", "at least two"),
        ("0..2,1", "twice"),
        ("4..2", "empty"),
        ("0..5000", "at most 1024"),
        ("-1..2", "whole number"),
        ("a", "whole number"),
    ] {
        refuse(&mut train("sac", ["--population", seeds], &out), 2, &["--population", word]);
    }
    let mut both = train("sac", ["--population", "0..2"], &out);
    refuse(both.args(["--seed", "1"]), 2, &["--seed", "cannot be used with"]);
    assert!(!out.exists());
}

#[test]
fn an_update_in_lockstep_can_be_timed() {
    let bench = |method: &str| {
        let mut command = pmoe();
        command.args(["bench", "update", "--task", "Hopper-v4", "--method", method, "--json"]);
        command.args(["--runs", "3", "--updates", "10"]);
        command
    };
    let mut sac = bench("sac");
    for setting in SMALL {
        sac.args(["--set", setting]);
    }
    let timing: serde_json::Value = serde_json::from_str(&succeed(&mut sac)).unwrap();
    assert_eq!(timing["runs"], 3);
    assert!(timing["updates_per_second"].as_f64().unwrap() > 0.0);
    assert_eq!(run(&mut bench("ppo")).code, Some(2));
}
