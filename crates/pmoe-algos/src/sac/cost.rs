//! The matrix products of a gradient update: what it costs at the least.

use super::{ActorConfig, PrimitiveLoss, RoutingInput, SacConfig};

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
        2 * (self.m * self.k * self.n) as u64
    }
}

/// Every matrix product of one gradient update, in no particular order.
///
/// Forward `x W`, backward `xᵀ dy` for weights and `dy Wᵀ` for inputs; no weight gradients through
/// frozen networks, no input gradients where nobody needs them. A frozen critic sees the state once and
/// its K actions, and each row goes back through the smaller critic alone, here half of them through
/// each (see [`twin_min`](pmoe_core::fused::twin_min)).
pub fn matrix_products(
    config: &SacConfig,
    obs_dim: usize,
    action_dim: usize,
) -> Vec<MatrixProduct> {
    let rows = config.batch_size;
    let (num_primitives, pmoe) = match &config.actor {
        ActorConfig::Gaussian {} => (1, None),
        ActorConfig::Pmoe(pmoe) => (pmoe.num_primitives, Some(pmoe)),
    };
    let all_rows = rows * num_primitives;
    let chain = |sizes: &[usize]| -> Vec<(usize, usize)> {
        sizes.windows(2).map(|pair| (pair[0], pair[1])).collect()
    };
    let hidden = &config.hidden;
    let (first, features) = (hidden[0], hidden[hidden.len() - 1]);
    let trunk = chain(&[&[obs_dim], &hidden[..]].concat());
    let critic = chain(&[&[obs_dim + action_dim], &hidden[..], &[1]].concat());
    let (of_state, of_action, later) = ((obs_dim, first), (action_dim, first), &critic[1..]);
    let heads = vec![(features, num_primitives * action_dim); 2];
    // The router, and whether its gradient goes on into its input.
    let router = pmoe.map(|pmoe| match pmoe.routing_input {
        RoutingInput::TrunkSg => ((features, num_primitives), false),
        RoutingInput::Trunk => ((features, num_primitives), true),
        RoutingInput::Obs => ((obs_dim, num_primitives), false),
    });
    let mut products = Products::default();
    if let Some((layer, into_trunk)) = router {
        products.forward(rows, &[layer], 2);
        products.weights(rows, &[layer], 1);
        if into_trunk {
            products.inputs(rows, &[layer], 1);
        }
    }

    // Target: policy and target critics at the next states.
    products.forward(rows, &trunk, 1);
    products.forward(rows, &heads, 1);
    products.forward(rows, &[of_state, of_action], 2);
    products.forward(rows, later, 2);
    // Critics.
    products.forward(rows, &critic, 2);
    products.weights(rows, &critic, 2);
    products.inputs(rows, later, 2);
    // Actor: forward, frozen critics there and back, then the policy's own gradients.
    products.forward(rows, &trunk, 1);
    products.forward(rows, &heads, 1);
    products.forward(rows, &[of_state], 2);
    products.forward(all_rows, &[of_action], 2);
    products.forward(all_rows, later, 2);
    let is_all = pmoe.is_some_and(|pmoe| pmoe.primitive_loss == PrimitiveLoss::All);
    let judged = if is_all { all_rows } else { rows };
    for share in [judged / 2, judged - judged / 2] {
        products.inputs(share, &[of_action], 1);
        products.inputs(share, later, 1);
    }
    products.weights(rows, &heads, 1);
    products.inputs(rows, &heads, 1);
    products.weights(rows, &trunk, 1);
    products.inputs(rows, &trunk[1..], 1);
    products.0
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

    #[test]
    fn operations_of_sac_on_hopper_by_hand() {
        let text = include_str!("../../../../configs/algos/sac.toml");
        let method = MethodConfig::from_toml(text, "sac.toml").unwrap();
        let AlgoConfig::Sac(config) = method.algo else { panic!("SAC") };
        let flops: u64 = matrix_products(&config, 11, 3).iter().map(|p| p.flops()).sum();
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
}
