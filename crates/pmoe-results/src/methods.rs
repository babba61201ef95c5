//! The methods: configs that settings are applied to.

mod extends;
mod variants;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

pub use self::extends::extended;
use self::extends::{Layer, extended_among};
pub use self::variants::{Called, variant_names};
use crate::error::ResultsError;
use crate::files::{MOST_CONFIG_BYTES, read_text, toml_files};
use crate::settings::{absolute_key, assign, parse, parse_value};
use crate::suite::RunSpec;
use crate::text::{did_you_mean, one_of};

/// The configs of the methods, by name; suites apply their settings to them.
#[derive(Debug, Clone, PartialEq)]
pub struct Methods(BTreeMap<String, Table>);

include!(concat!(env!("OUT_DIR"), "/methods.rs"));

/// Returns the methods built into the program: the name and text of each file in `configs/methods`.
pub fn committed() -> &'static [(&'static str, &'static str)] {
    METHODS
}

/// Returns the one-sentence description of a method: the comment on the first line of its file.
#[must_use]
pub fn description(text: &str) -> &str {
    text.lines().next().and_then(|line| line.strip_prefix('#')).unwrap_or_default().trim()
}

/// Returns all settings of the committed method with this name, if there is one.
#[must_use]
pub fn config_of(name: &str) -> Option<Table> {
    let (_, text) = METHODS.iter().find(|(known, _)| *known == name)?;
    extended(text.parse().ok()?, &path_of(name)).ok()
}

/// The path of a committed method's file, for messages.
fn path_of(name: &str) -> PathBuf {
    format!("configs/methods/{name}.toml").into()
}

impl Methods {
    /// Parses the methods built into the program, which `pmoe train --method` uses.
    ///
    /// # Errors
    /// Returns an error if one of them is not valid TOML.
    pub fn embedded() -> Result<Self, ResultsError> {
        let read = |(name, text): &(&str, &str)| {
            let path = path_of(name);
            Ok(((*name).to_owned(), extended(parse(text, &path)?, &path)?))
        };
        METHODS.iter().map(read).collect::<Result<_, _>>().map(Self)
    }

    /// Reads every method file (`*.toml`) in a folder. One that extends a method by its name means
    /// the one in the folder, or else the one built into the program.
    ///
    /// # Errors
    /// Returns an error if the folder can't be listed, or a file can't be read, is not valid TOML
    /// or extends what does not exist.
    pub fn load_all(dir: &Path) -> Result<Self, ResultsError> {
        let read = |path: &PathBuf| {
            let text = read_text(path, MOST_CONFIG_BYTES)?;
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            Ok((name, Layer { path: path.clone(), table: parse(&text, path)? }))
        };
        let read: Result<BTreeMap<_, _>, ResultsError> =
            toml_files(dir)?.iter().map(read).collect();
        let read = read?;
        let whole = |(name, layer): (&String, &Layer)| {
            let table = extended_among(layer.clone(), &|name| read.get(name).cloned())?;
            Ok((name.clone(), table))
        };
        read.iter().map(whole).collect::<Result<_, _>>().map(Self)
    }

    /// Iterates over the names of the methods, each with the names of its algorithm's settings.
    pub fn settings(&self) -> impl Iterator<Item = (&str, Vec<&str>)> {
        self.0.iter().filter_map(|(name, config)| {
            let (_, algo) = config.get("algo")?.as_table()?.iter().next()?;
            Some((name.as_str(), algo.as_table()?.keys().map(String::as_str).collect()))
        })
    }

    /// Returns the config that identifies a run: its method's config with the run's settings, task
    /// and seed.
    ///
    /// It omits what a suite can't or does not set: the device, and settings of the task that keep
    /// their defaults.
    ///
    /// # Errors
    /// Returns an error if the method does not exist, or a setting does not fit into its config.
    pub fn resolve(&self, spec: &RunSpec) -> Result<Table, ResultsError> {
        let method = self.0.get(&spec.base).ok_or_else(|| ResultsError::BadValue {
            place: format!("suite {}", spec.suite),
            key: "base".to_owned(),
            value: format!("{:?}", spec.base),
            allowed: one_of(self.0.keys())
                + &did_you_mean(&spec.base, self.0.keys().map(String::as_str)),
        })?;
        let mut config = method.clone();
        let steps = parse_value(&spec.total_steps.to_string());
        assign(&mut config, "schedule.total_steps", steps)?;
        for (key, value) in &spec.set {
            let key = absolute_key(&config, key);
            assign(&mut config, &key, parse_value(value))?;
        }
        config.insert("method".to_owned(), Value::String(spec.base.clone()));
        config.insert("task".to_owned(), Value::String(spec.task.clone()));
        config.insert(SEED.to_owned(), seed_value(spec.seed));
        Ok(config)
    }
}

/// Key of the seed in a config.
pub(crate) const SEED: &str = "seed";

/// Returns a seed as it is in a config: text if it is too large for an integer of TOML.
pub(crate) fn seed_value(seed: u64) -> Value {
    i64::try_from(seed).map_or_else(|_| Value::String(seed.to_string()), Value::Integer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_what_it_is_in_a_file() {
        let limit = i64::MAX as u64;
        for seed in [0, 17, limit, limit + 1, u64::MAX] {
            assert_eq!(seed_value(seed), parse_value(&seed.to_string()), "{seed}");
        }
    }

    #[test]
    fn every_method_opens_with_a_sentence_about_itself() {
        for (name, text) in committed() {
            let sentence = description(text);
            assert!(sentence.ends_with('.') && sentence.len() < 100, "{name}: {sentence:?}");
        }
        assert_eq!(description("gamma = 1"), "");
        assert_eq!(description(""), "");
    }
}
