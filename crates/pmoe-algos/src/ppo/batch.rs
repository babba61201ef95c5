//! Conversion of rollouts to minibatches of tensors.

use burn::tensor::{Device, Tensor};

use crate::rollout::{RolloutBuffer, gather, standardise};
use crate::tensors::{self, gather_matrix};

/// What learning needs besides the steps of a rollout, computed with the policy that collected
/// them; the lists are `[T]` each.
#[derive(Debug, Clone)]
pub struct Targets {
    /// Log-density of the action.
    pub log_prob: Vec<f32>,
    /// Value of the state.
    pub value: Vec<f32>,
    /// Advantage of the action.
    pub advantage: Vec<f32>,
    /// Target of the value.
    pub returns: Vec<f32>,
    /// Mean entropy of a mixture, in nats, estimated from its actions; `None` for one Gaussian.
    pub entropy: Option<f64>,
}

/// Some steps of a rollout on the device.
#[derive(Debug, Clone)]
pub struct Minibatch {
    /// Observations as the policy saw them, `[B, O]`.
    pub obs: Tensor<2>,
    /// Actions as sampled from the policy, not clipped, `[B, A]`.
    pub action: Tensor<2>,
    /// Log-density of the action under the policy that sampled it, `[B]`.
    pub log_prob: Tensor<1>,
    /// Advantage of the action, normalised if so configured, `[B]`.
    pub advantage: Tensor<1>,
    /// Target of the value, `[B]`.
    pub returns: Tensor<1>,
    /// Value before the update, `[B]`.
    pub value: Tensor<1>,
}

impl Minibatch {
    /// Gathers the steps `rows` of a rollout. With `normalize`, their advantages get mean 0 and
    /// standard deviation 1.
    pub fn gather(
        rollout: &RolloutBuffer,
        targets: &Targets,
        rows: &[usize],
        normalize: bool,
        device: &Device,
    ) -> Self {
        let vector = |values: &[f32]| tensors::vector(gather(values, 1, rows), device);
        let mut advantage = gather(&targets.advantage, 1, rows);
        if normalize {
            standardise(&mut advantage);
        }
        Self {
            obs: gather_matrix(rollout.obs(), rollout.len(), rows, device),
            action: gather_matrix(rollout.action(), rollout.len(), rows, device),
            log_prob: vector(&targets.log_prob),
            advantage: tensors::vector(advantage, device),
            returns: vector(&targets.returns),
            value: vector(&targets.value),
        }
    }
}
