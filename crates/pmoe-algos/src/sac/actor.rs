//! The policies of the SAC family.
//!
//! The actor owns its policy loss, [`Sac`](super::Sac) owns everything else: SAC and PMOE-SAC differ
//! in the actor only.

mod gaussian;
mod pmoe;

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use pmoe_core::dist::TanhNormal;
use pmoe_core::noise::{self, Rng};

pub use self::gaussian::GaussianActor;
pub use self::pmoe::PmoeActor;
use super::{ActorConfig, TwinCritic};
use crate::agent::Mode;
use crate::seed::{Stream, stream};

/// The limits of a primitive's log standard deviation; outside, the gradient is zero.
///
/// As in Spinning Up's SAC and the authors' release.
pub const LOG_STD_LIMITS: (f64, f64) = (-20.0, 2.0);

/// A policy.
#[derive(Module, Debug)]
pub enum Actor {
    /// One squashed Gaussian: SAC.
    Gaussian(GaussianActor),
    /// A mixture of squashed Gaussians: PMOE-SAC.
    Pmoe(PmoeActor),
}

/// One action per state, with its log-density.
#[derive(Debug, Clone)]
pub struct Sampled {
    /// `[B, A]`
    pub action: Tensor<2>,
    /// `[B]`
    pub log_prob: Tensor<1>,
}

/// An actor's loss and what others need of it.
#[derive(Debug)]
pub struct ActorLoss {
    /// `[1]`, to descend.
    pub loss: Tensor<1>,
    /// Log-density of the actions that the loss was taken at, `[N]`, a constant: the temperature
    /// learns from it.
    pub log_prob: Tensor<1>,
    /// What a mixture adds to the log.
    pub mixture: Option<MixtureLoss>,
}

/// The mixture's part of an [`ActorLoss`].
#[derive(Debug)]
pub struct MixtureLoss {
    /// The frequency loss, `[1]`, a constant.
    pub routing_loss: Tensor<1>,
    /// Routing weights, `[B, K]`, constants.
    pub weights: Tensor<2>,
}

impl Actor {
    /// A policy with initial parameters from the run's seed.
    pub fn new(
        config: &ActorConfig,
        hidden: &[usize],
        obs_dim: usize,
        action_dim: usize,
        seed: u64,
        device: &Device,
    ) -> Self {
        let sizes: Vec<usize> = [obs_dim].iter().chain(hidden).copied().collect();
        let mut rng = stream(seed, Stream::ActorInit);
        match config {
            ActorConfig::Gaussian {} => {
                Self::Gaussian(GaussianActor::new(&sizes, action_dim, &mut rng, device))
            }
            ActorConfig::Pmoe(pmoe) => {
                let mut router_rng = stream(seed, Stream::RouterInit);
                let actor =
                    PmoeActor::new(pmoe, &sizes, action_dim, &mut rng, &mut router_rng, device);
                Self::Pmoe(actor)
            }
        }
    }

    /// Number K of Gaussian primitives.
    pub fn num_primitives(&self) -> usize {
        match self {
            Self::Gaussian(_) => 1,
            Self::Pmoe(actor) => actor.num_primitives(),
        }
    }

    /// Draws one action per state; with a mixture, the primitive first.
    ///
    /// # Shapes
    /// - `obs`: `[B, O]`
    pub fn sample(&self, config: &ActorConfig, obs: Tensor<2>, rng: &mut Rng) -> Sampled {
        match (self, config) {
            (Self::Gaussian(actor), _) => {
                let dist = actor.distribution(obs);
                let sample = dist.rsample(noise_like(&dist, rng));
                Sampled { action: sample.action, log_prob: sample.log_prob }
            }
            (Self::Pmoe(actor), ActorConfig::Pmoe(config)) => actor.sample(config, obs, rng),
            (Self::Pmoe(_), ActorConfig::Gaussian {}) => {
                unreachable!("the actor follows its config")
            }
        }
    }

    /// The action for one observation, `[1, O]`, into a `[1, A]` tensor.
    ///
    /// `critic` judges the primitives where the config asks for that.
    pub fn act(
        &self,
        config: &ActorConfig,
        critic: &TwinCritic,
        obs: Tensor<2>,
        mode: Mode,
        rng: &mut Rng,
    ) -> Tensor<2> {
        let dist = match (self, config) {
            (Self::Gaussian(actor), _) => actor.distribution(obs),
            (Self::Pmoe(actor), ActorConfig::Pmoe(config)) => {
                actor.chosen_primitive(config, critic, obs, mode, rng)
            }
            (Self::Pmoe(_), ActorConfig::Gaussian {}) => {
                unreachable!("the actor follows its config")
            }
        };
        match mode {
            Mode::Explore => dist.rsample(noise_like(&dist, rng)).action,
            Mode::Evaluate => dist.mode(),
        }
    }

    /// The policy loss at `obs`, `[B, O]`, with noise `[B·K, A]`.
    ///
    /// # Gradients
    /// Flow into the actor. `critic` enters as a constant: hand in `critic.valid()`.
    pub fn loss(
        &self,
        config: &ActorConfig,
        critic: &TwinCritic,
        obs: Tensor<2>,
        alpha: f64,
        noise: Tensor<2>,
    ) -> ActorLoss {
        match (self, config) {
            (Self::Gaussian(actor), _) => actor.loss(critic, obs, alpha, noise),
            (Self::Pmoe(actor), ActorConfig::Pmoe(config)) => {
                actor.loss(config, critic, obs, alpha, noise)
            }
            (Self::Pmoe(_), ActorConfig::Gaussian {}) => {
                unreachable!("the actor follows its config")
            }
        }
    }
}

/// Standard normal noise for one draw of each row.
fn noise_like(dist: &TanhNormal, rng: &mut Rng) -> Tensor<2> {
    noise::normal(dist.mean.dims(), rng, &dist.mean.device().inner())
}
