//! What `cargo xtask regress --layer cost` counts the instructions of, under valgrind's callgrind: for
//! every method, at the sizes of Hopper, gradient updates and acting.
//!
//! `instructions update sac 1` makes a learner, then updates it once inside of [`counted`]: callgrind collects
//! only there. See `docs/regression-cost.md`.

#![allow(missing_docs, reason = "a program")]
#![allow(clippy::unwrap_used, reason = "a benchmark stops at the first failure")]

use burn::tensor::Device;
use pmoe_algos::seed::{Stream, stream};
use pmoe_algos::{
    Agent, AlgoConfig, AnyAgent, AnyMemory, MethodConfig, Mode, TimedStep, Transition,
};
use pmoe_core::noise::fill_uniform;
use pmoe_envs::{EnvSpec, Rng};

/// Observations of Hopper-v4.
const OBS: usize = 11;

/// Motors of Hopper-v4.
const MOTORS: usize = 3;

/// Environment steps before those that are counted, so that what is allocated once is there.
const WARM_UP: usize = 8;

/// The settings of a method, with a short rollout. An update and an action cost the same as with a
/// long one.
fn algo(method: &str) -> AlgoConfig {
    MethodConfig::named(method).unwrap().algo.with_random_steps(0).learning_early()
}

/// A learner that updates itself.
struct Learner(TimedStep, Rng);

impl Learner {
    fn new(method: &str) -> Self {
        let algo = algo(method);
        let spec = EnvSpec::new("Hopper", OBS, MOTORS);
        let step = algo.timed_step(&spec, algo.rows_per_update(), &Device::flex());
        Self(step, stream(0, Stream::Learn))
    }

    fn update(&mut self, times: usize) {
        for _ in 0..times {
            (self.0)(&mut self.1, &mut |_| ());
        }
    }
}

/// A learner that acts on observations of no task: what a policy does changes nothing that it
/// sees, so that the count depends on the policy alone.
struct Actor {
    agent: AnyAgent,
    memories: Vec<AnyMemory>,
    rng: Rng,
    obs: Vec<f32>,
    actions: Vec<f32>,
}

impl Actor {
    fn new(method: &str) -> Self {
        let algo = algo(method);
        let num_envs = algo.num_envs();
        let mut actor = Self {
            agent: algo.agent(&EnvSpec::new("Hopper", OBS, MOTORS), 1000, 0, &Device::flex()),
            memories: (0..num_envs).map(|_| AnyMemory::default()).collect(),
            rng: stream(0, Stream::Explore),
            obs: vec![0.0; num_envs * OBS],
            actions: vec![0.0; num_envs * MOTORS],
        };
        actor.act(WARM_UP);
        actor
    }

    /// Acts and observes `steps` times, all environments together.
    fn act(&mut self, steps: usize) {
        let Self { agent, memories, rng, obs, actions } = self;
        for _ in 0..steps.div_ceil(memories.len()) {
            fill_uniform(obs, rng);
            agent.act_all(memories.iter_mut().collect(), obs, Mode::Explore, rng, actions).unwrap();
            let rows = obs.chunks_exact(OBS).zip(actions.chunks_exact(MOTORS));
            for (memory, (obs, action)) in memories.iter().zip(rows) {
                let reward = obs[0];
                let [terminated, truncated] = [false; 2];
                agent.observe(
                    memory,
                    Transition { obs, action, reward, next_obs: obs, terminated, truncated },
                );
            }
        }
    }
}

/// Callgrind collects while this runs, so that nothing else is counted.
#[inline(never)]
fn counted(work: &mut dyn FnMut()) {
    work();
}

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    // `cargo bench` names nothing to do.
    let [what, method, times] = &arguments[..] else { return };
    let times = times.parse().unwrap();
    match what.as_str() {
        "update" => {
            let mut learner = Learner::new(method);
            counted(&mut || learner.update(times));
        }
        "act" => {
            let mut actor = Actor::new(method);
            counted(&mut || actor.act(times));
        }
        other => panic!("cannot count `{other}`"),
    }
}
