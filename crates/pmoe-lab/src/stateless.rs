//! A policy that puts out the same in every state, and the gradient of its loss.

use burn::module::{Module, ModuleMapper, Param, ParamId};
use burn::nn::Linear;
use burn::tensor::{DType, Device, Tensor, TensorData};
use pmoe_algos::sac::{Actor, ActorConfig, ActorNoise, LossInput, SacConfig, Temperature};
use pmoe_algos::{AlgoConfig, ConfigError, MethodConfig};
use pmoe_core::optim::Adam;

use crate::known::Known;

/// What an action is measured in: so little that tanh bends nothing.
///
/// A policy of standard deviation 1 in these units has `tanh u = u` up to 10⁻⁶, and the entropy's part for squashing
/// is as small, so that what holds without squashing can be compared.
const UNIT: f64 = 1e-3;

/// Means and logarithms of the standard deviations, `K·A` each, in units of the experiment.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Outputs {
    pub(crate) mean: Vec<f64>,
    pub(crate) log_std: Vec<f64>,
}

/// Returns a method of `configs/methods` with this many primitives.
///
/// # Errors
/// If the file can't be read, which a build would not pass.
///
/// # Panics
/// If it is not of the SAC family.
pub(crate) fn method(name: &str, num_primitives: usize) -> Result<SacConfig, ConfigError> {
    let AlgoConfig::Sac(mut config) = MethodConfig::named(name)?.algo else {
        panic!("{name} is not of the SAC family");
    };
    if let ActorConfig::Pmoe(pmoe) = &mut config.actor {
        pmoe.num_primitives = num_primitives;
    }
    Ok(config)
}

/// The loss of a policy that puts out the same in every state, for fixed noise and a known value, in double precision.
/// All weights of a mixture are equal.
#[derive(Debug)]
pub(crate) struct Stateless {
    config: SacConfig,
    action_dim: usize,
    alpha: f64,
    noise: ActorNoise,
}

impl Stateless {
    /// Takes actor and temperature of `config`.
    ///
    /// # Shapes
    /// - `noise`: standard normal, `[B, K·A]`
    pub(crate) fn new(config: SacConfig, action_dim: usize, noise: Vec<f64>) -> Self {
        let num_primitives = config.actor.num_primitives();
        let rows = noise.len() / (num_primitives * action_dim);
        let noise = ActorNoise {
            action: double(noise, [rows * num_primitives, action_dim]),
            gumbel: Tensor::zeros([rows, num_primitives], (&Device::flex(), DType::F64)),
        };
        let (adam, device) = (Adam::new(config.adam_epsilon), Device::flex().autodiff());
        let draws = config.actor.draws_in_choice();
        let alpha = Temperature::new(&config.temperature, draws, action_dim, adam, &device).alpha();
        let config = SacConfig { hidden: vec![1], ..config };
        Self { config, action_dim, alpha, noise }
    }

    /// Computes the derivatives of the loss with respect to the outputs.
    pub(crate) fn gradient(&self, known: &Known, at: &Outputs) -> Outputs {
        let device = Device::flex().autodiff();
        let actor = Actor::new(&self.config, 1, self.action_dim, 0, &device).map(&mut Zero);
        let in_units: Vec<f64> = at.mean.iter().map(|mean| UNIT * mean).collect();
        let log_std = at.log_std.iter().map(|log_std| log_std + UNIT.ln()).collect();
        let (mean, log_std) = (trainable(in_units), trainable(log_std));
        let actor = with_biases(actor, &mean, &log_std);
        let [rows, _] = self.noise.gumbel.dims();
        let loss = actor.loss(LossInput {
            critic: &|_, action| known.of_rows(action.mul_scalar(UNIT.recip())),
            obs: Tensor::zeros([rows, 1], (&Device::flex(), DType::F64)),
            alpha: &[self.alpha],
            noise: self.noise.clone(),
            baseline: &[0.0],
        });
        let gradients = loss.loss.backward();
        let of = |bias: &Tensor<1>| {
            let gradient = bias.grad(&gradients).expect("every output is in the loss");
            gradient.try_into_vec_as::<f64>().expect("floats convert")
        };
        let mean = of(&mean).into_iter().map(|gradient| UNIT * gradient).collect();
        Outputs { mean, log_std: of(&log_std) }
    }
}

/// Returns the policy with these biases in its heads.
fn with_biases(mut actor: Actor, mean: &Tensor<1>, log_std: &Tensor<1>) -> Actor {
    let net = match &mut actor {
        Actor::Gaussian(actor) => &mut actor.net,
        Actor::Pmoe(actor) => &mut actor.net.primitives,
        Actor::Gating(_) | Actor::Mcp(_) => panic!("the lab looks at SAC and PMOE-SAC alone"),
    };
    let set = |layer: &mut Linear, id: u64, bias: &Tensor<1>| {
        layer.bias = Some(Param::initialized(ParamId::from(id), bias.clone()));
    };
    set(&mut net.mean, 1, mean);
    set(&mut net.log_std, 2, log_std);
    actor
}

/// Sets every parameter to zero, in double precision. Outputs are then the biases of their heads.
struct Zero;

impl ModuleMapper for Zero {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let (id, tensor, mapper) = param.consume();
        let zeros = tensor.inner().zeros_like().cast(DType::F64).autodiff().require_grad();
        Param::from_mapped_value(id, zeros, mapper)
    }
}

fn trainable(values: Vec<f64>) -> Tensor<1> {
    let shape = [values.len()];
    double(values, shape).autodiff().require_grad()
}

fn double<const D: usize>(values: Vec<f64>, shape: [usize; D]) -> Tensor<D> {
    Tensor::from_data(TensorData::new(values, shape), (&Device::flex(), DType::F64))
}
