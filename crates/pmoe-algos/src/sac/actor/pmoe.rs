//! The policy of PMOE-SAC: a mixture of squashed Gaussians with a learnt router.
//!
//! Ren et al., "Probabilistic Mixture-of-Experts for Efficient Deep Reinforcement Learning".
//!
//! # Equations
//! | code | source | formula |
//! |---|---|---|
//! | [`PmoeActor::mixture`] | eqs. 1–3 | π(a\|s) = Σ_k w_k(s) π_k(a\|s) |
//! | [`best_primitive`] | eq. 6 | j = argmax_k Q(s, a_k), a_k ~ π_k |
//! | [`frequency_loss`] | eq. 7 | Σ_k (onehot(j)_k − w_k)² |
//! | [`backpropagate_all_loss`] | eq. 8 | Σ_k (α log π_k(a_k) − Q(s, a_k)) |
//! | [`backpropagate_max_loss`] | eq. 9 | α log π_j(a_j) − Q(s, a_j) |
//!
//! # Deviations
//! - The argmax is over min(Q₁, Q₂) without the entropy term, as in the authors' release; the paper's
//!   text can also be read with it (`argmax_score = "soft_q"`).
//! - The router sees the trunk's features as constants, as in the release; the paper does not say
//!   (`routing_input = "trunk"` lets its gradient through).
//! - The release averages the frequency loss over K as well (`freq_reduction = "mean"`).

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::{Device, Int, Tensor, activation::softmax};
use pmoe_core::dist::{LogProb, Mixture, TanhNormal, select_value};
use pmoe_core::fused::{Activation, linear_act};
use pmoe_core::loss::{
    Reduction, backpropagate_all_loss, backpropagate_max_loss, best_primitive, frequency_loss,
};
use pmoe_core::nn::{Mlp, linear};
use pmoe_core::noise::{self, Rng};

use super::{ActorLoss, LOG_STD_LIMITS, MixtureLoss, Sampled, noise_like};
use crate::agent::Mode;
use crate::sac::{
    ArgmaxScore, EntropyLogProb, EvalPrimitive, FreqReduction, PmoeConfig, PrimitiveLoss,
    RoutingInput, TwinCritic,
};

/// K squashed Gaussians on one trunk, and the router that weighs them.
#[derive(Module, Debug)]
pub struct PmoeActor {
    /// `O → hidden`, ReLU after every layer.
    pub trunk: Mlp,
    /// `hidden → K·A`
    pub mean: Linear,
    /// `hidden → K·A`
    pub log_std: Linear,
    /// `hidden → K`, or `O → K` where the router reads the observation.
    pub router: Linear,
    #[module(skip)]
    num_primitives: usize,
}

impl PmoeActor {
    /// A policy for observations of `sizes[0]` numbers with hidden layers `sizes[1..]`.
    ///
    /// With one primitive, trunk and heads are those of [`GaussianActor`](super::GaussianActor)
    /// drawn from the same `rng`.
    pub fn new(
        config: &PmoeConfig,
        sizes: &[usize],
        action_dim: usize,
        rng: &mut Rng,
        router_rng: &mut Rng,
        device: &Device,
    ) -> Self {
        let features = sizes[sizes.len() - 1];
        let num_primitives = config.num_primitives;
        let router_input = match config.routing_input {
            RoutingInput::TrunkSg | RoutingInput::Trunk => features,
            RoutingInput::Obs => sizes[0],
        };
        Self {
            trunk: Mlp::trunk(sizes, rng, device),
            mean: linear(features, num_primitives * action_dim, rng, device),
            log_std: linear(features, num_primitives * action_dim, rng, device),
            router: linear(router_input, num_primitives, router_rng, device),
            num_primitives,
        }
    }

    /// Number K of primitives.
    pub fn num_primitives(&self) -> usize {
        self.num_primitives
    }

    /// The policy at every state of `obs`, `[B, O]`.
    pub fn mixture(&self, routing_input: RoutingInput, obs: Tensor<2>) -> Mixture {
        let features = self.trunk.forward(obs.clone());
        let router_input = match routing_input {
            RoutingInput::TrunkSg => features.clone().inner(),
            RoutingInput::Trunk => features.clone(),
            RoutingInput::Obs => obs,
        };
        let router_logits = linear_act(router_input, &self.router, Activation::Identity);
        let (low, high) = LOG_STD_LIMITS;
        let mean = linear_act(features.clone(), &self.mean, Activation::Identity);
        let log_std = linear_act(features, &self.log_std, Activation::Identity).clamp(low, high);
        let [batch, width] = mean.dims();
        let shape = [batch, self.num_primitives, width / self.num_primitives];
        Mixture { router_logits, mean: mean.reshape(shape), log_std: log_std.reshape(shape) }
    }

    /// Draws a primitive, then an action of it.
    pub(super) fn sample(&self, config: &PmoeConfig, obs: Tensor<2>, rng: &mut Rng) -> Sampled {
        let mixture = self.mixture(config.routing_input, obs);
        let primitive = draw_primitive(&mixture, rng);
        let dist = mixture.primitive(&primitive);
        let sample = dist.rsample(noise_like(&dist, rng));
        let log_prob = mixture.sample_log_prob(&sample, config.entropy_log_prob.into());
        Sampled { action: sample.action, log_prob }
    }

    /// The primitive that acts: drawn while exploring, by [`EvalPrimitive`] when evaluated.
    pub(super) fn chosen_primitive(
        &self,
        config: &PmoeConfig,
        critic: &TwinCritic,
        obs: Tensor<2>,
        mode: Mode,
        rng: &mut Rng,
    ) -> TanhNormal {
        let mixture = self.mixture(config.routing_input, obs.clone());
        let primitive = match (mode, config.eval_primitive) {
            (Mode::Explore, _) | (Mode::Evaluate, EvalPrimitive::Sample) => {
                draw_primitive(&mixture, rng)
            }
            (Mode::Evaluate, EvalPrimitive::ArgmaxW) => {
                best_primitive(mixture.router_logits.clone())
            }
            (Mode::Evaluate, EvalPrimitive::ArgmaxQ) => {
                let q = critic.min(obs, mixture.primitives().mode());
                best_primitive(q.reshape([-1, self.num_primitives as i32]))
            }
            (Mode::Evaluate, EvalPrimitive::Index(index)) => {
                let rows = obs.dims()[0];
                Tensor::full([rows], index as i64, &obs.device())
            }
        };
        mixture.primitive(&primitive)
    }

    /// The policy loss: the primitives' (eq. 8 or 9) plus the router's (eq. 7).
    pub(super) fn loss(
        &self,
        config: &PmoeConfig,
        critic: &TwinCritic,
        obs: Tensor<2>,
        alpha: f64,
        noise: Tensor<2>,
    ) -> ActorLoss {
        let shape = [obs.dims()[0], self.num_primitives];
        let mixture = self.mixture(config.routing_input, obs.clone());
        // Every primitive acts and is judged.
        let sample = mixture.primitives().rsample(noise);
        let q: Tensor<2> = critic.min(obs, sample.action.clone()).reshape(shape);
        let component_log_prob: Tensor<2> = sample.log_prob.clone().reshape(shape);
        let best = best_primitive(match config.argmax_score {
            ArgmaxScore::Q => q.clone().inner(),
            ArgmaxScore::SoftQ => q.clone().inner() - component_log_prob.inner().mul_scalar(alpha),
        });

        let (primitive_loss, log_prob) = match config.primitive_loss {
            PrimitiveLoss::Max => {
                let kind = config.entropy_log_prob.into();
                let log_prob = mixture.selected_log_prob(&sample, &best, kind);
                let q = select_value(q, &best);
                (backpropagate_max_loss(alpha, log_prob.clone(), q), log_prob.inner())
            }
            PrimitiveLoss::All => {
                let log_prob = mixture.samples_log_prob(&sample, config.entropy_log_prob.into());
                let constant = log_prob.clone().inner().flatten(0, 1);
                (backpropagate_all_loss(alpha, log_prob, q), constant)
            }
        };
        let weights = softmax(mixture.router_logits, 1);
        let routing_loss = frequency_loss(weights.clone(), &best, config.freq_reduction.into());
        let mixture =
            MixtureLoss { routing_loss: routing_loss.clone().inner(), weights: weights.inner() };
        let loss = primitive_loss + routing_loss.mul_scalar(config.freq_coef);
        ActorLoss { loss, log_prob, mixture: Some(mixture) }
    }
}

fn draw_primitive(mixture: &Mixture, rng: &mut Rng) -> Tensor<1, Int> {
    noise::categorical_rows(softmax(mixture.router_logits.clone(), 1).inner(), rng)
}

impl From<EntropyLogProb> for LogProb {
    fn from(config: EntropyLogProb) -> Self {
        match config {
            EntropyLogProb::Component => Self::Component,
            EntropyLogProb::Mixture => Self::Mixture,
        }
    }
}

impl From<FreqReduction> for Reduction {
    fn from(config: FreqReduction) -> Self {
        match config {
            FreqReduction::Sum => Self::Sum,
            FreqReduction::Mean => Self::Mean,
        }
    }
}
