//! Conversion of rollouts to minibatches of tensors, for both MDPs.

use burn::tensor::{Int, Tensor};

use super::{Dac, Previous};
use crate::rollout::gather;
use crate::tensors::{gather_matrix, vector};

/// What one of the MDPs learns from the steps of a rollout, `[T]` each.
#[derive(Debug, Clone)]
pub struct MdpTargets {
    /// Log-probability of the choice.
    pub log_prob: Vec<f32>,
    /// Value of the state.
    pub value: Vec<f32>,
    /// Advantage of the choice, normalised.
    pub advantage: Vec<f32>,
    /// Target of the value.
    pub returns: Vec<f32>,
}

/// What both MDPs learn from the steps of a rollout.
#[derive(Debug, Clone)]
pub struct Targets {
    /// For the choice of options.
    pub high: MdpTargets,
    /// For the options' actions.
    pub low: MdpTargets,
    /// π^H of every option, `[T · K]`.
    pub probs: Vec<f32>,
    /// Mean entropy of the acting policy given state and previous option, in nats, estimated from
    /// its actions.
    pub entropy: f64,
}

/// Some steps of a rollout in the high MDP.
#[derive(Debug, Clone)]
pub struct HighMinibatch {
    /// Observations as the policy saw them, `[B, O]`.
    pub obs: Tensor<2>,
    /// The previous options.
    pub previous: Previous,
    /// The chosen options, `[B]`.
    pub option: Tensor<1, Int>,
    /// Log-probabilities of the options at the time of the choice, `[B]`.
    pub log_prob: Tensor<1>,
    /// Probability of every option at that time, `[B, K]`.
    pub old_probs: Tensor<2>,
    /// Advantage of the choice, normalised, `[B]`.
    pub advantage: Tensor<1>,
    /// Target of the value, `[B]`.
    pub returns: Tensor<1>,
}

/// Some steps of a rollout in the low MDP.
#[derive(Debug, Clone)]
pub struct LowMinibatch {
    /// Observations as the policy saw them, `[B, O]`.
    pub obs: Tensor<2>,
    /// The active options, `[B]`.
    pub option: Tensor<1, Int>,
    /// Actions as sampled from the options, not clipped, `[B, A]`.
    pub action: Tensor<2>,
    /// Log-density of the action at the time of sampling, `[B]`.
    pub log_prob: Tensor<1>,
    /// Advantage of the action, normalised, `[B]`.
    pub advantage: Tensor<1>,
    /// Target of the value, `[B]`.
    pub returns: Tensor<1>,
}

impl Dac {
    /// Gathers some steps for the high MDP.
    pub fn high_minibatch(&self, targets: &Targets, rows: &[usize]) -> HighMinibatch {
        let vector = |values: &[f32]| vector(gather(values, 1, rows), &self.device);
        let (option, previous) = self.options.tensors(rows, &self.device);
        let steps = self.rollout.len();
        HighMinibatch {
            obs: gather_matrix(self.rollout.obs(), steps, rows, &self.device),
            previous,
            option,
            log_prob: vector(&targets.high.log_prob),
            old_probs: gather_matrix(&targets.probs, steps, rows, &self.device),
            advantage: vector(&targets.high.advantage),
            returns: vector(&targets.high.returns),
        }
    }

    /// Gathers some steps for the low MDP.
    pub fn low_minibatch(&self, targets: &Targets, rows: &[usize]) -> LowMinibatch {
        let vector = |values: &[f32]| vector(gather(values, 1, rows), &self.device);
        let (option, _) = self.options.tensors(rows, &self.device);
        let steps = self.rollout.len();
        LowMinibatch {
            obs: gather_matrix(self.rollout.obs(), steps, rows, &self.device),
            option,
            action: gather_matrix(self.rollout.action(), steps, rows, &self.device),
            log_prob: vector(&targets.low.log_prob),
            advantage: vector(&targets.low.advantage),
            returns: vector(&targets.low.returns),
        }
    }
}
