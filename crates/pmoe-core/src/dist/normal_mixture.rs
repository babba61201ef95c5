//! Mixtures of Gaussian primitives without squashing: the policy of PMOE-PPO.

use burn::tensor::{Int, Tensor, activation::log_softmax, activation::softmax};

use super::mixture::select_primitive;
use super::normal::{gaussian_entropy, gaussian_log_prob, standardised};
use super::{Normal, log_sum_exp};
use crate::fused;

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
    /// Returns the number K of primitives.
    pub fn num_primitives(&self) -> usize {
        self.mean.dims()[1]
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
    pub fn primitives(&self) -> Normal {
        let shape = self.mean.dims();
        let rows = [shape[0] * shape[1], shape[2]];
        Normal {
            mean: self.mean.clone().reshape(rows),
            log_std: self.log_std.clone().expand(shape).reshape(rows),
        }
    }

    /// Returns the primitive if there is only one: the mixture then equals this Gaussian.
    pub fn only(&self) -> Option<Normal> {
        let [_, num_primitives, action_dim] = self.mean.dims();
        let row = |x: &Tensor<3>| x.clone().reshape([x.dims()[0], action_dim]);
        (num_primitives == 1).then(|| Normal { mean: row(&self.mean), log_std: row(&self.log_std) })
    }

    /// Selects one primitive per row, `[B, A]`. The others get no gradient.
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

    /// Computes the log-density of one action per row, `[B]`.
    ///
    /// ```text
    /// log π(a) = logsumexp_k( log w_k + log N_k(a) )
    /// ```
    ///
    /// It is finite for actions at any distance. With one primitive, it equals that primitive's bit
    /// for bit, and the router gets no gradient.
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
        let Self { router_logits, mean, log_std } = self;
        if let Some(fused) = fused::mixture_log_prob(&action, router_logits, mean, log_std) {
            return fused;
        }
        log_sum_exp(self.joint_log_prob(action), 1).squeeze_dim(1)
    }

    /// Computes `log w_k + log N_k(a)`, `[B, K]`, of one action per row, `[B, A]`.
    fn joint_log_prob(&self, action: Tensor<2>) -> Tensor<2> {
        let log_std = self.log_std.clone();
        let z = standardised(action.unsqueeze_dim(1), self.mean.clone(), log_std.clone());
        let components = gaussian_log_prob(z, log_std).squeeze_dim::<2>(2);
        components + log_softmax(self.router_logits.clone(), 1)
    }

    /// Computes the mean entropy of the primitives, weighted by the router, in nats, `[B]`. It is a
    /// lower bound of the mixture's entropy, which has no closed form.
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

    /// Estimates the entropy at every state from one action drawn there, in nats, `[B]`.
    ///
    /// ```text
    /// H = Σ_k w_k H(N_k) + E_a KL(ρ(a) ∥ w),   ρ_k(a) = w_k N_k(a) / Σ_i w_i N_i(a)
    /// ```
    ///
    /// The first term is [`NormalMixture::entropy_bound`]; the second one, the mutual information of
    /// action and primitive, is estimated by its value at the action. Like −log π(a), the estimate
    /// is unbiased. Unlike it, it has none of the noise of a Gaussian's own density: it is exact for
    /// one primitive and for equal ones.
    ///
    /// # Shapes
    /// - `action`: `[B, A]`, drawn from the mixture
    ///
    /// # Gradients
    /// None; those of the estimate are not those of the entropy.
    pub fn entropy_estimate(&self, action: Tensor<2>) -> Tensor<1> {
        let mixture = self.constant();
        let log_weights = log_softmax(mixture.router_logits.clone(), 1);
        let log_shares = log_softmax(mixture.joint_log_prob(action.inner()), 1);
        let information = (log_shares.clone().exp() * (log_shares - log_weights)).sum_dim(1);
        mixture.entropy_bound() + information.squeeze_dim(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dist::Mixture;
    use crate::dist::mixture::tests::two_primitives;
    use crate::testing::{assert_close, t2, values};

    fn without_squashing(mixture: &Mixture) -> NormalMixture {
        let Mixture { router_logits, mean, log_std } = mixture.clone();
        NormalMixture { router_logits, mean, log_std }
    }

    #[test]
    fn without_squashing_by_hand() {
        // u = .2 has log-density −1.0728824972 after squashing; log(1 − tanh² .2) is added back.
        let mixture = without_squashing(&two_primitives(1));
        assert_eq!(mixture.num_primitives(), 2);
        let log_det = (1.0 - 0.2_f64.tanh().powi(2)).ln();
        assert_close(&mixture.log_prob(t2([[0.2]])), &[-1.0728824972 + log_det], 1e-10);
        // Σ w H_k, the lower bound of the entropy 1.3584264895.
        assert_close(&mixture.entropy_bound(), &[0.9878508277], 1e-10);
    }

    #[test]
    fn the_estimates_of_the_entropy_have_its_mean() {
        // Actions on a grid, weighted by their density; the tails beyond it have 1e-15 of the mass.
        let (points, step) = (16_001, 1e-3);
        let action = Tensor::<1, Int>::arange(0..points as i64, &burn::tensor::Device::flex());
        let action = action.float().cast(burn::tensor::DType::F64).mul_scalar(step).sub_scalar(8.0);
        let action = action.unsqueeze_dim::<2>(1);
        let mixture = without_squashing(&two_primitives(points));
        let density = mixture.log_prob(action.clone()).exp().mul_scalar(step);
        let estimates = mixture.entropy_estimate(action);
        assert_close(&(density * estimates).sum(), &[1.3584264895], 1e-9);
    }

    #[test]
    fn the_entropy_of_one_primitive_and_of_equal_ones_is_exact() {
        let mixture = without_squashing(&two_primitives(2));
        let log_std = mixture.log_std.narrow(1, 0, 1);
        let mean = mixture.mean.narrow(1, 0, 1);
        let router_logits = mixture.router_logits;
        let one = NormalMixture {
            router_logits: router_logits.clone().narrow(1, 0, 1),
            mean: mean.clone(),
            log_std: log_std.clone(),
        };
        let equal = NormalMixture {
            router_logits,
            mean: mean.repeat_dim(1, 2),
            log_std: log_std.repeat_dim(1, 2),
        };
        // log .4 + ½ (1 + log 2π), whatever the action.
        let expected = [0.5026478013; 2];
        for mixture in [one, equal] {
            assert_close(&mixture.entropy_estimate(t2([[-1.0], [4.0]])), &expected, 1e-9);
        }
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
        let only = mixture.only().expect("there is one primitive");
        assert_eq!(only.mean.to_data(), normal.mean.to_data());
        assert_eq!(only.log_std.to_data(), normal.log_std.to_data());
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
        // Both primitives agree: 17 · (−50 − ½ log 2π). A plain exp() would give log 0.
        assert!((log_prob + 865.622).abs() < 1e-2, "{log_prob}");
    }
}
