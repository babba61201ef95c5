//! Gradients of the actor losses: against central differences in float64, and what gets none.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{DType, Device, Int, Tensor, TensorData};
use pmoe_algos::sac::{
    Actor, ActorConfig, EntropyLogProb, PmoeActor, PmoeConfig, PrimitiveLoss, RoutingInput,
    TwinCritic, critic_loss,
};
use pmoe_core::loss::{backpropagate_max_loss, best_primitive};
use pmoe_core::noise::{Rng, normal};
use rand::SeedableRng;

const OBS: usize = 4;
const ACTION: usize = 2;
const BATCH: usize = 6;
const ALPHA: f64 = 0.3;

/// The module with every parameter in float64, on the autodiff device.
fn in_f64<M: Module>(module: M) -> M {
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

/// The module with `delta` added to one number of one parameter.
fn nudged<M: Module>(module: &M, parameter: usize, element: usize, delta: f64) -> M {
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

/// The gradient of every parameter in order, flattened; zeros where there is none.
fn gradients<M: Module>(module: &M, loss: &Tensor<1>) -> Vec<Vec<f64>> {
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

fn value(loss: &Tensor<1>) -> f64 {
    loss.try_to_vec_as::<f64>().unwrap()[0]
}

/// Compares some elements of every parameter with central differences.
fn check<M: Module>(name: &str, module: &M, loss: impl Fn(&M) -> Tensor<1>) {
    let analytic = gradients(module, &loss(module));
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

fn f64_normal(shape: [usize; 2], seed: u64) -> Tensor<2> {
    normal(shape, &mut Rng::seed_from_u64(seed), &Device::flex()).cast(DType::F64)
}

fn critic() -> TwinCritic {
    let device = Device::flex().autodiff();
    in_f64(TwinCritic::new(OBS, ACTION, &[8, 8], &mut Rng::seed_from_u64(11), &device))
}

fn actor(config: &ActorConfig) -> Actor {
    in_f64(Actor::new(config, &[8, 8], OBS, ACTION, 21, &Device::flex().autodiff()))
}

fn loss(config: &ActorConfig, actor: &Actor) -> Tensor<1> {
    let noise = f64_normal([BATCH * actor.num_primitives(), ACTION], 2);
    actor.loss(config, &critic().valid(), f64_normal([BATCH, OBS], 1), ALPHA, noise).loss
}

#[test]
fn critic_gradient_equals_central_differences() {
    let (obs, action) = (f64_normal([BATCH, OBS], 1), f64_normal([BATCH, ACTION], 3));
    let target = f64_normal([BATCH, 1], 4).squeeze_dim::<1>(1);
    check("critic", &critic(), |critic| {
        let (q1, q2) = critic.forward(obs.clone(), action.clone());
        critic_loss(q1, target.clone()) + critic_loss(q2, target.clone())
    });
}

#[test]
fn actor_gradients_equal_central_differences() {
    let gaussian = common::gaussian();
    check("gaussian", &actor(&gaussian), |actor| loss(&gaussian, actor));
    // With the trunk open to the router, the loss is one differentiable function of everything.
    let open = PmoeConfig { routing_input: RoutingInput::Trunk, ..common::pmoe(3) };
    for primitive_loss in [PrimitiveLoss::Max, PrimitiveLoss::All] {
        for entropy_log_prob in [EntropyLogProb::Component, EntropyLogProb::Mixture] {
            let config =
                ActorConfig::Pmoe(PmoeConfig { primitive_loss, entropy_log_prob, ..open.clone() });
            let name = format!("{primitive_loss:?}, {entropy_log_prob:?}");
            check(&name, &actor(&config), |actor| loss(&config, actor));
        }
    }
    let on_obs = PmoeConfig { routing_input: RoutingInput::Obs, ..common::pmoe(3) };
    let config = ActorConfig::Pmoe(on_obs);
    check("router on the observation", &actor(&config), |actor| loss(&config, actor));
}

/// Gradients of a PMOE actor by part.
struct Parts {
    trunk: Vec<f64>,
    /// Of mean and log_std heads, for each primitive.
    heads: Vec<Vec<f64>>,
    router: Vec<f64>,
}

fn parts(actor: &Actor, loss: &Tensor<1>) -> Parts {
    let Actor::Pmoe(pmoe) = actor else { panic!("a mixture") };
    let all = gradients(actor, loss);
    let trunk_parameters = 2 * pmoe.trunk.layers.len();
    let num_primitives = pmoe.num_primitives();
    let mut heads = vec![Vec::new(); num_primitives];
    // Weights are [in, K·A] and biases [K·A]: column c belongs to primitive c / A.
    for parameter in &all[trunk_parameters..trunk_parameters + 4] {
        for (index, gradient) in parameter.iter().enumerate() {
            heads[index % (num_primitives * ACTION) / ACTION].push(*gradient);
        }
    }
    let router = all[trunk_parameters + 4..].concat();
    Parts { trunk: all[..trunk_parameters].concat(), heads, router }
}

fn is_zero(gradient: &[f64]) -> bool {
    gradient.iter().all(|gradient| gradient.abs() == 0.0)
}

/// The best primitive of every row, recomputed here from the public parts.
fn best(actor: &PmoeActor) -> (Tensor<1, Int>, Vec<i64>) {
    let obs = f64_normal([BATCH, OBS], 1);
    let num_primitives = actor.num_primitives();
    let mixture = actor.mixture(RoutingInput::TrunkSg, obs.clone());
    let sample = mixture.primitives().rsample(f64_normal([BATCH * num_primitives, ACTION], 2));
    let obs = obs.unsqueeze_dim::<3>(1).repeat_dim(1, num_primitives);
    let obs = obs.reshape([BATCH * num_primitives, OBS]);
    let q = critic().valid().min(obs, sample.action).inner().reshape([BATCH, num_primitives]);
    let best = best_primitive(q);
    let indices = best.try_to_vec_as::<i64>().unwrap();
    (best, indices)
}

#[test]
fn back_propagation_max_leaves_other_primitives_and_the_router_alone() {
    // Without the frequency loss what is left is the primitives' loss.
    let config = ActorConfig::Pmoe(PmoeConfig { freq_coef: 0.0, ..common::pmoe(12) });
    let actor = actor(&config);
    let Actor::Pmoe(pmoe) = &actor else { panic!("a mixture") };
    let (_, chosen) = best(pmoe);
    let parts = parts(&actor, &loss(&config, &actor));
    assert!(is_zero(&parts.router), "the primitives' loss moves the router");
    assert!(!is_zero(&parts.trunk));
    for (index, gradient) in parts.heads.iter().enumerate() {
        // Six rows can't choose all of twelve primitives.
        assert_eq!(is_zero(gradient), !chosen.contains(&(index as i64)), "primitive {index}");
    }
}

#[test]
fn back_propagation_all_moves_every_primitive() {
    let config = PmoeConfig { primitive_loss: PrimitiveLoss::All, ..common::pmoe(12) };
    let config = ActorConfig::Pmoe(PmoeConfig { freq_coef: 0.0, ..config });
    let actor = actor(&config);
    let parts = parts(&actor, &loss(&config, &actor));
    assert!(parts.heads.iter().all(|gradient| !is_zero(gradient)));
    assert!(is_zero(&parts.router));
}

#[test]
fn the_frequency_loss_reaches_the_trunk_only_if_it_may() {
    for (routing_input, reaches) in
        [(RoutingInput::TrunkSg, false), (RoutingInput::Trunk, true), (RoutingInput::Obs, false)]
    {
        let with = |freq_coef: f64| {
            let config = PmoeConfig { freq_coef, routing_input, ..common::pmoe(3) };
            let config = ActorConfig::Pmoe(config);
            let actor = actor(&config);
            parts(&actor, &loss(&config, &actor))
        };
        let (without_freq, with_freq) = (with(0.0), with(1.0));
        assert_eq!(without_freq.trunk != with_freq.trunk, reaches, "{routing_input:?}");
        assert!(!is_zero(&with_freq.router));
        assert_eq!(without_freq.heads, with_freq.heads);
    }
}

#[test]
fn the_critic_gets_no_gradient_from_the_actor() {
    let config = ActorConfig::Pmoe(common::pmoe(3));
    let critic = critic();
    let noise = f64_normal([BATCH * 3, ACTION], 2);
    let actor = actor(&config);
    let loss = actor.loss(&config, &critic.valid(), f64_normal([BATCH, OBS], 1), ALPHA, noise).loss;
    assert!(gradients(&critic, &loss).iter().all(|gradient| is_zero(gradient)));
}

#[test]
fn choosing_first_and_differentiating_then_gives_the_same_gradient() {
    let config = ActorConfig::Pmoe(PmoeConfig { freq_coef: 0.0, ..common::pmoe(4) });
    let actor = actor(&config);
    let Actor::Pmoe(pmoe) = &actor else { panic!("a mixture") };
    let one_pass = loss(&config, &actor);

    // Two passes: the best primitives are known, and the graph has their B rows alone.
    let (best, _) = best(pmoe);
    let obs = f64_normal([BATCH, OBS], 1);
    let noise = f64_normal([BATCH * 4, ACTION], 2).reshape([BATCH, 4, ACTION]);
    let index = best.clone().reshape([BATCH, 1, 1]).expand([BATCH, 1, ACTION]);
    let noise = noise.gather(1, index).squeeze_dim::<2>(1);
    let mixture = pmoe.mixture(RoutingInput::TrunkSg, obs.clone());
    let sample = mixture.primitive(&best).rsample(noise);
    let q = critic().valid().min(obs, sample.action);
    let two_passes = backpropagate_max_loss(ALPHA, sample.log_prob, q);

    assert!((value(&two_passes) - value(&one_pass)).abs() < 1e-12);
    let (two, one) =
        (gradients(&actor, &two_passes).concat(), gradients(&actor, &one_pass).concat());
    for (two, one) in two.iter().zip(&one) {
        assert!((two - one).abs() <= 1e-12 * two.abs().max(1.0), "{two} is not {one}");
    }
}
