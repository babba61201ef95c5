//! Several runs in one tensor get what each gets alone: to the last bit with fused operations, to rounding with burn's.

#![allow(clippy::unwrap_used, reason = "a test")]

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Gradients, Int, Tensor, activation::softmax};
use pmoe_core::engine::{Engine, with_engine};
use pmoe_core::fused::twin_min;
use pmoe_core::loss::{
    Reduction, backpropagate_all_loss, backpropagate_all_losses, backpropagate_max_loss,
    backpropagate_max_losses, frequency_loss, frequency_losses, likelihood_ratio_loss,
    likelihood_ratio_losses, mean_squared_error, mean_squared_errors, reinforce_loss,
    reinforce_losses, weighted_loss, weighted_losses,
};
use pmoe_core::nn::Mlp;
use pmoe_core::noise;
use pmoe_core::optim::{Adam, Learner};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

const RUNS: usize = 3;
const ROWS: usize = 7;
const ALPHA: [f64; RUNS] = [0.2, 1.5, 0.01];

fn rng(seed: usize) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed as u64)
}

/// One tensor for each run.
fn normal(rows: usize, columns: usize, seed: usize) -> Vec<Tensor<2>> {
    let of_run = |run| noise::normal([rows, columns], &mut rng(10 * seed + run), &Device::flex());
    (0..RUNS).map(of_run).collect()
}

fn vectors(seed: usize) -> Vec<Tensor<1>> {
    normal(ROWS, 1, seed).into_iter().map(|column| column.squeeze_dim(1)).collect()
}

fn values<const D: usize>(tensor: &Tensor<D>) -> Vec<f32> {
    tensor.try_to_vec_as::<f32>().unwrap()
}

fn networks(sizes: &[usize], seed: usize) -> Vec<Learner<Mlp>> {
    let network = |run| Mlp::new(sizes, &mut rng(10 * seed + run), &Device::flex().autodiff());
    (0..RUNS).map(|run| Learner::new(network(run), Adam::new(1e-8))).collect()
}

/// As [`networks`], normalised, with other gains and biases in each run.
fn normalised_networks(sizes: &[usize], seed: usize) -> Vec<Learner<Mlp>> {
    struct Nudge(f64);
    impl ModuleMapper for Nudge {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            self.0 += 0.1;
            let nudge = self.0;
            param.map(|x| x.inner().add_scalar(nudge).autodiff().require_grad())
        }
    }
    let network = |run| {
        let (rng, device) = (&mut rng(10 * seed + run), Device::flex().autodiff());
        let mut network = Mlp::new(sizes, rng, &device).normalised(rng, &device);
        network.norms = network.norms.map(&mut Nudge(-0.5 + 0.03 * run as f64));
        Learner::new(network, Adam::new(1e-8))
    };
    (0..RUNS).map(network).collect()
}

fn stack(learners: &[Learner<Mlp>]) -> Learner<Mlp> {
    Learner::stack(&learners.iter().collect::<Vec<_>>()).unwrap()
}

/// The gradient of every parameter, in order.
fn gradients(network: &Mlp, gradients: Gradients) -> Vec<Vec<f32>> {
    struct Collect(GradientsParams, Vec<Vec<f32>>);
    impl ModuleVisitor for Collect {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            self.1.push(values(&self.0.get::<D>(param.id).unwrap()));
        }
    }
    let mut collect = Collect(GradientsParams::from_grads(gradients, network), Vec::new());
    network.visit(&mut collect);
    collect.1
}

/// Compares with both engines what all runs get together and what each gets alone, one after the other.
fn compare(together: impl Fn() -> Vec<Vec<f32>>, alone: impl Fn(usize) -> Vec<Vec<f32>>) {
    for (engine, tolerance) in [(Engine::Fused, 0.0), (Engine::Plain, 1e-5)] {
        with_engine(engine, || {
            let mut expected = alone(0);
            for run in 1..RUNS {
                let more = expected.iter_mut().zip(alone(run));
                more.for_each(|(all, more)| all.extend(more));
            }
            let found = together();
            assert_eq!(found.len(), expected.len());
            for (found, expected) in found.iter().zip(&expected) {
                assert_eq!(found.len(), expected.len());
                for (found, expected) in found.iter().zip(expected) {
                    let difference = (found - expected).abs() / expected.abs().max(1.0);
                    assert!(difference <= tolerance, "{engine:?}: {found} is not {expected}");
                }
            }
        });
    }
}

#[test]
fn layers() {
    for sizes in [&[5, 3][..], &[2, 9, 4], &[3, 16, 16, 1], &[4, 8, 8, 8, 8, 2]] {
        for learners in [networks(sizes, 1), normalised_networks(sizes, 1)] {
            let input = normal(ROWS, sizes[0], 2);
            check_layers(&learners, &input);
        }
    }
}

fn check_layers(learners: &[Learner<Mlp>], input: &[Tensor<2>]) {
    let pass = |network: &Mlp, input: Tensor<2>| {
        let input = input.autodiff().require_grad();
        let output = network.forward(input.clone());
        let loss = output.clone().square().sum();
        let grads = loss.backward();
        let of_input = values(&input.grad(&grads).unwrap());
        let constant = values(&network.valid().forward(input.inner()));
        let mut all = gradients(network, grads);
        all.extend([of_input, constant, values(&output.inner())]);
        all
    };
    let together = || pass(&stack(learners), Tensor::cat(input.to_vec(), 0));
    compare(together, |run| pass(&learners[run], input[run].clone()));
}

#[test]
fn the_smaller_of_two_values() {
    for (per_state, is_normalised) in [(1, false), (4, false), (1, true), (4, true)] {
        let make = if is_normalised { normalised_networks } else { networks };
        let [one, two] = [3, 4].map(|seed| make(&[5, 16, 8, 1], seed));
        let (state, action) = (normal(ROWS, 3, 5), normal(ROWS * per_state, 2, 6));
        let pass = |one: &Mlp, two: &Mlp, state: Tensor<2>, action: Tensor<2>| {
            let action = action.autodiff().require_grad();
            let (one, two) = (one.valid(), two.valid());
            let q = twin_min([one.network(), two.network()], state.clone(), action.clone());
            let constant = twin_min([one.network(), two.network()], state, action.clone().inner());
            let gradient = action.grad(&q.clone().square().backward()).unwrap();
            vec![values(&q.inner()), values(&constant), values(&gradient)]
        };
        let joined = |all: &[Tensor<2>]| Tensor::cat(all.to_vec(), 0);
        compare(
            || pass(&stack(&one), &stack(&two), joined(&state), joined(&action)),
            |run| pass(&one[run], &two[run], state[run].clone(), action[run].clone()),
        );
    }
}

/// The value of a loss, and its gradient with respect to an input.
fn derived<const D: usize>(
    x: Tensor<D>,
    loss: impl FnOnce(Tensor<D>) -> Tensor<1>,
) -> Vec<Vec<f32>> {
    let x = x.autodiff().require_grad();
    let loss = loss(x.clone());
    let gradient = x.grad(&loss.backward()).unwrap();
    vec![values(&loss.inner()), values(&gradient)]
}

/// Compares a loss of vectors of all runs with that of each.
fn compare_vectors(
    together: impl Fn(Tensor<1>, Tensor<1>, Tensor<1>) -> Tensor<1>,
    alone: impl Fn(usize, Tensor<1>, Tensor<1>, Tensor<1>) -> Tensor<1>,
) {
    let [x, y, z] = [20, 21, 22].map(vectors);
    let joined = |all: &[Tensor<1>]| Tensor::cat(all.to_vec(), 0);
    compare(
        || derived(joined(&x), |x| together(x, joined(&y), joined(&z))),
        |run| derived(x[run].clone(), |x| alone(run, x, y[run].clone(), z[run].clone())),
    );
}

/// Does the same for losses of matrices, `[B, K]`, with a primitive for each row.
fn compare_matrices(
    together: impl Fn(Tensor<2>, Tensor<2>, &Tensor<1, Int>) -> Tensor<1>,
    alone: impl Fn(usize, Tensor<2>, Tensor<2>, &Tensor<1, Int>) -> Tensor<1>,
) {
    let [x, y, z] = [23, 24, 25].map(|seed| normal(ROWS, 4, seed));
    let index = |all: Tensor<2>| all.argmax(1).squeeze_dim::<1>(1);
    let joined = |all: &[Tensor<2>]| Tensor::cat(all.to_vec(), 0);
    compare(
        || derived(joined(&x), |x| together(x, joined(&y), &index(joined(&z)))),
        |run| derived(x[run].clone(), |x| alone(run, x, y[run].clone(), &index(z[run].clone()))),
    );
}

#[test]
fn losses() {
    compare_vectors(
        |x, y, _| mean_squared_errors(x, y, RUNS),
        |_, x, y, _| mean_squared_error(x, y),
    );
    compare_vectors(
        |x, y, _| backpropagate_max_losses(&ALPHA, x, y),
        |run, x, y, _| backpropagate_max_loss(ALPHA[run], x, y),
    );
    compare_vectors(
        |x, y, z| likelihood_ratio_losses(&ALPHA, x, y, z),
        |run, x, y, z| likelihood_ratio_loss(ALPHA[run], x, y, z),
    );
    compare_matrices(
        |x, y, _| backpropagate_all_losses(&ALPHA, x, y),
        |run, x, y, _| backpropagate_all_loss(ALPHA[run], x, y),
    );
    compare_matrices(|x, y, _| weighted_losses(x, y, RUNS), |_, x, y, _| weighted_loss(x, y));
    for reduction in [Reduction::Sum, Reduction::Mean] {
        compare_matrices(
            |x, _, best| frequency_losses(softmax(x, 1), best, reduction, RUNS),
            |_, x, _, best| frequency_loss(softmax(x, 1), best, reduction),
        );
    }
    let baseline = |q: &Tensor<2>| q.clone().mean_dim(1).squeeze_dim::<1>(1);
    compare_matrices(
        |x, q, drawn| reinforce_losses(x, q.clone(), drawn, baseline(&q), RUNS),
        |_, x, q, drawn| reinforce_loss(x, q.clone(), drawn, baseline(&q)),
    );
}

#[test]
fn noise_of_each_run_comes_from_its_own_generator() {
    let device = Device::flex();
    let mut rngs: Vec<_> = (0..RUNS).map(rng).collect();
    let mut rngs: Vec<_> = rngs.iter_mut().collect();
    let normal = noise::normal_of_each([RUNS * ROWS, 2], &mut rngs, &device);
    let gumbel = noise::gumbel_of_each([RUNS * ROWS, 2], &mut rngs, &device);
    let weights = softmax(gumbel.clone(), 1);
    let drawn = noise::categorical_rows_of_each(weights.clone(), &mut rngs);
    for run in 0..RUNS {
        let mut rng = rng(run);
        let [of_normal, of_gumbel, of_weights] =
            [&normal, &gumbel, &weights].map(|all| all.clone().narrow(0, run * ROWS, ROWS));
        assert_eq!(values(&noise::normal([ROWS, 2], &mut rng, &device)), values(&of_normal));
        assert_eq!(values(&noise::gumbel([ROWS, 2], &mut rng, &device)), values(&of_gumbel));
        let alone = noise::categorical_rows(of_weights, &mut rng).try_to_vec_as::<i64>().unwrap();
        let of_drawn = drawn.clone().narrow(0, run * ROWS, ROWS).try_to_vec_as::<i64>().unwrap();
        assert_eq!(alone, of_drawn);
    }
}
