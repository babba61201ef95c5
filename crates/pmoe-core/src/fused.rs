//! Fused CPU operations with handwritten backward passes.
//!
//! Each is a differentiable function of tensors. On [`Device::flex`] it works on plain memory, with
//! `gemm` for matrix products and vector instructions chosen at run time. On other devices, in
//! double precision, and inside [`with_engine`](crate::engine::with_engine)`(Engine::Plain, ..)` it
//! uses burn's own operations. Both give the same results up to the rounding of sums.
//!
//! [`Device::flex`]: burn::tensor::Device::flex

mod dense;
mod gaussian;
mod host;
mod kernels;
mod known;
mod layers;
mod math;
mod matmul;
mod mean;
mod norm;
mod parts;
mod products;
mod sparse;
mod squash;
mod thin;
mod twin_min;
mod x86;

pub use dense::{Activation, Network};
pub(crate) use gaussian::{gaussian_log_prob, mixture_log_prob};
pub(crate) use host::{constant, is_host};
pub(crate) use kernels::vectorised;
pub use layers::{layers, linear_act};
pub use matmul::gemm_into;
pub(crate) use mean::{mean_of, means_of};
pub use norm::LAYER_NORM_EPSILON;
pub use products::{MatrixProduct, matrix_products};
pub(crate) use squash::squash;
pub use twin_min::twin_min;
