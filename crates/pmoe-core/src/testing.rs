//! Float64 tensors and comparisons for known-answer tests.

use burn::tensor::{DType, Device, Tensor, TensorData};

fn tensor<const D: usize>(values: &[f64], shape: [usize; D]) -> Tensor<D> {
    let data = TensorData::new(values.to_vec(), shape);
    Tensor::from_data(data, (&Device::flex(), DType::F64))
}

pub(crate) fn t1(values: &[f64]) -> Tensor<1> {
    tensor(values, [values.len()])
}

pub(crate) fn t2<const A: usize, const B: usize>(values: [[f64; B]; A]) -> Tensor<2> {
    tensor(values.as_flattened(), [A, B])
}

pub(crate) fn t3<const A: usize, const B: usize, const C: usize>(
    values: [[[f64; C]; B]; A],
) -> Tensor<3> {
    tensor(values.as_flattened().as_flattened(), [A, B, C])
}

pub(crate) fn values<const D: usize>(tensor: &Tensor<D>) -> Vec<f64> {
    tensor.try_to_vec_as::<f64>().expect("converted to f64")
}

#[track_caller]
pub(crate) fn assert_close<const D: usize>(found: &Tensor<D>, expected: &[f64], tolerance: f64) {
    let found = values(found);
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() <= tolerance, "{found} is not {expected}");
    }
}
