//! Ranges of settings, and errors about values out of range.

use pmoe_envs::EnvError;
use pmoe_results::error::ExtendsError;
use pmoe_results::number::{MOST_EPISODES, MOST_STEPS, grouped};

use crate::replay::ReplayBuffer;

/// An invalid config. Every variant names the location and the problem.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// Not TOML.
    #[error("{source_name} is not valid TOML: {message}")]
    Syntax {
        /// File or other source of the text.
        source_name: String,
        /// The parser's message, with line and column.
        message: String,
    },
    /// A key is unknown, missing or of the wrong type.
    #[error("{source_name}: at `{key}`: {message}")]
    Key {
        /// File or other source of the value.
        source_name: String,
        /// Dotted path of the key.
        key: String,
        /// What was expected.
        message: String,
    },
    /// A value is out of range.
    #[error("`{key}` is {value}, but must be {allowed}")]
    Range {
        /// Dotted path of the key.
        key: String,
        /// The value.
        value: String,
        /// The allowed values.
        allowed: String,
    },
    /// The run ends before its first update.
    #[error(
        "`schedule.total_steps` is {total_steps}, but must be at least {first}, because the first update comes after `{key}` steps"
    )]
    NoUpdate {
        /// Environment steps of the run.
        total_steps: u64,
        /// Dotted path of the setting that determines the first update.
        key: String,
        /// Its value.
        first: u64,
    },
    /// A method extends what can't be extended.
    #[error(transparent)]
    Extends(#[from] ExtendsError),
    /// A setting of the task is out of range.
    #[error(transparent)]
    Env(#[from] EnvError),
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

/// The maximum of a setting that counts something, and the reason for it.
///
/// Whether the machine has enough memory is checked separately, see
/// [`MemoryUse`](crate::memory::MemoryUse).
#[derive(Clone, Copy)]
pub(crate) struct Most {
    value: u64,
    why: &'static str,
}

impl Most {
    /// Environment steps.
    pub(crate) const STEPS: Self =
        Self { value: MOST_STEPS, why: "event files store no larger numbers exactly" };
    /// Episodes per evaluation.
    pub(crate) const EPISODES: Self =
        Self { value: MOST_EPISODES, why: "an evaluation is one line of the event file" };
    /// Rows of a batch, a minibatch or a rollout.
    pub(crate) const ROWS: Self =
        Self { value: 1 << 24, why: "means are computed in 32-bit floats, which count no further" };
    /// Transitions in a replay buffer.
    pub(crate) const TRANSITIONS: Self =
        Self { value: ReplayBuffer::MAX_CAPACITY as u64, why: "they are numbered with 32 bits" };
    /// Units of a hidden layer.
    pub(crate) const UNITS: Self =
        Self { value: 1 << 16, why: "two such layers already have 4 billion weights" };
    /// Hidden layers.
    pub(crate) const LAYERS: Self =
        Self { value: 100, why: "gradients vanish in more layers without skip connections" };
    /// Primitives or options.
    pub(crate) const PRIMITIVES: Self =
        Self { value: 500, why: "each has its own metrics in every update event" };
    /// Environments of a run.
    pub(crate) const ENVS: Self = Self {
        value: 1024,
        why: "each holds a simulation in memory, and they are stepped in turn",
    };
    /// Gradient updates per environment step.
    pub(crate) const UPDATES: Self =
        Self { value: 1_000_000_000, why: "the next environment step waits for them" };
    /// Gradient updates per rollout.
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

/// Checks a number against bounds that depend on another setting.
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

/// Checks the number of updates per rollout: `passes` times its minibatches.
pub(crate) fn updates_of_rollout(
    passes: u64,
    rollout_steps: usize,
    minibatch_size: usize,
) -> Result<(), ConfigError> {
    let updates = passes.saturating_mul(rollout_steps.div_ceil(minibatch_size) as u64);
    count("epochs (updates of a rollout)", updates, 1, Most::UPDATES_OF_ROLLOUT)
}
