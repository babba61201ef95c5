use std::collections::BTreeMap;
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
    let metrics = [("entropy".to_owned(), level)].into();
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

/// Replaces the config and the metrics of a run.
fn with_metrics(run: Run, config: &str, metrics: &[(&str, f64)]) -> Run {
    let metrics: BTreeMap<_, _> =
        metrics.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
    let events = run.events.iter().map(|event| match event {
        Event::Update { env_step, grad_step, .. } => {
            let (env_step, grad_step, metrics) = (*env_step, *grad_step, metrics.clone());
            Event::Update { env_step, grad_step, metrics }
        }
        other => other.clone(),
    });
    Run { config: config.parse().unwrap(), events: events.collect(), ..run }
}

/// Returns the values of a quantity of one run.
fn value(run: &Run, quantity: Quantity) -> Option<f64> {
    let comparison = Comparison::new(&[Entry::from(run)], None, &Bootstrap::STANDARD);
    let cell = comparison.cell(&run.manifest.method, &run.manifest.task).unwrap();
    let value = cell.values_of(quantity).next();
    value.map(|(_, value)| value)
}

const OLD_MIXTURE: &str = "[algo.sac.actor.pmoe]\nnum_primitives = 4";

#[test]
fn the_entropy_is_that_of_the_policy_that_acts_or_missing() {
    let entropy = |config: &str, metrics: &[(&str, f64)]| {
        value(&with_metrics(run("a", "T", 0, 1.0, DONE), config, metrics), Quantity::Entropy)
    };
    let (old, new) = ([("log_prob_mean", -2.0)], [("log_prob_mean", -2.0), ("entropy", 3.0)]);
    // One Gaussian: minus the log-density of its actions.
    for actor in ["gaussian", "gating", "mcp"] {
        let config = format!("[algo.sac.actor.{actor}]");
        assert_eq!([entropy(&config, &old), entropy(&config, &new)], [Some(2.0), Some(3.0)]);
    }
    let one = OLD_MIXTURE.replace('4', "1");
    assert_eq!([entropy(&one, &old), entropy(&one, &new)], [Some(2.0), Some(3.0)]);
    // Of a mixture that is the winner's own density.
    assert_eq!([entropy(OLD_MIXTURE, &old), entropy(OLD_MIXTURE, &new)], [None, Some(3.0)]);
    // On PPO and in DAC, what earlier versions called the entropy of a mixture is a lower bound.
    let (old, new) = ([("entropy", 1.0)], [("entropy", 3.0), ("entropy_bound", 1.0)]);
    for mixture in ["[algo.ppo.actor.pmoe]\nnum_primitives = 4", "[algo.dac]\nnum_options = 4"] {
        assert_eq!([entropy(mixture, &old), entropy(mixture, &new)], [None, Some(3.0)]);
    }
    for one in ["[algo.ppo.actor.gaussian.std.exp]", "[algo.ppo.actor.mcp]"] {
        assert_eq!(entropy(one, &old), Some(1.0));
    }
}

#[test]
fn runs_without_the_quantity_ask_for_new_ones() {
    let claim = "task = \"T\"\nquantity = \"entropy\"\nmethod = \"pmoe-sac\"\nthan = \"sac\"\nis = \"higher\"";
    let old = |run: Run| {
        let is_mixture = run.manifest.method == "pmoe-sac";
        let config = if is_mixture { OLD_MIXTURE } else { "[algo.sac.actor.gaussian]" };
        with_metrics(run, config, &[("log_prob_mean", -2.0)])
    };
    let mut runs: Vec<_> = runs().into_iter().map(old).collect();
    let judgement = judge(claim, &runs);
    assert_eq!((judgement.verdict, judgement.lacking), (Verdict::NeedsNewRuns, 3));
    assert_eq!((judgement.effect, judgement.left_out), (None, 3));
    // One new run is an effect, but too few.
    runs[0] = run("pmoe-sac", "T", 0, 5.0, DONE);
    let judgement = judge(claim, &runs);
    assert_eq!((judgement.verdict, judgement.lacking), (Verdict::TooFewRuns, 2));
    assert_eq!(judgement.effect.unwrap().estimate.value, 3.0);
    // An analysis can be made of the runs that there are, and new ones reach no goal either.
    for other in ["silhouette_of_modes", "success_auc"] {
        let claim = claim.replace("entropy", other);
        assert_eq!(judge(&claim, &runs).verdict, Verdict::NotRun);
    }
}

#[test]
fn the_return_as_it_acts_is_of_the_whole_run_or_missing() {
    let episode = |env_step, episode_length, episode_return| Event::Episode {
        env_step,
        episode: 1,
        episode_return,
        episode_length,
        truncated: false,
        success: None,
    };
    let acting = |episodes: Vec<Event>, config: &str| {
        let mut run = with_metrics(run("a", "T", 0, 1.0, DONE), config, &[]);
        run.events.extend(episodes);
        [value(&run, Quantity::ActingAuc), value(&run, Quantity::ActingReturn)]
    };
    // 100 steps: 40 with return 1, then 60 with return 6; parts of 2 steps, whose middles are 1 to
    // 99, from the one between 39 and 41 on at 6.
    let two = || vec![episode(40, 40, 1.0), episode(100, 60, 6.0)];
    let [auc, last] = acting(two(), "");
    assert_eq!(last, Some(6.0));
    assert!((auc.unwrap() - (38.0 + 2.0 * 3.5 + 58.0 * 6.0) / 98.0).abs() < 1e-12);
    // The last episode has not ended: no return is known of the last tenth.
    assert_eq!(acting(vec![episode(40, 40, 1.0)], ""), [None, None]);
    assert_eq!(acting(Vec::new(), ""), [None, None]);
    // It ended within the last tenth.
    let [auc, last] = acting(vec![episode(40, 40, 1.0), episode(94, 54, 6.0)], "");
    assert!(auc.is_some() && last == Some(6.0));
    // Of two environments that take turns, each episode of 50 steps is as long as the run.
    let both = vec![episode(99, 50, 1.0), episode(100, 50, 3.0)];
    let [auc, last] = acting(both, "[algo.ppo]\nnum_envs = 2");
    for value in [auc, last] {
        assert!((value.unwrap() - 2.0).abs() < 0.1, "{value:?}");
    }
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
