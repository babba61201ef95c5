//! The policies of the PPO family.

mod gaussian;
mod parts;
mod pmoe;

use burn::module::Module;
use burn::tensor::{Device, Int, Tensor, activation::softmax};
use pmoe_core::dist::{Normal, NormalMixture};
use pmoe_core::loss::best_primitive;
use pmoe_core::noise::{self, Rng};

pub use self::gaussian::GaussianActor;
pub use self::parts::{MeanHead, StdParam};
pub use self::pmoe::{PmoeActor, routing_loss};
use super::{ActionValue, ActorConfig, PpoConfig, Routing};
use crate::agent::Mode;
use crate::sac::EvalPrimitive;
use crate::seed::{Stream, stream};

/// A policy's networks.
#[derive(Module, Debug)]
pub enum Actor {
    /// One Gaussian: PPO.
    Gaussian(GaussianActor),
    /// A mixture of Gaussians: PMOE-PPO.
    Pmoe(PmoeActor),
}

/// The action distribution at every state of a batch.
#[derive(Debug, Clone)]
pub enum Policy {
    /// One Gaussian.
    Normal(Normal),
    /// A mixture.
    Mixture(NormalMixture),
}

impl Policy {
    /// Log-density of an action, `[B]`.
    ///
    /// # Shapes
    /// - `action`: `[B, A]`, not clipped
    pub fn log_prob(&self, action: Tensor<2>) -> Tensor<1> {
        match self {
            Self::Normal(normal) => normal.log_prob(action),
            Self::Mixture(mixture) => mixture.log_prob(action),
        }
    }

    /// Entropy in nats, `[B]`, or `[1]` where it is the same everywhere; of a mixture its lower bound
    /// Σ_k w_k H(N_k).
    pub fn entropy(&self) -> Tensor<1> {
        match self {
            Self::Normal(normal) => normal.entropy(),
            Self::Mixture(mixture) => mixture.entropy_bound(),
        }
    }
}

impl Actor {
    /// A policy with initial parameters from the run's seed.
    pub fn new(
        config: &PpoConfig,
        obs_dim: usize,
        action_dim: usize,
        seed: u64,
        device: &Device,
    ) -> Self {
        let rng = &mut stream(seed, Stream::ActorInit);
        match &config.actor {
            ActorConfig::Gaussian { std } => {
                let net = &config.net;
                Self::Gaussian(GaussianActor::new(net, *std, obs_dim, action_dim, rng, device))
            }
            ActorConfig::Pmoe(pmoe) => {
                let router_rng = &mut stream(seed, Stream::RouterInit);
                let net = &config.net;
                let actor = PmoeActor::new(pmoe, net, obs_dim, action_dim, rng, router_rng, device);
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

    /// The features that everything else is made from, `[B, H]`, from `obs`, `[B, O]`.
    pub fn features(&self, obs: Tensor<2>) -> Tensor<2> {
        match self {
            Self::Gaussian(actor) => actor.trunk.forward(obs),
            Self::Pmoe(actor) => actor.trunk.forward(obs),
        }
    }

    /// The action distribution of every state.
    ///
    /// # Shapes
    /// - `obs`: `[B, O]`; `features`: `[B, H]`, of [`Actor::features`]
    pub fn policy(&self, config: &ActorConfig, obs: Tensor<2>, features: Tensor<2>) -> Policy {
        match (self, config) {
            (Self::Gaussian(actor), _) => Policy::Normal(actor.distribution(features)),
            (Self::Pmoe(actor), ActorConfig::Pmoe(config)) => {
                Policy::Mixture(actor.mixture(config.routing_input, obs, features))
            }
            (Self::Pmoe(_), _) => unreachable!("the actor follows its config"),
        }
    }

    /// The action for one observation, `[1, O]`, into a `[1, A]` tensor, not clipped.
    ///
    /// `aux` judges the primitives where the config asks for that.
    pub fn act(
        &self,
        config: &ActorConfig,
        aux: Option<&ActionValue>,
        obs: Tensor<2>,
        mode: Mode,
        rng: &mut Rng,
    ) -> Tensor<2> {
        let features = self.features(obs.clone());
        let normal = match self.policy(config, obs.clone(), features) {
            Policy::Normal(normal) => normal,
            Policy::Mixture(mixture) => {
                let primitive = chosen_primitive(&mixture, config, aux, obs, mode, rng);
                mixture.primitive(&primitive)
            }
        };
        match mode {
            Mode::Explore => {
                let noise = noise::normal(normal.mean.dims(), rng, &normal.mean.device());
                normal.rsample(noise)
            }
            Mode::Evaluate => normal.mean,
        }
    }
}

/// The primitive that acts, `[B]`: drawn while exploring, by [`EvalPrimitive`] when evaluated.
fn chosen_primitive(
    mixture: &NormalMixture,
    config: &ActorConfig,
    aux: Option<&ActionValue>,
    obs: Tensor<2>,
    mode: Mode,
    rng: &mut Rng,
) -> Tensor<1, Int> {
    let ActorConfig::Pmoe(config) = config else { unreachable!("the actor follows its config") };
    match (mode, config.eval_primitive) {
        (Mode::Explore, _) | (Mode::Evaluate, EvalPrimitive::Sample) => {
            noise::categorical_rows(softmax(mixture.router_logits.clone(), 1), rng)
        }
        (Mode::Evaluate, EvalPrimitive::ArgmaxW) => best_primitive(mixture.router_logits.clone()),
        (Mode::Evaluate, EvalPrimitive::ArgmaxQ) => {
            let aux = aux.expect("checked with the config: the router learns from frequencies");
            best_primitive(aux.of_actions(obs, mixture.primitives().mean))
        }
        (Mode::Evaluate, EvalPrimitive::Index(index)) => {
            let rows = obs.dims()[0];
            Tensor::full([rows], index as i64, &obs.device())
        }
    }
}

impl ActorConfig {
    /// The distribution whose log-density the surrogate sees: weights are constants in it where the router
    /// learns from frequencies alone.
    pub fn objective(&self, policy: &Policy) -> Policy {
        match (self, policy) {
            (Self::Pmoe(config), Policy::Mixture(mixture)) if config.routing == Routing::Freq => {
                let router_logits = mixture.router_logits.clone().inner();
                Policy::Mixture(NormalMixture { router_logits, ..mixture.clone() })
            }
            _ => policy.clone(),
        }
    }
}
