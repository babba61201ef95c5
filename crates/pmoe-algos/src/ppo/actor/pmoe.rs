//! The policy of PMOE-PPO: a mixture of Gaussians with a learnt router.
//!
//! Ren et al., "Probabilistic Mixture-of-Experts for Efficient Deep Reinforcement Learning".
//!
//! # Equations
//! | code | source | formula |
//! |---|---|---|
//! | [`PmoeActor::mixture`] | eqs. 1–3 | π(a\|s) = Σ_k w_k(s) N_k(a\|s) |
//! | [`PmoeActor::routing_loss`] | eqs. 6–7 | Σ_k (onehot(j)_k − w_k)², j = argmax_k Q(s, a_k), a_k ~ N_k |
//!
//! # Deviations
//! - PPO has no Q, and the paper does not say how to find the best primitive without one. As in the
//!   co-author's code, a Q-network is fitted to the returns and evaluates one action of each
//!   primitive.
//! - The Q-network has a separate optimiser and does not count towards the clipped gradient norm,
//!   so that PMOE-PPO with one primitive equals PPO. The co-author's code clips both together.
//! - The paper does not say how the deviations are parameterised. Here they are state-independent
//!   parameters.

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::{Device, Int, Tensor, activation::softmax};
use pmoe_core::dist::{Normal, NormalMixture};
use pmoe_core::fused::{Activation, linear_act};
use pmoe_core::loss::{best_primitive, frequency_loss};
use pmoe_core::nn::{Mlp, linear};
use pmoe_core::noise;
use pmoe_envs::Rng;

use super::MeanHead;
use crate::agent::Mode;
use crate::layers::{Layer, mlp};
use crate::policy::{EvalPrimitive, RoutingInput, StdParam};
use crate::ppo::{ActionValue, NetConfig, PmoeConfig, Routing};

/// K Gaussians on one trunk, and the router that weights them.
#[derive(Module, Debug)]
pub struct PmoeActor {
    /// `O → hidden`, with the nonlinearity after every layer.
    pub trunk: Mlp,
    /// `hidden → K·A`
    pub mean: MeanHead,
    /// `[K, A]`
    pub std: StdParam,
    /// `hidden → K`, or `O → K` if the input is the observation.
    pub router: Linear,
    #[module(skip)]
    pub(crate) config: PmoeConfig,
}

impl PmoeActor {
    /// Creates a policy for observations of length `obs_dim`.
    ///
    /// With one primitive, everything except the router equals a
    /// [`GaussianActor`](super::GaussianActor) drawn from the same `rng`.
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
        let router_input = config.routing_input.width(obs_dim, &net.hidden);
        Self {
            trunk: net.style().trunk(&sizes, rng, device),
            mean: MeanHead::new(net, num_primitives * action_dim, rng, device),
            std: StdParam::new(config.std, num_primitives, action_dim, rng, device),
            router: linear(router_input, num_primitives, router_rng, device),
            config: config.clone(),
        }
    }

    /// Returns the layers of [`PmoeActor::new`].
    pub(crate) fn layers(
        config: &PmoeConfig,
        net: &NetConfig,
        obs_dim: usize,
        action_dim: usize,
    ) -> Vec<Layer> {
        let num_primitives = config.num_primitives;
        let mut layers = mlp(obs_dim, &net.hidden, num_primitives.saturating_mul(action_dim));
        layers.push((config.routing_input.width(obs_dim, &net.hidden), num_primitives));
        layers
    }

    /// Returns the number K of primitives.
    pub fn num_primitives(&self) -> usize {
        self.config.num_primitives
    }

    /// Computes the mixture at every state of `obs`, `[B, O]`, with features `[B, H]`.
    pub fn mixture(&self, obs: Tensor<2>, features: Tensor<2>) -> NormalMixture {
        let router_input = match self.config.routing_input {
            RoutingInput::TrunkSg => features.clone().inner(),
            RoutingInput::Trunk => features.clone(),
            RoutingInput::Obs => obs,
        };
        let mean = self.mean.forward(features);
        let [batch, width] = mean.dims();
        let num_primitives = self.num_primitives();
        let shape = [batch, num_primitives, width / num_primitives];
        NormalMixture {
            router_logits: linear_act(router_input, &self.router, Activation::Identity),
            mean: mean.reshape(shape),
            log_std: self.std.log_std().unsqueeze_dim(0),
        }
    }

    /// Returns the mixture whose log-density enters the surrogate. Its weights are constants if the
    /// router learns only from the frequency loss.
    pub fn objective(&self, mixture: &NormalMixture) -> NormalMixture {
        match self.config.routing {
            Routing::Freq => NormalMixture {
                router_logits: mixture.router_logits.clone().inner(),
                ..mixture.clone()
            },
            Routing::Pg | Routing::PgFreq => mixture.clone(),
        }
    }

    /// Selects the Gaussian that acts: sampled in exploration, by [`EvalPrimitive`] in evaluation.
    pub(super) fn acting_primitive(
        &self,
        mixture: &NormalMixture,
        aux: Option<&ActionValue>,
        obs: Tensor<2>,
        mode: Mode,
        rng: &mut Rng,
    ) -> Normal {
        let primitive = match (mode, self.config.eval_primitive) {
            (Mode::Explore, _) | (Mode::Evaluate, EvalPrimitive::Sample) => {
                noise::categorical_rows(softmax(mixture.router_logits.clone(), 1), rng)
            }
            (Mode::Evaluate, EvalPrimitive::ArgmaxW) => {
                best_primitive(mixture.router_logits.clone())
            }
            (Mode::Evaluate, EvalPrimitive::ArgmaxQ) => {
                let aux = aux.expect("checked with the config: the router learns from frequencies");
                best_primitive(aux.of_actions(obs, mixture.primitives().mean))
            }
            (Mode::Evaluate, EvalPrimitive::Index(index)) => {
                let rows = obs.dims()[0];
                Tensor::full([rows], index as i64, &obs.device())
            }
        };
        mixture.primitive(&primitive)
    }

    /// Computes the squared distance, `[1]`, between the router's weights and the one-hot choice of
    /// the primitive whose action has the highest Q-value. Also returns the weight of this loss,
    /// and the choice, `[B]`.
    ///
    /// # Shapes
    /// - `obs`: `[B, O]`; `noise`: `[B·K, A]`, standard normal, for one action of each primitive
    ///
    /// # Gradients
    /// Flow only into the router's logits; pass `q.valid()`.
    ///
    /// # Source
    /// PMOE paper, eqs. 6–7.
    pub fn routing_loss(
        &self,
        mixture: &NormalMixture,
        q: &ActionValue,
        obs: Tensor<2>,
        noise: Tensor<2>,
    ) -> (Tensor<1>, f64, Tensor<1, Int>) {
        let PmoeConfig { freq_coef, freq_reduction, .. } = self.config;
        let action = mixture.constant().primitives().rsample(noise);
        let best = best_primitive(q.of_actions(obs, action));
        let weights = softmax(mixture.router_logits.clone(), 1);
        (frequency_loss(weights, &best, freq_reduction.into()), freq_coef, best)
    }
}
