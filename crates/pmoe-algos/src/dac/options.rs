//! The options of a rollout.

use std::collections::BTreeMap;

use burn::tensor::{Device, Int, Tensor, TensorData};
use serde::{Deserialize, Serialize};

use super::Previous;
use crate::policy::routing_information;

/// The options at the steps of a rollout.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Options {
    /// Active option, `[T]`.
    pub(super) option: Vec<usize>,
    /// Previous option; `None` where an episode begins, `[T]`.
    pub(super) previous: Vec<Option<usize>>,
}

impl Options {
    /// Returns the options at some steps, and the previous ones.
    pub(super) fn tensors(&self, rows: &[usize], device: &Device) -> (Tensor<1, Int>, Previous) {
        let int = |values: Vec<i64>| {
            let shape = [values.len()];
            Tensor::from_data(TensorData::new(values, shape), device)
        };
        let previous = || rows.iter().map(|row| self.previous[*row]);
        let is_first: Vec<bool> = previous().map(|option| option.is_none()).collect();
        (
            int(rows.iter().map(|row| self.option[*row] as i64).collect()),
            Previous {
                option: int(previous().map(|option| option.unwrap_or(0) as i64).collect()),
                is_first: Tensor::from_data(is_first.as_slice(), device),
            },
        )
    }

    /// Computes the effective number of options: exp of the entropy of their usage.
    pub(super) fn effective(&self, num_options: usize) -> f64 {
        let steps = self.option.len() as f64;
        let share = |option| self.option.iter().filter(|&&o| o == option).count() as f64 / steps;
        let entropy = (0..num_options).map(share).filter(|&share| share > 0.0);
        entropy.map(|share| -share * share.ln()).sum::<f64>().exp()
    }

    /// Computes the mutual information of state and option given the previous option, in nats: how
    /// much the state tells about the choice, apart from what the previous option tells, which acts
    /// on until it ends.
    ///
    /// ```text
    /// I(s; o | o') = Σ_{o'} p(o') ( H(mean_s π^H(·|o', s)) − mean_s H(π^H(·|o', s)) )
    /// ```
    ///
    /// Means are over the steps with that previous option; those without one count as one more.
    ///
    /// # Shapes
    /// - `probs`: `[T · K]`, π^H at the steps
    pub(super) fn information(&self, probs: &[f32]) -> f64 {
        let steps = self.previous.len();
        let num_options = probs.len() / steps;
        let mut of_previous: BTreeMap<Option<usize>, Vec<f64>> = BTreeMap::new();
        for (previous, probs) in self.previous.iter().zip(probs.chunks_exact(num_options)) {
            let rows = of_previous.entry(*previous).or_default();
            rows.extend(probs.iter().map(|p| f64::from(*p)));
        }
        let weighted = |rows: Vec<f64>| {
            let share = (rows.len() / num_options) as f64 / steps as f64;
            share * routing_information(&rows, num_options)
        };
        of_previous.into_values().map(weighted).sum()
    }

    /// Computes how often the option changes, as a fraction of the steps after an episode's first.
    pub(super) fn switch_fraction(&self) -> f64 {
        let pairs = || {
            let pairs = self.option.iter().zip(&self.previous);
            pairs.filter_map(|(option, previous)| previous.map(|previous| previous != *option))
        };
        pairs().filter(|&differs| differs).count() as f64 / pairs().count().max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_state_tells_is_apart_from_what_the_previous_option_tells() {
        let information = |previous: [Option<usize>; 4], probs: [f32; 8]| {
            Options { option: vec![0; 4], previous: previous.to_vec() }.information(&probs)
        };
        let (sure, other) = ([1.0, 0.0], [0.0, 1.0]);
        let half = [Some(0), Some(1)];
        // The state decides in every step.
        let by_state = [sure, other, other, sure].as_flattened().try_into().unwrap();
        let previous = [half[0], half[0], half[1], half[1]];
        assert!((information(previous, by_state) - 2.0_f64.ln()).abs() < 1e-12);
        // Options that never end: all is known from the previous one.
        let persistent = [sure, sure, other, other].as_flattened().try_into().unwrap();
        assert!(information(previous, persistent).abs() < 1e-12);
        // It decides where an episode begins, half of the steps.
        let at_first = [sure, other, other, other].as_flattened().try_into().unwrap();
        let previous = [None, None, half[1], half[1]];
        assert!((information(previous, at_first) - 0.5 * 2.0_f64.ln()).abs() < 1e-12);
    }
}
