//! A case, as read from its two files.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use burn::tensor::{DType, Int, Tensor, TensorData};
use pmoe_core::engine::{Engine, with_engine};
use safetensors::{Dtype, SafeTensors};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Method;
use super::common::device;

/// Why a case can't be replayed.
pub(crate) type Problem = String;

/// Contents of the JSON file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Document {
    pub(crate) format: u32,
    pub(crate) method: Method,
    pub(crate) sizes: BTreeMap<String, Value>,
    pub(crate) switches: BTreeMap<String, Value>,
    pub(crate) scalars: BTreeMap<String, Value>,
    pub(crate) losses: BTreeMap<String, f64>,
}

/// Numbers in C order. Linear weights are `[out, in]` in the files.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Array {
    pub(crate) shape: Vec<usize>,
    pub(crate) values: Vec<f64>,
}

/// One case.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) document: Document,
    pub(crate) tensors: BTreeMap<String, Array>,
    /// Names of the `tensors` that the replay has used.
    read: RefCell<BTreeSet<String>>,
}

/// Precision and kernels of a replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arithmetic {
    /// Single precision with our fused kernels, as in training.
    Fused,
    /// Single precision with burn's operations.
    Plain,
    /// Double precision with burn's operations.
    Double,
}

impl Arithmetic {
    pub(crate) const ALL: [Self; 3] = [Self::Fused, Self::Plain, Self::Double];

    /// Returns the relative tolerances of losses and gradients.
    ///
    /// In double precision, gradients are limited by the single precision of the files.
    pub(crate) fn tolerances(self) -> (f64, f64) {
        match self {
            Self::Fused | Self::Plain => (1e-5, 1e-4),
            Self::Double => (1e-9, 1e-6),
        }
    }

    pub(crate) fn dtype(self) -> DType {
        match self {
            Self::Fused | Self::Plain => DType::F32,
            Self::Double => DType::F64,
        }
    }

    pub(crate) fn run<R>(self, body: impl FnOnce() -> R) -> R {
        let engine = if self == Self::Fused { Engine::Fused } else { Engine::Plain };
        with_engine(engine, body)
    }
}

/// Returns the JSON files of a folder.
pub(crate) fn cases(folder: &Path) -> Result<Vec<PathBuf>, Problem> {
    let describe = |error: std::io::Error| format!("{}: {error}", folder.display());
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(describe)? {
        let path = entry.map_err(describe)?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            paths.push(path);
        }
    }
    if paths.is_empty() {
        return Err(format!("{} has no cases (*.json)", folder.display()));
    }
    paths.sort();
    Ok(paths)
}

impl Case {
    /// Reads the JSON file `path` and the safetensors file next to it.
    pub(crate) fn read(path: &Path) -> Result<Self, Problem> {
        let read = |path: &Path| fs::read(path).map_err(|e| format!("{}: {e}", path.display()));
        let name = path.file_stem().expect("a file").to_string_lossy().into_owned();
        let document: Document = serde_json::from_slice(&read(path)?)
            .map_err(|error| format!("{}: {error}", path.display()))?;
        if document.format != 1 {
            return Err(format!("{name}: format {} is not 1", document.format));
        }
        let bytes = read(&path.with_extension("safetensors"))?;
        let file = SafeTensors::deserialize(&bytes).map_err(|e| format!("{name}: {e}"))?;
        let mut tensors = BTreeMap::new();
        for (tensor, view) in file.tensors() {
            let values = match view.dtype() {
                Dtype::F32 => numbers(view.data(), |b| f64::from(f32::from_le_bytes(b))),
                Dtype::F64 => numbers(view.data(), f64::from_le_bytes),
                Dtype::I64 => numbers(view.data(), |b| i64::from_le_bytes(b) as f64),
                other => return Err(format!("{name}: {tensor} is {other:?}, not F32, F64 or I64")),
            };
            tensors.insert(tensor, Array { shape: view.shape().to_vec(), values });
        }
        Ok(Self { name, document, tensors, read: RefCell::default() })
    }

    /// Returns sizes, switches and scalars, each to be used once.
    pub(crate) fn settings(&self) -> Settings<'_> {
        let Document { sizes, switches, scalars, .. } = self.document.clone();
        let parts = [("sizes", sizes), ("switches", switches), ("scalars", scalars)];
        Settings { case: &self.name, parts: parts.into() }
    }

    /// Returns a tensor of the file and marks it as used.
    pub(crate) fn array(&self, name: &str, shape: &[usize]) -> Result<&Array, Problem> {
        let array = self.tensors.get(name);
        let array = array.ok_or_else(|| format!("{}: there is no tensor {name}", self.name))?;
        if array.shape != shape {
            let found = &array.shape;
            return Err(format!("{}: {name} has shape {found:?}, not {shape:?}", self.name));
        }
        self.read.borrow_mut().insert(name.to_owned());
        Ok(array)
    }

    /// Whether the file has `input/NAME`.
    pub(crate) fn has_input(&self, name: &str) -> bool {
        self.tensors.contains_key(&format!("input/{name}"))
    }

    /// Returns `input/NAME` as a constant.
    pub(crate) fn input<const D: usize>(
        &self,
        name: &str,
        shape: [usize; D],
        arithmetic: Arithmetic,
    ) -> Result<Tensor<D>, Problem> {
        let array = self.array(&format!("input/{name}"), &shape)?;
        let data = TensorData::new(array.values.clone(), shape);
        Ok(Tensor::from_data(data, (&device(), arithmetic.dtype())))
    }

    /// Returns `input/NAME` as indices below `below`.
    pub(crate) fn indices(
        &self,
        name: &str,
        count: usize,
        below: usize,
    ) -> Result<Tensor<1, Int>, Problem> {
        let array = self.array(&format!("input/{name}"), &[count])?;
        let is_index = |x: &f64| x.fract() == 0.0 && (0.0..below as f64).contains(x);
        if !array.values.iter().all(is_index) {
            return Err(format!("{}: input/{name} has values outside 0..{below}", self.name));
        }
        let values: Vec<i64> = array.values.iter().map(|&x| x as i64).collect();
        Ok(Tensor::from_data(TensorData::new(values, [count]), &device()))
    }

    /// Returns the names of unused parameters and inputs.
    pub(crate) fn unread(&self) -> Vec<&str> {
        let read = self.read.borrow();
        self.tensors.keys().filter(|name| !read.contains(*name)).map(String::as_str).collect()
    }
}

/// Settings in a case's JSON.
pub(crate) struct Settings<'a> {
    case: &'a str,
    parts: BTreeMap<&'static str, BTreeMap<String, Value>>,
}

impl Settings<'_> {
    pub(crate) fn size<T: DeserializeOwned>(&mut self, key: &str) -> Result<T, Problem> {
        self.take("sizes", key)
    }

    pub(crate) fn switch<T: DeserializeOwned>(&mut self, key: &str) -> Result<T, Problem> {
        self.take("switches", key)
    }

    /// Returns a switch that a case may omit.
    pub(crate) fn switch_or<T: DeserializeOwned>(
        &mut self,
        key: &str,
        default: T,
    ) -> Result<T, Problem> {
        let is_given = self.parts["switches"].contains_key(key);
        if is_given { self.switch(key) } else { Ok(default) }
    }

    pub(crate) fn scalar(&mut self, key: &str) -> Result<f64, Problem> {
        self.take("scalars", key)
    }

    fn take<T: DeserializeOwned>(&mut self, part: &'static str, key: &str) -> Result<T, Problem> {
        let value = self.parts.get_mut(part).expect("one of the three").remove(key);
        let value = value.ok_or_else(|| format!("{}: {part}.{key} is missing", self.case))?;
        let text = value.to_string();
        serde_json::from_value(value)
            .map_err(|error| format!("{}: {part}.{key} is {text}: {error}", self.case))
    }

    /// Returns an error if a setting is unused.
    pub(crate) fn finish(self) -> Result<(), Problem> {
        for (part, left) in &self.parts {
            if let Some((key, value)) = left.first_key_value() {
                return Err(format!("{}: unknown {part}.{key} (here {value})", self.case));
            }
        }
        Ok(())
    }
}

fn numbers<const N: usize>(bytes: &[u8], from: impl Fn([u8; N]) -> f64) -> Vec<f64> {
    bytes.as_chunks::<N>().0.iter().map(|chunk| from(*chunk)).collect()
}
