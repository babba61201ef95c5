//! A matrix from plan to report, with a stand-in for `pmoe`.

use std::fs;
use std::path::Path;
use std::sync::Mutex;

use pmoe_results::{Methods, Plan, Preset, Suite};

use crate::console::{Console, run};
use crate::end::MatrixEnd;
use crate::error::MatrixError;
use crate::local::tests::{alone, stand_in};
use crate::matrix::Matrix;
use crate::options::Options;

const SUITE: &str = r#"
title = "A suite"
item = "Fig. 0"
reference = "done"
methods = ["done", "diverged"]
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

/// Runs the smoke preset of two methods with the stand-in.
fn check(
    suite: &str,
    only: &[&str],
    dry_run: bool,
) -> (Result<MatrixEnd, MatrixError>, tempfile::TempDir) {
    let out = tempfile::tempdir().unwrap();
    let (end, _) = check_in(out.path(), suite, only, &[], dry_run);
    (end, out)
}

/// What the matrix showed; only one runs at a time.
static SHOWN: Mutex<String> = Mutex::new(String::new());

/// Runs it with results in `out`; returns its end and its output.
fn check_in(
    out: &Path,
    suite: &str,
    only: &[&str],
    seeds: &[u64],
    dry_run: bool,
) -> (Result<MatrixEnd, MatrixError>, String) {
    let _alone = alone();
    SHOWN.lock().unwrap().clear();
    let configs = tempfile::tempdir().unwrap();
    for (path, text) in [
        ("done.toml", "learning_starts = 100\n[schedule]\neval_episodes = 1\n"),
        ("diverged.toml", "[schedule]\n"),
    ] {
        fs::write(configs.path().join(path), text).unwrap();
    }
    let options = Options {
        only: only.iter().map(ToString::to_string).collect(),
        seeds: seeds.to_vec(),
        jobs: Some(2),
        ..Options::new(Preset::Smoke, out)
    };
    let show = |text: &str| *SHOWN.lock().unwrap() += &format!("{text}\n");
    let end =
        Suite::parse(suite, "small.toml".as_ref()).map_err(MatrixError::from).and_then(|suite| {
            let matrix = Matrix::new(vec![suite], Methods::load_all(configs.path())?, &options)?;
            run(&matrix, &stand_in(), dry_run, Console { show, say: |_| {} })
        });
    (end, SHOWN.lock().unwrap().clone())
}

#[test]
fn a_preset_runs_to_its_report_though_runs_fail() {
    let (end, out) = check(SUITE, &[], false);
    assert_eq!(end.unwrap(), MatrixEnd::Failed);
    for method in ["done", "diverged"] {
        for seed in ["seed_0", "seed_1"] {
            let calls = out.path().join("smoke/small").join(method).join("Ant-v4").join(seed);
            let calls = fs::read_to_string(calls.join("calls")).unwrap();
            assert!(calls.contains("--set schedule.eval_every=500"), "{calls}");
        }
    }
    assert!(out.path().join("smoke/report/index.html").exists());
    let plan = Plan::read(&out.path().join("smoke")).unwrap().unwrap();
    assert_eq!((plan.preset, plan.runs.len()), (Preset::Smoke, 4));

    let (end, out) = check(SUITE, &["small/done"], false);
    assert_eq!(end.unwrap(), MatrixEnd::Done);
    assert!(!out.path().join("smoke/small/diverged").exists());
}

#[test]
fn the_plan_lists_what_was_asked_for_and_what_was_begun() {
    let out = tempfile::tempdir().unwrap();
    let planned = |only: &[&str], seeds: &[u64]| {
        let (end, text) = check_in(out.path(), SUITE, only, seeds, false);
        end.unwrap();
        let plan = Plan::read(&out.path().join("smoke")).unwrap().unwrap();
        let names = plan.runs.iter().map(|run| format!("{} {}", run.base, run.seed));
        (names.collect::<Vec<_>>(), text)
    };
    let (names, text) = planned(&["done"], &[1]);
    assert_eq!(names, ["done 1"]);
    assert!(text.contains("Scale smoke: 1 run in "), "{text}");
    assert!(text.contains("done         –   1/1\n"), "{text}");
    // The stand-in begins no run folder, so this one is forgotten unless it gets a manifest.
    let begun = out.path().join("smoke/small/done/Ant-v4/seed_1");
    fs::write(begun.join("manifest.json"), "{}").unwrap();
    assert_eq!(planned(&["small/diverged"], &[0]).0, ["diverged 0", "done 1"]);
    assert_eq!(planned(&["done"], &[0]).0, ["done 0", "done 1"]);
}

#[test]
fn the_last_line_is_the_page() {
    let out = tempfile::tempdir().unwrap();
    let (_, text) = check_in(out.path(), SUITE, &[], &[], false);
    let page = out.path().join("smoke/report/index.html");
    let last = format!("Report: {}", page.display());
    assert_eq!(text.lines().last(), Some(last.as_str()), "{text}");
    assert!(text.contains("Fig. 0 (small): AUC in % of done\n"), "{text}");
}

#[test]
fn a_dry_run_trains_nothing() {
    let (end, out) = check(SUITE, &[], true);
    assert_eq!(end.unwrap(), MatrixEnd::Done);
    assert_eq!(fs::read_dir(out.path()).unwrap().count(), 0);
}

#[test]
fn bad_names_and_bad_suites_are_bad_input() {
    let (end, _) = check(SUITE, &["td3"], false);
    assert!(end.unwrap_err().is_bad_input());
    let (end, _) = check(&SUITE.replace("seeds", "seed"), &[], false);
    assert!(end.unwrap_err().is_bad_input());
}
