//! The parts of SAC, checked by hand.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
#![allow(clippy::float_cmp, reason = "equal bits are meant")]

#[path = "../common/mod.rs"]
mod common;

mod acting;
mod networks;
mod targets;

use burn::tensor::{Device, Tensor};

fn vector(values: &[f32]) -> Tensor<1> {
    Tensor::from_data(values, &Device::flex())
}
