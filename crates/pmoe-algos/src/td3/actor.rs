//! The policy of TD3.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use pmoe_core::nn::Mlp;
use pmoe_envs::Rng;

use crate::layers::{Layer, mlp};
use crate::policy::Init;

/// A deterministic map from states to actions.
#[derive(Module, Debug)]
pub struct DeterministicActor {
    /// `O → hidden → A`, ReLU, before tanh.
    pub net: Mlp,
}

impl DeterministicActor {
    /// Creates a policy with initial parameters from `rng`.
    pub fn new(
        obs_dim: usize,
        action_dim: usize,
        hidden: &[usize],
        init: Init,
        rng: &mut Rng,
        device: &Device,
    ) -> Self {
        let sizes = [&[obs_dim], hidden, &[action_dim]].concat();
        Self { net: init.hidden().network(&sizes, init.policy_head(), rng, device) }
    }

    /// Returns the layers of [`DeterministicActor::new`].
    pub(super) fn layers(obs_dim: usize, action_dim: usize, hidden: &[usize]) -> Vec<Layer> {
        mlp(obs_dim, hidden, action_dim)
    }

    /// Computes actions, `[B, A]`, in (-1, 1), at `obs`, `[B, O]`.
    pub fn forward(&self, obs: Tensor<2>) -> Tensor<2> {
        self.net.forward(obs).tanh()
    }
}
