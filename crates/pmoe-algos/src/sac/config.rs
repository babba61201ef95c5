//! Hyper-parameters of the SAC family. Defaults are in `configs/methods/*.toml`.

pub(super) mod policy;

use serde::{Deserialize, Serialize};

use self::policy::ActorConfig;
use crate::critic::CriticNorm;
use crate::policy::{Init, LogStd};
use crate::range::{ConfigError, Most, count, hidden_layers, in_range, positive};

/// Hyper-parameters of [`Sac`](super::Sac).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SacConfig {
    /// Discount γ, in [0, 1].
    pub gamma: f64,
    /// Step size τ of the target critics, in (0, 1]: θ̄ ← (1 − τ) θ̄ + τ θ.
    pub tau: f64,
    /// Transitions per update B.
    pub batch_size: usize,
    /// Capacity of the replay buffer.
    pub buffer_size: usize,
    /// Environment steps with uniformly random actions at the start.
    pub random_steps: u64,
    /// Environment steps before the first update, at least 1.
    pub learning_starts: u64,
    /// Gradient updates per environment step.
    pub gradient_steps: u32,
    /// Learning rate of the actor and of a learnt temperature.
    pub actor_lr: f64,
    /// Learning rate of the critics.
    pub critic_lr: f64,
    /// ε of Adam.
    pub adam_epsilon: f32,
    /// Units of each hidden layer, in actor and critics.
    pub hidden: Vec<usize>,
    /// Initial values of the networks.
    pub init: Init,
    /// Normalisation in the critics' hidden layers.
    #[serde(default, skip_serializing_if = "CriticNorm::is_none")]
    pub critic_norm: CriticNorm,
    /// Limits of the log standard deviations.
    pub log_std: LogStd,
    /// Factor on the reward before it is stored.
    pub reward_scale: f32,
    /// Whether to bootstrap after a time limit; otherwise it counts as termination.
    pub bootstrap_truncation: bool,
    /// Action at the next state in the critics' target.
    pub target: TargetAction,
    /// Weight α of the entropy.
    pub temperature: TemperatureConfig,
    /// The policy.
    pub actor: ActorConfig,
}

/// Action at the next state in the critics' target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetAction {
    /// An action sampled from the policy: Algorithm 1 and all public code.
    Sample,
    /// The action with the largest soft value among one sample of every primitive: eq. 11.
    Max,
}

/// The weight α of the entropy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum TemperatureConfig {
    /// A constant.
    Fixed {
        /// α, at least 0.
        alpha: f64,
    },
    /// A learnt temperature.
    Auto {
        /// Initial α, positive.
        initial_alpha: f64,
        /// Target entropy in nats, divided by the action dimension; usually −1.
        target_entropy_per_dim: f64,
    },
}

impl SacConfig {
    /// Checks every range.
    ///
    /// # Errors
    /// The error names the first key whose value is out of range, and the range.
    pub fn validate(&self) -> Result<(), ConfigError> {
        in_range("gamma", self.gamma, 0.0, 1.0)?;
        positive("tau", self.tau)?;
        in_range("tau", self.tau, 0.0, 1.0)?;
        let batch_size = self.batch_size as u64;
        count("batch_size", batch_size, 1, Most::ROWS)?;
        count("buffer_size", self.buffer_size as u64, batch_size, Most::TRANSITIONS)?;
        count("random_steps", self.random_steps, 0, Most::STEPS)?;
        count("learning_starts", self.learning_starts, 1, Most::STEPS)?;
        count("gradient_steps", self.gradient_steps.into(), 1, Most::UPDATES)?;
        positive("actor_lr", self.actor_lr)?;
        positive("critic_lr", self.critic_lr)?;
        positive("adam_epsilon", self.adam_epsilon.into())?;
        hidden_layers("hidden", &self.hidden)?;
        positive("reward_scale", self.reward_scale.into())?;
        match self.temperature {
            TemperatureConfig::Fixed { alpha } => {
                in_range("temperature.fixed.alpha", alpha, 0.0, f64::MAX)?;
            }
            TemperatureConfig::Auto { initial_alpha, target_entropy_per_dim } => {
                positive("temperature.auto.initial_alpha", initial_alpha)?;
                let key = "temperature.auto.target_entropy_per_dim";
                in_range(key, target_entropy_per_dim, f64::MIN, f64::MAX)?;
            }
        }
        self.log_std.validate("log_std")?;
        self.actor.validate()
    }
}
