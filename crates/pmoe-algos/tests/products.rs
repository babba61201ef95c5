//! The matrix products of a gradient update on Hopper, counted by hand: nothing unnecessary is
//! computed.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use burn::tensor::Device;
use pmoe_algos::MethodConfig;
use pmoe_algos::seed::{Stream, stream};
use pmoe_core::fused::matrix_products;
use pmoe_envs::EnvSpec;

/// Counts multiplications and additions of one update; for DAC, of one per MDP.
fn flops(method: &str) -> u64 {
    let spec = EnvSpec::new("Hopper-v4", 11, 3);
    let algo = MethodConfig::named(method).unwrap().algo;
    let mut step = algo.timed_step(&spec, algo.rows_per_update(), &Device::flex());
    let products = matrix_products(|| step(&mut stream(0, Stream::Learn), &mut |_| ()));
    products.iter().map(|product| product.flops()).sum()
}

#[test]
fn of_sac() {
    // Weights:
    // - one critic: 14·256 + 256² + 256 = 69 376, of which 65 792 after the first layer and
    //   3·256 = 768 at the action
    // - trunk: 11·256 + 256² = 68 352, of which 65 536 after the first layer
    // - both heads: 1 536
    let (critic, later, action) = (69_376, 65_792, 768);
    let (trunk, trunk_later, heads) = (68_352, 65_536, 1_536);
    let target = trunk + heads + 2 * critic;
    let critics = 2 * (2 * critic + later);
    let judged = 2 * critic + later + action;
    let actor = 2 * (trunk + heads) + heads + trunk_later + judged;
    assert_eq!(flops("sac"), 2 * 100 * (target + critics + actor));
    // Normalisation multiplies no matrices.
    assert_eq!(flops("sac-ln"), flops("sac"));
}

#[test]
fn of_mixtures() {
    // As above, with four primitives: both heads have 6 144 weights, the router 1 024, which gives the
    // trunk no gradient. Of a critic's first layer, 2 816 weights are at the state, whose part is
    // computed once for all of its actions.
    let (critic, later, action, state) = (69_376, 65_792, 768, 2_816);
    let (trunk, trunk_later, heads, router) = (68_352, 65_536, 6_144, 1_024);
    let policy = trunk + heads + router;
    let learning = 2 * policy + heads + trunk_later;
    let critics = |count: u64| count * (2 * critic + later);
    let of_one = 2 * critic;
    let of_each = 2 * (state + 4 * (action + later));
    // Through the smaller critic alone.
    let back = later + action;
    for (method, expected) in [
        ("pmoe-sac", policy + of_one + critics(2) + learning + of_each + back),
        ("pmoe-sac-calibrated", policy + of_one + critics(2) + learning + of_each + back),
        ("pmoe-sac-modes", policy + of_one + critics(2) + learning + of_each + of_one + back),
        // Here the router gives the trunk a gradient, and all actions give theirs.
        (
            "pmoe-sac-marginal",
            policy + of_one + critics(2) + learning + router + of_each + 4 * back,
        ),
        ("pmoe-sac-best", policy + of_each + critics(2) + learning + of_each + back),
        // The gradient of the state is computed with that of the action: of all products, less than 1 % more
        // than needed.
        (
            "pmoe-sac-critics",
            policy + of_each + critics(4) + learning + 4 * (critic + later + state + action),
        ),
    ] {
        assert_eq!(flops(method), 2 * 100 * expected, "{method}");
    }
}

#[test]
fn of_mcp() {
    // As above, except for the policy. Its weights are 608 256 in total, without biases:
    // - gate: 11·512 + 512·256 + 256² + 256·4 = 203 264, of which 197 632 after the first layer
    // - shared trunk: 136 704, of which 131 072 after the first layer
    // - four primitives: 4 (256² + 2·768) = 268 288
    let (critic, later, action) = (69_376, 65_792, 768);
    let all = 203_264 + 136_704 + 268_288;
    let passing = 197_632 + 131_072 + 268_288;
    let target = all + 2 * critic;
    let critics = 2 * (2 * critic + later);
    let actor = 2 * all + passing + 2 * critic + later + action;
    assert_eq!(flops("mcp-sac"), 2 * 100 * (target + critics + actor));
}

#[test]
fn of_ppo() {
    // Weights: 11·64 = 704 and 64² = 4 096 in the trunk, 64·3 = 192 and 64 in the heads. The
    // forward pass and the gradients of weights use all layers, the gradients of inputs all but the
    // first.
    let (first, rest) = (704, 4_096 + 192 + 64);
    assert_eq!(flops("ppo"), 2 * 64 * (2 * (first + rest) + rest));
}

#[test]
fn of_dac() {
    // Each network has 11·64 = 704 weights in the first layer and 64² = 4 096 in the second. There
    // are eleven networks: three with 4 outputs, four with 1 and four with 3.
    let (first, rest) = (11 * 704, 11 * 4_096 + 64 * (3 * 4 + 4 + 4 * 3));
    assert_eq!(flops("dac"), 2 * 64 * (2 * (first + rest) + rest));
}
