use std::fs;
use std::path::Path;

use pmoe_results::run::scan;
use pmoe_results::{Event, ResultsError, Run, Status};

use crate::{eval, manifest, write_run};

const CURVE: [(u64, f64); 3] = [(0, 1.0), (50, 0.1), (100, -2.5)];

fn run_at(path: &Path, status: Status) {
    write_run(path, manifest("sac", "Hopper-v4", 3), &CURVE, status);
}

fn cut(path: &Path, bytes: usize) {
    let content = fs::read(path).unwrap();
    fs::write(path, &content[..content.len() - bytes]).unwrap();
}

#[test]
fn reads_what_was_written() {
    let dir = tempfile::tempdir().unwrap();
    run_at(dir.path(), Status::Done);
    let run = Run::read(dir.path()).unwrap();
    assert_eq!(run.events, CURVE.map(|(step, value)| eval(step, value)));
    assert_eq!(run.config["schedule"]["total_steps"].as_integer(), Some(100));
    assert_eq!(run.manifest.status, Status::Done);
}

#[test]
fn a_cut_last_line_is_dropped_while_the_run_is_open() {
    let failed = Status::Failed { reason: "disk full".into(), diverged: false };
    for status in [Status::Running, Status::Interrupted, failed] {
        let dir = tempfile::tempdir().unwrap();
        run_at(dir.path(), status);
        let events = dir.path().join("events.jsonl");
        cut(&events, 1); // Only the line break is missing: the event is complete.
        assert_eq!(Run::read(dir.path()).unwrap().events.len(), 3);
        cut(&events, 1);
        assert_eq!(Run::read(dir.path()).unwrap().events.len(), 2);
        fs::remove_file(&events).unwrap();
        assert_eq!(Run::read(dir.path()).unwrap().events.len(), 0);
    }
}

#[test]
fn a_finished_run_must_be_whole() {
    let dir = tempfile::tempdir().unwrap();
    run_at(dir.path(), Status::Done);
    let events = dir.path().join("events.jsonl");
    let good = fs::read_to_string(&events).unwrap();
    cut(&events, 1);
    assert!(matches!(Run::read(dir.path()), Err(ResultsError::ChangedEvents { .. })));
    fs::write(&events, good.replace("0.1", "0.2")).unwrap();
    assert!(matches!(Run::read(dir.path()), Err(ResultsError::ChangedEvents { .. })));
    fs::remove_file(&events).unwrap();
    assert!(matches!(Run::read(dir.path()), Err(ResultsError::MissingPart { .. })));
}

#[test]
fn a_bad_line_in_the_middle_is_named() {
    let dir = tempfile::tempdir().unwrap();
    run_at(dir.path(), Status::Running);
    let events = dir.path().join("events.jsonl");
    let good = fs::read_to_string(&events).unwrap();
    for bad in [good.replace("0.1", "oops"), good.replace("50", "-50")] {
        fs::write(&events, bad).unwrap();
        let error = Run::read(dir.path()).unwrap_err();
        assert!(error.is_bad_input());
        let error = error.to_string();
        assert!(error.contains("events.jsonl") && error.contains("line 2"), "{error}");
    }
}

#[test]
fn a_scan_finds_all_runs_and_keeps_the_broken_apart() {
    let dir = tempfile::tempdir().unwrap();
    let [b, a, broken] = ["suite/b", "suite/a", "broken"].map(|name| dir.path().join(name));
    run_at(&b, Status::Done);
    run_at(&a, Status::Running);
    run_at(&broken, Status::Done);
    fs::write(broken.join("manifest.json"), "{}").unwrap();
    // A folder without a manifest is not a run.
    fs::create_dir_all(dir.path().join("empty/er")).unwrap();

    let found = scan(dir.path()).unwrap();
    let paths: Vec<_> = found.runs.iter().map(|run| run.path.clone()).collect();
    assert_eq!(paths, [a.clone(), b]);
    assert_eq!(found.broken.len(), 1);
    assert_eq!(found.broken[0].0, broken);

    assert_eq!(scan(&a).unwrap().runs.len(), 1);
    let error = scan(&dir.path().join("nowhere")).unwrap_err();
    assert!(matches!(error, ResultsError::NotARun { .. }));
}

#[test]
fn a_curve_is_the_mean_of_each_evaluation() {
    let dir = tempfile::tempdir().unwrap();
    write_run(dir.path(), manifest("sac", "Hopper-v4", 3), &[(0, 4.0)], Status::Done);
    let mut run = Run::read(dir.path()).unwrap();
    let evaluation = |env_step, returns: &[f64]| Event::Eval {
        env_step,
        returns: returns.to_vec(),
        lengths: vec![1; returns.len()],
        successes: None,
    };
    let episode = |env_step, success| Event::Episode {
        env_step,
        episode: 1,
        episode_return: 9.0,
        episode_length: 3,
        truncated: false,
        success,
    };
    // The later of two evaluations at one step counts; one without episodes does not.
    let evaluations = [(5, [1.0, 2.0].as_slice()), (7, &[]), (5, &[3.0, 5.0])];
    run.events.extend(evaluations.map(|(step, returns)| evaluation(step, returns)));
    run.events.extend([episode(50, Some(true)), episode(60, None), episode(100, Some(false))]);
    assert_eq!(run.eval_curve().points(), [(0, 4.0), (5, 4.0)]);
    // One success in one episode at steps 50 to 99, one in two at step 100.
    let rate = run.success_rate(100);
    assert_eq!((rate.span(), rate.at(99), rate.at(100)), (Some((50, 100)), Some(1.0), Some(0.5)));
}
