//! Metrics of a mixture: usage, weights and diversity of its primitives.

use burn::tensor::{Int, Tensor, activation::softmax};

use crate::agent::Metrics;

/// Minimum share of one primitive for a mixture to count as collapsed.
pub const COLLAPSE_SHARE: f64 = 0.99;

/// A mixture at a batch of states, without gradients.
#[derive(Debug, Clone)]
pub struct MixtureBatch {
    /// Logarithms of the weights, `[B, K]`, up to a constant in each row.
    pub log_weights: Tensor<2>,
    /// Mean of every primitive, `[B, K, A]`.
    pub mean: Tensor<3>,
    /// The primitive chosen for learning, `[B]`, if any.
    pub chosen: Option<Tensor<1, Int>>,
}

impl MixtureBatch {
    /// Creates a mixture without chosen primitives. Detaches the tensors from the graph.
    pub fn new(log_weights: Tensor<2>, mean: &Tensor<3>) -> Self {
        Self { log_weights: log_weights.inner(), mean: mean.clone().inner(), chosen: None }
    }

    /// Sets the chosen primitive of every row, `[B]`.
    pub fn with_chosen(self, chosen: Tensor<1, Int>) -> Self {
        Self { chosen: Some(chosen), ..self }
    }

    /// Squashes the means by tanh, as in the actions.
    pub fn squashed(&self) -> Self {
        Self { mean: self.mean.clone().tanh(), ..self.clone() }
    }

    /// Computes usage, weights, entropies, distance and collapse of the primitives;
    /// `docs/metrics.md` describes each. Weights are normalised to sum to 1 in each row.
    ///
    /// A mixture has collapsed if one primitive has at least [`COLLAPSE_SHARE`] of the choices, or
    /// of the mean weight if no primitive is chosen.
    pub fn metrics(&self) -> Metrics {
        let [batch, num_primitives, action_dim] = self.mean.dims();
        let weights = host(softmax(self.log_weights.clone(), 1));
        let rows = || weights.chunks_exact(num_primitives);
        let mean_over_rows = |sum: f64| sum / batch as f64;
        let mean_weights: Vec<f64> =
            (0..num_primitives).map(|k| mean_over_rows(rows().map(|row| row[k]).sum())).collect();

        let mut metrics = Metrics::new();
        let mut shares = mean_weights.clone();
        if let Some(chosen) = &self.chosen {
            shares = usage(chosen, num_primitives);
            for (k, share) in shares.iter().enumerate() {
                metrics.insert(format!("primitive_usage_{k}"), *share);
            }
        }
        let collapsed = shares.iter().any(|share| COLLAPSE_SHARE <= *share);
        metrics.insert("collapsed".to_owned(), f64::from(u8::from(collapsed)));
        for (k, weight) in mean_weights.iter().enumerate() {
            metrics.insert(format!("weight_mean_{k}"), *weight);
        }
        let routing_entropy = mean_over_rows(rows().map(entropy).sum());
        metrics.insert("routing_entropy".to_owned(), routing_entropy);
        metrics.insert("effective_primitives".to_owned(), entropy(&mean_weights).exp());
        let information = routing_information(&weights, num_primitives);
        metrics.insert("routing_information".to_owned(), information);
        if let Some(distance) =
            smallest_distance(&host(self.mean.clone()), num_primitives, action_dim)
        {
            metrics.insert("primitive_distance".to_owned(), distance);
        }
        metrics
    }
}

/// Computes the mutual information of states and primitives in nats: how much the state tells about
/// the primitive. It is 0 if the weights are the same in every state, and log K if each state has a
/// primitive of its own and all are used alike; the effective number of primitives can't tell a
/// uniform router from such a sure one.
///
/// ```text
/// I(s; k) = H(mean_s w(s)) − mean_s H(w(s))
/// ```
///
/// # Shapes
/// - `weights`: `[B, K]`, row by row, each row with sum 1
pub fn routing_information(weights: &[f64], num_primitives: usize) -> f64 {
    let rows = || weights.chunks_exact(num_primitives);
    let mean = |sum: f64| sum / rows().len() as f64;
    let mean_weights: Vec<f64> =
        (0..num_primitives).map(|k| mean(rows().map(|row| row[k]).sum())).collect();
    // Never negative, except by rounding.
    (entropy(&mean_weights) - mean(rows().map(entropy).sum())).max(0.0)
}

fn host<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.try_into_vec_as::<f64>().expect("floats convert")
}

/// Computes the share of rows in which each primitive is chosen.
fn usage(chosen: &Tensor<1, Int>, num_primitives: usize) -> Vec<f64> {
    let chosen = chosen.try_to_vec_as::<i64>().expect("indices convert");
    let share = |k: usize| {
        let count = chosen.iter().filter(|&&index| index == k as i64).count();
        count as f64 / chosen.len() as f64
    };
    (0..num_primitives).map(share).collect()
}

/// Computes the entropy of a distribution, in nats.
fn entropy(weights: &[f64]) -> f64 {
    weights.iter().filter(|weight| 0.0 < **weight).map(|weight| -weight * weight.ln()).sum()
}

/// Computes the mean absolute difference between the means of the two closest primitives; `None`
/// with a single primitive.
fn smallest_distance(means: &[f64], num_primitives: usize, action_dim: usize) -> Option<f64> {
    let rows = || means.chunks_exact(num_primitives * action_dim);
    let of = |row: &'_ [f64], k: usize, a: usize| row[k * action_dim + a];
    let distance = |i: usize, j: usize| {
        let differences = rows()
            .flat_map(|row| (0..action_dim).map(move |a| (of(row, i, a) - of(row, j, a)).abs()));
        differences.sum::<f64>() * num_primitives as f64 / means.len() as f64
    };
    let pairs = (0..num_primitives).flat_map(|j| (0..j).map(move |i| (i, j)));
    pairs.map(|(i, j)| distance(i, j)).min_by(f64::total_cmp)
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    fn batch(weights: [[f32; 3]; 2], chosen: Option<[i64; 2]>) -> Metrics {
        let device = Device::flex();
        let log_weights = Tensor::<2>::from_data(weights, &device).log();
        // Means of one-dimensional primitives: |differences| (1, 2, 1) and (3, 6, 3) in the two rows.
        let mean = Tensor::from_data([[[0.0_f32], [1.0], [2.0]], [[1.0], [4.0], [7.0]]], &device);
        let batch = MixtureBatch::new(log_weights, &mean);
        match chosen {
            Some(chosen) => batch.with_chosen(Tensor::from_data(chosen, &device)).metrics(),
            None => batch.metrics(),
        }
    }

    fn assert_close(metrics: &Metrics, name: &str, expected: f64) {
        let found = metrics[name];
        assert!((found - expected).abs() < 1e-6, "{name}: {found} is not {expected}");
    }

    #[test]
    fn known_answer() {
        let metrics = batch([[0.5, 0.5, 0.0], [0.25, 0.5, 0.25]], Some([2, 1]));
        for (k, (usage, weight)) in [(0.0, 0.375), (0.5, 0.5), (0.5, 0.125)].into_iter().enumerate()
        {
            assert_close(&metrics, &format!("primitive_usage_{k}"), usage);
            assert_close(&metrics, &format!("weight_mean_{k}"), weight);
        }
        // Row entropies log 2 and 1.5 log 2; of the mean weights .375, .5, .125: .9743147528.
        assert_close(&metrics, "routing_entropy", 1.25 * 2.0_f64.ln());
        assert_close(&metrics, "effective_primitives", 0.974_314_752_8_f64.exp());
        assert_close(&metrics, "routing_information", 0.974_314_752_8 - 1.25 * 2.0_f64.ln());
        // The nearest pairs are (0, 1) and (1, 2): (1 + 3) / 2.
        assert_close(&metrics, "primitive_distance", 2.0);
        assert_close(&metrics, "collapsed", 0.0);
    }

    #[test]
    fn a_sure_router_tells_the_state_and_a_uniform_one_does_not() {
        let log = f64::ln;
        // Sure and balanced: log K. Uniform, sure of one primitive, half sure everywhere: 0.
        let sure = [[1.0, 0.0], [0.0, 1.0], [0.0, 1.0], [1.0, 0.0]].concat();
        assert!((routing_information(&sure, 2) - log(2.0)).abs() < 1e-15);
        for same in [[0.5, 0.5], [1.0, 0.0], [0.75, 0.25]] {
            assert!(routing_information(&same.repeat(4), 2) < 1e-15);
        }
        // Both use all primitives alike, so their effective numbers are 3.
        let three = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]].concat();
        assert!((routing_information(&three, 3) - log(3.0)).abs() < 1e-15);
        assert!(routing_information(&[1.0 / 3.0; 9], 3).abs() < 1e-15);
        // Rows (.9, .1) and (.1, .9): log 2 minus the entropy of (.9, .1).
        let between = routing_information(&[0.9, 0.1, 0.1, 0.9], 2);
        let expected = log(2.0) + 0.9 * log(0.9) + 0.1 * log(0.1);
        assert!((between - expected).abs() < 1e-15, "{between}");
    }

    #[test]
    fn weights_are_normalised_and_tanh_squashes() {
        let metrics = batch([[0.2, 0.2, 0.4], [0.2, 0.2, 0.4]], None);
        assert_close(&metrics, "weight_mean_2", 0.5);
        assert!(!metrics.contains_key("primitive_usage_0"));
        let mean = Tensor::<3>::from_data([[[0.5_f32], [-0.5]]], &Device::flex());
        let batch = MixtureBatch::new(Tensor::zeros([1, 2], &Device::flex()), &mean);
        assert_close(&batch.squashed().metrics(), "primitive_distance", 2.0 * 0.5_f64.tanh());
    }

    #[test]
    fn one_primitive_that_does_nearly_all_is_a_collapse() {
        let even = [[1.0 / 3.0; 3]; 2];
        assert_close(&batch(even, Some([1, 1])), "collapsed", 1.0);
        assert_close(&batch(even, Some([1, 2])), "collapsed", 0.0);
        // Nothing is chosen, so the mean weights decide: .995 and .985.
        assert_close(&batch([[0.01, 0.99, 0.0], [0.0, 1.0, 0.0]], None), "collapsed", 1.0);
        assert_close(&batch([[0.01, 0.99, 0.0], [0.02, 0.98, 0.0]], None), "collapsed", 0.0);
    }

    #[test]
    fn a_single_primitive_has_no_distance() {
        let mean = Tensor::<3>::from_data([[[0.5_f32, 1.0]]], &Device::flex());
        let metrics = MixtureBatch::new(Tensor::zeros([1, 1], &Device::flex()), &mean).metrics();
        assert!(!metrics.contains_key("primitive_distance"));
        assert_close(&metrics, "effective_primitives", 1.0);
        assert_close(&metrics, "routing_information", 0.0);
    }
}
