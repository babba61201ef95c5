//! Configs, and single settings applied to them.

use std::path::Path;

use toml::{Table, Value};

use crate::error::{ResultsError, SettingError};
use crate::number::whole_number;
use crate::text::nearest;

/// Parses the text of the file `path` as TOML.
///
/// # Errors
/// Returns an error with the line number if it is not valid TOML.
pub fn parse(text: &str, path: &Path) -> Result<Table, ResultsError> {
    text.parse().map_err(|error: toml::de::Error| ResultsError::BadFile {
        path: path.to_owned(),
        key: error.span().map_or("the end".to_owned(), |span| {
            format!("line {}", 1 + text[..span.start].matches('\n').count())
        }),
        message: error.message().to_owned(),
    })
}

/// Returns the full key in `config` of a key from a user or a suite.
///
/// Settings of the algorithm may omit `algo.<family>.`; settings of the task may omit the family.
#[must_use]
pub fn absolute_key(config: &Table, key: &str) -> String {
    let family =
        |of: &str| config.get(of).and_then(Value::as_table).and_then(|of| of.keys().next());
    match key.split_once('.') {
        Some(("algo" | "schedule", _)) => key.to_owned(),
        Some(("env", rest)) => match family("env") {
            Some(family) if !rest.starts_with(&format!("{family}.")) => {
                format!("env.{family}.{rest}")
            }
            _ => key.to_owned(),
        },
        _ => match family("algo") {
            Some(family) => format!("algo.{family}.{key}"),
            None => key.to_owned(),
        },
    }
}

/// Parses TOML, or takes the text as a string if it is not TOML: `mixture` and `"mixture"` are
/// equal.
#[must_use]
pub fn parse_value(text: &str) -> Value {
    let parsed = format!("value = {text}").parse::<Table>().ok();
    parsed
        .and_then(|mut table| table.remove("value"))
        .unwrap_or_else(|| Value::String(text.to_owned()))
}

/// Parses a `KEY=VALUE` from the command line.
///
/// The value is parsed as in [`parse_value`], but a whole number may have any notation of
/// [`whole_number`]: `1e3` and `1k` become the integer 1000, which float settings accept as well.
///
/// # Errors
/// Returns an error if there is no `=`.
pub fn parse_setting(text: &str) -> Result<(&str, Value), SettingError> {
    let (key, value) =
        text.split_once('=').ok_or_else(|| SettingError::NoValue { text: text.to_owned() })?;
    let value = match parse_value(value.trim()) {
        Value::String(text) if text == value.trim() => {
            let number = whole_number(&text).and_then(|number| i64::try_from(number).ok());
            number.map_or(Value::String(text), Value::Integer)
        }
        value => with_whole_numbers(value),
    };
    Ok((key.trim(), value))
}

/// Replaces whole floats with integers, at any depth, where that is exact.
fn with_whole_numbers(value: Value) -> Value {
    const EXACT: f64 = (1_u64 << f64::MANTISSA_DIGITS) as f64;
    match value {
        Value::Float(number) if number.fract() == 0.0 && number.abs() <= EXACT => {
            Value::Integer(number as i64)
        }
        Value::Array(values) => Value::Array(values.into_iter().map(with_whole_numbers).collect()),
        Value::Table(table) => Value::Table(
            table.into_iter().map(|(key, value)| (key, with_whole_numbers(value))).collect(),
        ),
        value => value,
    }
}

/// Suggests a key of `config` for a `key` that it lacks: one with the same name elsewhere, else the
/// most similar one.
///
/// Both keys are written as for [`parse_setting`].
#[must_use]
pub fn meant(config: &Table, key: &str) -> Option<String> {
    let mut keys = Vec::new();
    for part in ["algo", "env", "schedule"] {
        let short = |family: &str| match part {
            "algo" => String::new(),
            "env" => "env.".to_owned(),
            _ => format!("schedule.{family}"),
        };
        for (family, value) in config.get(part).and_then(Value::as_table).into_iter().flatten() {
            match value {
                Value::Table(table) => collect_keys(table, &short(family), &mut keys),
                _ => keys.push(short(family)),
            }
        }
    }
    let name = |key: &str| key.rsplit('.').next().unwrap_or_default().to_owned();
    let names: Vec<_> = keys.iter().map(|key| name(key)).collect();
    let of_name = |wanted: &str| {
        names.iter().position(|name| name == wanted).map(|index| keys[index].clone())
    };
    of_name(&name(key))
        .or_else(|| nearest(key, keys.iter().map(String::as_str)).map(str::to_owned))
        .or_else(|| nearest(&name(key), names.iter().map(String::as_str)).and_then(of_name))
}

/// Collects the dotted keys in a table at `prefix`, tables before their contents.
fn collect_keys(table: &Table, prefix: &str, keys: &mut Vec<String>) {
    for (key, value) in table {
        let key = format!("{prefix}{key}");
        keys.push(key.clone());
        if let Value::Table(table) = value {
            collect_keys(table, &format!("{key}."), keys);
        }
    }
}

/// Sets the value at a dotted key, creating missing tables.
///
/// # Errors
/// Returns an error if a parent of the key exists and is not a table.
pub fn assign(config: &mut Table, key: &str, value: Value) -> Result<(), SettingError> {
    let (parents, last) = key.rsplit_once('.').unwrap_or(("", key));
    let mut table = config;
    for parent in parents.split('.').filter(|parent| !parent.is_empty()) {
        let entry = table.entry(parent.to_owned()).or_insert_with(|| Value::Table(Table::new()));
        let inner = entry.as_table_mut();
        table = inner.ok_or_else(|| SettingError::NoSettings {
            key: key.to_owned(),
            parent: parent.to_owned(),
        })?;
    }
    table.insert(last.to_owned(), value);
    Ok(())
}

/// Whether two settings are equal; `1` equals `1.0`.
#[must_use]
pub fn is_same(a: &Value, b: &Value) -> bool {
    #[expect(clippy::cast_precision_loss, reason = "settings are far below 2^52")]
    let number = |value: &Value| value.as_float().or(value.as_integer().map(|n| n as f64));
    match (number(a), number(b)) {
        (Some(a), Some(b)) => a.total_cmp(&b).is_eq(),
        _ => a == b,
    }
}

/// Returns the value at a dotted key, which may be shortened as in [`absolute_key`].
///
/// `rollout_steps` finds `algo.ppo.rollout_steps`; `schedule.eval_every` is complete.
#[must_use]
pub fn find<'a>(config: &'a Table, key: &str) -> Option<&'a Value> {
    let key = absolute_key(config, key);
    let (first, rest) = key.split_once('.').unwrap_or((&key, ""));
    let parts = rest.split('.').filter(|part| !part.is_empty());
    parts.fold(config.get(first), |value, part| value?.get(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setting(text: &str) -> String {
        let (key, value) = parse_setting(text).unwrap();
        format!("{key} {value}")
    }

    #[test]
    fn whole_numbers_are_integers_however_they_are_written() {
        for (text, read) in [
            ("batch_size=256", "batch_size 256"),
            ("batch_size = 1e3", "batch_size 1000"),
            ("schedule.eval_every=1_000", "schedule.eval_every 1000"),
            ("schedule.eval_every=10k", "schedule.eval_every 10000"),
            ("steps=2.5M", "steps 2500000"),
            ("hidden=[1e2, 64.0]", "hidden [100, 64]"),
            ("actor={mcp={num_primitives=1e1}}", "actor { mcp = { num_primitives = 10 } }"),
            ("gamma=0.5", "gamma 0.5"),
            ("gamma=-2.0", "gamma -2"),
            ("lr=1e-3", "lr 0.001"),
            ("lr=1e16", "lr 10000000000000000.0"),
            ("alpha=nan", "alpha nan"),
            ("target=max", "target \"max\""),
            ("target=\"10k\"", "target \"10k\""),
            ("seed=10000000000000000000", "seed \"10000000000000000000\""),
        ] {
            assert_eq!(setting(text), read, "{text}");
        }
        let error = parse_setting("gamma").unwrap_err();
        assert_eq!(error, SettingError::NoValue { text: "gamma".to_owned() });
    }

    #[test]
    fn the_key_that_was_meant_is_found_elsewhere() {
        let text = "[algo.sac]\ngamma = 1\nbatch_size = 1\n[algo.sac.actor.pmoe]\nnum_primitives = 4\n\
                    [env.mujoco]\nmax_episode_steps = 1\n[schedule]\neval_every = 1\n";
        let config: Table = text.parse().unwrap();
        for (key, expected) in [
            ("eval_every", Some("schedule.eval_every")),
            ("schedul.eval_every", Some("schedule.eval_every")),
            ("evalevery", Some("schedule.eval_every")),
            ("num_primitives", Some("actor.pmoe.num_primitives")),
            ("actor.gating.num_primitives", Some("actor.pmoe.num_primitives")),
            ("max_episode_steps", Some("env.max_episode_steps")),
            ("gama", Some("gamma")),
            ("batchsize", Some("batch_size")),
            ("warmth", None),
        ] {
            assert_eq!(meant(&config, key).as_deref(), expected, "{key}");
        }
    }
}
