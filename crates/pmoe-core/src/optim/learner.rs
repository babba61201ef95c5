//! A module with the optimiser that trains it.

use std::ops::Deref;
use std::sync::OnceLock;

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::{GradientsParams, ModuleOptimizer, OptimizerRecord};
use burn::store::ModuleRecord;
use burn::tensor::{Bytes, Tensor};

use super::stored::{Parameters, in_order};
use super::{Adam, clip_grad_norm};
use crate::parallel::join;

/// A trainable module and its Adam state. Dereferences to the module.
///
/// Each step moves the module by value, so that its parameters are updated in place. A copy held
/// elsewhere (`clone`, `valid`) during a step costs a copy of the parameters but never affects the
/// results.
pub struct Learner<M> {
    module: Option<M>,
    /// The module without a graph, made when it is first asked for after a change.
    frozen: OnceLock<M>,
    optimizer: ModuleOptimizer,
}

/// An error while writing or reading a learner.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} the parameters or their optimiser state: {reason}")]
pub struct LearnerError {
    action: &'static str,
    reason: String,
}

impl LearnerError {
    pub(super) fn read<R: Into<String>>(reason: R) -> Self {
        Self { action: "read", reason: reason.into() }
    }

    pub(super) fn write(reason: String) -> Self {
        Self { action: "write", reason }
    }
}

impl<M: Module> Learner<M> {
    /// Creates a learner at its first step. The module must be on an autodiff device.
    pub fn new(module: M, adam: Adam) -> Self {
        Self::with_optimizer(module, ModuleOptimizer::from(adam))
    }

    /// Returns the module without a graph, for acting and as a constant in losses.
    pub fn frozen(&self) -> &M {
        self.frozen.get_or_init(|| self.valid())
    }

    /// Takes the module out, for a step. Nobody else may hold the parameters then, or they would be
    /// copied.
    fn take(&mut self) -> M {
        self.frozen.take();
        self.module.take().expect("present between calls")
    }

    pub(super) fn with_optimizer(module: M, optimizer: ModuleOptimizer) -> Self {
        Self { module: Some(module), frozen: OnceLock::new(), optimizer }
    }

    pub(super) fn optimizer(&self) -> &ModuleOptimizer {
        &self.optimizer
    }

    /// Replaces the optimiser's state.
    pub(super) fn load_optimizer(&mut self, record: OptimizerRecord) {
        self.optimizer = self.optimizer.clone().load_record(record);
    }

    pub(super) fn set(&mut self, module: M) {
        self.frozen.take();
        self.module = Some(module);
    }

    /// Takes one Adam step down the gradient of `loss`, `[1]`, or of the sum of several losses,
    /// `[N]`. Parameters without a gradient keep their values.
    pub fn descend(&mut self, lr: f64, loss: Tensor<1>) {
        let module = self.take();
        let gradients = GradientsParams::from_grads(loss.backward(), &module);
        // The graph holds handles to the parameters until it is dropped.
        drop(loss);
        self.module = Some(self.optimizer.step(lr, module, gradients));
    }

    /// Like [`Learner::descend`], with gradients clipped to the global norm `max_grad_norm`; see
    /// [`clip_grad_norm`]. Returns the norm before clipping.
    pub fn descend_clipped(&mut self, lr: f64, loss: Tensor<1>, max_grad_norm: f64) -> f64 {
        let module = self.take();
        let mut gradients = GradientsParams::from_grads(loss.backward(), &module);
        drop(loss);
        let norm = clip_grad_norm(&module, &mut gradients, max_grad_norm);
        self.module = Some(self.optimizer.step(lr, module, gradients));
        norm
    }

    /// Takes one Adam step down the gradients of two losses that share no parameters. The backward
    /// passes may run in parallel.
    pub fn descend_both(&mut self, lr: f64, losses: (Tensor<1>, Tensor<1>)) {
        let module = self.take();
        let (one, two) = losses;
        let (one, two) = join(move || one.backward(), move || two.backward());
        let [all, more] = [one, two].map(|grads| GradientsParams::from_grads(grads, &module));
        let mut merge = Merge { all, more };
        module.visit(&mut merge);
        self.module = Some(self.optimizer.step(lr, module, merge.all));
    }

    /// Serialises the parameters and the optimiser state, as two burnpack byte strings.
    ///
    /// # Errors
    /// If they can't be serialised.
    pub fn to_bytes(&self) -> Result<(Vec<u8>, Vec<u8>), LearnerError> {
        let error = LearnerError::write;
        let module = module_to_bytes(&**self)?;
        let optimizer = self.optimizer.into_bytes().map_err(|e| error(e.to_string()))?;
        let optimizer = in_order(optimizer).map_err(error)?;
        Ok((module, optimizer.to_vec()))
    }

    /// Restores what [`Learner::to_bytes`] returned.
    ///
    /// # Errors
    /// If the bytes are damaged or belong to another network.
    pub fn load_bytes(&mut self, module: Vec<u8>, optimizer: Vec<u8>) -> Result<(), LearnerError> {
        let error = LearnerError::read::<String>;
        let loaded = module_from_bytes((**self).clone(), module)?;
        let bytes = Bytes::from_bytes_vec(optimizer);
        let tensors = Parameters::of(&loaded).check_optimizer(bytes.clone()).map_err(error)?;
        let record = OptimizerRecord::from_bytes(bytes).map_err(|e| error(e.to_string()))?;
        let optimizer = self.optimizer.clone().load_record(record);
        // burn drops states that lack a part.
        if optimizer.to_record().len() != tensors {
            return Err(error("the state of a parameter is incomplete".to_owned()));
        }
        self.optimizer = optimizer;
        self.set(loaded);
        Ok(())
    }

    /// Restores only the parameters, for acting.
    ///
    /// # Errors
    /// If the bytes are damaged or belong to another network.
    pub fn load_module(&mut self, module: Vec<u8>) -> Result<(), LearnerError> {
        self.set(module_from_bytes((**self).clone(), module)?);
        Ok(())
    }
}

/// Moves the gradients of `more` to `all`.
struct Merge {
    all: GradientsParams,
    more: GradientsParams,
}

impl ModuleVisitor for Merge {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.more.remove::<D>(param.id) {
            self.all.register(param.id, gradient);
        }
    }
}

/// Serialises a module's parameters as burnpack bytes.
///
/// # Errors
/// If they can't be serialised.
pub fn module_to_bytes<M: Module>(module: &M) -> Result<Vec<u8>, LearnerError> {
    let bytes = module.clone().into_record().into_bytes();
    Ok(bytes.map_err(|error| LearnerError::write(error.to_string()))?.to_vec())
}

/// Returns `module` with the parameters that [`module_to_bytes`] serialised.
///
/// # Errors
/// If the bytes are damaged or belong to another network.
pub fn module_from_bytes<M: Module>(module: M, bytes: Vec<u8>) -> Result<M, LearnerError> {
    let error = LearnerError::read::<String>;
    let parameters = Parameters::of(&module);
    let loaded = ModuleRecord::from_bytes(Bytes::from_bytes_vec(bytes))
        .and_then(|record| module.try_load_record(record))
        .map_err(|e| error(e.to_string()))?;
    parameters.check_loaded(&Parameters::of(&loaded)).map_err(error)?;
    Ok(loaded)
}

impl<M> Deref for Learner<M> {
    type Target = M;

    fn deref(&self) -> &M {
        self.module.as_ref().expect("present between calls")
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::nn::Mlp;

    fn learner(seed: u64) -> Learner<Mlp> {
        let device = Device::flex().autodiff();
        Learner::new(
            Mlp::new(&[2, 16, 1], &mut ChaCha8Rng::seed_from_u64(seed), &device),
            Adam::new(1e-8),
        )
    }

    fn loss(network: &Mlp) -> Tensor<1> {
        let device = Device::flex();
        let x = Tensor::<2>::from_data([[0.0_f32, 1.0], [1.0, 0.5], [-1.0, 2.0]], &device);
        let y = Tensor::<2>::from_data([[1.0_f32], [-1.0], [0.5]], &device);
        (network.forward(x) - y).square().mean()
    }

    fn step(learner: &mut Learner<Mlp>) -> f32 {
        let loss = loss(learner);
        let value = loss.try_to_vec_as::<f32>().unwrap()[0];
        learner.descend(1e-2, loss);
        value
    }

    #[test]
    fn descending_lowers_the_loss() {
        let mut learner = learner(0);
        let first = step(&mut learner);
        let last = (0..300).map(|_| step(&mut learner)).last().unwrap();
        assert!(last < 1e-3 * first, "{first} to {last}");
    }

    /// Where the first weights are in memory.
    fn address(network: &Mlp) -> usize {
        let weight = network.layers[0].weight.val().inner();
        crate::fused::constant(weight).storage::<f32>().as_ptr() as usize
    }

    #[test]
    fn parameters_are_updated_in_place_unless_held_elsewhere() {
        let mut learner = learner(0);
        step(&mut learner);
        let before = address(&learner);
        step(&mut learner);
        assert_eq!(address(&learner), before, "nobody else holds the parameters");
        let held = learner.clone_module();
        step(&mut learner);
        assert_ne!(address(&learner), before, "a held copy forces a fresh one");
        drop(held);
    }

    impl Learner<Mlp> {
        fn clone_module(&self) -> Mlp {
            (**self).clone()
        }
    }

    #[test]
    fn the_frozen_module_has_the_latest_parameters_and_forces_no_copy() {
        let mut learner = learner(0);
        step(&mut learner);
        let before = address(&learner);
        for _ in 0..2 {
            let frozen = loss(learner.frozen()).try_to_vec_as::<f32>().unwrap();
            assert_eq!(frozen, loss(&learner).try_to_vec_as::<f32>().unwrap());
            assert!(!learner.frozen().layers[0].weight.val().device().is_autodiff());
            step(&mut learner);
            assert_eq!(address(&learner), before);
        }
        let bytes = module_to_bytes(&*self::learner(9)).unwrap();
        learner.load_module(bytes).unwrap();
        assert_eq!(
            module_to_bytes(learner.frozen()).unwrap(),
            module_to_bytes(self::learner(9).frozen()).unwrap()
        );
    }

    #[test]
    fn restored_bytes_continue_with_the_same_bits() {
        let mut original = learner(0);
        for _ in 0..5 {
            step(&mut original);
        }
        let (module, optimizer) = original.to_bytes().unwrap();
        let mut restored = learner(99);
        restored.load_bytes(module, optimizer).unwrap();
        for _ in 0..5 {
            assert_eq!(step(&mut original).to_bits(), step(&mut restored).to_bits());
        }
    }

    #[test]
    fn damaged_bytes_are_an_error() {
        let (module, optimizer) = learner(0).to_bytes().unwrap();
        let mut restored = learner(0);
        let cut = module[..module.len() / 2].to_vec();
        assert!(restored.load_bytes(cut, optimizer.clone()).is_err());
        let mut other = Learner::new(
            Mlp::new(&[3, 4, 1], &mut ChaCha8Rng::seed_from_u64(0), &Device::flex().autodiff()),
            Adam::new(1e-8),
        );
        assert!(other.load_bytes(module, optimizer).is_err());
    }

    #[test]
    fn an_optimiser_state_of_another_network_is_an_error() {
        let trained = |sizes: &[usize], seed: u64| {
            let device = Device::flex().autodiff();
            let network = Mlp::new(sizes, &mut ChaCha8Rng::seed_from_u64(seed), &device);
            let mut learner = Learner::new(network, Adam::new(1e-8));
            let x = Tensor::<2>::ones([1, sizes[0]], &Device::flex());
            let loss = learner.forward(x).square().mean();
            learner.descend(1e-2, loss);
            learner.to_bytes().unwrap()
        };
        let (module, optimizer) = trained(&[2, 16, 1], 1);
        // States of other parameters: as many in another shape, and as many in the same shape.
        for (sizes, seed) in [(&[3, 4, 1][..], 1), (&[2, 16, 1, 1], 1), (&[2, 16, 1], 2)] {
            let (_, other) = trained(sizes, seed);
            let mut restored = learner(0);
            let error = restored.load_bytes(module.clone(), other).unwrap_err().to_string();
            assert!(error.contains("parameter"), "{error}");
        }
        let mut restored = learner(0);
        restored.load_bytes(module, optimizer).unwrap();
        step(&mut restored);
    }
}
