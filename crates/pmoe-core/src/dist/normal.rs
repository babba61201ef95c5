//! The diagonal Gaussian, PPO's action distribution.

use std::f64::consts::PI;

use burn::tensor::Tensor;

use crate::fused;

/// `a ~ N(mean, diag std²)`, unbounded; the environment receives actions clipped to its range.
///
/// `log_std` may be a single row for all states, a parameter that does not depend on the state.
#[derive(Debug, Clone)]
pub struct Normal {
    /// Mean, `[N, A]`.
    pub mean: Tensor<2>,
    /// Logarithm of the standard deviation, `[N, A]` or `[1, A]`.
    pub log_std: Tensor<2>,
}

impl Normal {
    /// Detaches the distribution from the graph.
    #[must_use]
    pub fn constant(&self) -> Self {
        Self { mean: self.mean.clone().inner(), log_std: self.log_std.clone().inner() }
    }

    /// Returns the sample `mean + std · noise`, `[N, A]`.
    ///
    /// # Shapes
    /// - `noise`: `[N, A]`, standard normal
    pub fn rsample(&self, noise: Tensor<2>) -> Tensor<2> {
        self.mean.clone() + self.log_std.clone().exp() * noise
    }

    /// Log-density of an action, `[N]`.
    ///
    /// ```text
    /// log N(a) = Σ_A [ −((a − mean) / std)²/2 − log_std − ½ log 2π ]
    /// ```
    ///
    /// # Shapes
    /// - `action`: `[N, A]`
    ///
    /// # Gradients
    /// Flow into `mean`, `log_std` and `action`.
    pub fn log_prob(&self, action: Tensor<2>) -> Tensor<1> {
        if let Some(fused) = fused::gaussian_log_prob(&action, &self.mean, &self.log_std) {
            return fused;
        }
        gaussian_log_prob(
            standardised(action, self.mean.clone(), self.log_std.clone()),
            self.log_std.clone(),
        )
        .squeeze_dim(1)
    }

    /// Differential entropy in nats, `[N]`, or `[1]` if all rows share one `log_std`.
    ///
    /// ```text
    /// H = Σ_A [ log_std + ½ (1 + log 2π) ]
    /// ```
    pub fn entropy(&self) -> Tensor<1> {
        gaussian_entropy(self.log_std.clone()).squeeze_dim(1)
    }
}

/// Computes `(x − mean) / std`, with broadcasting.
pub(super) fn standardised<const D: usize>(
    x: Tensor<D>,
    mean: Tensor<D>,
    log_std: Tensor<D>,
) -> Tensor<D> {
    (x - mean) * log_std.neg().exp()
}

/// Computes `Σ_A [ −z²/2 − log_std − ½ log 2π ]` for standardised `z` over the last dimension,
/// which is kept with length 1.
pub(super) fn gaussian_log_prob<const D: usize>(z: Tensor<D>, log_std: Tensor<D>) -> Tensor<D> {
    let action_dim = z.dims()[D - 1];
    let normaliser = 0.5 * (2.0 * PI).ln() * action_dim as f64;
    let per_dim = z.square().mul_scalar(-0.5) - log_std;
    per_dim.sum_dim(D - 1).sub_scalar(normaliser)
}

/// Computes `Σ_A [ log_std + ½ (1 + log 2π) ]` over the last dimension, which is kept with length
/// 1.
pub(super) fn gaussian_entropy<const D: usize>(log_std: Tensor<D>) -> Tensor<D> {
    let action_dim = log_std.dims()[D - 1];
    let constant = 0.5 * (1.0 + (2.0 * PI).ln()) * action_dim as f64;
    log_std.sum_dim(D - 1).add_scalar(constant)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::{assert_close, t2, values};

    #[test]
    fn known_answer() {
        // mean (.3, −.7), std (.5, 1.2), a = mean + std · (.25, −1.5) = (.425, −2.5):
        // −(.25² + 1.5²)/2 − log .5 − log 1.2 − log 2π = −2.4833014426.
        let log_std = [[0.5_f64.ln(), 1.2_f64.ln()]];
        let dist = Normal { mean: t2([[0.3, -0.7]]), log_std: t2(log_std) };
        let action = dist.rsample(t2([[0.25, -1.5]]));
        assert_close(&action, &[0.425, -2.5], 1e-15);
        assert_close(&dist.log_prob(action), &[-2.4833014426], 1e-10);
        // log .5 + log 1.2 + 1 + log 2π
        assert_close(&dist.entropy(), &[2.3270514426], 1e-10);
    }

    #[test]
    fn one_row_of_deviations_serves_all() {
        let mean = [[0.3, -0.7], [1.0, 2.0], [0.0, 0.0]];
        let action = t2([[0.1, 0.2], [-3.0, 0.5], [2.0, 2.0]]);
        let shared = Normal { mean: t2(mean), log_std: t2([[0.4, -1.1]]) };
        let repeated = Normal { mean: t2(mean), log_std: t2([[0.4, -1.1]; 3]) };
        let (shared, repeated) = (shared.log_prob(action.clone()), repeated.log_prob(action));
        assert_close(&shared, &values(&repeated), 0.0);
    }

    #[test]
    fn far_actions_are_finite_in_single_precision() {
        let device = burn::tensor::Device::flex();
        let (mean, log_std) = (Tensor::zeros([1, 17], &device), Tensor::zeros([1, 17], &device));
        let log_prob = Normal { mean, log_std }.log_prob(Tensor::full([1, 17], 10.0, &device));
        // 17 · (−50 − ½ log 2π)
        assert!((values(&log_prob)[0] + 865.622).abs() < 1e-2);
    }

    proptest! {
        /// The entropy is minus the mean log-density, summed over a fine grid.
        #[test]
        fn entropy_is_minus_the_mean_log_density(mean in -1.0..1.0_f64, log_std in -1.5..1.0_f64) {
            let dist = Normal { mean: t2([[mean]]), log_std: t2([[log_std]]) };
            let (cells, width) = (4000, 20.0);
            let step = width / f64::from(cells);
            let z = (0..cells).map(|i| step * (f64::from(i) + 0.5) - width / 2.0);
            let actions: Vec<f64> = z.map(|z| mean + log_std.exp() * z).collect();
            let rows = Normal {
                mean: t2([[mean]]).repeat_dim(0, actions.len()),
                log_std: t2([[log_std]]),
            };
            let count = actions.len() as i32;
            let log_prob = values(&rows.log_prob(crate::testing::t1(&actions).reshape([count, 1])));
            let cell = step * log_std.exp();
            let total: f64 = log_prob.iter().map(|l| l.exp() * cell).sum();
            let entropy: f64 = log_prob.iter().map(|l| -l * l.exp() * cell).sum();
            prop_assert!((total - 1.0).abs() < 1e-9);
            prop_assert!((entropy - values(&dist.entropy())[0]).abs() < 1e-9);
        }
    }
}
