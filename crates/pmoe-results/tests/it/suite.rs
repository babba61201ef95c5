use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use pmoe_results::{Preset, Quantity, ResultsError, Suite};

const SUITE: &str = r#"
title = "One against the other"
item = "Fig. 0"
reference = "a"
methods = ["a", "b"]
tasks = ["T-v1", "U-v1"]

[[variants]]
name = "b-100"
base = "b"
set = { batch = 100, depth = 3 }

[presets]
smoke = { seeds = [0, 1], total_steps = 10, set = { batch = 2, "schedule.eval_every" = 5 } }
quick = { seeds = [0], total_steps = 100 }
paper = { seeds = [7], total_steps = 1000, tasks = ["U-v1"], task_steps = { "U-v1" = 3000 } }

[[overrides]]
when = { method = "b" }
set = { batch = 50, temperature = { kind = "fixed", alpha = 0.5 }, name = "x" }

[[overrides]]
when = { method = "b", task = "U-v1" }
set = { batch = 60 }

[paper]
states = { seeds = true, steps = ["U-v1"] }

[paper.auc]
b = { "T-v1" = 105.5 }

[[paper.noise]]
method = "b"
task = "U-v1"
obs_noise = 0.05
mean = 3387.4
std = 2.5
"#;

fn load(text: &str) -> Result<Suite, ResultsError> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("some.toml");
    fs::write(&path, text).unwrap();
    Suite::load(&path)
}

fn settings(suite: &Suite, preset: Preset, method: &str, task: &str) -> Vec<(String, String)> {
    let spec = suite.plan(preset).into_iter().find(|run| run.method == method && run.task == task);
    spec.unwrap().set
}

#[test]
fn the_keys_of_older_suites_mean_the_same() {
    let old = SUITE.replace("methods = [", "algos = [").replace("base = ", "algo = ");
    assert_eq!(load(&old).unwrap(), load(SUITE).unwrap());
}

#[test]
fn the_plan_is_fair() {
    let plan = load(SUITE).unwrap().plan(Preset::Smoke);
    let dirs: Vec<_> = plan.iter().map(|run| run.dir.to_str().unwrap()).collect();
    let expected = [
        "some/a/T-v1/seed_0",
        "some/b/T-v1/seed_0",
        "some/b-100/T-v1/seed_0",
        "some/a/U-v1/seed_0",
        "some/b/U-v1/seed_0",
        "some/b-100/U-v1/seed_0",
        "some/a/T-v1/seed_1",
        "some/b/T-v1/seed_1",
        "some/b-100/T-v1/seed_1",
        "some/a/U-v1/seed_1",
        "some/b/U-v1/seed_1",
        "some/b-100/U-v1/seed_1",
    ];
    assert_eq!(dirs, expected);
    assert!(plan.iter().all(|run| run.total_steps == 10 && run.suite == "some"));
}

#[test]
fn the_later_setting_wins_and_the_preset_is_last() {
    let suite = load(SUITE).unwrap();
    let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let fixed = pair("temperature", "{ alpha = 0.5, kind = \"fixed\" }");
    let (name, eval) = (pair("name", "\"x\""), pair("schedule.eval_every", "5"));
    assert_eq!(settings(&suite, Preset::Quick, "a", "T-v1"), []);
    assert_eq!(
        settings(&suite, Preset::Quick, "b", "T-v1"),
        [pair("batch", "50"), name.clone(), fixed.clone()]
    );
    assert_eq!(
        settings(&suite, Preset::Quick, "b", "U-v1"),
        [pair("batch", "60"), name.clone(), fixed.clone()]
    );
    assert_eq!(
        settings(&suite, Preset::Smoke, "b", "U-v1"),
        [pair("batch", "2"), name, eval, fixed]
    );
}

#[test]
fn a_preset_may_have_fewer_tasks_and_other_budgets() {
    let suite = load(SUITE).unwrap();
    let plan = suite.plan(Preset::Paper);
    let found: Vec<_> = plan.iter().map(|run| (run.task.as_str(), run.total_steps)).collect();
    assert_eq!(found, [("U-v1", 3000); 3]);
    let all: Vec<_> = suite.plan(Preset::Quick).iter().map(|run| run.total_steps).collect();
    assert_eq!(all, [100; 6]);
}

#[test]
fn a_variant_is_a_method_with_settings_under_another_name() {
    let suite = load(SUITE).unwrap();
    let run = suite.plan(Preset::Smoke).remove(2);
    assert_eq!((run.method.as_str(), run.base.as_str()), ("b-100", "b"));
    let set: Vec<_> = run.set.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    // Overrides of `b` don't apply to it; the preset does.
    assert_eq!(set, [("batch", "2"), ("depth", "3"), ("schedule.eval_every", "5")]);
}

#[test]
fn the_paper_divides_what_it_prints() {
    let noise = "[[paper.noise]]\nmethod = \"a\"\ntask = \"U-v1\"\nobs_noise = 0.05\nmean = 1000.0\nstd = 1.0\n";
    let auc =
        "b = { \"T-v1\" = 105.0, \"U-v1\" = 80.0 }\nb-100 = { \"T-v1\" = 50.0, \"U-v1\" = -1.0 }";
    let suite = load(&(SUITE.replace("b = { \"T-v1\" = 105.5 }", auc) + noise)).unwrap();
    let ratio = |quantity, method, than, tasks: &[&str]| {
        let tasks: Vec<_> = tasks.iter().map(|&task| task.to_owned()).collect();
        suite.paper_ratio(quantity, method, than, &tasks)
    };
    // The reference is 100 % even if it is not printed.
    assert_eq!(ratio(Quantity::Auc, "b", "a", &["T-v1"]), Some(1.05));
    assert_eq!(ratio(Quantity::Auc, "b", "b-100", &["T-v1"]), Some(2.1));
    assert_eq!(ratio(Quantity::Auc, "b", "a", &["T-v1", "U-v1"]), Some(f64::midpoint(1.05, 0.8)));
    let noisy = Quantity::ReturnAtNoise005;
    assert_eq!(ratio(noisy, "b", "a", &["U-v1"]), Some(3.3874));
    // No positive divisor, not all tasks printed, nothing printed, no tasks.
    assert_eq!(ratio(Quantity::Auc, "b", "b-100", &["T-v1", "U-v1"]), None);
    assert_eq!(ratio(noisy, "b", "a", &["T-v1", "U-v1"]), None);
    assert_eq!(ratio(Quantity::ReturnAtNoise0, "b", "a", &["U-v1"]), None);
    assert_eq!(ratio(Quantity::Entropy, "b", "a", &["T-v1"]), None);
    assert_eq!(ratio(Quantity::Auc, "b", "a", &[]), None);
}

#[test]
fn suites_are_in_the_order_of_the_paper() {
    let names = ["table5", "fig11", "fig2-table3", "fig4-fig10", "fig4-fig2", "routing", "fig1"];
    let mut suites: Vec<_> = names
        .iter()
        .map(|name| Suite::parse(SUITE, &Path::new(name).with_extension("toml")).unwrap())
        .collect();
    Suite::sort(&mut suites);
    let sorted: Vec<_> = suites.iter().map(|suite| suite.name.as_str()).collect();
    let expected = ["fig1", "fig2-table3", "fig4-fig2", "fig4-fig10", "fig11", "routing", "table5"];
    assert_eq!(sorted, expected);
}

#[test]
fn bad_values_are_named_with_the_allowed_ones() {
    // Old text, new text, and what the message must name in addition to the file.
    let cases: [(&str, &str, &[&str]); 25] = [
        ("reference = \"a\"", "reference = \"c\"", &["reference", "\"c\"", "`a`, `b`, `b-100`"]),
        ("reference = \"a\"", "reference = \"a\"\nsubject = \"c\"", &["subject", "\"c\""]),
        ("item =", "itme =", &["itme", "`item`", "`tasks`"]),
        ("title = \"One against the other\"\n", "", &["title"]),
        ("methods = [\"a\", \"b\"]", "methods = [\"a\", 1]", &["methods[1]", "string"]),
        ("methods = [\"a\", \"b\"]", "methods = [\"a\", \"a\"]", &["methods", "without repeats"]),
        ("\"U-v1\"]", "\"../U\"]", &["tasks", "../U", "letters"]),
        ("seeds = [7]", "seeds = []", &["presets.paper.seeds", "nonempty"]),
        ("seeds = [7]", "seeds = [-7]", &["presets.paper.seeds[0]", "-7"]),
        ("total_steps = 100 ", "total_steps = 0 ", &["presets.quick.total_steps", "at least 1"]),
        ("seeds = [0],", "sedes = [0],", &["presets.quick", "sedes", "`seeds`"]),
        ("quick =", "fast =", &["presets", "fast", "`smoke`, `quick`, `paper`"]),
        ("batch = 2,", "\"schedule.total_steps\" = 2,", &["presets.smoke.set", "total_steps"]),
        ("task = \"U-v1\"", "task = \"U\"", &["overrides[1].when", "\"U\"", "`T-v1`, `U-v1`"]),
        ("b = { \"T-v1\"", "c = { \"T-v1\"", &["paper.auc", "\"c\"", "`a`, `b`"]),
        ("105.5", "nan", &["paper.auc.b", "finite"]),
        ("name = \"b-100\"", "name = \"b\"", &["methods and variants", "without repeats"]),
        ("depth = 3", "\"schedule.total_steps\" = 3", &["variants.b-100.set", "total_steps"]),
        ("tasks = [\"U-v1\"]", "tasks = []", &["presets.paper.tasks", "nonempty"]),
        ("{ \"U-v1\" = 3000 }", "{ U = 3000 }", &["presets.paper.task_steps", "`T-v1`, `U-v1`"]),
        ("{ method = \"b\" }", "{ base = \"b\" }", &["overrides[0].when", "base", "`method`"]),
        ("std = 2.5", "std = inf", &["paper.noise[0]", "finite"]),
        ("task = \"U-v1\"\nobs", "task = \"W\"\nobs", &["paper.noise[0]", "`T-v1`, `U-v1`"]),
        ("= 0.05", "= 0.2", &["paper.noise[0].obs_noise", "0.2", "`0`, `0.05`, `0.1`"]),
        ("steps = [\"U-v1\"]", "steps = [\"W\"]", &["paper.states.steps", "`T-v1`, `U-v1`"]),
    ];
    for (old, new, parts) in cases {
        assert!(SUITE.contains(old), "{old}");
        let error = load(&SUITE.replace(old, new)).unwrap_err();
        assert!(error.is_bad_input());
        let message = error.to_string();
        for part in parts.iter().chain(&["some.toml"]) {
            assert!(message.contains(part), "{new}: no {part} in: {message}");
        }
    }
    let error = load("title = ").unwrap_err().to_string();
    assert!(error.contains("line 1"), "{error}");
}

#[test]
fn a_suite_has_bounds() {
    let list = |count: usize| format!("{:?}", (0..count).collect::<Vec<_>>());
    for (old, new, parts) in [
        (
            "total_steps = 100 ",
            "total_steps = 9000000000000000000 ",
            ["presets.quick.total_steps", "000_000"],
        ),
        (
            "\"U-v1\" = 3000",
            "\"U-v1\" = 2000000000000000",
            ["presets.paper.task_steps.U-v1", "000_000"],
        ),
        ("[7]", list(1_001).as_str(), ["presets.paper.seeds", "at most 1_000"]),
    ] {
        assert!(SUITE.contains(old), "{old}");
        let error = load(&SUITE.replace(old, new)).unwrap_err();
        assert!(error.is_bad_input());
        let message = error.to_string();
        assert!(parts.iter().all(|part| message.contains(part)), "{message}");
    }
    // Lists within their limits can still give too many runs: 3 · 202 · 1000.
    let tasks: Vec<_> = (0..200).map(|index| format!("\"T{index}\"")).collect();
    let tasks = format!("\"U-v1\", {}", tasks.join(", "));
    let many = SUITE.replace("\"U-v1\"]\n\n[[variants]]", &format!("{tasks}]\n\n[[variants]]"));
    let many = many.replace("[0, 1]", &list(1_000));
    let error = load(&many).unwrap_err().to_string();
    assert!(error.contains("a list of 606000") && error.contains("100_000"), "{error}");
}

#[test]
fn what_was_meant_is_said() {
    for (old, new, meant) in [
        ("item =", "itme =", "did you mean `item`?"),
        ("task = \"U-v1\"", "task = \"u-v1\"", "did you mean `U-v1`?"),
        ("reference = \"a\"", "reference = \"b-10\"", "did you mean `b-100`?"),
    ] {
        let error = load(&SUITE.replacen(old, new, 1)).unwrap_err().to_string();
        assert!(error.contains(meant), "{error}");
    }
}

#[test]
fn a_suite_that_is_no_file_is_bad_input() {
    let dir = tempfile::tempdir().unwrap();
    for (path, reason) in [
        (dir.path(), "a folder"),
        (Path::new("/dev/zero"), "a device"),
        (&dir.path().join("x"), "No such"),
    ] {
        let error = Suite::load(path).unwrap_err();
        assert!(error.is_bad_input() && error.to_string().contains(reason), "{error}");
    }
    assert!(Suite::load_all(&dir.path().join("nowhere")).unwrap_err().is_bad_input());
}

#[test]
fn presets_by_name() {
    assert_eq!("quick".parse::<Preset>().unwrap(), Preset::Quick);
    let error = "fast".parse::<Preset>().unwrap_err().to_string();
    assert!(error.contains("\"fast\"") && error.contains("`smoke`, `quick`, `paper`"), "{error}");
}

#[test]
fn the_committed_suites_are_good() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs/suites");
    let suites = Suite::load_all(&folder).unwrap();
    for suite in &suites {
        for preset in Preset::ALL {
            let plan = suite.plan(preset);
            let dirs: BTreeSet<_> = plan.iter().map(|run| &run.dir).collect();
            assert_eq!(dirs.len(), plan.len(), "{} {preset}", suite.name);
        }
    }
    assert!(Suite::load(&folder.join("nothing.toml")).unwrap_err().is_bad_input());
    // Every figure and table with experiments appears once; Fig. 7 and Table 1 have none.
    let items = suites.iter().flat_map(|suite| suite.item.split(", "));
    let mut items: Vec<_> = items.filter(|item| *item != "Beyond the paper").collect();
    items.sort_unstable();
    let figures = [1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13].map(|n| format!("Fig. {n}"));
    let tables = [2, 3, 4, 5].map(|n| format!("Table {n}"));
    let mut expected: Vec<_> = figures.iter().chain(&tables).map(String::as_str).collect();
    expected.sort_unstable();
    assert_eq!(items, expected);
}
