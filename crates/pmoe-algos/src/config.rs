//! What a run is: method, task, schedule and seed, checked once.

use pmoe_envs::{EnvConfig, TaskId};
use pmoe_results::methods;
use pmoe_results::text::{did_you_mean, explained};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::algo::AlgoConfig;
use crate::range::{ConfigError, Most, count};

/// A method with its settings: the content of a file in `configs/methods`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MethodConfig {
    /// The algorithm.
    pub algo: AlgoConfig,
    /// When to stop, evaluate, log and save.
    pub schedule: Schedule,
}

/// Everything that decides a run's numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunConfig {
    /// The method's name: its file in `configs/methods`.
    pub method: String,
    /// The task, such as `Hopper-v4`.
    pub task: TaskId,
    /// Seed of all randomness.
    pub seed: u64,
    /// Where tensors live.
    pub device: DeviceKind,
    /// Settings of the task.
    pub env: EnvConfig,
    /// The algorithm.
    pub algo: AlgoConfig,
    /// When to stop, evaluate, log and save.
    pub schedule: Schedule,
    /// The policy to start from, instead of one drawn from the seed.
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

/// Where tensors live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeviceKind {
    /// The CPU, burn's flex backend: the default and the fastest here.
    Flex,
    /// The same with burn's own operations only, without our fused ones: a cross-check.
    FlexPlain,
    /// The CPU, burn's ndarray backend (cargo feature `ndarray`): a cross-check.
    Ndarray,
    /// A GPU through wgpu (cargo feature `wgpu`).
    Wgpu,
}

/// When to stop, evaluate, log and save, in environment steps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// Environment steps of the run.
    pub total_steps: u64,
    /// Environment steps from one evaluation to the next; the first is before training.
    pub eval_every: u64,
    /// Episodes of an evaluation.
    pub eval_episodes: u32,
    /// Environment steps from one metrics event to the next.
    pub log_every: u64,
    /// Environment steps from one checkpoint to the next.
    pub checkpoint_every: u64,
}

impl MethodConfig {
    /// A method that comes with the program, such as `pmoe-sac`: a file of `configs/methods`.
    ///
    /// # Errors
    /// Names those that there are.
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

    /// Reads and checks a method.
    ///
    /// # Errors
    /// Names `source_name`, the key and what it may hold.
    pub fn from_table(table: toml::Table, source_name: &str) -> Result<Self, ConfigError> {
        read(table, source_name, |config: &Self| (&config.algo, &config.schedule))
    }

    /// Reads and checks a method from the text of its file.
    ///
    /// # Errors
    /// Names `source_name`, the key and what it may hold.
    pub fn from_toml(text: &str, source_name: &str) -> Result<Self, ConfigError> {
        Self::from_table(parse_toml(text, source_name)?, source_name)
    }
}

impl RunConfig {
    /// Reads and checks a run's config.
    ///
    /// # Errors
    /// Names `source_name`, the key and what it may hold.
    pub fn from_table(table: toml::Table, source_name: &str) -> Result<Self, ConfigError> {
        let config = read(table, source_name, |config: &Self| (&config.algo, &config.schedule))?;
        config.env.validate(&config.task)?;
        Ok(config)
    }

    /// Reads and checks a run's config, as [`RunConfig::to_toml`] writes it.
    ///
    /// # Errors
    /// Names `source_name`, the key and what it may hold.
    pub fn from_toml(text: &str, source_name: &str) -> Result<Self, ConfigError> {
        Self::from_table(parse_toml(text, source_name)?, source_name)
    }

    /// Who the run is, whichever folder it lies in: the beginning of the blake3 of all that decides its
    /// numbers. How long it is does not count, unless learning depends on it.
    pub fn id(&self) -> String {
        let mut config = self.clone();
        if !config.algo.depends_on_total_steps() {
            config.schedule.total_steps = 0;
        }
        let table = toml::Table::try_from(config).expect("a config has a TOML form");
        pmoe_results::plan::run_id(&table)
    }

    /// Refuses a run that would be over before its first update.
    ///
    /// Such a config can be read, so that what was made with it can be looked at.
    ///
    /// # Errors
    /// Names both keys and their values.
    pub fn check_learns(&self) -> Result<(), ConfigError> {
        let total_steps = self.schedule.total_steps;
        let (key, first) = self.algo.first_update();
        match first <= total_steps {
            true => Ok(()),
            false => Err(ConfigError::NoUpdate { total_steps, key, first }),
        }
    }

    /// The resolved config: enough to repeat the run.
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
}

/// Parses TOML text.
///
/// # Errors
/// Names `source_name`, line and column.
pub fn parse_toml(text: &str, source_name: &str) -> Result<toml::Table, ConfigError> {
    text.parse().map_err(|error: toml::de::Error| ConfigError::Syntax {
        source_name: source_name.to_owned(),
        message: error.to_string(),
    })
}

/// Gives a table its type and checks the values.
fn read<T: DeserializeOwned>(
    table: toml::Table,
    source_name: &str,
    parts: fn(&T) -> (&AlgoConfig, &Schedule),
) -> Result<T, ConfigError> {
    let config = deserialize(table, source_name)?;
    let (algo, schedule) = parts(&config);
    algo.validate()?;
    schedule.validate()?;
    Ok(config)
}

fn deserialize<T: DeserializeOwned>(
    table: toml::Table,
    source_name: &str,
) -> Result<T, ConfigError> {
    serde_path_to_error::deserialize(table.clone()).map_err(|error| {
        let key = error.path().to_string();
        let mut message = explained(error.inner().message());
        // What the parser says of a choice with several answers does not name them.
        if message.starts_with("wanted exactly 1 element")
            && let Some(answers) = keys_at(table, &key)
        {
            message = format!("expected exactly one alternative, found {answers}");
        }
        ConfigError::Key { source_name: source_name.to_owned(), key, message }
    })
}

/// The keys of the table at a dotted path.
fn keys_at(table: toml::Table, path: &str) -> Option<String> {
    let root = toml::Value::Table(table);
    let value = path.split('.').try_fold(&root, |value, key| value.get(key))?;
    let keys: Vec<String> = value.as_table()?.keys().map(|key| format!("`{key}`")).collect();
    Some(keys.join(" and "))
}
