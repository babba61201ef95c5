//! Alternatives to the frequency loss for training the router. They estimate the gradient of `J =
//! E_k~w [ G_k ]`, where `G_k = Q(s, a_k) − α log π(a_k|s)` is the soft value of primitive k's
//! sample.
//!
//! The paper compares with Gumbel-softmax and REINFORCE (Fig. 11) but gives no formulas; these are
//! ours.

use burn::tensor::{Int, Tensor, activation::softmax};

use super::{best_primitive, frequency::one_hot};
use crate::dist::select_value;
use crate::runs;

/// Samples one primitive per row, `[B]`, from the router's weights.
///
/// ```text
/// k = argmax_k ( log w_k + g_k )
/// ```
///
/// # Shapes
/// - `log_weights`: `[B, K]`; `gumbel`: `[B, K]`, standard Gumbel noise
pub fn draw_primitive(log_weights: Tensor<2>, gumbel: Tensor<2>) -> Tensor<1, Int> {
    best_primitive(log_weights.inner() + gumbel)
}

/// Samples relaxed one-hot rows from the weights. Rows sum to 1 and become one-hot as T approaches
/// 0.
///
/// ```text
/// y = softmax( (log w + g) / T )
/// ```
///
/// # Shapes
/// - `log_weights`: `[B, K]`; `gumbel`: `[B, K]`, standard Gumbel noise
/// - returns: `[B, K]`
///
/// # Gradients
/// Flow into `log_weights`.
///
/// # Source
/// Jang et al., arXiv:1611.01144, eq. 2; Maddison et al., arXiv:1611.00712.
pub fn gumbel_softmax(log_weights: Tensor<2>, gumbel: Tensor<2>, temperature: f64) -> Tensor<2> {
    // Not `div_scalar`, whose backward pass rounds 1/T to single precision.
    softmax((log_weights + gumbel).mul_scalar(temperature.recip()), 1)
}

/// Returns one-hot rows of the largest elements, with the gradient of the relaxed rows, and their
/// indices.
///
/// # Shapes
/// - `relaxed`: `[B, K]`; returns `[B, K]`, exactly 0 or 1, and `[B]`
///
/// # Gradients
/// From the one-hot rows to `relaxed`: the identity.
///
/// # Source
/// Jang et al., arXiv:1611.01144, section 2.2.
pub fn straight_through(relaxed: Tensor<2>) -> (Tensor<2>, Tensor<1, Int>) {
    let constant = relaxed.clone().inner();
    let index = best_primitive(constant.clone());
    let one_hot = one_hot(&index, &constant);
    // Subtract first: the difference is exactly zero.
    ((relaxed - constant) + one_hot, index)
}

/// Minus the mean soft value under weights: `−mean_b Σ_k w_bk G_bk`.
///
/// With the router's weights, the choice of primitive is marginalised: if G uses the mixture's
/// log-density, this is the policy's own objective, without noise from the choice. With the one-hot
/// rows of [`straight_through`] it is the loss of the Gumbel estimator.
///
/// # Shapes
/// - `weights`, `soft_q`: `[B, K]`; returns `[1]`
///
/// # Gradients
/// Flow into both; a primitive whose weight is 0 gets exactly zero.
pub fn weighted_loss(weights: Tensor<2>, soft_q: Tensor<2>) -> Tensor<1> {
    weighted_losses(weights, soft_q, 1)
}

/// Computes the [`weighted_loss`] of each run, `[runs]`.
///
/// # Shapes
/// - `weights`, `soft_q`: `[runs · B, K]`
pub fn weighted_losses(weights: Tensor<2>, soft_q: Tensor<2>, runs: usize) -> Tensor<1> {
    runs::mean(expected_value(weights, soft_q), runs).neg()
}

/// The expected value under weights, `[B]`: `Σ_k w_k G_k`.
///
/// # Shapes
/// - `weights`, `soft_q`: `[B, K]`
///
/// # Gradients
/// Flow into both.
pub fn expected_value(weights: Tensor<2>, soft_q: Tensor<2>) -> Tensor<1> {
    (weights * soft_q).sum_dim(1).squeeze_dim(1)
}

/// The score-function estimator: the sampled primitive follows the critic, and its weight follows
/// its advantage.
///
/// ```text
/// L = −mean_b ( G_bk + log w_bk · sg(G_bk − b_b) ),   k ~ w
/// ```
///
/// # Shapes
/// - `log_weights`, `soft_q`: `[B, K]`
/// - `drawn`: `[B]`, in `0..K`, sampled from the weights
/// - `baseline`: `[B]`, a constant that does not depend on the sample
/// - returns: `[1]`
///
/// # Gradients
/// Flow into `log_weights`, and into the sampled elements of `soft_q`. The gradient of
/// `log_weights` is unbiased for any baseline.
///
/// # Source
/// Williams, "Simple Statistical Gradient-Following Algorithms", 1992.
pub fn reinforce_loss(
    log_weights: Tensor<2>,
    soft_q: Tensor<2>,
    drawn: &Tensor<1, Int>,
    baseline: Tensor<1>,
) -> Tensor<1> {
    reinforce_losses(log_weights, soft_q, drawn, baseline, 1)
}

/// Computes the [`reinforce_loss`] of each run, `[runs]`.
///
/// # Shapes
/// - `log_weights`, `soft_q`: `[runs · B, K]`; `drawn`, `baseline`: `[runs · B]`
pub fn reinforce_losses(
    log_weights: Tensor<2>,
    soft_q: Tensor<2>,
    drawn: &Tensor<1, Int>,
    baseline: Tensor<1>,
    runs: usize,
) -> Tensor<1> {
    let soft_q = select_value(soft_q, drawn);
    let advantage = soft_q.clone().inner() - baseline;
    runs::mean(soft_q + select_value(log_weights, drawn) * advantage, runs).neg()
}

/// The score-function estimator for the whole policy, without a gradient through the critic.
///
/// ```text
/// L = mean_b log π(a_b|s_b) · sg( α log π(a_b|s_b) − Q(s_b, a_b) + V(s_b) ),   a ~ π
/// ```
///
/// # Shapes
/// - `log_prob`: `[B]`, of constant actions under the mixture
/// - `q`, `value`: `[B]`, constants; `value` must not depend on the action
/// - returns: `[1]`
///
/// # Gradients
/// Flow into `log_prob`.
///
/// # Source
/// Haarnoja et al., first version of arXiv:1801.01290, whose policies were Gaussian mixtures.
pub fn likelihood_ratio_loss(
    alpha: f64,
    log_prob: Tensor<1>,
    q: Tensor<1>,
    value: Tensor<1>,
) -> Tensor<1> {
    likelihood_ratio_losses(&[alpha], log_prob, q, value)
}

/// Computes the [`likelihood_ratio_loss`] of each run, `[N]`.
///
/// # Shapes
/// - `alpha`: `[N]`; `log_prob`, `q`, `value`: `[N·B]`
pub fn likelihood_ratio_losses(
    alpha: &[f64],
    log_prob: Tensor<1>,
    q: Tensor<1>,
    value: Tensor<1>,
) -> Tensor<1> {
    let cost = runs::scale(log_prob.clone().inner(), alpha) - q + value;
    runs::mean(log_prob * cost, alpha.len())
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;
    use burn::tensor::activation::log_softmax;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::noise;
    use crate::testing::{assert_close, t1, t2, values};

    const LOGITS: [[f64; 3]; 1] = [[0.2, -0.1, 0.5]];
    const SOFT_Q: [[f64; 3]; 1] = [[1.0, 2.0, 4.0]];
    /// w (G − J) with w = softmax of the logits and J = Σ w G = 2.5499499299.
    const EXACT: [f64; 3] = [-0.5014920407, -0.1318199620, 0.6333120027];

    fn index(values: &[i64]) -> Tensor<1, Int> {
        Tensor::from_data(values, &Device::flex())
    }

    /// Minus the gradient of a loss with respect to the logits.
    fn ascent(loss: impl Fn(Tensor<2>) -> Tensor<1>) -> Vec<f64> {
        let logits = t2(LOGITS).autodiff().require_grad();
        let grads = loss(logits.clone()).backward();
        values(&logits.grad(&grads).expect("tracked").neg())
    }

    fn assert_exact(found: &[f64]) {
        for (found, expected) in found.iter().zip(EXACT) {
            assert!((found - expected).abs() < 1e-10, "{found} is not {expected}");
        }
    }

    #[test]
    fn summing_the_choice_out_is_exact() {
        let loss = weighted_loss(softmax(t2(LOGITS), 1), t2(SOFT_Q));
        assert_close(&loss, &[-2.5499499299], 1e-10);
        assert_exact(&ascent(|logits| weighted_loss(softmax(logits, 1), t2(SOFT_Q))));
    }

    #[test]
    fn reinforce_is_unbiased_whatever_the_baseline() {
        let weights = values(&softmax(t2(LOGITS), 1));
        for baseline in [0.0, 2.5499499299, -7.0] {
            let mut expected = [0.0; 3];
            for (drawn, weight) in weights.iter().enumerate() {
                let gradient = ascent(|logits| {
                    let drawn = index(&[drawn as i64]);
                    reinforce_loss(log_softmax(logits, 1), t2(SOFT_Q), &drawn, t1(&[baseline]))
                });
                for (sum, gradient) in expected.iter_mut().zip(gradient) {
                    *sum += weight * gradient;
                }
            }
            assert_exact(&expected);
        }
    }

    #[test]
    fn reinforce_by_hand_and_its_primitive_gradient() {
        // Sampled: 2. log w_2 = log .4367518169; −(4 + log w_2 · (4 − 1)).
        let soft_q = t2(SOFT_Q).autodiff().require_grad();
        let log_weights = log_softmax(t2(LOGITS), 1);
        let loss = reinforce_loss(log_weights, soft_q.clone(), &index(&[2]), t1(&[1.0]));
        assert_close(&loss, &[-(4.0 + 0.4367518169_f64.ln() * 3.0)], 1e-9);
        let grads = loss.backward();
        assert_close(&soft_q.grad(&grads).expect("tracked"), &[0.0, 0.0, -1.0], 0.0);
    }

    #[test]
    fn likelihood_ratio_by_hand() {
        // log π = (−1, 2), Q = (3, 1), V = (2, 5), α = .5: costs −.5 − 3 + 2 = −1.5 and
        // 1 − 1 + 5 = 5; L = (−1 · −1.5 + 2 · 5) / 2, and the costs are constants.
        let log_prob = t1(&[-1.0, 2.0]).autodiff().require_grad();
        let loss = likelihood_ratio_loss(0.5, log_prob.clone(), t1(&[3.0, 1.0]), t1(&[2.0, 5.0]));
        assert_close(&loss, &[5.75], 1e-15);
        let grads = loss.backward();
        assert_close(&log_prob.grad(&grads).expect("tracked"), &[-0.75, 2.5], 1e-15);
    }

    #[test]
    fn draws_follow_the_weights() {
        let draws = 30_000;
        let device = Device::flex();
        let log_weights = log_softmax(t2(LOGITS), 1).repeat_dim(0, draws);
        let gumbel = noise::gumbel([draws, 3], &mut ChaCha8Rng::seed_from_u64(6), &device);
        let drawn = draw_primitive(log_weights, gumbel.cast(burn::tensor::DType::F64));
        let mut counts = [0_usize; 3];
        for drawn in drawn.try_to_vec_as::<i64>().unwrap() {
            counts[drawn as usize] += 1;
        }
        // Chi-squared with two degrees of freedom: 13.8 is the 0.1 % point.
        let chi_squared: f64 = values(&softmax(t2(LOGITS), 1))
            .iter()
            .zip(counts)
            .map(|(weight, count)| {
                (count as f64 - weight * draws as f64).powi(2) / (weight * draws as f64)
            })
            .sum();
        assert!(chi_squared < 13.8, "{counts:?}");
    }

    #[test]
    fn straight_through_is_one_hot_with_the_relaxed_gradient() {
        let gumbel = t2([[0.3, 1.1, -0.4]]);
        let soft = |logits| gumbel_softmax(log_softmax(logits, 1), gumbel.clone(), 0.7);
        let (hard, drawn) = straight_through(soft(t2(LOGITS)));
        assert_close(&hard, &[0.0, 1.0, 0.0], 0.0);
        let same = draw_primitive(log_softmax(t2(LOGITS), 1), gumbel.clone());
        assert_eq!(drawn.to_data(), same.to_data());
        let of_hard = ascent(|logits| weighted_loss(straight_through(soft(logits)).0, t2(SOFT_Q)));
        let of_soft = ascent(|logits| weighted_loss(soft(logits), t2(SOFT_Q)));
        for (hard, soft) in of_hard.iter().zip(&of_soft) {
            assert!((hard - soft).abs() < 1e-14 && soft.abs() > 1e-3);
        }
        // Only the sampled primitive learns from the critic.
        let soft_q = t2(SOFT_Q).autodiff().require_grad();
        let grads = weighted_loss(hard, soft_q.clone()).backward();
        assert_close(&soft_q.grad(&grads).expect("tracked"), &[0.0, -1.0, 0.0], 0.0);
    }

    #[test]
    fn the_gradient_of_a_relaxed_draw_is_exact() {
        // y (G − Σ y G) / T, as for a softmax of logits / T.
        let (gumbel, temperature) = (t2([[0.3, 1.1, -0.4]]), 0.7);
        let soft = |logits| gumbel_softmax(log_softmax(logits, 1), gumbel.clone(), temperature);
        let y = values(&soft(t2(LOGITS)));
        let mean: f64 = y.iter().zip(SOFT_Q[0]).map(|(y, g)| y * g).sum();
        let found = ascent(|logits| weighted_loss(soft(logits), t2(SOFT_Q)));
        for ((found, y), g) in found.iter().zip(&y).zip(SOFT_Q[0]) {
            let expected = y * (g - mean) / temperature;
            assert!((found - expected).abs() < 1e-14, "{found} is not {expected}");
        }
    }

    #[test]
    fn a_relaxed_draw_becomes_one_hot_as_it_cools() {
        let gumbel = t2([[0.3, 1.1, -0.4]]);
        let distance = |temperature| {
            let soft = gumbel_softmax(log_softmax(t2(LOGITS), 1), gumbel.clone(), temperature);
            values(&(soft - t2([[0.0, 1.0, 0.0]])).abs().sum())[0]
        };
        // The runner-up is .5 behind: for small T the distance is 2 exp(−.5 / T), here 2 exp(−5)
        // and 2 exp(−50).
        assert!(distance(10.0) > 1.0);
        assert!((distance(0.1) - 2.0 * (-5.0_f64).exp()).abs() < 1e-3);
        assert!(distance(0.01) < 1e-20);
    }
}
