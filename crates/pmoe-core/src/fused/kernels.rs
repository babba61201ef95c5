//! Elementwise loops, compiled for each instruction set and dispatched at run time.

use super::math;
use crate::instructions::arch;

/// Runs `body` with the widest vector instructions that this CPU supports.
///
/// `body` is a closure around plain loops, marked `#[inline(always)]`. Results do not depend on the
/// instruction set, as no operation is reordered or contracted.
#[inline(always)]
pub(crate) fn vectorised<R>(body: impl FnOnce() -> R) -> R {
    arch().dispatch(body)
}

/// `x ← x + bias` in every row; `bias` determines the row length.
pub(super) fn add_bias(x: &mut [f32], bias: &[f32]) {
    vectorised(
        #[inline(always)]
        || {
            for row in x.chunks_exact_mut(bias.len()) {
                row.iter_mut().zip(bias).for_each(|(x, b)| *x += b);
            }
        },
    );
}

/// `x ← max(x + bias, 0)` in every row; NaN is kept.
pub(super) fn add_bias_relu(x: &mut [f32], bias: &[f32]) {
    vectorised(
        #[inline(always)]
        || {
            for row in x.chunks_exact_mut(bias.len()) {
                for (x, b) in row.iter_mut().zip(bias) {
                    let y = *x + b;
                    *x = if y < 0.0 { 0.0 } else { y };
                }
            }
        },
    );
}

/// `x ← tanh(x + bias)` in every row.
pub(super) fn add_bias_tanh(x: &mut [f32], bias: &[f32]) {
    vectorised(
        #[inline(always)]
        || {
            for row in x.chunks_exact_mut(bias.len()) {
                row.iter_mut().zip(bias).for_each(|(x, b)| *x = math::tanh(*x + b));
            }
        },
    );
}

/// `grad ← grad · (1 − y²)` for the output `y` of tanh.
pub(super) fn tanh_backward(grad: &mut [f32], y: &[f32]) {
    vectorised(
        #[inline(always)]
        || grad.iter_mut().zip(y).for_each(|(grad, y)| *grad *= 1.0 - y * y),
    );
}

/// `grad ← 0` where ReLU's output `y` is 0. Written as a product, because the compiler turns a
/// conditional into masked stores, which are ten times slower on AMD processors.
pub(super) fn relu_backward(grad: &mut [f32], y: &[f32]) {
    vectorised(
        #[inline(always)]
        || {
            for (grad, y) in grad.iter_mut().zip(y) {
                *grad *= if *y <= 0.0 { 0.0 } else { 1.0 };
            }
        },
    );
}

/// Sums the rows of a row-major matrix; returns `[cols]`.
pub(super) fn column_sums(x: &[f32], cols: usize) -> Vec<f32> {
    let mut sums = vec![0.0; cols];
    vectorised(
        #[inline(always)]
        || {
            for row in x.chunks_exact(cols) {
                sums.iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
            }
        },
    );
    sums
}
