//! The gating operation on SAC: experts blended into one squashed Gaussian.
//!
//! The paper's baseline "gating operation" (its eqs. 14–16), after Jacobs et al., "Adaptive
//! Mixtures of Local Experts", 1991. The policy is unimodal, whatever the number of experts.
//!
//! # Deviations
//! - The paper prints `Σ w σ²` for the variance of `Σ w u`, which is `Σ w² σ²` for independent
//!   samples (`variance = "exact"`).
//! - The paper does not describe the networks. Here they are those of PMOE-SAC, with the gate's
//!   gradient flowing into the trunk.

use burn::module::Module;
use burn::tensor::Tensor;
use pmoe_core::dist::{BlendVariance, Mixture, TanhNormal, gated};

use crate::policy::{MixtureBatch, NetSpec, RoutedNet, RoutingInput};
use crate::sac::GatingConfig;

/// K Gaussians that a softmax gate blends into one before squashing.
#[derive(Module, Debug)]
pub struct GatingActor {
    /// Trunk, heads and gate.
    pub net: RoutedNet,
    #[module(skip)]
    variance: BlendVariance,
}

impl GatingActor {
    /// Creates an untrained policy.
    pub fn new(config: &GatingConfig, spec: &NetSpec<'_>) -> Self {
        let net = RoutedNet::new(spec, config.num_primitives, RoutingInput::Trunk);
        Self { net, variance: config.variance.into() }
    }

    /// Computes gate and experts at every state of `obs`, `[B, O]`.
    pub fn experts(&self, obs: Tensor<2>) -> Mixture {
        self.net.forward(obs)
    }

    /// Computes the action distribution at every state, `[B, A]`, from `obs`, `[B, O]`, and its
    /// experts.
    pub fn distribution(&self, obs: Tensor<2>) -> (TanhNormal, MixtureBatch) {
        let experts = self.experts(obs);
        let log_weights = experts.log_weights();
        let batch = MixtureBatch::new(log_weights.clone(), &experts.mean);
        let Mixture { mean, log_std, .. } = experts;
        let (mean, log_std) = gated(log_weights, mean, log_std, self.variance);
        (TanhNormal { mean, log_std }, batch)
    }
}
