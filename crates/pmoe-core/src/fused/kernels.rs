//! Elementwise loops, compiled for each instruction set and chosen at run time.

use pulp::Arch;

use super::math;

/// Runs `body` with the widest vector instructions this CPU has.
///
/// `body` is a closure marked `#[inline(always)]` around plain loops; the numbers do not depend on the
/// instruction set, as no operation is reordered or contracted.
#[inline(always)]
pub(crate) fn vectorised<R>(body: impl FnOnce() -> R) -> R {
    Arch::new().dispatch(body)
}

/// `x ← x + bias` in every row, `[bias.len()]`.
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

/// `x ← max(x + bias, 0)` in every row, `[bias.len()]`; what is not a number stays so.
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

/// `x ← tanh(x + bias)` in every row, `[bias.len()]`.
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

/// `grad ← 0` where the ReLU's output `y` is 0. (A product, not a choice: of a choice the compiler makes
/// stores under a mask, and those are ten times slower on AMD's processors.)
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

/// Sums over the rows of a row-major matrix, `[cols]`.
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
