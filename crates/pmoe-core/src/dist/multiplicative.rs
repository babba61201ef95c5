//! Products of weighted Gaussians, which compose the primitives of multiplicative compositional
//! policies (MCP) into one Gaussian.

use burn::tensor::{Tensor, activation::softmax};

use super::log_sum_exp;

/// The smallest precision of a product. Vanishing weights give a standard deviation of at most 10⁴.
const MIN_PRECISION: f64 = 1e-8;

/// Computes mean and log standard deviation, `[B, A]` each, of the density `∝ Π_k N(mean_k,
/// std_k²)^w_k`.
///
/// The weights need not sum to 1: a common factor c leaves the mean unchanged and divides the
/// variance by c. Everything is computed in logarithms, so that tiny standard deviations and
/// weights keep their precision. A single Gaussian of weight 1 is returned bit for bit, and so are
/// its gradients.
///
/// ```text
/// P = Σ_k w_k / std_k²      std² = 1 / P      mean = Σ_k (w_k / std_k²) mean_k / P
/// ```
///
/// # Shapes
/// - `log_weights`: `[B, K]`, any real numbers
/// - `mean`, `log_std`: `[B, K, A]`
///
/// # Gradients
/// Flow into all three. If the precision is below its floor of 1e-8, the standard deviation gets
/// none.
///
/// # Source
/// Peng et al., "MCP: Learning Composable Hierarchical Control with Multiplicative Compositional
/// Policies", arXiv:1905.09808. Some implementations divide by standard deviations instead of
/// variances, which is not the product of the densities.
pub fn multiplicative(
    log_weights: Tensor<2>,
    mean: Tensor<3>,
    log_std: Tensor<3>,
) -> (Tensor<2>, Tensor<2>) {
    let log_precision = log_weights.unsqueeze_dim::<3>(2) - log_std.mul_scalar(2.0);
    let shares = softmax(log_precision.clone(), 1);
    let total = log_sum_exp(log_precision, 1).clamp_min(MIN_PRECISION.ln());
    ((shares * mean).sum_dim(1).squeeze_dim(1), total.mul_scalar(-0.5).squeeze_dim(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_close, t2, t3, values};

    /// Mean and variance of the product of three one-dimensional Gaussians with the given weights.
    fn product(weights: [f64; 3]) -> (Tensor<2>, Tensor<2>) {
        let mean = t3([[[1.0], [-0.5], [2.0]]]);
        let log_std = t3([[[0.25_f64.ln() / 2.0], [0.0], [0.5_f64.ln() / 2.0]]]);
        let (mean, log_std) = multiplicative(t2([weights.map(f64::ln)]), mean, log_std);
        (mean, log_std.mul_scalar(2.0).exp())
    }

    #[test]
    fn known_answer() {
        // P = .6/.25 + .9/1 + .3/.5 = 3.9; mean = (2.4·1 − .9·.5 + .6·2) / 3.9 = 3.15 / 3.9.
        let (mean, variance) = product([0.6, 0.9, 0.3]);
        assert_close(&mean, &[0.8076923077], 1e-10);
        assert_close(&variance, &[0.2564102564], 1e-10);
        // Normalised weights (divided by 1.8): the same mean, the variance times 1.8.
        let (mean, variance) = product([0.6 / 1.8, 0.9 / 1.8, 0.3 / 1.8]);
        assert_close(&mean, &[0.8076923077], 1e-10);
        assert_close(&variance, &[0.4615384615], 1e-10);
    }

    #[test]
    fn equals_the_normalised_product_of_densities() {
        // Σ of u and u² times Π_k N(u; mean_k, std_k²)^w_k over a grid, divided by Σ of the
        // product.
        let (weights, means) = ([0.6, 0.9, 0.3], [1.0, -0.5, 2.0]);
        let variances = [0.25, 1.0, 0.5];
        let (mut mass, mut first, mut second) = (0.0, 0.0, 0.0);
        for index in 0..20_001 {
            let u = f64::from(index - 10_000) * 1e-3;
            let log_density: f64 =
                (0..3).map(|k| -weights[k] * (u - means[k]).powi(2) / (2.0 * variances[k])).sum();
            let density = log_density.exp();
            mass += density;
            first += density * u;
            second += density * u * u;
        }
        let (numeric_mean, numeric_second) = (first / mass, second / mass);
        let (mean, variance) = product(weights);
        assert_close(&mean, &[numeric_mean], 1e-10);
        assert_close(&variance, &[numeric_second - numeric_mean.powi(2)], 1e-10);
    }

    #[test]
    fn one_gaussian_of_weight_one_is_itself_bit_for_bit() {
        let device = burn::tensor::Device::flex();
        let data = [[[0.3_f32, -17.0, 1e-7]], [[2.5, 0.1, -0.7]]];
        let tracked = || Tensor::<3>::from_data(data, &device).autodiff().require_grad();
        let (mean, log_std) = (tracked(), tracked().clamp(-20.0, 2.0));
        let log_weights = burn::tensor::activation::log_softmax(
            Tensor::<2>::from_data([[0.7_f32], [-3.0]], &device).autodiff().require_grad(),
            1,
        );
        let (found_mean, found_log_std) =
            multiplicative(log_weights, mean.clone(), log_std.clone());
        assert_eq!(values(&found_mean), values(&mean));
        assert_eq!(values(&found_log_std), values(&log_std));
    }

    #[test]
    fn vanishing_weights_leave_a_finite_gaussian() {
        let device = burn::tensor::Device::flex();
        let log_weights = Tensor::<2>::full([1, 2], -200.0, &device);
        let mean = Tensor::<3>::from_data([[[1.0_f32], [3.0]]], &device);
        let (mean, log_std) = multiplicative(log_weights, mean.clone(), mean.zeros_like());
        assert_close(&mean, &[2.0], 1e-6);
        assert_close(&log_std, &[-0.5 * MIN_PRECISION.ln()], 1e-6);
    }
}
