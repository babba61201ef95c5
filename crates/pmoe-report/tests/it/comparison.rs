use std::path::Path;

use pmoe_report::comparison::{Cell, Comparison, Entry, Excluded, Gap};
use pmoe_results::run::scan;
use pmoe_results::{Manifest, Status};
use pmoe_stats::{Bootstrap, Estimate, Interval};

const BOOTSTRAP: Bootstrap = Bootstrap { resamples: 500, level: 0.95, seed: 0 };

fn manifest(method: &str, task: &str, seed: u64) -> Manifest {
    Manifest { total_steps: 100, ..crate::manifest(method, task, seed) }
}

/// Writes a run folder whose evaluations yield `curve`.
fn write_run(path: &Path, manifest: Manifest, curve: &[(u64, f64)], status: Status) {
    let evaluations: Vec<_> = curve.iter().map(|(step, value)| (*step, vec![*value])).collect();
    crate::write_run(path, manifest, "[schedule]\n", &evaluations, status);
}

/// Writes a run with a straight curve over the whole budget, or up to `last`.
fn line(dir: &Path, manifest: Manifest, values: [f64; 2], last: u64, status: Status) {
    let name = format!("{}/{}/seed_{}", manifest.method, manifest.task, manifest.seed);
    write_run(&dir.join(name), manifest, &[(0, values[0]), (last, values[1])], status);
}

/// The comparison borrows the runs, so they are leaked.
fn compare(dir: &Path) -> Comparison<'static> {
    let found = scan(dir).unwrap();
    assert!(found.broken.is_empty());
    let runs: &'static [_] = found.runs.leak();
    let entries: Vec<_> = runs.iter().map(Entry::from).collect();
    Comparison::new(&entries, Some("sac"), &BOOTSTRAP)
}

#[test]
fn by_hand() {
    let dir = tempfile::tempdir().unwrap();
    // Trapezoids over the budget: 10 and 20 for the reference, 30 and 60 for the method.
    for (method, seed, values) in [
        ("sac", 0, [0.0, 20.0]),
        ("sac", 1, [10.0, 30.0]),
        ("pmoe-sac", 0, [20.0, 40.0]),
        ("pmoe-sac", 1, [0.0, 120.0]),
    ] {
        line(dir.path(), manifest(method, "Hopper-v4", seed), values, 100, Status::Done);
    }
    let comparison = compare(dir.path());
    assert_eq!(comparison.cells.len(), 2);
    let cell = comparison.cell("pmoe-sac", "Hopper-v4").unwrap();
    assert_eq!((cell.seeds(), cell.total_steps), (vec![0, 1], 100));
    let auc = cell.auc.as_ref().unwrap();
    assert_eq!((auc.values.as_slice(), auc.value), ([30.0, 60.0].as_slice(), 45.0));
    assert_eq!(auc.interval, Some(Interval { low: 30.0, high: 60.0 }));
    // Only the evaluation at 100 is in the last tenth.
    assert_eq!(cell.final_return.as_ref().unwrap().value, 80.0);
    let curve: Vec<_> =
        cell.curve.iter().map(|point| (point.env_step, point.estimate.value)).collect();
    assert_eq!((curve.as_slice(), cell.curve_seeds), ([(0, 10.0), (100, 80.0)].as_slice(), 2));
    // 45 / 15; the extremes are 30 / 20 and 60 / 10.
    let interval = Some(Interval { low: 1.5, high: 6.0 });
    assert_eq!(cell.relative_auc, Some(Estimate::statistic(3.0, interval)));
    let reference = comparison.cell("sac", "Hopper-v4").unwrap();
    assert_eq!(reference.relative_auc, Some(Estimate::statistic(1.0, None)));
    // 30 and 60 are both above 10 and 20.
    let interval = Some(Interval { low: 1.0, high: 1.0 });
    assert_eq!(cell.improvement, Some(Estimate::statistic(1.0, interval)));
    assert_eq!(reference.improvement, None);
    // A single task is not aggregated.
    let aggregates = comparison.aggregates(&BOOTSTRAP).unwrap();
    assert_eq!(
        (aggregates.tasks.as_slice(), aggregates.methods.len()),
        (["Hopper-v4".to_owned()].as_slice(), 0)
    );
}

#[test]
fn several_tasks_by_hand() {
    let dir = tempfile::tempdir().unwrap();
    let run = |method, task, seed, value| {
        line(dir.path(), manifest(method, task, seed), [value, value], 100, Status::Done);
    };
    // In units of the reference's mean: sac 0.5 and 1.5, then 0.8 and 1.2; pmoe-sac 2 and 1, then
    // 1.1 and 0.9.
    for (task, sac, pmoe) in
        [("Hopper-v4", [10.0, 30.0], [40.0, 20.0]), ("Swimmer-v4", [80.0, 120.0], [110.0, 90.0])]
    {
        for seed in [0, 1] {
            run("sac", task, seed, sac[seed as usize]);
            run("pmoe-sac", task, seed, pmoe[seed as usize]);
        }
    }
    let aggregates = compare(dir.path()).aggregates(&BOOTSTRAP).unwrap();
    assert_eq!(aggregates.tasks, ["Hopper-v4", "Swimmer-v4"]);
    assert!(aggregates.left_out.is_empty());
    let of = |name: &str| aggregates.methods.iter().find(|of| of.method == name).unwrap();
    let pmoe = of("pmoe-sac");
    assert_eq!(pmoe.num_runs, [2, 2]);
    // Task means 1.5 and 1; the middle two of 0.9, 1, 1.1, 2.
    assert_eq!((pmoe.mean.value, pmoe.median.value), (1.25, 1.25));
    assert!((pmoe.iqm.as_ref().unwrap().value - 1.05).abs() < 1e-15);
    // Only 0.9 falls short of 1: by a tenth, in one of two runs of one of two tasks.
    assert!((pmoe.optimality_gap.value - 0.025).abs() < 1e-15);
    // Against 0.5 and 1.5, the values 2 and 1 win 3 of 4 pairs. Against 0.8 and 1.2, the values 1.1
    // and 0.9 win 2 of 4.
    assert_eq!(pmoe.improvement.as_ref().unwrap().value, 0.625);
    assert_eq!(of("sac").improvement, None);
    assert_eq!((of("sac").mean.value, of("sac").profile.len()), (1.0, 101));
    let at_one = &pmoe.profile[50];
    assert_eq!((at_one.threshold, at_one.fraction.value), (1.0, 0.5));
    // Of the 81 combinations of resampled means, 2.5 % of the weight lie below the first and above
    // the second. Both methods are resampled; the reference is 1 by definition.
    let interval = pmoe.mean.interval.unwrap();
    assert!((interval.low - 2.5 / 3.0).abs() < 1e-15, "{interval:?}");
    assert_eq!(interval.high, 2.5);
    assert_eq!(of("sac").mean.interval, None);

    // A third run on one task enters the mean but not the IQM, which uses the seeds of both tasks.
    run("pmoe-sac", "Hopper-v4", 2, 60.0);
    let aggregates = compare(dir.path()).aggregates(&BOOTSTRAP).unwrap();
    let more = aggregates.methods.iter().find(|of| of.method == "pmoe-sac").unwrap();
    assert_eq!((more.mean.value, more.num_runs.as_slice()), (1.5, [3, 2].as_slice()));
    assert_eq!((&more.iqm, more.iqm_seeds), (&pmoe.iqm, 2));
}

#[test]
fn a_task_that_a_method_lacks_is_named() {
    let dir = tempfile::tempdir().unwrap();
    for (method, task, value, status) in [
        ("sac", "Ant-v4", -10.0, Status::Done),
        ("pmoe-sac", "Ant-v4", 5.0, Status::Done),
        ("sac", "Hopper-v4", 10.0, Status::Done),
        ("pmoe-sac", "Hopper-v4", 5.0, Status::Interrupted),
        ("mcp-sac", "Hopper-v4", 5.0, Status::Interrupted),
        ("sac", "Swimmer-v4", 10.0, Status::Done),
        ("pmoe-sac", "Swimmer-v4", 5.0, Status::Done),
    ] {
        let last = if status == Status::Done { 100 } else { 50 };
        line(dir.path(), manifest(method, task, 0), [value, value], last, status);
    }
    let aggregates = compare(dir.path()).aggregates(&BOOTSTRAP).unwrap();
    assert_eq!(aggregates.tasks, ["Swimmer-v4"]);
    // Gaps follow the order of the runs. mcp-sac comes first by name, but it has no finished run
    // and so causes no gap. The reference is below zero on Ant.
    let left_out = [
        ("Hopper-v4".to_owned(), Gap::NoRuns(vec!["pmoe-sac".to_owned()])),
        ("Ant-v4".to_owned(), Gap::NoReference),
    ];
    assert_eq!(aggregates.left_out, left_out);
    assert!(aggregates.methods.is_empty());
}

#[test]
fn failed_and_unfinished_runs_are_named_not_averaged() {
    let dir = tempfile::tempdir().unwrap();
    let task = |seed| manifest("sac", "Hopper-v4", seed);
    line(dir.path(), task(0), [10.0, 10.0], 100, Status::Done);
    let reason = "loss is not finite".to_owned();
    let failed = Status::Failed { reason: reason.clone(), diverged: true };
    line(dir.path(), task(1), [1e9, 1e9], 100, failed);
    line(dir.path(), task(2), [1e9, 1e9], 50, Status::Interrupted);
    let short = Manifest { total_steps: 50, ..task(3) };
    line(dir.path(), short, [1e9, 1e9], 50, Status::Done);
    write_run(&dir.path().join("sac/again"), task(0), &[(0, 1e9), (100, 1e9)], Status::Done);

    let comparison = compare(dir.path());
    let cell = &comparison.cells[0];
    let auc = cell.auc.as_ref().unwrap();
    assert_eq!((auc.value, auc.interval), (10.0, None));
    assert_eq!(cell.seeds(), [0]);
    let mut excluded = cell.excluded.clone();
    excluded.sort_by_key(|(seed, _)| *seed);
    // `sac/Hopper-v4` sorts before `sac/again`.
    let expected = [
        (0, Excluded::Repeated),
        (1, Excluded::Failed { reason }),
        (2, Excluded::Unfinished { env_step: 50 }),
        (3, Excluded::Short { total_steps: 50 }),
    ];
    assert_eq!(excluded, expected);
}

#[test]
fn a_late_first_evaluation_moves_the_start_for_all() {
    let dir = tempfile::tempdir().unwrap();
    line(dir.path(), manifest("sac", "Hopper-v4", 0), [0.0, 100.0], 100, Status::Done);
    let late = [(50, 50.0), (100, 50.0)];
    let other = manifest("pmoe-sac", "Hopper-v4", 0);
    write_run(&dir.path().join("pmoe-sac"), other, &late, Status::Done);
    let comparison = compare(dir.path());
    // From 50 on: (50 + 100) / 2 for the line, 50 for the flat one.
    assert_eq!(comparison.cell("sac", "Hopper-v4").unwrap().auc.as_ref().unwrap().value, 75.0);
    let ratio = comparison.cell("pmoe-sac", "Hopper-v4").unwrap().relative_auc.clone();
    assert_eq!(ratio, Some(Estimate::statistic(50.0 / 75.0, None)));
}

#[test]
fn without_reference_or_runs() {
    assert!(Comparison::new(&[], Some("sac"), &BOOTSTRAP).cells.is_empty());
    let dir = tempfile::tempdir().unwrap();
    line(dir.path(), manifest("ppo", "Ant-v4", 0), [1.0, 2.0], 100, Status::Done);
    write_run(&dir.path().join("new"), manifest("sac", "Ant-v4", 0), &[], Status::Running);
    let comparison = compare(dir.path());
    assert_eq!(comparison.cell("ppo", "Ant-v4").unwrap().relative_auc, None);
    let fresh = comparison.cell("sac", "Ant-v4").unwrap();
    assert_eq!((&fresh.auc, &fresh.final_return), (&None, &None));
    assert_eq!((fresh.curve.len(), fresh.curve_seeds), (0, 0));
}

#[test]
fn unfinished_runs_are_drawn_as_far_as_all_of_them_are() {
    let dir = tempfile::tempdir().unwrap();
    for (seed, last) in [(0, 50), (1, 20)] {
        let curve = [(0, 0.0), (10, 10.0 + seed as f64), (last, 5.0)];
        let path = dir.path().join(format!("{seed}"));
        write_run(&path, manifest("sac", "Ant-v4", seed), &curve, Status::Interrupted);
    }
    write_run(&dir.path().join("2"), manifest("sac", "Ant-v4", 2), &[], Status::Running);
    let comparison = compare(dir.path());
    let cell = &comparison.cells[0];
    let steps: Vec<_> = cell.curve.iter().map(|point| point.env_step).collect();
    assert_eq!((steps.as_slice(), cell.curve_seeds), ([0, 10, 20].as_slice(), 2));
    assert_eq!(cell.auc, None);
}

#[test]
fn a_run_that_is_in_no_number_changes_none() {
    let dir = tempfile::tempdir().unwrap();
    for (method, seed, values) in
        [("sac", 0, [0.0, 20.0]), ("sac", 1, [10.0, 30.0]), ("pmoe-sac", 0, [20.0, 40.0])]
    {
        line(dir.path(), manifest(method, "Hopper-v4", seed), values, 100, Status::Done);
    }
    let before = compare(dir.path());
    let failed = |reason: &str| Status::Failed { reason: reason.into(), diverged: false };
    let long = |seed| Manifest { total_steps: 100_000, ..manifest("sac", "Hopper-v4", seed) };
    let of = |seed| manifest("pmoe-sac", "Hopper-v4", seed);
    type Case = (Manifest, &'static [(u64, f64)], Status);
    let runs: [Case; 8] = [
        (long(7), &[(0, 1e9), (50, 1e9)], Status::Running),
        (long(8), &[], failed("out of memory")),
        (long(9), &[(0, 1e9)], Status::Interrupted),
        // Done according to its manifest, but most of its evaluations are missing.
        (long(10), &[(0, 1e9), (100, 1e9)], Status::Done),
        (of(11), &[(90, 1e9), (100, 1e9)], failed("diverged at the end")),
        (of(12), &[(100, 1e9)], Status::Done),
        (of(13), &[], Status::Done),
        (manifest("mcp-sac", "Hopper-v4", 0), &[(95, 1e9)], Status::Running),
    ];
    for (index, (manifest, curve, status)) in runs.into_iter().enumerate() {
        write_run(&dir.path().join(format!("z{index}")), manifest, curve, status);
        let after = compare(dir.path());
        for cell in &before.cells {
            let now = after.cell(&cell.method, &cell.task).unwrap();
            let numbers = |of: &Cell<'_>| {
                let runs: Vec<_> = of.runs.iter().map(|run| run.path.clone()).collect();
                let parts = (of.total_steps, runs, of.curve.clone());
                (
                    parts,
                    of.auc.clone(),
                    of.final_return.clone(),
                    of.relative_auc.clone(),
                    of.improvement.clone(),
                )
            };
            assert_eq!(numbers(now), numbers(cell), "run {index}");
            let left_out = now.excluded.len();
            assert!(cell.method == "sac" || left_out <= index + 1, "{:?}", now.excluded);
        }
    }
    // A second run of a seed that began to evaluate late does not move the start either.
    let late = [(50, 50.0), (100, 50.0)];
    write_run(&dir.path().join("zz"), manifest("sac", "Hopper-v4", 0), &late, Status::Done);
    let after = compare(dir.path());
    let auc = |of: &Comparison<'_>| of.cell("sac", "Hopper-v4").unwrap().auc.clone();
    assert_eq!(auc(&after), auc(&before));
}
