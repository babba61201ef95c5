//! Upload of a batch to a device.

use burn::tensor::{Device, Tensor};

use super::Batch;
use crate::tensors::{matrix, vector};

/// A [`Batch`] on the device.
#[derive(Debug, Clone)]
pub struct TensorBatch {
    /// `[B, O]`
    pub obs: Tensor<2>,
    /// `[B, A]`
    pub action: Tensor<2>,
    /// `[B]`
    pub reward: Tensor<1>,
    /// `[B, O]`
    pub next_obs: Tensor<2>,
    /// `[B]`: 0 where the MDP ended, else 1.
    pub not_terminated: Tensor<1>,
}

impl TensorBatch {
    /// Uploads a batch.
    pub fn new(batch: &Batch, device: &Device) -> Self {
        let rows = batch.len;
        let matrix = |values: &[f32]| matrix(values.to_vec(), values.len() / rows, device);
        let vector = |values: &[f32]| vector(values.to_vec(), device);
        Self {
            obs: matrix(&batch.obs),
            action: matrix(&batch.action),
            reward: vector(&batch.reward),
            next_obs: matrix(&batch.next_obs),
            not_terminated: vector(&batch.not_terminated),
        }
    }

    /// Joins the batches of several runs.
    pub(crate) fn cat(batches: Vec<Self>) -> Self {
        let matrices = |part: fn(&Self) -> &Tensor<2>| {
            Tensor::cat(batches.iter().map(|batch| part(batch).clone()).collect(), 0)
        };
        let vectors = |part: fn(&Self) -> &Tensor<1>| {
            Tensor::cat(batches.iter().map(|batch| part(batch).clone()).collect(), 0)
        };
        Self {
            obs: matrices(|batch| &batch.obs),
            action: matrices(|batch| &batch.action),
            reward: vectors(|batch| &batch.reward),
            next_obs: matrices(|batch| &batch.next_obs),
            not_terminated: vectors(|batch| &batch.not_terminated),
        }
    }
}
