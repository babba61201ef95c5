//! Densities of Gaussian primitives, squashed by tanh or not, and of their mixtures.

mod mixture;
mod normal;
mod tanh_normal;

pub use mixture::{LogProb, Mixture, NormalMixture, select_value};
pub use normal::Normal;
pub use tanh_normal::{TanhNormal, TanhSample, log_det_tanh};
