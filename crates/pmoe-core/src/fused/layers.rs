//! Linear layers and their activations as one operation.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, NodeGuard, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::{Autodiff, Flex};
use burn::nn::Linear;
use burn::tensor::{Tensor, activation};

use super::host::{self, Place, new_tensor, values};
use super::kernels::{
    add_bias, add_bias_relu, add_bias_tanh, column_sums, relu_backward, tanh_backward,
};
use super::matmul::{Matrix, matmul};
use super::parts::{joined, part};

/// The most layers of one operation: burn's graph needs the number of parents as a constant.
const MOST_LAYERS: usize = 4;

/// The activation after a linear layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// No activation.
    Identity,
    /// max(·, 0).
    Relu,
    /// tanh.
    Tanh,
}

/// Computes `activation(input · W + b)`.
///
/// On the CPU, forward and backward pass each make one pass over memory in addition to the matrix
/// products. Elsewhere these are burn's own operations.
///
/// # Shapes
/// - `input`: `[N, I]`, `layer`: `I → O`; returns `[N, O]`
/// - of several [runs](crate::runs): the weights are `[runs · I, O]` and the biases `[runs · O]`;
///   the rows of each run pass through its own layer
///
/// # Gradients
/// Flow into the input and the parameters, as far as they are tracked.
pub fn linear_act(input: Tensor<2>, layer: &Linear, activation: Activation) -> Tensor<2> {
    layers(input, std::slice::from_ref(layer), |_| activation)
}

/// Applies layers one after the other, each with the activation that `activation` returns for its
/// index. On the CPU, four of them are one node of the graph. See [`linear_act`].
///
/// # Shapes
/// - `input`: `[N, I]`; returns `[N, O]`, with the O outputs of the last layer
///
/// # Gradients
/// Flow into the input and the parameters, as far as they are tracked.
pub fn layers(
    input: Tensor<2>,
    layers: &[Linear],
    activation: impl Fn(usize) -> Activation,
) -> Tensor<2> {
    let activations: Vec<Activation> = (0..layers.len()).map(activation).collect();
    let parts = layers.chunks(MOST_LAYERS).zip(activations.chunks(MOST_LAYERS));
    parts.fold(input, |x, (layers, activations)| match layers.len() {
        1 => apply::<3>(x, layers, activations),
        2 => apply::<5>(x, layers, activations),
        3 => apply::<7>(x, layers, activations),
        _ => apply::<9>(x, layers, activations),
    })
}

/// Does the same for a fixed number of layers. `PARENTS` counts the input, and weight and bias of
/// each layer.
fn apply<const PARENTS: usize>(
    input: Tensor<2>,
    layers: &[Linear],
    activations: &[Activation],
) -> Tensor<2> {
    let plainly = |input| {
        let both = layers.iter().zip(activations);
        both.fold(input, |x, (layer, activation)| plain(x, layer, *activation))
    };
    let Some(parameters) = layers.iter().map(parameters).collect::<Option<Vec<_>>>() else {
        return plainly(input);
    };
    match host::place(&[&input, &parameters[0].0]) {
        Place::Elsewhere => plainly(input),
        Place::Constant => {
            let parameters = parameters.into_iter();
            let parameters = parameters.map(|(w, b)| (host::constant(w), host::constant(b)));
            let output = parameters
                .zip(activations)
                .fold(host::constant(input), |x, ((weight, bias), activation)| {
                    forward(&x, &weight, &bias, *activation)
                });
            Tensor::from_primitive::<Flex>(output)
        }
        Place::Tracked => {
            let (mut output, node) = host::tracked(input);
            let mut nodes = vec![node];
            let mut state = State { layers: Vec::with_capacity(layers.len()) };
            for ((weight, bias), activation) in parameters.into_iter().zip(activations) {
                let (weight, weight_node) = host::tracked(weight);
                let (bias, bias_node) = host::tracked(bias);
                nodes.extend([weight_node, bias_node]);
                let input = output;
                output = forward(&input, &weight, &bias, *activation);
                let (output, activation) = (output.clone(), *activation);
                let dims = Dims::of(&weight, bias.layout().num_elements());
                state.layers.push(Layer { input, weight, dims, output, activation });
            }
            let nodes: [NodeGuard; PARENTS] = nodes.try_into().expect("an input and the layers");
            let prepared = Layers.prepare::<NoCheckpointing>(nodes).compute_bound().stateful();
            Tensor::from_primitive::<Autodiff<Flex>>(match prepared {
                OpsKind::Tracked(prepared) => prepared.finish(state, output),
                OpsKind::UnTracked(prepared) => prepared.finish(output),
            })
        }
    }
}

/// Weight and bias; `None` without a bias.
fn parameters(layer: &Linear) -> Option<(Tensor<2>, Tensor<1>)> {
    Some((layer.weight.val(), layer.bias.as_ref()?.val()))
}

/// The same as [`linear_act`] with burn's own operations.
pub(crate) fn plain(input: Tensor<2>, layer: &Linear, activation: Activation) -> Tensor<2> {
    let output = affine(input, layer);
    match activation {
        Activation::Identity => output,
        Activation::Relu => activation::relu(output),
        Activation::Tanh => activation::tanh(output),
    }
}

/// Computes `input · W + b`, of each run with burn's own operations.
fn affine(input: Tensor<2>, layer: &Linear) -> Tensor<2> {
    let runs = runs_of(layer);
    if runs == 1 {
        return layer.forward(input);
    }
    let ([rows, inputs], [_, outputs]) = (input.dims(), layer.weight.dims());
    let input: Tensor<3> = input.reshape([runs, rows / runs, inputs]);
    let product = input.matmul(layer.weight.val().reshape([runs, inputs, outputs]));
    let output = match &layer.bias {
        Some(bias) => product + bias.val().reshape([runs, 1, outputs]),
        None => product,
    };
    output.reshape([rows, outputs])
}

/// Returns the number of runs whose parameters a layer holds.
pub(super) fn runs_of(layer: &Linear) -> usize {
    let [_, outputs] = layer.weight.dims();
    layer.bias.as_ref().map_or(1, |bias| bias.dims()[0] / outputs)
}

fn forward(
    input: &FlexTensor,
    weight: &FlexTensor,
    bias: &FlexTensor,
    activation: Activation,
) -> FlexTensor {
    let Dims { runs, inputs, outputs } = Dims::of(weight, bias.layout().num_elements());
    let (x, w, b) = (values(input), values(weight), values(bias));
    let y = joined(runs, |run| {
        let [x, w, b] = [x, w, b].map(|all| part(all, run, runs));
        let mut y = matmul(Matrix::new(x, inputs), Matrix::new(w, outputs));
        match activation {
            Activation::Identity => add_bias(&mut y, b),
            Activation::Relu => add_bias_relu(&mut y, b),
            Activation::Tanh => add_bias_tanh(&mut y, b),
        }
        y
    });
    new_tensor(y, [x.len() / inputs, outputs])
}

/// What a layer's parameters are of.
#[derive(Debug, Clone, Copy)]
struct Dims {
    runs: usize,
    inputs: usize,
    outputs: usize,
}

impl Dims {
    fn of(weight: &FlexTensor, biases: usize) -> Self {
        let shape = weight.layout().shape();
        let (rows, outputs) = (shape[0], shape[1]);
        let runs = biases / outputs;
        Self { runs, inputs: rows / runs, outputs }
    }
}

#[derive(Debug)]
struct Layers;

#[derive(Debug, Clone)]
struct State {
    layers: Vec<Layer>,
}

/// What the gradients of a layer depend on.
#[derive(Debug, Clone)]
struct Layer {
    input: FlexTensor,
    weight: FlexTensor,
    dims: Dims,
    output: FlexTensor,
    activation: Activation,
}

impl<const PARENTS: usize> Backward<Flex, PARENTS> for Layers {
    type State = State;

    fn backward(self, ops: Ops<State, PARENTS>, grads: &mut Gradients, _: &mut Checkpointer) {
        let mut grad = host::contiguous(grads.consume::<Flex>(&ops.node));
        let mut parents = ops.parents.into_iter();
        let of_input = parents.next().flatten();
        let of_layers: Vec<_> =
            std::iter::from_fn(|| Some([parents.next()?, parents.next()?])).collect();
        // The first of the layers that need a gradient, or that lead to the input.
        let first = if of_input.is_some() {
            0
        } else {
            let is_needed = |nodes: &[Option<_>; 2]| nodes.iter().any(Option::is_some);
            of_layers.iter().position(is_needed).unwrap_or(of_layers.len())
        };
        let all = ops.state.layers.into_iter().zip(of_layers).enumerate().skip(first).rev();
        for (index, (layer, [to_weight, to_bias])) in all {
            let Layer { input, weight, dims, output, activation } = layer;
            let Dims { runs, inputs, outputs } = dims;
            match activation {
                Activation::Identity => (),
                Activation::Relu => relu_backward(grad.storage_mut::<f32>(), values(&output)),
                Activation::Tanh => tanh_backward(grad.storage_mut::<f32>(), values(&output)),
            }
            let (x, w, dy) = (values(&input), values(&weight), values(&grad));
            let dy_of = |run| part(dy, run, runs);
            let dy_matrix = |run| Matrix::new(dy_of(run), outputs);
            if let Some(node) = to_bias {
                let db = joined(runs, |run| column_sums(dy_of(run), outputs));
                grads.register::<Flex>(node.id, new_tensor(db, [runs * outputs]));
            }
            if let Some(node) = to_weight {
                let x = |run| Matrix::new(part(x, run, runs), inputs);
                let dw = joined(runs, |run| matmul(x(run).transposed(), dy_matrix(run)));
                grads.register::<Flex>(node.id, new_tensor(dw, [runs * inputs, outputs]));
            }
            if index > first || of_input.is_some() {
                let w = |run| Matrix::new(part(w, run, runs), outputs);
                let dx = joined(runs, |run| matmul(dy_matrix(run), w(run).transposed()));
                let rows = dy.len() / outputs;
                grad = new_tensor(dx, [rows, inputs]);
            }
        }
        if let Some(node) = of_input {
            grads.register::<Flex>(node.id, grad);
        }
    }
}
