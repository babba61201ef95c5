//! `cargo bench --workspace --bench env_step`: times one step of version 4 of each robot with
//! random actions, resets included.

#![allow(missing_docs, reason = "a program")]
#![allow(clippy::unwrap_used, reason = "a benchmark stops at the first failure")]

use criterion::{Criterion, criterion_group, criterion_main};
use pmoe_envs::{Rng, Robot, TaskId, Version, make};
use rand::{RngExt, SeedableRng};

fn env_step(c: &mut Criterion) {
    let mut group = c.benchmark_group("env_step");
    for robot in Robot::ALL {
        let task = TaskId::Mujoco { robot, version: Version::V4 };
        let mut env = make(&task).unwrap();
        let mut rng = Rng::seed_from_u64(0);
        let mut obs = vec![0.0; env.spec().obs_dim];
        let mut action = vec![0.0; env.spec().action_dim()];
        env.reset(&mut rng, &mut obs).unwrap();
        group.bench_function(task.to_string(), |b| {
            b.iter(|| {
                action.fill_with(|| rng.random_range(-1.0..1.0));
                let step = env.step(&action, &mut obs).unwrap();
                if step.terminated || step.truncated {
                    env.reset(&mut rng, &mut obs).unwrap();
                }
            });
        });
    }
}

criterion_group!(benches, env_step);
criterion_main!(benches);
