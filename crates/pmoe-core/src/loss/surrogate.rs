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
    use burn::tensor::DType;

    use super::*;
    use crate::testing::{assert_close, t1};

    /// Single precision has operations of its own.
    const PRECISIONS: [(DType, f64); 2] = [(DType::F64, 1e-12), (DType::F32, 1e-6)];

    fn tracked(values: &[f64], precision: DType) -> Tensor<1> {
        t1(values).cast(precision).autodiff().require_grad()
    }

    #[test]
    fn surrogate_by_hand() {
        // (A, ρ) to the loss and its gradient with respect to log ρ, which is −ρ A if nothing is
        // clipped.
        let cases = [
            (1.0, 1.5, -1.2, 0.0),
            (1.0, 0.5, -0.5, -0.5),
            (-1.0, 0.5, 0.8, 0.0),
            (-1.0, 1.5, 1.5, 1.5),
            (2.0, 1.0, -2.0, -2.0),
        ];
        for (precision, tolerance) in PRECISIONS {
            for (advantage, ratio, loss, gradient) in cases {
                let log_ratio = tracked(&[f64::ln(ratio)], precision);
                let advantage = t1(&[advantage]).cast(precision);
                let found = clipped_surrogate_loss(log_ratio.clone(), advantage, 0.2);
                assert_close(&found, &[loss], tolerance);
                let gradients = found.backward();
                assert_close(&log_ratio.grad(&gradients).unwrap(), &[gradient], tolerance);
            }
        }
        let mean = clipped_surrogate_loss(t1(&[1.5_f64.ln(), 0.5_f64.ln()]), t1(&[1.0, 1.0]), 0.2);
        assert_close(&mean, &[(-1.2 - 0.5) / 2.0], 1e-12);
    }

    #[test]
    fn value_loss_by_hand() {
        // ½ · ((3 − 2)² + (.1 − 1)²) / 2 and (V − R) / 2
        for (precision, tolerance) in PRECISIONS {
            let value = tracked(&[3.0, 0.1], precision);
            let returns = t1(&[2.0, 1.0]).cast(precision);
            let loss = value_loss(value.clone(), returns, None);
            assert_close(&loss, &[(1.0 + 0.81) / 4.0], tolerance);
            assert_close(&value.grad(&loss.backward()).unwrap(), &[0.5, -0.45], tolerance);
        }
        // Clipped at .2: V = 1.2 and .1, errors .64 and .81; the larger ones are 1 and .81.
        let (value, old, returns) = (t1(&[3.0, 0.1]), t1(&[1.0, 0.0]), t1(&[2.0, 1.0]));
        let clipped = value_loss(value, returns, Some((old, 0.2)));
        assert_close(&clipped, &[(1.0 + 0.81) / 4.0], 1e-12);
    }

    #[test]
    fn clipped_value_loss_by_hand() {
        // V and R to the loss and its gradient, with an old value of 1 and clipping at .5. There is
        // no gradient where the clipped value has the larger error.
        let cases = [
            // Clipped to 1.5, which is closer.
            (3.0, 2.0, 0.5, 1.0),
            (2.5, 1.75, 0.28125, 0.75),
            // Clipped to 1.5, which is as far away.
            (2.5, 2.0, 0.125, 0.5),
            // Clipped to 1.5, and to .5, which are further away: ½ · .5².
            (1.75, 2.0, 0.125, 0.0),
            (0.25, 0.0, 0.125, 0.0),
            // Clipped to .5, which is closer.
            (-1.0, 0.0, 0.5, -1.0),
            // Not clipped.
            (1.25, 3.0, 1.53125, -1.75),
        ];
        for (precision, _) in PRECISIONS {
            for (value, returns, loss, gradient) in cases {
                let value = tracked(&[value], precision);
                let [returns, old] = [returns, 1.0].map(|x| t1(&[x]).cast(precision));
                let found = value_loss(value.clone(), returns, Some((old, 0.5)));
                assert_close(&found, &[loss], 0.0);
                assert_close(&value.grad(&found.backward()).unwrap(), &[gradient], 0.0);
            }
        }
    }

    #[test]
    fn mean_squared_error_by_hand() {
        // (2² + (−3)²) / 2 and 2 (x − y) / 2; of two runs, each has its own.
        for (precision, _) in PRECISIONS {
            let prediction = tracked(&[3.0, -1.0], precision);
            let target = t1(&[1.0, 2.0]).cast(precision);
            let loss = mean_squared_error(prediction.clone(), target.clone());
            assert_close(&loss, &[6.5], 0.0);
            let gradients = loss.backward();
            assert_close(&prediction.grad(&gradients).unwrap(), &[2.0, -3.0], 0.0);
            assert_close(&mean_squared_errors(prediction, target, 2), &[4.0, 9.0], 0.0);
        }
    }

    #[test]
    fn statistics_by_hand() {
        let (kl, clipped) = ratio_statistics(&t1(&[0.0, 0.0]), 0.2);
        assert!(kl.abs() < 1e-15 && clipped.abs() < 1e-15);
        // ρ = 2 and 1: (1 − log 2) / 2; one of two is outside the clip range.
        let (kl, clipped) = ratio_statistics(&t1(&[2.0_f64.ln(), 0.0]), 0.2);
        assert!((kl - (1.0 - 2.0_f64.ln()) / 2.0).abs() < 1e-12);
        assert!((clipped - 0.5).abs() < 1e-15);
        // The end of the range is inside.
        let (_, clipped) = ratio_statistics(&t1(&[0.0]), 0.0);
        assert!(clipped.abs() < 1e-15);
    }
}
