//! Limits of log standard deviations.

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use crate::range::ConfigError;

/// How log standard deviations are limited.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum LogStd {
    /// Clamped to [low, high], with zero gradient outside: Spinning Up, the authors' release.
    Clamp(f64, f64),
    /// Squashed into (low, high) by tanh: CleanRL.
    Tanh(f64, f64),
}

impl LogStd {
    /// Limits a network's output.
    pub(crate) fn apply<const D: usize>(self, x: Tensor<D>) -> Tensor<D> {
        match self {
            Self::Clamp(low, high) => x.clamp(low, high),
            Self::Tanh(low, high) => {
                x.tanh().add_scalar(1.0).mul_scalar(0.5 * (high - low)).add_scalar(low)
            }
        }
    }

    /// Clamps log standard deviations to the limits, with zero gradient outside. Those that
    /// [`LogStd::apply`] returned stay as they are.
    pub(crate) fn clamp<const D: usize>(self, log_std: Tensor<D>) -> Tensor<D> {
        let (Self::Clamp(low, high) | Self::Tanh(low, high)) = self;
        log_std.clamp(low, high)
    }

    pub(crate) fn validate(self, key: &str) -> Result<(), ConfigError> {
        let (kind, low, high) = match self {
            Self::Clamp(low, high) => ("clamp", low, high),
            Self::Tanh(low, high) => ("tanh", low, high),
        };
        if low < high && low.is_finite() && high.is_finite() {
            return Ok(());
        }
        Err(ConfigError::Range {
            key: format!("{key}.{kind}"),
            value: format!("[{low}, {high}]"),
            allowed: "two finite numbers, the smaller first".to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    #[test]
    fn limits_of_the_log_deviation_by_hand() {
        let x = Tensor::<1>::from_data([-30.0_f32, 0.5, 30.0], &Device::flex());
        let values = |limits: LogStd| limits.apply(x.clone()).try_to_vec_as::<f32>().unwrap();
        assert_eq!(values(LogStd::Clamp(-20.0, 2.0)), [-20.0, 0.5, 2.0]);
        // −5 + 3.5 (tanh x + 1)
        let middle = -5.0 + 3.5 * (0.5_f32.tanh() + 1.0);
        for (found, expected) in values(LogStd::Tanh(-5.0, 2.0)).iter().zip([-5.0, middle, 2.0]) {
            assert!((found - expected).abs() < 1e-6, "{found} is not {expected}");
        }
        for limits in [LogStd::Clamp(-5.0, 2.0), LogStd::Tanh(-5.0, 2.0)] {
            let clamped = limits.clamp(x.clone()).try_to_vec_as::<f32>().unwrap();
            assert_eq!(clamped, [-5.0, 0.5, 2.0]);
        }
    }
}
