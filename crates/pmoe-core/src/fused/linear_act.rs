//! A linear layer and its activation as one operation.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::{Autodiff, Flex};
use burn::nn::Linear;
use burn::tensor::{Tensor, activation};

use super::host::{self, Place, new_tensor, values};
use super::kernels::{
    add_bias, add_bias_relu, add_bias_tanh, column_sums, relu_backward, tanh_backward,
};
use super::matmul::{Matrix, matmul};

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
///
/// # Gradients
/// Flow into the input and the parameters, as far as they are tracked.
pub fn linear_act(input: Tensor<2>, layer: &Linear, activation: Activation) -> Tensor<2> {
    let (weight, bias) = (layer.weight.val(), layer.bias.as_ref().map(|bias| bias.val()));
    let Some(bias) = bias else { return plain(input, layer, activation) };
    match host::place(&[&input, &weight]) {
        Place::Elsewhere => plain(input, layer, activation),
        Place::Constant => {
            let [input, weight] = [input, weight].map(host::constant);
            let bias = host::constant(bias);
            Tensor::from_primitive::<Flex>(forward(&input, &weight, &bias, activation))
        }
        Place::Tracked => {
            let (input, input_node) = host::tracked(input);
            let (weight, weight_node) = host::tracked(weight);
            let (bias, bias_node) = host::tracked(bias);
            let output = forward(&input, &weight, &bias, activation);
            let prepared = LinearAct
                .prepare::<NoCheckpointing>([input_node, weight_node, bias_node])
                .compute_bound()
                .stateful();
            Tensor::from_primitive::<Autodiff<Flex>>(match prepared {
                OpsKind::Tracked(prepared) => {
                    let state = State { input, weight, output: output.clone(), activation };
                    prepared.finish(state, output)
                }
                OpsKind::UnTracked(prepared) => prepared.finish(output),
            })
        }
    }
}

/// The same with burn's own operations.
pub(crate) fn plain(input: Tensor<2>, layer: &Linear, activation: Activation) -> Tensor<2> {
    let output = layer.forward(input);
    match activation {
        Activation::Identity => output,
        Activation::Relu => activation::relu(output),
        Activation::Tanh => activation::tanh(output),
    }
}

fn forward(
    input: &FlexTensor,
    weight: &FlexTensor,
    bias: &FlexTensor,
    activation: Activation,
) -> FlexTensor {
    let (inputs, outputs) = dims(weight);
    let (x, w, b) = (values(input), values(weight), values(bias));
    let mut y = matmul(Matrix::new(x, inputs), Matrix::new(w, outputs));
    match activation {
        Activation::Identity => add_bias(&mut y, b),
        Activation::Relu => add_bias_relu(&mut y, b),
        Activation::Tanh => add_bias_tanh(&mut y, b),
    }
    new_tensor(y, [x.len() / inputs, outputs])
}

fn dims(weight: &FlexTensor) -> (usize, usize) {
    let shape = weight.layout().shape();
    (shape[0], shape[1])
}

#[derive(Debug)]
struct LinearAct;

#[derive(Debug, Clone)]
struct State {
    input: FlexTensor,
    weight: FlexTensor,
    output: FlexTensor,
    activation: Activation,
}

impl Backward<Flex, 3> for LinearAct {
    type State = State;

    fn backward(self, ops: Ops<State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let State { input, weight, output, activation } = ops.state;
        let (inputs, outputs) = dims(&weight);
        let mut grad = host::contiguous(grads.consume::<Flex>(&ops.node));
        match activation {
            Activation::Identity => (),
            Activation::Relu => relu_backward(grad.storage_mut::<f32>(), values(&output)),
            Activation::Tanh => tanh_backward(grad.storage_mut::<f32>(), values(&output)),
        }
        let (x, w, dy) = (values(&input), values(&weight), values(&grad));
        let rows = dy.len() / outputs;
        let [to_input, to_weight, to_bias] = ops.parents;
        let dy_matrix = Matrix::new(dy, outputs);
        if let Some(node) = to_bias {
            grads.register::<Flex>(node.id, new_tensor(column_sums(dy, outputs), [outputs]));
        }
        if let Some(node) = to_weight {
            let dw = matmul(Matrix::new(x, inputs).transposed(), dy_matrix);
            grads.register::<Flex>(node.id, new_tensor(dw, [inputs, outputs]));
        }
        if let Some(node) = to_input {
            let dx = matmul(dy_matrix, Matrix::new(w, outputs).transposed());
            grads.register::<Flex>(node.id, new_tensor(dx, [rows, inputs]));
        }
    }
}
