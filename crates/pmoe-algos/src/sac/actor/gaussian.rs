//! The policy of plain SAC.

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::{Device, Tensor};
use pmoe_core::dist::TanhNormal;
use pmoe_core::fused::{Activation, linear_act};
use pmoe_core::loss::backpropagate_max_loss;
use pmoe_core::nn::{Mlp, linear};
use pmoe_core::noise::Rng;

use super::{ActorLoss, LOG_STD_LIMITS};
use crate::sac::TwinCritic;

/// One squashed Gaussian whose mean and standard deviation depend on the state.
#[derive(Module, Debug)]
pub struct GaussianActor {
    /// `O → hidden`, ReLU after every layer.
    pub trunk: Mlp,
    /// `hidden → A`
    pub mean: Linear,
    /// `hidden → A`
    pub log_std: Linear,
}

impl GaussianActor {
    /// A policy for observations of `sizes[0]` numbers with hidden layers `sizes[1..]`.
    pub fn new(sizes: &[usize], action_dim: usize, rng: &mut Rng, device: &Device) -> Self {
        let features = sizes[sizes.len() - 1];
        Self {
            trunk: Mlp::trunk(sizes, rng, device),
            mean: linear(features, action_dim, rng, device),
            log_std: linear(features, action_dim, rng, device),
        }
    }

    /// The action distribution of every state, `[B, A]`, from `obs`, `[B, O]`.
    pub fn distribution(&self, obs: Tensor<2>) -> TanhNormal {
        let features = self.trunk.forward(obs);
        let (low, high) = LOG_STD_LIMITS;
        TanhNormal {
            mean: linear_act(features.clone(), &self.mean, Activation::Identity),
            log_std: linear_act(features, &self.log_std, Activation::Identity).clamp(low, high),
        }
    }

    /// SAC's actor loss: `mean_b ( α log π(a|s) − min_i Q_i(s, a) )`, `a` drawn with `noise`, `[B, A]`.
    pub fn loss(
        &self,
        critic: &TwinCritic,
        obs: Tensor<2>,
        alpha: f64,
        noise: Tensor<2>,
    ) -> ActorLoss {
        let sample = self.distribution(obs.clone()).rsample(noise);
        let q = critic.min(obs, sample.action);
        ActorLoss {
            log_prob: sample.log_prob.clone().inner(),
            loss: backpropagate_max_loss(alpha, sample.log_prob, q),
            mixture: None,
        }
    }
}
