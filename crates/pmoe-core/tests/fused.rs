//! Compares fused operations with burn's: values and gradients for random networks and batches.

#![allow(clippy::unwrap_used, reason = "a test")]

use burn::module::{Module, Param};
use burn::tensor::{Device, Gradients, Tensor, TensorData};
use pmoe_core::dist::{Normal, NormalMixture, TanhNormal};
use pmoe_core::engine::{Engine, with_engine};
use pmoe_core::fused::{Activation, linear_act, twin_min};
use pmoe_core::loss::{
    backpropagate_max_loss, clipped_surrogate_loss, mean_squared_error, value_loss,
};
use pmoe_core::nn::{LayerInit, Mlp, MlpStyle, Nonlinearity, linear};
use pmoe_core::noise;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// Allows for sums of up to some hundred terms in another order, in single precision.
const TOLERANCE: f32 = 1e-5;

fn trainable() -> Device {
    Device::flex().autodiff()
}

fn normal(shape: [usize; 2], rng: &mut ChaCha8Rng) -> Tensor<2> {
    noise::normal(shape, rng, &Device::flex())
}

fn values<const D: usize>(tensor: &Tensor<D>) -> Vec<f32> {
    tensor.try_to_vec_as::<f32>().unwrap()
}

/// The largest difference, relative to the largest magnitude, or to `unit` if that is larger.
fn difference(a: &[f32], b: &[f32], unit: f32) -> f32 {
    assert_eq!(a.len(), b.len());
    let largest = |x: &mut dyn Iterator<Item = f32>| x.fold(0.0_f32, |max, x| max.max(x.abs()));
    largest(&mut a.iter().zip(b).map(|(a, b)| a - b)) / largest(&mut b.iter().copied()).max(unit)
}

/// Compares the results of `compute` with fused and with burn's operations.
fn both(compute: impl Fn() -> Vec<Vec<f32>>) -> Vec<f32> {
    both_in(1e-6, compute)
}

/// Does the same for sums that may cancel, of terms of the magnitude `unit`.
fn both_in(unit: f32, compute: impl Fn() -> Vec<Vec<f32>>) -> Vec<f32> {
    let (fused, plain) = (compute(), with_engine(Engine::Plain, &compute));
    assert_eq!(fused.len(), plain.len());
    fused.iter().zip(&plain).map(|(fused, plain)| difference(fused, plain, unit)).collect()
}

/// The same cases each time: where a unit is at the kink of ReLU, or two critics are equal, rounding
/// decides which way a gradient goes, which happens in one of a thousand.
fn cases(count: u32) -> ProptestConfig {
    ProptestConfig { rng_seed: RngSeed::Fixed(0), ..ProptestConfig::with_cases(count) }
}

/// Returns the gradient of every parameter that has one, in order.
fn gradients(network: &Mlp, grads: &Gradients) -> Vec<Vec<f32>> {
    let mut found = Vec::new();
    for layer in &network.layers {
        found.extend(layer.weight.val().grad(grads).map(|x| values(&x)));
        found.extend(layer.bias.as_ref().unwrap().val().grad(grads).map(|x| values(&x)));
    }
    for norm in &network.norms {
        found.extend(norm.gamma.val().grad(grads).map(|x| values(&x)));
        found.extend(norm.beta.as_ref().unwrap().val().grad(grads).map(|x| values(&x)));
    }
    found
}

/// Normalises a network, with gains and biases that are not those at the start.
fn normalised(network: Mlp, rng: &mut ChaCha8Rng) -> Mlp {
    let mut network = network.normalised(rng, &trainable());
    let mut drawn = |param: &Param<Tensor<1>>, around: f64| {
        let [units] = param.dims();
        let noise: Tensor<1> = normal([1, units], rng).reshape([units]);
        let value = noise.mul_scalar(0.5).add_scalar(around);
        param.clone().map(|_| value.autodiff().require_grad())
    };
    for norm in &mut network.norms {
        norm.gamma = drawn(&norm.gamma, 1.0);
        norm.beta = norm.beta.as_ref().map(|beta| drawn(beta, 0.0));
    }
    network
}

proptest! {
    #![proptest_config(cases(48))]

    #[test]
    fn linear_act_and_its_gradients(
        rows in 1..130_usize, inputs in 1..70_usize, outputs in 1..70_usize,
        activation in prop::sample::select(vec![Activation::Identity, Activation::Relu, Activation::Tanh]),
        tracked_input in any::<bool>(), seed in any::<u64>(),
    ) {
        let rng = &mut ChaCha8Rng::seed_from_u64(seed);
        let layer = linear(inputs, outputs, rng, &trainable());
        let input = normal([rows, inputs], rng);
        let weights = normal([rows, outputs], rng);
        let differences = both(|| {
            let x = if tracked_input { input.clone().autodiff().require_grad() } else { input.clone() };
            let y = linear_act(x.clone(), &layer, activation);
            let mut found = vec![values(&y)];
            let grads = (y * weights.clone()).sum().backward();
            found.push(values(&layer.weight.val().grad(&grads).unwrap()));
            found.push(values(&layer.bias.as_ref().unwrap().val().grad(&grads).unwrap()));
            if tracked_input {
                found.push(values(&x.grad(&grads).unwrap()));
            }
            // Without a graph; then with frozen parameters, so that only the input gets a gradient.
            found.push(values(&linear_act(input.clone(), &layer.valid(), activation)));
            let x = input.clone().autodiff().require_grad();
            let y = linear_act(x.clone(), &layer.valid(), activation);
            let grads = (y * weights.clone()).sum().backward();
            found.push(values(&x.grad(&grads).unwrap()));
            found
        });
        prop_assert!(differences.iter().all(|d| *d < TOLERANCE), "{differences:?}");
    }

    #[test]
    fn drawing_squashed_actions_and_its_gradients(
        rows in 1..60_usize, width in 1..20_usize, which in 1..4_usize, seed in any::<u64>(),
    ) {
        let rng = &mut ChaCha8Rng::seed_from_u64(seed);
        let [mean, log_std, noise, weights] = [0; 4].map(|_| normal([rows, width], rng));
        let of_log_prob: Tensor<1> = normal([rows, 1], rng).reshape([rows]);
        let differences = both_in(1.0, || {
            let track = |x: &Tensor<2>, bit: usize| match which & bit {
                0 => x.clone(),
                _ => x.clone().autodiff().require_grad(),
            };
            let dist = TanhNormal { mean: track(&mean, 1), log_std: track(&log_std, 2) };
            let sample = dist.rsample(noise.clone());
            let plain = TanhNormal { mean: mean.clone(), log_std: log_std.clone() };
            let constant = plain.rsample(noise.clone());
            let mut found = vec![
                values(&sample.action), values(&sample.log_prob),
                values(&constant.action), values(&constant.log_prob),
            ];
            let loss = (sample.action * weights.clone()).sum() + (sample.log_prob * of_log_prob.clone()).sum();
            let grads = loss.backward();
            found.extend([dist.mean, dist.log_std].iter().filter_map(|x| x.grad(&grads)).map(|x| values(&x)));
            found
        });
        prop_assert!(differences.iter().all(|d| *d < TOLERANCE), "{differences:?}");
    }

    #[test]
    fn any_number_of_layers_and_their_gradients(
        rows in 1..40_usize, sizes in prop::collection::vec(1..30_usize, 2..11),
        nonlinearity in prop::sample::select(vec![Nonlinearity::Relu, Nonlinearity::Tanh]),
        tracked_input in any::<bool>(), frozen in prop::option::of(0..10_usize), seed in any::<u64>(),
    ) {
        let rng = &mut ChaCha8Rng::seed_from_u64(seed);
        let style = MlpStyle { nonlinearity, init: LayerInit::Torch };
        let mut network = style.network(&sizes, LayerInit::Torch, rng, &trainable());
        // One of them may be frozen, if others have gradients.
        let frozen = frozen.filter(|_| tracked_input || network.layers.len() > 1);
        if let Some(layer) = frozen.and_then(|index| network.layers.get_mut(index)) {
            *layer = layer.clone().no_grad();
        }
        let input = normal([rows, sizes[0]], rng);
        let weights = normal([rows, sizes[sizes.len() - 1]], rng);
        let differences = both_in(0.01, || {
            let x = if tracked_input { input.clone().autodiff().require_grad() } else { input.clone() };
            let y = network.forward(x.clone());
            let mut found = vec![values(&y), values(&network.valid().forward(input.clone()))];
            let grads = (y * weights.clone()).sum().backward();
            found.extend(x.grad(&grads).map(|x| values(&x)));
            found.extend(gradients(&network, &grads));
            found
        });
        // Rounding errors add up over the layers.
        prop_assert!(differences.iter().all(|d| *d < 10.0 * TOLERANCE), "{differences:?}");
    }

    /// Few units have a variance that may be as small as ε, and then a gradient that is a difference
    /// of large terms.
    #[test]
    fn normalised_layers_and_their_gradients(
        rows in 1..40_usize, inputs in 1..30_usize, hidden in prop::collection::vec(8..70_usize, 1..7),
        outputs in 8..30_usize, is_trunk in any::<bool>(),
        nonlinearity in prop::sample::select(vec![Nonlinearity::Relu, Nonlinearity::Tanh]),
        tracked_input in any::<bool>(), frozen in prop::option::of(0..7_usize), seed in any::<u64>(),
    ) {
        let rng = &mut ChaCha8Rng::seed_from_u64(seed);
        let style = MlpStyle { nonlinearity, init: LayerInit::Torch };
        let sizes = [&[inputs], &hidden[..], &[outputs]].concat();
        let network = match is_trunk {
            true => style.trunk(&sizes, rng, &trainable()),
            false => style.network(&sizes, LayerInit::Torch, rng, &trainable()),
        };
        let mut network = normalised(network, rng);
        prop_assert_eq!(network.norms.len(), hidden.len() + usize::from(is_trunk));
        // One of the norms may be frozen.
        if let Some(norm) = frozen.and_then(|index| network.norms.get_mut(index)) {
            *norm = norm.clone().no_grad();
        }
        let (input, weights) = (normal([rows, inputs], rng), normal([rows, outputs], rng));
        let differences = both_in(0.01, || {
            let x = if tracked_input { input.clone().autodiff().require_grad() } else { input.clone() };
            let y = network.forward(x.clone());
            let mut found = vec![values(&y), values(&network.valid().forward(input.clone()))];
            let grads = (y * weights.clone()).sum().backward();
            found.extend(x.grad(&grads).map(|x| values(&x)));
            found.extend(gradients(&network, &grads));
            // Constants: only the input gets a gradient.
            let x = input.clone().autodiff().require_grad();
            let grads = (network.valid().forward(x.clone()) * weights.clone()).sum().backward();
            found.push(values(&x.grad(&grads).unwrap()));
            found
        });
        // Rounding errors add up over the layers.
        prop_assert!(differences.iter().all(|d| *d < 10.0 * TOLERANCE), "{differences:?}");
    }

    #[test]
    fn log_densities_and_their_gradients(
        rows in 1..40_usize, num in 1..6_usize, width in 1..20_usize, shared in any::<bool>(),
        which in 0..8_usize, seed in any::<u64>(),
    ) {
        let rng = &mut ChaCha8Rng::seed_from_u64(seed);
        let action = normal([rows, width], rng);
        let logits = normal([rows, num], rng);
        let mean = normal([rows, num * width], rng);
        let of_std = if shared { 1 } else { rows };
        let log_std = normal([of_std, num * width], rng).mul_scalar(0.5);
        let weights: Tensor<1> = normal([rows, 1], rng).reshape([rows]);
        let differences = both_in(1.0, || {
            let track = |x: &Tensor<2>, bit: usize| match which & bit {
                0 => x.clone(),
                _ => x.clone().autodiff().require_grad(),
            };
            let inputs = [track(&logits, 1), track(&mean, 2), track(&log_std, 4)];
            let [router_logits, mean, log_std] = inputs.clone();
            let mixture = NormalMixture {
                router_logits,
                mean: mean.reshape([rows, num, width]),
                log_std: log_std.reshape([of_std, num, width]),
            };
            let first = |x: Tensor<3>| x.narrow(1, 0, 1).squeeze_dim::<2>(1);
            let one = Normal { mean: first(mixture.mean.clone()), log_std: first(mixture.log_std.clone()) };
            let log_probs = [mixture.log_prob(action.clone()), one.log_prob(action.clone())];
            let mut found = log_probs.each_ref().map(values).to_vec();
            let [of_mixture, of_one] = log_probs;
            let loss = ((of_mixture + of_one) * weights.clone()).sum();
            if loss.device().is_autodiff() {
                let grads = loss.backward();
                found.extend(inputs.iter().filter_map(|x| x.grad(&grads)).map(|x| values(&x)));
            }
            found
        });
        prop_assert!(differences.iter().all(|d| *d < TOLERANCE), "{differences:?}");
    }

    #[test]
    fn losses_and_their_gradients(rows in 1..70_usize, clipped in any::<bool>(), seed in any::<u64>()) {
        let rng = &mut ChaCha8Rng::seed_from_u64(seed);
        let [x, y, constant, old] = [0; 4].map(|_| normal([rows, 1], rng).reshape::<1, _>([rows]));
        let differences = both_in(1.0, || {
            let [x, y] = [&x, &y].map(|x| x.clone().autodiff().require_grad());
            let clip = clipped.then(|| (old.clone(), 0.2));
            let losses = [
                clipped_surrogate_loss(x.clone().mul_scalar(0.3), constant.clone(), 0.2),
                value_loss(x.clone(), constant.clone(), clip),
                mean_squared_error(x.clone(), constant.clone()),
                backpropagate_max_loss(0.3, x.clone(), y.clone()),
                backpropagate_max_loss(0.3, constant.clone(), y.clone()),
            ];
            let mut found = losses.each_ref().map(values).to_vec();
            for loss in losses {
                let grads = loss.backward();
                found.extend([&x, &y].iter().filter_map(|x| x.grad(&grads)).map(|x| values(&x)));
            }
            found
        });
        prop_assert!(differences.iter().all(|d| *d < TOLERANCE), "{differences:?}");
    }

    #[test]
    fn twin_min_and_its_gradient(
        states in 1..40_usize, per_state in 1..11_usize, obs_dim in 1..30_usize, action_dim in 1..9_usize,
        hidden in prop::collection::vec(1..50_usize, 0..4), is_normalised in any::<bool>(), seed in any::<u64>(),
    ) {
        let rng = &mut ChaCha8Rng::seed_from_u64(seed);
        let mut sizes = vec![obs_dim + action_dim];
        // As above, few units would be compared to the last bit.
        sizes.extend(hidden.iter().map(|units| if is_normalised { units + 7 } else { *units }));
        sizes.push(1);
        let [one, two] = [0, 1].map(|_| {
            let network = Mlp::new(&sizes, rng, &trainable());
            if is_normalised { normalised(network, rng).valid() } else { network.valid() }
        });
        let rows = states * per_state;
        let (state, action) = (normal([states, obs_dim], rng), normal([rows, action_dim], rng));
        // Some incoming gradients are zero, as after choosing one of several actions.
        let weights: Tensor<1> = normal([1, rows], rng).reshape([rows]).clamp_min(0.0);
        let differences = both(|| {
            let a = action.clone().autodiff().require_grad();
            let q = twin_min([one.network(), two.network()], state.clone(), a.clone());
            let without_graph = twin_min([one.network(), two.network()], state.clone(), action.clone());
            let found = values(&q);
            let grads = (q * weights.clone()).sum().backward();
            vec![found, values(&without_graph), values(&a.grad(&grads).unwrap())]
        });
        prop_assert!(differences.iter().all(|d| *d < TOLERANCE), "{differences:?}");
    }
}

proptest! {
    #![proptest_config(cases(12))]

    /// Widths for which products skip ReLU's zeros, and widths for which they do not.
    #[test]
    fn networks_of_usual_sizes_and_their_gradients(
        rows in 1..130_usize, hidden in prop::sample::select(vec![48_usize, 64, 128, 256]),
        is_normalised in any::<bool>(), seed in any::<u64>(),
    ) {
        let rng = &mut ChaCha8Rng::seed_from_u64(seed);
        let mut network = Mlp::new(&[14, hidden, hidden, 1], rng, &trainable());
        if is_normalised {
            network = normalised(network, rng);
        }
        let input = normal([rows, 14], rng);
        let weights = normal([rows, 1], rng);
        let differences = both(|| {
            let x = input.clone().autodiff().require_grad();
            let y = network.forward(x.clone());
            let mut found = vec![values(&y)];
            let grads = (y * weights.clone()).sum().backward();
            found.push(values(&x.grad(&grads).unwrap()));
            found.extend(gradients(&network, &grads));
            found
        });
        prop_assert!(differences.iter().all(|d| *d < TOLERANCE), "{differences:?}");
    }
}

#[test]
fn an_empty_batch_has_no_densities() {
    let empty = |width: usize| Tensor::<2>::zeros([0, width], &Device::flex());
    let mean = empty(3).autodiff().require_grad();
    let one = Normal { mean: mean.clone(), log_std: Tensor::zeros([1, 3], &Device::flex()) };
    assert_eq!(one.log_prob(empty(3)).dims(), [0]);
}

#[test]
fn the_comparison_would_notice() {
    let rng = &mut ChaCha8Rng::seed_from_u64(0);
    let network = Mlp::new(&[14, 256, 256, 1], rng, &trainable()).valid();
    let input = normal([100, 14], rng);
    let before = values(&network.forward(input.clone()));
    let mut changed = network.clone();
    let weight = &changed.layers[1].weight;
    changed.layers[1].weight = weight.clone().map(|w| w.mul_scalar(1.001));
    let after = with_engine(Engine::Plain, || values(&changed.forward(input.clone())));
    assert!(difference(&after, &before, 1e-6) > 10.0 * TOLERANCE);

    // The weights before a normalisation may have any common factor; its own gains may not.
    let network = normalised(Mlp::new(&[14, 256, 256, 1], rng, &trainable()), rng).valid();
    let before = values(&network.forward(input.clone()));
    let mut changed = network.clone();
    changed.norms[1].gamma = network.norms[1].gamma.clone().map(|x| x.mul_scalar(1.001));
    let after = with_engine(Engine::Plain, || values(&changed.forward(input.clone())));
    assert!(difference(&after, &before, 1e-6) > 10.0 * TOLERANCE);
}

#[test]
fn the_plain_engine_is_the_bodys_alone() {
    use pmoe_core::engine::engine;
    assert_eq!(engine(), Engine::Fused);
    assert_eq!(with_engine(Engine::Plain, engine), Engine::Plain);
    assert_eq!(engine(), Engine::Fused);
    let caught = std::panic::catch_unwind(|| with_engine(Engine::Plain, || panic!("on purpose")));
    assert!(caught.is_err());
    assert_eq!(engine(), Engine::Fused);
}

#[test]
fn gradients_reach_tracked_critics_too() {
    // With tracked networks the gradient is not cut off, as burn's operations run.
    let rng = &mut ChaCha8Rng::seed_from_u64(0);
    let [one, two] = [0, 1].map(|_| Mlp::new(&[3, 8, 1], rng, &trainable()));
    let (state, action) = (normal([5, 2], rng), normal([5, 1], rng));
    let grads = twin_min([one.network(), two.network()], state, action).sum().backward();
    assert!(one.layers[0].weight.val().grad(&grads).is_some());
    assert!(two.layers[0].weight.val().grad(&grads).is_some());

    // One tracked network is enough.
    let (state, action) = (normal([5, 2], rng), normal([5, 1], rng));
    let grads = twin_min([one.valid().network(), two.network()], state, action).sum().backward();
    assert!(two.layers[0].weight.val().grad(&grads).is_some());
}

#[test]
fn what_is_not_a_number_stays_visible() {
    let rng = &mut ChaCha8Rng::seed_from_u64(0);
    let network = Mlp::new(&[2, 4, 1], rng, &trainable()).valid();
    let input = Tensor::from_data(TensorData::new(vec![f32::NAN, 1.0], [1, 2]), &Device::flex());
    assert!(values(&network.forward(input))[0].is_nan());
}

#[test]
fn views_are_read_in_their_own_order() {
    let rng = &mut ChaCha8Rng::seed_from_u64(0);
    let layer = linear(4, 3, rng, &trainable());
    let input = normal([4, 6], rng);
    let differences = both(|| {
        let transposed = linear_act(input.clone().transpose(), &layer, Activation::Relu);
        let narrowed =
            linear_act(input.clone().transpose().narrow(0, 2, 3), &layer, Activation::Relu);
        let columns = normal([5, 6], &mut ChaCha8Rng::seed_from_u64(1)).narrow(1, 1, 4);
        vec![
            values(&transposed),
            values(&narrowed),
            values(&linear_act(columns, &layer, Activation::Identity)),
        ]
    });
    assert!(differences.iter().all(|d| *d < TOLERANCE), "{differences:?}");
}
