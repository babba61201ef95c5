//! Networks that the policies share: Gaussians on a trunk, with or without a router.

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::{Device, Tensor};
use pmoe_core::dist::Mixture;
use pmoe_core::fused::{Activation, linear_act};
use pmoe_core::nn::Mlp;
use pmoe_envs::Rng;

use crate::layers::{Layer, chain};
use crate::policy::init::Init;
use crate::policy::log_std::LogStd;
use crate::policy::settings::RoutingInput;
use crate::seed::{Stream, stream};

/// Parameters of a policy network.
#[derive(Debug, Clone, Copy)]
pub struct NetSpec<'a> {
    /// Size O of an observation.
    pub obs_dim: usize,
    /// Size A of an action.
    pub action_dim: usize,
    /// Units of each hidden layer.
    pub hidden: &'a [usize],
    /// Initial values of the layers.
    pub init: Init,
    /// Limits of the log standard deviations.
    pub log_std: LogStd,
    /// The run's seed.
    pub seed: u64,
    /// An autodiff device.
    pub device: &'a Device,
}

impl NetSpec<'_> {
    /// Returns the sizes of the trunk: observation and hidden layers.
    pub(crate) fn trunk(&self) -> Vec<usize> {
        [&[self.obs_dim], self.hidden].concat()
    }
}

/// Means and deviations of K Gaussians on one trunk.
#[derive(Module, Debug)]
pub struct PrimitiveNet {
    /// `O → hidden`, ReLU after every layer.
    pub trunk: Mlp,
    /// `hidden → K·A`
    pub mean: Linear,
    /// `hidden → K·A`
    pub log_std: Linear,
    #[module(skip)]
    num_primitives: usize,
    #[module(skip)]
    pub(crate) limits: LogStd,
}

/// Outputs of a [`PrimitiveNet`] for a batch of states.
#[derive(Debug, Clone)]
pub struct PrimitiveOutputs {
    /// The trunk's features, `[B, hidden]`.
    pub features: Tensor<2>,
    /// Means before squashing, `[B, K·A]`.
    pub mean: Tensor<2>,
    /// Log standard deviations before squashing, `[B, K·A]`.
    pub log_std: Tensor<2>,
}

impl PrimitiveNet {
    /// Creates `num_primitives` Gaussians on a trunk of the given sizes, starting with the input's.
    pub(crate) fn new(
        spec: &NetSpec<'_>,
        sizes: &[usize],
        num_primitives: usize,
        rng: &mut Rng,
    ) -> Self {
        let features = sizes[sizes.len() - 1];
        let trunk = spec.init.hidden().trunk(sizes, rng, spec.device);
        let outputs = num_primitives * spec.action_dim;
        let head =
            |rng: &mut Rng| spec.init.policy_head().linear(features, outputs, rng, spec.device);
        Self { trunk, mean: head(rng), log_std: head(rng), num_primitives, limits: spec.log_std }
    }

    /// Returns the layers of [`PrimitiveNet::new`].
    pub(crate) fn layers(sizes: &[usize], num_primitives: usize, action_dim: usize) -> Vec<Layer> {
        let head = (sizes[sizes.len() - 1], num_primitives.saturating_mul(action_dim));
        [chain(sizes), vec![head; 2]].concat()
    }

    /// Returns the number K of Gaussians.
    pub fn num_primitives(&self) -> usize {
        self.num_primitives
    }

    /// Computes the Gaussians at every row of `input`, `[B, O]`.
    pub fn forward(&self, input: Tensor<2>) -> PrimitiveOutputs {
        let features = self.trunk.forward(input);
        let mean = linear_act(features.clone(), &self.mean, Activation::Identity);
        let log_std = linear_act(features.clone(), &self.log_std, Activation::Identity);
        PrimitiveOutputs { features, mean, log_std: self.limits.apply(log_std) }
    }
}

/// K Gaussians on one trunk, and the router that weights them.
#[derive(Module, Debug)]
pub struct RoutedNet {
    /// The Gaussians.
    pub primitives: PrimitiveNet,
    /// `hidden → K`, or `O → K` if the input is the observation.
    pub router: Linear,
    #[module(skip)]
    pub(crate) routing_input: RoutingInput,
}

impl RoutedNet {
    /// Creates `num_primitives` Gaussians and their router.
    ///
    /// The router draws its initial values from a separate stream. With one primitive, trunk and
    /// heads therefore equal those of a plain [`PrimitiveNet`].
    pub(crate) fn new(
        spec: &NetSpec<'_>,
        num_primitives: usize,
        routing_input: RoutingInput,
    ) -> Self {
        let mut rng = stream(spec.seed, Stream::ActorInit);
        let primitives = PrimitiveNet::new(spec, &spec.trunk(), num_primitives, &mut rng);
        let router_input = routing_input.width(spec.obs_dim, spec.hidden);
        let mut rng = stream(spec.seed, Stream::RouterInit);
        let router = spec.init.router().linear(router_input, num_primitives, &mut rng, spec.device);
        Self { primitives, router, routing_input }
    }

    /// Returns the layers of [`RoutedNet::new`].
    pub(crate) fn layers(
        obs_dim: usize,
        action_dim: usize,
        hidden: &[usize],
        num_primitives: usize,
        routing_input: RoutingInput,
    ) -> Vec<Layer> {
        let trunk = [&[obs_dim], hidden].concat();
        let mut layers = PrimitiveNet::layers(&trunk, num_primitives, action_dim);
        layers.push((routing_input.width(obs_dim, hidden), num_primitives));
        layers
    }

    /// Computes router logits and Gaussians at every state of `obs`, `[B, O]`.
    pub fn forward(&self, obs: Tensor<2>) -> Mixture {
        let PrimitiveOutputs { features, mean, log_std } = self.primitives.forward(obs.clone());
        let router_input = match self.routing_input {
            RoutingInput::TrunkSg => features.inner(),
            RoutingInput::Trunk => features,
            RoutingInput::Obs => obs,
        };
        let router_logits = linear_act(router_input, &self.router, Activation::Identity);
        let [batch, width] = mean.dims();
        let num_primitives = self.primitives.num_primitives;
        let shape = [batch, num_primitives, width / num_primitives];
        Mixture { router_logits, mean: mean.reshape(shape), log_std: log_std.reshape(shape) }
    }
}
