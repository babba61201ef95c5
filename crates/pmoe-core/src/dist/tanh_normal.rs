//! The diagonal Gaussian squashed by tanh: the action distribution of one primitive.

use std::f64::consts::LN_2;

use burn::tensor::Tensor;

use super::normal::{gaussian_log_prob, standardised};
use crate::fused::squash;

/// `a = tanh(u)`, `u ~ N(mean, diag std²)`: actions in (-1, 1) with a closed-form density.
///
/// # Source
/// Haarnoja et al., "Soft Actor-Critic", arXiv:1801.01290, appendix C.
#[derive(Debug, Clone)]
pub struct TanhNormal {
    /// Mean before squashing, `[N, A]`.
    pub mean: Tensor<2>,
    /// Logarithm of the standard deviation before squashing, `[N, A]`.
    pub log_std: Tensor<2>,
}

/// A reparameterised sample. Gradients flow from all three fields into `mean` and `log_std`.
#[derive(Debug, Clone)]
pub struct TanhSample {
    /// The sample before squashing, `[N, A]`.
    pub pre_tanh: Tensor<2>,
    /// The action `tanh(pre_tanh)`, `[N, A]`.
    pub action: Tensor<2>,
    /// Log-density of `action`, `[N]`.
    pub log_prob: Tensor<1>,
}

impl TanhNormal {
    /// Samples `u = mean + std · noise` and computes the log-density of `tanh(u)`.
    ///
    /// ```text
    /// log π(a) = Σ_A [ −noise²/2 − log_std − ½ log 2π ] − Σ_A log(1 − tanh² u)
    /// ```
    ///
    /// The Gaussian part is computed from the noise itself: recovering it as `(u − mean) / std`
    /// would lose precision for small standard deviations.
    ///
    /// # Shapes
    /// - `noise`: `[N, A]`, standard normal
    pub fn rsample(&self, noise: Tensor<2>) -> TanhSample {
        let pre_tanh = self.mean.clone() + self.log_std.clone().exp() * noise.clone();
        if let Some((action, log_prob)) = squash(&self.mean, &self.log_std, &noise) {
            return TanhSample { pre_tanh, action, log_prob };
        }
        let gaussian = gaussian_log_prob(noise, self.log_std.clone()).squeeze_dim::<1>(1);
        let log_prob = gaussian - log_det_tanh(pre_tanh.clone());
        TanhSample { action: pre_tanh.clone().tanh(), pre_tanh, log_prob }
    }

    /// Log-density of the action `tanh(pre_tanh)`, `[N]`, given its value before squashing.
    ///
    /// # Shapes
    /// - `pre_tanh`: `[N, A]`
    pub fn log_prob(&self, pre_tanh: Tensor<2>) -> Tensor<1> {
        let z = standardised(pre_tanh.clone(), self.mean.clone(), self.log_std.clone());
        let gaussian = gaussian_log_prob(z, self.log_std.clone()).squeeze_dim::<1>(1);
        gaussian - log_det_tanh(pre_tanh)
    }

    /// The deterministic action `tanh(mean)`, `[N, A]`.
    pub fn mode(&self) -> Tensor<2> {
        self.mean.clone().tanh()
    }
}

/// Log-determinant of the Jacobian of tanh, `Σ_A log(1 − tanh² u)`, `[N]`.
///
/// ```text
/// log(1 − tanh² u) = 2 (log 2 − |u| − log(1 + exp(−2|u|)))
/// ```
///
/// Exact arbitrarily far into the tails, where the popular `log(1 − a² + 1e-6)` saturates at −13.8.
/// Its gradient, −2 tanh(u), is also right at u = 0.
///
/// # Shapes
/// - `pre_tanh`: `[N, A]`
pub fn log_det_tanh(pre_tanh: Tensor<2>) -> Tensor<1> {
    let [_, action_dim] = pre_tanh.dims();
    let magnitude = pre_tanh.abs();
    let per_dim = magnitude.clone() + magnitude.mul_scalar(-2.0).exp().log1p();
    per_dim
        .sum_dim(1)
        .squeeze_dim::<1>(1)
        .mul_scalar(-2.0)
        .add_scalar(2.0 * LN_2 * action_dim as f64)
}

#[cfg(test)]
mod tests {
    use std::f64::consts::PI;

    use proptest::prelude::*;

    use super::*;
    use crate::testing::{assert_close, t1, t2, values};

    #[test]
    fn known_answer() {
        // mean (.3, -.7), std (.5, 1.2), noise (.25, -1.5), in float64.
        let dist =
            TanhNormal { mean: t2([[0.3, -0.7]]), log_std: t2([[0.5_f64.ln(), 1.2_f64.ln()]]) };
        let sample = dist.rsample(t2([[0.25, -1.5]]));
        assert_close(&sample.pre_tanh, &[0.425, -2.5], 1e-12);
        assert_close(&sample.action, &[0.401134285, -0.986614298], 1e-9);
        assert_close(&log_det_tanh(sample.pre_tanh.clone()), &[-3.8025721116], 1e-10);
        assert_close(&sample.log_prob, &[1.3192706690], 1e-10);
        let gaussian = gaussian_log_prob(t2([[0.25, -1.5]]), dist.log_std.clone());
        assert_close(&gaussian, &[-2.4833014426], 1e-10);
        // The density of a given action is the same.
        assert_close(&dist.log_prob(sample.pre_tanh), &[1.3192706690], 1e-10);
    }

    #[test]
    fn log_det_is_exact_in_the_tails() {
        let u = t2([[0.0], [1.0], [5.0], [10.0], [20.0]]);
        let expected = [0.0, -0.8675616610, -8.6137964367, -18.6137056430, -38.6137056389];
        assert_close(&log_det_tanh(u), &expected, 1e-10);
    }

    #[test]
    fn single_precision_keeps_the_tails() {
        let u = Tensor::<2>::from_data([[20.0_f32], [-20.0]], &burn::tensor::Device::flex());
        for value in values(&log_det_tanh(u)) {
            assert!((value + 38.613_705).abs() < 1e-4, "{value}");
        }
    }

    #[test]
    fn gradient_of_the_log_det_is_minus_two_tanh() {
        for u in [-3.0_f64, -0.4, 0.0, 0.7, 12.0] {
            let x = t2([[u]]).autodiff().require_grad();
            let grads = log_det_tanh(x.clone()).sum().backward();
            assert_close(&x.grad(&grads).expect("x is tracked"), &[-2.0 * u.tanh()], 1e-12);
        }
    }

    proptest! {
        /// The density of a = tanh(u) is N(u) / (1 − a²), by change of variables.
        #[test]
        fn agrees_with_the_change_of_variables(
            mean in -2.0..2.0_f64, log_std in -2.0..1.0_f64, noise in -2.5..2.5_f64,
        ) {
            let dist = TanhNormal { mean: t2([[mean]]), log_std: t2([[log_std]]) };
            let sample = dist.rsample(t2([[noise]]));
            let u = mean + log_std.exp() * noise;
            let normal = (-0.5 * noise * noise).exp() / (log_std.exp() * (2.0 * PI).sqrt());
            // 1 − tanh² u = 1 / cosh² u, which keeps its precision in the tails.
            let expected = (normal * u.cosh().powi(2)).ln();
            let found = values(&sample.log_prob)[0];
            prop_assert!((found - expected).abs() < 1e-9 * expected.abs().max(1.0));
        }

        #[test]
        fn integrates_to_one(mean in -1.0..1.0_f64, std in 0.2..1.0_f64) {
            // ∫ π(a) da = ∫ π(tanh u) (1 − tanh² u) du on a grid in u.
            let (cells, width) = (4000, 20.0);
            let u: Vec<f64> =
                (0..cells).map(|i| width * ((i as f64 + 0.5) / cells as f64 - 0.5)).collect();
            let grid = t1(&u).reshape([cells, 1]);
            let rows = |x: f64| grid.zeros_like().add_scalar(x);
            let dist = TanhNormal { mean: rows(mean), log_std: rows(std.ln()) };
            let density = (dist.log_prob(grid.clone()) + log_det_tanh(grid.clone())).exp();
            let integral = values(&density.sum())[0] * width / cells as f64;
            prop_assert!((integral - 1.0).abs() < 1e-9, "{integral}");
        }
    }
}
