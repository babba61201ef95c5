//! The frequency loss: trains the router without a gradient through the choice of primitive.

use burn::tensor::{Int, Tensor};

use crate::runs;

/// How the frequency loss reduces the K squared differences of each row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reduction {
    /// Sum over primitives, mean over the batch: eq. 7 of the paper.
    Sum,
    /// Mean over primitives and batch, as in the authors' release (`mse_loss`): eq. 7 divided by K.
    Mean,
}

/// Returns the primitive with the highest score in each row, `[B]`; in a tie the first.
///
/// ```text
/// j_b = argmax_k Q(s_b, a_bk)
/// ```
///
/// # Shapes
/// - `score`: `[B, K]`
///
/// # Source
/// PMOE paper, eq. 6.
pub fn best_primitive(score: Tensor<2>) -> Tensor<1, Int> {
    score.argmax(1).squeeze_dim(1)
}

/// Squared distance between the routing weights and the one-hot best primitive.
///
/// The loss is the Brier score, a strictly proper scoring rule: over repeated samples its minimiser
/// is the frequency with which each primitive is best. Hence its name.
///
/// ```text
/// L_freq = mean_b Σ_k ( onehot(j_b)_k − w_bk )²
/// ```
///
/// # Shapes
/// - `weights`: `[B, K]`, rows sum to 1
/// - `best`: `[B]`, in `0..K`
/// - returns: `[1]`
///
/// # Gradients
/// Flow into `weights` only.
///
/// # Source
/// PMOE paper, eqs. 6–7.
pub fn frequency_loss(
    weights: Tensor<2>,
    best: &Tensor<1, Int>,
    reduction: Reduction,
) -> Tensor<1> {
    frequency_losses(weights, best, reduction, 1)
}

/// Computes the [`frequency_loss`] of each run, `[runs]`.
///
/// # Shapes
/// - `weights`: `[runs · B, K]`; `best`: `[runs · B]`
pub fn frequency_losses(
    weights: Tensor<2>,
    best: &Tensor<1, Int>,
    reduction: Reduction,
    runs: usize,
) -> Tensor<1> {
    let difference = (weights.clone() - one_hot(best, &weights)).square();
    match reduction {
        Reduction::Sum => runs::mean(difference.sum_dim(1), runs),
        Reduction::Mean => runs::mean(difference, runs),
    }
}

/// Returns one-hot rows, `[B, K]` like `weights`, with the 1 at `index`, `[B]`; a constant.
pub(super) fn one_hot(index: &Tensor<1, Int>, weights: &Tensor<2>) -> Tensor<2> {
    let shape = weights.dims();
    let [_, num_primitives] = shape;
    let primitives = Tensor::<1, Int>::arange(0..num_primitives as i64, &index.device());
    let is_index = index
        .clone()
        .unsqueeze_dim::<2>(1)
        .expand(shape)
        .equal(primitives.unsqueeze_dim::<2>(0).expand(shape));
    is_index.float().cast(weights.dtype())
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, activation::softmax};
    use proptest::prelude::*;

    use super::*;
    use crate::testing::{assert_close, t2, values};

    fn index(values: &[i64]) -> Tensor<1, Int> {
        Tensor::from_data(values, &Device::flex())
    }

    #[test]
    fn known_answer() {
        // Logits (.2, -.1, .5), best primitive 1.
        let logits = t2([[0.2, -0.1, 0.5]]).autodiff().require_grad();
        let weights = softmax(logits.clone(), 1);
        assert_close(&weights, &[0.3235537039, 0.2396944792, 0.4367518169], 1e-10);
        let loss = frequency_loss(weights.clone(), &index(&[1]), Reduction::Sum);
        assert_close(&loss, &[0.8735036338], 1e-10);
        let grads = loss.backward();
        let gradient = logits.grad(&grads).expect("tracked");
        assert_close(&gradient, &[0.1361226611, -0.4187479972, 0.2826253361], 1e-10);
        // The release's mean is the sum divided by K.
        let mean = frequency_loss(weights, &index(&[1]), Reduction::Mean);
        assert_close(&mean, &[0.8735036338 / 3.0], 1e-10);
    }

    #[test]
    fn gradient_descent_finds_the_frequencies() {
        // Ten rows with one shared logit vector, whose best primitives have frequencies (.5, .3,
        // .2). The minimum is at w = f, with value 1 − Σ f² = .62.
        let best = index(&[0, 0, 0, 0, 0, 1, 1, 1, 2, 2]);
        let mut logits = t2([[0.0, 0.0, 0.0]]);
        let mut loss = f64::NAN;
        for _ in 0..3000 {
            let tracked = logits.clone().autodiff().require_grad();
            let weights = softmax(tracked.clone(), 1).repeat_dim(0, 10);
            let value = frequency_loss(weights, &best, Reduction::Sum);
            loss = values(&value)[0];
            let grads = value.backward();
            logits = logits - tracked.grad(&grads).expect("tracked").mul_scalar(1.0);
        }
        assert_close(&softmax(logits, 1), &[0.5, 0.3, 0.2], 1e-12);
        assert!((loss - 0.62).abs() < 1e-12, "{loss}");
    }

    #[test]
    fn one_primitive_has_no_loss_and_no_gradient() {
        let logits = t2([[0.7], [-3.0]]).autodiff().require_grad();
        let loss = frequency_loss(softmax(logits.clone(), 1), &index(&[0, 0]), Reduction::Sum);
        assert_close(&loss, &[0.0], 0.0);
        let grads = loss.backward();
        assert_close(&logits.grad(&grads).expect("tracked"), &[0.0, 0.0], 0.0);
    }

    #[test]
    fn best_primitive_takes_the_first_of_equal_scores() {
        let best = best_primitive(t2([[1.0, 3.0, 3.0], [5.0, 5.0, 2.0], [0.0, -1.0, 1.0]]));
        assert_eq!(best.try_to_vec_as::<i64>().unwrap(), [1, 0, 2]);
    }

    proptest! {
        /// Equals a direct computation on random rows.
        #[test]
        fn equals_the_double_loop(
            logits in prop::collection::vec(prop::array::uniform3(-3.0..3.0_f64), 1..6),
            seed in 0..3_usize,
        ) {
            let best: Vec<i64> = (0..logits.len()).map(|b| ((b + seed) % 3) as i64).collect();
            let rows = logits.len();
            let tensor = crate::testing::t1(logits.as_flattened()).reshape([rows as i32, 3]);
            let loss = values(&frequency_loss(softmax(tensor, 1), &index(&best), Reduction::Sum))[0];
            let mut expected = 0.0;
            for (row, &best) in logits.iter().zip(&best) {
                let total: f64 = row.iter().map(|z| z.exp()).sum();
                for (k, z) in row.iter().enumerate() {
                    let target = if k as i64 == best { 1.0 } else { 0.0 };
                    expected += (target - z.exp() / total).powi(2) / rows as f64;
                }
            }
            prop_assert!((loss - expected).abs() < 1e-12);
        }
    }
}
