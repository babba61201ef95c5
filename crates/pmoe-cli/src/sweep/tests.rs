use std::fs;

use super::*;

const GOOD: &str = r#"
method = "sac"
task = "TargetReaching-v0"
steps = 20000
seeds = [1, 2]
n_trials = 20
objective = "final"

[set]
schedule.eval_every = 1000

[space]
batch_size = { kind = "categorical", choices = [64, 128] }
gamma = { kind = "float", low = 0.9, high = 0.999 }
hidden = { kind = "categorical", choices = [[64, 64], [256, 256]] }
"schedule.log_every" = { kind = "int", low = 100, high = 1000, log = true }
"#;

fn read(text: &str) -> Result<Sweep> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("sweep.toml");
    fs::write(&path, text).unwrap();
    Sweep::read(&path)
}

#[test]
fn a_good_file_is_read_with_defaults() {
    let sweep = read(GOOD).unwrap();
    assert_eq!(sweep.sampler, Sampler::Tpe { seed: 0, startup_trials: 10 });
    assert_eq!(sweep.pruner, Pruner::Median { startup_trials: 5, warmup_steps: 0 });
    let keys: Vec<_> = sweep.space.keys().map(String::as_str).collect();
    assert_eq!(keys, ["batch_size", "gamma", "hidden", "schedule.log_every"]);
    assert_eq!(dotted(&sweep.set, ""), ["schedule.eval_every=1000"]);
    let json = serde_json::to_value(&sweep.space["hidden"]).unwrap();
    assert_eq!(json["choices"][1]["label"], "[256, 256]");
    assert_eq!(json["choices"][1]["set"], "[256, 256]");
    // Dotted keys need no quotes.
    let unquoted = GOOD.replace("\"schedule.log_every\"", "schedule.log_every");
    assert_eq!(read(&unquoted).unwrap().space, sweep.space);
}

#[test]
fn a_bad_file_is_refused_with_key_and_allowed_values() {
    for (from, to, words) in [
        ("n_trials = 20", "trials = 20", "unknown field `trials`"),
        ("n_trials = 20", "n_trials = 0", "`n_trials` is 0, but must be from 1 to 1_000_000"),
        ("steps = 20000", "steps = \"many\"", "`steps`"),
        ("[1, 2]", "[1, 1]", "`seeds` is [1, 1], but must be one or more different"),
        ("[1, 2]", "[]", "`seeds`"),
        ("\"final\"", "\"best\"", "unknown variant `best`, expected `final` or `auc`"),
        ("\"sac\"", "\"sca\"", "unknown method `sca`"),
        ("\"TargetReaching-v0\"", "\"Target\"", "unknown task"),
        ("\"float\"", "\"flaot\"", "`gamma`: unknown variant `flaot`, expected one of `float`"),
        ("kind = \"float\", ", "", "`gamma` has no `kind`"),
        ("0.9, high = 0.999", "0.9, high = 0.5", "`low` below `high`"),
        ("0.9, high = 0.999", "0.0, high = 0.9, log = true", "above 0, as `log` is true"),
        ("high = 0.999", "high = 1.5", "`gamma` = 1.5"),
        ("low = 100,", "low = 0,", "1 or more, as `log` is true"),
        ("[64, 128]", "[]", "1 to 64 different choices"),
        ("[64, 128]", "[64, 64]", "1 to 64 different choices"),
        ("[64, 128]", "[64, \"big\"]", "`batch_size` = \"big\""),
        ("gamma =", "gama =", "did you mean `gamma`?"),
        ("[space]", "[pruner]\nkind = \"percentile\"\npercentile = 101\n[space]", "from 0 to 100"),
        ("[space]", "[pruner]\nkind = \"best\"\n[space]", "expected one of `none`, `median`"),
        ("[set]", "[set]\ngamma = 0.9", "`space.gamma` is the setting of `set.gamma`, too"),
        (
            "[set]",
            "[set]\nalgo.sac.gamma = 0.9",
            "`space.gamma` is the setting of `set.algo.sac.gamma`",
        ),
        (
            "[space]",
            "[space]\n\"algo.sac.gamma\" = { kind = \"float\", low = 0.9, high = 0.99 }",
            "`space.gamma` is the setting of `space.algo.sac.gamma`, too",
        ),
        ("schedule.log_every", "schedule.total_steps", "`steps` is the budget"),
        ("[set]", "[set]\nschedule.total_steps = 3", "`steps` is the budget"),
    ] {
        assert!(GOOD.contains(from), "{from}");
        let error = read(&GOOD.replace(from, to)).unwrap_err();
        let said = format!("{error:#}");
        assert!(said.contains(words) && said.contains("sweep.toml"), "{to}: {said}");
        assert!(crate::exit::is_bad_input(&error), "{to}");
    }
}
