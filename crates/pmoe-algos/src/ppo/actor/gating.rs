//! The gating operation on PPO: experts blended into one Gaussian.
//!
//! The paper uses it as a baseline for SAC (its eqs. 14–16), after Jacobs et al., "Adaptive
//! Mixtures of Local Experts", 1991. The version for PPO is not in the paper; it is here for
//! comparison. The policy is unimodal, whatever the number of experts.

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::{Device, Tensor, activation::log_softmax};
use pmoe_core::dist::{BlendVariance, Normal, gated};
use pmoe_core::fused::{Activation, linear_act};
use pmoe_core::nn::{Mlp, linear};
use pmoe_envs::Rng;

use super::MeanHead;
use crate::layers::Layer;
use crate::policy::{LogStd, MixtureBatch, RoutedNet, RoutingInput};
use crate::ppo::{GatingConfig, NetConfig};

/// K Gaussians on one trunk, blended into one by a softmax gate.
#[derive(Module, Debug)]
pub struct GatingActor {
    /// `O → hidden`, with the nonlinearity after every layer.
    pub trunk: Mlp,
    /// `hidden → K·A`
    pub mean: MeanHead,
    /// `hidden → K·A`
    pub log_std: Linear,
    /// `hidden → K`
    pub gate: Linear,
    #[module(skip)]
    pub(crate) num_primitives: usize,
    #[module(skip)]
    pub(crate) limits: LogStd,
    #[module(skip)]
    variance: BlendVariance,
}

impl GatingActor {
    /// Creates a policy for observations of length `obs_dim`.
    pub fn new(
        config: &GatingConfig,
        net: &NetConfig,
        obs_dim: usize,
        action_dim: usize,
        rng: &mut Rng,
        gate_rng: &mut Rng,
        device: &Device,
    ) -> Self {
        let sizes = [&[obs_dim], &net.hidden[..]].concat();
        let (features, num_primitives) = (sizes[sizes.len() - 1], config.num_primitives);
        let outputs = num_primitives * action_dim;
        Self {
            trunk: net.style().trunk(&sizes, rng, device),
            mean: MeanHead::new(net, outputs, rng, device),
            log_std: net.mean_init().linear(features, outputs, rng, device),
            gate: linear(features, num_primitives, gate_rng, device),
            num_primitives,
            limits: config.log_std,
            variance: config.variance.into(),
        }
    }

    /// Returns the layers of [`GatingActor::new`].
    pub(crate) fn layers(
        config: &GatingConfig,
        net: &NetConfig,
        obs_dim: usize,
        action_dim: usize,
    ) -> Vec<Layer> {
        let input = RoutingInput::Trunk;
        RoutedNet::layers(obs_dim, action_dim, &net.hidden, config.num_primitives, input)
    }

    /// Computes the action distribution at every state from its features, `[B, H]`, and its
    /// experts.
    pub fn distribution(&self, features: Tensor<2>) -> (Normal, MixtureBatch) {
        let mean = self.mean.forward(features.clone());
        let log_std = linear_act(features.clone(), &self.log_std, Activation::Identity);
        let log_weights = log_softmax(linear_act(features, &self.gate, Activation::Identity), 1);
        let [batch, width] = mean.dims();
        let shape = [batch, self.num_primitives, width / self.num_primitives];
        let (mean, log_std) = (mean.reshape(shape), self.limits.apply(log_std).reshape(shape));
        let experts = MixtureBatch::new(log_weights.clone(), &mean);
        let (mean, log_std) = gated(log_weights, mean, log_std, self.variance);
        (Normal { mean, log_std }, experts)
    }
}
