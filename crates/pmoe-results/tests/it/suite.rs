use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use pmoe_results::{Preset, ResultsError, Suite};

const SUITE: &str = r#"
title = "One against the other"
item = "Fig. 0"
reference = "a"
algos = ["a", "b"]
tasks = ["T-v1", "U-v1"]

[presets]
smoke = { seeds = [0, 1], total_steps = 10, set = { batch = 2, "schedule.eval_every" = 5 } }
quick = { seeds = [0], total_steps = 100 }
paper = { seeds = [7], total_steps = 1000 }

[[overrides]]
when = { algo = "b" }
set = { batch = 50, temperature = { kind = "fixed", alpha = 0.5 }, name = "x" }

[[overrides]]
when = { algo = "b", task = "U-v1" }
set = { batch = 60 }

[paper.auc]
b = { "T-v1" = 105.5 }
"#;

fn load(text: &str) -> Result<Suite, ResultsError> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("some.toml");
    fs::write(&path, text).unwrap();
    Suite::load(&path)
}

fn settings(suite: &Suite, preset: Preset, algo: &str, task: &str) -> Vec<(String, String)> {
    let spec = suite.plan(preset).into_iter().find(|run| run.algo == algo && run.task == task);
    spec.unwrap().set
}

#[test]
fn the_plan_is_fair() {
    let plan = load(SUITE).unwrap().plan(Preset::Smoke);
    let dirs: Vec<_> = plan.iter().map(|run| run.dir.to_str().unwrap()).collect();
    let expected = [
        "some/a/T-v1/seed_0",
        "some/b/T-v1/seed_0",
        "some/a/U-v1/seed_0",
        "some/b/U-v1/seed_0",
        "some/a/T-v1/seed_1",
        "some/b/T-v1/seed_1",
        "some/a/U-v1/seed_1",
        "some/b/U-v1/seed_1",
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
fn bad_values_are_named_with_the_allowed_ones() {
    // Old text, new text, and what the message has to name besides the file.
    let cases: [(&str, &str, &[&str]); 15] = [
        ("reference = \"a\"", "reference = \"c\"", &["reference", "\"c\"", "`a`, `b`"]),
        ("item =", "itme =", &["itme", "`item`", "`tasks`"]),
        ("title = \"One against the other\"\n", "", &["title"]),
        ("algos = [\"a\", \"b\"]", "algos = [\"a\", 1]", &["algos[1]", "string"]),
        ("algos = [\"a\", \"b\"]", "algos = [\"a\", \"a\"]", &["algos", "each once"]),
        ("\"U-v1\"]", "\"../U\"]", &["tasks", "../U", "letters"]),
        ("seeds = [7]", "seeds = []", &["presets.paper.seeds", "one or more"]),
        ("seeds = [7]", "seeds = [-7]", &["presets.paper.seeds[0]", "-7"]),
        ("total_steps = 100 ", "total_steps = 0 ", &["presets.quick.total_steps", "at least 1"]),
        ("seeds = [0],", "sedes = [0],", &["presets.quick", "sedes", "`seeds`"]),
        ("quick =", "fast =", &["presets", "fast", "`smoke`, `quick`, `paper`"]),
        ("batch = 2,", "\"schedule.total_steps\" = 2,", &["presets.smoke.set", "total_steps"]),
        ("task = \"U-v1\"", "task = \"U\"", &["overrides[1].when", "\"U\"", "`T-v1`, `U-v1`"]),
        ("b = { \"T-v1\"", "c = { \"T-v1\"", &["paper.auc", "\"c\"", "`a`, `b`"]),
        ("105.5", "nan", &["paper.auc.b", "finite"]),
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
fn presets_by_name() {
    assert_eq!("quick".parse::<Preset>().unwrap(), Preset::Quick);
    let error = "fast".parse::<Preset>().unwrap_err().to_string();
    assert!(error.contains("\"fast\"") && error.contains("`smoke`, `quick`, `paper`"), "{error}");
}

#[test]
fn the_committed_suites_are_good() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs/suites");
    let suites = Suite::load_all(&folder).unwrap();
    assert!(suites.iter().any(|suite| suite.name == "fig1-table2"));
    for suite in suites {
        for preset in Preset::ALL {
            let plan = suite.plan(preset);
            let dirs: BTreeSet<_> = plan.iter().map(|run| &run.dir).collect();
            assert_eq!(dirs.len(), plan.len(), "{} {preset}", suite.name);
        }
    }
    assert!(Suite::load(&folder.join("nothing.toml")).unwrap_err().is_bad_input());
}
