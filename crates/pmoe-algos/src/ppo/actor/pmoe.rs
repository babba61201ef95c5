//! The policy of PMOE-PPO: a mixture of Gaussians with a learnt router.
//!
//! Ren et al., "Probabilistic Mixture-of-Experts for Efficient Deep Reinforcement Learning".
//!
//! # Equations
//! | code | source | formula |
//! |---|---|---|
//! | [`PmoeActor::mixture`] | eqs. 1–3 | π(a\|s) = Σ_k w_k(s) N_k(a\|s) |
//! | [`routing_loss`] | eqs. 6–7 | Σ_k (onehot(j)_k − w_k)², j = argmax_k Q(s, a_k), a_k ~ N_k |
//!
//! # Deviations
//! - PPO has no Q, and the paper does not say which primitive is the best one there. As in the
//!   co-author's code, a Q-network is fitted to the returns, and judges an action of each primitive.
//! - That network has an optimiser of its own and no part in the clipped gradient norm, so that with one
//!   primitive PMOE-PPO is PPO; the co-author's code clips both together.
//! - The paper does not say how the deviations are made: here they are parameters.

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::{Device, Int, Tensor, activation::softmax};
use pmoe_core::dist::NormalMixture;
use pmoe_core::fused::{Activation, linear_act};
use pmoe_core::loss::{best_primitive, frequency_loss};
use pmoe_core::nn::{Mlp, linear};
use pmoe_core::noise::Rng;

use super::{MeanHead, StdParam};
use crate::ppo::{ActionValue, NetConfig, PmoeConfig};
use crate::sac::RoutingInput;

/// K Gaussians on one trunk, and the router that weighs them.
#[derive(Module, Debug)]
pub struct PmoeActor {
    /// `O → hidden`, the nonlinearity after every layer.
    pub trunk: Mlp,
    /// `hidden → K·A`
    pub mean: MeanHead,
    /// `[K, A]`
    pub std: StdParam,
    /// `hidden → K`, or `O → K` where the router reads the observation.
    pub router: Linear,
    #[module(skip)]
    num_primitives: usize,
}

impl PmoeActor {
    /// A policy for observations of `obs_dim` numbers.
    ///
    /// With one primitive, all but the router is as in [`GaussianActor`](super::GaussianActor) drawn
    /// from the same `rng`.
    pub fn new(
        config: &PmoeConfig,
        net: &NetConfig,
        obs_dim: usize,
        action_dim: usize,
        rng: &mut Rng,
        router_rng: &mut Rng,
        device: &Device,
    ) -> Self {
        let sizes = [&[obs_dim], &net.hidden[..]].concat();
        let num_primitives = config.num_primitives;
        let router_input = match config.routing_input {
            RoutingInput::TrunkSg | RoutingInput::Trunk => sizes[sizes.len() - 1],
            RoutingInput::Obs => obs_dim,
        };
        Self {
            trunk: net.style().trunk(&sizes, rng, device),
            mean: MeanHead::new(net, num_primitives * action_dim, rng, device),
            std: StdParam::new(config.std, num_primitives, action_dim, rng, device),
            router: linear(router_input, num_primitives, router_rng, device),
            num_primitives,
        }
    }

    /// Number K of primitives.
    pub fn num_primitives(&self) -> usize {
        self.num_primitives
    }

    /// The policy at every state of `obs`, `[B, O]`, with their features, `[B, H]`.
    pub fn mixture(
        &self,
        routing_input: RoutingInput,
        obs: Tensor<2>,
        features: Tensor<2>,
    ) -> NormalMixture {
        let router_input = match routing_input {
            RoutingInput::TrunkSg => features.clone().inner(),
            RoutingInput::Trunk => features.clone(),
            RoutingInput::Obs => obs,
        };
        let mean = self.mean.forward(features);
        let [batch, width] = mean.dims();
        let shape = [batch, self.num_primitives, width / self.num_primitives];
        NormalMixture {
            router_logits: linear_act(router_input, &self.router, Activation::Identity),
            mean: mean.reshape(shape),
            log_std: self.std.log_std().unsqueeze_dim(0),
        }
    }
}

/// Squared distance of the router's weights from the one-hot choice of the primitive whose action the
/// Q-network values most, `[1]`, and that choice, `[B]`.
///
/// # Shapes
/// - `obs`: `[B, O]`; `noise`: `[B·K, A]`, standard normal, for one action of each primitive
///
/// # Gradients
/// Flow into the router's logits alone; hand in `q.valid()`.
///
/// # Source
/// PMOE paper, eqs. 6–7.
pub fn routing_loss(
    config: &PmoeConfig,
    mixture: &NormalMixture,
    q: &ActionValue,
    obs: Tensor<2>,
    noise: Tensor<2>,
) -> (Tensor<1>, Tensor<1, Int>) {
    let action = mixture.constant().primitives().rsample(noise);
    let best = best_primitive(q.of_actions(obs, action));
    let weights = softmax(mixture.router_logits.clone(), 1);
    (frequency_loss(weights, &best, config.freq_reduction.into()), best)
}
