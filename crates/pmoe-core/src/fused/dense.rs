//! One layer on plain memory: its parameters, and what follows its product.

use burn::backend::autodiff::ops::NodeGuard;
use burn::backend::flex::FlexTensor;
use burn::nn::{LayerNorm, Linear};
use burn::tensor::Tensor;

use super::host::{self, new_tensor, values};
use super::kernels::{add_bias, add_bias_relu, add_bias_tanh, relu_backward, tanh_backward};
use super::matmul::{Matrix, matmul};
use super::norm::Normalised;
use super::parts::{joined, part};

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

impl Activation {
    /// Turns `grad`, the gradient of the output, into that of the input.
    pub(super) fn backward(self, grad: &mut [f32], output: &[f32]) {
        match self {
            Self::Identity => (),
            Self::Relu => relu_backward(grad, output),
            Self::Tanh => tanh_backward(grad, output),
        }
    }
}

/// The layers of a network.
#[derive(Debug, Clone, Copy)]
pub struct Network<'a> {
    /// The linear layers, from first to last.
    pub layers: &'a [Linear],
    /// What normalises the outputs of the first of them, before their activations; the others are
    /// not normalised.
    pub norms: &'a [LayerNorm],
}

impl<'a> Network<'a> {
    /// Returns the layers, each with the activation for its index.
    pub(super) fn steps(self, activation: impl Fn(usize) -> Activation) -> Vec<Step<'a>> {
        let step = |(index, linear)| Step {
            linear,
            norm: self.norms.get(index),
            activation: activation(index),
        };
        self.layers.iter().enumerate().map(step).collect()
    }
}

/// A linear layer and what follows it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step<'a> {
    pub(super) linear: &'a Linear,
    pub(super) norm: Option<&'a LayerNorm>,
    pub(super) activation: Activation,
}

impl Step<'_> {
    /// Whether it has a bias, and β if it is normalised, as the fused operations need.
    pub(super) fn is_complete(&self) -> bool {
        self.linear.bias.is_some() && self.norm.is_none_or(|norm| norm.beta.is_some())
    }

    /// Number of parameters.
    pub(super) fn parameters(&self) -> usize {
        if self.norm.is_some() { 4 } else { 2 }
    }
}

/// A layer's parameters in plain memory, of all runs.
#[derive(Debug, Clone)]
pub(super) struct Dense {
    weight: FlexTensor,
    bias: FlexTensor,
    /// γ and β.
    norm: Option<[FlexTensor; 2]>,
    pub(super) activation: Activation,
    pub(super) runs: usize,
    pub(super) inputs: usize,
    pub(super) outputs: usize,
}

/// The parameters of one run.
pub(super) struct OfRun<'a> {
    pub(super) weight: Matrix<'a>,
    bias: &'a [f32],
    norm: Option<[&'a [f32]; 2]>,
    activation: Activation,
}

impl Dense {
    /// Returns the parameters of a constant layer that [is complete](Step::is_complete).
    pub(super) fn constant(step: &Step<'_>) -> Self {
        let weight = host::constant(step.linear.weight.val());
        Self::new(step, weight, host::constant)
    }

    /// Returns the parameters of a layer that [is complete](Step::is_complete), and appends their
    /// nodes in the order of weight, bias, γ, β.
    pub(super) fn tracked(step: &Step<'_>, nodes: &mut Vec<NodeGuard>) -> Self {
        let (weight, node) = host::tracked(step.linear.weight.val());
        nodes.push(node);
        Self::new(step, weight, |vector| {
            let (memory, node) = host::tracked(vector);
            nodes.push(node);
            memory
        })
    }

    fn new(
        step: &Step<'_>,
        weight: FlexTensor,
        mut memory: impl FnMut(Tensor<1>) -> FlexTensor,
    ) -> Self {
        let bias = memory(step.linear.bias.as_ref().expect("a complete layer").val());
        let norm = step.norm.map(|norm| {
            let gamma = memory(norm.gamma.val());
            [gamma, memory(norm.beta.as_ref().expect("a complete layer").val())]
        });
        let shape = weight.layout().shape();
        let (rows, outputs) = (shape[0], shape[1]);
        let runs = bias.layout().num_elements() / outputs;
        let (inputs, activation) = (rows / runs, step.activation);
        Self { weight, bias, norm, activation, runs, inputs, outputs }
    }

    /// Returns the parameters of a run.
    pub(super) fn of_run(&self, run: usize) -> OfRun<'_> {
        let of_run = |all| part(values(all), run, self.runs);
        OfRun {
            weight: Matrix::new(of_run(&self.weight), self.outputs),
            bias: of_run(&self.bias),
            norm: self.norm.as_ref().map(|norm| norm.each_ref().map(of_run)),
            activation: self.activation,
        }
    }

    pub(super) fn is_normalised(&self) -> bool {
        self.norm.is_some()
    }

    /// Computes the outputs for the rows of all runs, `[N, O]`, and what the backward pass needs to
    /// know of normalised rows.
    pub(super) fn forward(&self, input: &FlexTensor) -> (FlexTensor, Normalised) {
        let (x, mut normalised) = (values(input), Normalised::default());
        let output = joined(self.runs, |run| {
            let layer = self.of_run(run);
            let x = Matrix::new(part(x, run, self.runs), self.inputs);
            layer.finish(matmul(x, layer.weight), &mut normalised)
        });
        let rows = x.len() / self.inputs;
        (new_tensor(output, [rows, self.outputs]), normalised)
    }
}

impl OfRun<'_> {
    /// Completes the layer from the product of its inputs and weights: adds the bias, normalises,
    /// and applies the activation. Appends normalised rows.
    pub(super) fn finish(&self, mut product: Vec<f32>, normalised: &mut Normalised) -> Vec<f32> {
        let bias = match self.norm {
            None => self.bias,
            Some([gamma, beta]) => {
                product = normalised.append(product, self.bias, gamma);
                beta
            }
        };
        match self.activation {
            Activation::Identity => add_bias(&mut product, bias),
            Activation::Relu => add_bias_relu(&mut product, bias),
            Activation::Tanh => add_bias_tanh(&mut product, bias),
        }
        product
    }

    /// Turns `grad`, the gradient of what the activation gets in some rows from `row` on, into that
    /// of the product.
    pub(super) fn norm_backward(&self, row: usize, grad: &mut [f32], normalised: &Normalised) {
        if let Some([gamma, _]) = self.norm {
            normalised.backward(row, grad, gamma);
        }
    }
}
