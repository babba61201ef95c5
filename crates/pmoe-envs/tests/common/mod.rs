//! Helpers shared by the tests of the tasks.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(dead_code, unreachable_pub, missing_docs, reason = "every test binary uses its own part")]

use pmoe_envs::{Env, MujocoEnv, Rng, Robot, TaskId, Version, make_mujoco};
use rand::{RngExt, SeedableRng};

pub fn rng(seed: u64) -> Rng {
    Rng::seed_from_u64(seed)
}

/// Uniform actions in [-1.2, 1.2], some of them out of range.
pub fn actions(num_actions: usize, steps: usize, seed: u64) -> Vec<Vec<f64>> {
    let mut rng = rng(seed);
    (0..steps).map(|_| (0..num_actions).map(|_| rng.random_range(-1.2..1.2)).collect()).collect()
}

pub fn reset(env: &mut dyn Env, seed: u64) -> Vec<f64> {
    let mut obs = vec![f64::NAN; env.spec().obs_dim];
    env.reset(&mut rng(seed), &mut obs).unwrap();
    obs
}

/// A task from a model file.
pub fn cart_pole() -> TaskId {
    TaskId::Mjcf(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/cart_pole.xml").to_owned())
}

pub fn task(robot: Robot, version: Version) -> MujocoEnv {
    make_mujoco(&TaskId::Mujoco { robot, version }).unwrap()
}
