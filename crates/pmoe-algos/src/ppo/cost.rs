//! The matrix products of a gradient update: what it costs at the least.

use super::{ActorConfig, CriticConfig, GatingConfig, McpConfig, PpoConfig};
use crate::sac::{FULL_HIDDEN, Layer, MatrixProduct, McpNetwork, Products, RoutingInput, chain};

/// Every matrix product of one gradient update on a full minibatch, in no particular order.
///
/// Forward `x W`, backward `xᵀ dy` for weights and `dy Wᵀ` for inputs, the latter not where nobody needs
/// them. The Q-network that judges K actions sees the state once.
pub fn matrix_products(
    config: &PpoConfig,
    obs_dim: usize,
    action_dim: usize,
) -> Vec<MatrixProduct> {
    let rows = config.minibatch_size;
    let mut products = Products::default();
    visit(config, obs_dim, action_dim, &mut |layers, has_inputs| {
        products.forward(rows, layers, 1);
        products.weights(rows, layers, 1);
        products.inputs(rows, if has_inputs { layers } else { &layers[1..] }, 1);
    });
    if let ActorConfig::Pmoe(pmoe) = &config.actor
        && pmoe.routing.has_freq()
        && pmoe.num_primitives > 1
    {
        let (first, judged) = (pmoe.aux_hidden[0], rows * pmoe.num_primitives);
        products.forward(rows, &[(obs_dim, first)], 1);
        products.forward(judged, &[(action_dim, first)], 1);
        products.forward(judged, &chain(&[&pmoe.aux_hidden[..], &[1]].concat()), 1);
    }
    products.0
}

/// Every layer that is trained.
pub(crate) fn layers(config: &PpoConfig, obs_dim: usize, action_dim: usize) -> Vec<Layer> {
    let mut all = Vec::new();
    visit(config, obs_dim, action_dim, &mut |layers, _| all.extend_from_slice(layers));
    all
}

/// Calls `trained` with the layers of every network, and whether the gradient goes on into their input.
fn visit(
    config: &PpoConfig,
    obs_dim: usize,
    action_dim: usize,
    trained: &mut dyn FnMut(&[Layer], bool),
) {
    let hidden = &config.net.hidden;
    let features = hidden[hidden.len() - 1];
    let trunk = chain(&[&[obs_dim], &hidden[..]].concat());
    let is_full_mcp =
        matches!(&config.actor, ActorConfig::Mcp(McpConfig { network: McpNetwork::Full, .. }));
    if !is_full_mcp {
        trained(&trunk, false);
    }
    match &config.net.critic {
        CriticConfig::Shared {} => trained(&[(features, 1)], true),
        CriticConfig::Separate { hidden } => {
            trained(&chain(&[&[obs_dim], &hidden[..], &[1]].concat()), false);
        }
    }
    match &config.actor {
        ActorConfig::Gaussian { .. } => trained(&[(features, action_dim)], true),
        ActorConfig::Mcp(mcp) if is_full_mcp => {
            let [first, shared, joint] = FULL_HIDDEN;
            trained(&chain(&[obs_dim, first, shared, joint, mcp.num_primitives]), false);
            trained(&chain(&[obs_dim, first, shared]), false);
            for _ in 0..mcp.num_primitives {
                trained(&[(shared, joint), (joint, action_dim), (joint, action_dim)], true);
            }
        }
        ActorConfig::Gating(GatingConfig { num_primitives, .. })
        | ActorConfig::Mcp(McpConfig { num_primitives, .. }) => {
            let outputs = num_primitives.saturating_mul(action_dim);
            trained(&[(features, outputs), (features, outputs), (features, *num_primitives)], true);
        }
        ActorConfig::Pmoe(pmoe) => {
            let num_primitives = pmoe.num_primitives;
            trained(&[(features, num_primitives.saturating_mul(action_dim))], true);
            match pmoe.routing_input {
                RoutingInput::Trunk => trained(&[(features, num_primitives)], true),
                RoutingInput::TrunkSg => trained(&[(features, num_primitives)], false),
                RoutingInput::Obs => trained(&[(obs_dim, num_primitives)], false),
            }
            if pmoe.routing.has_freq() {
                let inputs = obs_dim.saturating_add(action_dim);
                trained(&chain(&[&[inputs], &pmoe.aux_hidden[..], &[1]].concat()), false);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{AlgoConfig, MethodConfig};

    #[test]
    fn operations_of_ppo_on_hopper_by_hand() {
        let text = include_str!("../../../../configs/algos/ppo.toml");
        let AlgoConfig::Ppo(config) = MethodConfig::from_toml(text, "ppo.toml").unwrap().algo
        else {
            panic!("PPO");
        };
        let flops: u64 = matrix_products(&config, 11, 3).iter().map(|p| p.flops()).sum();
        // Weights: 11·64 = 704 and 64² = 4 096 of the trunk, 64·3 = 192 and 64 of the heads. Forward and
        // weights all, inputs all but the first layer.
        let (first, rest) = (704, 4_096 + 192 + 64);
        assert_eq!(flops, 2 * 64 * (2 * (first + rest) + rest));
    }
}
