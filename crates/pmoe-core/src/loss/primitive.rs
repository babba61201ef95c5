//! What the primitives themselves learn from: the critic's value of their actions.

use burn::tensor::Tensor;

/// Soft policy loss of one action per state.
///
/// For PMOE the action is the best primitive's (back-propagation-max); with the single action of a
/// Gaussian policy it is SAC's actor loss, the same operations in the same order.
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
    (log_prob.mul_scalar(alpha) - q).mean()
}

/// Soft policy loss of every primitive's action (back-propagation-all).
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
    (log_prob.mul_scalar(alpha) - q).sum_dim(1).mean()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_close, t1, t2};

    #[test]
    fn back_propagation_max_by_hand() {
        // α = .5: ((.5·2 − 3) + (.5·(−4) − 1)) / 2 = (−2 − 3) / 2.
        let loss = backpropagate_max_loss(0.5, t1(&[2.0, -4.0]), t1(&[3.0, 1.0]));
        assert_close(&loss, &[-2.5], 1e-15);
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
}
