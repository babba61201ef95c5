use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use pmoe_results::analysis::AnalysisSettings;
use pmoe_results::plan::{PlannedRun, RunProgress, run_id};
use pmoe_results::{AnalysisKind, Methods, Plan, Preset, ResultsError, Suite};

const FIRST: &str = r#"
title = "One"
item = "Fig. 1"
reference = "a"
methods = ["a", "b"]
tasks = ["T", "U"]
[presets]
smoke = { seeds = [0, 5], total_steps = 10 }
quick = { seeds = [0], total_steps = 10 }
paper = { seeds = [0], total_steps = 10 }
[[overrides]]
when = { task = "U", method = "b" }
set = { "actor.k" = 8 }
"#;

/// `k4` equals `b`, `k8` equals the `b` of the first suite's second task; `lr` is not shared.
const SECOND: &str = r#"
title = "Two"
item = "Fig. 2"
reference = "k4"
tasks = ["T", "U"]
variants = [
    { name = "k4", base = "b", set = { "algo.sac.actor.k" = 4 } },
    { name = "k8", base = "b", set = { "actor.k" = 8 } },
    { name = "lr", base = "b", set = { lr = 0.5 } },
]
[presets]
smoke = { seeds = [5, 0], total_steps = 10 }
quick = { seeds = [0], total_steps = 20 }
paper = { seeds = [0], total_steps = 10 }
"#;

struct Fixture {
    dir: tempfile::TempDir,
    suites: Vec<Suite>,
    methods: Methods,
}

impl Fixture {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let methods = dir.path().join("methods");
        fs::create_dir(&methods).unwrap();
        fs::write(methods.join("a.toml"), "[algo.sac]\nlr = 0.1\n[schedule]\nn = 1\n").unwrap();
        let b = "[algo.sac]\nlr = 0.1\nactor = { k = 4 }\n[schedule]\nn = 1\n";
        fs::write(methods.join("b.toml"), b).unwrap();
        let suite = |text, name: &str| Suite::parse(text, Path::new(name)).unwrap();
        let suites = vec![suite(FIRST, "one.toml"), suite(SECOND, "two.toml")];
        let methods = Methods::load_all(&methods).unwrap();
        fs::create_dir(dir.path().join("results")).unwrap();
        Self { suites, methods, dir }
    }

    fn root(&self) -> PathBuf {
        self.dir.path().join("results")
    }

    fn plan(&self, preset: Preset) -> Plan {
        Plan::new(&self.suites, preset, None, &self.methods, &self.root()).unwrap()
    }

    /// Writes the parts of a run folder that a plan reads.
    fn run(&self, dir: &str, status: &str) {
        let folder = self.root().join(dir);
        fs::create_dir_all(&folder).unwrap();
        fs::write(
            folder.join("config.toml"),
            "method = \"b\"\ntask = \"T\"\nseed = 0\nschedule.total_steps = 10\n",
        )
        .unwrap();
        let text = format!(
            r#"{{"schema": 1, "algo": "b", "task": "T", "seed": 0, "total_steps": 10,
            "status": {status}, "env_step": 4, "attempts": [], "events_blake3": null,
            "provenance": {{"pmoe": "", "commit": "", "dirty": false, "rustc": "", "burn": "",
            "mujoco": "", "device": "", "threads": 1, "cpu": "", "cores": 1, "memory_gib": 1.0,
            "os": "", "command": ""}}}}"#
        );
        fs::write(folder.join("manifest.json"), text).unwrap();
    }
}

fn dirs(plan: &Plan) -> Vec<&str> {
    plan.runs.iter().map(|run| run.dir.to_str().unwrap()).collect()
}

fn uses(run: &PlannedRun) -> Vec<(&str, &str)> {
    run.used_by.iter().map(|of| (of.suite.as_str(), of.method.as_str())).collect()
}

#[test]
fn a_shared_run_is_there_once_and_all_of_a_seed_comes_before_the_next() {
    let plan = Fixture::new().plan(Preset::Smoke);
    // Seeds are ordered by position, not by number: the first seed of the second suite is 5.
    let expected = [
        "one/a/T/seed_0",
        "one/b/T/seed_0",
        "one/a/U/seed_0",
        "one/b/U/seed_0",
        "two/k4/T/seed_5",
        "two/k8/T/seed_5",
        "two/lr/T/seed_5",
        "two/k4/U/seed_5",
        "two/k8/U/seed_5",
        "two/lr/U/seed_5",
        "one/a/T/seed_5",
        "one/a/U/seed_5",
        "two/k8/T/seed_0",
        "two/lr/T/seed_0",
        "two/k4/U/seed_0",
        "two/lr/U/seed_0",
    ];
    assert_eq!(dirs(&plan), expected);
    assert_eq!(uses(&plan.runs[1]), [("one", "b"), ("two", "k4")]);
    assert_eq!(uses(&plan.runs[3]), [("one", "b"), ("two", "k8")]);
    assert_eq!(uses(&plan.runs[4]), [("two", "k4"), ("one", "b")]);
    // Runs with different budgets are different runs.
    assert_eq!(Fixture::new().plan(Preset::Quick).runs.len(), 4 + 6);
}

#[test]
fn an_id_is_of_what_decides_the_numbers() {
    let fixture = Fixture::new();
    let ids = |preset| -> BTreeMap<String, String> {
        let runs = fixture.plan(preset).runs;
        runs.into_iter().map(|run| (run.dir.display().to_string(), run.id)).collect()
    };
    let (smoke, paper) = (ids(Preset::Smoke), ids(Preset::Paper));
    let distinct: BTreeSet<_> = smoke.values().collect();
    assert_eq!(distinct.len(), smoke.len());
    // The same budget and settings in another preset are the same run.
    assert_eq!(smoke["one/a/T/seed_0"], paper["one/a/T/seed_0"]);
    // A prefix of the blake3 hash, computed with the Python package of that name, of
    // {"algo":{"sac":{"lr":0.1}},"method":"a","schedule":{"n":1,"total_steps":10},"seed":0,"task":"T"}
    assert_eq!(smoke["one/a/T/seed_0"], "6d0ee3f06d24a4b1");
}

#[test]
fn an_id_is_that_of_the_resolved_config() {
    let fixture = Fixture::new();
    // Beyond the integers of TOML, too.
    let seeds = [0, 7, i64::MAX as u64, i64::MAX as u64 + 1, u64::MAX];
    let mut suites = fixture.suites.clone();
    suites[0] = suites[0].clone().with_seeds(Preset::Smoke, &seeds);
    for max_steps in [None, Some(3)] {
        let plan = Plan::new(&suites, Preset::Smoke, max_steps, &fixture.methods, &fixture.root())
            .unwrap();
        assert_eq!(plan.runs.iter().map(|run| run.seed).collect::<BTreeSet<_>>().len(), 6);
        for run in &plan.runs {
            let config = fixture.methods.resolve(&run.spec()).unwrap();
            assert_eq!(run.id, run_id(&config), "{}", run.dir.display());
            assert_eq!(run.dir, run.dir_in(&run.used_by[0]));
        }
    }
}

#[test]
fn a_run_stays_where_it_is_though_another_suite_comes_first() {
    let fixture = Fixture::new();
    fixture.run("two/k4/T/seed_0", r#"{"state": "interrupted"}"#);
    let plan = fixture.plan(Preset::Smoke);
    let run = &plan.runs[1];
    assert_eq!(run.dir, Path::new("two/k4/T/seed_0"));
    assert_eq!(run.progress, RunProgress::Unfinished { env_step: 4 });
    assert_eq!(run.dir_in(&run.used_by[0]), Path::new("one/b/T/seed_0"));
    // If both exist, the first one counts.
    fixture.run("one/b/T/seed_0", r#"{"state": "running"}"#);
    assert_eq!(fixture.plan(Preset::Smoke).runs[1].dir, Path::new("one/b/T/seed_0"));
}

#[test]
fn the_progress_comes_from_the_manifest() {
    let fixture = Fixture::new();
    let run = fixture.root().join("run");
    assert_eq!(RunProgress::read(&run, 10), RunProgress::New);
    fixture.run("run", r#"{"state": "interrupted"}"#);
    assert_eq!(RunProgress::read(&run, 10), RunProgress::Unfinished { env_step: 4 });
    fixture.run("run", r#"{"state": "failed", "reason": "NaN", "diverged": true}"#);
    assert_eq!(RunProgress::read(&run, 10), RunProgress::Failed { env_step: 4 });
    fixture.run("run", r#"{"state": "done"}"#);
    fs::write(run.join("events.jsonl"), "not read").unwrap();
    assert_eq!(RunProgress::read(&run, 10), RunProgress::Done);
    assert_eq!(RunProgress::read(&run, 11), RunProgress::Failed { env_step: 4 });
    fs::write(run.join("manifest.json"), "{").unwrap();
    assert_eq!(RunProgress::read(&run, 10), RunProgress::Failed { env_step: 0 });
}

#[test]
fn a_plan_is_read_as_it_was_written() {
    let fixture = Fixture::new();
    let root = fixture.root();
    assert_eq!(Plan::read(&root).unwrap(), None);
    let plan = fixture.plan(Preset::Smoke);
    plan.write(&root).unwrap();
    assert_eq!(Plan::read(&root).unwrap(), Some(plan));

    let path = root.join(Plan::FILE);
    let text = fs::read_to_string(&path).unwrap();
    for (old, new, word) in [
        ("\"schema\": 2", "\"schema\": 3", "version 3"),
        ("\"seed\": 0", "\"seed\": -1", "runs[0].seed"),
        ("\"base\"", "\"bases\"", "bases"),
    ] {
        fs::write(&path, text.replacen(old, new, 1)).unwrap();
        let error = Plan::read(&root).unwrap_err();
        assert!(error.is_bad_input());
        assert!(error.to_string().contains(word) && error.to_string().contains("plan.json"));
    }
}

#[test]
fn plans_of_one_scale_are_put_together_by_runs_and_by_the_suites_that_use_them() {
    let fixture = Fixture::new();
    let whole = fixture.plan(Preset::Smoke);
    let shared = whole.runs.iter().position(|run| run.used_by.len() > 1).unwrap();
    // One plan lacks a run, and a suite of another; the other plan lacks the rest.
    let (mut first, mut second) = (whole.clone(), whole.clone());
    let last = first.runs.pop().unwrap();
    let used = first.runs[shared].used_by.pop().unwrap();
    second.runs = vec![last.clone(), whole.runs[shared].clone()];
    second.own_suites.insert("mine".into(), "title = 1".into());
    let both = first.clone().with(&second).unwrap();
    assert_eq!(both.runs.last(), Some(&last));
    assert!(both.runs[shared].used_by.contains(&used));
    assert_eq!(both.runs.len(), whole.runs.len());
    assert_eq!(both.own_suites, second.own_suites);
    assert_eq!(both.clone().with(&second), Some(both));
    assert_eq!(first.with(&fixture.plan(Preset::Quick)), None);
}

#[test]
fn a_plan_of_version_1_is_read() {
    let fixture = Fixture::new();
    let root = fixture.root();
    let plan = fixture.plan(Preset::Smoke);
    plan.write(&root).unwrap();
    let path = root.join(Plan::FILE);
    let old = fs::read_to_string(&path).unwrap();
    let old = old.replace("\"schema\": 2", "\"schema\": 1").replace("\"base\"", "\"algo\"");
    fs::write(&path, old).unwrap();
    assert_eq!(Plan::read(&root).unwrap(), Some(Plan { schema: 1, ..plan }));
}

#[test]
fn what_does_not_fit_is_refused() {
    let fixture = Fixture::new();
    let plan = |old: &str, new: &str| -> ResultsError {
        let suite = Suite::parse(&SECOND.replace(old, new), Path::new("two.toml")).unwrap();
        let methods = &fixture.methods;
        Plan::new(&[suite], Preset::Smoke, None, methods, &fixture.root()).unwrap_err()
    };
    let error = plan("base = \"b\"", "base = \"c\"");
    assert!(error.is_bad_input());
    assert!(error.to_string().contains("`a`, `b`"), "{error}");
    let error = plan("lr = 0.5", "\"lr.of\" = 0.5");
    assert!(error.is_bad_input());
    assert_eq!(error.to_string(), "algo.sac.lr.of: `lr` is not a table of settings");
}

#[test]
fn no_budget_is_above_the_largest() {
    let fixture = Fixture::new();
    let budgets = |max_steps| -> BTreeSet<u64> {
        let Fixture { suites, methods, .. } = &fixture;
        let plan = Plan::new(suites, Preset::Quick, max_steps, methods, &fixture.root()).unwrap();
        assert_eq!(plan.max_steps, max_steps);
        plan.runs.iter().map(|run| run.total_steps).collect()
    };
    assert_eq!(budgets(None), [10, 20].into());
    assert_eq!(budgets(Some(15)), [10, 15].into());
    assert_eq!(budgets(Some(5)), [5].into());
}

#[test]
fn a_run_is_analysed_for_all_suites_that_read_it_and_they_must_agree() {
    let mut fixture = Fixture::new();
    let with =
        |text: &str, analyses: &str| text.replace("[presets]", &format!("{analyses}\n[presets]"));
    let mut plan = |first: &str, second: &str| {
        let suite = |text: String, name: &str| Suite::parse(&text, Path::new(name)).unwrap();
        fixture.suites =
            vec![suite(with(FIRST, first), "one.toml"), suite(with(SECOND, second), "two.toml")];
        Plan::new(&fixture.suites, Preset::Smoke, None, &fixture.methods, &fixture.root())
    };
    let made = plan("analyses = { gait = {} }", "analyses.robustness = { episodes = 7 }").unwrap();
    let kinds =
        |run: &PlannedRun| -> Vec<_> { run.analyses.iter().map(AnalysisSettings::kind).collect() };
    assert_eq!(kinds(&made.runs[0]), [AnalysisKind::Gait]);
    assert_eq!(kinds(&made.runs[1]), [AnalysisKind::Gait, AnalysisKind::Robustness]);
    let written = serde_json::to_value(&made.runs[1].analyses).unwrap();
    assert_eq!(written[1]["robustness"]["episodes"], 7);
    // Equal settings are one analysis; different ones can't share the run's folder.
    let same = "analyses.gait = { skip = 10 }";
    assert_eq!(kinds(&plan(same, same).unwrap().runs[1]), [AnalysisKind::Gait]);
    let error = plan(same, "analyses.gait = { skip = 20 }").unwrap_err();
    assert!(error.is_bad_input());
    let message = error.to_string();
    for part in ["suite two", "analyses.gait", "suite one"] {
        assert!(message.contains(part), "no {part} in: {message}");
    }
}

#[test]
fn a_plan_that_leads_out_of_its_folder_is_refused() {
    let fixture = Fixture::new();
    let root = fixture.dir.path().join("results");
    let plan = Plan::new(&fixture.suites, Preset::Smoke, None, &fixture.methods, &root).unwrap();
    plan.write(&root).unwrap();
    assert_eq!(Plan::read(&root).unwrap().as_ref(), Some(&plan));
    for dir in ["/etc", "../other", "one/../../other", "", ".", "./one", "one/a/.."] {
        let mut plan = plan.clone();
        plan.runs[2].dir = dir.into();
        plan.write(&root).unwrap();
        let error = Plan::read(&root).unwrap_err();
        assert!(error.is_bad_input());
        let error = error.to_string();
        assert!(error.contains("plan.json") && error.contains("runs[2].dir"), "{dir}: {error}");
    }
    for suite in ["/etc", "..", "one/two", ""] {
        let mut plan = plan.clone();
        plan.runs[1].used_by[0].suite = suite.into();
        plan.write(&root).unwrap();
        let error = Plan::read(&root).unwrap_err().to_string();
        assert!(error.contains("runs[1].used_by.suite"), "{suite}: {error}");
    }
}
