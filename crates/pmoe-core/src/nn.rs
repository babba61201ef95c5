//! Network building blocks: linear layers with seeded initialisation, layer normalisation, and
//! multi-layer perceptrons.

use burn::module::{Module, Param, ParamId};
use burn::nn::{LayerNorm, LayerNormConfig, Linear};
use burn::tensor::{Device, Tensor, TensorData};
use rand::{Rng, RngExt};
use rand_distr::StandardNormal;

use crate::fused::{Activation, LAYER_NORM_EPSILON, Network, layers, linear_act};

/// Creates a linear layer with weights and biases from U(−1/√fan_in, 1/√fan_in), PyTorch's default.
///
/// Values and parameter ids depend only on `rng`, so equal seeds give equal modules. A layer with a
/// separate stream does not shift the others.
///
/// # Shapes
/// - weight: `[d_input, d_output]`, bias: `[d_output]`
pub fn linear(d_input: usize, d_output: usize, rng: &mut impl Rng, device: &Device) -> Linear {
    LayerInit::Torch.linear(d_input, d_output, rng, device)
}

/// Initial values of a linear layer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum LayerInit {
    /// Weights and biases from U(−1/√fan_in, 1/√fan_in); see [`linear`].
    Torch,
    /// Weights and biases from U(−bound, bound).
    Uniform {
        /// Positive bound.
        bound: f64,
    },
    /// Weights from U(−1/√fan_out, 1/√fan_out), biases 0.1, as in the hidden layers of rlkit, whose
    /// "fan-in" is the number of outputs.
    RlkitHidden,
    /// A random matrix with orthonormal rows or columns (the fewer of the two) times `gain`; biases
    /// 0.
    ///
    /// Source: Saxe et al., arXiv:1312.6120. Common for PPO.
    Orthogonal {
        /// Largest singular value, positive.
        gain: f64,
    },
}

impl LayerInit {
    /// Creates a layer with these initial values. Values and parameter ids depend only on `rng`.
    pub fn linear(
        self,
        d_input: usize,
        d_output: usize,
        rng: &mut impl Rng,
        device: &Device,
    ) -> Linear {
        let shape = [d_input, d_output];
        let (weight, bias) = match self {
            Self::Torch | Self::Uniform { .. } => {
                let bound = match self {
                    Self::Uniform { bound } => bound as f32,
                    _ => 1.0 / (d_input as f32).sqrt(),
                };
                let weight =
                    parameter(shape, |rng| uniform(d_input * d_output, bound, rng), rng, device);
                (weight, parameter([d_output], |rng| uniform(d_output, bound, rng), rng, device))
            }
            Self::RlkitHidden => {
                let bound = 1.0 / (d_output as f32).sqrt();
                let weight =
                    parameter(shape, |rng| uniform(d_input * d_output, bound, rng), rng, device);
                (weight, parameter([d_output], |_| vec![0.1; d_output], rng, device))
            }
            Self::Orthogonal { gain } => {
                let weight = parameter(shape, |rng| orthogonal(shape, gain, rng), rng, device);
                (weight, parameter([d_output], |_| vec![0.0; d_output], rng, device))
            }
        };
        Linear { weight, bias: Some(bias) }
    }
}

/// Creates a layer normalisation with PyTorch's initial values: gains γ of 1, biases β of 0, and
/// ε = 1e-5.
///
/// Parameter ids come from `rng`.
///
/// # Shapes
/// - γ (`gamma`) and β (`beta`): `[units]`
pub fn layer_norm(units: usize, rng: &mut impl Rng, device: &Device) -> LayerNorm {
    let mut norm = LayerNormConfig::new(units).with_epsilon(LAYER_NORM_EPSILON).init(device);
    norm.gamma = parameter([units], |_| vec![1.0; units], rng, device);
    norm.beta = Some(parameter([units], |_| vec![0.0; units], rng, device));
    norm
}

/// Creates a trainable parameter with an id from `rng` and initial values from `values`.
pub fn parameter<R: Rng, const D: usize>(
    shape: [usize; D],
    values: impl FnOnce(&mut R) -> Vec<f32>,
    rng: &mut R,
    device: &Device,
) -> Param<Tensor<D>> {
    let id = ParamId::from(rng.random::<u64>());
    let tensor = Tensor::from_data(TensorData::new(values(rng), shape), device);
    Param::initialized(id, tensor.require_grad())
}

fn uniform(count: usize, bound: f32, rng: &mut impl Rng) -> Vec<f32> {
    (0..count).map(|_| rng.random_range(-bound..bound)).collect()
}

/// Returns a row-major matrix whose rows or columns (the fewer of the two) are orthogonal with norm
/// `gain`.
///
/// Uses Gram–Schmidt on normal vectors, twice per vector so that no rounding error remains. The
/// result is uniformly distributed, without the sign correction that a QR decomposition needs.
fn orthogonal([rows, cols]: [usize; 2], gain: f64, rng: &mut impl Rng) -> Vec<f32> {
    let (count, len) = (rows.min(cols), rows.max(cols));
    let mut basis: Vec<Vec<f64>> = Vec::with_capacity(count);
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    while basis.len() < count {
        let mut vector: Vec<f64> = (0..len).map(|_| rng.sample(StandardNormal)).collect();
        for _ in 0..2 {
            for unit in &basis {
                let along = dot(&vector, unit);
                vector.iter_mut().zip(unit).for_each(|(x, unit)| *x -= along * unit);
            }
        }
        let norm = dot(&vector, &vector).sqrt();
        vector.iter_mut().for_each(|x| *x /= norm);
        basis.push(vector);
    }
    let element =
        |row: usize, col: usize| if rows <= cols { basis[row][col] } else { basis[col][row] };
    (0..rows * cols).map(|at| (gain * element(at / cols, at % cols)) as f32).collect()
}

/// The nonlinearity of hidden layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nonlinearity {
    /// max(·, 0).
    Relu,
    /// tanh.
    Tanh,
}

impl Nonlinearity {
    /// Computes `f(input · W + b)`.
    pub fn layer(self, input: Tensor<2>, layer: &Linear) -> Tensor<2> {
        linear_act(input, layer, self.activation())
    }

    fn activation(self) -> Activation {
        match self {
            Self::Relu => Activation::Relu,
            Self::Tanh => Activation::Tanh,
        }
    }
}

/// Linear layers with a nonlinearity in between and optionally after the last, and optionally
/// normalised before each nonlinearity.
#[derive(Module, Debug)]
pub struct Mlp {
    /// The layers, from first to last.
    pub layers: Vec<Linear>,
    /// Layer normalisation of each layer that a nonlinearity follows, or none at all.
    pub norms: Vec<LayerNorm>,
    #[module(skip)]
    nonlinearity: Nonlinearity,
    /// Whether the last layer is also followed by the nonlinearity, as in a trunk.
    #[module(skip)]
    is_trunk: bool,
}

/// Initialisation and nonlinearity of a network's layers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MlpStyle {
    /// The nonlinearity of hidden layers.
    pub nonlinearity: Nonlinearity,
    /// Initial values of hidden layers.
    pub init: LayerInit,
}

impl MlpStyle {
    /// ReLU with PyTorch's initial values.
    pub const RELU: Self = Self { nonlinearity: Nonlinearity::Relu, init: LayerInit::Torch };

    /// Creates a trunk, in which the nonlinearity follows every layer of `sizes`.
    pub fn trunk(self, sizes: &[usize], rng: &mut impl Rng, device: &Device) -> Mlp {
        let layer = |pair: &[usize]| self.init.linear(pair[0], pair[1], rng, device);
        let layers = sizes.windows(2).map(layer).collect();
        Mlp { layers, norms: Vec::new(), nonlinearity: self.nonlinearity, is_trunk: true }
    }

    /// Creates a network whose last layer is linear, with the initial values `output`.
    pub fn network(
        self,
        sizes: &[usize],
        output: LayerInit,
        rng: &mut impl Rng,
        device: &Device,
    ) -> Mlp {
        let last = sizes.len() - 1;
        let mut network = self.trunk(&sizes[..last], rng, device);
        network.layers.push(output.linear(sizes[last - 1], sizes[last], rng, device));
        network.is_trunk = false;
        network
    }
}

impl Mlp {
    /// Creates a trunk, in which ReLU follows every layer of `sizes`.
    pub fn trunk(sizes: &[usize], rng: &mut impl Rng, device: &Device) -> Self {
        MlpStyle::RELU.trunk(sizes, rng, device)
    }

    /// Creates a network of ReLU layers with a linear last layer.
    pub fn new(sizes: &[usize], rng: &mut impl Rng, device: &Device) -> Self {
        MlpStyle::RELU.network(sizes, LayerInit::Torch, rng, device)
    }

    /// Normalises each layer before its nonlinearity; see [`layer_norm`]. A linear last layer stays
    /// as it is.
    #[must_use]
    pub fn normalised(mut self, rng: &mut impl Rng, device: &Device) -> Self {
        let count = self.layers.len() - usize::from(!self.is_trunk);
        let norm = |layer: &Linear| layer_norm(layer.weight.dims()[1], rng, device);
        self.norms = self.layers[..count].iter().map(norm).collect();
        self
    }

    /// Returns the layers, for the [fused](crate::fused) operations.
    pub fn network(&self) -> Network<'_> {
        Network { layers: &self.layers, norms: &self.norms }
    }

    /// Returns what follows the layer with this index, from 0.
    pub fn activation(&self, index: usize) -> Activation {
        if index + 1 < self.layers.len() || self.is_trunk {
            self.nonlinearity.activation()
        } else {
            Activation::Identity
        }
    }

    /// Maps `[N, sizes[0]]` to `[N, sizes[last]]`.
    pub fn forward(&self, input: Tensor<2>) -> Tensor<2> {
        layers(input, self.network(), |index| self.activation(index))
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    #[test]
    fn initial_values_lie_inside_the_bound_and_fill_it() {
        let layer = linear(64, 200, &mut ChaCha8Rng::seed_from_u64(0), &Device::flex().autodiff());
        let weights: Vec<f32> = layer.weight.val().try_to_vec_as::<f32>().unwrap();
        let bound = 1.0 / 8.0;
        assert!(weights.iter().all(|w| w.abs() <= bound));
        // Var U(−b, b) = b² / 3; 12 800 draws estimate it to about 1 %.
        let variance = weights.iter().map(|w| w * w).sum::<f32>() / weights.len() as f32;
        assert!((variance * 3.0 / (bound * bound) - 1.0).abs() < 0.04, "{variance}");
    }

    #[test]
    fn an_orthogonal_matrix_keeps_lengths() {
        // The Gram matrix of the rows (or columns, if fewer) is gain² times the identity.
        for [rows, cols] in [[3, 7], [7, 3], [5, 5], [1, 4], [4, 1]] {
            let gain = 2.0_f64.sqrt();
            let matrix = orthogonal([rows, cols], gain, &mut ChaCha8Rng::seed_from_u64(2));
            let count = rows.min(cols);
            for i in 0..count {
                for j in 0..count {
                    let element = |of: usize, at: usize| {
                        f64::from(if rows <= cols {
                            matrix[of * cols + at]
                        } else {
                            matrix[at * cols + of]
                        })
                    };
                    let product: f64 =
                        (0..rows.max(cols)).map(|at| element(i, at) * element(j, at)).sum();
                    let expected = if i == j { gain * gain } else { 0.0 };
                    assert!((product - expected).abs() < 1e-6, "{rows} × {cols}: {product}");
                }
            }
        }
    }

    #[test]
    fn tanh_layers_by_hand() {
        let device = Device::flex();
        let style = MlpStyle { nonlinearity: Nonlinearity::Tanh, init: LayerInit::Torch };
        let zero = LayerInit::Orthogonal { gain: 0.5 };
        let rng = &mut ChaCha8Rng::seed_from_u64(0);
        let network = style.network(&[1, 1, 1], zero, rng, &device.clone().autodiff()).valid();
        let scalar = |layer: &Linear| layer.weight.val().into_scalar::<f32>();
        let bias = network.layers[0].bias.as_ref().unwrap().val().into_scalar::<f32>();
        let [first, last] = [scalar(&network.layers[0]), scalar(&network.layers[1])];
        assert!((last.abs() - 0.5).abs() < 1e-6, "a number with gain .5");
        let y = network.forward(Tensor::from_data([[2.0_f32]], &device)).into_scalar::<f32>();
        assert!((y - last * (2.0 * first + bias).tanh()).abs() < 1e-6);
    }

    #[test]
    fn initial_values_of_rlkit_are_as_described() {
        let device = Device::flex().autodiff();
        let values = |init: LayerInit| {
            let layer = init.linear(400, 25, &mut ChaCha8Rng::seed_from_u64(0), &device);
            let weights: Vec<f32> = layer.weight.val().try_to_vec_as::<f32>().unwrap();
            (weights, layer.bias.unwrap().val().try_to_vec_as::<f32>().unwrap())
        };
        let largest = |values: &[f32]| values.iter().fold(0.0_f32, |max, x| max.max(x.abs()));
        // 1/√25 = .2; the largest of 10 000 values is close to the bound.
        let (weights, biases) = values(LayerInit::RlkitHidden);
        assert!((0.199..=0.2).contains(&largest(&weights)));
        assert!(biases.iter().all(|&bias| bias.to_bits() == 0.1_f32.to_bits()));
        let (weights, biases) = values(LayerInit::Uniform { bound: 3e-3 });
        assert!((2.99e-3..=3e-3).contains(&largest(&weights)));
        assert!((1.5e-3..=3e-3).contains(&largest(&biases)));
    }

    #[test]
    fn equal_seeds_give_equal_networks() {
        let device = Device::flex().autodiff();
        let network = |seed| Mlp::new(&[3, 8, 2], &mut ChaCha8Rng::seed_from_u64(seed), &device);
        let x = Tensor::<2>::from_data([[0.1_f32, -2.0, 0.7]], &Device::flex());
        let output = |network: Mlp| network.forward(x.clone()).to_data();
        assert_eq!(output(network(1)), output(network(1)));
        assert_ne!(output(network(1)), output(network(2)));
    }

    #[test]
    fn forward_by_hand() {
        let device = Device::flex();
        let seeded = &mut ChaCha8Rng::seed_from_u64(0);
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
        // x = 2: relu(2.5, −2) = (2.5, 0); 2·2.5 + 1 = 6.
        // x = −3: relu(−2.5, 3) = (0, 3); 3·3 + 1 = 10.
        let y = network.forward(Tensor::from_data([[2.0_f32], [-3.0]], &device));
        assert_eq!(y.try_to_vec_as::<f32>().unwrap(), [6.0, 10.0]);
    }

    #[test]
    fn a_normalised_network_by_hand() {
        let device = Device::flex();
        let rng = &mut ChaCha8Rng::seed_from_u64(0);
        let plain = Mlp::new(&[1, 2, 1], rng, &device.clone().autodiff());
        let mut network = plain.clone().normalised(rng, &device.clone().autodiff()).valid();
        let numbers = |tensor: Tensor<1>| tensor.try_to_vec_as::<f32>().unwrap();
        let norm = &network.norms[0];
        assert_eq!(numbers(norm.gamma.val()), [1.0; 2]);
        assert_eq!(numbers(norm.beta.as_ref().unwrap().val()), [0.0; 2]);
        assert_eq!(network.norms.len(), 1, "not the last layer");
        assert_eq!(network.num_params(), plain.num_params() + 4);

        let set = |values: [f32; 2]| Param::from_tensor(Tensor::<1>::from_data(values, &device));
        let weights = |values: [f32; 2], shape| {
            Param::from_tensor(Tensor::from_data(TensorData::new(values.to_vec(), shape), &device))
        };
        network.layers[0].weight = weights([1.0, -1.0], [1, 2]);
        network.layers[0].bias = Some(set([1.0, 3.0]));
        network.layers[1].weight = weights([2.0, 3.0], [2, 1]);
        let one = Tensor::from_data([1.0_f32], &device);
        network.layers[1].bias = Some(Param::from_tensor(one));
        network.norms[0].gamma = set([2.0, 4.0]);
        network.norms[0].beta = Some(set([0.5, 0.25]));
        // x = 3: z = (4, 0), mean 2, variance 4, so (1, −1) up to ε; (2 + .5, −4 + .25), after ReLU
        // (2.5, 0); 2·2.5 + 1 = 6. x = −1: z = (0, 4), so (−1, 1); (−1.5, 4.25); 3·4.25 + 1 = 13.75.
        let y = network.forward(Tensor::from_data([[3.0_f32], [-1.0]], &device));
        for (found, expected) in y.try_to_vec_as::<f32>().unwrap().iter().zip([6.0, 13.75]) {
            // ε changes x̂ by 1e-5 / (2 · 4) of itself.
            assert!((found - expected).abs() < 3e-5, "{found} is not {expected}");
        }
    }
}
