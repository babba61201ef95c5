//! Densities of squashed Gaussian primitives and of their mixture.

mod mixture;
mod tanh_normal;

pub use mixture::{LogProb, Mixture, select_value};
pub use tanh_normal::{TanhNormal, TanhSample, log_det_tanh};
