//! The policies of the SAC family.
//!
//! The actor owns its policy loss, and [`Sac`](super::Sac) everything else: SAC, its gating and MCP
//! variants and PMOE-SAC differ only in the actor.
//!
//! One actor may stand for several [runs](pmoe_core::runs) in lockstep. It then takes the rows of
//! all, a generator and an α of each, and returns the losses of each.

mod gating;
mod gaussian;
mod pmoe;

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use pmoe_core::dist::{Mixture, TanhNormal};
use pmoe_core::loss::backpropagate_max_losses;
use pmoe_core::noise;
use pmoe_envs::Rng;

pub use self::gating::GatingActor;
pub use self::gaussian::GaussianActor;
pub use self::pmoe::PmoeActor;
use super::{ActorConfig, PolicySample, SacConfig, TargetAction};
use crate::agent::Mode;
use crate::layers::Layer;
use crate::policy::{McpActor, MixtureBatch, NetSpec, PrimitiveNet, RoutedNet, RoutingInput};

/// A policy with its settings.
#[derive(Module, Debug)]
pub enum Actor {
    /// One squashed Gaussian: SAC.
    Gaussian(GaussianActor),
    /// Gaussians blended into one by a gate.
    Gating(GatingActor),
    /// The product of weighted Gaussians.
    Mcp(McpActor),
    /// A mixture of squashed Gaussians: PMOE-SAC.
    Pmoe(PmoeActor),
}

/// Output of an actor for a batch of states.
#[expect(clippy::large_enum_variant, reason = "there is one at a time, taken apart at once")]
#[derive(Debug)]
pub enum Policy<'a> {
    /// One squashed Gaussian per state, with the experts that compose it, if any.
    Gaussian(TanhNormal, Option<MixtureBatch>),
    /// Several Gaussians per state, one of which acts.
    Mixture(&'a PmoeActor, Mixture),
}

/// Actions with their log-densities. Actions of the same state are consecutive.
#[derive(Debug, Clone)]
pub struct Sampled {
    /// `[N, A]`
    pub action: Tensor<2>,
    /// `[N]`
    pub log_prob: Tensor<1>,
}

/// The value of actions: from states, `[B, O]`, and as many actions of each, `[N, A]`, those of a
/// state being consecutive, to values, `[N]`. Gradients flow only into the actions.
pub type Judge<'a> = &'a dyn Fn(Tensor<2>, Tensor<2>) -> Tensor<1>;

/// Inputs of a policy loss.
pub struct LossInput<'a> {
    /// The value of an action: that of the critics, as constants, or a known one.
    pub critic: Judge<'a>,
    /// States, `[B, O]`.
    pub obs: Tensor<2>,
    /// Weight α of the entropy, of each run.
    pub alpha: &'a [f64],
    /// From [`Actor::noise`].
    pub noise: ActorNoise,
    /// Moving average of earlier [`ActorLoss::soft_value`]s, of each run.
    pub baseline: &'a [f64],
}

/// The random numbers of a policy loss.
#[derive(Debug, Clone)]
pub struct ActorNoise {
    /// Standard normal, one row for each sampled action, `[N, A]`.
    pub action: Tensor<2>,
    /// Standard Gumbel, `[B, K]`, for sampling a primitive; zeros if none is sampled.
    pub gumbel: Tensor<2>,
}

/// Number of random numbers for a policy loss.
#[derive(Debug, Clone, Copy)]
struct NoiseSize {
    /// Actions sampled at each state.
    actions: usize,
    /// Number K of primitives.
    num_primitives: usize,
    /// Whether a primitive is sampled at each state.
    draws_primitive: bool,
}

/// An actor's loss and related values.
#[derive(Debug)]
pub struct ActorLoss {
    /// The policy loss of each run, usually `[1]`.
    pub loss: Tensor<1>,
    /// Log-density of the actions in the loss, `[N]`, a constant, for the temperature loss.
    pub log_prob: Tensor<1>,
    /// The frequency loss of each run, a constant, if it is used.
    pub routing_loss: Option<Tensor<1>>,
    /// Mean soft value of the sampled actions of each run, a constant, only for REINFORCE.
    pub soft_value: Option<Tensor<1>>,
    /// The mixture at the batch's states, before squashing, if there is one.
    pub mixture: Option<MixtureBatch>,
    /// What the entropy of the acting policy is computed from, unless it is minus the mean of
    /// `log_prob`.
    pub sample: Option<PolicySample>,
}

impl ActorLoss {
    fn new(loss: Tensor<1>, log_prob: Tensor<1>) -> Self {
        Self { loss, log_prob, routing_loss: None, soft_value: None, mixture: None, sample: None }
    }
}

impl Actor {
    /// Creates a policy with initial parameters from the run's seed.
    pub fn new(
        config: &SacConfig,
        obs_dim: usize,
        action_dim: usize,
        seed: u64,
        device: &Device,
    ) -> Self {
        let SacConfig { ref hidden, init, log_std, .. } = *config;
        let spec = NetSpec { obs_dim, action_dim, hidden, init, log_std, seed, device };
        match &config.actor {
            ActorConfig::Gaussian {} => Self::Gaussian(GaussianActor::new(&spec)),
            ActorConfig::Gating(gating) => Self::Gating(GatingActor::new(gating, &spec)),
            ActorConfig::Mcp(mcp) => Self::Mcp(McpActor::new(mcp, &spec)),
            ActorConfig::Pmoe(pmoe) => Self::Pmoe(PmoeActor::new(pmoe, &spec)),
        }
    }

    /// Returns the layers of [`Actor::new`].
    pub(super) fn layers(config: &SacConfig, obs_dim: usize, action_dim: usize) -> Vec<Layer> {
        let hidden = &config.hidden[..];
        let routed = |num_primitives, routing_input| {
            RoutedNet::layers(obs_dim, action_dim, hidden, num_primitives, routing_input)
        };
        match &config.actor {
            ActorConfig::Gaussian {} => {
                PrimitiveNet::layers(&[&[obs_dim], hidden].concat(), 1, action_dim)
            }
            ActorConfig::Gating(gating) => routed(gating.num_primitives, RoutingInput::Trunk),
            ActorConfig::Mcp(mcp) => McpActor::layers(mcp, obs_dim, action_dim, hidden),
            ActorConfig::Pmoe(pmoe) => routed(pmoe.num_primitives, pmoe.routing_input),
        }
    }

    /// Computes the policy at every state of `obs`, `[B, O]`.
    pub fn policy(&self, obs: Tensor<2>) -> Policy<'_> {
        let composed = |(dist, experts)| Policy::Gaussian(dist, Some(experts));
        match self {
            Self::Gaussian(actor) => Policy::Gaussian(actor.distribution(obs), None),
            Self::Gating(actor) => composed(actor.distribution(obs)),
            Self::Mcp(actor) => composed(actor.distribution(obs)),
            Self::Pmoe(actor) => Policy::Mixture(actor, actor.mixture(obs)),
        }
    }

    /// Computes the primitives and their weights at every state of `obs`, `[B, O]`; `None` for a
    /// single Gaussian.
    pub fn primitives(&self, obs: Tensor<2>) -> Option<Mixture> {
        match self {
            Self::Gaussian(_) => None,
            Self::Gating(actor) => Some(actor.experts(obs)),
            Self::Mcp(actor) => Some(actor.experts(obs)),
            Self::Pmoe(actor) => Some(actor.mixture(obs)),
        }
    }

    /// Samples one action per state; a mixture first samples the primitive. If the target is the
    /// largest value, samples one action of every primitive.
    ///
    /// # Shapes
    /// - `obs`: `[B, O]`
    pub fn sample(&self, obs: Tensor<2>, target: TargetAction, rngs: &mut [&mut Rng]) -> Sampled {
        match self.policy(obs) {
            Policy::Gaussian(dist, _) => {
                let sample = dist.rsample(noise_like(&dist, rngs));
                Sampled { action: sample.action, log_prob: sample.log_prob }
            }
            Policy::Mixture(actor, mixture) => actor.sample(&mixture, target, rngs),
        }
    }

    /// Computes the action for one observation of each run, `[1, O]`, as a `[1, A]` tensor.
    ///
    /// If the config selects the primitive by value, `critic` provides the values.
    pub fn act(
        &self,
        critic: Judge<'_>,
        obs: Tensor<2>,
        mode: Mode,
        rngs: &mut [&mut Rng],
    ) -> Tensor<2> {
        let dist = match self.policy(obs.clone()) {
            Policy::Gaussian(dist, _) => dist,
            Policy::Mixture(actor, mixture) if mode == Mode::Explore && actor.acts_best() => {
                return actor.best_draw(&mixture, critic, obs, rngs);
            }
            Policy::Mixture(actor, mixture) => {
                actor.acting_primitive(&mixture, critic, obs, mode, rngs)
            }
        };
        match mode {
            Mode::Explore => dist.rsample(noise_like(&dist, rngs)).action,
            Mode::Evaluate => dist.mode(),
        }
    }

    /// Draws the random numbers for one [`Actor::loss`] at `batch_size` states, those of all runs.
    ///
    /// A single primitive uses as many as a plain Gaussian, and none for its choice.
    pub fn noise(
        &self,
        batch_size: usize,
        action_dim: usize,
        rngs: &mut [&mut Rng],
        device: &Device,
    ) -> ActorNoise {
        let one = NoiseSize { actions: 1, num_primitives: 1, draws_primitive: false };
        let size = if let Self::Pmoe(actor) = self { actor.noise_size() } else { one };
        let action = noise::normal_of_each([batch_size * size.actions, action_dim], rngs, device);
        let weights = [batch_size, size.num_primitives];
        let gumbel = if size.draws_primitive && size.num_primitives > 1 {
            noise::gumbel_of_each(weights, rngs, device)
        } else {
            Tensor::zeros(weights, device)
        };
        ActorNoise { action, gumbel }
    }

    /// Computes the policy loss.
    ///
    /// # Gradients
    /// Flow only into the actor.
    pub fn loss(&self, input: LossInput<'_>) -> ActorLoss {
        match self.policy(input.obs.clone()) {
            Policy::Gaussian(dist, mixture) => ActorLoss { mixture, ..gaussian_loss(&dist, input) },
            Policy::Mixture(actor, mixture) => actor.loss(mixture, input),
        }
    }
}

/// Computes SAC's actor loss, `mean_b ( α log π(a|s) − min_i Q_i(s, a) )`, with one action sampled
/// at every state.
fn gaussian_loss(dist: &TanhNormal, input: LossInput<'_>) -> ActorLoss {
    let sample = dist.rsample(input.noise.action);
    let q = (input.critic)(input.obs, sample.action);
    let log_prob = sample.log_prob.clone().inner();
    ActorLoss::new(backpropagate_max_losses(input.alpha, sample.log_prob, q), log_prob)
}

/// Draws standard normal noise for one sample per row.
fn noise_like(dist: &TanhNormal, rngs: &mut [&mut Rng]) -> Tensor<2> {
    noise::normal_of_each(dist.mean.dims(), rngs, &dist.mean.device().inner())
}
