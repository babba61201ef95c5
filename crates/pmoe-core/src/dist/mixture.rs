//! Mixtures of Gaussian primitives: the policy of PMOE, squashed by tanh (SAC) or not (PPO).

use burn::tensor::{Int, Tensor, activation::log_softmax, activation::softmax};

use super::normal::{gaussian_entropy, gaussian_log_prob, standardised};
use super::{Normal, TanhNormal, TanhSample, log_det_tanh, log_sum_exp};

/// `Σ_k w_k N(mean_k, diag std_k²)`: K Gaussians and the router's weights.
///
/// # Source
/// PMOE paper, eqs. 1–3.
#[derive(Debug, Clone)]
pub struct NormalMixture {
    /// Unnormalised log-weights, `[B, K]`; the weights are their softmax.
    pub router_logits: Tensor<2>,
    /// Means, `[B, K, A]`.
    pub mean: Tensor<3>,
    /// Log standard deviations, `[B, K, A]`, or `[1, K, A]` for all rows.
    pub log_std: Tensor<3>,
}

impl NormalMixture {
    /// Number K of primitives.
    pub fn num_primitives(&self) -> usize {
        self.mean.dims()[1]
    }

    /// The same without gradients.
    pub fn constant(&self) -> Self {
        Self {
            router_logits: self.router_logits.clone().inner(),
            mean: self.mean.clone().inner(),
            log_std: self.log_std.clone().inner(),
        }
    }

    /// Every primitive of every row as rows of one distribution, `[B·K, A]`; the rows of one
    /// state are neighbours.
    pub fn primitives(&self) -> Normal {
        let shape = self.mean.dims();
        let rows = [shape[0] * shape[1], shape[2]];
        Normal {
            mean: self.mean.clone().reshape(rows),
            log_std: self.log_std.clone().expand(shape).reshape(rows),
        }
    }

    /// The primitive where there is only one: the mixture is that Gaussian.
    pub fn only(&self) -> Option<Normal> {
        let [_, num_primitives, action_dim] = self.mean.dims();
        let row = |x: &Tensor<3>| x.clone().reshape([x.dims()[0], action_dim]);
        (num_primitives == 1).then(|| Normal { mean: row(&self.mean), log_std: row(&self.log_std) })
    }

    /// One primitive per row, `[B, A]`; the others get no gradient.
    ///
    /// # Shapes
    /// - `index`: `[B]`, in `0..K`
    pub fn primitive(&self, index: &Tensor<1, Int>) -> Normal {
        let log_std = self.log_std.clone().expand(self.mean.dims());
        Normal {
            mean: select_primitive(self.mean.clone(), index),
            log_std: select_primitive(log_std, index),
        }
    }

    /// Log-density of one action per row, `[B]`.
    ///
    /// ```text
    /// log π(a) = logsumexp_k( log w_k + log N_k(a) )
    /// ```
    ///
    /// Finite however far away the action is. With one primitive it is that primitive's, bit for
    /// bit, and the router gets no gradient.
    ///
    /// # Shapes
    /// - `action`: `[B, A]`
    ///
    /// # Gradients
    /// Flow into every primitive, the router and `action`.
    pub fn log_prob(&self, action: Tensor<2>) -> Tensor<1> {
        if let Some(only) = self.only() {
            return only.log_prob(action);
        }
        let log_std = self.log_std.clone();
        let z = standardised(action.unsqueeze_dim(1), self.mean.clone(), log_std.clone());
        let components = gaussian_log_prob(z, log_std).squeeze_dim::<2>(2);
        log_sum_exp(components + log_softmax(self.router_logits.clone(), 1), 1).squeeze_dim(1)
    }

    /// Mean entropy of the primitives, weighted by the router, in nats, `[B]`: a lower bound of the
    /// mixture's own, which has no closed form.
    ///
    /// ```text
    /// Σ_k w_k H(N_k)
    /// ```
    ///
    /// # Gradients
    /// Flow into the deviations and the router.
    pub fn entropy_bound(&self) -> Tensor<1> {
        let entropy = gaussian_entropy(self.log_std.clone()).squeeze_dim::<2>(2);
        let weights = softmax(self.router_logits.clone(), 1);
        (weights * entropy).sum_dim(1).squeeze_dim(1)
    }
}

/// Whose log-density a draw's entropy term uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogProb {
    /// The primitive's that made the draw: all public implementations of the paper.
    Component,
    /// The whole mixture's: the entropy of the policy that acts.
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
    /// Number K of primitives.
    pub fn num_primitives(&self) -> usize {
        self.mean.dims()[1]
    }

    /// Logarithm of the routing weights, `[B, K]`.
    pub fn log_weights(&self) -> Tensor<2> {
        log_softmax(self.router_logits.clone(), 1)
    }

    /// The same without gradients.
    pub fn constant(&self) -> Self {
        Self {
            router_logits: self.router_logits.clone().inner(),
            mean: self.mean.clone().inner(),
            log_std: self.log_std.clone().inner(),
        }
    }

    /// Every primitive of every row as rows of one distribution, `[B·K, A]`; the rows of one
    /// state are neighbours.
    pub fn primitives(&self) -> TanhNormal {
        let [batch, num_primitives, action_dim] = self.mean.dims();
        let rows = [batch * num_primitives, action_dim];
        TanhNormal {
            mean: self.mean.clone().reshape(rows),
            log_std: self.log_std.clone().reshape(rows),
        }
    }

    /// One primitive per row, `[B, A]`; the others get no gradient.
    ///
    /// # Shapes
    /// - `index`: `[B]`, in `0..K`
    pub fn primitive(&self, index: &Tensor<1, Int>) -> TanhNormal {
        TanhNormal {
            mean: select_primitive(self.mean.clone(), index),
            log_std: select_primitive(self.log_std.clone(), index),
        }
    }

    /// Log-density of actions under the whole mixture.
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

    /// Log-density of one draw per state, `[B]`.
    ///
    /// With one primitive both kinds are the same number, bit for bit.
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

    /// Log-density of one primitive's draw per state, `[B]`, among draws of every primitive.
    ///
    /// # Shapes
    /// - `sample`: `B·K` rows, as drawn from [`Mixture::primitives`]
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

    /// Log-density of one draw per primitive and state, `[B, K]`.
    ///
    /// With one primitive both kinds are the same number, bit for bit.
    ///
    /// # Shapes
    /// - `sample`: `B·K` rows, as drawn from [`Mixture::primitives`]
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

/// The rows of `x`, `[B, K, A]`, that `index`, `[B]`, names: `[B, A]`.
///
/// # Gradients
/// Flow into the selected rows only; the others get exactly zero.
fn select_primitive(x: Tensor<3>, index: &Tensor<1, Int>) -> Tensor<2> {
    let [batch, num_primitives, action_dim] = x.dims();
    if num_primitives == 1 {
        return x.reshape([batch, action_dim]);
    }
    let index = index.clone().reshape([batch, 1, 1]).expand([batch, 1, action_dim]);
    x.gather(1, index).squeeze_dim(1)
}

/// The element of each row of `x`, `[B, K]`, that `index`, `[B]`, names: `[B]`.
///
/// # Gradients
/// Flow into the selected elements only; the others get exactly zero.
pub fn select_value(x: Tensor<2>, index: &Tensor<1, Int>) -> Tensor<1> {
    let [batch, num_primitives] = x.dims();
    if num_primitives == 1 {
        return x.reshape([batch]);
    }
    x.gather(1, index.clone().unsqueeze_dim(1)).squeeze_dim(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_close, t1, t2, t3, values};

    /// Two primitives in one dimension: w = (.3, .7), mean (-1, .5), std (.4, .8).
    fn two_primitives(rows: usize) -> Mixture {
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
        // The midpoint rule in the action itself, as the tails of the density vanish at ±1.
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

    fn without_squashing(mixture: &Mixture) -> NormalMixture {
        let Mixture { router_logits, mean, log_std } = mixture.clone();
        NormalMixture { router_logits, mean, log_std }
    }

    #[test]
    fn without_squashing_by_hand() {
        // T2: u = .2 has log-density −1.0728824972 after squashing; log(1 − tanh² .2) is added back.
        let mixture = without_squashing(&two_primitives(1));
        let log_det = (1.0 - 0.2_f64.tanh().powi(2)).ln();
        assert_close(&mixture.log_prob(t2([[0.2]])), &[-1.0728824972 + log_det], 1e-10);
        // Σ w H_k, the lower bound of the entropy 1.3584264895.
        assert_close(&mixture.entropy_bound(), &[0.9878508277], 1e-10);
    }

    #[test]
    fn one_row_of_deviations_serves_all() {
        let mixture = without_squashing(&two_primitives(3));
        let shared =
            NormalMixture { log_std: mixture.log_std.clone().narrow(0, 0, 1), ..mixture.clone() };
        let action = t2([[0.2], [-3.0], [1.5]]);
        let pairs = [
            (shared.log_prob(action.clone()), mixture.log_prob(action)),
            (shared.entropy_bound(), mixture.entropy_bound()),
        ];
        for (shared, mixture) in pairs {
            assert_close(&shared, &values(&mixture), 0.0);
        }
        assert_close(&shared.primitives().log_std, &values(&mixture.primitives().log_std), 0.0);
    }

    #[test]
    fn one_primitive_is_a_gaussian_bit_for_bit() {
        let device = burn::tensor::Device::flex();
        let rows = [[[0.3_f32, -1.0]], [[2.0, 0.1]], [[0.7, 0.7]]];
        let mixture = NormalMixture {
            router_logits: Tensor::from_data([[0.4_f32], [-2.0], [3.0]], &device),
            mean: Tensor::from_data(rows, &device),
            log_std: Tensor::from_data([[[0.2_f32, -0.3]]], &device),
        };
        let action = Tensor::<2>::from_data([[0.1_f32, 0.2], [5.0, -4.0], [0.0, 0.9]], &device);
        let normal = Normal {
            mean: mixture.mean.clone().reshape([3, 2]),
            log_std: mixture.log_std.clone().reshape([1, 2]),
        };
        let expected = normal.log_prob(action.clone()).to_data();
        assert_eq!(mixture.log_prob(action).to_data(), expected);
    }

    #[test]
    fn far_unsquashed_actions_are_finite_in_single_precision() {
        let device = burn::tensor::Device::flex();
        let mixture = NormalMixture {
            router_logits: Tensor::from_data([[0.0_f32, 1.0]], &device),
            mean: Tensor::zeros([1, 2, 17], &device),
            log_std: Tensor::zeros([1, 2, 17], &device),
        };
        let log_prob = values(&mixture.log_prob(Tensor::full([1, 17], 10.0, &device)))[0];
        // Both primitives agree: 17 · (−50 − ½ log 2π), where exp() alone would give log 0.
        assert!((log_prob + 865.622).abs() < 1e-2, "{log_prob}");
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
