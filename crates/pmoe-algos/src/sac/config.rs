//! Hyper-parameters of the SAC family. Defaults are in `configs/algos/*.toml`.

use serde::{Deserialize, Serialize};

use crate::config::{ConfigError, at_least, in_range, positive};
use crate::replay::ReplayBuffer;

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
    /// Factor on the reward before it is stored.
    pub reward_scale: f32,
    /// Weight α of the entropy.
    pub temperature: TemperatureConfig,
    /// The policy.
    pub actor: ActorConfig,
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

/// The policy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ActorConfig {
    /// One squashed Gaussian: SAC.
    Gaussian {},
    /// A mixture of squashed Gaussians: PMOE-SAC.
    Pmoe(PmoeConfig),
}

/// Settings of a [`PmoeActor`](super::PmoeActor).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PmoeConfig {
    /// Number K of primitives.
    pub num_primitives: usize,
    /// Which primitives learn from the critic.
    pub primitive_loss: PrimitiveLoss,
    /// Weight of the frequency loss.
    pub freq_coef: f64,
    /// How the frequency loss adds up over primitives.
    pub freq_reduction: FreqReduction,
    /// What the router sees.
    pub routing_input: RoutingInput,
    /// What makes a primitive the best one.
    pub argmax_score: ArgmaxScore,
    /// Whose log-density is the entropy term.
    pub entropy_log_prob: EntropyLogProb,
    /// Which primitive acts when evaluated.
    pub eval_primitive: EvalPrimitive,
}

/// Which primitives learn from the critic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PrimitiveLoss {
    /// The best one: back-propagation-max, eq. 9.
    Max,
    /// All: back-propagation-all, eq. 8.
    All,
}

/// How the frequency loss adds up over primitives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FreqReduction {
    /// Sum over primitives, mean over the batch: eq. 7.
    Sum,
    /// Mean over both: the authors' release.
    Mean,
}

/// What the router sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RoutingInput {
    /// The trunk's features as constants.
    TrunkSg,
    /// The trunk's features, its gradient shaping them.
    Trunk,
    /// The observation.
    Obs,
}

/// What makes a primitive the best one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ArgmaxScore {
    /// min(Q₁, Q₂).
    Q,
    /// min(Q₁, Q₂) − α log π_k.
    SoftQ,
}

/// Whose log-density is the entropy term.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntropyLogProb {
    /// The chosen primitive's own.
    Component,
    /// The whole mixture's.
    Mixture,
}

/// Which primitive acts when evaluated; its mean is the action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EvalPrimitive {
    /// Drawn from the router's weights.
    Sample,
    /// The one with the largest weight.
    ArgmaxW,
    /// The one whose mean action the critics value most.
    ArgmaxQ,
    /// Always this one, from 0.
    Index(usize),
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
        at_least("batch_size", self.batch_size as u64, 1)?;
        at_least("buffer_size", self.buffer_size as u64, self.batch_size as u64)?;
        let most = ReplayBuffer::MAX_CAPACITY as f64;
        in_range("buffer_size", self.buffer_size as f64, 1.0, most)?;
        at_least("learning_starts", self.learning_starts, 1)?;
        at_least("gradient_steps", self.gradient_steps.into(), 1)?;
        positive("actor_lr", self.actor_lr)?;
        positive("critic_lr", self.critic_lr)?;
        positive("adam_epsilon", self.adam_epsilon.into())?;
        at_least("hidden (number of layers)", self.hidden.len() as u64, 1)?;
        for (layer, &units) in self.hidden.iter().enumerate() {
            at_least(&format!("hidden[{layer}]"), units as u64, 1)?;
        }
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
        match &self.actor {
            ActorConfig::Gaussian {} => Ok(()),
            ActorConfig::Pmoe(pmoe) => {
                let count = pmoe.num_primitives as u64;
                at_least("actor.pmoe.num_primitives", count, 1)?;
                in_range("actor.pmoe.freq_coef", pmoe.freq_coef, 0.0, f64::MAX)?;
                if let EvalPrimitive::Index(index) = pmoe.eval_primitive {
                    let last = count as f64 - 1.0;
                    in_range("actor.pmoe.eval_primitive.index", index as f64, 0.0, last)?;
                }
                Ok(())
            }
        }
    }
}
