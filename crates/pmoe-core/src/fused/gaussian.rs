//! Log-densities of Gaussians and of their mixtures.

use std::f64::consts::PI;

use burn::tensor::Tensor;

use super::known::{Input, known};
use super::{host, math, vectorised};

/// Computes `Σ_A log N(action | mean, std)`, `[N]`; `None` if burn's operations must be used.
///
/// # Shapes
/// - `action`, `mean`: `[N, A]`; `log_std`: `[N, A]`, or `[1, A]` for all rows
///
/// # Gradients
/// Flow into `mean` and `log_std`; `action` must be a constant.
pub(crate) fn gaussian_log_prob(
    action: &Tensor<2>,
    mean: &Tensor<2>,
    log_std: &Tensor<2>,
) -> Option<Tensor<1>> {
    let [rows, width] = mean.dims();
    let fits = rows * width > 0
        && action.dims() == [rows, width]
        && [[rows, width], [1, width]].contains(&log_std.dims());
    let action = fits.then(|| host::if_constant(action)).flatten()?;
    let (mean, log_std) = (Input::new(mean)?, Input::new(log_std)?);
    let [mut to_mean, mut to_log_std] = [(); 2].map(|()| vec![0.0; rows * width]);
    let mut terms = vec![0.0; rows * width];
    vectorised(
        #[inline(always)]
        || {
            let inputs = (host::values(&action).chunks_exact(width))
                .zip(mean.values().chunks_exact(width))
                .zip(log_std.values().chunks_exact(width).cycle());
            let outputs = (to_mean.chunks_exact_mut(width))
                .zip(to_log_std.chunks_exact_mut(width))
                .zip(terms.chunks_exact_mut(width));
            for (((action, mean), log_std), ((to_mean, to_log_std), terms)) in inputs.zip(outputs) {
                for at in 0..width {
                    let Term { log_prob, to_mean: m, to_log_std: s } =
                        term(action[at], mean[at], log_std[at]);
                    (terms[at], to_mean[at], to_log_std[at]) = (log_prob, m, s);
                }
            }
        },
    );
    let constant = normaliser(width);
    let value = terms.chunks_exact(width).map(|terms| terms.iter().sum::<f32>() - constant);
    Some(known(value.collect(), [(mean, to_mean), (log_std, to_log_std)]))
}

/// Computes `log Σ_k w_k Π_A N(action | mean_k, std_k)`, `[N]`; `None` if burn's operations must be
/// used.
///
/// # Shapes
/// - `action`: `[N, A]`; `logits`: `[N, K]`, of the weights; `mean`: `[N, K, A]`; `log_std`:
///   `[N, K, A]`, or `[1, K, A]` for all rows
///
/// # Gradients
/// Flow into all but `action`, which must be a constant.
pub(crate) fn mixture_log_prob(
    action: &Tensor<2>,
    logits: &Tensor<2>,
    mean: &Tensor<3>,
    log_std: &Tensor<3>,
) -> Option<Tensor<1>> {
    let [rows, num, width] = mean.dims();
    let fits = rows * num * width > 0
        && action.dims() == [rows, width]
        && logits.dims() == [rows, num]
        && [[rows, num, width], [1, num, width]].contains(&log_std.dims());
    let action = fits.then(|| host::if_constant(action)).flatten()?;
    let (logits, mean, log_std) = (Input::new(logits)?, Input::new(mean)?, Input::new(log_std)?);
    let mut to_logits = vec![0.0; rows * num];
    let [mut to_mean, mut to_log_std] = [(); 2].map(|()| vec![0.0; rows * num * width]);
    let mut value = vec![0.0; rows];
    let constant = normaliser(width);
    vectorised(
        #[inline(always)]
        || {
            // Logarithms of the weights, and of the weighted densities.
            let [mut log_weights, mut joint] = [(); 2].map(|()| vec![0.0_f32; num]);
            let inputs = (host::values(&action).chunks_exact(width))
                .zip(logits.values().chunks_exact(num))
                .zip(mean.values().chunks_exact(num * width))
                .zip(log_std.values().chunks_exact(num * width).cycle());
            let outputs = (to_logits.chunks_exact_mut(num))
                .zip(to_mean.chunks_exact_mut(num * width))
                .zip(to_log_std.chunks_exact_mut(num * width))
                .zip(&mut value);
            for (
                (((action, logits), mean), log_std),
                (((to_logits, to_mean), to_log_std), value),
            ) in inputs.zip(outputs)
            {
                let of_weights = log_sum_exp(logits);
                for k in 0..num {
                    let mut log_prob = 0.0;
                    for (a, at) in (k * width..(k + 1) * width).enumerate() {
                        let Term { log_prob: one, to_mean: m, to_log_std: s } =
                            term(action[a], mean[at], log_std[at]);
                        (to_mean[at], to_log_std[at]) = (m, s);
                        log_prob += one;
                    }
                    log_weights[k] = logits[k] - of_weights;
                    joint[k] = log_prob - constant + log_weights[k];
                }
                *value = log_sum_exp(&joint);
                for k in 0..num {
                    // How much of the density is this primitive's.
                    let share = (joint[k] - *value).exp();
                    to_logits[k] = share - log_weights[k].exp();
                    for at in k * width..(k + 1) * width {
                        to_mean[at] *= share;
                        to_log_std[at] *= share;
                    }
                }
            }
        },
    );
    Some(known(value, [(logits, to_logits), (mean, to_mean), (log_std, to_log_std)]))
}

struct Term {
    /// `−z²/2 − log_std`, with `z = (action − mean) / std`.
    log_prob: f32,
    to_mean: f32,
    to_log_std: f32,
}

#[inline(always)]
fn term(action: f32, mean: f32, log_std: f32) -> Term {
    let inverse = math::exp(-log_std);
    let z = (action - mean) * inverse;
    Term { log_prob: -0.5 * z * z - log_std, to_mean: z * inverse, to_log_std: z * z - 1.0 }
}

/// `A · ½ log 2π`.
fn normaliser(width: usize) -> f32 {
    (0.5 * (2.0 * PI).ln() * width as f64) as f32
}

#[inline(always)]
fn log_sum_exp(x: &[f32]) -> f32 {
    let max = x.iter().fold(f32::NEG_INFINITY, |max, x| max.max(*x));
    x.iter().map(|x| (x - max).exp()).sum::<f32>().ln() + max
}
