//! Same seed, same bits; and a run that was stopped is one that never was.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use burn::tensor::Device;
use pmoe_algos::sac::{
    ActorConfig, AlphaLogProb, Estimator, FrequencyConfig, GatingVariance, Init, LogStd, McpGate,
    McpNetwork, PmoeConfig, Sac, SacConfig, TargetAction,
};
use pmoe_algos::{Agent, Outcome, Progress, Schedule, Scope, train};
use pmoe_core::fused::{Engine, with_engine};
use pmoe_core::parallel::with_threads;
use pmoe_envs::{Env, EnvError, EnvSpec, Rng, Step, TimeLimit};
use pmoe_results::{Event, MemorySink};

const STEPS: u64 = 700;

fn agent(config: &SacConfig, seed: u64) -> Sac {
    Sac::new(config.clone(), 1, 1, seed, &Device::flex())
}

fn env() -> TimeLimit<common::PointMass> {
    TimeLimit::new(common::PointMass::new(), 30)
}

/// Everything that a run ends with.
fn state(agent: &Sac) -> [Vec<Vec<u32>>; 2] {
    [common::bits(agent.actor()), common::bits(agent.critic())]
}

fn uninterrupted(config: &SacConfig, schedule: &Schedule, seed: u64) -> (Vec<Event>, Sac) {
    let mut agent = agent(config, seed);
    let mut sink = MemorySink::default();
    let mut progress = Progress::new(seed);
    let outcome = train::run(
        &mut env(),
        &mut env(),
        &mut agent,
        schedule,
        seed,
        &mut progress,
        &mut sink,
        None,
        &AtomicBool::new(false),
    );
    assert_eq!(outcome.unwrap(), Outcome::Done);
    assert!(progress.grad_step > 0);
    (sink.events, agent)
}

/// Every actor and every way to learn.
fn variants() -> Vec<SacConfig> {
    let learnt = |actor| SacConfig { temperature: common::auto(), ..common::sac(actor) };
    let drawn = FrequencyConfig { alpha_log_prob: AlphaLogProb::Drawn, ..common::frequency() };
    let drawn = PmoeConfig { estimator: Estimator::Frequency(drawn), ..common::pmoe(3) };
    let mut variants = vec![learnt(common::gaussian()), learnt(ActorConfig::Pmoe(drawn))];
    let all = PmoeConfig { estimator: common::back_propagation_all(), ..common::pmoe(3) };
    let mut actors = vec![
        common::gaussian(),
        common::gating(3, GatingVariance::Paper),
        common::mcp(3, McpGate::Sigmoid, McpNetwork::Matched),
        common::mcp(2, McpGate::Softmax, McpNetwork::Full),
        ActorConfig::Pmoe(common::pmoe(3)),
        ActorConfig::Pmoe(all),
    ];
    actors.extend(common::alternative_mixtures(3).into_iter().map(ActorConfig::Pmoe));
    variants.extend(actors.into_iter().map(common::sac));
    let pmoe = common::sac(ActorConfig::Pmoe(common::pmoe(3)));
    variants.push(SacConfig {
        target: TargetAction::Max,
        init: Init::Rlkit,
        log_std: LogStd::Tanh(-5.0, 2.0),
        bootstrap_truncation: false,
        ..pmoe
    });
    variants
}

#[test]
fn the_same_seed_gives_the_same_bits_and_another_does_not() {
    for config in variants() {
        let schedule = common::schedule(STEPS);
        let (events, agent) = uninterrupted(&config, &schedule, 5);
        let (events_again, agent_again) = uninterrupted(&config, &schedule, 5);
        let (other_events, _) = uninterrupted(&config, &schedule, 6);
        assert_eq!(events, events_again);
        assert!(state(&agent) == state(&agent_again));
        assert_ne!(events, other_events);
    }
}

#[test]
fn the_number_of_threads_changes_nothing() {
    for config in variants() {
        let schedule = common::schedule(STEPS);
        let (events, agent) = uninterrupted(&config, &schedule, 5);
        let (events_two, agent_two) = with_threads(2, || uninterrupted(&config, &schedule, 5));
        assert_eq!(events, events_two);
        assert!(state(&agent) == state(&agent_two));
    }
}

/// Ten updates from the same start: rounding apart, both engines find the same parameters.
#[test]
fn both_engines_learn_the_same() {
    for config in variants() {
        let learn = || {
            let mut agent = common::filled(config.clone(), 5, 2, 300);
            let mut rng = pmoe_algos::seed::Seeds::new(1).learn;
            (0..10).for_each(|_| agent.gradient_step(&mut rng));
            agent
        };
        let (fused, plain) = (state(&learn()), state(&with_engine(Engine::Plain, learn)));
        assert!(fused != plain, "the engines add up in another order");
        let parameters = fused.iter().flatten().flatten().zip(plain.iter().flatten().flatten());
        for (&fused, &plain) in parameters {
            let (fused, plain) = (f32::from_bits(fused), f32::from_bits(plain));
            // Adam divides by the gradient's size: where that is all rounding, steps differ; but
            // not by as much as one whole step, 3e-3, of the ten.
            assert!((fused - plain).abs() < 1e-3, "{fused} is not {plain}");
        }
    }
}

#[test]
fn evaluating_more_often_changes_nothing_else() {
    let config = common::sac(ActorConfig::Pmoe(common::pmoe(3)));
    let often = Schedule { eval_every: 50, eval_episodes: 2, ..common::schedule(STEPS) };
    let (events, agent) = uninterrupted(&config, &common::schedule(STEPS), 5);
    let (events_often, agent_often) = uninterrupted(&config, &often, 5);
    let training = |events: Vec<Event>| -> Vec<Event> {
        events.into_iter().filter(|event| !matches!(event, Event::Eval { .. })).collect()
    };
    assert_eq!(training(events), training(events_often));
    assert!(state(&agent) == state(&agent_often));
}

/// Raises a flag after a number of steps.
struct StopAfter<'a> {
    env: TimeLimit<common::PointMass>,
    steps_left: u64,
    flag: &'a AtomicBool,
}

impl Env for StopAfter<'_> {
    fn spec(&self) -> &EnvSpec {
        self.env.spec()
    }
    fn reset(&mut self, rng: &mut Rng, obs: &mut [f64]) -> Result<(), EnvError> {
        self.env.reset(rng, obs)
    }
    fn step(&mut self, action: &[f64], obs: &mut [f64]) -> Result<Step, EnvError> {
        self.steps_left -= 1;
        if self.steps_left == 0 {
            self.flag.store(true, Ordering::Relaxed);
        }
        self.env.step(action, obs)
    }
    fn save_state(&self, state: &mut Vec<f64>) {
        self.env.save_state(state);
    }
    fn load_state(&mut self, state: &[f64]) -> Result<(), EnvError> {
        self.env.load_state(state)
    }
}

/// One process of a run: restores, goes on for `steps` and stops, or loses what came after the last
/// checkpoint when `killed`.
fn process(
    config: &SacConfig,
    schedule: &Schedule,
    folder: &Path,
    events: &mut MemorySink,
    steps: u64,
    killed: bool,
) -> (Outcome, Sac) {
    let flag = AtomicBool::new(false);
    let mut agent = agent(config, 5);
    let mut env = StopAfter { env: env(), steps_left: steps, flag: &flag };
    let restored = train::restore(folder, &mut agent, &mut env, schedule).unwrap();
    let mut progress = restored.unwrap_or_else(|| Progress::new(5));
    events.events.truncate(progress.events_position as usize);
    // A killed process writes no last checkpoint: its folder is put back to what it was.
    let kept = tempfile::tempdir().unwrap();
    let checkpoint = if killed { kept.path() } else { folder };
    let outcome = train::run(
        &mut env,
        &mut self::env(),
        &mut agent,
        schedule,
        5,
        &mut progress,
        events,
        Some(checkpoint),
        &flag,
    );
    (outcome.unwrap(), agent)
}

#[test]
fn a_stopped_run_ends_with_the_bits_of_one_that_was_not() {
    for config in variants() {
        let schedule = common::schedule(STEPS);
        let (expected_events, expected) = uninterrupted(&config, &schedule, 5);
        let folder = tempfile::tempdir().unwrap();
        let mut events = MemorySink::default();
        // Stops in the warm-up, in the middle of episodes, right after a checkpoint, at an
        // evaluation; twice everything since the last checkpoint is lost.
        for (steps, killed) in [(40, false), (111, true), (149, false), (111, false), (250, true)] {
            let (outcome, _) =
                process(&config, &schedule, folder.path(), &mut events, steps, killed);
            assert_eq!(outcome, Outcome::Interrupted);
        }
        let (outcome, agent) =
            process(&config, &schedule, folder.path(), &mut events, u64::MAX, false);
        assert_eq!(outcome, Outcome::Done);
        assert_eq!(events.events, expected_events);
        assert!(state(&agent) == state(&expected));
    }
}

#[test]
fn a_saved_agent_acts_and_learns_on_with_the_same_bits() {
    for config in variants() {
        let mut original = common::filled(config.clone(), 5, 2, 300);
        let mut rng = pmoe_algos::seed::Seeds::new(1).learn;
        (0..20).for_each(|_| original.gradient_step(&mut rng));
        let mut files = pmoe_algos::checkpoint::Files::default();
        original.save(&mut files, Scope::Everything).unwrap();

        let mut restored = Sac::new(config, 5, 2, 99, &Device::flex());
        restored.load(&files, Scope::Everything).unwrap();
        drop(files);
        let (mut rng_a, mut rng_b) = (rng.clone(), rng);
        for _ in 0..20 {
            original.gradient_step(&mut rng_a);
            restored.gradient_step(&mut rng_b);
        }
        assert!(state(&original) == state(&restored));
        assert_eq!(original.metrics().unwrap(), restored.metrics().unwrap());
    }
}

#[test]
fn a_checkpoint_of_another_network_is_an_error() {
    let saved = agent(&common::sac(common::gaussian()), 0);
    let mut files = pmoe_algos::checkpoint::Files::default();
    saved.save(&mut files, Scope::Everything).unwrap();
    let wider = SacConfig { hidden: vec![64, 32], ..common::sac(common::gaussian()) };
    assert!(agent(&wider, 0).load(&files, Scope::Everything).is_err());
    let mixture = common::sac(ActorConfig::Pmoe(common::pmoe(2)));
    assert!(agent(&mixture, 0).load(&files, Scope::Everything).is_err());
    let smaller = SacConfig { buffer_size: 64, ..common::sac(common::gaussian()) };
    assert!(agent(&smaller, 0).load(&files, Scope::Everything).is_ok(), "an empty buffer fits");
}
