//! Hyper-parameters of TD3. Defaults are in `configs/methods/td3.toml`.

use serde::{Deserialize, Serialize};

use crate::critic::CriticNorm;
use crate::policy::Init;
use crate::range::{ConfigError, Most, count, hidden_layers, in_range, positive};

/// Hyper-parameters of [`Td3`](super::Td3).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Td3Config {
    /// Discount γ, in [0, 1].
    pub gamma: f64,
    /// Step size τ of the target networks, in (0, 1]: θ̄ ← (1 − τ) θ̄ + τ θ.
    pub tau: f64,
    /// Transitions per update B.
    pub batch_size: usize,
    /// Capacity of the replay buffer.
    pub buffer_size: usize,
    /// Environment steps with uniformly random actions at the start.
    pub random_steps: u64,
    /// Environment steps before the first update, at least 1. From then on, there is one update per
    /// step.
    pub learning_starts: u64,
    /// Learning rate of the actor.
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
    /// Standard deviation of the exploration noise, at least 0. Actions range from −1 to 1.
    pub exploration_noise: f64,
    /// Standard deviation σ of the noise on the target policy's actions, at least 0.
    pub target_noise: f64,
    /// Maximum magnitude c of that noise, at least 0.
    pub target_noise_clip: f64,
    /// Critic updates per update of the actor and the target networks.
    pub policy_delay: u32,
    /// Whether to bootstrap after a time limit; otherwise it counts as termination.
    pub bootstrap_truncation: bool,
}

impl Td3Config {
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
        positive("actor_lr", self.actor_lr)?;
        positive("critic_lr", self.critic_lr)?;
        positive("adam_epsilon", self.adam_epsilon.into())?;
        hidden_layers("hidden", &self.hidden)?;
        in_range("exploration_noise", self.exploration_noise, 0.0, f64::MAX)?;
        in_range("target_noise", self.target_noise, 0.0, f64::MAX)?;
        in_range("target_noise_clip", self.target_noise_clip, 0.0, f64::MAX)?;
        count("policy_delay", self.policy_delay.into(), 1, Most::UPDATES)
    }
}
