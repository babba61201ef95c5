//! The policy of plain PPO.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use pmoe_core::dist::Normal;
use pmoe_core::nn::Mlp;
use pmoe_envs::Rng;

use super::MeanHead;
use crate::layers::{Layer, mlp};
use crate::policy::{StdConfig, StdParam};
use crate::ppo::NetConfig;

/// One Gaussian whose mean depends on the state.
#[derive(Module, Debug)]
pub struct GaussianActor {
    /// `O → hidden`, with the nonlinearity after every layer.
    pub trunk: Mlp,
    /// `hidden → A`
    pub mean: MeanHead,
    /// `[1, A]`
    pub std: StdParam,
}

impl GaussianActor {
    /// Creates a policy for observations of length `obs_dim`.
    pub fn new(
        net: &NetConfig,
        std: StdConfig,
        obs_dim: usize,
        action_dim: usize,
        rng: &mut Rng,
        device: &Device,
    ) -> Self {
        let sizes = [&[obs_dim], &net.hidden[..]].concat();
        Self {
            trunk: net.style().trunk(&sizes, rng, device),
            mean: MeanHead::new(net, action_dim, rng, device),
            std: StdParam::new(std, 1, action_dim, rng, device),
        }
    }

    /// Returns the layers of [`GaussianActor::new`].
    pub(crate) fn layers(net: &NetConfig, obs_dim: usize, action_dim: usize) -> Vec<Layer> {
        mlp(obs_dim, &net.hidden, action_dim)
    }

    /// Computes the action distribution at every state from its features, `[B, H]`.
    pub fn distribution(&self, features: Tensor<2>) -> Normal {
        Normal { mean: self.mean.forward(features), log_std: self.std.log_std() }
    }
}
