use super::plan::tests::planned;
use super::*;

const SUITE: &str = r#"
title = "A suite"
item = "Fig. 0"
reference = "done"
algos = ["done", "diverged"]
tasks = ["Ant-v4"]
[presets.smoke]
seeds = [0, 1]
total_steps = 1000
set = { "schedule.eval_every" = 500 }
[presets.quick]
seeds = [0]
total_steps = 1000
[presets.paper]
seeds = [0]
total_steps = 1000
"#;

/// Runs the smoke preset of a small workspace with a stand-in for `pmoe`.
fn check(suite: &str, only: &[&str], dry_run: bool) -> (Result<Exit>, tempfile::TempDir) {
    let _alone = execute::tests::alone();
    let workspace = tempfile::tempdir().unwrap();
    let root = workspace.path();
    for (path, text) in [
        ("configs/suites/small.toml", suite),
        ("configs/algos/done.toml", "learning_starts = 100\n[schedule]\neval_episodes = 1\n"),
        ("configs/algos/diverged.toml", "[schedule]\n"),
    ] {
        fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
        fs::write(root.join(path), text).unwrap();
    }
    // Not below `root`, or it would be taken relative to the current folder.
    let out = tempfile::tempdir().unwrap();
    let options = Options {
        preset: Preset::Smoke,
        only: only.iter().map(ToString::to_string).collect(),
        seeds: Vec::new(),
        max_steps: None,
        jobs: Some(2),
        out: out.path().to_owned(),
        suites: None,
        dry_run,
    };
    (run(root, &execute::tests::stand_in(), &options), out)
}

#[test]
fn a_preset_runs_to_its_report_though_runs_fail() {
    let (exit, out) = check(SUITE, &[], false);
    assert_eq!(exit.unwrap(), Exit::Failed);
    for algo in ["done", "diverged"] {
        for seed in ["seed_0", "seed_1"] {
            let calls = out.path().join("smoke/small").join(algo).join("Ant-v4").join(seed);
            let calls = fs::read_to_string(calls.join("calls")).unwrap();
            assert!(calls.contains("--set schedule.eval_every=500"), "{calls}");
        }
    }
    assert!(out.path().join("smoke/report/index.html").exists());
    let plan = Plan::read(&out.path().join("smoke")).unwrap().unwrap();
    assert_eq!((plan.preset, plan.runs.len()), (Preset::Smoke, 4));

    let (exit, out) = check(SUITE, &["small/done"], false);
    assert_eq!(exit.unwrap(), Exit::Done);
    assert!(!out.path().join("smoke/small/diverged").exists());
}

#[test]
fn a_dry_run_trains_nothing() {
    let (exit, out) = check(SUITE, &[], true);
    assert_eq!(exit.unwrap(), Exit::Done);
    assert_eq!(fs::read_dir(out.path()).unwrap().count(), 0);
}

#[test]
fn bad_names_and_bad_suites_are_bad_input() {
    let (exit, _) = check(SUITE, &["td3"], false);
    assert_eq!(crate::exit_of(&exit.unwrap_err()), Exit::BadInput);
    let (exit, _) = check(&SUITE.replace("seeds", "seed"), &[], false);
    assert_eq!(crate::exit_of(&exit.unwrap_err()), Exit::BadInput);
}

#[test]
fn the_worst_outcome_decides_the_exit() {
    let failed = Outcome::Failed("full disk".to_owned());
    assert_eq!(exit(&[]), Exit::Done);
    assert_eq!(exit(&[Outcome::Done, Outcome::Locked]), Exit::Locked);
    assert_eq!(exit(&[Outcome::Locked, failed.clone(), Outcome::Done]), Exit::Failed);
    assert_eq!(exit(&[failed, Outcome::Stopped]), Exit::Interrupted);
}

#[test]
fn the_summary_names_what_is_not_done() {
    let runs = [0, 1, 2].map(|seed| planned("sac", "Ant-v4", seed, RunProgress::New));
    let outcomes = [Outcome::Done, Outcome::Diverged("q1 is NaN".to_owned()), Outcome::Done];
    assert_eq!(
        summary(&runs, &outcomes),
        "3 runs: 1 diverged, 2 done\n\
         not done               state     reason\n\
         fig/sac/Ant-v4/seed_1  diverged  q1 is NaN\n"
    );
}

#[test]
fn folders_below_the_root_are_relative_to_it() {
    let root = Path::new("/checkout");
    assert_eq!(folder(root, Path::new("/checkout/a/b")), Path::new("a/b"));
    assert_eq!(folder(root, Path::new("/elsewhere")), Path::new("/elsewhere"));
}
