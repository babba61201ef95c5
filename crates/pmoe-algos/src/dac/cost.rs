//! The matrix products of gradient updates: what they cost at the least.

use super::DacConfig;
use crate::sac::{Layer, MatrixProduct, Products, chain};

/// Every matrix product of one gradient update of each MDP on full minibatches, in no particular order.
pub fn matrix_products(
    config: &DacConfig,
    obs_dim: usize,
    action_dim: usize,
) -> Vec<MatrixProduct> {
    let rows = config.minibatch_size;
    let mut products = Products::default();
    let mut trained = |outputs: usize, times: usize| {
        let layers = network(config, obs_dim, outputs);
        products.forward(rows, &layers, times);
        products.weights(rows, &layers, times);
        products.inputs(rows, &layers[1..], times);
    };
    let num_options = config.num_options;
    // High: master policy, terminations, critic. Low: options, critic.
    trained(num_options, 1);
    trained(1, num_options);
    trained(num_options, 1);
    trained(action_dim, num_options);
    trained(num_options, 1);
    products.0
}

/// Every layer that is trained: of master policy and critic, then of each option's end and mean.
pub(crate) fn layers(config: &DacConfig, obs_dim: usize, action_dim: usize) -> Vec<Layer> {
    let num_options = config.num_options;
    let [shared, end, mean] =
        [num_options, 1, action_dim].map(|outputs| network(config, obs_dim, outputs));
    let of_option = [end, mean].concat();
    [&shared, &shared]
        .into_iter()
        .chain(std::iter::repeat_n(&of_option, num_options))
        .flatten()
        .copied()
        .collect()
}

fn network(config: &DacConfig, obs_dim: usize, outputs: usize) -> Vec<Layer> {
    chain(&[&[obs_dim], &config.hidden[..], &[outputs]].concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{AlgoConfig, MethodConfig};

    #[test]
    fn operations_of_dac_on_hopper_by_hand() {
        let text = include_str!("../../../../configs/algos/dac.toml");
        let AlgoConfig::Dac(config) = MethodConfig::from_toml(text, "dac.toml").unwrap().algo
        else {
            panic!("DAC");
        };
        let flops: u64 = matrix_products(&config, 11, 3).iter().map(|p| p.flops()).sum();
        // Of every network 11·64 = 704 weights in the first layer, 64² = 4 096 in the second; eleven
        // networks, of them three with 4 outputs, four with 1 and four with 3.
        let (first, rest) = (11 * 704, 11 * 4_096 + 64 * (3 * 4 + 4 + 4 * 3));
        assert_eq!(flops, 2 * 64 * (2 * (first + rest) + rest));
    }
}
