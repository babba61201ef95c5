//! Hyper-parameters of the SAC family. Defaults are in `configs/methods/*.toml`.

pub(super) mod policy;

use serde::{Deserialize, Serialize};

use self::policy::{Act, ActorConfig, PrimitiveLoss};
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
    /// The critics. Earlier configs have no such key.
    #[serde(default, skip_serializing_if = "CriticConfig::is_twin")]
    pub critics: CriticConfig,
    /// Action at the next state in the critics' target.
    pub target: TargetAction,
    /// Weight α of the entropy.
    pub temperature: TemperatureConfig,
    /// The policy.
    pub actor: ActorConfig,
}

/// The critics.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum CriticConfig {
    /// Two, whose minimum judges every action.
    Twin {},
    /// One for each primitive, which judges its actions; the target is the minimum of two of them.
    PerPrimitive {
        /// Weight λ of the critics' standard deviation when an action is chosen in training, at
        /// least 0.
        optimism: f64,
    },
}

impl Default for CriticConfig {
    /// What there was before there was a choice.
    fn default() -> Self {
        Self::Twin {}
    }
}

impl CriticConfig {
    fn is_twin(&self) -> bool {
        matches!(self, Self::Twin {})
    }
}

/// Action at the next state in the critics' target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetAction {
    /// An action sampled from the policy: Algorithm 1 and all public code.
    Sample,
    /// The action with the largest value among one sample of every primitive: eq. 11. Its soft value
    /// takes the density of the best of K draws, see [`divergence`](pmoe_core::best_of::divergence).
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
    /// A constant, so that the best of several draws is as wide as SAC's single one at `alpha`:
    /// `alpha · E[min_K χ²_A] / A`, see [`calibration`](pmoe_core::best_of::calibration).
    Calibrated {
        /// SAC's α, at least 0.
        alpha: f64,
        /// Draws K among which the loss takes the best. Left out, those of the actor's loss; given,
        /// those that an actor without such a choice is compared with.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        best_of: Option<usize>,
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
            TemperatureConfig::Calibrated { alpha, best_of } => {
                in_range("temperature.calibrated.alpha", alpha, 0.0, f64::MAX)?;
                let key = "temperature.calibrated.best_of";
                if let Some(best_of) = best_of {
                    count(key, best_of as u64, 1, Most::PRIMITIVES)?;
                } else if self.actor.draws_in_choice().is_none() {
                    return Err(ConfigError::Range {
                        key: key.to_owned(),
                        value: "missing".to_owned(),
                        allowed: "given: the loss of this policy takes no best of several draws"
                            .to_owned(),
                    });
                }
            }
            TemperatureConfig::Auto { initial_alpha, target_entropy_per_dim } => {
                positive("temperature.auto.initial_alpha", initial_alpha)?;
                let key = "temperature.auto.target_entropy_per_dim";
                in_range(key, target_entropy_per_dim, f64::MIN, f64::MAX)?;
            }
        }
        self.log_std.validate("log_std")?;
        self.actor.validate()?;
        self.check_target()?;
        self.check_critics()
    }

    /// Refuses critics that would judge no action, or that some action would lack.
    fn check_critics(&self) -> Result<(), ConfigError> {
        let is_best = self.actor.act() == Act::Best;
        let range = |key: &str, value: String, allowed: &str| {
            Err(ConfigError::Range { key: key.to_owned(), value, allowed: allowed.to_owned() })
        };
        let CriticConfig::PerPrimitive { optimism } = self.critics else {
            return match self.actor.primitive_loss() {
                Some(PrimitiveLoss::All) if is_best => range(
                    "actor.pmoe.estimator.frequency.primitive_loss",
                    "all".to_owned(),
                    "max: actor.pmoe.act = best acts as the best one, unless critics are \
                     per_primitive",
                ),
                _ => Ok(()),
            };
        };
        in_range("critics.per_primitive.optimism", optimism, 0.0, f64::MAX)?;
        let critics = "critics = per_primitive";
        if !is_best {
            let allowed = format!("best with {critics}: all critics choose the action together");
            return range("actor.pmoe.act", "drawn, or there is none".to_owned(), &allowed);
        }
        if self.actor.primitive_loss() != Some(PrimitiveLoss::All) {
            let allowed = format!("all with {critics}: each primitive learns from its critic");
            let key = "actor.pmoe.estimator.frequency.primitive_loss";
            return range(key, "max".to_owned(), &allowed);
        }
        let num_primitives = self.actor.num_primitives();
        if num_primitives < 2 {
            let allowed = format!("at least 2 with {critics}: a target asks two of them");
            return range("actor.pmoe.num_primitives", num_primitives.to_string(), &allowed);
        }
        Ok(())
    }

    /// Refuses a target that values another policy than the one that acts.
    fn check_target(&self) -> Result<(), ConfigError> {
        let (value, allowed) = match (self.target, self.actor.act()) {
            (TargetAction::Sample, Act::Drawn) | (TargetAction::Max, Act::Best) => return Ok(()),
            (TargetAction::Max, Act::Drawn) => (
                "max",
                "sample: the best of one action of each primitive, which max values, acts only \
                 with actor.pmoe.act = best",
            ),
            (TargetAction::Sample, Act::Best) => {
                ("sample", "max: with actor.pmoe.act = best, a drawn primitive never acts")
            }
        };
        let (key, value) = ("target".to_owned(), value.to_owned());
        Err(ConfigError::Range { key, value, allowed: allowed.to_owned() })
    }
}
