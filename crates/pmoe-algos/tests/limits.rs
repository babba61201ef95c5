//! Every size has an upper bound, and memory use can be estimated for any size.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::fs;

use pmoe_algos::{ConfigError, RunConfig};
use pmoe_envs::EnvSpec;
use pmoe_envs::{EnvError, TaskId};
use pmoe_results::methods;
use toml::{Table, Value};

/// Returns the config of every committed method on a task of each family.
fn configs() -> Vec<Table> {
    let mut configs = Vec::new();
    for (method, _) in methods::committed() {
        for task in ["Hopper-v4", "Ant-v4", "TargetReaching-v0", "TargetReachingFixed-v0"] {
            let mut config = methods::config_of(method).unwrap();
            let id: TaskId = task.parse().unwrap();
            config.insert("env".to_owned(), Value::try_from(id.config().unwrap()).unwrap());
            for (key, value) in [("method", "m"), ("task", task), ("device", "flex")] {
                config.insert(key.to_owned(), Value::String(value.to_owned()));
            }
            config.insert("seed".to_owned(), Value::Integer(0));
            assert!(RunConfig::from_table(config.clone(), "test").is_ok());
            configs.push(config);
        }
    }
    assert!(configs.len() > 60);
    configs
}

/// Collects the paths of all integers and lists in a value.
fn places(value: &Value, path: &[String], found: &mut Vec<Vec<String>>) {
    let at = |part: &str| [path, &[part.to_owned()]].concat();
    match value {
        Value::Integer(_) => found.push(path.to_vec()),
        Value::Table(table) => table.iter().for_each(|(key, value)| places(value, &at(key), found)),
        Value::Array(values) => {
            found.push(path.to_vec());
            let numbered = values.iter().enumerate();
            numbered.for_each(|(index, value)| places(value, &at(&index.to_string()), found));
        }
        _ => {}
    }
}

fn at<'a>(config: &'a mut Value, path: &[String]) -> &'a mut Value {
    path.iter().fold(config, |value, part| match value {
        Value::Array(values) => &mut values[part.parse::<usize>().unwrap()],
        value => &mut value[part.as_str()],
    })
}

/// Parses the config with another value at `path`, and asserts that its memory use can be
/// estimated.
fn with(config: &Table, path: &[String], value: &Value) -> Result<RunConfig, ConfigError> {
    let mut config = Value::Table(config.clone());
    *at(&mut config, path) = value.clone();
    let Value::Table(config) = config else { panic!("a table stays one") };
    let config = RunConfig::from_table(config, "test")?;
    let steps = config.schedule.total_steps;
    let spec = EnvSpec::new("test", 17, 6);
    assert!(config.algo.memory(steps, &spec).total() > 0);
    assert!(config.algo.largest_setting(steps, &spec).starts_with("algo."));
    Ok(config)
}

#[test]
fn every_size_has_an_upper_bound() {
    let mut checked = 0;
    for config in configs() {
        let mut found = Vec::new();
        places(&Value::Table(config.clone()), &[], &mut found);
        for path in found.iter().filter(|path| path[0] != "seed") {
            let mut tree = Value::Table(config.clone());
            if let Value::Array(values) = at(&mut tree, path) {
                // The type fixes the length of pairs of limits and of points.
                let long = Value::Array(vec![values[0].clone(); 1_000]);
                assert!(with(&config, path, &long).is_err(), "{path:?} of 1000 values");
                continue;
            }
            let error = with(&config, path, &Value::Integer(i64::MAX)).unwrap_err();
            assert!(error.to_string().contains("9223372036854775807"), "{path:?}: {error}");
            let key = path.iter().rev().find(|part| part.parse::<usize>().is_err()).unwrap();
            assert!(error.to_string().contains(key.as_str()), "{path:?}: {error}");
            for value in [-1, 0, 1, 501, 65_536, 1 << 24, 4_294_967_294, u32::MAX.into(), 1 << 53] {
                // Either rejected, or its memory use can be estimated.
                let _ = with(&config, path, &Value::Integer(value));
            }
            checked += 1;
        }
    }
    assert!(checked > 1_000, "{checked}");
}

fn sac(set: &[(&str, Value)]) -> Result<RunConfig, ConfigError> {
    let mut config =
        configs().into_iter().find(|config| config["algo"].get("sac").is_some()).unwrap();
    for (key, value) in set {
        pmoe_results::settings::assign(&mut config, key, value.clone()).unwrap();
    }
    RunConfig::from_table(config, "test")
}

#[test]
fn bounds_have_reasons_and_leave_room() {
    let integer = |value: i64| Value::Integer(value);
    let hidden = |units: i64| Value::Array(vec![integer(units); 2]);
    for (key, value, allowed) in [
        ("algo.sac.hidden", hidden(100_000), "65_536: two such layers"),
        ("algo.sac.batch_size", integer(1 << 25), "16_777_216: means are computed"),
        ("algo.sac.buffer_size", integer(1 << 32), "4_294_967_294: they are numbered with 32 bits"),
        ("algo.sac.gradient_steps", integer(4_000_000_000), "1_000_000_000: the next environment"),
        ("schedule.total_steps", integer(i64::MAX), "1_000_000_000_000_000: event files"),
        ("schedule.eval_episodes", integer(1_000_001), "1_000_000: an evaluation is one line"),
    ] {
        let error = sac(&[(key, value)]).unwrap_err().to_string();
        assert!(error.contains(&format!("but must be at most {allowed}")), "{error}");
    }
    for (key, value) in [
        ("algo.sac.hidden", hidden(65_536)),
        ("algo.sac.gradient_steps", integer(5_000_000)),
        ("schedule.total_steps", integer(1_000_000_000_000_000)),
        ("schedule.eval_every", integer(1_000_000_000_000_000)),
    ] {
        sac(&[(key, value)]).unwrap();
    }
}

#[test]
fn environments_take_turns_evenly_and_are_not_too_many() {
    let with = |set: &[(&str, i64)]| {
        let mut config =
            configs().into_iter().find(|config| config["algo"].get("ppo").is_some()).unwrap();
        let schedule = ["total_steps", "eval_every", "log_every", "checkpoint_every"];
        let schedule = schedule.map(|key| (format!("schedule.{key}"), 20_480));
        let set = set.iter().map(|(key, value)| ((*key).to_owned(), *value));
        for (key, value) in schedule.into_iter().chain(set) {
            pmoe_results::settings::assign(&mut config, &key, Value::Integer(value)).unwrap();
        }
        RunConfig::from_table(config, "test")
    };
    let num_envs = "algo.ppo.num_envs";
    for num in [1, 2, 1024] {
        assert_eq!(with(&[(num_envs, num)]).unwrap().algo.num_envs() as i64, num);
    }
    for (set, allowed) in [
        (vec![(num_envs, 0)], "at least 1"),
        (vec![(num_envs, 2048)], "at most 1_024: each holds a simulation"),
        (vec![(num_envs, 3)], "a divisor of rollout_steps, which is 2048"),
        (
            vec![(num_envs, 8), ("schedule.total_steps", 20_484)],
            "schedule.total_steps, which is 20484",
        ),
        (vec![(num_envs, 8), ("schedule.eval_every", 4)], "schedule.eval_every, which is 4"),
        (vec![(num_envs, 8), ("schedule.log_every", 2_047)], "schedule.log_every, which is 2047"),
        (
            vec![(num_envs, 8), ("schedule.checkpoint_every", 7)],
            "schedule.checkpoint_every, which is 7",
        ),
    ] {
        let error = with(&set).unwrap_err().to_string();
        assert!(error.contains("num_envs") && error.contains(allowed), "{set:?}: {error}");
    }
}

#[test]
fn too_many_updates_of_a_rollout_are_refused() {
    let text = fs::read_to_string("../../configs/methods/dac.toml").unwrap();
    let large = text
        .replace("rollout_steps = 2048", "rollout_steps = 16_000_000")
        .replace("minibatch_size = 64", "minibatch_size = 1")
        .replace("epochs = 5", "epochs = 200");
    assert_ne!(large, text);
    // 2 · 200 · 16 000 000
    let error = pmoe_algos::MethodConfig::from_toml(&large, "dac.toml").unwrap_err().to_string();
    assert!(error.contains("epochs (updates of a rollout)` is 6400000000"), "{error}");
    let fewer = large.replace("epochs = 200", "epochs = 100");
    pmoe_algos::MethodConfig::from_toml(&fewer, "dac.toml").unwrap();
}

#[test]
fn a_run_that_would_never_learn_is_refused_with_both_keys() {
    for (family, key, first) in [
        ("sac", "learning_starts", 1_000),
        ("ppo", "rollout_steps", 2_048),
        ("dac", "rollout_steps", 2_048),
    ] {
        let mut config = configs()
            .into_iter()
            .find(|config| {
                config["algo"].get(family).is_some_and(|algo| algo[key].as_integer() == Some(first))
            })
            .unwrap();
        let mut check = |steps: i64| {
            config["schedule"]["total_steps"] = Value::Integer(steps);
            RunConfig::from_table(config.clone(), "test").unwrap().check_learns()
        };
        assert_eq!(check(first), Ok(()));
        let error = check(first - 1).unwrap_err().to_string();
        let words = [
            format!("`schedule.total_steps` is {}", first - 1),
            format!("at least {first}"),
            format!("`algo.{family}.{key}`"),
        ];
        assert!(words.iter().all(|word| error.contains(word)), "{error}");
    }
}

#[test]
fn obstacles_and_episodes_are_bounded_too() {
    let config = configs()
        .into_iter()
        .find(|config| config["task"].as_str() == Some("TargetReachingFixed-v0"));
    let layout = ["env", "target_reaching", "layout", "fixed", "obstacles"].map(str::to_owned);
    let config = config.unwrap();
    let mut tree = Value::Table(config.clone());
    let disc = at(&mut tree, &layout)[0].clone();
    assert!(with(&config, &layout, &Value::Array(vec![disc.clone(); 100])).is_ok());
    let error = with(&config, &layout, &Value::Array(vec![disc; 101])).unwrap_err();
    assert!(matches!(error, ConfigError::Env(EnvError::Config { .. })), "{error}");
    assert!(error.to_string().contains("101, but must be at most 100"), "{error}");
}
