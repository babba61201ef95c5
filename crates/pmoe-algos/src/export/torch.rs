//! A policy's parameters as `torch.save` writes them: a zip archive of a pickle and the numbers.
//!
//! The pickle holds a dictionary of two entries: `state_dict`, tensors by name, and `pmoe`, the text that the safetensors
//! form has as its metadata. `torch.load(path, weights_only=True)` reads it, which executes nothing.

use pmoe_core::optim::Parameter;

use super::archive::Archive;
use crate::checkpoint::{CheckpointError, Files, PolicyFacts, taken_apart};

/// Returns the bytes of a PyTorch file with the parameters of a policy.
///
/// Weights of linear layers are `[outputs, inputs]`, and the scale and shift of a layer normalisation are called `weight`
/// and `bias`, as in `torch.nn`.
///
/// # Errors
/// Returns an error if a part is neither parameters nor text.
pub fn torch(files: &Files<'_>, facts: PolicyFacts) -> Result<Vec<u8>, CheckpointError> {
    let (parameters, entry) = taken_apart(files, facts)?;
    let parameters: Vec<Parameter> = parameters.into_iter().map(as_in_torch).collect();
    let mut archive = Archive::default();
    archive.add("policy/data.pkl", &pickle(&parameters, &entry));
    archive.add("policy/byteorder", b"little");
    for (index, Parameter { values, .. }) in parameters.iter().enumerate() {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        archive.add(&format!("policy/data/{index}"), &bytes);
    }
    archive.add("policy/version", b"3\n");
    Ok(archive.finish())
}

/// Changes names and layout from burn's to PyTorch's.
fn as_in_torch(parameter: Parameter) -> Parameter {
    let Parameter { name, shape, values } = parameter;
    match shape[..] {
        [inputs, outputs] if name.ends_with(".weight") => {
            let at = |index: usize| values[index % inputs * outputs + index / inputs];
            let values = (0..values.len()).map(at).collect();
            Parameter { name, shape: vec![outputs, inputs], values }
        }
        _ => {
            let name = name.replace(".gamma", ".weight").replace(".beta", ".bias");
            Parameter { name, shape, values }
        }
    }
}

/// Writes the dictionary in version 2 of Python's format.
fn pickle(parameters: &[Parameter], entry: &str) -> Vec<u8> {
    let mut out = Pickle(b"\x80\x02".to_vec());
    out.dictionary(|out| {
        out.text("state_dict");
        out.dictionary(|out| {
            for (index, Parameter { name, shape, values }) in parameters.iter().enumerate() {
                out.text(name);
                out.tensor(index, shape, values.len());
            }
        });
        out.text("pmoe");
        out.text(entry);
    });
    out.code(b'.');
    out.0
}

/// A pickle so far. The codes are those of Python's `pickletools`.
struct Pickle(Vec<u8>);

impl Pickle {
    fn code(&mut self, code: u8) {
        self.0.push(code);
    }

    fn text(&mut self, text: &str) {
        self.code(b'X');
        self.0.extend((text.len() as u32).to_le_bytes());
        self.0.extend(text.as_bytes());
    }

    fn number(&mut self, number: usize) {
        self.code(b'J');
        self.0.extend((number as u32).to_le_bytes());
    }

    /// A name of a Python module.
    fn global(&mut self, module: &str, name: &str) {
        self.code(b'c');
        self.0.extend(format!("{module}\n{name}\n").bytes());
    }

    fn tuple(&mut self, items: impl FnOnce(&mut Self)) {
        self.code(b'(');
        items(self);
        self.code(b't');
    }

    /// A dictionary of alternate keys and values.
    fn dictionary(&mut self, items: impl FnOnce(&mut Self)) {
        self.code(b'}');
        self.code(b'(');
        items(self);
        self.code(b'u');
    }

    /// A tensor, whose numbers are in the archive's file `data/<index>`.
    fn tensor(&mut self, index: usize, shape: &[usize], len: usize) {
        self.global("torch._utils", "_rebuild_tensor_v2");
        self.tuple(|out| {
            out.tuple(|out| {
                out.text("storage");
                out.global("torch", "FloatStorage");
                out.text(&index.to_string());
                out.text("cpu");
                out.number(len);
            });
            out.code(b'Q');
            // Where it begins in its file, its sizes and strides.
            out.number(0);
            out.tuple(|out| shape.iter().for_each(|size| out.number(*size)));
            let stride = |axis: usize| shape[axis + 1..].iter().product();
            out.tuple(|out| (0..shape.len()).for_each(|axis| out.number(stride(axis))));
            // It needs no gradient, and has no hooks.
            out.code(b'\x89');
            out.global("collections", "OrderedDict");
            out.0.extend(b")R");
        });
        self.code(b'R');
    }
}
