//! Operations that the CPU does in one go, with backward passes written by hand.
//!
//! Each is a function of tensors like any other, with gradients. On [`Device::flex`] they work on plain
//! memory with `gemm` for matrix products and vector instructions chosen at run time; on every other
//! device, in double precision, and inside [`with_engine`]`(Engine::Plain, ..)` they are burn's own
//! operations. Both give the same numbers up to the rounding of sums.
//!
//! [`Device::flex`]: burn::tensor::Device::flex

mod avx512;
mod host;
mod kernels;
mod linear_act;
mod math;
mod matmul;
mod products;
mod sparse;
mod squash;
mod thin;
mod twin_min;

use std::cell::Cell;

pub(crate) use host::{constant, is_host};
pub(crate) use kernels::vectorised;
pub use linear_act::{Activation, linear_act};
pub use matmul::gemm_into;
pub use products::{MatrixProduct, matrix_products};
pub(crate) use squash::squash;
pub use twin_min::twin_min;

/// Who computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// This module's own code, where there is one.
    Fused,
    /// burn's operations, everywhere.
    Plain,
}

thread_local! {
    static ENGINE: Cell<Engine> = const { Cell::new(Engine::Fused) };
}

/// The engine of this thread.
pub fn engine() -> Engine {
    ENGINE.get()
}

/// Runs `body` on this thread with the given engine.
pub fn with_engine<R>(engine: Engine, body: impl FnOnce() -> R) -> R {
    struct Restore(Engine);
    impl Drop for Restore {
        fn drop(&mut self) {
            ENGINE.set(self.0);
        }
    }
    let _restore = Restore(ENGINE.replace(engine));
    body()
}
