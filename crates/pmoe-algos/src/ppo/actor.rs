//! The policies of the PPO family.

mod gating;
mod gaussian;
mod parts;
mod pmoe;

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use pmoe_core::dist::{Normal, NormalMixture, TanhNormal};
use pmoe_core::noise;
use pmoe_envs::Rng;

pub use self::gating::GatingActor;
pub use self::gaussian::GaussianActor;
pub use self::parts::MeanHead;
pub use self::pmoe::PmoeActor;
use super::{ActionValue, ActorConfig, McpConfig, PpoConfig};
use crate::agent::Mode;
use crate::layers::Layer;
use crate::policy::{self, Init, McpActor, MixtureBatch, NetSpec};
use crate::seed::{Stream, stream};

/// A policy with its settings.
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

/// Outputs of a policy's networks for a batch of states.
#[derive(Debug, Clone)]
pub struct ActorOutput<'a> {
    /// The action distributions.
    pub policy: Policy<'a>,
    /// The trunk's features, `[B, H]`, which a critic may share.
    pub features: Tensor<2>,
    /// Primitives and their weights, for metrics.
    pub mixture: Option<MixtureBatch>,
}

/// The action distribution at every state of a batch.
#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "handles of a few tensors, one at a time")]
pub enum Policy<'a> {
    /// One Gaussian.
    Normal(Normal),
    /// A mixture, with the policy it belongs to.
    Mixture(&'a PmoeActor, NormalMixture),
}

impl Policy<'_> {
    /// Computes the log-density of an action, `[B]`.
    ///
    /// # Shapes
    /// - `action`: `[B, A]`, not clipped
    pub fn log_prob(&self, action: Tensor<2>) -> Tensor<1> {
        match self {
            Self::Normal(normal) => normal.log_prob(action),
            Self::Mixture(_, mixture) => mixture.log_prob(action),
        }
    }

    /// Computes the entropy in nats, `[B]`, or `[1]` if it does not depend on the state. For a
    /// mixture, this is the lower bound Σ_k w_k H(N_k).
    pub fn entropy(&self) -> Tensor<1> {
        match self {
            Self::Normal(normal) => normal.entropy(),
            Self::Mixture(_, mixture) => mixture.entropy_bound(),
        }
    }

    /// Estimates the entropy in nats, `[B]`, of a policy that drew `action`; `None` for one Gaussian,
    /// whose [`Policy::entropy`] is exact.
    ///
    /// # Shapes
    /// - `action`: `[B, A]`, not clipped
    pub fn entropy_estimate(&self, action: Tensor<2>) -> Option<Tensor<1>> {
        match self {
            Self::Normal(_) => None,
            Self::Mixture(_, mixture) => Some(mixture.entropy_estimate(action)),
        }
    }

    /// Detaches the distribution from the graph.
    #[must_use]
    pub fn constant(&self) -> Self {
        match self {
            Self::Normal(normal) => Self::Normal(normal.constant()),
            Self::Mixture(actor, mixture) => Self::Mixture(actor, mixture.constant()),
        }
    }

    /// Returns the distribution whose log-density enters the surrogate, see
    /// [`PmoeActor::objective`].
    #[must_use]
    pub fn objective(&self) -> Self {
        match self {
            Self::Normal(normal) => Self::Normal(normal.clone()),
            Self::Mixture(actor, mixture) => Self::Mixture(actor, actor.objective(mixture)),
        }
    }
}

impl Actor {
    /// Creates a policy with initial parameters from the run's seed.
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
                let (init, log_std) = (Init::Torch, mcp.log_std);
                let spec = NetSpec { obs_dim, action_dim, hidden, init, log_std, seed, device };
                Self::Mcp(McpActor::new(&mcp.policy(), &spec))
            }
        }
    }

    /// Returns the layers of [`Actor::new`].
    pub(super) fn layers(config: &PpoConfig, obs_dim: usize, action_dim: usize) -> Vec<Layer> {
        let net = &config.net;
        match &config.actor {
            ActorConfig::Gaussian { .. } => GaussianActor::layers(net, obs_dim, action_dim),
            ActorConfig::Pmoe(pmoe) => PmoeActor::layers(pmoe, net, obs_dim, action_dim),
            ActorConfig::Gating(gating) => GatingActor::layers(gating, net, obs_dim, action_dim),
            ActorConfig::Mcp(mcp) => {
                McpActor::layers(&mcp.policy(), obs_dim, action_dim, &net.hidden)
            }
        }
    }

    /// Computes the action distribution at every state, from `obs`, `[B, O]`.
    pub fn forward(&self, obs: Tensor<2>) -> ActorOutput<'_> {
        match self {
            Self::Gaussian(actor) => {
                let features = actor.trunk.forward(obs);
                let policy = Policy::Normal(actor.distribution(features.clone()));
                ActorOutput { policy, features, mixture: None }
            }
            Self::Pmoe(actor) => {
                let features = actor.trunk.forward(obs.clone());
                let mixture = actor.mixture(obs, features.clone());
                let batch = MixtureBatch::new(mixture.router_logits.clone(), &mixture.mean);
                let policy = match mixture.only() {
                    Some(normal) => Policy::Normal(normal),
                    None => Policy::Mixture(actor, mixture),
                };
                ActorOutput { policy, features, mixture: Some(batch) }
            }
            Self::Gating(actor) => {
                let features = actor.trunk.forward(obs);
                let (normal, batch) = actor.distribution(features.clone());
                ActorOutput { policy: Policy::Normal(normal), features, mixture: Some(batch) }
            }
            Self::Mcp(actor) => {
                let (TanhNormal { mean, log_std }, batch) = actor.distribution(obs.clone());
                let policy = Policy::Normal(Normal { mean, log_std });
                // Gate and primitives share no features, so the critic needs a separate network.
                ActorOutput { policy, features: obs, mixture: Some(batch) }
            }
        }
    }

    /// Computes the action for one observation, `[1, O]`, as a `[1, A]` tensor, not clipped.
    ///
    /// If the config selects the primitive by value, `aux` provides the values.
    pub fn act(
        &self,
        aux: Option<&ActionValue>,
        obs: Tensor<2>,
        mode: Mode,
        rng: &mut Rng,
    ) -> Tensor<2> {
        let normal = match self.forward(obs.clone()).policy {
            Policy::Normal(normal) => normal,
            Policy::Mixture(actor, mixture) => {
                actor.acting_primitive(&mixture, aux, obs, mode, rng)
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

impl McpConfig {
    /// Returns the settings of the policy.
    fn policy(&self) -> policy::McpConfig {
        let Self { num_primitives, gate, network, log_std: _, bound } = *self;
        policy::McpConfig { num_primitives, gate, network, bound }
    }
}
