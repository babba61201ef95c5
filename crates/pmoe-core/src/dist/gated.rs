//! Gating: Gaussians blended into one by weights, the classical mixture of experts.

use burn::tensor::Tensor;

use super::log_sum_exp;

/// The variance of a blend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlendVariance {
    /// `Σ w_k std_k²`, eq. 15 of the paper.
    Paper,
    /// `Σ w_k² std_k²`, the variance of a weighted sum of independent Gaussians.
    Exact,
}

/// Computes mean and log standard deviation, `[B, A]` each, of the blend `Σ_k w_k u_k`, `u_k ~
/// N(mean_k, std_k²)`.
///
/// Unlike a mixture, the blend has a single mode. A single Gaussian of weight 1 is returned bit for
/// bit, and so are its gradients.
///
/// ```text
/// mean = Σ_k w_k mean_k      std² = Σ_k w_k std_k²   or   Σ_k w_k² std_k²
/// ```
///
/// # Shapes
/// - `log_weights`: `[B, K]`, logarithms of weights that sum to 1
/// - `mean`, `log_std`: `[B, K, A]`
///
/// # Gradients
/// Flow into all three.
///
/// # Source
/// PMOE paper, eqs. 14–16; Jacobs et al., "Adaptive Mixtures of Local Experts", 1991.
pub fn gated(
    log_weights: Tensor<2>,
    mean: Tensor<3>,
    log_std: Tensor<3>,
    variance: BlendVariance,
) -> (Tensor<2>, Tensor<2>) {
    let log_weights = log_weights.unsqueeze_dim::<3>(2);
    let log_factors = match variance {
        BlendVariance::Paper => log_weights.clone(),
        BlendVariance::Exact => log_weights.clone().mul_scalar(2.0),
    };
    let log_variance = log_sum_exp(log_factors + log_std.mul_scalar(2.0), 1);
    let mean = (log_weights.exp() * mean).sum_dim(1);
    (mean.squeeze_dim(1), log_variance.mul_scalar(0.5).squeeze_dim(1))
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::noise::normal;
    use crate::testing::{assert_close, t2, t3, values};

    const WEIGHTS: [f64; 3] = [0.2, 0.5, 0.3];
    const MEANS: [f64; 3] = [1.0, -0.5, 2.0];
    const VARIANCES: [f64; 3] = [0.25, 1.0, 0.5];

    fn blend(variance: BlendVariance) -> (Tensor<2>, Tensor<2>) {
        let mean = t3([MEANS.map(|mean| [mean])]);
        let log_std = t3([VARIANCES.map(|variance| [variance.ln() / 2.0])]);
        let (mean, log_std) = gated(t2([WEIGHTS.map(f64::ln)]), mean, log_std, variance);
        (mean, log_std.mul_scalar(2.0).exp())
    }

    #[test]
    fn known_answer() {
        // .2 − .25 + .6 = .55; .05 + .5 + .15 = .7; .01 + .25 + .045 = .305.
        for (kind, expected) in [(BlendVariance::Paper, 0.7), (BlendVariance::Exact, 0.305)] {
            let (mean, variance) = blend(kind);
            assert_close(&mean, &[0.55], 1e-12);
            assert_close(&variance, &[expected], 1e-12);
        }
    }

    #[test]
    fn the_exact_variance_is_that_of_draws() {
        let draws = 400_000;
        let noise = normal([draws, 3], &mut ChaCha8Rng::seed_from_u64(4), &Device::flex());
        let blended: Vec<f64> = values(&noise)
            .chunks_exact(3)
            .map(|z| (0..3).map(|k| WEIGHTS[k] * (MEANS[k] + VARIANCES[k].sqrt() * z[k])).sum())
            .collect();
        let mean = blended.iter().sum::<f64>() / draws as f64;
        let variance = blended.iter().map(|u| (u - mean).powi(2)).sum::<f64>() / draws as f64;
        // Four standard errors; these are √(.305 / n) = .0009 and .305 √(2 / n) = .0007.
        assert!((mean - 0.55).abs() < 0.0036, "{mean}");
        assert!((variance - 0.305).abs() < 0.0028, "{variance}");
    }

    #[test]
    fn one_gaussian_is_itself_bit_for_bit() {
        let device = Device::flex();
        let data = [[[0.3_f32, -17.0, 1e-7]], [[1.5, 0.1, -0.7]]];
        let mean = Tensor::<3>::from_data(data, &device);
        let log_std = mean.clone().mul_scalar(0.7);
        for variance in [BlendVariance::Paper, BlendVariance::Exact] {
            let log_weights = Tensor::<2>::zeros([2, 1], &device);
            let (found_mean, found_log_std) =
                gated(log_weights, mean.clone(), log_std.clone(), variance);
            assert_eq!(values(&found_mean), values(&mean));
            assert_eq!(values(&found_log_std), values(&log_std));
        }
    }
}
