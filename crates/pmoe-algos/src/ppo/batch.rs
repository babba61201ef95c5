//! From a rollout to minibatches of tensors.

use burn::tensor::{Device, Tensor, TensorData};

use crate::rollout::{RolloutBuffer, gather, standardise};

/// What learning needs to know of each step of a rollout beside the step itself, by the policy that
/// made it; `[T]` each.
#[derive(Debug, Clone)]
pub struct Targets {
    /// Log-density of the action.
    pub log_prob: Vec<f32>,
    /// Value of the state.
    pub value: Vec<f32>,
    /// Advantage of the action.
    pub advantage: Vec<f32>,
    /// What the value should be.
    pub returns: Vec<f32>,
}

/// Some steps of a rollout on the device.
#[derive(Debug, Clone)]
pub struct Minibatch {
    /// As the policy saw it, `[B, O]`.
    pub obs: Tensor<2>,
    /// As the policy drew it, not clipped, `[B, A]`.
    pub action: Tensor<2>,
    /// Log-density of the action under the policy that drew it, `[B]`.
    pub log_prob: Tensor<1>,
    /// Advantage of the action, normalised if so configured, `[B]`.
    pub advantage: Tensor<1>,
    /// What the value should be, `[B]`.
    pub returns: Tensor<1>,
    /// What it was, `[B]`.
    pub value: Tensor<1>,
}

impl Minibatch {
    /// The steps `rows` of a rollout; with `normalize`, their advantages get mean 0 and standard
    /// deviation 1.
    pub fn gather(
        rollout: &RolloutBuffer,
        targets: &Targets,
        rows: &[usize],
        normalize: bool,
        device: &Device,
    ) -> Self {
        let vector = |values: &[f32]| vector(gather(values, 1, rows), device);
        let mut advantage = gather(&targets.advantage, 1, rows);
        if normalize {
            standardise(&mut advantage);
        }
        Self {
            obs: gather_matrix(rollout.obs(), rollout.len(), rows, device),
            action: gather_matrix(rollout.action(), rollout.len(), rows, device),
            log_prob: vector(&targets.log_prob),
            advantage: self::vector(advantage, device),
            returns: vector(&targets.returns),
            value: vector(&targets.value),
        }
    }
}

/// The rows `rows` of a block of `len` rows.
pub(crate) fn gather_matrix(
    block: &[f32],
    len: usize,
    rows: &[usize],
    device: &Device,
) -> Tensor<2> {
    let dim = block.len() / len;
    matrix(gather(block, dim, rows), dim, device)
}

/// `values`, whole rows of `dim` numbers, as a tensor.
pub(crate) fn matrix(values: Vec<f32>, dim: usize, device: &Device) -> Tensor<2> {
    let shape = [values.len() / dim, dim];
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// `values` as a tensor.
pub(crate) fn vector(values: Vec<f32>, device: &Device) -> Tensor<1> {
    let shape = [values.len()];
    Tensor::from_data(TensorData::new(values, shape), device)
}
