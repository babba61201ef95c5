//! The losses of PPO: pure functions of tensors. Each returns a tensor of shape `[1]`.

use burn::tensor::Tensor;

use crate::fused::{mean_of, means_of};
use crate::runs;

/// The clipped surrogate loss: moving an action's probability ratio beyond the clip range gains
/// nothing.
///
/// ```text
/// L = mean max( −ρ A, −clip(ρ, 1 − ε, 1 + ε) A ),   ρ = π(a|s) / π_old(a|s)
/// ```
///
/// # Shapes
/// - `log_ratio`: log ρ, `[B]`; `advantage`: `[B]`
///
/// # Gradients
/// Flow into `log_ratio`; `advantage` is a constant.
///
/// # Source
/// Schulman et al., arXiv:1707.06347, eq. 7, negated.
pub fn clipped_surrogate_loss(
    log_ratio: Tensor<1>,
    advantage: Tensor<1>,
    clip_ratio: f64,
) -> Tensor<1> {
    let range = [1.0 - clip_ratio, 1.0 + clip_ratio];
    let [low, high] = range.map(|x| x as f32);
    let fused = mean_of([&log_ratio], [&advantage], |[log_ratio], [advantage]| {
        let ratio = log_ratio.exp();
        let (loss, clipped) = (-ratio * advantage, -ratio.clamp(low, high) * advantage);
        // Clipped, it only counts where nothing moves it.
        if clipped > loss { (clipped, [0.0]) } else { (loss, [loss]) }
    });
    if let Some(fused) = fused {
        return fused;
    }
    let [low, high] = range;
    let ratio = log_ratio.exp();
    let gain = advantage.neg();
    let clipped = ratio.clone().clamp(low, high) * gain.clone();
    (ratio * gain).max_pair(clipped).mean()
}

/// Half the mean squared error of the values: `½ mean (V − R)²`.
///
/// With `clip` (old values and ε), moving a value further than ε from the old one gains nothing:
///
/// ```text
/// L = ½ mean max( (V − R)², (V_old + clip(V − V_old, ±ε) − R)² )
/// ```
///
/// # Shapes
/// - `value`, `returns`, old values: `[B]`
///
/// # Gradients
/// Flow into `value`; the others are constants.
///
/// # Source
/// Without clipping: arXiv:1707.06347, eq. 9. With clipping: OpenAI Baselines.
pub fn value_loss(
    value: Tensor<1>,
    returns: Tensor<1>,
    clip: Option<(Tensor<1>, f64)>,
) -> Tensor<1> {
    let fused = match &clip {
        None => mean_of([&value], [&returns], |[value], [returns]| {
            let error = value - returns;
            (0.5 * error * error, [error])
        }),
        Some((old_value, clip)) => {
            let clip = *clip as f32;
            mean_of([&value], [&returns, old_value], |[value], [returns, old_value]| {
                let (error, moved) = (value - returns, value - old_value);
                let clipped = old_value + moved.clamp(-clip, clip) - returns;
                if moved.abs() > clip && clipped * clipped > error * error {
                    (0.5 * clipped * clipped, [0.0])
                } else {
                    (0.5 * error * error, [error])
                }
            })
        }
    };
    if let Some(fused) = fused {
        return fused;
    }
    let error = (value.clone() - returns.clone()).square();
    let error = match clip {
        Some((old_value, clip)) => {
            let moved = (value - old_value.clone()).clamp(-clip, clip);
            error.max_pair((old_value + moved - returns).square())
        }
        None => error,
    };
    error.mean().mul_scalar(0.5)
}

/// The mean squared error: `mean (x − y)²`.
///
/// # Shapes
/// - `prediction`, `target`: `[B]`
///
/// # Gradients
/// Flow into `prediction`; `target` is a constant.
pub fn mean_squared_error(prediction: Tensor<1>, target: Tensor<1>) -> Tensor<1> {
    mean_squared_errors(prediction, target, 1)
}

/// Computes the [`mean_squared_error`] of each run, `[runs]`.
///
/// # Shapes
/// - `prediction`, `target`: `[runs · B]`
pub fn mean_squared_errors(prediction: Tensor<1>, target: Tensor<1>, runs: usize) -> Tensor<1> {
    let fused = means_of(runs, [&prediction], [&target], |_, [prediction], [target]| {
        let error = prediction - target;
        (error * error, [2.0 * error])
    });
    fused.unwrap_or_else(|| runs::mean((prediction - target).square(), runs))
}

/// Measures how far the policy has moved from the behaviour policy: an estimate of KL(π_old ‖ π),
/// and the fraction of actions whose ratio is outside the clip range.
///
/// ```text
/// mean (ρ − 1 − log ρ),   mean [ |ρ − 1| > ε ]
/// ```
///
/// # Shapes
/// - `log_ratio`: log ρ, `[B]`
///
/// # Source
/// John Schulman, "Approximating KL Divergence" (2020): unbiased and non-negative.
pub fn ratio_statistics(log_ratio: &Tensor<1>, clip_ratio: f64) -> (f64, f64) {
    let log_ratios: Vec<f64> = log_ratio.try_to_vec_as::<f64>().expect("converted to f64");
    let count = log_ratios.len() as f64;
    let kl = log_ratios.iter().map(|log_ratio| log_ratio.exp_m1() - log_ratio).sum::<f64>();
    let clipped = log_ratios.iter().filter(|log_ratio| log_ratio.exp_m1().abs() > clip_ratio);
    (kl / count, clipped.count() as f64 / count)
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    fn vector(values: &[f64]) -> Tensor<1> {
        let data = burn::tensor::TensorData::new(values.to_vec(), [values.len()]);
        Tensor::from_data(data, (&Device::flex(), burn::tensor::DType::F64))
    }

    #[track_caller]
    fn assert_close(found: &Tensor<1>, expected: &[f64]) {
        let found = found.try_to_vec_as::<f64>().unwrap();
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-12, "{found} is not {expected}");
        }
    }

    #[test]
    fn surrogate_by_hand() {
        // (A, ρ) to the loss and its gradient with respect to log ρ, which is −ρ A if nothing is
        // clipped.
        for (advantage, ratio, loss, gradient) in [
            (1.0, 1.5, -1.2, 0.0),
            (1.0, 0.5, -0.5, -0.5),
            (-1.0, 0.5, 0.8, 0.0),
            (-1.0, 1.5, 1.5, 1.5),
            (2.0, 1.0, -2.0, -2.0),
        ] {
            let log_ratio = vector(&[f64::ln(ratio)]).autodiff().require_grad();
            let found = clipped_surrogate_loss(log_ratio.clone(), vector(&[advantage]), 0.2);
            assert_close(&found, &[loss]);
            assert_close(&log_ratio.grad(&found.backward()).unwrap(), &[gradient]);
        }
        let mean =
            clipped_surrogate_loss(vector(&[1.5_f64.ln(), 0.5_f64.ln()]), vector(&[1.0, 1.0]), 0.2);
        assert_close(&mean, &[(-1.2 - 0.5) / 2.0]);
    }

    #[test]
    fn value_loss_by_hand() {
        let (value, old, returns) = (vector(&[3.0, 0.1]), vector(&[1.0, 0.0]), vector(&[2.0, 1.0]));
        // ½ · ((3 − 2)² + (.1 − 1)²) / 2
        let plain = value_loss(value.clone(), returns.clone(), None);
        assert_close(&plain, &[(1.0 + 0.81) / 4.0]);
        // Clipped at .2: V = 1.2 and .1, errors .64 and .81; the larger ones are 1 and .81.
        assert_close(&value_loss(value, returns, Some((old, 0.2))), &[(1.0 + 0.81) / 4.0]);
        // V = 1.9, R = 2, old value 1: the clipped value, 1.2, has the larger error, so there is no
        // gradient.
        let value = vector(&[1.9]).autodiff().require_grad();
        let loss = value_loss(value.clone(), vector(&[2.0]), Some((vector(&[1.0]), 0.2)));
        assert_close(&loss, &[0.32]);
        assert_close(&value.grad(&loss.backward()).unwrap(), &[0.0]);
    }

    #[test]
    fn statistics_by_hand() {
        let (kl, clipped) = ratio_statistics(&vector(&[0.0, 0.0]), 0.2);
        assert!(kl.abs() < 1e-15 && clipped.abs() < 1e-15);
        // ρ = 2 and 1: (1 − log 2) / 2; one of two is outside the clip range.
        let (kl, clipped) = ratio_statistics(&vector(&[2.0_f64.ln(), 0.0]), 0.2);
        assert!((kl - (1.0 - 2.0_f64.ln()) / 2.0).abs() < 1e-12);
        assert!((clipped - 0.5).abs() < 1e-15);
    }
}
