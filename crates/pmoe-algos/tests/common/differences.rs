//! Comparison of gradients with central differences in float64.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{DType, Device, Tensor, TensorData};
use pmoe_core::noise::normal;
use pmoe_envs::Rng;
use rand::SeedableRng;

/// Converts every parameter of a module to float64, on the autodiff device.
pub fn in_f64<M: Module>(module: M) -> M {
    struct Cast;
    impl ModuleMapper for Cast {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            let (id, tensor, mapper) = param.consume();
            let tensor = tensor.inner().cast(DType::F64).autodiff().require_grad();
            Param::from_mapped_value(id, tensor, mapper)
        }
    }
    module.map(&mut Cast)
}

/// Adds `delta` to one number of one parameter.
pub fn nudged<M: Module>(module: &M, parameter: usize, element: usize, delta: f64) -> M {
    struct Nudge {
        parameter: usize,
        element: usize,
        delta: f64,
        visited: usize,
    }
    impl ModuleMapper for Nudge {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            let hit = self.visited == self.parameter;
            self.visited += 1;
            if !hit {
                return param;
            }
            let (id, tensor, mapper) = param.consume();
            let shape = tensor.dims();
            let device = tensor.device().inner();
            let mut values = tensor.inner().try_into_vec_as::<f64>().unwrap();
            values[self.element] += self.delta;
            let data = TensorData::new(values, shape);
            let tensor = Tensor::from_data(data, (&device, DType::F64)).autodiff().require_grad();
            Param::from_mapped_value(id, tensor, mapper)
        }
    }
    module.clone().map(&mut Nudge { parameter, element, delta, visited: 0 })
}

/// Returns the gradient of every parameter in order, flattened, with zeros for missing gradients.
pub fn gradients<M: Module>(module: &M, loss: &Tensor<1>) -> Vec<Vec<f64>> {
    struct Collect {
        gradients: GradientsParams,
        collected: Vec<Vec<f64>>,
    }
    impl ModuleVisitor for Collect {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let count = param.val().dims().iter().product();
            let gradient: Option<Tensor<D>> = self.gradients.get(param.id);
            let values = gradient.map(|gradient| gradient.try_into_vec_as::<f64>().unwrap());
            self.collected.push(values.unwrap_or_else(|| vec![0.0; count]));
        }
    }
    let gradients = GradientsParams::from_grads(loss.backward(), module);
    let mut collect = Collect { gradients, collected: Vec::new() };
    module.visit(&mut collect);
    collect.collected
}

pub fn value(loss: &Tensor<1>) -> f64 {
    loss.try_to_vec_as::<f64>().unwrap()[0]
}

/// Compares some elements of the gradient with central differences of the loss.
pub fn check<M: Module>(name: &str, module: &M, loss: impl Fn(&M) -> Tensor<1>) {
    check_against(name, module, &loss(module), &loss);
}

/// Compares with central differences of another function that has the same gradient at this point:
/// it fixes what the loss treats as constant.
pub fn check_against<M: Module>(
    name: &str,
    module: &M,
    at_module: &Tensor<1>,
    loss: impl Fn(&M) -> Tensor<1>,
) {
    let analytic = gradients(module, at_module);
    let step = 1e-6;
    let (mut compared, mut largest) = (0, 0.0_f64);
    for (parameter, gradient) in analytic.iter().enumerate() {
        for element in (0..gradient.len()).step_by(gradient.len().div_ceil(7)) {
            let at = |delta: f64| value(&loss(&nudged(module, parameter, element, delta)));
            let numeric = (at(step) - at(-step)) / (2.0 * step);
            let analytic = gradient[element];
            let scale = analytic.abs().max(numeric.abs()).max(1e-3);
            let error = (analytic - numeric).abs() / scale;
            assert!(
                error < 1e-5,
                "{name}, parameter {parameter}[{element}]: {analytic} by back-propagation, {numeric} by differences"
            );
            (compared, largest) = (compared + 1, largest.max(analytic.abs()));
        }
    }
    assert!(compared > 20 && largest > 1e-3, "{name}: nothing of any size was compared");
}

pub fn f64_normal(shape: [usize; 2], seed: u64) -> Tensor<2> {
    normal(shape, &mut Rng::seed_from_u64(seed), &Device::flex()).cast(DType::F64)
}

pub fn is_zero(gradient: &[f64]) -> bool {
    gradient.iter().all(|gradient| gradient.abs() == 0.0)
}
