//! Checks that a stored module or optimiser state fits a module. burn accepts another element type,
//! or a state of another shape, and panics later when it is used.

use std::collections::{BTreeMap, BTreeSet};

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Bool, Bytes, DType, Int, Shape, Tensor};
use burn_pack::{Reader, Writer};

/// Shape and element type of a parameter.
#[derive(Debug, Clone, PartialEq)]
struct Form {
    shape: Shape,
    dtype: DType,
}

/// The parameters of a module in order: id and form.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Parameters(Vec<(u64, Form)>);

impl Parameters {
    pub(super) fn of<M: Module>(module: &M) -> Self {
        let mut found = Self::default();
        module.visit(&mut found);
        found
    }

    /// Returns the ids in order.
    pub(super) fn ids(&self) -> Vec<u64> {
        self.0.iter().map(|(id, _)| *id).collect()
    }

    /// Checks parameters that were loaded in place of `self`. Only their ids may differ, and these
    /// must be unique.
    pub(super) fn check_loaded(&self, loaded: &Self) -> Result<(), String> {
        let ids: BTreeSet<u64> = loaded.0.iter().map(|(id, _)| *id).collect();
        if ids.len() < loaded.0.len() {
            return Err("two parameters have the same id".to_owned());
        }
        let forms = |these: &Self| these.0.iter().map(|(_, form)| form.clone()).collect::<Vec<_>>();
        if forms(self) != forms(loaded) {
            return Err("the numbers have another type".to_owned());
        }
        Ok(())
    }

    /// Returns the number of tensors in an optimiser state, or an error if an entry does not belong
    /// to one of these parameters.
    pub(super) fn check_optimizer(&self, bytes: Bytes) -> Result<usize, String> {
        let forms: BTreeMap<u64, &Form> = self.0.iter().map(|(id, form)| (*id, form)).collect();
        let reader = Reader::from_bytes(bytes).map_err(|error| error.to_string())?;
        for (name, value) in reader.scalars() {
            let form = form_of(name, &forms)?;
            if name.ends_with(".__rank") && usize::try_from(*value) != Ok(form.shape.num_dims()) {
                return Err(format!("{name} belongs to another parameter"));
            }
        }
        let tensors = reader.into_tensors().map_err(|error| error.to_string())?;
        let count = tensors.len();
        for tensor in tensors {
            let (name, dtype, shape, id, _) =
                tensor.into_parts().map_err(|error| error.to_string())?;
            let form = form_of(&name, &forms)?;
            if id.and_then(|id| forms.get(&id)) != Some(&form) || *form != (Form { shape, dtype }) {
                return Err(format!("{name} belongs to another parameter"));
            }
        }
        Ok(count)
    }
}

/// Sorts the tensors of an optimiser state by name. burn writes them in the order of a hash map,
/// which differs between processes.
pub(super) fn in_order(bytes: Bytes) -> Result<Bytes, String> {
    let reader = Reader::from_bytes(bytes).map_err(|error| error.to_string())?;
    let (metadata, scalars) = (reader.metadata().clone(), reader.scalars().clone());
    let mut tensors = reader.into_tensors().map_err(|error| error.to_string())?;
    tensors.sort_by(|a, b| a.name.cmp(&b.name));
    let mut writer = Writer::new(tensors);
    for (key, value) in &metadata {
        writer = writer.with_metadata(key, value);
    }
    for (key, value) in scalars {
        writer = writer.with_scalar(&key, value);
    }
    writer.into_bytes().map_err(|error| error.to_string())
}

/// Returns the form of the parameter that an entry of an optimiser state, such as `17.moment_1`,
/// belongs to.
fn form_of<'a>(name: &str, forms: &BTreeMap<u64, &'a Form>) -> Result<&'a Form, String> {
    let id = name.split_once('.').and_then(|(id, _)| id.parse().ok());
    let form = id.and_then(|id: u64| forms.get(&id).copied());
    form.ok_or_else(|| format!("{name} belongs to no parameter"))
}

impl ModuleVisitor for Parameters {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let form = Form { shape: param.lazy_shape(), dtype: param.val().dtype() };
        self.0.push((param.id.val(), form));
    }

    fn visit_int<const D: usize>(&mut self, param: &Param<Tensor<D, Int>>) {
        let form = Form { shape: param.lazy_shape(), dtype: param.val().dtype() };
        self.0.push((param.id.val(), form));
    }

    fn visit_bool<const D: usize>(&mut self, param: &Param<Tensor<D, Bool>>) {
        let form = Form { shape: param.lazy_shape(), dtype: param.val().dtype() };
        self.0.push((param.id.val(), form));
    }
}
