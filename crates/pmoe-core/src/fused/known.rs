//! Functions whose derivatives are computed with their values: one node of the graph instead of one
//! for each operation.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, NodeGuard, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::{Autodiff, Flex};
use burn::tensor::{Shape, Tensor};

use super::host::{self, Place, new_tensor};

/// An input of a function.
pub(crate) struct Input {
    memory: FlexTensor,
    node: NodeGuard,
    is_tracked: bool,
}

impl Input {
    /// Returns `None` if the tensor is not in plain memory or not in single precision.
    pub(crate) fn new<const D: usize>(tensor: &Tensor<D>) -> Option<Self> {
        let is_tracked = match host::place(&[tensor]) {
            Place::Elsewhere => return None,
            Place::Constant => false,
            Place::Tracked => true,
        };
        let (memory, node) = host::tracked(tensor.clone());
        Some(Self { memory, node, is_tracked })
    }

    /// Returns the elements.
    pub(crate) fn values(&self) -> &[f32] {
        host::values(&self.memory)
    }
}

/// Returns `value`, `[R]`, a function of the inputs with these derivatives.
///
/// # Shapes
/// - a derivative: `[R, W]`, of each result with respect to the W elements of the input that it
///   depends on: those of the same row, or all of them
///
/// # Gradients
/// Flow into the inputs that are tracked.
///
/// # Panics
/// If a derivative has another length.
pub(crate) fn known<const N: usize>(value: Vec<f32>, inputs: [(Input, Vec<f32>); N]) -> Tensor<1> {
    let rows = value.len();
    let output = new_tensor(value, [rows]);
    if inputs.iter().all(|(input, _)| !input.is_tracked) {
        return Tensor::from_primitive::<Flex>(output);
    }
    let mut derivatives = Vec::with_capacity(N);
    let nodes = inputs.map(|(Input { memory, node, .. }, derivative)| {
        let shape = memory.layout().shape().clone();
        let len = shape.num_elements();
        assert!([len, rows * len].contains(&derivative.len()), "derivatives of every result");
        derivatives.push((derivative, shape));
        node
    });
    let prepared = Known.prepare::<NoCheckpointing>(nodes).compute_bound().stateful();
    Tensor::from_primitive::<Autodiff<Flex>>(match prepared {
        OpsKind::Tracked(prepared) => prepared.finish(State { derivatives }, output),
        OpsKind::UnTracked(prepared) => prepared.finish(output),
    })
}

#[derive(Debug)]
struct Known;

/// The derivatives with respect to each input, and its shape.
#[derive(Debug, Clone)]
struct State {
    derivatives: Vec<(Vec<f32>, Shape)>,
}

impl<const N: usize> Backward<Flex, N> for Known {
    type State = State;

    fn backward(self, ops: Ops<State, N>, grads: &mut Gradients, _: &mut Checkpointer) {
        let incoming = host::contiguous(grads.consume::<Flex>(&ops.node));
        let incoming = host::values(&incoming);
        for (node, (mut derivative, shape)) in ops.parents.iter().zip(ops.state.derivatives) {
            let Some(node) = node else { continue };
            let width = derivative.len() / incoming.len();
            let rows = derivative.chunks_exact_mut(width);
            for (row, incoming) in rows.zip(incoming) {
                row.iter_mut().for_each(|x| *x *= incoming);
            }
            let len = shape.num_elements();
            if len < derivative.len() {
                // Every result depends on the same elements.
                let (sums, others) = derivative.split_at_mut(len);
                for row in others.chunks_exact(len) {
                    sums.iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
                }
                derivative.truncate(len);
            }
            grads.register::<Flex>(node.id, host::shaped(derivative, shape));
        }
    }
}
