//! Records which matrix products are computed: the lower bound of a computation's cost.

use std::cell::RefCell;

/// A product of an `[m, k]` and a `[k, n]` matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MatrixProduct {
    /// Rows of the result.
    pub m: usize,
    /// Length of the sums.
    pub k: usize,
    /// Columns of the result.
    pub n: usize,
}

impl MatrixProduct {
    /// Number of multiplications and additions.
    pub fn flops(self) -> u64 {
        2 * self.m as u64 * self.k as u64 * self.n as u64
    }
}

thread_local! {
    static RECORDED: RefCell<Option<Vec<MatrixProduct>>> = const { RefCell::new(None) };
}

/// Returns, in order, all matrix products of fused operations that `body` computes on this thread.
/// Skipped zeros count as computed.
pub fn matrix_products(body: impl FnOnce()) -> Vec<MatrixProduct> {
    struct Restore(Option<Vec<MatrixProduct>>);
    impl Drop for Restore {
        fn drop(&mut self) {
            RECORDED.set(self.0.take());
        }
    }
    let _restore = Restore(RECORDED.replace(Some(Vec::new())));
    body();
    RECORDED.take().unwrap_or_default()
}

/// Records a product, inside [`matrix_products`].
pub(super) fn record(m: usize, k: usize, n: usize) {
    RECORDED.with_borrow_mut(|recorded| {
        if let Some(recorded) = recorded {
            recorded.push(MatrixProduct { m, k, n });
        }
    });
}
