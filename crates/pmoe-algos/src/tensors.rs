//! Conversion between numbers in host memory and tensors.

use burn::tensor::{Device, Tensor, TensorData};

use crate::rollout::gather;

/// Gathers `rows` of a block of `len` rows as a tensor.
pub(crate) fn gather_matrix(
    block: &[f32],
    len: usize,
    rows: &[usize],
    device: &Device,
) -> Tensor<2> {
    let dim = block.len() / len;
    matrix(gather(block, dim, rows), dim, device)
}

/// Converts `values`, row-major with `dim` columns, to a tensor.
pub(crate) fn matrix(values: Vec<f32>, dim: usize, device: &Device) -> Tensor<2> {
    let shape = [values.len() / dim, dim];
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// Converts `values` to a tensor.
pub(crate) fn vector(values: Vec<f32>, device: &Device) -> Tensor<1> {
    let shape = [values.len()];
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// Computes the mean of a vector.
pub(crate) fn mean(tensor: &Tensor<1>) -> f64 {
    tensor.clone().mean().into_scalar::<f32>().into()
}

/// Copies a vector to host memory.
pub(crate) fn host(tensor: Tensor<1>) -> Vec<f32> {
    tensor.try_into_vec_as::<f32>().expect("converted to f32")
}
