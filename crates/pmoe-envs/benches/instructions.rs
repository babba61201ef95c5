//! What `cargo xtask regress --layer cost` counts the instructions of, under valgrind's callgrind:
//! environment steps with given actions, resets included.
//!
//! `instructions env_step Hopper-v4 100` makes the task, then steps it inside of [`counted`]: callgrind
//! collects only there. See `docs/regression-cost.md`.

#![allow(missing_docs, reason = "a program")]
#![allow(clippy::unwrap_used, reason = "a benchmark stops at the first failure")]

use pmoe_envs::{Env, Rng, TaskId, make};
use rand::{RngExt, SeedableRng};

/// A task, and the actions of a policy that does not look: they depend on no learner.
struct Task {
    env: Box<dyn Env>,
    rng: Rng,
    action: Vec<f64>,
    obs: Vec<f64>,
}

impl Task {
    fn new(name: &str) -> Self {
        let env = make(&name.parse::<TaskId>().unwrap()).unwrap();
        let (action, obs) = (vec![0.0; env.spec().action_dim()], vec![0.0; env.spec().obs_dim]);
        let mut task = Self { env, rng: Rng::seed_from_u64(0), action, obs };
        task.env.reset(&mut task.rng, &mut task.obs).unwrap();
        task
    }

    fn step(&mut self) {
        let Self { env, rng, action, obs } = self;
        action.fill_with(|| rng.random_range(-1.0..1.0));
        let step = env.step(action, obs).unwrap();
        if step.terminated || step.truncated {
            env.reset(rng, obs).unwrap();
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
    let [what, name, times] = &arguments[..] else { return };
    assert_eq!(what, "env_step", "nothing else can be counted");
    let (mut task, times) = (Task::new(name), times.parse().unwrap());
    counted(&mut || (0..times).for_each(|_: usize| task.step()));
}
