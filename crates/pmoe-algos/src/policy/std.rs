//! State-independent standard deviations.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, activation::softplus};
use pmoe_core::nn::parameter;
use pmoe_envs::Rng;
use serde::{Deserialize, Serialize};

use crate::range::{ConfigError, positive};

/// A state-independent standard deviation: a function of a trainable parameter.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum StdConfig {
    /// exp of the parameter.
    Exp {
        /// Initial value, positive.
        initial: f64,
    },
    /// log(1 + exp(·)) of the parameter.
    Softplus {
        /// Initial value, positive.
        initial: f64,
    },
}

impl StdConfig {
    pub(crate) fn validate(&self, key: &str) -> Result<(), ConfigError> {
        match *self {
            Self::Exp { initial } => positive(&format!("{key}.exp.initial"), initial),
            Self::Softplus { initial } => positive(&format!("{key}.softplus.initial"), initial),
        }
    }
}

/// State-independent, trainable standard deviations.
#[derive(Module, Debug)]
pub struct StdParam {
    /// `[K, A]`
    pub value: Param<Tensor<2>>,
    #[module(skip)]
    is_softplus: bool,
}

impl StdParam {
    /// Creates the deviations of `num_primitives` primitives, all with the same initial value.
    pub fn new(
        config: StdConfig,
        num_primitives: usize,
        action_dim: usize,
        rng: &mut Rng,
        device: &Device,
    ) -> Self {
        let shape = [num_primitives, action_dim];
        let (is_softplus, initial) = match config {
            StdConfig::Exp { initial } => (false, initial.ln()),
            // The solution of log(1 + eˣ) = σ is x = log(e^σ − 1).
            StdConfig::Softplus { initial } => (true, initial.exp_m1().ln()),
        };
        let values = vec![initial as f32; num_primitives * action_dim];
        Self { value: parameter(shape, |_| values, rng, device), is_softplus }
    }

    /// Returns the logarithm of the deviations, `[K, A]`.
    pub fn log_std(&self) -> Tensor<2> {
        let value = self.value.val();
        if self.is_softplus { softplus(value, 1.0).log() } else { value }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn deviations_start_as_configured() {
        let device = Device::flex().autodiff();
        for initial in [0.05, std::f64::consts::LN_2, 1.0, 3.0] {
            for config in [StdConfig::Exp { initial }, StdConfig::Softplus { initial }] {
                let std = StdParam::new(config, 2, 3, &mut Rng::seed_from_u64(0), &device);
                let found = std.log_std().exp().inner().try_into_vec_as::<f32>().unwrap();
                assert_eq!(found.len(), 6);
                assert!(found.iter().all(|std| (f64::from(*std) - initial).abs() < 1e-6));
            }
        }
    }
}
