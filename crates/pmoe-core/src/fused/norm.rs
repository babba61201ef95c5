//! Layer normalisation of rows.
//!
//! ```text
//! x̂ = (x − m) s,   m = mean x,   s = 1 / √(mean (x − m)² + ε)
//! ∂L/∂x = s (d − mean d − x̂ mean (d x̂)),   d = ∂L/∂x̂
//! ```
//!
//! Means are over a row, in single precision. The variance takes a pass of its own, because the
//! mean square minus the squared mean would cancel. Sums add up [`LANES`] columns side by side and
//! these in pairs, so the bits do not depend on the instruction set.
//!
//! Ba et al., arXiv:1607.06450.

use std::hint::black_box;

use super::kernels::vectorised;

/// ε, added to the variance: PyTorch's default.
pub const LAYER_NORM_EPSILON: f64 = 1e-5;

/// Columns that are summed side by side: enough sums to keep any processor's adders busy.
const LANES: usize = 32;

/// Normalised rows, as the backward pass needs them. Empty for a layer without normalisation.
#[derive(Debug, Clone, Default)]
pub(super) struct Normalised {
    /// x̂, row-major.
    values: Vec<f32>,
    /// s of each row.
    scales: Vec<f32>,
}

impl Normalised {
    /// Normalises the rows of `x + bias`, appends them, and returns them times `gamma`, which
    /// determines the row length.
    pub(super) fn append(&mut self, mut x: Vec<f32>, bias: &[f32], gamma: &[f32]) -> Vec<f32> {
        let width = gamma.len();
        let mut scaled = Vec::with_capacity(x.len());
        let scales = &mut self.scales;
        vectorised(
            #[inline(always)]
            || {
                for row in x.chunks_exact_mut(width) {
                    row.iter_mut().zip(bias).for_each(|(x, b)| *x += b);
                    let mean = sum(row, row, |x, _| x) / width as f32;
                    let square = |x: f32, _: f32| (x - mean) * (x - mean);
                    let variance = sum(row, row, square) / width as f32;
                    let scale = 1.0 / (variance + LAYER_NORM_EPSILON as f32).sqrt();
                    row.iter_mut().for_each(|x| *x = (*x - mean) * scale);
                    scaled.extend(row.iter().zip(gamma).map(|(x, gamma)| x * gamma));
                    scales.push(scale);
                }
            },
        );
        if self.values.is_empty() {
            self.values = x;
        } else {
            self.values.extend_from_slice(&x);
        }
        scaled
    }

    /// Appends the rows of `next`.
    pub(super) fn extend(&mut self, next: &Self) {
        self.values.extend_from_slice(&next.values);
        self.scales.extend_from_slice(&next.scales);
    }

    /// Turns `grad`, the gradient of x̂ γ in some rows from `row` on, into that of x.
    pub(super) fn backward(&self, row: usize, grad: &mut [f32], gamma: &[f32]) {
        let width = gamma.len();
        let rows = self.values[row * width..].chunks_exact(width).zip(&self.scales[row..]);
        vectorised(
            #[inline(always)]
            || {
                for (grad, (normalised, scale)) in grad.chunks_exact_mut(width).zip(rows) {
                    grad.iter_mut().zip(gamma).for_each(|(grad, gamma)| *grad *= gamma);
                    let mean = sum(grad, grad, |d, _| d) / width as f32;
                    let along = sum(grad, normalised, |d, x| d * x) / width as f32;
                    for (grad, x) in grad.iter_mut().zip(normalised) {
                        *grad = scale * (*grad - mean - x * along);
                    }
                }
            },
        );
    }

    /// Returns the gradient of γ, `[width]`, from that of x̂ γ in some rows from `row` on.
    pub(super) fn gamma_gradient(&self, row: usize, grad: &[f32], width: usize) -> Vec<f32> {
        let mut sums = vec![0.0; width];
        let rows = self.values[row * width..].chunks_exact(width);
        vectorised(
            #[inline(always)]
            || {
                for (grad, normalised) in grad.chunks_exact(width).zip(rows) {
                    for ((sum, grad), x) in sums.iter_mut().zip(grad).zip(normalised) {
                        *sum += grad * x;
                    }
                }
            },
        );
        sums
    }
}

/// Sums `f` over the pairs of two slices of equal length.
#[inline(always)]
fn sum(a: &[f32], b: &[f32], f: impl Fn(f32, f32) -> f32) -> f32 {
    let ((a, rest_a), (b, rest_b)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    let mut sums = [0.0; LANES];
    for (a, b) in a.iter().zip(b) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += f(*a, *b);
        }
    }
    // Goes through memory, so that the compiler does not see the halving below when it chooses the
    // vectors of the loop above: it would take those of two numbers.
    let mut sums = black_box(sums);
    let mut lanes = LANES;
    while lanes > 1 {
        lanes /= 2;
        (0..lanes).for_each(|lane| sums[lane] += sums[lane + lanes]);
    }
    rest_a.iter().zip(rest_b).fold(sums[0], |sum, (a, b)| sum + f(*a, *b))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn rows_by_hand() {
        // (1, 3) + (0, 4): mean 4, variance 9; (−1, 1): mean 0, variance 1. ε changes the sixth digit.
        let mut normalised = Normalised::default();
        let scaled = normalised.append(vec![1.0, 3.0, -1.0, -3.0], &[0.0, 4.0], &[2.0, 0.5]);
        let [first, second] = [9.0_f32, 1.0].map(|variance| 1.0 / (variance + 1e-5).sqrt());
        let expected = [-6.0 * first, 1.5 * first, -2.0 * second, 0.5 * second];
        for (found, expected) in scaled.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-6, "{found} is not {expected}");
        }
        assert_eq!(normalised.scales.len(), 2);
        // d = (2, 0): mean 1, x̂ = ∓3 s, d x̂ has mean −3 s, so x̂ times that is ±9 s²: what is left of
        // the gradient is ε's.
        let mut grad = [1.0, 0.0];
        normalised.backward(0, &mut grad, &[2.0, 0.5]);
        let left = first * (1.0 - 9.0 * first * first);
        assert!((grad[0] - left).abs() < 1e-7 && (grad[1] + left).abs() < 1e-7, "{grad:?}");
        // Σ dy x̂ = 1 · (−3 s₁) + 2 · (−s₂), and 5 · s₂.
        let gamma = normalised.gamma_gradient(0, &[1.0, 0.0, 2.0, 5.0], 2);
        let expected = [-3.0 * first - 2.0 * second, 5.0 * second];
        for (found, expected) in gamma.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-6, "{found} is not {expected}");
        }
        assert!(normalised.gamma_gradient(1, &[2.0, 5.0], 2)[1] > 0.0);
    }

    #[test]
    fn a_large_mean_does_not_cancel() {
        // Deviations of ±1/16, exact in single precision, around 4096, whose square has no digits
        // left for theirs.
        let row = (0..256).map(|i| 4096.0 + if i % 2 == 0 { 0.0625 } else { -0.0625 }).collect();
        let mut normalised = Normalised::default();
        let scaled = normalised.append(row, &[0.0; 256], &[1.0; 256]);
        let expected = 0.0625 / (0.0625_f32 * 0.0625 + 1e-5).sqrt();
        assert!(scaled.iter().all(|x| (x.abs() - expected).abs() < 1e-6), "{:?}", &scaled[..2]);
    }

    #[test]
    fn what_is_not_a_number_stays_visible() {
        let mut normalised = Normalised::default();
        let scaled = normalised.append(vec![0.0, f32::NAN, 1.0, 2.0], &[0.0; 2], &[1.0; 2]);
        assert!(scaled[..2].iter().all(|x| x.is_nan()) && scaled[2..].iter().all(|x| !x.is_nan()));
    }

    proptest! {
        /// Small integers, so that every order of summation gives the same bits.
        #[test]
        fn sums_have_every_term(len in 0..150_usize) {
            let values = |step: usize| -> Vec<f32> {
                (0..len).map(|i| (i * step % 17) as f32 - 8.0).collect()
            };
            let (a, b) = (values(5), values(7));
            let found = sum(&a, &b, |a, b| a * b + 1.0);
            let expected: f32 = a.iter().zip(&b).map(|(a, b)| a * b + 1.0).sum();
            prop_assert_eq!(found.to_bits(), (expected + 0.0).to_bits());
        }
    }
}
