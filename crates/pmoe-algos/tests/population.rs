//! Runs in lockstep get the numbers that each gets alone.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use std::cell::Cell;

use common::normalised;
use common::on_policy::{self, bits};
use pmoe_algos::checkpoint::Files;
use pmoe_algos::sac::{
    ActorConfig, AlphaLogProb, ArgmaxScore, EntropyLogProb, Estimator, FrequencyConfig, PmoeConfig,
    SacConfig,
};
use pmoe_algos::{
    Agent, AlgoConfig, AnyAgent, AnyMemory, Member, Population, Progress, RunError, Schedule,
    Scope, Training, TrainingEnd,
};
use pmoe_core::engine::{Engine, with_engine};
use pmoe_envs::{Env, EnvError, EnvSpec, Rng, Step, TimeLimit};
use pmoe_results::Event;
use pmoe_results::run::MemorySink;

const SEEDS: [u64; 3] = [5, 6, 11];

/// Sixty updates, three log entries, three evaluations.
const STEPS: u64 = 160;

fn schedule(total_steps: u64) -> Schedule {
    Schedule {
        eval_every: 80,
        eval_episodes: 2,
        log_every: 50,
        checkpoint_every: 70,
        ..common::schedule(total_steps)
    }
}

/// A [`common::PointMass`] that breaks after some steps.
struct Fragile(TimeLimit<common::PointMass>, u64);

impl Env for Fragile {
    fn spec(&self) -> &EnvSpec {
        self.0.spec()
    }

    fn reset(&mut self, rng: &mut Rng, obs: &mut [f64]) -> Result<(), EnvError> {
        self.0.reset(rng, obs)
    }

    fn step(&mut self, action: &[f64], obs: &mut [f64]) -> Result<Step, EnvError> {
        if self.1 == 0 {
            let (task, reason) = (self.spec().id.clone(), "on purpose".to_owned());
            return Err(EnvError::Unstable { task, time_seconds: 0.0, reason });
        }
        self.1 -= 1;
        self.0.step(action, obs)
    }

    fn save_state(&self, state: &mut Vec<f64>) {
        self.0.save_state(state);
    }

    fn load_state(&mut self, state: &[f64]) -> Result<(), EnvError> {
        self.0.load_state(state)
    }
}

/// A run in memory.
struct Run {
    seed: u64,
    env: Fragile,
    eval_env: Fragile,
    agent: AnyAgent,
    sink: MemorySink,
    progress: Progress<AnyMemory>,
}

impl Run {
    fn new(config: &SacConfig, seed: u64) -> Self {
        let env = || Fragile(TimeLimit::new(common::PointMass::new(), 30), u64::MAX);
        Self {
            seed,
            env: env(),
            eval_env: env(),
            agent: on_policy::agent(&AlgoConfig::Sac(config.clone()), 1, 1, seed),
            sink: MemorySink::default(),
            progress: Progress::new(seed),
        }
    }

    fn training<'a>(
        &'a mut self,
        schedule: &'a Schedule,
        interrupt: &'a dyn Fn() -> bool,
    ) -> Member<'a, 'a> {
        let Self { seed, env, eval_env, agent, sink, progress } = self;
        let training = Training::new(env, eval_env, agent, schedule, *seed)
            .resume(progress.clone())
            .interrupt(interrupt);
        Member { training, sink }
    }

    /// Trains alone until `interrupt`.
    fn alone(&mut self, schedule: &Schedule, interrupt: &dyn Fn() -> bool) {
        let Member { mut training, sink } = self.training(schedule, interrupt);
        training.run(sink).unwrap();
        let progress = training.progress().clone();
        self.progress = progress;
    }

    /// Every byte of the learner.
    fn saved(&self) -> String {
        let mut files = Files::default();
        self.agent.save(&mut files, Scope::Everything).unwrap();
        files.blake3().unwrap()
    }

    fn update_events(&self) -> impl Iterator<Item = &Event> {
        self.sink.events.iter().filter(|event| matches!(event, Event::Update { .. }))
    }
}

fn runs(config: &SacConfig) -> Vec<Run> {
    SEEDS.iter().map(|seed| Run::new(config, *seed)).collect()
}

fn together(
    runs: &mut [Run],
    schedule: &Schedule,
    interrupt: &dyn Fn() -> bool,
) -> Vec<Result<TrainingEnd, RunError>> {
    let members = runs.iter_mut().map(|run| run.training(schedule, interrupt)).collect();
    let mut population = Population::new(members);
    let ends = population.run();
    let trainings = population.into_trainings();
    let progress: Vec<_> = trainings.iter().map(|training| training.progress().clone()).collect();
    drop(trainings);
    for (run, progress) in runs.iter_mut().zip(progress) {
        run.progress = progress;
    }
    ends
}

fn never() -> bool {
    false
}

fn alone(config: &SacConfig, schedule: &Schedule) -> Vec<Run> {
    let mut runs = runs(config);
    runs.iter_mut().for_each(|run| run.alone(schedule, &never));
    runs
}

/// Every policy and every estimator.
fn variants() -> Vec<SacConfig> {
    let learnt = |actor| SacConfig { temperature: common::auto(), ..common::sac(actor) };
    let mixture = |config| learnt(ActorConfig::Pmoe(config));
    let scored = FrequencyConfig {
        argmax_score: ArgmaxScore::SoftQ,
        alpha_log_prob: AlphaLogProb::Drawn,
        ..common::frequency()
    };
    let scored = PmoeConfig {
        estimator: Estimator::Frequency(scored),
        entropy_log_prob: EntropyLogProb::Mixture,
        ..common::pmoe(3)
    };
    let mut variants = vec![
        mixture(common::pmoe(4)),
        mixture(common::pmoe(1)),
        mixture(scored),
        common::sac(common::gaussian()),
        SacConfig { gradient_steps: 2, ..mixture(common::best(3)) },
        normalised(learnt(common::gaussian())),
        normalised(mixture(common::pmoe(4))),
    ];
    variants.extend(common::actors().into_iter().map(learnt));
    variants.push(SacConfig { temperature: common::auto(), ..common::primitive_critics(4) });
    variants
}

#[track_caller]
fn assert_same(found: &[Run], expected: &[Run], config: &SacConfig) {
    for (found, expected) in found.iter().zip(expected) {
        let seed = found.seed;
        assert_eq!(found.sink.events, expected.sink.events, "seed {seed}, {config:?}");
        assert_eq!(found.progress, expected.progress, "seed {seed}, {config:?}");
        assert!(bits(&found.agent) == bits(&expected.agent), "seed {seed}, {config:?}");
        assert_eq!(found.saved(), expected.saved(), "seed {seed}, {config:?}");
        assert!(found.update_events().count() > 0, "it has learnt");
    }
}

#[test]
fn every_run_gets_the_bits_that_it_gets_alone() {
    for config in variants() {
        let mut found = runs(&config);
        let ends = together(&mut found, &schedule(STEPS), &never);
        assert!(ends.iter().all(|end| matches!(end, Ok(TrainingEnd::Done))), "{config:?}");
        assert_same(&found, &alone(&config, &schedule(STEPS)), &config);
    }
}

/// burn's own operations add up in another order when they work on all runs at once.
#[test]
fn with_burns_own_operations_runs_get_the_same_numbers_to_rounding() {
    with_engine(Engine::Plain, || {
        for config in variants() {
            // The last step before the first update.
            let before = schedule(config.learning_starts - 1);
            let mut found = runs(&config);
            together(&mut found, &before, &never);
            for (found, expected) in found.iter().zip(alone(&config, &before)) {
                assert_eq!(found.sink.events, expected.sink.events);
                assert_eq!(found.saved(), expected.saved());
            }

            let after = schedule(config.learning_starts + 15);
            let (mut found, expected) = (runs(&config), alone(&config, &after));
            together(&mut found, &after, &never);
            for (found, expected) in found.iter().zip(&expected) {
                assert!(found.progress.grad_step >= 15);
                let pairs = bits(&found.agent).into_iter().flatten();
                for (found, expected) in pairs.zip(bits(&expected.agent).into_iter().flatten()) {
                    let (found, expected) = (f32::from_bits(found), f32::from_bits(expected));
                    // As between the engines, see determinism.rs: less than one of the steps of 3e-3.
                    assert!(
                        (found - expected).abs() < 1e-3,
                        "{found} is not {expected}, {config:?}"
                    );
                }
            }
        }
    });
}

#[test]
fn a_stopped_population_goes_on_even_from_different_steps() {
    let config = SacConfig {
        gradient_steps: 3,
        temperature: common::auto(),
        ..common::sac(ActorConfig::Pmoe(common::pmoe(4)))
    };
    let expected = alone(&config, &schedule(STEPS));
    // Interrupts are asked for between and inside stages; this many questions lead somewhere into the run.
    for questions in [3, 250, 400, 401, 402, 403] {
        let mut found = runs(&config);
        let left = Cell::new(questions);
        let stop = || {
            left.set(left.get() - 1);
            left.get() < 0
        };
        let ends = together(&mut found, &schedule(STEPS), &stop);
        assert!(ends.iter().all(|end| matches!(end, Ok(TrainingEnd::Interrupted))));
        // One of them is ahead of the others.
        let left = Cell::new(77);
        let stop = || {
            left.set(left.get() - 1);
            left.get() < 0
        };
        found[1].alone(&schedule(STEPS), &stop);
        assert!(found[0].progress.env_step <= found[1].progress.env_step);
        let ends = together(&mut found, &schedule(STEPS), &never);
        assert!(ends.iter().all(|end| matches!(end, Ok(TrainingEnd::Done))));
        assert_same(&found, &expected, &config);
    }
}

#[test]
fn a_run_that_fails_leaves_the_others_as_they_are() {
    let config = SacConfig { temperature: common::auto(), ..common::sac(common::gaussian()) };
    let expected = alone(&config, &schedule(STEPS));
    let mut found = runs(&config);
    found[1].env.1 = 123;
    let ends = together(&mut found, &schedule(STEPS), &never);
    assert!(matches!(&ends[1], Err(RunError::Env(_))));
    assert_eq!(found[1].progress.env_step, 123);
    assert!([&ends[0], &ends[2]].iter().all(|end| matches!(end, Ok(TrainingEnd::Done))));
    for index in [0, 2] {
        assert_same(&found[index..=index], &expected[index..=index], &config);
    }
}

#[test]
fn a_population_of_one_is_the_run() {
    let config = common::sac(ActorConfig::Pmoe(common::pmoe(4)));
    let mut found = runs(&config).split_off(2);
    together(&mut found, &schedule(STEPS), &never);
    assert_same(&found, &alone(&config, &schedule(STEPS))[2..], &config);
}
