//! A number computed from several values, and its uncertainty.

use crate::bootstrap::{Bootstrap, Interval};

/// A number with its interval and the values behind it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Estimate {
    /// The mean of the values, or another statistic.
    pub value: f64,
    /// Bootstrap interval; `None` where the spread is unknown, as for a single run.
    pub interval: Option<Interval>,
    /// One value per run; empty if the number comes from more than one list of values.
    pub values: Vec<f64>,
}

impl Estimate {
    /// Computes the mean of the values, or `None` without any.
    #[must_use]
    pub fn mean(values: Vec<f64>, bootstrap: &Bootstrap) -> Option<Self> {
        let value = mean(&values)?;
        let interval = bootstrap.mean(&values);
        Some(Self { value, interval, values })
    }

    /// Creates an estimate of a statistic of more than one list of values.
    #[must_use]
    pub fn statistic(value: f64, interval: Option<Interval>) -> Self {
        Self { value, interval, values: Vec::new() }
    }

    /// Divides this mean by a reference mean.
    ///
    /// Returns `None` if the reference is not clearly above zero, since the ratio is meaningless
    /// then: if its mean or the lower end of its interval is at most zero, or if it is below a
    /// hundredth of this mean.
    #[must_use]
    pub fn over(&self, reference: &Self, bootstrap: &Bootstrap) -> Option<Self> {
        let low = reference.interval.map_or(reference.value, |interval| interval.low);
        if reference.value.min(low) <= 0.0 || reference.value < self.value.abs() / 100.0 {
            return None;
        }
        let interval = bootstrap.ratio(&self.values, &reference.values);
        Some(Self::statistic(self.value / reference.value, interval))
    }
}

/// Computes the mean of the values, or `None` without any.
#[must_use]
pub fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOOTSTRAP: Bootstrap = Bootstrap { resamples: 200, level: 0.95, seed: 0 };

    #[test]
    fn a_mean_needs_a_value_and_an_interval_two() {
        assert_eq!(Estimate::mean(Vec::new(), &BOOTSTRAP), None);
        let one = Estimate::mean(vec![3.0], &BOOTSTRAP).unwrap();
        assert_eq!((one.value, one.interval, one.values.as_slice()), (3.0, None, [3.0].as_slice()));
        let two = Estimate::mean(vec![1.0, 3.0], &BOOTSTRAP).unwrap();
        assert_eq!((two.value, two.interval), (2.0, Some(Interval { low: 1.0, high: 3.0 })));
    }

    #[test]
    fn a_ratio_needs_a_reference_clearly_above_zero() {
        let estimate = |values: &[f64]| Estimate::mean(values.to_vec(), &BOOTSTRAP).unwrap();
        let method = estimate(&[20.0, 40.0]);
        let over = |reference: &[f64]| method.over(&estimate(reference), &BOOTSTRAP);
        let interval = BOOTSTRAP.ratio(&[20.0, 40.0], &[10.0, 20.0]);
        assert!(interval.is_some());
        assert_eq!(over(&[10.0, 20.0]), Some(Estimate::statistic(2.0, interval)));
        assert_eq!(over(&[10.0]), Some(Estimate::statistic(3.0, None)));
        assert_eq!(over(&[-10.0, -20.0]), None);
        assert_eq!(over(&[0.0]), None);
        assert_eq!(over(&[-1.0, 50.0]), None); // its interval reaches below zero
        assert_eq!(over(&[0.2, 0.3]), None); // 12 000 % of next to nothing
    }
}
