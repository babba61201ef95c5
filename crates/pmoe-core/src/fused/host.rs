//! Tensors as plain memory: burn's CPU backend seen from below.

use burn::backend::autodiff::ops::NodeGuard;
use burn::backend::flex::{FlexTensor, Layout};
use burn::backend::{Autodiff, DispatchDevice, Flex};
use burn::tensor::{Bytes, DType, Device, Shape, Tensor};

use crate::engine::{Engine, engine};

/// Where the operands of an operation live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// In plain memory, all of them constants.
    Constant,
    /// In plain memory, some of them in a graph.
    Tracked,
    /// On a device without our own code.
    Elsewhere,
}

/// Where operands live; our own code is for single precision.
pub(super) fn place(tensors: &[&Tensor<2>]) -> Place {
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

/// Whether tensors of this device, or of its plain twin, are memory that loops can work on.
pub(crate) fn is_host(device: &Device) -> bool {
    matches!(device.clone().inner().as_dispatch(), DispatchDevice::Flex(_))
}

/// The memory of a constant.
pub(crate) fn constant<const D: usize>(tensor: Tensor<D>) -> FlexTensor {
    contiguous(tensor.try_into_primitive::<Flex>().expect("a constant in plain memory"))
}

/// The memory of a tensor and its node in the graph; a constant gets a leaf of its own.
pub(super) fn tracked<const D: usize>(tensor: Tensor<D>) -> (FlexTensor, NodeGuard) {
    let tensor = if tensor.device().is_autodiff() { tensor } else { tensor.autodiff() };
    let tensor = tensor.try_into_primitive::<Autodiff<Flex>>().expect("a tensor in plain memory");
    let (tensor, node) = tensor.into_parts();
    (contiguous(tensor), node)
}

/// The tensor with its elements in order and nothing else in its memory.
pub(crate) fn contiguous(tensor: FlexTensor) -> FlexTensor {
    // `to_contiguous` alone would keep a second handle: the memory would never be unique.
    let len = tensor.layout().num_elements();
    if tensor.is_contiguous() && tensor.bytes().len() == len * size_of::<f32>() {
        tensor
    } else {
        tensor.to_contiguous()
    }
}

/// The elements of a [`contiguous`] tensor.
pub(super) fn values(tensor: &FlexTensor) -> &[f32] {
    tensor.storage::<f32>()
}

/// A tensor that takes over `values`.
pub(super) fn new_tensor<const D: usize>(values: Vec<f32>, shape: [usize; D]) -> FlexTensor {
    FlexTensor::new(Bytes::from_elems(values), Layout::contiguous(Shape::from(shape)), DType::F32)
}
