//! The experiment matrix with real runs: killed at random moments and started again, it ends with the
//! bytes of one that was left alone.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]
#![cfg(target_os = "linux")]

use std::collections::BTreeMap;
use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;

/// Two methods of either family on two tasks.
const ONE: &str = r#"
title = "One"
item = "Fig. 1"
reference = "sac"
algos = ["sac", "pmoe-sac"]
tasks = ["Hopper-v4", "TargetReaching-v0"]
analyses.robustness = { episodes = 2 }
[presets]
quick = { seeds = [0], total_steps = 100_000 }
paper = { seeds = [0], total_steps = 100_000 }
[presets.smoke]
seeds = [0, 1]
total_steps = 2_500
[presets.smoke.set]
hidden = [16, 16]
batch_size = 8
random_steps = 100
learning_starts = 100
"schedule.eval_every" = 400
"schedule.eval_episodes" = 1
"schedule.log_every" = 200
"schedule.checkpoint_every" = 300
"#;

const TWO: &str = r#"
title = "Two"
item = "Fig. 2"
reference = "pmoe-ppo"
algos = ["pmoe-ppo", "dac"]
tasks = ["Hopper-v4"]
[presets]
quick = { seeds = [0], total_steps = 100_000 }
paper = { seeds = [0], total_steps = 100_000 }
[presets.smoke]
seeds = [0]
total_steps = 2_500
[presets.smoke.set]
rollout_steps = 250
minibatch_size = 50
epochs = 2
"schedule.eval_every" = 400
"schedule.eval_episodes" = 1
"schedule.log_every" = 250
"schedule.checkpoint_every" = 300
"#;

/// The first suite's PMOE-SAC under another name.
fn three() -> String {
    let variant = "variants = [{ name = \"k4\", algo = \"pmoe-sac\", set = { \
                   \"actor.pmoe.num_primitives\" = 4 } }]";
    let text = ONE.replace("algos = [\"sac\", \"pmoe-sac\"]", variant);
    text.replace("\"sac\"", "\"k4\"").replace("Fig. 1", "Fig. 3")
}

fn bench_all(suites: &Path, out: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.args(["bench-all", "--preset", "smoke", "--jobs", "2", "--suites"]).arg(suites);
    command.arg("--out").arg(out).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// Every file below `folder` of one of `names`, by path.
fn files(folder: &Path, names: &[&str]) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        // What is being replaced may be gone again.
        let Ok(entry) = entry else { continue };
        let (path, name) = (entry.path(), entry.file_name());
        if path.is_dir() {
            found.extend(files(&path, names));
        } else if names.iter().any(|wanted| name == *wanted) {
            found.extend(fs::read(&path).ok().map(|bytes| (path, bytes)));
        }
    }
    found
}

/// What a matrix leaves: learning curves, policies, analyses, the plan; by path from the results.
fn results(out: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let names = ["events.jsonl", "actor.bpk", "net.bpk", "robustness.json", "plan.json"];
    let files = files(out, &names).into_iter();
    files.map(|(path, bytes)| (path.strip_prefix(out).unwrap().to_owned(), bytes)).collect()
}

fn reported(out: &Path) -> usize {
    files(out, &["events.jsonl"]).values().map(Vec::len).sum()
}

/// Processes that `parent` has started and not waited for.
fn children(parent: u32) -> Vec<String> {
    let is_child = |id: &String| {
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        // The name before it is in parentheses and may hold anything.
        let parent_of = stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(1));
        parent_of == Some(parent.to_string().as_str())
    };
    let ids = fs::read_dir("/proc").unwrap();
    ids.map(|id| id.unwrap().file_name().to_string_lossy().into_owned()).filter(is_child).collect()
}

/// Kills the matrix as the system would when it runs out of memory, or with it all that it started, as a
/// power failure does.
fn kill(matrix: &mut Child, with_runs: bool) {
    let runs = children(matrix.id());
    matrix.kill().unwrap();
    matrix.wait().unwrap();
    if with_runs {
        for run in runs {
            // It may be over.
            let _ = Command::new("kill").args(["-s", "KILL", &run]).stderr(Stdio::null()).status();
        }
    }
}

#[test]
fn a_matrix_killed_at_random_moments_ends_as_one_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let [suites, whole, killed] = ["suites", "whole", "killed"].map(|name| dir.path().join(name));
    fs::create_dir(&suites).unwrap();
    for (name, text) in [("one", ONE), ("two", TWO), ("three", &three())] {
        fs::write(suites.join(format!("{name}.toml")), text).unwrap();
    }
    assert!(bench_all(&suites, &whole).status().unwrap().success());
    let expected = results(&whole);
    // Eight runs of the first suite, which the third shares, and two of the second.
    assert_eq!(expected.keys().filter(|path| path.ends_with("events.jsonl")).count(), 10);
    assert_eq!(expected.keys().filter(|path| path.ends_with("robustness.json")).count(), 8);
    assert!(!expected.keys().any(|path| path.starts_with("smoke/three")));

    let total = reported(&whole);
    for (index, with_runs) in [true, false, true].into_iter().enumerate() {
        // Somewhere in a third of what is to be reported.
        let random = RandomState::new().hash_one(index) as usize % (total / 3);
        let moment = index * (total / 3) + random;
        let mut matrix = bench_all(&suites, &killed).spawn().unwrap();
        while reported(&killed) < moment && matrix.try_wait().unwrap().is_none() {
            thread::yield_now();
        }
        println!("killed at byte {moment} of {total}");
        kill(&mut matrix, with_runs);
    }
    // A run that outlives its matrix is left to finish.
    let code = loop {
        let code = bench_all(&suites, &killed).status().unwrap().code();
        if code != Some(75) {
            break code;
        }
    };
    assert_eq!(code, Some(0));
    let found = results(&killed);
    assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    for (path, bytes) in &expected {
        assert!(found[path] == *bytes, "{} differs", path.display());
    }
    let page = fs::read_to_string(killed.join("smoke/report/index.html")).unwrap();
    assert!(page.contains("k4 (2 of 2 seeds)"));
}
