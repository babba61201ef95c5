//! Settings of the policies.

use serde::{Deserialize, Serialize};

use crate::policy::{EvalPrimitive, FreqReduction, GatingVariance, McpConfig, RoutingInput};
use crate::range::{ConfigError, Most, between, count, in_range, positive};

/// The policy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ActorConfig {
    /// One squashed Gaussian: SAC.
    Gaussian {},
    /// Gaussians blended into one by a gate.
    Gating(GatingConfig),
    /// The product of weighted Gaussians.
    Mcp(McpConfig),
    /// A mixture of squashed Gaussians: PMOE-SAC.
    Pmoe(PmoeConfig),
}

/// Settings of a [`GatingActor`](crate::sac::GatingActor).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GatingConfig {
    /// Number K of Gaussians.
    pub num_primitives: usize,
    /// Variance of the blend.
    pub variance: GatingVariance,
}

/// Settings of a [`PmoeActor`](crate::sac::PmoeActor).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PmoeConfig {
    /// Number K of primitives.
    pub num_primitives: usize,
    /// Input of the router.
    pub routing_input: RoutingInput,
    /// The log-density in the entropy term.
    pub entropy_log_prob: EntropyLogProb,
    /// The primitive that acts in training. Earlier configs have no such key.
    #[serde(default, skip_serializing_if = "Act::is_drawn")]
    pub act: Act,
    /// The primitive that acts in evaluation.
    pub eval_primitive: EvalPrimitive,
    /// How router and primitives learn.
    pub estimator: Estimator,
}

/// The primitive that acts in training.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// One drawn from the router's weights.
    #[default]
    Drawn,
    /// The one whose draw has the highest value, of one draw of every primitive.
    Best,
}

impl Act {
    /// A setting that is new and changes nothing is not written, so that the ids of earlier runs
    /// stay.
    fn is_drawn(&self) -> bool {
        *self == Self::Drawn
    }
}

/// The log-density in the entropy term.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntropyLogProb {
    /// That of the chosen primitive.
    Component,
    /// That of the whole mixture.
    Mixture,
}

/// How router and primitives learn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Estimator {
    /// The paper's estimator: the router learns how often each primitive is the best.
    Frequency(FrequencyConfig),
    /// Gumbel-softmax.
    Gumbel {
        /// How the relaxed sample is used.
        mode: GumbelMode,
        /// Temperature T of the relaxation, positive.
        temperature: f64,
    },
    /// The score function for the choice of the primitive, and the critic's gradient for its
    /// action.
    Reinforce {
        /// Baseline subtracted from the sampled primitive's value.
        baseline: ReinforceBaseline,
    },
    /// The score function for the whole policy, as in the SAC code of 2018.
    LikelihoodRatio {
        /// Estimate of V(s).
        baseline: RatioBaseline,
        /// Weight of half the mean squares of means and log standard deviations, at least 0.
        regularization: f64,
        /// Lower limit of the router's logits.
        log_weight_floor: f64,
    },
    /// The choice of the primitive summed out.
    Marginal(MarginalConfig),
}

/// Settings of the paper's estimator.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FrequencyConfig {
    /// Which primitives learn from the critic.
    pub primitive_loss: PrimitiveLoss,
    /// Weight of the frequency loss, at least 0.
    pub freq_coef: f64,
    /// How the frequency loss is reduced.
    pub freq_reduction: FreqReduction,
    /// Criterion for the best primitive.
    pub argmax_score: ArgmaxScore,
    /// The log-density that a learnt temperature uses.
    pub alpha_log_prob: AlphaLogProb,
}

/// Settings of the estimator that sums the choice out. Both are in units of α, at least 0, and in
/// addition to what the log-density of the entropy term gives.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MarginalConfig {
    /// Weight of how well an action tells which primitive it is of.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub diversity: f64,
    /// Weight of the router's entropy.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub routing: f64,
}

/// A setting that is new and changes nothing is not written, so that the ids of earlier runs stay.
fn is_zero(value: &f64) -> bool {
    *value == 0.0
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

/// Criterion for the best primitive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ArgmaxScore {
    /// min(Q₁, Q₂).
    Q,
    /// min(Q₁, Q₂) − α log π, with the log-density of the entropy term.
    SoftQ,
    /// min(Q₁, Q₂) of the primitive's mode instead of its draw.
    Mode,
}

/// The log-density that a learnt temperature uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlphaLogProb {
    /// That of the learning primitives: the best one, or all.
    Learning,
    /// That of a primitive sampled from the weights, as in acting.
    Drawn,
}

/// How a relaxed sample is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GumbelMode {
    /// Its largest element in the forward pass, all of it in the backward pass.
    StraightThrough,
    /// As weights that blend the primitives' actions.
    Soft,
}

/// Baseline of REINFORCE, subtracted from the sampled primitive's value.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ReinforceBaseline {
    /// No baseline.
    None,
    /// The expected value under the weights, from a sample of every primitive.
    Expected,
    /// A moving average of the sampled values.
    Ema {
        /// Factor on the average at each update, in [0, 1).
        decay: f64,
    },
}

/// Estimate of V(s) in the likelihood ratio.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RatioBaseline {
    /// Zero.
    None,
    /// The weighted soft value of a fresh sample of every primitive.
    Expected,
}

impl ActorConfig {
    /// Returns the number K of Gaussians.
    pub fn num_primitives(&self) -> usize {
        match self {
            Self::Gaussian {} => 1,
            Self::Gating(gating) => gating.num_primitives,
            Self::Mcp(mcp) => mcp.num_primitives,
            Self::Pmoe(pmoe) => pmoe.num_primitives,
        }
    }

    /// Returns the key and a mutable reference to the number of primitives; `None` for a single
    /// Gaussian.
    pub(crate) fn num_primitives_mut(&mut self) -> Option<(&'static str, &mut usize)> {
        match self {
            Self::Gaussian {} => None,
            Self::Gating(gating) => {
                Some(("actor.gating.num_primitives", &mut gating.num_primitives))
            }
            Self::Mcp(mcp) => Some(("actor.mcp.num_primitives", &mut mcp.num_primitives)),
            Self::Pmoe(pmoe) => Some(("actor.pmoe.num_primitives", &mut pmoe.num_primitives)),
        }
    }

    /// Returns the choice of the primitive in evaluations, for policies that have one.
    pub(crate) fn eval_primitive_mut(&mut self) -> Option<&mut EvalPrimitive> {
        match self {
            Self::Gaussian {} | Self::Gating(_) | Self::Mcp(_) => None,
            Self::Pmoe(pmoe) => Some(&mut pmoe.eval_primitive),
        }
    }

    /// Returns the number of draws of which the loss sees the one with the highest value only;
    /// `None` if it makes no such choice, or if the best one acts, too.
    pub fn draws_in_choice(&self) -> Option<usize> {
        let Self::Pmoe(PmoeConfig { num_primitives, act: Act::Drawn, estimator, .. }) = self else {
            return None;
        };
        let Estimator::Frequency(frequency) = estimator else { return None };
        let FrequencyConfig { primitive_loss, argmax_score, .. } = frequency;
        let is_best = (*primitive_loss, *argmax_score) == (PrimitiveLoss::Max, ArgmaxScore::Q);
        is_best.then_some(*num_primitives)
    }

    /// Returns which primitive acts in training; a single Gaussian is one primitive that is drawn.
    pub(super) fn act(&self) -> Act {
        if let Self::Pmoe(pmoe) = self { pmoe.act } else { Act::Drawn }
    }

    /// Returns which primitives learn from the critic; `None` without the frequency loss.
    pub(super) fn primitive_loss(&self) -> Option<PrimitiveLoss> {
        let Self::Pmoe(PmoeConfig { estimator: Estimator::Frequency(frequency), .. }) = self else {
            return None;
        };
        Some(frequency.primitive_loss)
    }

    /// Returns whether acting asks the critics.
    pub(crate) fn acts_by_value(&self) -> bool {
        let Self::Pmoe(pmoe) = self else { return false };
        pmoe.act == Act::Best || pmoe.eval_primitive == EvalPrimitive::ArgmaxQ
    }

    /// Returns the decay of REINFORCE's moving average, if it has one.
    pub(crate) fn baseline_decay(&self) -> Option<f64> {
        match self {
            Self::Pmoe(PmoeConfig {
                estimator: Estimator::Reinforce { baseline: ReinforceBaseline::Ema { decay } },
                ..
            }) => Some(*decay),
            _ => None,
        }
    }

    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        let primitives = |key: &str, num: usize| count(key, num as u64, 1, Most::PRIMITIVES);
        match self {
            Self::Gaussian {} => Ok(()),
            Self::Gating(gating) => {
                primitives("actor.gating.num_primitives", gating.num_primitives)
            }
            Self::Mcp(mcp) => primitives("actor.mcp.num_primitives", mcp.num_primitives),
            Self::Pmoe(pmoe) => {
                primitives("actor.pmoe.num_primitives", pmoe.num_primitives)?;
                pmoe.validate()
            }
        }
    }
}

impl PmoeConfig {
    fn validate(&self) -> Result<(), ConfigError> {
        if let EvalPrimitive::Index(index) = self.eval_primitive {
            let last = self.num_primitives as u64 - 1;
            between("actor.pmoe.eval_primitive.index", index as u64, 0, last)?;
        }
        if self.act == Act::Best {
            self.check_best()?;
        }
        let key = |name: &str| format!("actor.pmoe.estimator.{name}");
        match &self.estimator {
            Estimator::Frequency(frequency) => {
                in_range(&key("frequency.freq_coef"), frequency.freq_coef, 0.0, f64::MAX)
            }
            Estimator::Gumbel { temperature, .. } => {
                positive(&key("gumbel.temperature"), *temperature)
            }
            Estimator::Reinforce { baseline: ReinforceBaseline::Ema { decay } } => {
                let key = key("reinforce.baseline.ema.decay");
                in_range(&key, *decay, 0.0, 1.0_f64.next_down())
            }
            Estimator::Reinforce { .. } => Ok(()),
            Estimator::Marginal(MarginalConfig { diversity, routing }) => {
                in_range(&key("marginal.diversity"), *diversity, 0.0, f64::MAX)?;
                in_range(&key("marginal.routing"), *routing, 0.0, f64::MAX)
            }
            Estimator::LikelihoodRatio { regularization, log_weight_floor, .. } => {
                let of = |name: &str| key(&format!("likelihood_ratio.{name}"));
                in_range(&of("regularization"), *regularization, 0.0, f64::MAX)?;
                in_range(&of("log_weight_floor"), *log_weight_floor, f64::MIN, f64::MAX)?;
                if self.entropy_log_prob == EntropyLogProb::Mixture {
                    return Ok(());
                }
                Err(ConfigError::Range {
                    key: "actor.pmoe.entropy_log_prob".to_owned(),
                    value: "component".to_owned(),
                    allowed: "mixture, whose density the likelihood ratio learns".to_owned(),
                })
            }
        }
    }

    /// Checks that the loss is of the policy that acts: the best of one draw of every primitive.
    fn check_best(&self) -> Result<(), ConfigError> {
        let range = |key: &str, value: &str, allowed: &str| {
            let allowed = format!("{allowed}, as actor.pmoe.act = best acts by the highest value");
            let key = format!("actor.pmoe.{key}");
            Err(ConfigError::Range { key, value: value.to_owned(), allowed })
        };
        if self.entropy_log_prob == EntropyLogProb::Mixture {
            return range("entropy_log_prob", "mixture", "component");
        }
        let Estimator::Frequency(frequency) = &self.estimator else {
            return range("estimator", "another one", "frequency");
        };
        match (frequency.argmax_score, frequency.alpha_log_prob) {
            (ArgmaxScore::Q, AlphaLogProb::Learning) => Ok(()),
            (ArgmaxScore::SoftQ, _) => range("estimator.frequency.argmax_score", "soft_q", "q"),
            (ArgmaxScore::Mode, _) => range("estimator.frequency.argmax_score", "mode", "q"),
            (_, AlphaLogProb::Drawn) => {
                range("estimator.frequency.alpha_log_prob", "drawn", "learning")
            }
        }
    }
}
