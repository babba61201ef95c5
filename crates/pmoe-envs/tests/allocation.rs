//! Stepping and resetting do not allocate.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use allocation_counter::measure;
use common::cart_pole;
use pmoe_envs::{Rng, TaskId, make};
use rand::SeedableRng;

#[test]
fn stepping_and_resetting_allocate_nothing() {
    for task in TaskId::all().chain([cart_pole()]) {
        let mut env = make(&task).unwrap();
        let mut rng = Rng::seed_from_u64(0);
        let mut obs = vec![0.0; env.spec().obs_dim];
        let action = vec![0.5; env.spec().action_dim()];
        let counts = measure(|| {
            env.reset(&mut rng, &mut obs).unwrap();
            for _ in 0..200 {
                let step = env.step(&action, &mut obs).unwrap();
                if step.terminated || step.truncated {
                    env.reset(&mut rng, &mut obs).unwrap();
                }
            }
        });
        assert_eq!(counts.count_total, 0, "{task}");
    }
}
