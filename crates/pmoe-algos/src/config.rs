//! What a run is: method, task, schedule and seed, checked once.

use pmoe_envs::{EnvConfig, EnvError, TaskId};
use pmoe_results::{MOST_EPISODES, MOST_STEPS, explained, grouped};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::dac::DacConfig;
use crate::ppo::PpoConfig;
use crate::replay::ReplayBuffer;
use crate::sac::SacConfig;

/// A config that can't be used. Every variant names where and what.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// Not TOML.
    #[error("{source_name} is not valid TOML: {message}")]
    Syntax {
        /// File, or where else the text came from.
        source_name: String,
        /// The parser's message, with line and column.
        message: String,
    },
    /// A key is unknown, missing or of the wrong type.
    #[error("{source_name}: at `{key}`: {message}")]
    Key {
        /// File, or where else the value came from.
        source_name: String,
        /// Dotted path of the key.
        key: String,
        /// What was expected there.
        message: String,
    },
    /// A value is out of range.
    #[error("`{key}` is {value}, but must be {allowed}")]
    Range {
        /// Dotted path of the key.
        key: String,
        /// The value.
        value: String,
        /// The allowed ones.
        allowed: String,
    },
    /// The run is over before its first update.
    #[error(
        "`schedule.total_steps` is {total_steps}, but must be at least {first}, the number of steps before the \
         first update, which is `{key}`: a run without an update learns nothing"
    )]
    NoUpdate {
        /// Environment steps of the run.
        total_steps: u64,
        /// Dotted path of the setting that says when the first update is made.
        key: &'static str,
        /// Its value.
        first: u64,
    },
    /// A setting of the task is out of range.
    #[error(transparent)]
    Env(#[from] EnvError),
}

/// A method with its settings: the content of a file in `configs/algos`.
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
    /// The method's name: its file in `configs/algos`.
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

/// The algorithms.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum AlgoConfig {
    /// Soft actor-critic with any policy of its family.
    Sac(SacConfig),
    /// Proximal policy optimisation with any policy of its family.
    Ppo(PpoConfig),
    /// Double actor-critic.
    Dac(DacConfig),
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
        pmoe_results::run_id(&table)
    }

    /// Refuses a run that would be over before its first update.
    ///
    /// Such a config can be read, so that what was made with it can be looked at.
    ///
    /// # Errors
    /// Names both keys and their values.
    pub fn check_learns(&self) -> Result<(), ConfigError> {
        let total_steps = self.schedule.total_steps;
        let (key, first) = match &self.algo {
            AlgoConfig::Sac(config) => ("algo.sac.learning_starts", config.learning_starts),
            AlgoConfig::Ppo(config) => ("algo.ppo.rollout_steps", config.rollout_steps as u64),
            AlgoConfig::Dac(config) => ("algo.dac.rollout_steps", config.rollout_steps as u64),
        };
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

impl AlgoConfig {
    /// Checks every range.
    ///
    /// # Errors
    /// Names the key, its value and what it may be.
    pub fn validate(&self) -> Result<(), ConfigError> {
        match self {
            Self::Sac(config) => config.validate(),
            Self::Ppo(config) => config.validate(),
            Self::Dac(config) => config.validate(),
        }
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
            message = format!("expected one alternative, found {answers}");
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

pub(crate) fn in_range(key: &str, value: f64, low: f64, high: f64) -> Result<(), ConfigError> {
    if low <= value && value <= high {
        return Ok(());
    }
    let allowed = match (low > f64::MIN, high < f64::MAX) {
        (true, true) => format!("between {low} and {high}"),
        (true, false) => format!("a finite number, at least {low}"),
        _ => "a finite number".to_owned(),
    };
    Err(ConfigError::Range { key: key.to_owned(), value: value.to_string(), allowed })
}

pub(crate) fn positive(key: &str, value: f64) -> Result<(), ConfigError> {
    if 0.0 < value && value.is_finite() {
        return Ok(());
    }
    let allowed = "a positive finite number".to_owned();
    Err(ConfigError::Range { key: key.to_owned(), value: value.to_string(), allowed })
}

/// The largest value of a setting that counts something, and why no larger one is taken.
///
/// Whether a machine has room for what a run counts is another question, see [`Memory`](crate::memory::Memory).
#[derive(Clone, Copy)]
pub(crate) struct Most {
    value: u64,
    why: &'static str,
}

impl Most {
    /// Environment steps.
    pub(crate) const STEPS: Self =
        Self { value: MOST_STEPS, why: "numbers in event files are exact up to there" };
    /// Episodes of an evaluation.
    pub(crate) const EPISODES: Self =
        Self { value: MOST_EPISODES, why: "an evaluation is one line of the event file" };
    /// Rows of a batch, a minibatch or a rollout.
    pub(crate) const ROWS: Self = Self {
        value: 1 << 24,
        why: "32-bit floats, which means are computed in, count up to there",
    };
    /// Transitions in a replay buffer.
    pub(crate) const TRANSITIONS: Self =
        Self { value: ReplayBuffer::MAX_CAPACITY as u64, why: "they are numbered with 32 bits" };
    /// Units of a hidden layer.
    pub(crate) const UNITS: Self =
        Self { value: 1 << 16, why: "two such layers are 4 billion weights already" };
    /// Hidden layers.
    pub(crate) const LAYERS: Self =
        Self { value: 100, why: "no gradient comes through more without shortcuts" };
    /// Primitives or options.
    pub(crate) const PRIMITIVES: Self =
        Self { value: 500, why: "each has metrics of its own in every update event" };
    /// Gradient updates for an environment step.
    pub(crate) const UPDATES: Self =
        Self { value: 1_000_000_000, why: "the next environment step waits for them" };
    /// Gradient updates for a rollout.
    pub(crate) const UPDATES_OF_ROLLOUT: Self =
        Self { value: u32::MAX as u64, why: "they are counted with 32 bits" };
}

/// Checks a setting that counts something.
pub(crate) fn count(key: &str, value: u64, low: u64, most: Most) -> Result<(), ConfigError> {
    let allowed = if value < low {
        format!("at least {low}")
    } else if value > most.value {
        format!("at most {}: {}", grouped(most.value), most.why)
    } else {
        return Ok(());
    };
    Err(ConfigError::Range { key: key.to_owned(), value: value.to_string(), allowed })
}

/// Checks a number that another one bounds.
pub(crate) fn between(key: &str, value: u64, low: u64, high: u64) -> Result<(), ConfigError> {
    if (low..=high).contains(&value) {
        return Ok(());
    }
    let allowed = format!("between {low} and {high}");
    Err(ConfigError::Range { key: key.to_owned(), value: value.to_string(), allowed })
}

/// Checks the units of hidden layers.
pub(crate) fn hidden_layers(key: &str, hidden: &[usize]) -> Result<(), ConfigError> {
    count(&format!("{key} (number of layers)"), hidden.len() as u64, 1, Most::LAYERS)?;
    let mut layers = hidden.iter().enumerate();
    layers.try_for_each(|(layer, &units)| {
        count(&format!("{key}[{layer}]"), units as u64, 1, Most::UNITS)
    })
}

/// Checks how many updates a rollout is used for: `passes` times all of its minibatches.
pub(crate) fn updates_of_rollout(
    passes: u64,
    rollout_steps: usize,
    minibatch_size: usize,
) -> Result<(), ConfigError> {
    let updates = passes.saturating_mul(rollout_steps.div_ceil(minibatch_size) as u64);
    count("epochs (updates of a rollout)", updates, 1, Most::UPDATES_OF_ROLLOUT)
}
