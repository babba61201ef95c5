//! `pmoe analyze` on short runs: its results, their reproducibility, and what it rejects.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
#![allow(clippy::float_cmp, reason = "equal bits are meant")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::{SMALL, SMALL_SCHEDULE, pmoe, refuse, snapshot, succeed};
use pmoe_results::AnalysisKind;
use pmoe_results::analysis::{Analysis, AnalysisFile, EpisodeEnd};
use serde_json::Value;

const STEPS: usize = 1200;

/// Trains a short run of `algo` on `task`.
fn trained(method: &str, task: &str, out: &Path) {
    let mut command = pmoe();
    command.args([
        "train",
        "--task",
        task,
        "--seed",
        "3",
        "--method",
        method,
        "--progress",
        "none",
    ]);
    command.args(["--steps", &STEPS.to_string(), "--out"]).arg(out);
    for setting in SMALL.iter().chain(SMALL_SCHEDULE) {
        command.args(["--set", setting]);
    }
    succeed(&mut command);
}

fn analyze(run: &Path, kind: &str, set: &[&str]) -> Command {
    let mut command = pmoe();
    command.arg("analyze").arg(run).args(["--kind", kind]);
    for setting in set {
        command.args(["--set", setting]);
    }
    command
}

fn read(run: &Path, kind: AnalysisKind) -> Analysis {
    AnalysisFile::read(run, kind).unwrap().unwrap().analysis
}

/// Checks that an analysis recomputed from scratch has the same bytes, and that other settings
/// change it.
fn check_remade(run: &Path, kind: AnalysisKind, set: &[&str], other: &str) {
    let path = run.join(kind.file());
    let first = fs::read(&path).unwrap();
    let before = snapshot(run);
    succeed(&mut analyze(run, kind.name(), set));
    assert_eq!(snapshot(run), before, "{kind} is left alone");
    fs::remove_file(&path).unwrap();
    succeed(&mut analyze(run, kind.name(), set));
    assert!(fs::read(&path).unwrap() == first, "{kind} differs");
    succeed(&mut analyze(run, kind.name(), &[set, &[other]].concat()));
    assert!(fs::read(&path).unwrap() != first, "{kind} is of the settings before");
    // An unreadable file is replaced.
    fs::write(&path, "{").unwrap();
    succeed(&mut analyze(run, kind.name(), set));
    assert!(fs::read(&path).unwrap() == first);
}

/// Every kind with the settings of its committed file, on the first of two runs that it can be made of.
#[test]
fn every_kind_can_be_made_again() {
    let dir = tempfile::tempdir().unwrap();
    let runs = ["TargetReachingFixed-v0", "HalfCheetah-v4"].map(|task| {
        let run = dir.path().join(task);
        trained("pmoe-sac", task, &run);
        run
    });
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../pmoe-results/tests/golden");
    for kind in AnalysisKind::ALL {
        let settings = AnalysisFile::read(&golden, kind).unwrap().unwrap().analysis.settings();
        let set: Vec<_> = settings.set().iter().map(|(k, v)| format!("{k}={v}")).collect();
        let set: Vec<&str> = set.iter().map(String::as_str).collect();
        let is_made =
            |run: &&PathBuf| common::run(&mut analyze(run, kind.name(), &set)).code == Some(0);
        let run = runs.iter().find(is_made).unwrap_or_else(|| panic!("no run has {kind}"));
        // Sizes come last in the alphabet where others depend on them.
        let whole =
            |(key, value): &(String, String)| Some((key.clone(), value.parse::<u64>().ok()?));
        let (key, value) = settings.set().iter().rev().find_map(whole).expect("it has a size");
        check_remade(run, kind, &set, &format!("{key}={}", value + 1));
    }
}

#[test]
fn target_reaching_is_looked_at() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    trained("pmoe-sac", "TargetReachingFixed-v0", &run);

    succeed(&mut analyze(&run, "trajectories", &["rollouts=2"]));
    let Analysis::Trajectories(seen) = read(&run, AnalysisKind::Trajectories) else { panic!() };
    assert_eq!(seen.num_primitives(), 4);
    assert_eq!(seen.rollouts.len(), 2 * (1 + 4));
    for rollout in &seen.rollouts {
        assert_eq!(rollout.positions[0], [-4.5, -4.5]);
        // A step moves at most 0.1 m along each axis, plus half an acceleration step.
        let steps = rollout.positions.windows(2);
        assert!(steps.into_iter().all(|pair| (pair[1][0] - pair[0][0]).abs() < 0.12));
        let last = rollout.positions.last().unwrap();
        let at_edge = last.iter().any(|x| x.abs() >= 4.9995);
        assert_eq!(at_edge, rollout.outcome == EpisodeEnd::Edge);
    }
    // Actions are sampled, so rollouts differ.
    assert_ne!(seen.rollouts[0].positions, seen.rollouts[1].positions);

    let text = succeed(analyze(&run, "exploration", &["steps=700"]).arg("--json"));
    let json: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["kind"], "exploration");
    let Analysis::Exploration(seen) = read(&run, AnalysisKind::Exploration) else { panic!() };
    let steps: usize = seen.episodes.iter().map(|episode| episode.positions.len() - 1).sum();
    assert_eq!(steps, 700);
    for (name, value) in Analysis::Exploration(seen).measures() {
        assert_eq!(json["measures"][name.name()].as_f64(), Some(value));
    }
    // If more steps are asked for than the run took, all are used.
    succeed(&mut analyze(&run, "exploration", &["steps=5000"]));
    let Analysis::Exploration(seen) = read(&run, AnalysisKind::Exploration) else { panic!() };
    let steps: usize = seen.episodes.iter().map(|episode| episode.positions.len() - 1).sum();
    assert_eq!(steps, STEPS);

    // As if another build had trained the run, as far as the events can tell.
    let events = run.join("events.jsonl");
    let text = fs::read_to_string(&events).unwrap();
    let text = text.replacen("\"episode\":1,", "\"episode\":9,", 1);
    fs::write(&events, &text).unwrap();
    refuse(&mut analyze(&run, "exploration", &["steps=700"]), 2, &["changed"]);
    let manifest = run.join("manifest.json");
    let before = fs::read_to_string(&manifest).unwrap();
    let mut changed: Value = serde_json::from_str(&before).unwrap();
    changed["events_blake3"] = blake3::hash(text.as_bytes()).to_hex().to_string().into();
    fs::write(&manifest, changed.to_string()).unwrap();
    refuse(&mut analyze(&run, "exploration", &["steps=700"]), 1, &["different bits", "at step"]);
}

#[test]
fn primitives_and_gait_are_looked_at() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    trained("pmoe-sac", "HalfCheetah-v4", &run);

    let small = ["states=60", "clusters=3", "embed_seeds=[3]", "perplexity=8", "iterations=260"];
    let made = common::run(&mut analyze(&run, "primitives", &small));
    assert_eq!(made.code, Some(0), "{}", made.stderr);
    let said: Vec<&str> = made.stderr.lines().collect();
    assert_eq!(said[0], "playing episodes: 60 steps");
    assert!(said.contains(&"t-SNE of 60 states: 260 iterations"), "{}", made.stderr);
    let result = format!("result: {}", run.join("analysis/primitives.json").display());
    assert_eq!(said.last(), Some(&result.as_str()));
    let Analysis::Primitives(seen) = read(&run, AnalysisKind::Primitives) else { panic!() };
    assert_eq!((seen.num_primitives(), seen.shown.action_dim), (4, 6));
    assert_eq!(seen.clusters.iter().map(|cluster| cluster.states).sum::<usize>(), 60);
    assert!((seen.weights.iter().sum::<f64>() - 1.0).abs() < 1e-6);
    let states = seen.state_map.as_ref().unwrap();
    assert_eq!((states.map.positions.len(), states.labels.len()), (60, 60));
    let map = seen.shown.map.as_ref().unwrap();
    assert_eq!(map.positions.len(), 4 * seen.clusters[seen.shown.cluster].states);
    assert!(seen.shown.actions.iter().all(|action| action.abs() <= 1.0));

    let small = ["skip=20", "steps=60"];
    succeed(&mut analyze(&run, "gait", &small));
    let Analysis::Gait(seen) = read(&run, AnalysisKind::Gait) else { panic!() };
    assert_eq!((seen.obs.len(), seen.num_primitives()), (60, 4));
    assert!(seen.weights.iter().all(|row| (row.iter().sum::<f64>() - 1.0).abs() < 1e-3));
    refuse(&mut analyze(&run, "gait", &["skip=1000"]), 1, &["ends after 1000 steps"]);
}

#[test]
fn robustness_is_measured() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    trained("sac", "Hopper-v4", &run);
    let small = ["episodes=3", "obs_noise=[0,0.1]"];
    succeed(&mut analyze(&run, "robustness", &small));
    let Analysis::Robustness(seen) = read(&run, AnalysisKind::Robustness) else { panic!() };
    assert_eq!(seen.levels.len(), 2);
    assert!(seen.levels.iter().all(|level| level.returns.len() == 3));
    assert_ne!(seen.levels[0].returns, seen.levels[1].returns);

    // Analyses that do not apply to this run.
    for kind in ["trajectories", "exploration"] {
        refuse(&mut analyze(&run, kind, &[]), 2, &[kind, "target-reaching", "Hopper-v4"]);
    }
    refuse(&mut analyze(&run, "primitives", &["states=60"]), 2, &["sac has no primitives"]);
    refuse(&mut analyze(&run, "gait", &["skip=0"]), 2, &["sac has no primitives"]);
    refuse(&mut analyze(&run, "stride", &[]), 2, &["trajectories", "robustness"]);
    for (kind, meant) in
        [("robustnes", "robustness"), ("tsnee", "primitives"), ("t-SNE", "primitives")]
    {
        let tip = format!("a similar value exists: '{meant}'");
        refuse(&mut analyze(&run, kind, &[]), 2, &[&tip]);
    }
    refuse(
        &mut analyze(&run, "robustness", &["episode=3"]),
        2,
        &["--set", "episode", "`episodes`"],
    );
    refuse(&mut analyze(&run, "robustness", &["episodes"]), 2, &["KEY=VALUE"]);
    refuse(&mut analyze(dir.path(), "robustness", &[]), 2, &["not a run folder"]);
}
