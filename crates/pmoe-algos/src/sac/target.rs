//! What the critics learn: the soft Bellman target.

use burn::tensor::Tensor;
use pmoe_core::best_of::divergence;
use pmoe_core::dist::select_value;
use pmoe_core::loss::best_primitive;
use pmoe_core::runs;

use crate::replay::TensorBatch;

/// Computes the critics' target, `[B]`.
///
/// ```text
/// y = r + γ (1 − terminated) (min_i Q̄_i(s', a') − α log π(a'|s'))
/// ```
///
/// # Shapes
/// - `next_q`, `next_log_prob`: `[B]`, of an action of the policy at every row of `next_obs`
/// - `alpha`: α of each run whose rows these are, usually one
///
/// # Source
/// arXiv:1812.05905, eq. 3, with clipped double Q. Truncated episodes are bootstrapped.
pub fn soft_bellman_target(
    batch: &TensorBatch,
    next_q: Tensor<1>,
    next_log_prob: Tensor<1>,
    alpha: &[f64],
    gamma: f64,
) -> Tensor<1> {
    let soft_value = next_q - runs::scale(next_log_prob, alpha);
    batch.reward.clone() + batch.not_terminated.clone().mul_scalar(gamma) * soft_value
}

/// Selects the action with the highest value of each state, and returns values and log-densities of
/// the policy that acts so, `[B]` each. With one action of each state, these are what they were.
///
/// ```text
/// j = argmax_k Q_k,   log π(a) = log π_j(a_j) + log K − (K − 1)/K
/// ```
///
/// The density is a bound, exact for K equal primitives: see [`divergence`].
///
/// # Shapes
/// - `rows`: B
/// - `q`, `log_prob`: `[B·K]`, of an action of every primitive, those of a state being consecutive
///
/// # Source
/// PMOE paper, eq. 11, and arXiv:2401.01879 for the density.
pub fn best_of_each(rows: usize, q: Tensor<1>, log_prob: Tensor<1>) -> (Tensor<1>, Tensor<1>) {
    let draws = q.dims()[0] / rows;
    if draws == 1 {
        return (q, log_prob);
    }
    let q: Tensor<2> = q.reshape([rows, draws]);
    let best = best_primitive(q.clone());
    let log_prob = select_value(log_prob.reshape([rows, draws]), &best);
    (select_value(q, &best), log_prob.add_scalar(divergence(draws)))
}
