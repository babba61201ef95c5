//! The policy of PMOE-SAC: a mixture of squashed Gaussians with a learnt router.
//!
//! Ren et al., "Probabilistic Mixture-of-Experts for Efficient Deep Reinforcement Learning". The
//! [`Estimator`] determines how the router learns: with the paper's frequency loss, or one of its
//! alternatives, whose equations are in `pmoe/estimators.rs`.
//!
//! # Equations
//! | code | source | formula |
//! |---|---|---|
//! | [`PmoeActor::mixture`] | eqs. 1–3 | π(a\|s) = Σ_k w_k(s) π_k(a\|s) |
//! | [`best_primitive`] | eq. 6 | j = argmax_k Q(s, a_k), a_k ~ π_k |
//! | [`frequency_loss`] | eq. 7 | Σ_k (onehot(j)_k − w_k)² |
//! | `best_draw` | `act = "best"` | a = a_j, j = argmax_k min_i Q_i(s, a_k), a_k ~ π_k |
//! | [`backpropagate_all_loss`] | eq. 8 | Σ_k (α log π_k(a_k) − Q(s, a_k)) |
//! | [`backpropagate_max_loss`] | eq. 9 | α log π_j(a_j) − Q(s, a_j) |
//!
//! # Deviations
//! - The argmax is over min(Q₁, Q₂) without the entropy term, as in the authors' release. The
//!   paper's text also admits a reading with it (`argmax_score = "soft_q"`). Ours,
//!   `argmax_score = "mode"`, is in `pmoe/frequency.rs`.
//! - The router gets the trunk's features as constants, as in the release. The paper does not
//!   specify this; `routing_input = "trunk"` lets its gradient through.
//! - The release also averages the frequency loss over K (`freq_reduction = "mean"`).
//! - `entropy_log_prob = "mixture"` puts the whole mixture's density into eqs. 8 and 9. The weights
//!   are constants there: the router learns from eq. 7 alone.
//! - The paper's policy draws a primitive from the router. With `act = "best"` (ours) the best of one
//!   draw of every primitive acts, which is what eq. 9 trains: what the choice hides in the loss it
//!   hides in acting, too. The critics' target is of the same policy, and the router has no say.
//! - A learnt temperature follows the best primitive's log-density, as in the release. The first
//!   author's code of 2020 samples a primitive for it (`alpha_log_prob = "drawn"`).
//!
//! [`best_primitive`]: pmoe_core::loss::best_primitive
//! [`frequency_loss`]: pmoe_core::loss::frequency_loss
//! [`backpropagate_all_loss`]: pmoe_core::loss::backpropagate_all_loss
//! [`backpropagate_max_loss`]: pmoe_core::loss::backpropagate_max_loss

mod estimators;
mod frequency;

use burn::module::Module;
use burn::tensor::{Int, Tensor, activation::softmax};
use pmoe_core::dist::{LogProb, Mixture, TanhNormal, select_primitive};
use pmoe_core::loss::best_primitive;
use pmoe_core::noise;
use pmoe_envs::Rng;

use super::{Judge, Sampled, noise_like};
use crate::agent::Mode;
use crate::policy::{EvalPrimitive, NetSpec, RoutedNet};
use crate::sac::{Act, Estimator, PmoeConfig, TargetAction};

/// K squashed Gaussians on one trunk, and the router that weights them.
#[derive(Module, Debug)]
pub struct PmoeActor {
    /// Trunk, heads and router.
    pub net: RoutedNet,
    #[module(skip)]
    pub(crate) config: PmoeConfig,
}

impl PmoeActor {
    /// Creates an untrained policy.
    ///
    /// With one primitive, trunk and heads equal those of a [`GaussianActor`](super::GaussianActor)
    /// with the same seed.
    pub fn new(config: &PmoeConfig, spec: &NetSpec<'_>) -> Self {
        let net = RoutedNet::new(spec, config.num_primitives, config.routing_input);
        Self { net, config: config.clone() }
    }

    /// Returns the number K of primitives.
    pub fn num_primitives(&self) -> usize {
        self.config.num_primitives
    }

    /// Computes the mixture at every state of `obs`, `[B, O]`.
    pub fn mixture(&self, obs: Tensor<2>) -> Mixture {
        let mixture = self.net.forward(obs);
        match self.config.estimator {
            Estimator::LikelihoodRatio { log_weight_floor, .. } => Mixture {
                router_logits: mixture.router_logits.clamp_min(log_weight_floor),
                ..mixture
            },
            _ => mixture,
        }
    }

    /// Samples a primitive and one of its actions, or an action of every primitive as candidates.
    pub(super) fn sample(
        &self,
        mixture: &Mixture,
        target: TargetAction,
        rngs: &mut [&mut Rng],
    ) -> Sampled {
        let [rows, num_primitives, action_dim] = mixture.mean.dims();
        let (drawn, actions) = match target {
            TargetAction::Sample => (Some(drawn_primitive(mixture, rngs)), rows),
            TargetAction::Max => (None, rows * num_primitives),
        };
        let device = mixture.mean.device().inner();
        let noise = noise::normal_of_each([actions, action_dim], rngs, &device);
        self.actions(mixture, drawn.as_ref(), noise)
    }

    /// Returns one action of the drawn primitive per state, or of every primitive if none is drawn.
    ///
    /// # Shapes
    /// - `drawn`: `[B]`, in `0..K`
    /// - `noise`: standard normal, `[B, A]`; without `drawn` `[B·K, A]`
    pub fn actions(
        &self,
        mixture: &Mixture,
        drawn: Option<&Tensor<1, Int>>,
        noise: Tensor<2>,
    ) -> Sampled {
        let kind = self.log_prob();
        let (sample, log_prob) = if let Some(drawn) = drawn {
            let sample = mixture.primitive(drawn).rsample(noise);
            let log_prob = mixture.sample_log_prob(&sample, kind);
            (sample, log_prob)
        } else {
            let sample = mixture.primitives().rsample(noise);
            let log_prob = mixture.samples_log_prob(&sample, kind).flatten(0, 1);
            (sample, log_prob)
        };
        Sampled { action: sample.action, log_prob }
    }

    /// Whether the best of one draw of every primitive acts in training.
    pub(super) fn acts_best(&self) -> bool {
        self.config.act == Act::Best
    }

    /// Draws an action of every primitive and returns the one with the highest value, `[B, A]`.
    pub(super) fn best_draw(
        &self,
        mixture: &Mixture,
        critic: Judge<'_>,
        obs: Tensor<2>,
        rngs: &mut [&mut Rng],
    ) -> Tensor<2> {
        let primitives = mixture.primitives();
        let action = primitives.rsample(noise_like(&primitives, rngs)).action;
        let q = critic(obs, action.clone()).reshape([-1, self.num_primitives() as i32]);
        select_primitive(action.reshape(mixture.mean.dims()), &best_primitive(q))
    }

    /// Selects the primitive that acts: sampled in exploration, by [`EvalPrimitive`] in evaluation.
    pub(super) fn acting_primitive(
        &self,
        mixture: &Mixture,
        critic: Judge<'_>,
        obs: Tensor<2>,
        mode: Mode,
        rngs: &mut [&mut Rng],
    ) -> TanhNormal {
        let primitive = match (mode, self.config.eval_primitive) {
            (Mode::Explore, _) | (Mode::Evaluate, EvalPrimitive::Sample) => {
                drawn_primitive(mixture, rngs)
            }
            (Mode::Evaluate, EvalPrimitive::ArgmaxW) => {
                best_primitive(mixture.router_logits.clone())
            }
            (Mode::Evaluate, EvalPrimitive::ArgmaxQ) => frequency::best_mode(mixture, critic, obs),
            (Mode::Evaluate, EvalPrimitive::Index(index)) => {
                let rows = obs.dims()[0];
                Tensor::full([rows], index as i64, &obs.device())
            }
        };
        mixture.primitive(&primitive)
    }

    fn log_prob(&self) -> LogProb {
        self.config.entropy_log_prob.into()
    }
}

/// Samples one primitive per row, `[B]`, from the weights.
fn drawn_primitive(mixture: &Mixture, rngs: &mut [&mut Rng]) -> Tensor<1, Int> {
    noise::categorical_rows_of_each(softmax(mixture.router_logits.clone(), 1).inner(), rngs)
}
