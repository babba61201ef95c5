//! Learners of several [runs](crate::runs) as one: every parameter, with its moments, is those of the
//! runs joined along the first dimension.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::optim::OptimizerRecord;
use burn::tensor::container::TensorContainer;
use burn::tensor::{Bytes, DType, Shape, Tensor};
use burn_pack::{Reader, Scalar, Writer};

use super::stored::{Parameters, in_order};
use super::{Learner, LearnerError, Target};

impl<M: Module> Learner<M> {
    /// Returns the learner of all runs from those of each. A step of it is a step of each.
    ///
    /// # Errors
    /// If they have not taken equally many steps.
    ///
    /// # Panics
    /// If there is none, or the modules differ in shape.
    pub fn stack(learners: &[&Self]) -> Result<Self, LearnerError> {
        let modules: Vec<&M> = learners.iter().map(|learner| &***learner).collect();
        let module = stacked(&modules);
        let states = learners.iter().map(|learner| State::of(learner)).collect::<Result<_, _>>()?;
        let state = State::joined(states)?.into_bytes(&Parameters::of(&module).ids())?;
        let mut stack = Self::with_optimizer(module, learners[0].optimizer().clone());
        stack.load_optimizer(read(OptimizerRecord::from_bytes(state))?);
        Ok(stack)
    }

    /// Gives each run its parameters and moments. The learners keep their parameters' ids.
    ///
    /// # Errors
    /// If the optimiser's state can't be taken apart.
    ///
    /// # Panics
    /// If there are not as many learners as were stacked, or they differ in shape.
    pub fn unstack(&self, learners: &mut [&mut Self]) -> Result<(), LearnerError> {
        let runs = learners.len();
        let parameters = Collect::of(&**self);
        let state = State::of(self)?;
        for (run, learner) in learners.iter_mut().enumerate() {
            let module = parameters.part((***learner).clone(), run);
            let state = state.part(run, runs).into_bytes(&Parameters::of(&module).ids())?;
            learner.set(module);
            learner.load_optimizer(read(OptimizerRecord::from_bytes(state))?);
        }
        Ok(())
    }
}

impl<M: Module> Target<M> {
    /// Returns the target of all runs from those of each.
    ///
    /// # Panics
    /// If there is none, or the modules differ in shape.
    pub fn stack(targets: &[&Self]) -> Self {
        let modules: Vec<&M> = targets.iter().map(|target| &***target).collect();
        Self::of_module(stacked(&modules))
    }

    /// Gives each run its parameters. The targets keep their parameters' ids.
    ///
    /// # Panics
    /// If there are not as many targets as were stacked, or they differ in shape.
    pub fn unstack(&self, targets: &mut [&mut Self]) {
        let parameters = Collect::of(&**self);
        for (run, target) in targets.iter_mut().enumerate() {
            **target = Self::of_module(parameters.part((***target).clone(), run));
        }
    }
}

fn read<T, E: ToString>(result: Result<T, E>) -> Result<T, LearnerError> {
    result.map_err(|error| LearnerError::read(error.to_string()))
}

/// Returns the first module with the parameters of all.
fn stacked<M: Module>(modules: &[&M]) -> M {
    let runs = modules.iter().map(|module| Collect::of(*module)).collect();
    modules[0].clone().map(&mut Stack { runs, next: 0 })
}

/// Constant parameters by their place in the module.
struct Collect {
    parameters: TensorContainer<usize>,
    next: usize,
}

impl Collect {
    fn of<M: Module>(module: &M) -> Self {
        let mut collect = Self { parameters: TensorContainer::new(), next: 0 };
        module.visit(&mut collect);
        collect
    }

    /// Returns `module`, of one run, with the parameters of run number `run`.
    fn part<M: Module>(&self, module: M, run: usize) -> M {
        module.map(&mut Part { all: self, run, next: 0 })
    }
}

impl ModuleVisitor for Collect {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.parameters.register(self.next, param.val().inner());
        self.next += 1;
    }
}

struct Stack {
    runs: Vec<Collect>,
    next: usize,
}

impl ModuleMapper for Stack {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let of_run = |run: &mut Collect| {
            run.parameters.remove::<Tensor<D>>(&self.next).expect("the modules are alike")
        };
        let all = Tensor::cat(self.runs.iter_mut().map(of_run).collect(), 0);
        self.next += 1;
        with_value(param, all)
    }
}

struct Part<'a> {
    all: &'a Collect,
    run: usize,
    next: usize,
}

impl ModuleMapper for Part<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let all = self.all.parameters.get::<Tensor<D>>(&self.next).expect("the modules are alike");
        self.next += 1;
        let rows = param.dims()[0];
        let part = all.narrow(0, self.run * rows, rows);
        // In memory of its own, so that it can be updated in place.
        let device = part.device();
        with_value(param, Tensor::from_data(part.into_data(), &device))
    }
}

/// Returns the parameter with another value, tracked if it was.
fn with_value<const D: usize>(param: Param<Tensor<D>>, value: Tensor<D>) -> Param<Tensor<D>> {
    let (id, old, mapper) = param.consume();
    let is_tracked = old.device().is_autodiff();
    let value = if is_tracked { value.autodiff().require_grad() } else { value };
    Param::from_mapped_value(id, value, mapper)
}

/// The state of an optimiser: entries by the place of their parameter in the module, and name.
#[derive(Default)]
struct State {
    tensors: BTreeMap<(usize, String), Moment>,
    scalars: BTreeMap<(usize, String), Scalar>,
    paths: BTreeMap<usize, String>,
}

#[derive(Clone)]
struct Moment {
    dtype: DType,
    shape: Shape,
    bytes: Vec<u8>,
}

impl State {
    fn of<M: Module>(learner: &Learner<M>) -> Result<Self, LearnerError> {
        let ids = Parameters::of(&**learner).ids();
        let place = |id: &str| {
            let place = ids.iter().position(|known| Ok(*known) == id.parse());
            place.ok_or_else(|| LearnerError::read(format!("{id} is no parameter")))
        };
        let key = |name: &str| {
            let (id, rest) = name.split_once('.').unwrap_or((name, ""));
            Ok::<_, LearnerError>((place(id)?, rest.to_owned()))
        };
        let reader = read(Reader::from_bytes(read(learner.optimizer().into_bytes())?))?;
        let mut state = Self::default();
        for (name, value) in reader.scalars() {
            state.scalars.insert(key(name)?, *value);
        }
        for (id, path) in reader.metadata() {
            state.paths.insert(place(id)?, path.clone());
        }
        for tensor in read(reader.into_tensors())? {
            let (name, dtype, shape, _, bytes) = read(tensor.into_parts())?;
            state.tensors.insert(key(&name)?, Moment { dtype, shape, bytes: bytes.to_vec() });
        }
        Ok(state)
    }

    /// Joins the states of all runs.
    fn joined(states: Vec<Self>) -> Result<Self, LearnerError> {
        let runs = states.len();
        let mut states = states.into_iter();
        let mut all = states.next().unwrap_or_default();
        for next in states {
            if next.scalars != all.scalars || !next.tensors.keys().eq(all.tensors.keys()) {
                return Err(LearnerError::read("the runs have taken different numbers of steps"));
            }
            for (moment, next) in all.tensors.values_mut().zip(next.tensors.values()) {
                moment.bytes.extend_from_slice(&next.bytes);
            }
        }
        all.tensors.values_mut().for_each(|moment| moment.shape[0] *= runs);
        Ok(all)
    }

    /// Returns the state of run number `run`.
    fn part(&self, run: usize, runs: usize) -> Self {
        let part = |(key, moment): (&(usize, String), &Moment)| {
            let Moment { dtype, mut shape, bytes } = moment.clone();
            shape[0] /= runs;
            let len = bytes.len() / runs;
            let bytes = bytes[run * len..(run + 1) * len].to_vec();
            (key.clone(), Moment { dtype, shape, bytes })
        };
        let tensors = self.tensors.iter().map(part).collect();
        Self { tensors, scalars: self.scalars.clone(), paths: self.paths.clone() }
    }

    /// Serialises the state for the parameters with these ids.
    fn into_bytes(self, ids: &[u64]) -> Result<Bytes, LearnerError> {
        let name = |(place, rest): &(usize, String)| format!("{}.{rest}", ids[*place]);
        let tensors = self.tensors.into_iter().map(|(key, Moment { dtype, shape, bytes })| {
            let bytes = Bytes::from_bytes_vec(bytes);
            burn_pack::Tensor::new(name(&key), dtype, shape, Some(ids[key.0]), bytes)
        });
        let mut writer = Writer::new(tensors.collect());
        for (key, value) in &self.scalars {
            writer = writer.with_scalar(&name(key), *value);
        }
        for (place, path) in &self.paths {
            writer = writer.with_metadata(&ids[*place].to_string(), path);
        }
        read(in_order(read(writer.into_bytes())?))
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::nn::Mlp;
    use crate::noise::normal;
    use crate::optim::Adam;
    use crate::runs;

    const RUNS: usize = 3;
    const ROWS: usize = 8;

    fn learner(seed: u64) -> Learner<Mlp> {
        let device = Device::flex().autodiff();
        let network = Mlp::new(&[2, 16, 1], &mut ChaCha8Rng::seed_from_u64(seed), &device);
        Learner::new(network, Adam::new(1e-8))
    }

    /// A step towards zero outputs at random inputs.
    fn step(learner: &mut Learner<Mlp>, input: Tensor<2>, runs: usize) {
        let loss = runs::mean(learner.forward(input).square(), runs);
        learner.descend(1e-2, loss);
    }

    fn bytes(learners: &[Learner<Mlp>]) -> Vec<(Vec<u8>, Vec<u8>)> {
        learners.iter().map(|learner| learner.to_bytes().unwrap()).collect()
    }

    #[test]
    fn steps_of_a_stack_are_those_of_each_run_to_the_last_bit() {
        let mut rng = ChaCha8Rng::seed_from_u64(9);
        let mut inputs = || -> Vec<Tensor<2>> {
            (0..RUNS).map(|_| normal([ROWS, 2], &mut rng, &Device::flex())).collect()
        };
        let mut alone: Vec<_> = (0..RUNS as u64).map(learner).collect();
        let mut together: Vec<_> = (0..RUNS as u64).map(learner).collect();
        // Twice, so that a stack starts from moments as well.
        for _ in 0..2 {
            let mut stack = Learner::stack(&together.iter().collect::<Vec<_>>()).unwrap();
            let mut target = Target::new(&*stack);
            for _ in 0..5 {
                let inputs = inputs();
                step(&mut stack, Tensor::cat(inputs.clone(), 0), RUNS);
                target.follow(&stack, 0.5);
                alone.iter_mut().zip(inputs).for_each(|(one, input)| step(one, input, 1));
            }
            stack.unstack(&mut together.iter_mut().collect::<Vec<_>>()).unwrap();
            assert_eq!(bytes(&together), bytes(&alone));
        }
    }

    #[test]
    fn targets_are_stacked_and_taken_apart() {
        let learners: Vec<_> = (0..RUNS as u64).map(learner).collect();
        let mut targets: Vec<_> = learners.iter().map(|learner| Target::new(&**learner)).collect();
        let weights = |target: &Target<Mlp>| target.layers[0].weight.val().to_data();
        let before: Vec<_> = targets.iter().map(weights).collect();
        let stack = Target::stack(&targets.iter().collect::<Vec<_>>());
        assert_eq!(stack.layers[0].weight.dims(), [RUNS * 2, 16]);
        targets.rotate_left(1);
        stack.unstack(&mut targets.iter_mut().collect::<Vec<_>>());
        assert_eq!(targets.iter().map(weights).collect::<Vec<_>>(), before);
    }

    #[test]
    fn runs_with_different_numbers_of_steps_are_not_stacked() {
        let (one, mut other) = (learner(0), learner(1));
        step(&mut other, Tensor::ones([ROWS, 2], &Device::flex()), 1);
        let error = Learner::stack(&[&one, &other]).err().unwrap().to_string();
        assert!(error.contains("different numbers of steps"), "{error}");
    }
}
