//! Updates and actions of the learners, written out once more from their parts.
//!
//! Losses have tests of their own; these are about what the learners put into them: which
//! observation, which networks, whose learning rate.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use burn::tensor::{Device, Tensor};
use pmoe_algos::checkpoint::Files;
use pmoe_algos::critic::TwinCritic;
use pmoe_algos::policy::RoutingInput;
use pmoe_algos::replay::{Batch, ReplayBuffer, TensorBatch};
use pmoe_algos::sac::{
    Actor, ActorConfig, LossInput, PmoeConfig, Sac, SacConfig, Sampled, TargetAction,
    TemperatureConfig,
};
use pmoe_algos::{Agent, Mode, Scope, Training, Transition};
use pmoe_core::best_of::divergence;
use pmoe_core::loss::mean_squared_error;
use pmoe_core::noise;
use pmoe_core::optim::{Adam, Learner, Target};
use pmoe_envs::{EnvSpec, Rng, TimeLimit};
use pmoe_results::Event;
use pmoe_results::run::MemorySink;
use rand::SeedableRng;

const OBS: usize = 5;
const ACTION: usize = 2;
const ALPHA: f64 = 0.3;

/// Settings in which no two numbers are the same.
fn config(actor: ActorConfig) -> SacConfig {
    SacConfig {
        gamma: 0.8,
        tau: 0.2,
        actor_lr: 1e-3,
        critic_lr: 7e-3,
        temperature: TemperatureConfig::Fixed { alpha: ALPHA },
        ..common::sac(actor)
    }
}

/// The networks of SAC, with an update that reads like the algorithm.
struct ByHand {
    actor: Learner<Actor>,
    critic: Learner<TwinCritic>,
    target: Target<TwinCritic>,
    replay: ReplayBuffer,
}

impl ByHand {
    /// Starts where `agent` does.
    fn new(agent: &Sac) -> Self {
        let mut files = Files::default();
        agent.save(&mut files, Scope::Everything).unwrap();
        let mut replay = ReplayBuffer::new(5_000, OBS, ACTION);
        replay.read(&mut &files.get("replay.bin").unwrap()[..]).unwrap();
        let (actor, critic) = (agent.actor().clone(), common::twin(agent).clone());
        let adam = Adam::new(1e-8);
        Self {
            target: Target::new(&critic),
            actor: Learner::new(actor, adam),
            critic: Learner::new(critic, adam),
            replay,
        }
    }

    fn update(&mut self, config: &SacConfig, rng: &mut Rng) {
        let mut batch = Batch::default();
        self.replay.sample(config.batch_size, rng, &mut batch);
        let batch = TensorBatch::new(&batch, &common::device());

        // y = r + γ (1 − d) (min_i Q̄_i(s', a') − α log π(a'|s')), a' ~ π(s').
        let next = batch.next_obs.clone();
        let Sampled { action, log_prob } =
            self.actor.frozen().sample(next.clone(), config.target, &mut [rng]);
        let (next_q, next_log_prob) = best(self.target.min(next, action), log_prob);
        let soft = next_q - next_log_prob.mul_scalar(ALPHA);
        let target = batch.reward + batch.not_terminated.mul_scalar(config.gamma) * soft;

        // (Q_i(s, a) − y)², for both critics.
        let (q1, q2) = self.critic.forward(batch.obs.clone(), batch.action);
        let losses = (mean_squared_error(q1, target.clone()), mean_squared_error(q2, target));
        self.critic.descend_both(config.critic_lr, losses);

        // α log π(a|s) − min_i Q_i(s, a), with the critics just updated.
        let noise = self.actor.noise(config.batch_size, ACTION, &mut [rng], &common::device());
        let judge = |obs: Tensor<2>, action: Tensor<2>| self.critic.frozen().min(obs, action);
        let input =
            LossInput { critic: &judge, obs: batch.obs, alpha: &[ALPHA], noise, baseline: &[0.0] };
        let loss = self.actor.loss(input).loss;
        self.actor.descend(config.actor_lr, loss);

        // θ̄ ← (1 − τ) θ̄ + τ θ.
        self.target.follow(&self.critic, config.tau);
    }
}

/// The highest value of each state and the density of the best of so many draws, by hand.
fn best(q: Tensor<1>, log_prob: Tensor<1>) -> (Tensor<1>, Tensor<1>) {
    let [rows] = q.dims();
    let draws = rows / 32;
    if draws == 1 {
        return (q, log_prob);
    }
    let of = |x: Tensor<1>| x.try_into_vec_as::<f32>().unwrap();
    let (q, log_prob) = (of(q), of(log_prob));
    let best = |state: usize| {
        let all = state * draws..(state + 1) * draws;
        all.max_by(|a, b| q[*a].total_cmp(&q[*b])).unwrap()
    };
    let gather = |values: &[f32], shift: f32| {
        let values: Vec<f32> = (0..32).map(|state| values[best(state)] + shift).collect();
        Tensor::<1>::from_data(values.as_slice(), &common::device())
    };
    (gather(&q, 0.0), gather(&log_prob, divergence(draws) as f32))
}

#[test]
fn updates_of_sac_are_those_of_the_algorithm() {
    let mixture = ActorConfig::Pmoe(common::pmoe(3));
    let best = ActorConfig::Pmoe(common::best(3));
    for (name, actor) in [("sac", common::gaussian()), ("pmoe", mixture), ("best", best)] {
        let config = config(actor);
        assert_eq!(config.target == TargetAction::Max, name == "best");
        let mut agent = common::filled(config.clone(), OBS, ACTION, 200);
        let mut by_hand = ByHand::new(&agent);
        let [mut one, mut other] = [(); 2].map(|()| Rng::seed_from_u64(3));
        // The targets are the critics themselves at first, so more than one update.
        for _ in 0..4 {
            agent.gradient_step(&mut one);
            by_hand.update(&config, &mut other);
        }
        assert_eq!(agent.grad_step(), 4);
        let pairs = [
            (common::parameters(agent.actor()), common::parameters(&*by_hand.actor)),
            (common::parameters(common::twin(&agent)), common::parameters(&*by_hand.critic)),
        ];
        for (part, (found, expected)) in ["actor", "critics"].iter().zip(pairs) {
            for (found, expected) in found.iter().flatten().zip(expected.iter().flatten()) {
                // The same operations in the same order, but for the density of the best draw.
                let is_close = (found - expected).abs() <= 1e-4;
                assert!(is_close, "{name}, {part}: {found} is not {expected}");
            }
        }
    }
}

#[test]
fn critics_start_apart_and_learn_apart() {
    let mut agent = common::filled(config(common::gaussian()), OBS, ACTION, 200);
    let both = |agent: &Sac| {
        let TwinCritic { q1, q2 } = common::twin(agent);
        [common::bits(q1), common::bits(q2)]
    };
    let before = both(&agent);
    assert_ne!(before[0], before[1]);
    agent.gradient_step(&mut Rng::seed_from_u64(0));
    for (before, after) in before.iter().zip(both(&agent)) {
        assert_ne!(*before, after);
    }
}

#[test]
fn the_router_starts_with_numbers_of_its_own() {
    // Both layers take the observation, so equal streams would give equal numbers.
    let actor = PmoeConfig { routing_input: RoutingInput::Obs, ..common::pmoe(3) };
    let agent = common::filled(config(ActorConfig::Pmoe(actor)), OBS, ACTION, 0);
    let Actor::Pmoe(actor) = agent.actor() else { panic!("a mixture") };
    let [router, trunk] = [&actor.net.router, &actor.net.primitives.trunk.layers[0]].map(|layer| {
        assert_eq!(layer.weight.dims()[0], OBS);
        layer.weight.val().inner().try_into_vec_as::<f32>().unwrap()[0].to_bits()
    });
    assert_ne!(router, trunk);
}

#[test]
fn every_action_of_a_loss_has_noise_of_its_own() {
    let agent = common::filled(config(ActorConfig::Pmoe(common::pmoe(3))), OBS, ACTION, 0);
    let device = Device::flex();
    let noise = agent.actor().noise(8, ACTION, &mut [&mut Rng::seed_from_u64(0)], &device).action;
    assert_eq!(noise.dims(), [24, ACTION]);
    let mut numbers = noise.try_into_vec_as::<f32>().unwrap();
    numbers.sort_by(f32::total_cmp);
    numbers.dedup();
    assert_eq!(numbers.len(), 24 * ACTION);
}

#[test]
fn learning_starts_with_the_step_that_the_config_names() {
    let taken = |steps: usize| {
        let mut agent = common::filled(config(common::gaussian()), OBS, ACTION, steps);
        agent.update(&mut Rng::seed_from_u64(0), &|| false).taken
    };
    assert_eq!((taken(99), taken(100)), (0, 1));
}

/// Returns the action in a fixed state with randomness of a seed.
fn act(agent: &Sac, mode: Mode, seed: u64) -> Vec<f32> {
    let mut action = vec![0.0; ACTION];
    agent.act(&mut (), &[0.3; OBS], mode, &mut Rng::seed_from_u64(seed), &mut action).unwrap();
    action
}

#[test]
fn evaluations_act_by_the_mode_and_training_explores() {
    // Before, during and after the random steps, of which there are 100.
    for steps in [0, 50, 100, 150] {
        let agent = common::filled(config(common::gaussian()), OBS, ACTION, steps);
        assert_eq!(act(&agent, Mode::Evaluate, 0), act(&agent, Mode::Evaluate, 1), "{steps}");
        assert_ne!(act(&agent, Mode::Explore, 0), act(&agent, Mode::Explore, 1), "{steps}");
        let mut uniform = vec![0.0; ACTION];
        noise::fill_uniform(&mut uniform, &mut Rng::seed_from_u64(5));
        let is_random = act(&agent, Mode::Explore, 5) == uniform;
        assert_eq!(is_random, steps < 100, "{steps}");
    }
}

#[test]
fn evaluations_have_randomness_of_their_own() {
    // Nothing is learnt, so only the initial states tell two evaluations apart.
    let config = SacConfig { learning_starts: 10_000, ..common::sac(common::gaussian()) };
    let mut agent = Sac::new(config, &EnvSpec::new("test", 1, 1), 0, &Device::flex());
    let schedule = common::schedule(1_000);
    let [mut env, mut eval_env] = [(); 2].map(|()| TimeLimit::new(common::PointMass::new(), 10));
    let mut sink = MemorySink::default();
    Training::new(&mut env, &mut eval_env, &mut agent, &schedule, 4).run(&mut sink).unwrap();
    let returns: Vec<&Vec<f64>> = (sink.events.iter())
        .filter_map(|event| match event {
            Event::Eval { returns, .. } => Some(returns),
            _ => None,
        })
        .collect();
    assert!(returns.len() >= 2);
    assert_ne!(returns[0], returns[1]);
}

#[test]
fn an_episode_begins_with_its_own_observation_and_no_memory() {
    /// Sees the observation and moves nothing, and notes what it is told.
    #[derive(Default)]
    struct Witness {
        told: Vec<[f32; 2]>,
        /// Actions of the episode so far, at each step.
        remembered: Vec<u32>,
        acted: std::cell::RefCell<Vec<f32>>,
    }
    impl Agent for Witness {
        type Memory = u32;

        fn act(
            &self,
            memory: &mut u32,
            obs: &[f32],
            mode: Mode,
            _rng: &mut Rng,
            action: &mut [f32],
        ) -> Result<(), pmoe_algos::AgentError> {
            if mode == Mode::Explore {
                self.acted.borrow_mut().push(obs[0]);
            }
            *memory += 1;
            action.fill(0.5);
            Ok(())
        }

        fn observe(&mut self, memory: &u32, transition: Transition<'_>) {
            self.remembered.push(*memory);
            self.told.push([transition.obs[0], transition.next_obs[0]]);
        }

        fn update(&mut self, _: &mut Rng, _: &dyn Fn() -> bool) -> pmoe_algos::Updates {
            pmoe_algos::Updates { taken: 0, is_complete: true }
        }

        fn metrics(&self) -> Result<pmoe_algos::Metrics, pmoe_algos::AgentError> {
            Ok(pmoe_algos::Metrics::new())
        }

        fn save<'a>(
            &'a self,
            _: &mut Files<'a>,
            _: Scope,
        ) -> Result<(), pmoe_algos::CheckpointError> {
            Ok(())
        }

        fn load(&mut self, _: &Files<'_>, _: Scope) -> Result<(), pmoe_algos::CheckpointError> {
            Ok(())
        }

        fn check_restored(&self, _: &u32, _: bool) -> Result<(), pmoe_algos::CheckpointError> {
            Ok(())
        }
    }
    let mut agent = Witness::default();
    let schedule = common::schedule(1_000);
    let [mut env, mut eval_env] = [(); 2].map(|()| TimeLimit::new(common::PointMass::new(), 10));
    let mut sink = MemorySink::default();
    Training::new(&mut env, &mut eval_env, &mut agent, &schedule, 4).run(&mut sink).unwrap();
    assert_eq!(agent.told.len(), 1_000);
    for (step, ([obs, next_obs], acted)) in
        agent.told.iter().zip(agent.acted.borrow().iter()).enumerate()
    {
        // Ten steps of a tenth each, from a random place.
        assert!((obs - acted).abs() < 1e-6, "{step}: {obs} is not {acted}");
        assert!((next_obs - obs - 0.1).abs() < 1e-5, "{step}: from {obs} to {next_obs}");
        let is_first = step % 10 == 0;
        assert_eq!(agent.remembered[step] as usize, step % 10 + 1);
        assert_eq!(is_first, step == 0 || (obs - agent.told[step - 1][1]).abs() > 1e-6);
        assert!(!is_first || obs.abs() <= 1.0, "{step}: {obs}");
    }
}
