//! One state with two equally good actions, a = ±0.5: which losses keep both?
//!
//! `cargo run --release -p pmoe-core --example one_state`
#![expect(clippy::print_stdout, reason = "an example shows its result")]

use burn::tensor::{Device, Tensor, TensorData, activation::softmax};
use pmoe_core::dist::{LogProb, Mixture, TanhSample, select_value};
use pmoe_core::loss::{
    Reduction, backpropagate_all_loss, backpropagate_max_loss, best_primitive, frequency_loss,
    weighted_loss,
};
use pmoe_core::noise::normal;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

const ROWS: usize = 256;
const UPDATES: usize = 4_000;
const LEARNING_RATE: f64 = 0.05;
/// Weight of the entropy, almost zero so that the peaks are narrow.
const ALPHA: f64 = 1e-3;

type Loss = fn(&Mixture, TanhSample, Tensor<2>) -> Tensor<1>;

fn main() {
    println!("means (as actions), standard deviations (before tanh) and weights in the end:");
    learn("SAC", &[0.05], back_propagation_max);
    for start in [&[-0.3, 0.3][..], &[0.2, 0.3]] {
        learn("back-propagation-all", start, back_propagation_all);
        learn("back-propagation-max", start, back_propagation_max);
        learn("choice summed out", start, marginal);
    }
}

/// Q(a) = −min((a − ½)², (a + ½)²).
fn critic(action: Tensor<2>) -> Tensor<2> {
    let distance = |peak: f64| action.clone().add_scalar(-peak).square();
    distance(0.5).min_pair(distance(-0.5)).neg()
}

fn back_propagation_max(mixture: &Mixture, sample: TanhSample, q: Tensor<2>) -> Tensor<1> {
    let best = best_primitive(q.clone().inner());
    let log_prob = mixture.selected_log_prob(&sample, &best, LogProb::Component);
    let primitive_loss = backpropagate_max_loss(ALPHA, log_prob, select_value(q, &best));
    primitive_loss + frequency_loss(mixture.log_weights().exp(), &best, Reduction::Sum)
}

fn back_propagation_all(mixture: &Mixture, sample: TanhSample, q: Tensor<2>) -> Tensor<1> {
    let best = best_primitive(q.clone().inner());
    let log_prob = mixture.samples_log_prob(&sample, LogProb::Component);
    let routing_loss = frequency_loss(mixture.log_weights().exp(), &best, Reduction::Sum);
    backpropagate_all_loss(ALPHA, log_prob, q) + routing_loss
}

fn marginal(mixture: &Mixture, sample: TanhSample, q: Tensor<2>) -> Tensor<1> {
    let log_prob = mixture.samples_log_prob(&sample, LogProb::Mixture);
    weighted_loss(mixture.log_weights().exp(), q - log_prob.mul_scalar(ALPHA))
}

/// Runs gradient descent on the mixture of one state, from the given means before squashing.
fn learn(name: &str, start: &[f32], loss: Loss) {
    let device = Device::flex();
    let num_primitives = start.len();
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let shape = [1, num_primitives, 1];
    let mut logits = Tensor::<2>::zeros([1, num_primitives], &device);
    let mut mean = Tensor::<3>::from_data(TensorData::new(start.to_vec(), shape), &device);
    let mut log_std = Tensor::<3>::full(shape, 0.3_f32.ln(), &device);
    for _ in 0..UPDATES {
        let tracked = logits.clone().autodiff().require_grad();
        let [tracked_mean, tracked_log_std] =
            [&mean, &log_std].map(|x| x.clone().autodiff().require_grad());
        let mixture = Mixture {
            router_logits: tracked.clone().repeat_dim(0, ROWS),
            mean: tracked_mean.clone().repeat_dim(0, ROWS),
            log_std: tracked_log_std.clone().repeat_dim(0, ROWS),
        };
        let noise = normal([ROWS * num_primitives, 1], &mut rng, &device);
        let sample = mixture.primitives().rsample(noise);
        let q = critic(sample.action.clone().reshape([ROWS, num_primitives]));
        let gradients = loss(&mixture, sample, q).backward();
        let step =
            |gradient: Option<Tensor<3>>| gradient.expect("tracked").mul_scalar(LEARNING_RATE);
        mean = mean - step(tracked_mean.grad(&gradients));
        log_std = log_std - step(tracked_log_std.grad(&gradients));
        logits = logits - tracked.grad(&gradients).expect("tracked").mul_scalar(LEARNING_RATE);
    }
    let list = |x: Tensor<1>| x.try_into_vec_as::<f32>().expect("floats");
    let (mean, std) = (list(mean.tanh().flatten(0, 2)), list(log_std.exp().flatten(0, 2)));
    let weights = list(softmax(logits, 1).squeeze_dim(0));
    println!("{name:>21} from {start:?}: {mean:.2?}, {std:.2?}, {weights:.2?}");
}
