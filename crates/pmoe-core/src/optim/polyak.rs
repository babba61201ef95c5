//! Polyak averaging: copies of a module that follow it slowly.

use std::ops::Deref;

use burn::backend::Flex;
use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::tensor::Tensor;
use burn::tensor::container::TensorContainer;

use super::stored::Parameters;
use super::{LearnerError, module_from_bytes};
use crate::fused::{constant, is_host, vectorised};

/// Moves every parameter of `target` towards `online`.
///
/// ```text
/// θ̄ ← (1 − τ) θ̄ + τ θ
/// ```
///
/// `target` is taken by value and updated in place, unless another handle to it exists.
///
/// # Panics
/// If `target` is not a copy of `online` (its parameter ids differ).
pub fn polyak<M: Module>(target: M, online: &M, tau: f64) -> M {
    let mut collected = Collect(TensorContainer::new());
    online.visit(&mut collected);
    target.map(&mut Blend { online: collected.0, tau: tau as f32 })
}

struct Collect(TensorContainer<ParamId>);

impl ModuleVisitor for Collect {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.0.register(param.id, param.val().inner());
    }
}

struct Blend {
    online: TensorContainer<ParamId>,
    tau: f32,
}

impl ModuleMapper for Blend {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let (id, target, mapper) = param.consume();
        let online: Tensor<D> =
            self.online.remove(&id).expect("the target is a copy of the online module");
        let blended = if is_host(&target.device()) {
            let online = constant(online);
            let mut target = constant(target);
            let (tau, rest) = (self.tau, 1.0 - self.tau);
            let (theta_bar, theta) = (target.storage_mut::<f32>(), online.storage::<f32>());
            vectorised(
                #[inline(always)]
                || {
                    for (theta_bar, theta) in theta_bar.iter_mut().zip(theta) {
                        *theta_bar = rest * *theta_bar + tau * theta;
                    }
                },
            );
            Tensor::from_primitive::<Flex>(target)
        } else {
            target.mul_scalar(1.0 - self.tau) + online.mul_scalar(self.tau)
        };
        Param::from_mapped_value(id, blended, mapper)
    }
}

/// A target network: starts as an exact copy of a module and follows it slowly, without a graph.
#[derive(Debug, Clone)]
pub struct Target<M>(Option<M>);

impl<M: Module> Target<M> {
    /// Creates an exact copy of `online`.
    pub fn new(online: &M) -> Self {
        // Copies the memory too, or the first step of `online` would have to.
        Self(Some(polyak(online.valid(), online, 1.0)))
    }

    pub(super) fn of_module(module: M) -> Self {
        Self(Some(module))
    }

    /// Takes one step towards `online`; see [`polyak`].
    pub fn follow(&mut self, online: &M, tau: f64) {
        let target = self.0.take().expect("present between calls");
        self.0 = Some(polyak(target, online, tau));
    }

    /// Restores what [`module_to_bytes`](super::module_to_bytes) returned for a target of `online`.
    ///
    /// # Errors
    /// If the bytes are damaged or belong to a copy of another module.
    pub fn load_bytes(&mut self, online: &M, bytes: Vec<u8>) -> Result<(), LearnerError> {
        let module = module_from_bytes((**self).clone(), bytes)?;
        if Parameters::of(&module) != Parameters::of(online) {
            return Err(LearnerError::read(
                "the target is not a copy of the module that it follows",
            ));
        }
        self.0 = Some(module);
        Ok(())
    }
}

impl<M> Deref for Target<M> {
    type Target = M;

    fn deref(&self) -> &M {
        self.0.as_ref().expect("present between calls")
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::nn::Mlp;
    use crate::optim::module_to_bytes;

    fn network(seed: u64) -> Mlp {
        Mlp::new(&[2, 3, 1], &mut ChaCha8Rng::seed_from_u64(seed), &Device::flex().autodiff())
    }

    fn weights(network: &Mlp) -> Vec<f32> {
        network.layers[0].weight.val().inner().try_to_vec_as::<f32>().unwrap()
    }

    #[test]
    fn a_new_target_is_an_exact_copy_and_independent() {
        let online = network(0);
        let mut target = Target::new(&online);
        assert_eq!(weights(&target), weights(&online));
        let before = weights(&online);
        target.follow(&online, 0.5);
        assert_eq!(weights(&online), before);
    }

    #[test]
    fn a_restored_target_is_one_of_the_module_that_it_follows() {
        let (online, other) = (network(0), network(1));
        let mut target = Target::new(&online);
        let bytes = module_to_bytes(&Target::new(&other).0.unwrap()).unwrap();
        let error = target.load_bytes(&online, bytes.clone()).unwrap_err().to_string();
        assert!(error.contains("not a copy"), "{error}");
        target.load_bytes(&other, bytes).unwrap();
        target.follow(&other, 0.5);
        assert_eq!(weights(&target), weights(&other));
    }

    #[test]
    fn tau_zero_stays_and_tau_one_copies() {
        let online = network(0);
        let other = online.clone().map(&mut Shift);
        let start = other.valid();
        let expected = weights(&start);
        assert_eq!(weights(&polyak(start, &online, 0.0)), expected);
        assert_eq!(weights(&polyak(other.valid(), &online, 1.0)), weights(&online));
    }

    struct Shift;
    impl ModuleMapper for Shift {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            param.map(|x| x.inner().add_scalar(1.0).autodiff())
        }
    }

    #[test]
    fn error_shrinks_geometrically() {
        // Frozen source, τ = .005: after n updates the error is x · .995ⁿ; .995¹⁰⁰⁰ = .0066539686,
        // and the half-life is 138.28 updates.
        let online = network(0);
        let mut target = Target::new(&online.clone().map(&mut Shift));
        let error = |target: &Mlp| weights(target)[0] - weights(&online)[0];
        for update in 1..=1000 {
            target.follow(&online, 0.005);
            if update == 138 || update == 139 {
                assert_eq!(error(&target) > 0.5, update == 138);
            }
        }
        assert!((error(&target) - 0.006_653_97).abs() < 2e-5, "{}", error(&target));
    }

    #[test]
    fn updates_in_place_unless_shared() {
        let online = network(0);
        let address = |network: &Mlp| {
            constant(network.layers[0].weight.val().inner()).storage::<f32>().as_ptr() as usize
        };
        let mut target = Target::new(&online);
        let before = address(&target);
        target.follow(&online, 0.1);
        assert_eq!(address(&target), before, "nobody else holds the target");
        let shared = target.clone();
        target.follow(&online, 0.1);
        assert_ne!(address(&target), before, "a held copy must not change under its holder");
        assert_eq!(address(&shared), before);
    }
}
