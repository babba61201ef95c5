//! Runs on the point mass: left alone, or stopped and resumed.

use std::cell::Cell;
use std::num::NonZeroUsize;
use std::path::Path;

use pmoe_algos::{
    AlgoConfig, AnyAgent, Checkpoints, Progress, Schedule, Scope, Training, TrainingEnd, train,
};
use pmoe_envs::{Env, TimeLimit};
use pmoe_results::run::MemorySink;
use pmoe_results::{Event, Sink};

use super::{PointMass, on_policy};

pub fn agent(config: &AlgoConfig, seed: u64) -> AnyAgent {
    on_policy::agent(config, 1, 1, seed)
}

pub fn env() -> TimeLimit<PointMass> {
    TimeLimit::new(PointMass::new(), 30)
}

pub fn envs(config: &AlgoConfig) -> Vec<TimeLimit<PointMass>> {
    (0..config.num_envs()).map(|_| env()).collect()
}

/// Runs a whole run in one go.
pub fn uninterrupted(
    config: &AlgoConfig,
    schedule: &Schedule,
    seed: u64,
) -> (Vec<Event>, AnyAgent) {
    let mut agent = agent(config, seed);
    let mut sink = MemorySink::default();
    let (mut envs, mut eval_env) = (envs(config), env());
    let envs = envs.iter_mut().map(|env| env as _).collect();
    let mut training = Training::with_envs(envs, &mut eval_env, &mut agent, schedule, seed);
    assert_eq!(training.run(&mut sink).unwrap(), TrainingEnd::Done);
    assert!(training.progress().grad_step > 0);
    (sink.events, agent)
}

/// Runs one process of a run: restores it and continues until the interrupt has been checked
/// `checks` times. With `killed`, everything after the last checkpoint is lost.
pub fn process(
    config: &AlgoConfig,
    schedule: &Schedule,
    folder: &Path,
    events: &mut MemorySink,
    checks: u64,
    killed: bool,
) -> (TrainingEnd, AnyAgent) {
    let (mut agent, mut envs) = (agent(config, 5), envs(config));
    let mut envs: Vec<&mut dyn Env> = envs.iter_mut().map(|env| env as _).collect();
    let checkpoints = |folder: &Path| Checkpoints {
        folder: folder.to_owned(),
        run: "this".to_owned(),
        keep: NonZeroUsize::new(2).unwrap(),
        at_the_end: Scope::Policy,
    };
    let restored = train::restore(&checkpoints(folder), &mut agent, &mut envs, |_| Ok(())).unwrap();
    let new = || Progress::with_envs(5, envs.len());
    let progress = restored.map_or_else(new, |restored| restored.progress);
    events.truncate(&progress.events).unwrap();
    assert_eq!(events.sync().unwrap(), progress.events);
    // A killed process writes no last checkpoint, so new ones go to a temporary folder.
    let lost = quick_tempdir();
    let checkpoints = checkpoints(if killed { lost.path() } else { folder });
    let asked = Cell::new(0);
    let interrupt = || {
        asked.set(asked.get() + 1);
        asked.get() > checks
    };
    let mut eval_env = env();
    let outcome = Training::with_envs(envs, &mut eval_env, &mut agent, schedule, 5)
        .resume(progress)
        .checkpoints(&checkpoints)
        .interrupt(&interrupt)
        .run(events);
    (outcome.unwrap(), agent)
}

/// Creates a temporary folder in memory if possible: these tests write thousands of checkpoints.
pub fn quick_tempdir() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}
