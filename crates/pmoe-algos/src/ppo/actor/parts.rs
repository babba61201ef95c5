//! What the policies are made of.

use burn::module::{Module, Param};
use burn::nn::Linear;
use burn::tensor::{Device, Tensor, activation::softplus};
use pmoe_core::fused::{Activation, linear_act};
use pmoe_core::nn::{Nonlinearity, parameter};
use pmoe_core::noise::Rng;

use crate::ppo::{MeanOutput, NetConfig, StdConfig};

/// The layer that gives means, and what follows it.
#[derive(Module, Debug)]
pub struct MeanHead {
    /// `hidden → K·A`
    pub layer: Linear,
    #[module(skip)]
    output: MeanOutput,
}

impl MeanHead {
    /// A layer from the last hidden layer of `config` to `width` numbers.
    pub fn new(config: &NetConfig, width: usize, rng: &mut Rng, device: &Device) -> Self {
        let features = config.hidden[config.hidden.len() - 1];
        let layer = config.mean_init().linear(features, width, rng, device);
        Self { layer, output: config.mean_output }
    }

    /// Means, `[B, K·A]`, from features, `[B, H]`.
    pub fn forward(&self, features: Tensor<2>) -> Tensor<2> {
        match self.output {
            MeanOutput::Identity => linear_act(features, &self.layer, Activation::Identity),
            MeanOutput::Tanh => Nonlinearity::Tanh.layer(features, &self.layer),
        }
    }
}

/// Standard deviations that are parameters.
#[derive(Module, Debug)]
pub struct StdParam {
    /// `[K, A]`
    pub value: Param<Tensor<2>>,
    #[module(skip)]
    is_softplus: bool,
}

impl StdParam {
    /// Deviations of `num_primitives` primitives, all equal at the start.
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
            // log(1 + eˣ) = σ has the solution x = log(e^σ − 1).
            StdConfig::Softplus { initial } => (true, initial.exp_m1().ln()),
        };
        let values = vec![initial as f32; num_primitives * action_dim];
        Self { value: parameter(shape, |_| values, rng, device), is_softplus }
    }

    /// Logarithm of the deviations, `[K, A]`.
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
