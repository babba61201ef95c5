//! Mixtures of squashed Gaussian primitives: the policy of PMOE-SAC.

use burn::tensor::{Int, Tensor, activation::log_softmax};

use super::normal::{gaussian_log_prob, standardised};
use super::{TanhNormal, TanhSample, log_det_tanh, log_sum_exp};

/// The log-density in the entropy term of a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogProb {
    /// That of the primitive that drew the sample: all public implementations of the paper.
    Component,
    /// That of the whole mixture: the entropy of the policy that acts.
    Mixture,
}

/// `π(a|s) = Σ_k w_k(s) π_k(a|s)`: K squashed Gaussians and the router's weights.
///
/// # Source
/// PMOE paper, eqs. 1–3.
#[derive(Debug, Clone)]
pub struct Mixture {
    /// Unnormalised log-weights, `[B, K]`; the weights are their softmax.
    pub router_logits: Tensor<2>,
    /// Means before squashing, `[B, K, A]`.
    pub mean: Tensor<3>,
    /// Log standard deviations before squashing, `[B, K, A]`.
    pub log_std: Tensor<3>,
}

impl Mixture {
    /// Returns the number K of primitives.
    pub fn num_primitives(&self) -> usize {
        self.mean.dims()[1]
    }

    /// Computes the logarithm of the routing weights, `[B, K]`.
    pub fn log_weights(&self) -> Tensor<2> {
        log_softmax(self.router_logits.clone(), 1)
    }

    /// Detaches the mixture from the graph.
    pub fn constant(&self) -> Self {
        Self {
            router_logits: self.router_logits.clone().inner(),
            mean: self.mean.clone().inner(),
            log_std: self.log_std.clone().inner(),
        }
    }

    /// Returns the primitives of all rows as one distribution, `[B·K, A]`. Those of the same state
    /// are consecutive.
    pub fn primitives(&self) -> TanhNormal {
        let [batch, num_primitives, action_dim] = self.mean.dims();
        let rows = [batch * num_primitives, action_dim];
        TanhNormal {
            mean: self.mean.clone().reshape(rows),
            log_std: self.log_std.clone().reshape(rows),
        }
    }

    /// Selects one primitive per row, `[B, A]`. The others get no gradient.
    ///
    /// # Shapes
    /// - `index`: `[B]`, in `0..K`
    pub fn primitive(&self, index: &Tensor<1, Int>) -> TanhNormal {
        TanhNormal {
            mean: select_primitive(self.mean.clone(), index),
            log_std: select_primitive(self.log_std.clone(), index),
        }
    }

    /// Computes the log-density of actions under the whole mixture.
    ///
    /// ```text
    /// log π(a) = logsumexp_k( log w_k + log π_k(a) )
    /// ```
    ///
    /// # Shapes
    /// - `pre_tanh`: `[B, N, A]`, N actions per row, before squashing
    /// - returns: `[B, N]`
    ///
    /// # Gradients
    /// Flow into every primitive, the router and `pre_tanh`.
    pub fn log_prob(&self, pre_tanh: Tensor<3>) -> Tensor<2> {
        let [batch, num_actions, action_dim] = pre_tanh.dims();
        let component = |x: &Tensor<3>| x.clone().unsqueeze_dim::<4>(1);
        let log_std = component(&self.log_std);
        let actions = pre_tanh.clone().unsqueeze_dim::<4>(2);
        let z = standardised(actions, component(&self.mean), log_std.clone());
        let components = gaussian_log_prob(z, log_std).squeeze_dim::<3>(3);
        let gaussian = log_sum_exp(components + self.log_weights().unsqueeze_dim::<3>(1), 2);
        // The Jacobian of tanh is the same for every primitive.
        let log_det = log_det_tanh(pre_tanh.reshape([batch * num_actions, action_dim]));
        gaussian.squeeze_dim::<2>(2) - log_det.reshape([batch, num_actions])
    }

    /// Computes the log-density of one sample per state, `[B]`.
    ///
    /// With one primitive, both kinds are equal bit for bit.
    ///
    /// # Shapes
    /// - `sample`: `B` rows
    pub fn sample_log_prob(&self, sample: &TanhSample, kind: LogProb) -> Tensor<1> {
        match kind {
            LogProb::Mixture if self.num_primitives() > 1 => {
                self.log_prob(sample.pre_tanh.clone().unsqueeze_dim(1)).squeeze_dim(1)
            }
            LogProb::Component | LogProb::Mixture => sample.log_prob.clone(),
        }
    }

    /// Computes the log-density of one primitive's sample per state, `[B]`, among samples of every
    /// primitive.
    ///
    /// # Shapes
    /// - `sample`: `B·K` rows, sampled from [`Mixture::primitives`]
    /// - `index`: `[B]`, in `0..K`
    pub fn selected_log_prob(
        &self,
        sample: &TanhSample,
        index: &Tensor<1, Int>,
        kind: LogProb,
    ) -> Tensor<1> {
        let [batch, num_primitives, _] = self.mean.dims();
        match kind {
            LogProb::Mixture if num_primitives > 1 => {
                let pre_tanh = sample.pre_tanh.clone().reshape(self.mean.dims());
                let selected = select_primitive(pre_tanh, index);
                self.log_prob(selected.unsqueeze_dim(1)).squeeze_dim(1)
            }
            LogProb::Component | LogProb::Mixture => {
                select_value(sample.log_prob.clone().reshape([batch, num_primitives]), index)
            }
        }
    }

    /// Computes the log-density of one sample per primitive and state, `[B, K]`.
    ///
    /// With one primitive, both kinds are equal bit for bit.
    ///
    /// # Shapes
    /// - `sample`: `B·K` rows, sampled from [`Mixture::primitives`]
    pub fn samples_log_prob(&self, sample: &TanhSample, kind: LogProb) -> Tensor<2> {
        let [batch, num_primitives, action_dim] = self.mean.dims();
        match kind {
            LogProb::Mixture if num_primitives > 1 => {
                self.log_prob(sample.pre_tanh.clone().reshape([batch, num_primitives, action_dim]))
            }
            LogProb::Component | LogProb::Mixture => {
                sample.log_prob.clone().reshape([batch, num_primitives])
            }
        }
    }
}

/// Selects the row of `x`, `[B, K, A]`, with index `index`, `[B]`, for each state: `[B, A]`.
///
/// # Gradients
/// Flow only into the selected rows; the others get exactly zero.
pub fn select_primitive(x: Tensor<3>, index: &Tensor<1, Int>) -> Tensor<2> {
    let [batch, num_primitives, action_dim] = x.dims();
    if num_primitives == 1 {
        return x.reshape([batch, action_dim]);
    }
    let index = index.clone().reshape([batch, 1, 1]).expand([batch, 1, action_dim]);
    x.gather(1, index).squeeze_dim(1)
}

/// Selects the element with index `index`, `[B]`, in each row of `x`, `[B, K]`: `[B]`.
///
/// # Gradients
/// Flow only into the selected elements; the others get exactly zero.
pub fn select_value(x: Tensor<2>, index: &Tensor<1, Int>) -> Tensor<1> {
    let [batch, num_primitives] = x.dims();
    if num_primitives == 1 {
        return x.reshape([batch]);
    }
    x.gather(1, index.clone().unsqueeze_dim(1)).squeeze_dim(1)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::testing::{assert_close, t1, t2, t3, values};

    /// Creates two primitives in one dimension: w = (.3, .7), mean (-1, .5), std (.4, .8).
    pub(in crate::dist) fn two_primitives(rows: usize) -> Mixture {
        let mixture = Mixture {
            router_logits: t2([[0.3_f64.ln(), 0.7_f64.ln()]]),
            mean: t3([[[-1.0], [0.5]]]),
            log_std: t3([[[0.4_f64.ln()], [0.8_f64.ln()]]]),
        };
        Mixture {
            router_logits: mixture.router_logits.repeat_dim(0, rows),
            mean: mixture.mean.repeat_dim(0, rows),
            log_std: mixture.log_std.repeat_dim(0, rows),
        }
    }

    #[test]
    fn known_answer() {
        let mixture = two_primitives(1);
        let u = t3([[[0.2]]]);
        assert_close(&mixture.log_prob(u), &[-1.0728824972], 1e-10);
        let components = mixture.primitives().log_prob(t2([[0.2], [0.2]]));
        assert_close(&components, &[-4.4629116577, -0.7263713382], 1e-10);
    }

    #[test]
    fn density_integrates_to_one_over_actions() {
        // The midpoint rule over the action itself, because the tails of the density vanish at ±1.
        let cells = 2_000_000;
        let a: Vec<f64> = (0..cells).map(|i| (2 * i + 1) as f64 / cells as f64 - 1.0).collect();
        let u: Vec<f64> = a.iter().map(|a| a.atanh()).collect();
        let u = t1(&u).reshape([1, cells, 1]);
        let integral = values(&two_primitives(1).log_prob(u).exp().sum())[0] * 2.0 / cells as f64;
        assert!((integral - 1.0).abs() < 1e-12, "{integral}");
    }

    #[test]
    fn entropy_lies_between_its_bounds() {
        // Before squashing: H = -∫ p log p; Σ w H_k <= H <= Σ w H_k + H(w).
        let (cells, width) = (40_000, 24.0);
        let u: Vec<f64> =
            (0..cells).map(|i| width * ((i as f64 + 0.5) / cells as f64 - 0.5)).collect();
        let grid = t1(&u);
        let log_det = crate::dist::log_det_tanh(grid.clone().reshape([cells, 1]));
        let squashed = two_primitives(1).log_prob(grid.reshape([1, cells, 1]));
        let log_p = squashed.squeeze_dim::<1>(0) + log_det;
        let entropy: f64 =
            values(&log_p).iter().map(|l| -l.exp() * l).sum::<f64>() * width / cells as f64;
        assert!((entropy - 1.3584264895).abs() < 1e-8, "{entropy}");
        let (lower, upper) = (0.9878508277, 1.5987151298);
        assert!(lower < entropy && entropy < upper);
    }

    #[test]
    fn far_actions_have_a_finite_log_density_in_single_precision() {
        let device = burn::tensor::Device::flex();
        let mixture = Mixture {
            router_logits: Tensor::from_data([[0.0_f32, -80.0]], &device),
            mean: Tensor::zeros([1, 2, 17], &device),
            log_std: Tensor::full([1, 2, 17], -2.0, &device),
        };
        let log_prob = values(&mixture.log_prob(Tensor::full([1, 1, 17], 9.0, &device)))[0];
        assert!(log_prob.is_finite(), "{log_prob}");
    }

    #[test]
    fn selecting_one_primitive_gives_its_row_and_only_it_a_gradient() {
        let device = burn::tensor::Device::flex();
        let x = t3([[[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0], [7.0, 8.0]]]).autodiff().require_grad();
        let index = Tensor::<1, Int>::from_data([1, 0], &device);
        let selected = select_primitive(x.clone(), &index);
        assert_close(&selected, &[3.0, 4.0, 5.0, 6.0], 0.0);
        let grads = selected.sum().backward();
        let expected = [0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0];
        assert_close(&x.grad(&grads).expect("x is tracked"), &expected, 0.0);
    }

    /// A sample with a made-up density, which shows where a log-density comes from.
    fn sample(pre_tanh: &[f64], log_prob: &[f64]) -> TanhSample {
        let pre_tanh = t1(pre_tanh).unsqueeze_dim::<2>(1);
        TanhSample { action: pre_tanh.clone().tanh(), pre_tanh, log_prob: t1(log_prob) }
    }

    #[test]
    fn either_kind_of_log_density_by_hand() {
        let mixture = two_primitives(2);
        assert_eq!(mixture.num_primitives(), 2);
        let index = Tensor::<1, Int>::from_data([1, 0], &burn::tensor::Device::flex());
        // Those of the mixture are log(Σ w N(u)) − log(1 − tanh² u).
        let one_each = sample(&[0.2, -0.5], &[1.0, 2.0]);
        let of_all = sample(&[0.2, -0.5, 1.0, -1.0], &[1.0, 2.0, 3.0, 4.0]);
        let component = LogProb::Component;
        assert_close(&mixture.sample_log_prob(&one_each, component), &[1.0, 2.0], 0.0);
        assert_close(&mixture.selected_log_prob(&of_all, &index, component), &[2.0, 3.0], 0.0);
        assert_close(&mixture.samples_log_prob(&of_all, component), &[1.0, 2.0, 3.0, 4.0], 0.0);
        let whole = LogProb::Mixture;
        let expected = [-1.0728824972, -0.9744517035, -0.3802168816, -0.1557723860];
        assert_close(&mixture.sample_log_prob(&one_each, whole), &expected[..2], 1e-10);
        assert_close(&mixture.selected_log_prob(&of_all, &index, whole), &expected[1..3], 1e-10);
        assert_close(&mixture.samples_log_prob(&of_all, whole), &expected, 1e-10);
    }

    #[test]
    fn one_primitive_has_the_log_density_of_its_sample() {
        let Mixture { router_logits, mean, log_std } = two_primitives(2);
        let mixture = Mixture {
            router_logits: router_logits.narrow(1, 0, 1),
            mean: mean.narrow(1, 0, 1),
            log_std: log_std.narrow(1, 0, 1),
        };
        let index = Tensor::<1, Int>::zeros([2], &burn::tensor::Device::flex());
        let sample = sample(&[0.2, -0.5], &[1.0, 2.0]);
        for kind in [LogProb::Component, LogProb::Mixture] {
            assert_close(&mixture.sample_log_prob(&sample, kind), &[1.0, 2.0], 0.0);
            assert_close(&mixture.selected_log_prob(&sample, &index, kind), &[1.0, 2.0], 0.0);
            assert_close(&mixture.samples_log_prob(&sample, kind), &[1.0, 2.0], 0.0);
        }
    }

    #[test]
    fn several_actions_per_row_equal_one_at_a_time() {
        let mixture = two_primitives(3);
        let u = [[0.2, -0.5], [1.0, 0.0], [-2.0, 3.0]];
        let together = values(&mixture.log_prob(t3(u.map(|row| row.map(|u| [u])))));
        for (i, u) in u.as_flattened().iter().enumerate() {
            let alone = values(&two_primitives(1).log_prob(t3([[[*u]]])))[0];
            assert!((together[i] - alone).abs() < 1e-12);
        }
    }
}
