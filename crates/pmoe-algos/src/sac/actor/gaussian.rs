//! The policy of plain SAC.

use burn::module::Module;
use burn::tensor::Tensor;
use pmoe_core::dist::TanhNormal;

use crate::policy::{NetSpec, PrimitiveNet, PrimitiveOutputs};
use crate::seed::{Stream, stream};

/// One squashed Gaussian whose mean and standard deviation depend on the state.
#[derive(Module, Debug)]
pub struct GaussianActor {
    /// Trunk and heads.
    pub net: PrimitiveNet,
}

impl GaussianActor {
    /// Creates an untrained policy.
    pub fn new(spec: &NetSpec<'_>) -> Self {
        let mut rng = stream(spec.seed, Stream::ActorInit);
        Self { net: PrimitiveNet::new(spec, &spec.trunk(), 1, &mut rng) }
    }

    /// Computes the action distribution at every state, `[B, A]`, from `obs`, `[B, O]`.
    pub fn distribution(&self, obs: Tensor<2>) -> TanhNormal {
        let PrimitiveOutputs { mean, log_std, .. } = self.net.forward(obs);
        TanhNormal { mean, log_std }
    }
}
