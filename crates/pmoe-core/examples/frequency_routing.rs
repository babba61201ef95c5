//! Trains a router, without a gradient through the choice, to learn how often each primitive is
//! best.
//!
//! `cargo run --release -p pmoe-core --example frequency_routing`
#![expect(clippy::print_stdout, reason = "an example shows its result")]

use pmoe_core::burn::tensor::{Device, Tensor};
use pmoe_core::dist::{LogProb, Mixture};
use pmoe_core::loss::{Reduction, best_primitive, frequency_loss};
use pmoe_core::noise::{categorical_rows, normal};
use pmoe_core::rand::SeedableRng;
use pmoe_core::rand::rngs::Xoshiro256PlusPlus;

const ROWS: usize = 512;

/// Two fixed primitives, N(0.2, 0.1²) and N(0, 0.2²), for every row of the batch.
fn mixture(logits: Tensor<2>) -> Mixture {
    let row = |values: [[[f32; 1]; 2]; 1]| {
        Tensor::<3>::from_data(values, &Device::flex()).repeat_dim(0, ROWS)
    };
    Mixture {
        router_logits: logits.repeat_dim(0, ROWS),
        mean: row([[[0.2], [0.0]]]),
        log_std: row([[[0.1_f32.ln()], [0.2_f32.ln()]]]),
    }
}

fn main() {
    let device = Device::flex();
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(0);
    let mut logits = Tensor::<2>::zeros([1, 2], &device);

    for update in 0..=600 {
        let tracked = logits.clone().autodiff().require_grad();
        let mixture = mixture(tracked.clone());

        // Each primitive samples an action. The critic is Q(s, a) = a, so the larger action is
        // better.
        let noise = normal([2 * ROWS, 1], &mut rng, &device);
        let q = mixture.primitives().rsample(noise).action.reshape([ROWS, 2]);
        let best = best_primitive(q);

        let weights = mixture.log_weights().exp();
        if update % 100 == 0 {
            let weight = weights.clone().mean_dim(0).inner().try_into_vec_as::<f32>();
            println!("after {update:3} updates: w = {:.3?}", weight.expect("weights are floats"));
        }
        let gradients = frequency_loss(weights, &best, Reduction::Sum).backward();
        let gradient = tracked.grad(&gradients).expect("the logits are tracked");
        logits = logits - gradient.mul_scalar(0.2);
    }
    println!("the first is better with probability Φ(0.2 / √0.05) = 0.814");

    // The policy acts: a primitive drawn for each row, and an action of it.
    let policy = mixture(logits);
    let primitive = categorical_rows(policy.log_weights().exp(), &mut rng);
    let draw = policy.primitive(&primitive).rsample(normal([ROWS, 1], &mut rng, &device));
    let log_prob = policy.sample_log_prob(&draw, LogProb::Mixture).mean();
    let entropy = -log_prob.try_into_vec_as::<f32>().expect("densities are floats")[0];
    println!("entropy of the policy, from {ROWS} actions: {entropy:.2} nats");
}
