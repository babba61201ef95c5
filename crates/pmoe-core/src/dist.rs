//! Gaussian primitives with or without tanh squashing, their mixtures, and their composition into
//! one Gaussian.

mod gated;
mod mixture;
mod multiplicative;
mod normal;
mod normal_mixture;
mod tanh_normal;

use burn::tensor::Tensor;

pub use gated::{BlendVariance, gated};
pub use mixture::{LogProb, Mixture, select_primitive, select_value};
pub use multiplicative::multiplicative;
pub use normal::Normal;
pub use normal_mixture::NormalMixture;
pub use tanh_normal::{TanhNormal, TanhSample, log_det_tanh};

/// Computes `log Σ exp` over a dimension, which is kept with length 1; numerically stable.
fn log_sum_exp<const D: usize>(x: Tensor<D>, dim: usize) -> Tensor<D> {
    // The shift is a constant: its gradient cancels.
    let max = x.clone().inner().max_dim(dim);
    (x - max.clone()).exp().sum_dim(dim).log() + max
}
