//! The policies of the PPO family.

mod gating;
mod gaussian;
mod parts;
mod pmoe;

use burn::module::Module;
use burn::tensor::{Device, Int, Tensor, activation::softmax};
use pmoe_core::dist::{Normal, NormalMixture, TanhNormal};
use pmoe_core::loss::best_primitive;
use pmoe_core::noise::{self, Rng};

pub use self::gating::GatingActor;
pub use self::gaussian::GaussianActor;
pub use self::parts::{MeanHead, StdParam};
pub use self::pmoe::{PmoeActor, routing_loss};
use super::{ActionValue, ActorConfig, PpoConfig, Routing};
use crate::agent::Mode;
use crate::mixture_metrics::MixtureBatch;
use crate::sac::{self, EvalPrimitive, McpActor, NetSpec};
use crate::seed::{Stream, stream};

/// A policy's networks.
#[derive(Module, Debug)]
pub enum Actor {
    /// One Gaussian: PPO.
    Gaussian(GaussianActor),
    /// A mixture of Gaussians: PMOE-PPO.
    Pmoe(PmoeActor),
    /// Gaussians blended into one by a gate.
    Gating(GatingActor),
    /// The product of weighted Gaussians: the networks of MCP-SAC, not squashed.
    Mcp(McpActor),
}

/// What a policy's networks say of a batch of states.
#[derive(Debug, Clone)]
pub struct ActorOutput {
    /// The action distributions.
    pub policy: Policy,
    /// The trunk's features, `[B, H]`, which a critic may share.
    pub features: Tensor<2>,
    /// Primitives and their weights, for the log.
    pub mixture: Option<MixtureBatch>,
}

/// The action distribution at every state of a batch.
#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "handles of a few tensors, one at a time")]
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
            ActorConfig::Gating(gating) => {
                let router_rng = &mut stream(seed, Stream::RouterInit);
                let net = &config.net;
                let actor =
                    GatingActor::new(gating, net, obs_dim, action_dim, rng, router_rng, device);
                Self::Gating(actor)
            }
            ActorConfig::Mcp(mcp) => {
                let hidden = &config.net.hidden[..];
                let (init, log_std) = (sac::Init::Torch, mcp.log_std);
                let spec = NetSpec { obs_dim, action_dim, hidden, init, log_std, seed, device };
                let (num_primitives, gate, network) = (mcp.num_primitives, mcp.gate, mcp.network);
                let mcp = sac::McpConfig { num_primitives, gate, network };
                Self::Mcp(McpActor::new(&mcp, &spec))
            }
        }
    }

    /// The action distribution of every state, from `obs`, `[B, O]`.
    pub fn forward(&self, config: &ActorConfig, obs: Tensor<2>) -> ActorOutput {
        match (self, config) {
            (Self::Gaussian(actor), _) => {
                let features = actor.trunk.forward(obs);
                let policy = Policy::Normal(actor.distribution(features.clone()));
                ActorOutput { policy, features, mixture: None }
            }
            (Self::Pmoe(actor), ActorConfig::Pmoe(config)) => {
                let features = actor.trunk.forward(obs.clone());
                let mixture = actor.mixture(config.routing_input, obs, features.clone());
                let batch = MixtureBatch::new(mixture.router_logits.clone(), &mixture.mean);
                let policy = match mixture.only() {
                    Some(normal) => Policy::Normal(normal),
                    None => Policy::Mixture(mixture),
                };
                ActorOutput { policy, features, mixture: Some(batch) }
            }
            (Self::Pmoe(_), _) => unreachable!("the actor follows its config"),
            (Self::Gating(actor), _) => {
                let features = actor.trunk.forward(obs);
                let (normal, batch) = actor.distribution(features.clone());
                ActorOutput { policy: Policy::Normal(normal), features, mixture: Some(batch) }
            }
            (Self::Mcp(actor), _) => {
                let (TanhNormal { mean, log_std }, batch) = actor.distribution(obs.clone());
                let policy = Policy::Normal(Normal { mean, log_std });
                // Gate and primitives share no features; the critic has a network of its own.
                ActorOutput { policy, features: obs, mixture: Some(batch) }
            }
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
        let normal = match self.forward(config, obs.clone()).policy {
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
