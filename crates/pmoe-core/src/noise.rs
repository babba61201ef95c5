//! Noise drawn on the host from a seeded stream, then converted to tensors.
//!
//! burn's own generators are global to the process and their state can't be saved, so learning code
//! must not use them.

use burn::tensor::{Device, Int, Tensor, TensorData};
use rand::{Rng, RngExt};
use rand_distr::{Open01, StandardNormal};

/// Draws independent standard normal numbers.
///
/// The stream advances only by the number of elements, so `[B, 1, A]` and `[B, A]` give the same
/// numbers.
pub fn normal<const D: usize>(shape: [usize; D], rng: &mut impl Rng, device: &Device) -> Tensor<D> {
    normal_of_each(shape, &mut [rng], device)
}

/// Draws the standard normal numbers of several [runs](crate::runs): each generator those of its
/// run's rows.
///
/// # Shapes
/// - `shape`: `[N·B, ..]`, for N generators
pub fn normal_of_each<const D: usize>(
    shape: [usize; D],
    rngs: &mut [&mut impl Rng],
    device: &Device,
) -> Tensor<D> {
    drawn(shape, rngs, |rng| rng.sample(StandardNormal), device)
}

/// Draws independent standard Gumbel numbers, `−log(−log U)` with U from U(0, 1).
///
/// `argmax_k (log w_k + g_k)` is a sample from the distribution w.
pub fn gumbel<const D: usize>(shape: [usize; D], rng: &mut impl Rng, device: &Device) -> Tensor<D> {
    gumbel_of_each(shape, &mut [rng], device)
}

/// Draws the standard Gumbel numbers of several [runs](crate::runs); see [`normal_of_each`].
pub fn gumbel_of_each<const D: usize>(
    shape: [usize; D],
    rngs: &mut [&mut impl Rng],
    device: &Device,
) -> Tensor<D> {
    drawn(shape, rngs, |rng| standard_gumbel(rng), device)
}

fn standard_gumbel(rng: &mut impl Rng) -> f32 {
    let uniform: f64 = rng.sample(Open01);
    -(-uniform.ln()).ln() as f32
}

/// Fills the rows of each generator's run with what `draw` returns.
fn drawn<R, const D: usize>(
    shape: [usize; D],
    rngs: &mut [&mut R],
    draw: impl Fn(&mut R) -> f32,
    device: &Device,
) -> Tensor<D> {
    let count = shape.iter().product::<usize>() / rngs.len();
    let mut values = Vec::with_capacity(count * rngs.len());
    for rng in rngs {
        values.extend((0..count).map(|_| draw(rng)));
    }
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// Fills `values` with independent numbers from U(−1, 1), for example the random actions at the
/// start of a run.
pub fn fill_uniform(values: &mut [f32], rng: &mut impl Rng) {
    values.fill_with(|| rng.random_range(-1.0..1.0));
}

/// Samples an index from the distribution `weights` by inversion. The weights need not sum to
/// exactly 1.
///
/// A single weight draws no random number, so that a mixture with one primitive consumes the same
/// noise as a plain Gaussian.
///
/// # Panics
/// If `weights` is empty.
pub fn categorical(weights: &[f32], rng: &mut impl Rng) -> usize {
    let (last, others) = weights.split_last().expect("there is at least one weight");
    if others.is_empty() {
        return 0;
    }
    let total: f32 = others.iter().sum::<f32>() + last;
    let mut remaining = rng.random::<f32>() * total;
    for (index, weight) in others.iter().enumerate() {
        if remaining < *weight {
            return index;
        }
        remaining -= weight;
    }
    others.len()
}

/// Samples one index per row, `[B]`, with the probabilities `weights`, `[B, K]`.
pub fn categorical_rows(weights: Tensor<2>, rng: &mut impl Rng) -> Tensor<1, Int> {
    categorical_rows_of_each(weights, &mut [rng])
}

/// Samples one index per row of several [runs](crate::runs), `[N·B]`: each of N generators those of
/// its run's rows.
///
/// # Shapes
/// - `weights`: `[N·B, K]`
pub fn categorical_rows_of_each(weights: Tensor<2>, rngs: &mut [&mut impl Rng]) -> Tensor<1, Int> {
    let [rows, num_primitives] = weights.dims();
    let (device, count) = (weights.device(), rows / rngs.len());
    let weights: Vec<f32> = weights.try_into_vec_as::<f32>().expect("weights are f32");
    let rows = weights.chunks_exact(num_primitives).enumerate();
    let indices: Vec<i64> =
        rows.map(|(row, weights)| categorical(weights, rngs[row / count]) as i64).collect();
    Tensor::from_data(indices.as_slice(), &device)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    #[test]
    fn categorical_follows_the_weights() {
        let weights = [0.1_f32, 0.6, 0.3];
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut counts = [0_usize; 3];
        let draws = 30_000;
        for _ in 0..draws {
            counts[categorical(&weights, &mut rng)] += 1;
        }
        // Chi-squared with two degrees of freedom: 13.8 is the 0.1 % point.
        let chi_squared: f64 = counts
            .iter()
            .zip(weights)
            .map(|(&count, weight)| {
                let expected = f64::from(weight) * f64::from(draws);
                (count as f64 - expected).powi(2) / expected
            })
            .sum();
        assert!(chi_squared < 13.8, "{counts:?}");
    }

    #[test]
    fn one_primitive_consumes_no_noise() {
        let (mut used, untouched) = (ChaCha8Rng::seed_from_u64(3), ChaCha8Rng::seed_from_u64(3));
        assert_eq!(categorical(&[1.0], &mut used), 0);
        assert_eq!(used, untouched);
    }

    #[test]
    fn shapes_do_not_change_the_stream() {
        let device = Device::flex();
        let flat = normal([4, 3], &mut ChaCha8Rng::seed_from_u64(5), &device);
        let deep = normal([4, 1, 3], &mut ChaCha8Rng::seed_from_u64(5), &device);
        assert_eq!(flat.to_data(), deep.reshape([4, 3]).to_data());
    }
}
