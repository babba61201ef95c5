//! The matrix products of a gradient update: what it costs at the least.

use super::actor::FULL_HIDDEN;
use super::{
    ActorConfig, Estimator, GumbelMode, McpConfig, McpNetwork, PrimitiveLoss, RatioBaseline,
    RoutingInput, SacConfig, TargetAction,
};

/// A product of an `[m, k]` and a `[k, n]` matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MatrixProduct {
    /// Rows of the result.
    pub m: usize,
    /// Length of the sums.
    pub k: usize,
    /// Columns of the result.
    pub n: usize,
}

impl MatrixProduct {
    /// Multiplications and additions.
    pub fn flops(self) -> u64 {
        let sizes = [self.m, self.k, self.n].map(|size| size as u64);
        sizes.into_iter().fold(2, u64::saturating_mul)
    }
}

/// Every matrix product of one gradient update, in no particular order.
///
/// Forward `x W`, backward `xᵀ dy` for weights and `dy Wᵀ` for inputs; no weight gradients through
/// frozen networks, no input gradients where nobody needs them. A frozen critic sees the state once and
/// its actions, and each row goes back through the smaller critic alone, here half of them through
/// each (see [`twin_min`](pmoe_core::fused::twin_min)).
pub fn matrix_products(
    config: &SacConfig,
    obs_dim: usize,
    action_dim: usize,
) -> Vec<MatrixProduct> {
    let rows = config.batch_size;
    let policy = policy_layers(config, obs_dim, action_dim);
    let Rows { next, judged, learning } = critic_rows(config);
    let hidden = &config.hidden;
    let critic = critic_layers(config, obs_dim, action_dim);
    let (of_state, of_action) = ((obs_dim, hidden[0]), (action_dim, hidden[0]));
    let later = &critic[1..];
    let mut products = Products::default();

    // Target: policy and target critics at the next states.
    products.forward(rows, &policy.all, 1);
    products.forward(rows, &[of_state], 2);
    products.forward(rows * next, &[of_action], 2);
    products.forward(rows * next, later, 2);
    // Critics.
    products.forward(rows, &critic, 2);
    products.weights(rows, &critic, 2);
    products.inputs(rows, later, 2);
    // Actor: forward, frozen critics there and back, then the policy's own gradients.
    products.forward(rows, &policy.all, 1);
    products.forward(rows, &[of_state], 2);
    products.forward(rows * judged, &[of_action], 2);
    products.forward(rows * judged, later, 2);
    let learning = rows * learning;
    for share in [learning / 2, learning - learning / 2] {
        products.inputs(share, &[of_action], 1);
        products.inputs(share, later, 1);
    }
    products.weights(rows, &policy.all, 1);
    products.inputs(rows, &policy.passing, 1);
    products.0
}

/// Every layer that is trained: of the policy and of both critics.
pub(crate) fn layers(config: &SacConfig, obs_dim: usize, action_dim: usize) -> Vec<Layer> {
    let mut layers = policy_layers(config, obs_dim, action_dim).all;
    let critic = critic_layers(config, obs_dim, action_dim);
    layers.extend(critic.iter().chain(&critic));
    layers
}

/// Actions per state that pass through the critics at a time, there and back.
pub(crate) fn judged_and_learning(config: &SacConfig) -> u64 {
    let Rows { next, judged, learning } = critic_rows(config);
    (judged as u64).saturating_add(learning as u64).max(next as u64)
}

fn critic_layers(config: &SacConfig, obs_dim: usize, action_dim: usize) -> Vec<Layer> {
    chain(&[&[obs_dim.saturating_add(action_dim)], &config.hidden[..], &[1]].concat())
}

pub(crate) type Layer = (usize, usize);

/// Inputs and outputs of each layer of a network.
pub(crate) fn chain(sizes: &[usize]) -> Vec<Layer> {
    sizes.windows(2).map(|pair| (pair[0], pair[1])).collect()
}

/// The layers of a policy.
#[derive(Default)]
struct PolicyLayers {
    all: Vec<Layer>,
    /// Those whose gradient goes on into their input.
    passing: Vec<Layer>,
}

impl PolicyLayers {
    /// Adds layers that read the observation or constants, and what follows them.
    fn add_chain(&mut self, layers: &[Layer]) {
        self.all.push(layers[0]);
        self.add(&layers[1..]);
    }

    fn add(&mut self, layers: &[Layer]) {
        self.all.extend(layers);
        self.passing.extend(layers);
    }
}

fn policy_layers(config: &SacConfig, obs_dim: usize, action_dim: usize) -> PolicyLayers {
    let mut layers = PolicyLayers::default();
    let num_primitives = config.actor.num_primitives();
    let router = match &config.actor {
        ActorConfig::Gaussian {} => None,
        ActorConfig::Gating(_) => Some(RoutingInput::Trunk),
        ActorConfig::Pmoe(pmoe) => Some(pmoe.routing_input),
        ActorConfig::Mcp(McpConfig { network: McpNetwork::Matched, .. }) => {
            Some(RoutingInput::Trunk)
        }
        ActorConfig::Mcp(McpConfig { network: McpNetwork::Full, .. }) => {
            let [first, shared, joint] = FULL_HIDDEN;
            layers.add_chain(&chain(&[obs_dim, first, shared, joint, num_primitives]));
            layers.add_chain(&chain(&[obs_dim, first, shared]));
            for _ in 0..num_primitives {
                layers.add(&[(shared, joint), (joint, action_dim), (joint, action_dim)]);
            }
            return layers;
        }
    };
    let features = config.hidden[config.hidden.len() - 1];
    layers.add_chain(&chain(&[&[obs_dim], &config.hidden[..]].concat()));
    layers.add(&[(features, num_primitives.saturating_mul(action_dim)); 2]);
    match router {
        Some(RoutingInput::TrunkSg) => layers.add_chain(&[(features, num_primitives)]),
        Some(RoutingInput::Trunk) => layers.add(&[(features, num_primitives)]),
        Some(RoutingInput::Obs) => layers.add_chain(&[(obs_dim, num_primitives)]),
        None => {}
    }
    layers
}

/// Actions per state.
struct Rows {
    /// That the target critics see.
    next: usize,
    /// That the critics judge for the policy.
    judged: usize,
    /// Of these, how many the policy's gradient comes from.
    learning: usize,
}

fn critic_rows(config: &SacConfig) -> Rows {
    let ActorConfig::Pmoe(pmoe) = &config.actor else {
        return Rows { next: 1, judged: 1, learning: 1 };
    };
    let all = pmoe.num_primitives;
    let next = match config.target {
        TargetAction::Sample => 1,
        TargetAction::Max => all,
    };
    let (judged, learning) = match &pmoe.estimator {
        Estimator::Frequency(frequency) => match frequency.primitive_loss {
            PrimitiveLoss::Max => (all, 1),
            PrimitiveLoss::All => (all, all),
        },
        Estimator::Gumbel { mode: GumbelMode::StraightThrough, .. }
        | Estimator::Reinforce { .. } => (all, 1),
        Estimator::Gumbel { mode: GumbelMode::Soft, .. } => (1, 1),
        Estimator::LikelihoodRatio { baseline: RatioBaseline::None, .. } => (1, 0),
        Estimator::LikelihoodRatio { baseline: RatioBaseline::Expected, .. } => {
            (all.saturating_add(1), 0)
        }
        Estimator::Marginal {} => (all, all),
    };
    Rows { next, judged, learning }
}

/// Products of layers, given as their inputs and outputs.
#[derive(Default)]
pub(crate) struct Products(pub(crate) Vec<MatrixProduct>);

impl Products {
    fn add(
        &mut self,
        layers: &[(usize, usize)],
        times: usize,
        product: impl Fn(usize, usize) -> MatrixProduct,
    ) {
        for &(inputs, outputs) in layers {
            self.0.extend(std::iter::repeat_n(product(inputs, outputs), times));
        }
    }

    pub(crate) fn forward(&mut self, rows: usize, layers: &[(usize, usize)], times: usize) {
        self.add(layers, times, |inputs, outputs| MatrixProduct { m: rows, k: inputs, n: outputs });
    }

    pub(crate) fn weights(&mut self, rows: usize, layers: &[(usize, usize)], times: usize) {
        self.add(layers, times, |inputs, outputs| MatrixProduct { m: inputs, k: rows, n: outputs });
    }

    pub(crate) fn inputs(&mut self, rows: usize, layers: &[(usize, usize)], times: usize) {
        self.add(layers, times, |inputs, outputs| MatrixProduct { m: rows, k: outputs, n: inputs });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{AlgoConfig, MethodConfig};

    fn flops_on_hopper(text: &str) -> u64 {
        let method = MethodConfig::from_toml(text, "configs/algos").unwrap();
        let AlgoConfig::Sac(config) = method.algo else { panic!("SAC") };
        matrix_products(&config, 11, 3).iter().map(|product| product.flops()).sum()
    }

    #[test]
    fn operations_of_sac_on_hopper_by_hand() {
        let flops = flops_on_hopper(include_str!("../../../../configs/algos/sac.toml"));
        // Weights of one critic: 14·256 + 256² + 256 = 69 376, of them 65 792 after the first layer
        // and 3·256 = 768 at the action; of the trunk 11·256 + 256² = 68 352, of them 65 536 after the
        // first layer; of both heads 1 536.
        let (critic, later, action) = (69_376, 65_792, 768);
        let (trunk, trunk_later, heads) = (68_352, 65_536, 1_536);
        let target = trunk + heads + 2 * critic;
        let critics = 2 * (2 * critic + later);
        let judged = 2 * critic + later + action;
        let actor = 2 * (trunk + heads) + heads + trunk_later + judged;
        assert_eq!(flops, 2 * 100 * (target + critics + actor));
    }

    #[test]
    fn operations_of_mcp_on_hopper_by_hand() {
        let flops = flops_on_hopper(include_str!("../../../../configs/algos/mcp-sac.toml"));
        // As above, the policy apart. Weights of the gate: 11·512 + 512·256 + 256² + 256·4 = 203 264, of
        // them 197 632 after its first layer; of the shared trunk 136 704, of them 131 072; of four
        // primitives 4 (256² + 2·768) = 268 288. Without biases that is 608 256 in all.
        let (critic, later, action) = (69_376, 65_792, 768);
        let all = 203_264 + 136_704 + 268_288;
        let passing = 197_632 + 131_072 + 268_288;
        let target = all + 2 * critic;
        let critics = 2 * (2 * critic + later);
        let actor = 2 * all + passing + 2 * critic + later + action;
        assert_eq!(flops, 2 * 100 * (target + critics + actor));
    }
}
