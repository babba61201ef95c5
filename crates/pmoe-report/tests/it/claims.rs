use std::path::Path;

use pmoe_report::claims::{Claim, EffectKind, Evidence, Judgement, Relation, Test, Than, Verdict};
use pmoe_report::comparison::{Comparison, Entry};
use pmoe_results::{Event, Manifest, Quantity, Run, Suite};
use pmoe_stats::Bootstrap;

const SUITE: &str = r#"
title = "Two methods"
item = "Fig. 1, Table 2"
reference = "sac"
methods = ["sac", "pmoe-sac"]
tasks = ["T", "U"]
[presets]
smoke = { seeds = [0], total_steps = 100 }
quick = { seeds = [0], total_steps = 100 }
paper = { seeds = [0], total_steps = 100, task_steps = { U = 1000 } }
[paper.auc.pmoe-sac]
T = 115.4
U = 94.5
"#;

/// One method is highest without noise, the other with noise. One value has no counterpart.
const NOISE: &str = r#"
noise = [
    { method = "sac", task = "T", obs_noise = 0.0, mean = 3000.0, std = 1.0 },
    { method = "pmoe-sac", task = "T", obs_noise = 0.0, mean = 4500.0, std = 1.0 },
    { method = "sac", task = "T", obs_noise = 0.1, mean = 2000.0, std = 1.0 },
    { method = "pmoe-sac", task = "T", obs_noise = 0.1, mean = 1000.0, std = 1.0 },
    { method = "sac", task = "U", obs_noise = 0.1, mean = 2000.0, std = 1.0 },
]
"#;

fn suite() -> Suite {
    Suite::parse(SUITE, Path::new("fig1.toml")).unwrap()
}

/// Returns a finished run of 100 steps with return `level` in each evaluation.
fn run(method: &str, task: &str, seed: u64, level: f64, status: &str) -> Run {
    let manifest = format!(
        r#"{{"schema": 1, "algo": "{method}", "task": "{task}", "seed": {seed}, "total_steps": 100,
        "status": {status}, "env_step": 100, "attempts": [], "events_blake3": null,
        "provenance": {{"pmoe": "", "commit": "", "dirty": false, "rustc": "", "burn": "",
        "mujoco": "", "device": "", "threads": 1, "cpu": "", "cores": 1, "memory_gib": 1.0,
        "os": "", "command": ""}}}}"#
    );
    let eval = |env_step| Event::Eval {
        env_step,
        returns: vec![level],
        lengths: vec![1],
        successes: None,
    };
    let metrics = [("log_prob_mean".to_owned(), -level)].into();
    let update = Event::Update { env_step: 95, grad_step: 1, metrics };
    Run {
        path: format!("fig1/{method}/{task}/seed_{seed}").into(),
        config: toml::Table::new(),
        manifest: serde_json::from_str::<Manifest>(&manifest).unwrap(),
        events: vec![eval(0), eval(50), update, eval(100)],
    }
}

const DONE: &str = r#"{"state": "done"}"#;

/// Returns three runs per method and task: PMOE at 120, 130, 140 on T and 50, 100, 150 on U; SAC at
/// 90, 100, 110 on both.
fn runs() -> Vec<Run> {
    let levels = [("pmoe-sac", "T", [120.0, 130.0, 140.0]), ("sac", "T", [90.0, 100.0, 110.0])];
    let others = [("pmoe-sac", "U", [50.0, 100.0, 150.0]), ("sac", "U", [90.0, 100.0, 110.0])];
    let of_levels = |(method, task, levels): (&str, &str, [f64; 3])| {
        let (method, task) = (method.to_owned(), task.to_owned());
        (0..).zip(levels).map(move |(seed, level)| run(&method, &task, seed, level, DONE))
    };
    levels.into_iter().chain(others).flat_map(of_levels).collect()
}

fn judge<'a>(claim: &str, runs: &'a [Run]) -> Judgement<'a> {
    let suite = suite();
    let text = format!(
        "[[claims]]\nid = \"c\"\nplace = \"Sec. 1\"\nsays = \"s\"\nsuite = \"fig1\"\n{claim}"
    );
    let suites = [suite];
    let claims = Claim::parse(&text, Path::new("claims.toml"), &suites).unwrap();
    judge_claim(&claims[0], &suites[0], runs)
}

fn judge_claim<'a>(claim: &Claim, suite: &Suite, runs: &'a [Run]) -> Judgement<'a> {
    let entries: Vec<Entry<'_>> = runs.iter().map(Entry::from).collect();
    let comparison = Comparison::new(&entries, Some("sac"), &Bootstrap::STANDARD);
    let evidence = Evidence { suite, comparison: &comparison };
    claim.judge(&[evidence], &Bootstrap::STANDARD)
}

const HIGHER: &str = "quantity = \"auc\"\nmethod = \"pmoe-sac\"\nthan = \"sac\"\nis = \"higher\"\n";

#[test]
fn the_interval_decides() {
    let runs = runs();
    let on = |task: &str, claim: &str| judge(&format!("task = \"{task}\"\n{claim}"), &runs);
    let higher = on("T", HIGHER);
    assert_eq!((higher.verdict, higher.num_runs), (Verdict::Reproduced, [3, 3]));
    let effect = higher.effect.as_ref().unwrap();
    assert_eq!((effect.kind, effect.estimate.value), (EffectKind::Ratio, 1.3));
    // The same interval as in a report's tables.
    let expected = Bootstrap::STANDARD.ratio(&[120.0, 130.0, 140.0], &[90.0, 100.0, 110.0]);
    assert_eq!(effect.estimate.interval, expected);
    assert_eq!(higher.runs.len(), 6);
    assert!(higher.at_scale());
    assert_eq!(on("T", &HIGHER.replace("higher", "lower")).verdict, Verdict::Contradicted);

    let undecided = on("U", HIGHER);
    assert_eq!(undecided.verdict, Verdict::Inconclusive);
    assert_eq!((undecided.steps, undecided.at_scale()), ([100, 1000], false));
    let equal = |margin: f64| {
        let claim = HIGHER.replace("\"higher\"", &format!("\"equal\"\nwithin = {margin}"));
        [on("T", &claim).verdict, on("U", &claim).verdict]
    };
    assert_eq!(equal(0.1), [Verdict::Contradicted, Verdict::Inconclusive]);
    assert_eq!(equal(0.7), [Verdict::Reproduced, Verdict::Reproduced]);
}

#[test]
fn without_a_task_the_tasks_are_averaged() {
    let runs = runs();
    let judgement = judge(HIGHER, &runs);
    let effect = judgement.effect.unwrap();
    assert!((effect.estimate.value - (1.3 + 1.0) / 2.0).abs() < 1e-12);
    assert_eq!(judgement.tasks, ["T", "U"]);
    assert_eq!((judgement.verdict, judgement.missing_tasks), (Verdict::Inconclusive, 0));
    // A task without runs on one side is left out, and the claim is not decided.
    let judgement = judge(HIGHER, &runs[..9]);
    assert_eq!(
        (judgement.tasks, judgement.effect.unwrap().estimate.value),
        (vec!["T".to_owned()], 1.3)
    );
    assert_eq!((judgement.verdict, judgement.missing_tasks), (Verdict::TooFewTasks, 1));
}

#[test]
fn what_has_no_ratio_has_a_difference() {
    let value = "task = \"T\"\nquantity = \"entropy\"\nmethod = \"pmoe-sac\"\n";
    let runs = runs();
    let judgement = judge(&format!("{value}than = \"sac\"\nis = \"higher\""), &runs);
    let effect = judgement.effect.unwrap();
    assert_eq!((effect.kind, effect.estimate.value), (EffectKind::Difference, 30.0));
    assert_eq!(judgement.verdict, Verdict::Reproduced);
    let judgement = judge(&format!("{value}than_value = 125.0\nis = \"lower\""), &runs);
    assert_eq!((judgement.verdict, judgement.num_runs), (Verdict::Inconclusive, [3, 0]));
    assert_eq!(judgement.effect.unwrap().estimate.value, 5.0);
    // A reference below zero.
    let negative: Vec<_> = (0..3)
        .flat_map(|seed| {
            [run("sac", "T", seed, -50.0, DONE), run("pmoe-sac", "T", seed, -10.0, DONE)]
        })
        .collect();
    let effect = judge(&format!("task = \"T\"\n{HIGHER}"), &negative).effect.unwrap();
    assert_eq!((effect.kind, effect.estimate.value), (EffectKind::Difference, 40.0));
}

#[test]
fn few_failed_and_missing_runs_decide_nothing() {
    let claim = format!("task = \"T\"\n{HIGHER}");
    assert_eq!(judge(&claim, &[]).verdict, Verdict::NotRun);
    let mut runs = runs();
    let failed = r#"{"state": "failed", "reason": "q1 is NaN", "diverged": true}"#;
    runs[2] = run("pmoe-sac", "T", 2, 140.0, failed);
    let judgement = judge(&claim, &runs);
    assert_eq!((judgement.verdict, judgement.left_out), (Verdict::TooFewRuns, 1));
    assert_eq!(judgement.num_runs, [2, 3]);
    // The available effect is still shown.
    assert_eq!(judgement.effect.unwrap().estimate.value, 1.25);
}

#[test]
fn tables_make_claims() {
    let suites = [suite()];
    let claims = Claim::of_tables(&suites);
    assert_eq!(claims.len(), 2);
    assert_eq!((claims[1].id.as_str(), claims[1].place.as_str()), ("fig1-pmoe-sac-U", "Table 2"));
    assert_eq!(claims[0].says, "On T the AUC of pmoe-sac is above sac's (115.4 % printed).");
    assert_eq!(claims[1].says, "On U the AUC of pmoe-sac is below sac's (94.5 % printed).");
    let Test::Runs(test) = &claims[1].test else { panic!("tested by runs") };
    assert_eq!((test.is, test.paper), (Relation::Lower, Some(0.945)));
    assert_eq!(judge_claim(&claims[0], &suites[0], &runs()).verdict, Verdict::Reproduced);
    assert_eq!(judge_claim(&claims[1], &suites[0], &runs()).verdict, Verdict::Inconclusive);
}

#[test]
fn tables_of_returns_make_claims() {
    let text =
        SUITE.replace("[paper.auc.pmoe-sac]", &format!("[paper]{NOISE}[paper.auc.pmoe-sac]"));
    let suites = [Suite::parse(&text, Path::new("fig1.toml")).unwrap()];
    let claims = Claim::of_tables(&suites).split_off(2);
    let says: Vec<_> = claims.iter().map(|claim| claim.says.as_str()).collect();
    let expected = [
        "On T, without noise, the return of a trained pmoe-sac is above sac's (4500.0 and 3000.0 printed).",
        "On T, with noise of 0.1 on what it sees, the return of a trained sac is above pmoe-sac's (2000.0 and \
         1000.0 printed).",
    ];
    assert_eq!(says, expected);
    assert_eq!(claims[1].id, "fig1-0.1-pmoe-sac-T");
    let tests = claims.iter().map(|claim| match &claim.test {
        Test::Runs(test) => (test.quantity, test.is, test.paper),
        Test::Otherwise(_) => panic!("tested by runs"),
    });
    let expected = [
        (Quantity::ReturnAtNoise0, Relation::Higher, Some(1.5)),
        (Quantity::ReturnAtNoise01, Relation::Higher, Some(2.0)),
    ];
    assert!(tests.eq(expected));
}

#[test]
fn a_claim_has_what_the_paper_prints_of_it() {
    let suites = [suite()];
    let paper = |claim: &str| {
        let text = format!(
            "[[claims]]\nid = \"c\"\nplace = \"Sec. 1\"\nsays = \"s\"\nsuite = \"fig1\"\n{claim}"
        );
        match &Claim::parse(&text, Path::new("claims.toml"), &suites).unwrap()[0].test {
            Test::Runs(test) => test.paper,
            Test::Otherwise(_) => None,
        }
    };
    assert_eq!(paper(&format!("task = \"U\"\n{HIGHER}")), Some(0.945));
    // The mean over all tasks.
    assert_eq!(paper(HIGHER), Some(1.0495));
    assert_eq!(paper(&HIGHER.replace("\"auc\"", "\"entropy\"")), None);
    assert_eq!(paper(&HIGHER.replace("than = \"sac\"", "than_value = 1.0")), None);
}

#[test]
fn the_committed_claims_fit_the_committed_suites() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let suites = Suite::load_all(&root.join("configs/suites")).unwrap();
    let claims = Claim::load(&root.join("configs/claims.toml"), &suites).unwrap();
    let derived = Claim::of_tables(&suites);
    // Tables 2 to 4 compare 18, 12 and 5 numbers with a reference. Table 5 compares the highest of
    // four with the others at three noise levels, starting with 3632.2 over 3387.4.
    assert_eq!(derived.len(), 35 + 9);
    let Test::Runs(test) = &derived[35].test else { panic!("tested by runs") };
    assert_eq!((test.method.as_str(), test.paper), ("pmoe-sac", Some(3632.2 / 3387.4)));
    let prints = |claim: &&Claim| matches!(&claim.test, Test::Runs(test) if test.paper.is_some());
    assert_eq!(derived.iter().filter(prints).count(), derived.len());
    let ids: std::collections::BTreeSet<_> =
        claims.iter().chain(&derived).map(|claim| &claim.id).collect();
    assert_eq!(ids.len(), claims.len() + derived.len());
    let is_success = |claim: &&Claim| matches!(&claim.test, Test::Runs(test) if test.quantity == Quantity::SuccessAuc);
    assert_eq!(claims.iter().filter(is_success).count(), 1);
    let fixed = |claim: &&Claim| matches!(&claim.test, Test::Runs(test) if matches!(test.than, Than::Value(_)));
    assert!(claims.iter().filter(fixed).count() < claims.len());
}

#[test]
fn bad_claims_are_refused_with_the_key() {
    let head = "[[claims]]\nid = \"c\"\nplace = \"p\"\nsays = \"s\"\n";
    let tested = format!("{head}suite = \"fig1\"\n{HIGHER}");
    for (text, key, said) in [
        (head.to_owned(), "claims[0].quantity", "is missing"),
        (tested.replace("fig1", "fig2"), "claims[0].suite", "`fig2` is not one of fig1"),
        (
            tested.replace("\"sac\"", "\"dac\""),
            "claims[0].than",
            "`dac` is not one of sac, pmoe-sac",
        ),
        (format!("{tested}task = \"V\"\n"), "claims[0].task", "`V` is not one of T, U"),
        (format!("{tested}than_value = 1.0\n"), "claims[0].than", "either"),
        (format!("{tested}within = 0.1\n"), "claims[0].within", "allowed only with"),
        (tested.replace("\"higher\"", "\"equal\""), "claims[0].within", "needs a finite margin"),
        (tested.replace("\"auc\"", "\"ucb\""), "claims[0].quantity", "unknown variant"),
        (format!("{tested}instead = \"no\"\n"), "claims[0].instead", "excludes the keys of a test"),
        (
            format!("{head}instead = \"no\"\nwithin = 0.1\n"),
            "claims[0].instead",
            "excludes the keys of a test",
        ),
        (
            format!("{head}instead = \"no\"\nthan_value = 0.1\n"),
            "claims[0].instead",
            "excludes the keys of a test",
        ),
        (format!("{tested}{tested}"), "claims[1].id", "twice"),
        (format!("{tested}more = 1\n"), "claims[0].more", "unknown field"),
    ] {
        let error = Claim::parse(&text, Path::new("claims.toml"), &[suite()]).unwrap_err();
        let text = error.to_string();
        assert!(text.contains(key) && text.contains(said), "{text}");
        assert!(error.is_bad_input());
    }
}
