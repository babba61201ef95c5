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
//! - Limits of the log standard deviations bound the product as well as each primitive. MCP, whose
//!   deviations are fixed, bounds neither. With sigmoid weights, which need not sum to 1, a product
//!   of small weights is wider than each of its primitives, up to a standard deviation of 10⁴;
//!   `bound = "primitives"` permits that.

use burn::module::Module;
use burn::tensor::Tensor;
use burn::tensor::activation::{log_sigmoid, log_softmax};
use pmoe_core::dist::{Mixture, TanhNormal, multiplicative};
use pmoe_core::nn::Mlp;

use crate::layers::{Layer, chain};
use crate::policy::log_std::LogStd;
use crate::policy::mixture_metrics::MixtureBatch;
use crate::policy::net::{NetSpec, PrimitiveNet, PrimitiveOutputs, RoutedNet};
use crate::policy::settings::{McpBound, McpConfig, McpGate, McpNetwork, RoutingInput};
use crate::seed::{Stream, stream};

/// Units of the hidden layers of gate and primitives in the MCP paper.
const FULL_HIDDEN: [usize; 3] = [512, 256, 256];

/// A policy given by the weighted product of K Gaussians.
#[derive(Module, Debug)]
pub struct McpActor {
    /// Gate and Gaussians.
    pub net: McpNet,
    #[module(skip)]
    pub(crate) gate: McpGate,
    /// Limits of the product's log standard deviation, if it has any.
    #[module(skip)]
    limits: Option<LogStd>,
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
        let limits = match config.bound {
            McpBound::Primitives => None,
            McpBound::Product => Some(spec.log_std),
        };
        Self { net, gate: config.gate, limits }
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
    ///
    /// # Gradients
    /// Flow into gate and primitives, where the product's deviation is clamped only through its
    /// mean.
    pub fn distribution(&self, obs: Tensor<2>) -> (TanhNormal, MixtureBatch) {
        let Mixture { router_logits: log_weights, mean, log_std } = self.experts(obs);
        let batch = MixtureBatch::new(log_weights.clone(), &mean);
        let (mean, log_std) = multiplicative(log_weights, mean, log_std);
        let log_std = match self.limits {
            Some(limits) => limits.clamp(log_std),
            None => log_std,
        };
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

#[cfg(test)]
mod tests {
    use burn::module::Param;
    use burn::nn::Linear;
    use burn::tensor::Device;

    use super::*;
    use crate::policy::Init;

    /// A layer whose outputs are `value` for every input.
    fn constant(mut layer: Linear, value: f64) -> Linear {
        layer.weight = layer.weight.map(|weight| weight.zeros_like().require_grad());
        let filled = |bias: Tensor<1>| bias.full_like(value).require_grad();
        layer.bias = layer.bias.map(|bias| bias.map(filled));
        layer
    }

    /// Log standard deviations, `[2]`, of the product of two standard normal primitives with these
    /// gate outputs, and the gradient of their sum by the gate's biases, `[2]`.
    fn product(bound: McpBound, gate_output: f64) -> [Vec<f32>; 2] {
        let (gate, network) = (McpGate::Sigmoid, McpNetwork::Matched);
        let config = McpConfig { num_primitives: 2, gate, network, bound };
        let spec = NetSpec {
            obs_dim: 3,
            action_dim: 2,
            hidden: &[4],
            init: Init::Torch,
            log_std: LogStd::Clamp(-20.0, 2.0),
            seed: 0,
            device: &Device::flex().autodiff(),
        };
        let mut actor = McpActor::new(&config, &spec);
        let McpNet::Matched(mut net) = actor.net else { panic!("as configured") };
        net.router = constant(net.router, gate_output);
        net.primitives.mean = constant(net.primitives.mean, 0.0);
        net.primitives.log_std = constant(net.primitives.log_std, 0.0);
        let bias = net.router.bias.as_ref().map(Param::val).expect("it has one");
        actor.net = McpNet::Matched(net);
        let (product, _) = actor.distribution(Tensor::zeros([1, 3], &Device::flex()));
        let grads = product.log_std.clone().sum().backward();
        let gradient = bias
            .grad(&grads)
            .map_or(vec![0.0; 2], |grad| grad.try_into_vec_as::<f32>().expect("floats"));
        [product.log_std.inner().try_into_vec_as::<f32>().expect("floats"), gradient]
    }

    #[track_caller]
    fn assert_close(found: &[f32], expected: f64) {
        for found in found {
            assert!((f64::from(*found) - expected).abs() < 1e-5, "{found} is not {expected}");
        }
    }

    #[test]
    fn a_bounded_product_is_no_wider_than_its_limits() {
        let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
        // log σ = −½ log 2w, and two of these by each logit: −½ (1 − w).
        for (gate_output, is_wide) in [(-2.0, false), (-6.0, true)] {
            let weight = sigmoid(gate_output);
            let (log_std, slope) = (-0.5 * (2.0 * weight).ln(), -0.5 * (1.0 - weight));
            assert_eq!(2.0 < log_std, is_wide);
            let [free, gradient] = product(McpBound::Primitives, gate_output);
            assert_close(&free, log_std);
            assert_close(&gradient, slope);
            let [bounded, gradient] = product(McpBound::Product, gate_output);
            assert_close(&bounded, if is_wide { 2.0 } else { log_std });
            assert_close(&gradient, if is_wide { 0.0 } else { slope });
        }
        // Without a bound, vanishing weights leave a deviation of 10⁴.
        let [free, _] = product(McpBound::Primitives, -80.0);
        assert_close(&free, 1e4_f64.ln());
        assert_close(&product(McpBound::Product, -80.0)[0], 2.0);
    }
}
