//! The moving-average baseline of REINFORCE.

use crate::checkpoint::{CheckpointError, Files};

const FILE: &str = "baseline.json";

/// An exponential moving average of scalars, initialised with the first one.
#[derive(Debug, Clone)]
pub(super) struct MovingAverage {
    decay: f64,
    value: Option<f64>,
}

impl MovingAverage {
    /// Creates an empty average. Each step multiplies it by `decay`, in [0, 1).
    pub(super) fn new(decay: f64) -> Self {
        Self { decay, value: None }
    }

    /// Returns the average so far, or 0 before the first scalar.
    pub(super) fn value(&self) -> f64 {
        self.value.unwrap_or(0.0)
    }

    /// Adds a scalar.
    pub(super) fn follow(&mut self, scalar: f64) {
        let before = self.value.unwrap_or(scalar);
        self.value = Some(self.decay * before + (1.0 - self.decay) * scalar);
    }

    pub(super) fn save(&self, files: &mut Files<'_>) {
        // Stored as bits, because decimals may lose some.
        files.insert_json(FILE, &self.value.map(f64::to_bits));
    }

    pub(super) fn load(&mut self, files: &Files<'_>) -> Result<(), CheckpointError> {
        self.value = files.get_json::<Option<u64>>(FILE)?.map(f64::from_bits);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        let mut average = MovingAverage::new(0.75);
        let close = |found: f64, expected: f64| assert!((found - expected).abs() < 1e-15);
        close(average.value(), 0.0);
        // 4; .75·4 + .25·8 = 5; .75·5 + .25·(−1) = 3.5.
        for (scalar, expected) in [(4.0, 4.0), (8.0, 5.0), (-1.0, 3.5)] {
            average.follow(scalar);
            close(average.value(), expected);
        }
    }

    #[test]
    fn a_restored_average_has_the_same_bits() {
        let mut average = MovingAverage::new(0.9);
        [0.1, 1.0 / 3.0, -7e9].iter().for_each(|&scalar| average.follow(scalar));
        let mut files = Files::default();
        average.save(&mut files);
        let mut restored = MovingAverage::new(0.9);
        restored.load(&files).unwrap();
        assert_eq!(restored.value().to_bits(), average.value().to_bits());
    }
}
