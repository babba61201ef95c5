//! The options of a rollout.

use burn::tensor::{Device, Int, Tensor, TensorData};
use serde::{Deserialize, Serialize};

use super::Previous;

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

    /// Computes how often the option changes, as a fraction of the steps after an episode's first.
    pub(super) fn switch_fraction(&self) -> f64 {
        let pairs = || {
            let pairs = self.option.iter().zip(&self.previous);
            pairs.filter_map(|(option, previous)| previous.map(|previous| previous != *option))
        };
        pairs().filter(|&differs| differs).count() as f64 / pairs().count().max(1) as f64
    }
}
