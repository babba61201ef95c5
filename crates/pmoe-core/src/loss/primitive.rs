//! Losses of the primitives: the soft value of their actions.

use burn::tensor::Tensor;

use crate::fused::means_of;
use crate::runs;

/// Soft policy loss of one action per state.
///
/// For PMOE this is the action of the best primitive (back-propagation-max). For a Gaussian
/// policy's single action it is SAC's actor loss, with the same operations in the same order.
///
/// ```text
/// L_pri = mean_b ( α log π(a_b) − Q(s_b, a_b) )
/// ```
///
/// # Shapes
/// - `log_prob`, `q`: `[B]`
/// - returns: `[1]`
///
/// # Gradients
/// Flow into both.
///
/// # Source
/// PMOE paper, eq. 9; Haarnoja et al., arXiv:1812.05905, eq. 7.
pub fn backpropagate_max_loss(alpha: f64, log_prob: Tensor<1>, q: Tensor<1>) -> Tensor<1> {
    backpropagate_max_losses(&[alpha], log_prob, q)
}

/// Computes the [`backpropagate_max_loss`] of each run, `[N]`.
///
/// # Shapes
/// - `alpha`: `[N]`; `log_prob`, `q`: `[N·B]`
pub fn backpropagate_max_losses(alpha: &[f64], log_prob: Tensor<1>, q: Tensor<1>) -> Tensor<1> {
    let runs = alpha.len();
    let fused = means_of(runs, [&log_prob, &q], [], |run, [log_prob, q], []| {
        let weight = alpha[run] as f32;
        (weight * log_prob - q, [weight, -1.0])
    });
    fused.unwrap_or_else(|| runs::mean(runs::scale(log_prob, alpha) - q, runs))
}

/// Soft policy loss of all primitives' actions (back-propagation-all).
///
/// ```text
/// L_pri = mean_b Σ_k ( α log π_k(a_bk) − Q(s_b, a_bk) )
/// ```
///
/// # Shapes
/// - `log_prob`, `q`: `[B, K]`
/// - returns: `[1]`
///
/// # Gradients
/// Flow into both.
///
/// # Source
/// PMOE paper, eq. 8.
pub fn backpropagate_all_loss(alpha: f64, log_prob: Tensor<2>, q: Tensor<2>) -> Tensor<1> {
    backpropagate_all_losses(&[alpha], log_prob, q)
}

/// Computes the [`backpropagate_all_loss`] of each run, `[N]`.
///
/// # Shapes
/// - `alpha`: `[N]`; `log_prob`, `q`: `[N·B, K]`
pub fn backpropagate_all_losses(alpha: &[f64], log_prob: Tensor<2>, q: Tensor<2>) -> Tensor<1> {
    runs::mean((runs::scale(log_prob, alpha) - q).sum_dim(1), alpha.len())
}

#[cfg(test)]
mod tests {
    use burn::tensor::{DType, Device};
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::dist::select_value;
    use crate::loss::{best_primitive, weighted_loss};
    use crate::noise::normal;
    use crate::testing::{assert_close, t1, t2, values};

    #[test]
    fn back_propagation_max_by_hand() {
        // α = .5: ((.5·2 − 3) + (.5·(−6) − 1)) / 2 = (−2 − 4) / 2.
        // The gradients are α and −1, divided by 2.
        for precision in [DType::F64, DType::F32] {
            let tracked = |x| t1(x).cast(precision).autodiff().require_grad();
            let (log_prob, q) = (tracked(&[2.0, -6.0]), tracked(&[3.0, 1.0]));
            let loss = backpropagate_max_loss(0.5, log_prob.clone(), q.clone());
            assert_close(&loss, &[-3.0], 1e-15);
            let grads = loss.backward();
            assert_close(&log_prob.grad(&grads).expect("tracked"), &[0.25, 0.25], 1e-15);
            assert_close(&q.grad(&grads).expect("tracked"), &[-0.5, -0.5], 1e-15);
        }
    }

    #[test]
    fn back_propagation_all_by_hand() {
        // Row 1: (.5·2 − 3) + (.5·0 − 1) = −3; row 2: (.5·(−4) − 1) + (.5·2 − 2) = −4.
        let (log_prob, q) = (t2([[2.0, 0.0], [-4.0, 2.0]]), t2([[3.0, 1.0], [1.0, 2.0]]));
        assert_close(&backpropagate_all_loss(0.5, log_prob, q), &[-3.5], 1e-15);
    }

    #[test]
    fn with_one_primitive_both_are_the_same_number() {
        let (log_prob, q) = ([0.3, -1.7, 2.2], [0.1, 5.0, -0.4]);
        let max = backpropagate_max_loss(0.2, t1(&log_prob), t1(&q));
        let column = |x: &[f64; 3]| t1(x).reshape([3, 1]);
        let all = backpropagate_all_loss(0.2, column(&log_prob), column(&q));
        assert_eq!(max.to_data(), all.to_data());
    }

    const ROWS: usize = 100_000;

    /// Gradient of a loss with respect to the log standard deviation shared by K primitives of mean
    /// 0, at 0. There is no entropy term, and the value of an action is the action before
    /// squashing.
    fn gradient_of_log_std(num_primitives: usize, loss: fn(Tensor<2>) -> Tensor<1>) -> f64 {
        let shape = [ROWS, num_primitives];
        let noise =
            normal(shape, &mut ChaCha8Rng::seed_from_u64(8), &Device::flex()).cast(DType::F64);
        let log_std = t2([[0.0]]).autodiff().require_grad();
        let grads = loss(log_std.clone().exp().expand(shape) * noise).backward();
        values(&log_std.grad(&grads).expect("tracked"))[0]
    }

    fn best_of(q: Tensor<2>) -> Tensor<1> {
        let best = best_primitive(q.clone().inner());
        let q = select_value(q, &best);
        backpropagate_max_loss(0.0, q.zeros_like(), q)
    }

    #[test]
    fn the_best_of_several_draws_gains_from_wider_primitives() {
        // Expected maximum of K standard normal variables: back-propagation-max widens the
        // primitives although neither reward nor entropy favours it, and more so for larger K. The
        // tolerance is four standard errors, which are below √(1 / ROWS) = .0032.
        for (num_primitives, expected) in
            [(1, 0.0), (2, 0.5642), (4, 1.0294), (8, 1.4236), (16, 1.7660)]
        {
            let gradient = gradient_of_log_std(num_primitives, best_of);
            assert!((gradient + expected).abs() < 0.013, "{num_primitives}: {gradient}");
        }
    }

    #[test]
    fn an_even_choice_or_all_gain_nothing_from_wider_primitives() {
        // The expected gradient is 0; the standard error is at most √(K / ROWS).
        let even = |q: Tensor<2>| {
            let [_, num_primitives] = q.dims();
            weighted_loss(q.full_like(1.0 / num_primitives as f64).inner(), q)
        };
        let gradient = gradient_of_log_std(4, even);
        assert!(gradient.abs() < 0.013, "{gradient}");
        let all = |q: Tensor<2>| backpropagate_all_loss(0.0, q.zeros_like(), q);
        let gradient = gradient_of_log_std(4, all);
        assert!(gradient.abs() < 0.026, "{gradient}");
    }
}
