//! The parameters of a serialised module by name, for files of other formats.

use burn::tensor::{Bytes, DType};
use burn_pack::{Reader, Tensor, Writer};

use super::LearnerError;

/// A parameter of a module.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// Its path in the module: `router.layers.0.weight`.
    pub name: String,
    /// Its shape; a weight matrix is `[inputs, outputs]`.
    pub shape: Vec<usize>,
    /// Its values, row-major.
    pub values: Vec<f32>,
}

/// Returns the parameters in the bytes of [`module_to_bytes`](super::module_to_bytes), sorted by
/// name.
///
/// # Errors
/// If the bytes are damaged, or a parameter is not of 32-bit floats.
pub fn parameters_of_bytes(bytes: Vec<u8>) -> Result<Vec<Parameter>, LearnerError> {
    let failed = |error: burn_pack::Error| LearnerError::read(error.to_string());
    let tensors = Reader::from_bytes(Bytes::from_bytes_vec(bytes)).map_err(failed)?;
    let of_tensor = |tensor: Tensor| {
        let (name, dtype, shape, _, bytes) = tensor.into_parts().map_err(failed)?;
        let (numbers, rest) = bytes.as_chunks::<4>();
        if dtype != DType::F32 || !rest.is_empty() {
            return Err(LearnerError::read(format!("{name} is not of 32-bit floats")));
        }
        let values = numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        Ok(Parameter { name, shape: shape.to_vec(), values })
    };
    tensors.into_tensors().map_err(failed)?.into_iter().map(of_tensor).collect()
}

/// Returns the bytes that [`module_from_bytes`](super::module_from_bytes) reads. The same
/// parameters give the same bytes.
///
/// # Errors
/// If a shape does not fit the number of values.
pub fn parameters_to_bytes(parameters: Vec<Parameter>) -> Result<Vec<u8>, LearnerError> {
    let to_tensor = |(index, Parameter { name, shape, values }): (usize, Parameter)| {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let bytes = Bytes::from_bytes_vec(bytes);
        // Any distinct ids will do.
        Tensor::new(name, DType::F32, shape, Some(1 + index as u64), bytes)
    };
    let tensors = parameters.into_iter().enumerate().map(to_tensor).collect();
    let bytes = Writer::new(tensors).into_bytes();
    Ok(bytes.map_err(|error| LearnerError::write(error.to_string()))?.to_vec())
}
