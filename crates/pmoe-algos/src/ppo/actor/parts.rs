//! Building blocks of the policies.

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::{Device, Tensor};
use pmoe_core::fused::{Activation, linear_act};
use pmoe_core::nn::Nonlinearity;
use pmoe_envs::Rng;

use crate::ppo::{MeanOutput, NetConfig};

/// The output layer of means, and the function applied to it.
#[derive(Module, Debug)]
pub struct MeanHead {
    /// `hidden → K·A`
    pub layer: Linear,
    #[module(skip)]
    pub(crate) output: MeanOutput,
}

impl MeanHead {
    /// Creates a layer from the last hidden layer of `config` to `width` outputs.
    pub fn new(config: &NetConfig, width: usize, rng: &mut Rng, device: &Device) -> Self {
        let features = config.hidden[config.hidden.len() - 1];
        let layer = config.mean_init().linear(features, width, rng, device);
        Self { layer, output: config.mean_output }
    }

    /// Computes means, `[B, K·A]`, from features, `[B, H]`.
    pub fn forward(&self, features: Tensor<2>) -> Tensor<2> {
        match self.output {
            MeanOutput::Identity => linear_act(features, &self.layer, Activation::Identity),
            MeanOutput::Tanh => Nonlinearity::Tanh.layer(features, &self.layer),
        }
    }
}
