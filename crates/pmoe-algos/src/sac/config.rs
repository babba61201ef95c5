//! Hyper-parameters of the SAC family. Defaults are in `configs/algos/*.toml`.

mod policy;

use burn::tensor::Tensor;
use pmoe_core::nn;
use serde::{Deserialize, Serialize};

pub use self::policy::{
    ActorConfig, AlphaLogProb, ArgmaxScore, EntropyLogProb, Estimator, EvalPrimitive,
    FreqReduction, FrequencyConfig, GatingConfig, GatingVariance, GumbelMode, McpConfig, McpGate,
    McpNetwork, PmoeConfig, PrimitiveLoss, RatioBaseline, ReinforceBaseline, RoutingInput,
};
use crate::config::{ConfigError, Most, count, hidden_layers, in_range, positive};

/// Hyper-parameters of [`Sac`](super::Sac).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SacConfig {
    /// Discount γ, in [0, 1].
    pub gamma: f64,
    /// Step τ of the target critics, in (0, 1]: θ̄ ← (1 − τ) θ̄ + τ θ.
    pub tau: f64,
    /// Transitions per update B.
    pub batch_size: usize,
    /// Transitions kept.
    pub buffer_size: usize,
    /// Environment steps with uniformly random actions at the start.
    pub random_steps: u64,
    /// Environment steps before the first update, at least 1.
    pub learning_starts: u64,
    /// Gradient updates per environment step.
    pub gradient_steps: u32,
    /// Learning rate of the actor, and of a learnt temperature.
    pub actor_lr: f64,
    /// Learning rate of the critics.
    pub critic_lr: f64,
    /// ε of Adam.
    pub adam_epsilon: f32,
    /// Units of each hidden layer, of actor and critics.
    pub hidden: Vec<usize>,
    /// How the networks start.
    pub init: Init,
    /// Limits of the log standard deviations.
    pub log_std: LogStd,
    /// Factor on the reward before it is stored.
    pub reward_scale: f32,
    /// Whether the last state before a time limit has a value; else a time limit is an end.
    pub bootstrap_truncation: bool,
    /// Which action at the next state the critics learn from.
    pub target: TargetAction,
    /// Weight α of the entropy.
    pub temperature: TemperatureConfig,
    /// The policy.
    pub actor: ActorConfig,
}

/// How the networks start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Init {
    /// PyTorch's default for every layer.
    Torch,
    /// That of rlkit and the authors' release: hidden layers from U(±1/√fan_out) with biases of 0.1,
    /// the critics' last layers from U(±3e-3), the policy's heads from U(±1e-3), the router as
    /// PyTorch has it.
    Rlkit,
}

/// How the log standard deviations of the policy are kept within limits.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum LogStd {
    /// Cut off at (low, high); outside, the gradient is zero. Spinning Up, the authors' release.
    Clamp(f64, f64),
    /// Squashed into (low, high) by tanh. CleanRL.
    Tanh(f64, f64),
}

/// Which action at the next state the critics learn from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetAction {
    /// One drawn from the policy: Algorithm 1 and all public code.
    Sample,
    /// The one of the largest soft value among a draw of every primitive: eq. 11.
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
    /// Learnt.
    Auto {
        /// α at the start, positive.
        initial_alpha: f64,
        /// Target entropy divided by the action dimension (nats); usually −1.
        target_entropy_per_dim: f64,
    },
}

impl SacConfig {
    /// Checks what types can't say.
    ///
    /// # Errors
    /// Names the first key whose value is out of range, and the range.
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

impl Init {
    /// Hidden layers.
    pub(super) fn hidden(self) -> nn::MlpStyle {
        let init = match self {
            Self::Torch => nn::Init::Torch,
            Self::Rlkit => nn::Init::RlkitHidden,
        };
        nn::MlpStyle { init, ..nn::MlpStyle::RELU }
    }

    /// The layer that means or deviations come from.
    pub(super) fn policy_head(self) -> nn::Init {
        self.output(1e-3)
    }

    /// The last layer of a critic.
    pub(super) fn value_head(self) -> nn::Init {
        self.output(3e-3)
    }

    /// The layer that weights come from.
    pub(super) fn router(self) -> nn::Init {
        nn::Init::Torch
    }

    fn output(self, bound: f64) -> nn::Init {
        match self {
            Self::Torch => nn::Init::Torch,
            Self::Rlkit => nn::Init::Uniform { bound },
        }
    }
}

impl LogStd {
    /// A network's output within the limits.
    pub(crate) fn apply<const D: usize>(self, x: Tensor<D>) -> Tensor<D> {
        match self {
            Self::Clamp(low, high) => x.clamp(low, high),
            Self::Tanh(low, high) => {
                x.tanh().add_scalar(1.0).mul_scalar(0.5 * (high - low)).add_scalar(low)
            }
        }
    }

    pub(crate) fn validate(self, key: &str) -> Result<(), ConfigError> {
        let (kind, low, high) = match self {
            Self::Clamp(low, high) => ("clamp", low, high),
            Self::Tanh(low, high) => ("tanh", low, high),
        };
        if low < high && low.is_finite() && high.is_finite() {
            return Ok(());
        }
        Err(ConfigError::Range {
            key: format!("{key}.{kind}"),
            value: format!("[{low}, {high}]"),
            allowed: "two finite numbers, the smaller first".to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    #[test]
    fn limits_of_the_log_deviation_by_hand() {
        let x = Tensor::<1>::from_data([-30.0_f32, 0.5, 30.0], &Device::flex());
        let values = |limits: LogStd| limits.apply(x.clone()).try_to_vec_as::<f32>().unwrap();
        assert_eq!(values(LogStd::Clamp(-20.0, 2.0)), [-20.0, 0.5, 2.0]);
        // −5 + 3.5 (tanh x + 1)
        let middle = -5.0 + 3.5 * (0.5_f32.tanh() + 1.0);
        for (found, expected) in values(LogStd::Tanh(-5.0, 2.0)).iter().zip([-5.0, middle, 2.0]) {
            assert!((found - expected).abs() < 1e-6, "{found} is not {expected}");
        }
    }
}
