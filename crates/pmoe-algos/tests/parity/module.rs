//! Conversion of a case's parameters to modules, and of modules' gradients back.
//!
//! A parameter's name in a file is its path in the module, without names of enum variants and of
//! fields that mean nothing to a reader of the file: `net.trunk.layers.0.weight` becomes
//! `trunk.0.weight`.

use std::collections::{BTreeMap, BTreeSet};

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Tensor, TensorData};

use super::case::{Arithmetic, Array, Case, Problem};
use super::common::device;

/// A loss with the gradient of every parameter it trains, named as in the case.
pub(crate) struct Computed {
    pub(crate) name: &'static str,
    pub(crate) value: f64,
    pub(crate) gradients: BTreeMap<String, Array>,
}

/// Position in a walk over a module.
#[derive(Default)]
struct Path(Vec<(String, bool)>);

impl Path {
    fn enter(&mut self, name: &str, container: &str) {
        let is_silent = container.starts_with("Enum")
            || matches!(
                (container, name),
                (_, "layers" | "net")
                    | ("Struct:RoutedNet", "primitives")
                    | ("Struct:PrimitiveCritics", "networks")
                    | ("Struct:MeanHead", "layer")
                    | ("Struct:StdParam", "value")
                    | ("Struct:ActionValue", "network")
            );
        self.0.push((name.to_owned(), is_silent));
    }

    fn exit(&mut self) {
        self.0.pop();
    }

    fn name(&self, prefix: &str) -> String {
        let spoken = self.0.iter().filter(|(_, is_silent)| !is_silent);
        let parts: Vec<&str> = spoken.map(|(name, _)| name.as_str()).collect();
        if prefix.is_empty() { parts.join(".") } else { format!("{prefix}.{}", parts.join(".")) }
    }
}

/// burn stores weights as `[in, out]`, files as `[out, in]`.
fn is_transposed(name: &str) -> bool {
    name.ends_with(".weight")
}

fn transpose(values: &[f64], [rows, columns]: [usize; 2]) -> Vec<f64> {
    (0..columns).flat_map(|c| (0..rows).map(move |r| values[r * columns + c])).collect()
}

/// Which side determines the shapes of parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shapes {
    OfModule,
    /// For networks of fixed sizes, whose arithmetic can be tested at smaller ones.
    OfCase,
}

/// Loads exactly the parameters `param/PREFIX.…` of the case into `module`.
pub(crate) fn load<M: Module>(
    module: M,
    prefix: &str,
    shapes: Shapes,
    case: &Case,
    arithmetic: Arithmetic,
) -> Result<M, Problem> {
    struct Load<'a> {
        case: &'a Case,
        shapes: Shapes,
        arithmetic: Arithmetic,
        prefix: &'a str,
        path: Path,
        problem: Option<Problem>,
    }
    impl Load<'_> {
        fn tensor<const D: usize>(&self, shape: [usize; D]) -> Result<Tensor<D>, Problem> {
            let name = format!("param/{}", self.path.name(self.prefix));
            let mut shape = shape.to_vec();
            if is_transposed(&name) {
                shape.reverse();
            }
            if let (Shapes::OfCase, Some(array)) = (self.shapes, self.case.tensors.get(&name))
                && array.shape.len() == D
            {
                shape.clone_from(&array.shape);
            }
            let mut values = self.case.array(&name, &shape)?.values.clone();
            if let (true, &[outputs, inputs]) = (is_transposed(&name), &shape[..]) {
                values = transpose(&values, [outputs, inputs]);
                shape.reverse();
            }
            let data = TensorData::new(values, shape);
            Ok(Tensor::from_data(data, (&device(), self.arithmetic.dtype())))
        }
    }
    impl ModuleMapper for Load<'_> {
        fn enter_module(&mut self, name: &str, container: &str) {
            self.path.enter(name, container);
        }
        fn exit_module(&mut self, _: &str, _: &str) {
            self.path.exit();
        }
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            match self.tensor(param.val().dims()) {
                Ok(tensor) => {
                    let (id, _, mapper) = param.consume();
                    Param::from_mapped_value(id, tensor.autodiff().require_grad(), mapper)
                }
                Err(problem) => {
                    self.problem.get_or_insert(problem);
                    param
                }
            }
        }
    }
    let path = Path::default();
    let mut load = Load { case, shapes, arithmetic, prefix, path, problem: None };
    let module = module.map(&mut load);
    load.problem.map_or(Ok(module), Err)
}

/// Returns a loss and the gradient of every parameter of `module`, with zeros for missing
/// gradients.
pub(crate) fn computed<M: Module>(
    name: &'static str,
    loss: &Tensor<1>,
    module: &M,
    prefix: &str,
) -> Computed {
    struct Collect<'a> {
        gradients: GradientsParams,
        prefix: &'a str,
        path: Path,
        collected: BTreeMap<String, Array>,
    }
    impl ModuleVisitor for Collect<'_> {
        fn enter_module(&mut self, name: &str, container: &str) {
            self.path.enter(name, container);
        }
        fn exit_module(&mut self, _: &str, _: &str) {
            self.path.exit();
        }
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let name = self.path.name(self.prefix);
            let mut shape = param.val().dims().to_vec();
            let gradient: Option<Tensor<D>> = self.gradients.get(param.id);
            let mut values = gradient.map_or_else(
                || vec![0.0; shape.iter().product()],
                |gradient| gradient.try_into_vec_as::<f64>().expect("converted to f64"),
            );
            if let (true, [inputs, outputs]) = (is_transposed(&name), &shape[..]) {
                values = transpose(&values, [*inputs, *outputs]);
                shape.reverse();
            }
            self.collected.insert(name, Array { shape, values });
        }
    }
    let value = loss.try_to_vec_as::<f64>().expect("converted to f64")[0];
    let gradients = GradientsParams::from_grads(loss.backward(), module);
    let path = Path::default();
    let mut collect = Collect { gradients, prefix, path, collected: BTreeMap::new() };
    module.visit(&mut collect);
    Computed { name, value, gradients: collect.collected }
}

/// Returns every difference between the computed results and the case, as lines.
pub(crate) fn differences(case: &Case, all: &[Computed], arithmetic: Arithmetic) -> Vec<Problem> {
    let (loss_tolerance, gradient_tolerance) = arithmetic.tolerances();
    let mut lines = Vec::new();
    let mut say = |text: String| lines.push(format!("{} ({arithmetic:?}): {text}", case.name));
    let expected: BTreeSet<&str> = case.document.losses.keys().map(String::as_str).collect();
    let found: BTreeSet<&str> = all.iter().map(|computed| computed.name).collect();
    for name in expected.symmetric_difference(&found) {
        let side = if found.contains(name) { "computed but not in" } else { "unknown but in" };
        say(format!("loss {name} is {side} the file"));
    }
    for computed in all {
        let Some(&loss) = case.document.losses.get(computed.name) else { continue };
        if deviation(computed.value, loss, loss.abs()) > loss_tolerance {
            say(format!("loss {} is {:e}, expected {loss:e}", computed.name, computed.value));
        }
        for (param, gradient) in &computed.gradients {
            let name = format!("grad/{}/{param}", computed.name);
            let expected = match case.array(&name, &gradient.shape) {
                Ok(expected) => expected,
                Err(problem) => {
                    say(problem);
                    continue;
                }
            };
            let largest = magnitude(expected);
            let pairs = gradient.values.iter().zip(&expected.values).enumerate();
            let wrong: Vec<_> = pairs
                .filter(|&(_, (found, expected))| {
                    deviation(*found, *expected, largest) > gradient_tolerance
                })
                .collect();
            if let Some((index, (found, expected))) = wrong.first() {
                let (count, all) = (wrong.len(), gradient.values.len());
                say(format!(
                    "{name}: element {index} is {found:e}, expected {expected:e} \
                     (largest {largest:e}; {count} of {all} differ)"
                ));
            }
        }
    }
    for name in case.unread() {
        say(format!("the tensor {name} is of no use here"));
    }
    lines
}

/// Returns the largest relative deviation of the losses from the case's, and that of the gradients.
pub(crate) fn deviations(case: &Case, all: &[Computed]) -> Result<(f64, f64), Problem> {
    let (mut losses, mut gradients) = (0.0_f64, 0.0_f64);
    for computed in all {
        let Computed { name, value, .. } = *computed;
        let loss = case.document.losses.get(name);
        let loss = *loss.ok_or_else(|| format!("{}: there is no loss {name}", case.name))?;
        losses = losses.max(deviation(value, loss, loss.abs()));
        for (param, gradient) in &computed.gradients {
            let expected = case.array(&format!("grad/{name}/{param}"), &gradient.shape)?;
            let largest = magnitude(expected);
            for (found, expected) in gradient.values.iter().zip(&expected.values) {
                gradients = gradients.max(deviation(*found, *expected, largest));
            }
        }
    }
    Ok((losses, gradients))
}

fn magnitude(array: &Array) -> f64 {
    array.values.iter().fold(0.0, |most, x| most.max(x.abs()))
}

/// Returns the distance of two numbers relative to a magnitude of at least 1e-2: smaller ones are
/// sums that cancel. It is infinite if one is not a number.
pub(crate) fn deviation(found: f64, expected: f64, magnitude: f64) -> f64 {
    let distance = (found - expected).abs() / magnitude.max(1e-2);
    if distance.is_nan() { f64::INFINITY } else { distance }
}
