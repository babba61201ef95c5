//! Network blocks: linear layers with seeded initialisation, multi-layer perceptrons.

use burn::module::{Module, Param, ParamId};
use burn::nn::Linear;
use burn::tensor::{Device, Tensor, TensorData};
use rand::RngExt;

use crate::fused::{Activation, linear_act};
use crate::noise::Rng;

/// A linear layer with weights and biases from U(−1/√fan_in, 1/√fan_in): PyTorch's default.
///
/// Values and parameter ids come from `rng` alone, so equal seeds give equal modules, and a layer
/// with a stream of its own does not shift the others.
///
/// # Shapes
/// - weight: `[d_input, d_output]`, bias: `[d_output]`
pub fn linear(d_input: usize, d_output: usize, rng: &mut Rng, device: &Device) -> Linear {
    let bound = 1.0 / (d_input as f32).sqrt();
    Linear {
        weight: uniform([d_input, d_output], bound, rng, device),
        bias: Some(uniform([d_output], bound, rng, device)),
    }
}

fn uniform<const D: usize>(
    shape: [usize; D],
    bound: f32,
    rng: &mut Rng,
    device: &Device,
) -> Param<Tensor<D>> {
    let id = ParamId::from(rng.random::<u64>());
    let count = shape.iter().product();
    let values: Vec<f32> = (0..count).map(|_| rng.random_range(-bound..bound)).collect();
    let tensor = Tensor::from_data(TensorData::new(values, shape), device);
    Param::initialized(id, tensor.require_grad())
}

/// Linear layers with ReLU between them and, if asked, after the last.
#[derive(Module, Debug)]
pub struct Mlp {
    /// The layers, first to last.
    pub layers: Vec<Linear>,
    /// Whether the last layer is followed by ReLU too (a trunk) or not (an output).
    #[module(skip)]
    relu_output: bool,
}

impl Mlp {
    /// A trunk: every layer of `sizes` is followed by ReLU.
    pub fn trunk(sizes: &[usize], rng: &mut Rng, device: &Device) -> Self {
        Self { layers: Self::layers(sizes, rng, device), relu_output: true }
    }

    /// A network whose last layer is linear.
    pub fn new(sizes: &[usize], rng: &mut Rng, device: &Device) -> Self {
        Self { layers: Self::layers(sizes, rng, device), relu_output: false }
    }

    fn layers(sizes: &[usize], rng: &mut Rng, device: &Device) -> Vec<Linear> {
        sizes.windows(2).map(|pair| linear(pair[0], pair[1], rng, device)).collect()
    }

    /// `[N, sizes[0]]` to `[N, sizes[last]]`.
    pub fn forward(&self, input: Tensor<2>) -> Tensor<2> {
        let last = self.layers.len() - 1;
        self.layers.iter().enumerate().fold(input, |x, (index, layer)| {
            let is_hidden = index < last || self.relu_output;
            linear_act(x, layer, if is_hidden { Activation::Relu } else { Activation::Identity })
        })
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn initial_values_lie_inside_the_bound_and_fill_it() {
        let layer = linear(64, 200, &mut Rng::seed_from_u64(0), &Device::flex().autodiff());
        let weights: Vec<f32> = layer.weight.val().try_to_vec_as::<f32>().unwrap();
        let bound = 1.0 / 8.0;
        assert!(weights.iter().all(|w| w.abs() <= bound));
        // Var U(−b, b) = b² / 3; 12 800 draws estimate it to about 1 %.
        let variance = weights.iter().map(|w| w * w).sum::<f32>() / weights.len() as f32;
        assert!((variance * 3.0 / (bound * bound) - 1.0).abs() < 0.04, "{variance}");
    }

    #[test]
    fn equal_seeds_give_equal_networks() {
        let device = Device::flex().autodiff();
        let network = |seed| Mlp::new(&[3, 8, 2], &mut Rng::seed_from_u64(seed), &device);
        let x = Tensor::<2>::from_data([[0.1_f32, -2.0, 0.7]], &Device::flex());
        let output = |network: Mlp| network.forward(x.clone()).to_data();
        assert_eq!(output(network(1)), output(network(1)));
        assert_ne!(output(network(1)), output(network(2)));
    }

    #[test]
    fn forward_by_hand() {
        let device = Device::flex();
        let seeded = &mut Rng::seed_from_u64(0);
        let mut network = Mlp::new(&[1, 2, 1], seeded, &device.clone().autodiff()).valid();
        let set = |layer: &mut Linear, weight: Tensor<2>, bias: Tensor<1>| {
            layer.weight = Param::from_tensor(weight);
            layer.bias = Some(Param::from_tensor(bias));
        };
        let data = |x: [[f32; 2]; 1]| Tensor::<2>::from_data(x, &device);
        set(
            &mut network.layers[0],
            data([[1.0, -1.0]]),
            Tensor::from_data([0.5_f32, 0.0], &device),
        );
        set(
            &mut network.layers[1],
            data([[2.0, 3.0]]).transpose(),
            Tensor::from_data([1.0_f32], &device),
        );
        // x = 2: relu(2.5, −2) = (2.5, 0); 2·2.5 + 1 = 6. x = −3: relu(−2.5, 3) = (0, 3); 3·3 + 1 = 10.
        let y = network.forward(Tensor::from_data([[2.0_f32], [-3.0]], &device));
        assert_eq!(y.try_to_vec_as::<f32>().unwrap(), [6.0, 10.0]);
    }
}
