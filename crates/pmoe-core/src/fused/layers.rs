//! Linear layers with normalisation and activations as one operation.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, NodeGuard, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::{Autodiff, Flex};
use burn::nn::{LayerNorm, Linear};
use burn::tensor::{Tensor, activation, module::layer_norm};

use super::dense::{Activation, Dense, Network, Step};
use super::host::{self, Place, new_tensor, values};
use super::kernels::column_sums;
use super::matmul::{Matrix, matmul};
use super::norm::{LAYER_NORM_EPSILON, Normalised};
use super::parts::{joined, part, part_mut};

/// The most layers of one operation: burn's graph needs the number of parents as a constant.
const MOST_LAYERS: usize = 4;

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
    let network = Network { layers: std::slice::from_ref(layer), norms: &[] };
    layers(input, network, |_| activation)
}

/// Applies layers one after the other, each with the activation that `activation` returns for its
/// index. On the CPU, four of them are one node of the graph. See [`linear_act`].
///
/// A normalised layer computes
///
/// ```text
/// f(γ (z − mean z) / √(var z + ε) + β),   z = input · W + b,   ε = 1e-5
/// ```
///
/// with mean and biased variance over the O outputs of a row.
///
/// # Shapes
/// - `input`: `[N, I]`; returns `[N, O]`, with the O outputs of the last layer
/// - of several [runs](crate::runs): γ and β are `[runs · O]`
///
/// # Gradients
/// Flow into the input and the parameters, as far as they are tracked.
///
/// # Source
/// Ba et al., arXiv:1607.06450 (layer normalisation).
pub fn layers(
    input: Tensor<2>,
    network: Network<'_>,
    activation: impl Fn(usize) -> Activation,
) -> Tensor<2> {
    let steps = network.steps(activation);
    steps.chunks(MOST_LAYERS).fold(input, |x, steps| {
        let parameters: usize = steps.iter().map(Step::parameters).sum();
        match parameters {
            2 => apply::<3>(x, steps),
            4 => apply::<5>(x, steps),
            6 => apply::<7>(x, steps),
            8 => apply::<9>(x, steps),
            10 => apply::<11>(x, steps),
            12 => apply::<13>(x, steps),
            14 => apply::<15>(x, steps),
            _ => apply::<17>(x, steps),
        }
    })
}

/// Does the same for a fixed number of layers. `PARENTS` counts the input and the parameters.
fn apply<const PARENTS: usize>(input: Tensor<2>, steps: &[Step<'_>]) -> Tensor<2> {
    let place = match steps.iter().all(Step::is_complete) {
        true => host::place(&[&input, &steps[0].linear.weight.val()]),
        false => Place::Elsewhere,
    };
    match place {
        Place::Elsewhere => steps.iter().fold(input, plain),
        Place::Constant => {
            let forward = |x: FlexTensor, step| Dense::constant(step).forward(&x).0;
            Tensor::from_primitive::<Flex>(steps.iter().fold(host::constant(input), forward))
        }
        Place::Tracked => {
            let (mut output, node) = host::tracked(input);
            let mut nodes = vec![node];
            let mut state = State { layers: Vec::with_capacity(steps.len()) };
            for step in steps {
                let (input, dense) = (output, Dense::tracked(step, &mut nodes));
                let normalised;
                (output, normalised) = dense.forward(&input);
                state.layers.push(Layer { dense, input, normalised, output: output.clone() });
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

/// A layer with burn's own operations.
fn plain(input: Tensor<2>, step: &Step<'_>) -> Tensor<2> {
    let mut output = affine(input, step.linear);
    if let Some(norm) = step.norm {
        output = normalised(output, norm);
    }
    match step.activation {
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

/// Normalises rows, of each run with burn's own operations.
fn normalised(rows: Tensor<2>, norm: &LayerNorm) -> Tensor<2> {
    let ([count, width], [all]) = (rows.dims(), norm.gamma.dims());
    let runs = all / width;
    if runs == 1 {
        return norm.forward(rows);
    }
    let ones = Tensor::ones([width], (&rows.device(), rows.dtype()));
    let rows: Tensor<3> =
        layer_norm(rows, ones, None, LAYER_NORM_EPSILON).reshape([runs, count / runs, width]);
    let scaled = rows * norm.gamma.val().reshape([runs, 1, width]);
    let shifted = match &norm.beta {
        Some(beta) => scaled + beta.val().reshape([runs, 1, width]),
        None => scaled,
    };
    shifted.reshape([count, width])
}

/// Returns the number of runs whose parameters a layer holds.
fn runs_of(layer: &Linear) -> usize {
    let [_, outputs] = layer.weight.dims();
    layer.bias.as_ref().map_or(1, |bias| bias.dims()[0] / outputs)
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
    dense: Dense,
    input: FlexTensor,
    normalised: Normalised,
    output: FlexTensor,
}

impl<const PARENTS: usize> Backward<Flex, PARENTS> for Layers {
    type State = State;

    fn backward(self, ops: Ops<State, PARENTS>, grads: &mut Gradients, _: &mut Checkpointer) {
        let mut grad = host::contiguous(grads.consume::<Flex>(&ops.node));
        let mut parents = ops.parents.into_iter();
        let of_input = parents.next().flatten();
        let of_layers: Vec<_> = ops
            .state
            .layers
            .iter()
            .map(|layer| {
                let mut next = || parents.next().flatten();
                let [weight, bias] = [next(), next()];
                let has_norm = layer.dense.is_normalised();
                let [gamma, beta] = if has_norm { [next(), next()] } else { [None, None] };
                [weight, bias, gamma, beta]
            })
            .collect();
        // The first of the layers that need a gradient, or that lead to the input.
        let first = if of_input.is_some() {
            0
        } else {
            let is_needed = |nodes: &[Option<_>; 4]| nodes.iter().any(Option::is_some);
            of_layers.iter().position(is_needed).unwrap_or(of_layers.len())
        };
        let all = ops.state.layers.into_iter().zip(of_layers).enumerate().skip(first).rev();
        for (index, (layer, [to_weight, to_bias, to_gamma, to_beta])) in all {
            let Layer { dense, input, normalised, output } = layer;
            let Dense { runs, inputs, outputs, activation, .. } = dense;
            let rows = values(&output).len() / outputs / runs;
            activation.backward(grad.storage_mut::<f32>(), values(&output));
            let sums = |grad: &FlexTensor| {
                let dy = values(grad);
                let sums = joined(runs, |run| column_sums(part(dy, run, runs), outputs));
                new_tensor(sums, [runs * outputs])
            };
            if let Some(node) = to_beta {
                grads.register::<Flex>(node.id, sums(&grad));
            }
            if let Some(node) = to_gamma {
                let dy = values(&grad);
                let dgamma = joined(runs, |run| {
                    normalised.gamma_gradient(run * rows, part(dy, run, runs), outputs)
                });
                grads.register::<Flex>(node.id, new_tensor(dgamma, [runs * outputs]));
            }
            if dense.is_normalised() {
                let dy = grad.storage_mut::<f32>();
                for run in 0..runs {
                    let dy = part_mut(dy, run, runs);
                    dense.of_run(run).norm_backward(run * rows, dy, &normalised);
                }
            }
            if let Some(node) = to_bias {
                grads.register::<Flex>(node.id, sums(&grad));
            }
            let (x, dy) = (values(&input), values(&grad));
            let dy = |run| Matrix::new(part(dy, run, runs), outputs);
            if let Some(node) = to_weight {
                let x = |run| Matrix::new(part(x, run, runs), inputs);
                let dw = joined(runs, |run| matmul(x(run).transposed(), dy(run)));
                grads.register::<Flex>(node.id, new_tensor(dw, [runs * inputs, outputs]));
            }
            if index > first || of_input.is_some() {
                let w = |run| dense.of_run(run).weight;
                let dx = joined(runs, |run| matmul(dy(run), w(run).transposed()));
                grad = new_tensor(dx, [runs * rows, inputs]);
            }
        }
        if let Some(node) = of_input {
            grads.register::<Flex>(node.id, grad);
        }
    }
}
