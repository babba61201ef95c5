//! The definition of a run: method, task, schedule and seed, validated once.

mod upgrade;

use std::path::Path;

use pmoe_envs::{EnvConfig, TaskId};
use pmoe_results::methods;
use pmoe_results::text::{did_you_mean, explained};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::algo::AlgoConfig;
use crate::device::DeviceKind;
use crate::range::{ConfigError, Most, count};

/// A method with its settings: the content of a file in `configs/methods`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MethodConfig {
    /// The algorithm with its settings.
    pub algo: AlgoConfig,
    /// When to stop, evaluate, log and save.
    pub schedule: Schedule,
}

/// Everything that determines a run's results.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunConfig {
    /// Name of the method: its file in `configs/methods`.
    pub method: String,
    /// The task, such as `Hopper-v4`.
    pub task: TaskId,
    /// Seed of all randomness.
    pub seed: u64,
    /// Where tensors live.
    pub device: DeviceKind,
    /// Settings of the task.
    pub env: EnvConfig,
    /// The algorithm with its settings.
    pub algo: AlgoConfig,
    /// When to stop, evaluate, log and save.
    pub schedule: Schedule,
    /// The policy to start from, instead of a random one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Origin>,
}

/// The policy that a run started from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    /// Id of the run that trained it, see [`RunConfig::id`].
    pub run: String,
    /// blake3 of its parameters.
    pub policy: String,
}

/// When to stop, evaluate, log and save, in environment steps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// Environment steps of the run.
    pub total_steps: u64,
    /// Environment steps from one evaluation to the next. The first evaluation precedes training.
    pub eval_every: u64,
    /// Episodes per evaluation.
    pub eval_episodes: u32,
    /// Environment steps from one metrics event to the next.
    pub log_every: u64,
    /// Environment steps from one checkpoint to the next.
    pub checkpoint_every: u64,
}

impl MethodConfig {
    /// Returns a built-in method such as `pmoe-sac`: a file of `configs/methods`.
    ///
    /// # Errors
    /// Returns an error that lists the known methods if there is none with this name.
    pub fn named(name: &str) -> Result<Self, ConfigError> {
        let committed = methods::committed();
        let Some((name, text)) = committed.iter().find(|(known, _)| *known == name) else {
            let known: Vec<&str> = committed.iter().map(|(name, _)| *name).collect();
            let meant = did_you_mean(name, known.iter().copied());
            return Err(ConfigError::Range {
                key: "method".to_owned(),
                value: format!("{name:?}"),
                allowed: format!("one of {}{meant}", known.join(", ")),
            });
        };
        Self::from_toml(text, &format!("configs/methods/{name}.toml"))
    }

    /// Deserialises and validates a method.
    ///
    /// # Errors
    /// The error names `source_name`, the key and its allowed values.
    pub fn from_table(table: toml::Table, source_name: &str) -> Result<Self, ConfigError> {
        read(table, source_name, |config: &Self| (&config.algo, &config.schedule))
    }

    /// Parses and validates a method from the text of its file, whose path is `source_name`. If it
    /// [extends](methods::extended) another method, only what differs has to be there.
    ///
    /// # Errors
    /// The error names `source_name`, the key and its allowed values.
    pub fn from_toml(text: &str, source_name: &str) -> Result<Self, ConfigError> {
        let own = parse_toml(text, source_name)?;
        Self::from_table(methods::extended(own, Path::new(source_name))?, source_name)
    }
}

impl RunConfig {
    /// Deserialises and validates a run's config.
    ///
    /// # Errors
    /// The error names `source_name`, the key and its allowed values.
    pub fn from_table(table: toml::Table, source_name: &str) -> Result<Self, ConfigError> {
        let config = read(table, source_name, |config: &Self| (&config.algo, &config.schedule))?;
        config.env.validate(&config.task)?;
        Ok(config)
    }

    /// Parses and validates a run's config as written by [`RunConfig::to_toml`].
    ///
    /// # Errors
    /// The error names `source_name`, the key and its allowed values.
    pub fn from_toml(text: &str, source_name: &str) -> Result<Self, ConfigError> {
        Self::from_table(parse_toml(text, source_name)?, source_name)
    }

    /// Parses and validates the config of a run folder, which an earlier version may have written.
    ///
    /// Settings that this version added get the values that were fixed then.
    ///
    /// # Errors
    /// The error names `source_name`, the key and its allowed values.
    pub fn from_run(text: &str, source_name: &str) -> Result<Self, ConfigError> {
        let mut table = parse_toml(text, source_name)?;
        upgrade::upgrade(&mut table);
        Self::from_table(table, source_name)
    }

    /// Returns the run's identity, independent of its folder: a prefix of the blake3 of everything
    /// that determines its results. The number of steps does not count, unless learning depends on
    /// it.
    pub fn id(&self) -> String {
        let mut config = self.clone();
        if !config.algo.depends_on_total_steps() {
            config.schedule.total_steps = 0;
        }
        let table = toml::Table::try_from(config).expect("a config has a TOML form");
        pmoe_results::plan::run_id(&table)
    }

    /// Returns an error if the run would finish before its first update.
    ///
    /// Such a config can still be read, so that existing runs with it can be inspected.
    ///
    /// # Errors
    /// The error names both keys and their values.
    pub fn check_learns(&self) -> Result<(), ConfigError> {
        let total_steps = self.schedule.total_steps;
        let (key, first) = self.algo.first_update();
        match first <= total_steps {
            true => Ok(()),
            false => Err(ConfigError::NoUpdate { total_steps, key, first }),
        }
    }

    /// Returns the resolved config, which is enough to repeat the run.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("a config has a TOML form")
    }
}

impl Schedule {
    fn validate(&self) -> Result<(), ConfigError> {
        count("schedule.total_steps", self.total_steps, 1, Most::STEPS)?;
        count("schedule.eval_every", self.eval_every, 1, Most::STEPS)?;
        count("schedule.eval_episodes", self.eval_episodes.into(), 1, Most::EPISODES)?;
        count("schedule.log_every", self.log_every, 1, Most::STEPS)?;
        count("schedule.checkpoint_every", self.checkpoint_every, 1, Most::STEPS)
    }

    /// Returns an error unless all environments can be stepped equally often between any two events.
    fn check_num_envs(&self, algo: &AlgoConfig) -> Result<(), ConfigError> {
        let Self { total_steps, eval_every, log_every, checkpoint_every, eval_episodes: _ } = *self;
        let num_envs = algo.num_envs();
        let steps = [
            ("total_steps", total_steps),
            ("eval_every", eval_every),
            ("log_every", log_every),
            ("checkpoint_every", checkpoint_every),
        ];
        for (key, steps) in steps {
            if !steps.is_multiple_of(num_envs as u64) {
                return Err(ConfigError::Range {
                    key: format!("algo.{}.num_envs", algo.name()),
                    value: num_envs.to_string(),
                    allowed: format!("a divisor of schedule.{key}, which is {steps}"),
                });
            }
        }
        Ok(())
    }
}

/// Parses TOML text.
///
/// # Errors
/// The error names `source_name`, the line and the column.
pub fn parse_toml(text: &str, source_name: &str) -> Result<toml::Table, ConfigError> {
    text.parse().map_err(|error: toml::de::Error| ConfigError::Syntax {
        source_name: source_name.to_owned(),
        message: error.to_string(),
    })
}

/// Deserialises a table and validates the values.
fn read<T: DeserializeOwned>(
    table: toml::Table,
    source_name: &str,
    parts: fn(&T) -> (&AlgoConfig, &Schedule),
) -> Result<T, ConfigError> {
    let config = deserialize(table, source_name)?;
    let (algo, schedule) = parts(&config);
    algo.validate()?;
    schedule.validate()?;
    schedule.check_num_envs(algo)?;
    Ok(config)
}

fn deserialize<T: DeserializeOwned>(
    table: toml::Table,
    source_name: &str,
) -> Result<T, ConfigError> {
    serde_path_to_error::deserialize(table.clone()).map_err(|error| {
        let key = error.path().to_string();
        let mut message = explained(error.inner().message());
        // The parser's message about a choice with several alternatives does not name them.
        if message.starts_with("wanted exactly 1 element")
            && let Some(answers) = keys_at(table, &key)
        {
            message = format!("expected exactly one alternative, found {answers}");
        }
        ConfigError::Key { source_name: source_name.to_owned(), key, message }
    })
}

/// Returns the keys of the table at a dotted path.
fn keys_at(table: toml::Table, path: &str) -> Option<String> {
    let root = toml::Value::Table(table);
    let value = path.split('.').try_fold(&root, |value, key| value.get(key))?;
    let keys: Vec<String> = value.as_table()?.keys().map(|key| format!("`{key}`")).collect();
    Some(keys.join(" and "))
}
