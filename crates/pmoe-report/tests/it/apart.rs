//! Tests that runs are kept apart by status, budget, settings and folder.

use std::fs;
use std::path::Path;
use std::process::Command;

use pmoe_report::{Number, Numbers, ReportSummary, Row, verify};
use pmoe_results::plan::{PlannedRun, RunProgress, Use};
use pmoe_results::run::Provenance;
use pmoe_results::{Manifest, Status, Suite};

use crate::{Fixture, SUITE, manifest};

const VALUES: [f64; 4] = [10.0, 20.0, 30.0, 40.0];

/// Returns a method's config with one extra line; the budget in it is not compared.
fn config(method: &str, seed: u64, line: &str) -> String {
    format!(
        "method = {method:?}\ntask = \"Hopper-v4\"\nseed = {seed}\ndevice = \"flex\"\n[algo.sac]\ntau = 0.005\n{line}\n\
         [schedule]\ntotal_steps = 3000\neval_every = 1000\n"
    )
}

fn done(fixture: &Fixture, folder: &str, names: (&str, &str, u64), line: &str, values: &[f64]) {
    let (method, task, seed) = names;
    let manifest = manifest(method, task, seed);
    fixture.write(folder, manifest, &config(method, seed, line), values, Status::Done);
}

/// Returns name, budget, number of seeds and AUC of the rows.
fn rows(summary: &ReportSummary) -> Vec<(&str, u64, usize, Option<f64>)> {
    let row = |row: &'_ Row| row.auc.as_ref().map(|auc| auc.value);
    summary
        .rows
        .iter()
        .map(|of| (of.method.as_str(), of.total_steps, of.seeds.len(), row(of)))
        .collect()
}

fn numbers(folder: &Path) -> Numbers {
    serde_json::from_slice(&fs::read(folder.join("numbers.json")).unwrap()).unwrap()
}

/// Returns every number except costs, which cover all runs.
fn values(fixture: &Fixture) -> Vec<Number> {
    let costs = ["env_steps", "wall_seconds", "steps_per_second", "core_hours"];
    let mut all = numbers(&fixture.output()).numbers;
    all.retain(|number| !costs.contains(&number.quantity.as_str()));
    all
}

#[test]
fn core_hours_are_those_of_each_attempt_and_shared_in_lockstep() {
    let fixture = Fixture::new();
    let mut of_run = manifest("sac", "Hopper-v4", 0);
    let own = of_run.provenance.clone();
    let on = |threads, population| Some(Provenance { threads, population, ..own.clone() });
    // Of 30 s each; the third is of the run's own single thread.
    let mut attempts = vec![of_run.attempts[0].clone(); 3];
    attempts[0].provenance = on(2, None);
    attempts[1].provenance = on(1, Some(8));
    of_run.attempts = attempts;
    let folder = "sac/Hopper-v4/seed_0";
    fixture.write(folder, of_run, &config("sac", 0, ""), &VALUES, Status::Done);
    fixture.report();
    let all = numbers(&fixture.output()).numbers;
    let found = all.iter().find(|number| number.quantity == "core_hours").unwrap();
    let expected = 30.0 * (2.0 + 0.125 + 1.0) / 3600.0;
    assert!((found.value - expected).abs() < 1e-12, "{} {expected}", found.value);
}

#[test]
fn a_run_that_is_in_no_number_changes_none() {
    let failed = || Status::Failed { reason: "out of memory".into(), diverged: false };
    for (name, as_suite) in [("table9", true), ("mine", false)] {
        let fixture = Fixture::new();
        let folder = |method: &str, seed| format!("{name}/{method}/Hopper-v4/seed_{seed}");
        // `mine` has no run of `sac`, which would be its reference.
        let methods = if as_suite { ["sac", "pmoe-sac"] } else { ["pmoe-sac", "mcp-sac"] };
        for (method, seed, level) in
            [(methods[0], 0, 1.0), (methods[0], 1, 2.0), (methods[1], 0, 3.0)]
        {
            let values = VALUES.map(|value| level * value);
            done(&fixture, &folder(method, seed), (method, "Hopper-v4", seed), "", &values);
        }
        fixture.report();
        let before = values(&fixture);
        assert!(before.iter().any(|number| number.quantity == "auc"));
        let long = |method: &str, seed| Manifest {
            total_steps: 100_000,
            ..manifest(method, "Hopper-v4", seed)
        };
        let others = [
            (long(methods[0], 2), "", vec![], failed()),
            (long(methods[0], 3), "", vec![1e6, 1e6], Status::Running),
            (long(methods[1], 1), "gamma = 0.9", vec![1e6], Status::Interrupted),
            (manifest(methods[1], "Hopper-v4", 4), "gamma = 0.9", vec![1e6], Status::Running),
            (manifest(methods[1], "Ant-v4", 5), "", vec![], failed()),
            (manifest("sac", "Hopper-v4", 6), "gamma = 0.8", vec![1e6], Status::Running),
            // Done, but its evaluations are gone.
            (manifest(methods[0], "Hopper-v4", 7), "gamma = 0.8", vec![], Status::Done),
            (long(methods[0], 8), "gamma = 0.8", vec![1e6], Status::Done),
        ];
        for (index, (manifest, line, curve, status)) in others.into_iter().enumerate() {
            let config = config(&manifest.method, manifest.seed, line);
            let folder =
                format!("{name}/{}/{}/seed_{}", manifest.method, manifest.task, manifest.seed);
            fixture.write(&folder, manifest, &config, &curve, status);
            let summary = fixture.report();
            assert_eq!(values(&fixture), before, "{name}, run {index}");
            assert_eq!(summary.done + summary.failed + summary.unfinished, 4 + index);
            let page = fixture.page();
            assert!(!page.contains("0 of 3 seeds"));
            let short = page
                .split("<section id=")
                .find(|part| part.starts_with(&format!("\"part-{name}\"")));
            assert!(!short.unwrap().contains("No run has finished yet"), "{name}, run {index}");
        }
    }
}

#[test]
fn budgets_have_parts_of_their_own() {
    let fixture = Fixture::new();
    let run = |method: &str, seed, steps: u64, level: f64| {
        let manifest = Manifest { total_steps: steps, ..manifest(method, "Hopper-v4", seed) };
        let curve: Vec<_> = (0..=steps / 1000).map(|_| level).collect();
        let folder = format!("{method}-{steps}-{seed}");
        fixture.write(&folder, manifest, &config(method, seed, ""), &curve, Status::Done);
    };
    for (seed, level) in [(0, 10.0), (1, 20.0)] {
        run("sac", seed, 3000, level);
        run("pmoe-sac", seed, 3000, 2.0 * level);
    }
    run("sac", 0, 5000, 100.0);
    run("pmoe-sac", 1, 5000, 300.0);
    run("sac", 2, 2000, 1.0);
    let summary = fixture.report();
    let expected = [
        ("sac", 3000, 2, Some(15.0)),
        ("pmoe-sac", 3000, 2, Some(30.0)),
        ("sac", 5000, 1, Some(100.0)),
        ("pmoe-sac", 5000, 1, Some(300.0)),
        ("sac", 2000, 1, Some(1.0)),
    ];
    assert_eq!(rows(&summary), expected);
    // Each is divided by the reference of the same budget.
    let relative: Vec<_> = summary
        .rows
        .iter()
        .map(|row| row.relative_auc.as_ref().map(|relative| relative.value))
        .collect();
    assert_eq!(relative, [Some(1.0), Some(2.0), Some(1.0), Some(3.0), Some(1.0)]);
    let names: Vec<_> = summary.rows.iter().map(|row| row.suite.as_str()).collect();
    let [long, short] = ["results (5000 steps)", "results (2000 steps)"];
    assert_eq!(names, ["results", "results", long, long, short]);
    let all = numbers(&fixture.output()).numbers;
    let distinct: std::collections::BTreeSet<_> = all.iter().map(|number| number.name()).collect();
    assert_eq!(distinct.len(), all.len(), "every number has a name of its own");
    for name in ["", "results__5000_steps_-", "results__2000_steps_-"] {
        assert!(fixture.output().join(format!("figures/{name}Hopper-v4.svg")).is_file(), "{name}");
    }
}

#[test]
fn what_the_plan_says_is_the_budget_of_a_suite() {
    let fixture = Fixture::new();
    for (seed, steps) in [(0, 3000), (1, 1000), (2, 1000)] {
        let manifest = Manifest { total_steps: steps, ..manifest("sac", "Hopper-v4", seed) };
        let curve = vec![10.0; 1 + steps as usize / 1000];
        let folder = format!("table9/sac/Hopper-v4/seed_{seed}");
        fixture.write(&folder, manifest, &config("sac", seed, ""), &curve, Status::Done);
    }
    plan(&fixture, &[("table9/sac/Hopper-v4/seed_0", "sac", 0)]);
    let summary = fixture.report();
    assert_eq!(rows(&summary), [("sac", 3000, 1, Some(10.0)), ("sac", 1000, 2, Some(10.0))]);
    assert!(fixture.page().contains("One against the other (1000 steps)"));
}

fn plan(fixture: &Fixture, runs: &[(&str, &str, u64)]) {
    let run = |&(dir, method, seed): &(&str, &str, u64)| PlannedRun {
        id: dir.to_owned(),
        dir: dir.into(),
        base: method.to_owned(),
        task: dir.split('/').nth(2).unwrap().to_owned(),
        seed,
        total_steps: 3000,
        set: Default::default(),
        used_by: vec![Use { suite: "table9".into(), method: method.to_owned() }],
        analyses: Vec::new(),
        progress: RunProgress::New,
    };
    let runs = runs.iter().map(run).collect();
    let plan = crate::plan(runs);
    plan.write(&fixture.results()).unwrap();
}

#[test]
fn other_settings_are_another_method() {
    let fixture = Fixture::new();
    let lines = ["", "gamma = 0.9", "actor_lr = 0.1", "hidden = [8]", ""];
    for (seed, line) in lines.iter().enumerate() {
        let (folder, seed) = (format!("run-{seed}"), seed as u64);
        done(&fixture, &folder, ("sac", "Hopper-v4", seed), line, &[seed as f64; 4]);
    }
    // The time limit is a setting of the environment.
    let limit = config("sac", 5, "") + "[env.mujoco]\nmax_episode_steps = 50\n";
    fixture.write("limit", manifest("sac", "Hopper-v4", 5), &limit, &[5.0; 4], Status::Done);
    let summary = fixture.report();
    let expected = [
        ("sac", 3000, 2, Some(2.0)),
        ("sac (actor_lr=0.1)", 3000, 1, Some(2.0)),
        ("sac (env.max_episode_steps=50)", 3000, 1, Some(5.0)),
        ("sac (gamma=0.9)", 3000, 1, Some(1.0)),
        ("sac (hidden=[8])", 3000, 1, Some(3.0)),
    ];
    assert_eq!(rows(&summary), expected);
    // No two look alike: each has its own swatch and its own line in the legend.
    let page = fixture.page();
    let swatches: std::collections::BTreeSet<_> =
        page.split("class=\"swatch\" style=\"").skip(1).map(|rest| &rest[..28]).collect();
    assert_eq!(swatches.len(), 5);
    assert!(page.contains("sac (gamma=0.9) (1 of 1 seeds)"));
}

#[test]
fn an_equal_seed_is_a_repetition_with_equal_settings_alone() {
    let fixture = Fixture::new();
    done(&fixture, "a", ("sac", "Hopper-v4", 0), "gamma = 0.99", &[1.0; 4]);
    done(&fixture, "b", ("sac", "Hopper-v4", 0), "gamma = 0.9", &[2.0; 4]);
    done(&fixture, "c", ("sac", "Hopper-v4", 0), "gamma = 0.99", &[3.0; 4]);
    // From a user's config that reuses the name of a built-in method.
    done(&fixture, "d", ("sac", "Hopper-v4", 0), "gamma = 0.99\nhome_made = true", &[4.0; 4]);
    let summary = fixture.report();
    let expected = [
        ("sac", 3000, 1, Some(1.0)),
        ("sac (gamma=0.9)", 3000, 1, Some(2.0)),
        ("sac (home_made=true)", 3000, 1, Some(4.0)),
    ];
    assert_eq!(rows(&summary), expected);
    assert_eq!(summary.rows[0].left_out.len(), 1);
    assert!(fixture.page().contains("sac on Hopper-v4, seed 0: is there twice"));
}

#[test]
fn a_suite_may_give_a_task_its_own_settings() {
    let mut fixture = Fixture::new();
    let text = SUITE.replace(
        "[presets]",
        "[[overrides]]\nwhen = { task = \"Ant-v4\" }\nset = { gamma = 0.9 }\n[presets]",
    );
    fixture.suites = vec![Suite::parse(&text, Path::new("table9.toml")).unwrap()];
    for (task, line) in [("Hopper-v4", "gamma = 0.99"), ("Ant-v4", "gamma = 0.9")] {
        for (method, level) in [("sac", 1.0), ("pmoe-sac", 2.0)] {
            let folder = format!("table9/{method}/{task}/seed_0");
            done(&fixture, &folder, (method, task, 0), line, &VALUES.map(|value| level * value));
        }
    }
    let names = |summary: &ReportSummary| {
        summary.rows.iter().map(|row| row.method.clone()).collect::<Vec<_>>()
    };
    let by_hand = fixture.report();
    assert_eq!(names(&by_hand), ["sac", "pmoe-sac", "sac", "pmoe-sac"]);
    assert!(fixture.page().contains("mean of 2 tasks: pmoe-sac 200.0"));
    // The same with a plan. A seed with the other task's settings is a variant.
    let planned: Vec<_> = ["sac", "pmoe-sac"]
        .iter()
        .flat_map(|method| {
            ["Hopper-v4", "Ant-v4"].map(|task| (format!("table9/{method}/{task}/seed_0"), *method))
        })
        .collect();
    let planned: Vec<_> = planned.iter().map(|(dir, method)| (dir.as_str(), *method, 0)).collect();
    plan(&fixture, &planned);
    done(&fixture, "table9/sac/Ant-v4/seed_1", ("sac", "Ant-v4", 1), "gamma = 0.99", &VALUES);
    let expected = ["sac", "pmoe-sac", "sac", "pmoe-sac", "sac (gamma=0.99)"];
    let mut found = names(&fixture.report());
    found[2..].sort_by_key(|name| expected.iter().skip(2).position(|of| of == name));
    assert_eq!(found, expected);
}

#[test]
fn a_copy_of_results_agrees_with_its_report_wherever_it_is() {
    let fixture = Fixture::new();
    for (seed, line) in [(0, ""), (1, "gamma = 0.9")] {
        let folder = format!("mine/sac/Hopper-v4/seed_{seed}");
        done(&fixture, &folder, ("sac", "Hopper-v4", seed), line, &VALUES);
        done(&fixture, &format!("mine/x{seed}"), ("ppo", "Ant-v4", seed), line, &VALUES);
        // The folder name identifies the suite.
        done(&fixture, &format!("table9/{seed}"), ("sac", "Hopper-v4", seed), line, &VALUES);
    }
    // Unreadable files are named by their path within the results.
    let broken = fixture.results().join("mine/broken");
    fs::create_dir(&broken).unwrap();
    fs::write(broken.join("manifest.json"), "{}").unwrap();
    fs::write(fixture.results().join("mine/plan.json"), "{}").unwrap();
    for name in ["mine", "table9", "."] {
        let input = fixture.results().join(name);
        fixture.try_report(&input, &input.join("report")).unwrap();
        let page = fs::read_to_string(input.join("report/index.html")).unwrap();
        let here = fixture.dir.path().display().to_string();
        let (before, _) = page.split_once("To make this page again").unwrap();
        assert!(!before.contains(&here), "{name}: a path of this machine is in the page");
        let elsewhere = tempfile::tempdir().unwrap();
        for copy in ["copy", "a b/ü", "sac/Hopper-v4/seed_0"] {
            let copy = elsewhere.path().join(copy);
            fs::create_dir_all(copy.parent().unwrap()).unwrap();
            let status = Command::new("cp").arg("-r").args([&input, &copy]).status().unwrap();
            assert!(status.success());
            let found = verify(&copy, None, &fixture.suites, &fixture.claims()).unwrap();
            let broken = |name: &str| name.contains("broken") || name.ends_with("plan.json");
            let others: Vec<_> = found.differences.iter().filter(|of| !broken(&of.name)).collect();
            assert!(others.is_empty(), "{name} as {}: {others:#?}", copy.display());
        }
    }
}
