//! The policy loss of PMOE-SAC, one function per estimator, with the noise and critic values it needs.
//!
//! # Equations
//! Those of the paper's estimator are in `sac/actor/pmoe.rs`, its loss in `frequency.rs`.
//!
//! | code | source | formula |
//! |---|---|---|
//! | [`straight_through`], [`weighted_losses`] | Fig. 11, Gumbel-softmax | −Σ_k y_k G_k |
//! | [`reinforce_losses`] | Fig. 11, REINFORCE | −(G_k + log w_k (G_k − b)), k ~ w |
//! | [`likelihood_ratio_losses`] | SAC of 2018 | log π(a) (α log π(a) − Q(s, a) + V(s)) |
//! | [`weighted_losses`] | the choice summed out | −Σ_k w_k (G_k + α d log ρ_k(a_k)) − α r H(w) |
//!
//! G_k = Q(s, a_k) − α log π(a_k|s) is the soft value of primitive k's sample, ρ_k = w_k π_k /
//! Σ_i w_i π_i the share of primitive k in the density, d `diversity` and r `routing`, usually 0. With
//! the primitives' own densities in G_k, d = r = 1 is the mixture's entropy.
//!
//! # Deviations
//! - The paper compares with Gumbel-softmax and REINFORCE without giving formulas; the ones here
//!   are our own.
//! - V(s) of the likelihood ratio is the weighted soft value of a fresh sample of every primitive.
//!   The 2018 code learnt a network for it.

use burn::tensor::{Tensor, activation::softmax};
use pmoe_core::dist::{LogProb, Mixture, TanhSample, select_value};
use pmoe_core::loss::{
    backpropagate_max_losses, best_primitive, draw_primitive, expected_value, gumbel_softmax,
    likelihood_ratio_losses, reinforce_losses, straight_through, weighted_losses,
};
use pmoe_core::runs;

use super::PmoeActor;
use crate::policy::MixtureBatch;
use crate::sac::actor::{ActorLoss, LossInput, NoiseSize};
use crate::sac::{
    AlphaLogProb, EntropyLogProb, Estimator, GumbelMode, MarginalConfig, PolicySample,
    PrimitiveLoss, RatioBaseline, ReinforceBaseline,
};

/// A sample of every primitive at every state, with its value.
pub(super) struct Judged {
    /// `B·K` rows.
    pub(super) sample: TanhSample,
    /// `[B, K]`
    pub(super) q: Tensor<2>,
}

impl Estimator {
    /// Actions per state that the critics judge, and those whose judgement teaches, of a mixture of `all`
    /// primitives.
    pub(in crate::sac) fn actions_in_critics(&self, all: u64) -> (u64, u64) {
        match self {
            Self::Frequency(frequency) => match frequency.primitive_loss {
                PrimitiveLoss::Max => (all, 1),
                PrimitiveLoss::All => (all, all),
            },
            Self::Gumbel { mode: GumbelMode::StraightThrough, .. } | Self::Reinforce { .. } => {
                (all, 1)
            }
            Self::Gumbel { mode: GumbelMode::Soft, .. } => (1, 1),
            Self::LikelihoodRatio { baseline: RatioBaseline::None, .. } => (1, 0),
            Self::LikelihoodRatio { baseline: RatioBaseline::Expected, .. } => {
                (all.saturating_add(1), 0)
            }
            Self::Marginal(_) => (all, all),
        }
    }
}

impl PmoeActor {
    /// Returns the amount of noise that the loss needs.
    pub(in crate::sac::actor) fn noise_size(&self) -> NoiseSize {
        let num_primitives = self.num_primitives();
        let (actions, draws_primitive) = match self.config.estimator {
            Estimator::Frequency(ref config) => {
                let actions = if config.draws_best_alone() { 1 } else { num_primitives };
                (actions, config.alpha_log_prob == AlphaLogProb::Drawn)
            }
            Estimator::Marginal(_) => (num_primitives, false),
            Estimator::Gumbel { .. } | Estimator::Reinforce { .. } => (num_primitives, true),
            Estimator::LikelihoodRatio { baseline: RatioBaseline::None, .. } => (1, true),
            Estimator::LikelihoodRatio { baseline: RatioBaseline::Expected, .. } => {
                (1 + num_primitives, true)
            }
        };
        NoiseSize { actions, num_primitives, draws_primitive }
    }

    /// Computes the policy loss of a batch.
    pub(in crate::sac::actor) fn loss(&self, mixture: Mixture, input: LossInput<'_>) -> ActorLoss {
        let batch = MixtureBatch::new(mixture.router_logits.clone(), &mixture.mean);
        let sample = Some(PolicySample::new(&mixture, &input.noise.action, self.acts_best()));
        let loss = match &self.config.estimator {
            Estimator::Frequency(config) => self.frequency(config, mixture, input, batch),
            Estimator::Gumbel { mode: GumbelMode::StraightThrough, temperature } => {
                self.gumbel_straight_through(*temperature, mixture, input, batch)
            }
            Estimator::Gumbel { mode: GumbelMode::Soft, temperature } => {
                self.gumbel_soft(*temperature, mixture, input, batch)
            }
            Estimator::Reinforce { baseline } => self.reinforce(baseline, mixture, input, batch),
            Estimator::LikelihoodRatio { baseline, regularization, .. } => {
                likelihood_ratio(*baseline, *regularization, mixture, input, batch)
            }
            Estimator::Marginal(config) => self.marginal(config, mixture, input, batch),
        };
        ActorLoss { sample, ..loss }
    }

    /// The sampled primitive learns from the critic. The router learns from the values of all
    /// primitives through the relaxed sample.
    fn gumbel_straight_through(
        &self,
        temperature: f64,
        mixture: Mixture,
        input: LossInput<'_>,
        batch: MixtureBatch,
    ) -> ActorLoss {
        let (alpha, gumbel) = (input.alpha, input.noise.gumbel.clone());
        let Judged { sample, q } = judge_all(&mixture, input);
        let log_prob = mixture.samples_log_prob(&sample, self.log_prob());
        let relaxed = gumbel_softmax(mixture.log_weights(), gumbel, temperature);
        let (one_hot, drawn) = straight_through(relaxed);
        let loss = weighted_losses(one_hot, soft_q(q, log_prob.clone(), alpha), alpha.len());
        ActorLoss {
            mixture: Some(batch.with_chosen(drawn.clone())),
            ..ActorLoss::new(loss, select_value(log_prob.inner(), &drawn))
        }
    }

    /// The relaxed sample blends the actions. This policy never acts; it is for comparison.
    fn gumbel_soft(
        &self,
        temperature: f64,
        mixture: Mixture,
        input: LossInput<'_>,
        batch: MixtureBatch,
    ) -> ActorLoss {
        let LossInput { critic, obs, alpha, noise, .. } = input;
        let sample = mixture.primitives().rsample(noise.action);
        let log_prob = mixture.samples_log_prob(&sample, self.log_prob());
        let relaxed = gumbel_softmax(mixture.log_weights(), noise.gumbel, temperature);
        let drawn = best_primitive(relaxed.clone().inner());
        let actions: Tensor<3> = sample.action.reshape(mixture.mean.dims());
        let action = (relaxed.clone().unsqueeze_dim::<3>(2) * actions).sum_dim(1).squeeze_dim(1);
        let log_prob = expected_value(relaxed, log_prob);
        let loss = backpropagate_max_losses(alpha, log_prob.clone(), critic(obs, action));
        ActorLoss {
            mixture: Some(batch.with_chosen(drawn)),
            ..ActorLoss::new(loss, log_prob.inner())
        }
    }

    /// The sampled primitive learns from the critic, and its weight from its advantage.
    fn reinforce(
        &self,
        baseline: &ReinforceBaseline,
        mixture: Mixture,
        input: LossInput<'_>,
        batch: MixtureBatch,
    ) -> ActorLoss {
        let (alpha, gumbel, average) = (input.alpha, input.noise.gumbel.clone(), input.baseline);
        let Judged { sample, q } = judge_all(&mixture, input);
        let log_prob = mixture.samples_log_prob(&sample, self.log_prob());
        let soft_q = soft_q(q, log_prob.clone(), alpha);
        let log_weights = mixture.log_weights();
        let drawn = draw_primitive(log_weights.clone(), gumbel);
        let values = soft_q.clone().inner();
        let drawn_value = select_value(values.clone(), &drawn);
        let baseline = match baseline {
            ReinforceBaseline::None => drawn_value.zeros_like(),
            ReinforceBaseline::Expected => {
                expected_value(log_weights.clone().inner().exp(), values)
            }
            ReinforceBaseline::Ema { .. } => runs::spread(average, &drawn_value),
        };
        let runs = alpha.len();
        let loss = reinforce_losses(log_weights, soft_q, &drawn, baseline, runs);
        ActorLoss {
            soft_value: Some(runs::mean(drawn_value, runs)),
            mixture: Some(batch.with_chosen(drawn.clone())),
            ..ActorLoss::new(loss, select_value(log_prob.inner(), &drawn))
        }
    }

    /// The choice of the primitive is summed out: every primitive learns in proportion to its
    /// weight.
    fn marginal(
        &self,
        config: &MarginalConfig,
        mixture: Mixture,
        input: LossInput<'_>,
        batch: MixtureBatch,
    ) -> ActorLoss {
        let MarginalConfig { diversity, routing } = *config;
        let alpha = input.alpha;
        let times = |factor: f64| alpha.iter().map(|alpha| alpha * factor).collect::<Vec<_>>();
        let Judged { sample, q } = judge_all(&mixture, input);
        let log_prob = mixture.samples_log_prob(&sample, self.log_prob());
        let log_weights = mixture.log_weights();
        let mut soft_q = soft_q(q, log_prob.clone(), alpha);
        // One primitive is told from no other.
        if diversity > 0.0 && self.num_primitives() > 1 {
            let own = mixture.samples_log_prob(&sample, LogProb::Component);
            let all = mixture.samples_log_prob(&sample, LogProb::Mixture);
            soft_q = soft_q + runs::scale(log_weights.clone() + own - all, &times(diversity));
        }
        if routing > 0.0 && self.num_primitives() > 1 {
            soft_q = soft_q - runs::scale(log_weights, &times(routing));
        }
        let weights = softmax(mixture.router_logits, 1);
        let loss = weighted_losses(weights.clone(), soft_q, alpha.len());
        let log_prob = expected_value(weights.inner(), log_prob.inner());
        ActorLoss { mixture: Some(batch), ..ActorLoss::new(loss, log_prob) }
    }
}

/// The policy loss of 2018: the density of the whole mixture follows the soft value of one of its
/// actions.
fn likelihood_ratio(
    baseline: RatioBaseline,
    regularization: f64,
    mixture: Mixture,
    input: LossInput<'_>,
    batch: MixtureBatch,
) -> ActorLoss {
    let LossInput { critic, obs, alpha, noise, .. } = input;
    let ([rows, _], [all_rows, action_dim]) = (obs.dims(), noise.action.dims());
    let (runs, fixed) = (alpha.len(), mixture.constant());
    // The noise of the action is in the first rows of each run.
    let of_run: Tensor<3> = noise.action.reshape([runs, all_rows / runs, action_dim]);
    let noise_at = |first: usize, count: usize| {
        of_run.clone().narrow(1, first / runs, count / runs).reshape([count, action_dim])
    };
    // The action, a constant.
    let drawn = draw_primitive(mixture.log_weights(), noise.gumbel);
    let own = fixed.primitive(&drawn).rsample(noise_at(0, rows));
    let q = critic(obs.clone(), own.action);
    let log_prob = mixture.log_prob(own.pre_tanh.unsqueeze_dim(1)).squeeze_dim::<1>(1);
    // V(s), from samples independent of the action.
    let value = match baseline {
        RatioBaseline::None => q.zeros_like(),
        RatioBaseline::Expected => {
            let fresh = fixed.primitives().rsample(noise_at(rows, all_rows - rows));
            let q = critic(obs, fresh.action.clone()).reshape([rows, fixed.num_primitives()]);
            let log_prob = fixed.samples_log_prob(&fresh, LogProb::Mixture);
            expected_value(fixed.log_weights().exp(), soft_q(q, log_prob, alpha))
        }
    };
    let mean_square = |x: Tensor<3>| runs::mean(x.square(), runs);
    let size = mean_square(mixture.mean) + mean_square(mixture.log_std);
    let constant = log_prob.clone().inner();
    let loss = likelihood_ratio_losses(alpha, log_prob, q, value);
    ActorLoss {
        mixture: Some(batch.with_chosen(drawn)),
        ..ActorLoss::new(loss + size.mul_scalar(0.5 * regularization), constant)
    }
}

/// Samples and evaluates an action of every primitive.
pub(super) fn judge_all(mixture: &Mixture, input: LossInput<'_>) -> Judged {
    let shape = [input.obs.dims()[0], mixture.num_primitives()];
    let sample = mixture.primitives().rsample(input.noise.action);
    let q = (input.critic)(input.obs, sample.action.clone()).reshape(shape);
    Judged { sample, q }
}

/// `G = Q − α log π`, `[B, K]`.
pub(super) fn soft_q(q: Tensor<2>, log_prob: Tensor<2>, alpha: &[f64]) -> Tensor<2> {
    q - runs::scale(log_prob, alpha)
}

impl From<EntropyLogProb> for LogProb {
    fn from(config: EntropyLogProb) -> Self {
        match config {
            EntropyLogProb::Component => Self::Component,
            EntropyLogProb::Mixture => Self::Mixture,
        }
    }
}
