//! The file of a search for settings.

mod parameter;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use pmoe_algos::RunConfig;
use pmoe_results::ResultsError;
use pmoe_results::files::{MOST_CONFIG_BYTES, read_text};
use pmoe_results::number::{MOST_SEED, MOST_STEPS};
use pmoe_results::settings::{self, absolute_key};
use pmoe_results::text::explained;
use serde::{Deserialize, Serialize};
use toml::Value;

pub use self::parameter::{Choice, Parameter};
use crate::config::{self, DeviceArg, MethodArgs};

/// The most trials.
const MOST_TRIALS: u64 = 1_000_000;
/// The most parameters: each is tried as a setting.
const MOST_PARAMETERS: usize = 64;
/// The most seeds of a trial.
const MOST_SEEDS: usize = 1024;

/// A search for the settings with which a method does best on a task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sweep {
    /// Method, as `pmoe train --method` takes it.
    pub method: String,
    /// Task, as `pmoe train --task` takes it.
    pub task: String,
    /// Environment steps of a run.
    pub steps: u64,
    /// Seeds of a trial: a run for each.
    pub seeds: Vec<u64>,
    /// Trials in all.
    pub n_trials: u64,
    /// What is maximised.
    pub objective: Objective,
    /// Settings of every trial, as `pmoe train --set` takes them.
    #[serde(default, serialize_with = "as_settings")]
    pub set: toml::Table,
    /// What is searched, by keys of `pmoe train --set`.
    #[serde(deserialize_with = "space")]
    pub space: BTreeMap<String, Parameter>,
    /// How the next trial is chosen.
    #[serde(default)]
    pub sampler: Sampler,
    /// Which trials are stopped early.
    #[serde(default)]
    pub pruner: Pruner,
}

/// A number for each run; that of a trial is the mean over its seeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Objective {
    /// Mean return of the evaluations in the last tenth of the steps.
    Final,
    /// Mean return from the first evaluation to the last step, the area under the learning curve.
    Auc,
}

/// How trials are chosen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Sampler {
    /// Tree-structured Parzen estimator.
    Tpe {
        /// Of what is drawn.
        #[serde(default)]
        seed: u64,
        /// Trials at random before it.
        #[serde(default = "ten")]
        startup_trials: u64,
    },
    /// At random.
    Random {
        /// Of what is drawn.
        #[serde(default)]
        seed: u64,
    },
}

/// How trials are stopped.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Pruner {
    /// None is.
    None {},
    /// A trial that is below the median of the others at the same evaluation.
    Median {
        /// Trials that are not stopped, first.
        #[serde(default = "five")]
        startup_trials: u64,
        /// Environment steps that no trial is stopped before.
        #[serde(default)]
        warmup_steps: u64,
    },
    /// A trial that is below this percentile of the others at the same evaluation.
    Percentile {
        /// Of 100: 25 keeps the best quarter.
        percentile: f64,
        /// Trials that are not stopped, first.
        #[serde(default = "five")]
        startup_trials: u64,
        /// Environment steps that no trial is stopped before.
        #[serde(default)]
        warmup_steps: u64,
    },
}

fn five() -> u64 {
    5
}

fn ten() -> u64 {
    10
}

impl Default for Sampler {
    fn default() -> Self {
        Self::Tpe { seed: 0, startup_trials: ten() }
    }
}

impl Default for Pruner {
    fn default() -> Self {
        Self::Median { startup_trials: five(), warmup_steps: 0 }
    }
}

/// Reads the search space, whose dotted keys TOML reads as tables in tables unless they are quoted.
fn space<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, Parameter>, D::Error> {
    use serde::de::Error;
    let mut left: Vec<(String, Value)> =
        toml::Table::deserialize(deserializer)?.into_iter().collect();
    let mut found = BTreeMap::new();
    while let Some((key, value)) = left.pop() {
        match value {
            Value::Table(table) if !table.get("kind").is_some_and(Value::is_str) => {
                let is_leaf = table.is_empty() || table.values().any(|value| !value.is_table());
                if is_leaf {
                    let message = format!(
                        "`{key}` has no `kind`, which must be \"float\", \"int\" or \"categorical\""
                    );
                    return Err(D::Error::custom(message));
                }
                let inner = table.into_iter().map(|(part, value)| (format!("{key}.{part}"), value));
                left.extend(inner);
            }
            value => {
                let parameter = value.try_into().map_err(|error: toml::de::Error| {
                    D::Error::custom(format!("`{key}`: {}", explained(error.message())))
                })?;
                if found.insert(key.clone(), parameter).is_some() {
                    return Err(D::Error::custom(format!("`{key}` is there twice")));
                }
            }
        }
    }
    Ok(found)
}

impl Sweep {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// Names the file, the key and the values that are allowed. Every parameter is tried at its ends, or with each of
    /// its choices, as a setting of the method and the task.
    pub fn read(path: &Path) -> Result<Self> {
        let text = read_text(path, MOST_CONFIG_BYTES)?;
        let table = settings::parse(&text, path)?;
        let sweep: Self =
            serde_path_to_error::deserialize(Value::Table(table)).map_err(|error| {
                ResultsError::BadFile {
                    path: path.to_owned(),
                    key: match error.path().to_string() {
                        key if key == "." => "top level".to_owned(),
                        key => key,
                    },
                    message: explained(error.inner().message()),
                }
            })?;
        sweep.check(path)?;
        Ok(sweep)
    }

    /// Whether a file is meant to be that of a search, by its keys.
    #[must_use]
    pub fn is_meant(path: &Path) -> bool {
        let text = read_text(path, MOST_CONFIG_BYTES);
        let table = text.and_then(|text| settings::parse(&text, path));
        table.is_ok_and(|table| table.contains_key("space"))
    }

    /// The folder of a search that names none.
    #[must_use]
    pub fn default_folder(file: &Path) -> PathBuf {
        Path::new("results/sweeps").join(file.file_stem().unwrap_or_default())
    }

    fn check(&self, path: &Path) -> Result<()> {
        let bad = |key: &str, value: String, allowed: &str| ResultsError::BadValue {
            place: path.display().to_string(),
            key: key.to_owned(),
            value,
            allowed: allowed.to_owned(),
        };
        if !(1..=MOST_STEPS).contains(&self.steps) {
            return Err(bad("steps", self.steps.to_string(), "1 or more").into());
        }
        if !(1..=MOST_TRIALS).contains(&self.n_trials) {
            return Err(bad("n_trials", self.n_trials.to_string(), "from 1 to 1_000_000").into());
        }
        let different: BTreeSet<_> = self.seeds.iter().collect();
        let is_good = !self.seeds.is_empty()
            && self.seeds.len() <= MOST_SEEDS
            && different.len() == self.seeds.len()
            && self.seeds.iter().all(|seed| *seed <= MOST_SEED);
        if !is_good {
            let seeds = format!("{:?}", self.seeds);
            return Err(bad("seeds", seeds, "one or more different numbers, 1024 at most").into());
        }
        if let Pruner::Percentile { percentile, .. } = self.pruner
            && !(0.0..=100.0).contains(&percentile)
        {
            return Err(bad("pruner.percentile", percentile.to_string(), "from 0 to 100").into());
        }
        if !(1..=MOST_PARAMETERS).contains(&self.space.len()) {
            let found = format!("of {} parameters", self.space.len());
            return Err(bad("space", found, "of 1 to 64").into());
        }
        for (key, parameter) in &self.space {
            let place = format!("space.{key}");
            if let Some((value, allowed)) = parameter.problem() {
                return Err(bad(&place, value, allowed).into());
            }
        }
        self.try_settings(path)
    }

    /// Refuses a setting that two keys mean, and the budget, which `steps` says.
    fn check_keys(&self, path: &Path, config: &RunConfig) -> Result<()> {
        let config: toml::Table = config.to_toml().parse()?;
        let set = dotted(&self.set, "");
        let set = set.iter().map(|setting| ("set", setting.split('=').next().unwrap_or_default()));
        let space = self.space.keys().map(|key| ("space", key.as_str()));
        let mut known: BTreeMap<String, String> = BTreeMap::new();
        for (table, key) in set.chain(space) {
            let (full, key) = (absolute_key(&config, key), format!("{table}.{key}"));
            let (value, allowed) = match known.insert(full.clone(), key.clone()) {
                Some(other) => (format!("the setting of `{other}`, too"), "the only one of it"),
                None if full == "schedule.total_steps" => {
                    ("the budget".to_owned(), "another setting: `steps` is the budget")
                }
                None => continue,
            };
            let (place, allowed) = (path.display().to_string(), allowed.to_owned());
            return Err(ResultsError::BadValue { place, key, value, allowed }.into());
        }
        Ok(())
    }

    /// Resolves a run with each parameter at each of its ends, the others at their first.
    fn try_settings(&self, path: &Path) -> Result<()> {
        let task = config::task(&self.task).with_context(|| path.display().to_string())?;
        let alone =
            MethodArgs { method: self.method.clone(), set: vec![], device: DeviceArg::Flex };
        let config = config::resolve_run(&alone, &task, self.seeds[0], None)
            .with_context(|| path.display().to_string())?;
        self.check_keys(path, &config)?;
        let ends: BTreeMap<&String, Vec<String>> =
            self.space.iter().map(|(key, parameter)| (key, parameter.ends())).collect();
        for (key, values) in &ends {
            for value in values {
                let others = ends.iter().filter(|(other, _)| other != &key);
                let others = others.map(|(other, values)| format!("{other}={}", values[0]));
                let mut set = dotted(&self.set, "");
                set.extend(others);
                set.push(format!("{key}={value}"));
                let args = MethodArgs { method: self.method.clone(), set, device: DeviceArg::Flex };
                config::resolve_run(&args, &task, self.seeds[0], Some(self.steps))
                    .with_context(|| format!("{}: `{key}` = {value}", path.display()))?;
            }
        }
        Ok(())
    }
}

/// Settings as `--set` takes them. A table of the file is a dotted key; the values of tables within braces are, too.
fn dotted(table: &toml::Table, prefix: &str) -> Vec<String> {
    let each = table.iter().flat_map(|(key, value)| match value {
        Value::Table(inner) => dotted(inner, &format!("{prefix}{key}.")),
        value => vec![format!("{prefix}{key}={value}")],
    });
    each.collect()
}

fn as_settings<S: serde::Serializer>(set: &toml::Table, to: S) -> Result<S::Ok, S::Error> {
    dotted(set, "").serialize(to)
}

#[cfg(test)]
mod tests;
