//! From a rollout to minibatches of tensors, for both MDPs.

use burn::tensor::{Int, Tensor};

use super::{Dac, Previous};
use crate::rollout::gather;
use crate::tensors::{gather_matrix, vector};

/// What the steps of a rollout say about one of the MDPs; `[T]` each.
#[derive(Debug, Clone)]
pub struct MdpTargets {
    /// Log-probability of what was chosen.
    pub log_prob: Vec<f32>,
    /// Value of the state.
    pub value: Vec<f32>,
    /// Advantage of the choice, normalised.
    pub advantage: Vec<f32>,
    /// What the value should be.
    pub returns: Vec<f32>,
}

/// What the steps of a rollout say about both.
#[derive(Debug, Clone)]
pub struct Targets {
    /// Of the choice of options.
    pub high: MdpTargets,
    /// Of the options' actions.
    pub low: MdpTargets,
    /// π^H of every option, `[T · K]`.
    pub probs: Vec<f32>,
}

/// Some steps of a rollout as the high MDP sees them.
#[derive(Debug, Clone)]
pub struct HighMinibatch {
    /// As the policy saw it, `[B, O]`.
    pub obs: Tensor<2>,
    /// The options before.
    pub previous: Previous,
    /// The options chosen, `[B]`.
    pub option: Tensor<1, Int>,
    /// Log-probability of those when they were chosen, `[B]`.
    pub log_prob: Tensor<1>,
    /// Probability of every option then, `[B, K]`.
    pub old_probs: Tensor<2>,
    /// Advantage of the choice, normalised, `[B]`.
    pub advantage: Tensor<1>,
    /// What the value should be, `[B]`.
    pub returns: Tensor<1>,
}

/// Some steps of a rollout as the low MDP sees them.
#[derive(Debug, Clone)]
pub struct LowMinibatch {
    /// As the policy saw it, `[B, O]`.
    pub obs: Tensor<2>,
    /// The active options, `[B]`.
    pub option: Tensor<1, Int>,
    /// As the option drew it, not clipped, `[B, A]`.
    pub action: Tensor<2>,
    /// Log-density of the action when it was drawn, `[B]`.
    pub log_prob: Tensor<1>,
    /// Advantage of the action, normalised, `[B]`.
    pub advantage: Tensor<1>,
    /// What the value should be, `[B]`.
    pub returns: Tensor<1>,
}

impl Dac {
    /// Some steps as the high MDP sees them.
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

    /// Some steps as the low MDP sees them.
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
