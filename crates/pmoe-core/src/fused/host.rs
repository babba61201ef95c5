//! Low-level access to the plain memory of burn's CPU backend.

use burn::backend::autodiff::ops::NodeGuard;
use burn::backend::flex::{FlexTensor, Layout};
use burn::backend::{Autodiff, DispatchDevice, Flex};
use burn::tensor::{Bytes, DType, Device, Shape, Tensor};

use crate::engine::{Engine, engine};

/// Where the operands of an operation live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// In plain memory, all constant.
    Constant,
    /// In plain memory, some of them tracked in a graph.
    Tracked,
    /// Not supported by the fused operations.
    Elsewhere,
}

/// Returns where the operands live. Fused operations support single precision only.
pub(super) fn place<const D: usize>(tensors: &[&Tensor<D>]) -> Place {
    let devices = || tensors.iter().map(|tensor| tensor.device());
    let is_ours = engine() == Engine::Fused
        && tensors.iter().all(|tensor| tensor.dtype() == DType::F32)
        && devices().all(|device| is_host(&device));
    if !is_ours {
        Place::Elsewhere
    } else if devices().any(|device| device.is_autodiff()) {
        Place::Tracked
    } else {
        Place::Constant
    }
}

/// Whether tensors of this device, or of its non-autodiff counterpart, are in plain memory.
pub(crate) fn is_host(device: &Device) -> bool {
    matches!(device.clone().inner().as_dispatch(), DispatchDevice::Flex(_))
}

/// Returns the memory of a constant.
pub(crate) fn constant<const D: usize>(tensor: Tensor<D>) -> FlexTensor {
    contiguous(tensor.try_into_primitive::<Flex>().expect("a constant in plain memory"))
}

/// Returns the memory of a tensor if it is a constant in plain memory and in single precision.
pub(super) fn if_constant<const D: usize>(tensor: &Tensor<D>) -> Option<FlexTensor> {
    (place(&[tensor]) == Place::Constant).then(|| constant(tensor.clone()))
}

/// Returns the memory of a tensor and its node in the graph; a constant gets a new leaf.
pub(super) fn tracked<const D: usize>(tensor: Tensor<D>) -> (FlexTensor, NodeGuard) {
    let tensor = if tensor.device().is_autodiff() { tensor } else { tensor.autodiff() };
    let tensor = tensor.try_into_primitive::<Autodiff<Flex>>().expect("a tensor in plain memory");
    let (tensor, node) = tensor.into_parts();
    (contiguous(tensor), node)
}

/// Returns the tensor with its elements in order and nothing else in its memory.
pub(crate) fn contiguous(tensor: FlexTensor) -> FlexTensor {
    // `to_contiguous` alone would keep a second handle, and the memory would never be unique.
    let len = tensor.layout().num_elements();
    if tensor.is_contiguous() && tensor.bytes().len() == len * size_of::<f32>() {
        tensor
    } else {
        tensor.to_contiguous()
    }
}

/// Returns the elements of a [`contiguous`] tensor.
pub(super) fn values(tensor: &FlexTensor) -> &[f32] {
    tensor.storage::<f32>()
}

/// Creates a tensor that takes ownership of `values`.
pub(super) fn new_tensor<const D: usize>(values: Vec<f32>, shape: [usize; D]) -> FlexTensor {
    shaped(values, Shape::from(shape))
}

/// Does the same for a shape of any rank.
pub(super) fn shaped(values: Vec<f32>, shape: Shape) -> FlexTensor {
    FlexTensor::new(Bytes::from_elems(values), Layout::contiguous(shape), DType::F32)
}
