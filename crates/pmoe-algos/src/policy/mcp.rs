//! Multiplicative compositional policies (MCP): a product of weighted Gaussians, squashed in SAC
//! but not in PPO.
//!
//! Peng et al., "MCP: Learning Composable Hierarchical Control with Multiplicative Compositional
//! Policies", arXiv:1905.09808.
//!
//! # Deviations
//! - MuJoCo tasks have no goal, so the gate has no branch for it. Gate and primitives get the same
//!   input.
//! - MCP pre-trains its primitives on other tasks. Here, as in the PMOE paper, everything is
//!   trained together.
//! - The full network is eight times the size of PMOE's. `network = "matched"` uses PMOE's sizes.

use burn::module::Module;
use burn::tensor::Tensor;
use burn::tensor::activation::{log_sigmoid, log_softmax};
use pmoe_core::dist::{Mixture, TanhNormal, multiplicative};
use pmoe_core::nn::Mlp;

use crate::layers::{Layer, chain};
use crate::policy::mixture_metrics::MixtureBatch;
use crate::policy::net::{NetSpec, PrimitiveNet, PrimitiveOutputs, RoutedNet};
use crate::policy::settings::{McpConfig, McpGate, McpNetwork, RoutingInput};
use crate::seed::{Stream, stream};

/// Units of the hidden layers of gate and primitives in the MCP paper.
const FULL_HIDDEN: [usize; 3] = [512, 256, 256];

/// A policy given by the weighted product of K Gaussians.
#[derive(Module, Debug)]
pub struct McpActor {
    /// Gate and Gaussians.
    pub net: McpNet,
    #[module(skip)]
    gate: McpGate,
}

/// The networks of an [`McpActor`].
#[expect(clippy::large_enum_variant, reason = "a policy has one of them")]
#[derive(Module, Debug)]
pub enum McpNet {
    /// A gate and primitives with the sizes of the MCP paper.
    Full(FullNet),
    /// The network of PMOE-SAC, with the gate's gradient flowing into the trunk.
    Matched(RoutedNet),
}

/// MCP's networks without the goal.
#[derive(Module, Debug)]
pub struct FullNet {
    /// `O → 512 → 256 → 256 → K`
    pub gate: Mlp,
    /// `O → 512 → 256`, shared by the primitives.
    pub trunk: Mlp,
    /// `256 → 256` and heads, one per primitive.
    pub primitives: Vec<PrimitiveNet>,
}

impl McpActor {
    /// Creates an untrained policy.
    pub fn new(config: &McpConfig, spec: &NetSpec<'_>) -> Self {
        let net = match config.network {
            McpNetwork::Full => McpNet::Full(FullNet::new(spec, config.num_primitives)),
            McpNetwork::Matched => {
                let net = RoutedNet::new(spec, config.num_primitives, RoutingInput::Trunk);
                McpNet::Matched(net)
            }
        };
        Self { net, gate: config.gate }
    }

    /// Returns the layers of [`McpActor::new`].
    pub(crate) fn layers(
        config: &McpConfig,
        obs_dim: usize,
        action_dim: usize,
        hidden: &[usize],
    ) -> Vec<Layer> {
        let num_primitives = config.num_primitives;
        match config.network {
            McpNetwork::Full => FullNet::layers(obs_dim, action_dim, num_primitives),
            McpNetwork::Matched => {
                let input = RoutingInput::Trunk;
                RoutedNet::layers(obs_dim, action_dim, hidden, num_primitives, input)
            }
        }
    }

    /// Computes the primitives at every state of `obs`, `[B, O]`. The logits are the logarithms of
    /// the weights in the product.
    pub fn experts(&self, obs: Tensor<2>) -> Mixture {
        let experts = match &self.net {
            McpNet::Full(net) => net.forward(obs),
            McpNet::Matched(net) => net.forward(obs),
        };
        let router_logits = match self.gate {
            McpGate::Sigmoid => log_sigmoid(experts.router_logits),
            McpGate::Softmax => log_softmax(experts.router_logits, 1),
        };
        Mixture { router_logits, ..experts }
    }

    /// Computes the action distribution at every state, `[B, A]`, from `obs`, `[B, O]`, and its
    /// experts.
    pub fn distribution(&self, obs: Tensor<2>) -> (TanhNormal, MixtureBatch) {
        let Mixture { router_logits: log_weights, mean, log_std } = self.experts(obs);
        let batch = MixtureBatch::new(log_weights.clone(), &mean);
        let (mean, log_std) = multiplicative(log_weights, mean, log_std);
        (TanhNormal { mean, log_std }, batch)
    }
}

impl FullNet {
    fn new(spec: &NetSpec<'_>, num_primitives: usize) -> Self {
        let [first, shared, joint] = FULL_HIDDEN;
        let (init, device) = (spec.init.hidden(), spec.device);
        let mut rng = stream(spec.seed, Stream::ActorInit);
        let trunk = init.trunk(&[spec.obs_dim, first, shared], &mut rng, device);
        let mut primitive = || PrimitiveNet::new(spec, &[shared, joint], 1, &mut rng);
        let primitives = (0..num_primitives).map(|_| primitive()).collect();
        let sizes = [spec.obs_dim, first, shared, joint, num_primitives];
        let mut rng = stream(spec.seed, Stream::RouterInit);
        let gate = init.network(&sizes, spec.init.router(), &mut rng, device);
        Self { gate, trunk, primitives }
    }

    /// Returns the layers of [`FullNet::new`].
    fn layers(obs_dim: usize, action_dim: usize, num_primitives: usize) -> Vec<Layer> {
        let [first, shared, joint] = FULL_HIDDEN;
        let mut layers = chain(&[obs_dim, first, shared, joint, num_primitives]);
        layers.extend(chain(&[obs_dim, first, shared]));
        for _ in 0..num_primitives {
            layers.extend(PrimitiveNet::layers(&[shared, joint], 1, action_dim));
        }
        layers
    }

    fn forward(&self, obs: Tensor<2>) -> Mixture {
        let router_logits = self.gate.forward(obs.clone());
        let features = self.trunk.forward(obs);
        let (means, log_stds) = self
            .primitives
            .iter()
            .map(|primitive| {
                let PrimitiveOutputs { mean, log_std, .. } = primitive.forward(features.clone());
                (mean.unsqueeze_dim(1), log_std.unsqueeze_dim(1))
            })
            .unzip();
        Mixture { router_logits, mean: Tensor::cat(means, 1), log_std: Tensor::cat(log_stds, 1) }
    }
}
