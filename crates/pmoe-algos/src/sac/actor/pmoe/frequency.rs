//! The paper's estimator: the best primitive, or all, learn from the critic, and the router learns how
//! often each primitive is the best.
//!
//! # Equations
//! Those of the paper are in `sac/actor/pmoe.rs`. With `argmax_score = "mode"`, which is ours:
//!
//! ```text
//! j = argmax_k Q(s, tanh μ_k),   L = α log π_j(a_j) − Q(s, a_j) + Σ_k (onehot(j)_k − w_k)²
//! ```
//!
//! # Deviations
//! - The best mode instead of the best draw: a choice that does not see the noise leaves its variance
//!   as it is, where the best of K draws hides a part of it ([`best_of`](pmoe_core::best_of)). Only
//!   its action is drawn, and judged with a graph.

use burn::tensor::{Int, Tensor, activation::softmax};
use pmoe_core::best_of::divergence;
use pmoe_core::dist::{Mixture, select_value};
use pmoe_core::loss::{
    backpropagate_all_losses, backpropagate_max_losses, best_primitive, draw_primitive,
    frequency_losses,
};

use super::PmoeActor;
use super::estimators::{Judged, judge_all, soft_q};
use crate::policy::MixtureBatch;
use crate::sac::actor::{ActorLoss, Judge, LossInput};
use crate::sac::{AlphaLogProb, ArgmaxScore, FrequencyConfig, PrimitiveLoss};

/// What the primitives learn from.
struct Primitives {
    /// The best one of each state, `[B]`.
    best: Tensor<1, Int>,
    /// Eq. 8 or 9, of each run.
    loss: Tensor<1>,
    /// What a learnt temperature follows, a constant: with `act = "best"` without the divergence.
    log_prob: Tensor<1>,
}

impl PmoeActor {
    /// The best primitive, or all, learn from the critic (eqs. 9 and 8); the router learns how often
    /// each primitive is the best (eq. 7), and from nothing else.
    pub(super) fn frequency(
        &self,
        config: &FrequencyConfig,
        mixture: Mixture,
        input: LossInput<'_>,
        batch: MixtureBatch,
    ) -> ActorLoss {
        let runs = input.alpha.len();
        let Primitives { best, loss, log_prob } = if config.draws_best_alone() {
            self.draw_of_best(config, &mixture, input)
        } else {
            self.best_of_draws(config, &mixture, input)
        };
        let log_prob = if self.acts_best() {
            log_prob.add_scalar(divergence(self.num_primitives()))
        } else {
            log_prob
        };
        let weights = softmax(mixture.router_logits, 1);
        let routing_loss = frequency_losses(weights, &best, config.freq_reduction.into(), runs);
        ActorLoss {
            routing_loss: Some(routing_loss.clone().inner()),
            mixture: Some(batch.with_chosen(best)),
            ..ActorLoss::new(loss + routing_loss.mul_scalar(config.freq_coef), log_prob)
        }
    }

    /// An action of every primitive is drawn and judged.
    fn best_of_draws(
        &self,
        config: &FrequencyConfig,
        mixture: &Mixture,
        input: LossInput<'_>,
    ) -> Primitives {
        let LossInput { critic, ref obs, alpha, .. } = input;
        let (obs, gumbel) = (obs.clone(), input.noise.gumbel.clone());
        let Judged { sample, q } = judge_all(mixture, input);
        let (density, kind) = (with_constant_weights(mixture), self.log_prob());
        let best = match config.argmax_score {
            ArgmaxScore::Q => best_primitive(q.clone().inner()),
            ArgmaxScore::SoftQ => {
                let log_prob = density.samples_log_prob(&sample, kind).inner();
                best_primitive(soft_q(q.clone().inner(), log_prob, alpha))
            }
            ArgmaxScore::Mode => best_mode(mixture, critic, obs),
        };
        let (loss, log_prob) = match config.primitive_loss {
            PrimitiveLoss::Max => {
                let log_prob = density.selected_log_prob(&sample, &best, kind);
                let q = select_value(q, &best);
                (backpropagate_max_losses(alpha, log_prob.clone(), q), log_prob.inner())
            }
            PrimitiveLoss::All => {
                let log_prob = density.samples_log_prob(&sample, kind);
                let constant = log_prob.clone().inner().flatten(0, 1);
                (backpropagate_all_losses(alpha, log_prob, q), constant)
            }
        };
        let log_prob = match config.alpha_log_prob {
            // Only the best one acts, whatever learns.
            AlphaLogProb::Learning if self.acts_best() => {
                density.selected_log_prob(&sample, &best, kind).inner()
            }
            AlphaLogProb::Learning => log_prob,
            AlphaLogProb::Drawn => {
                let drawn = draw_primitive(mixture.log_weights(), gumbel);
                density.selected_log_prob(&sample, &drawn, kind).inner()
            }
        };
        Primitives { best, loss, log_prob }
    }

    /// The best primitive is known by its mode, and only its action is drawn and judged.
    fn draw_of_best(
        &self,
        config: &FrequencyConfig,
        mixture: &Mixture,
        input: LossInput<'_>,
    ) -> Primitives {
        let LossInput { critic, obs, alpha, noise, .. } = input;
        let best = best_mode(mixture, critic, obs.clone());
        let sample = mixture.primitive(&best).rsample(noise.action.clone());
        let (density, kind) = (with_constant_weights(mixture), self.log_prob());
        let log_prob = density.sample_log_prob(&sample, kind);
        let constant = match config.alpha_log_prob {
            AlphaLogProb::Learning => log_prob.clone().inner(),
            AlphaLogProb::Drawn => {
                let (fixed, drawn) =
                    (mixture.constant(), draw_primitive(mixture.log_weights(), noise.gumbel));
                fixed.sample_log_prob(&fixed.primitive(&drawn).rsample(noise.action), kind)
            }
        };
        let loss = backpropagate_max_losses(alpha, log_prob, critic(obs, sample.action));
        Primitives { best, loss, log_prob: constant }
    }
}

impl FrequencyConfig {
    /// Whether one action is drawn at each state, of the primitive that is the best already.
    pub(super) fn draws_best_alone(&self) -> bool {
        (self.primitive_loss, self.argmax_score) == (PrimitiveLoss::Max, ArgmaxScore::Mode)
    }
}

/// The primitive whose mode has the highest value, `[B]`.
pub(super) fn best_mode(mixture: &Mixture, critic: Judge<'_>, obs: Tensor<2>) -> Tensor<1, Int> {
    let fixed = mixture.constant();
    let q = critic(obs, fixed.primitives().mode());
    best_primitive(q.reshape([-1, fixed.num_primitives() as i32]))
}

/// The mixture as the entropy term sees it. The primitives that learn are weighted by how often they
/// are the best, f, and not by w. So the router's gradient of `α log Σ_k w_k π_k(a_j)` would be
/// `α (f − w)`, which trains it backwards.
fn with_constant_weights(mixture: &Mixture) -> Mixture {
    Mixture { router_logits: mixture.router_logits.clone().inner(), ..mixture.clone() }
}
