//! `cargo bench --workspace --bench update`: one gradient update, and one batch from the replay
//! buffer, at the sizes of Hopper (observations of 11 numbers, 3 motors) and Humanoid (376, 17).

#![allow(missing_docs, reason = "a program")]
#![allow(clippy::unwrap_used, reason = "a benchmark stops at the first failure")]

use std::hint::black_box;

use burn::tensor::Device;
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use pmoe_algos::replay::{Batch, ReplayBuffer};
use pmoe_algos::sac::{ActorConfig, Sac, SacConfig};
use pmoe_algos::seed::{Stream, stream};
use pmoe_algos::{Agent, AlgoConfig, MethodConfig, Transition};
use pmoe_core::noise::fill_uniform;
use pmoe_envs::EnvSpec;

const SIZES: [(&str, usize, usize); 2] = [("hopper", 11, 3), ("humanoid", 376, 17)];

/// Large enough that the rows of a batch are not in the cache.
const NUM_TRANSITIONS: usize = 20_000;

/// Passes random transitions to `push`.
fn random_transitions(obs_dim: usize, action_dim: usize, mut push: impl FnMut(Transition<'_>)) {
    let mut rng = stream(0, Stream::Env);
    let mut row = vec![0.0; 2 * obs_dim + action_dim];
    for index in 0..NUM_TRANSITIONS {
        fill_uniform(&mut row, &mut rng);
        let (obs, rest) = row.split_at(obs_dim);
        let (next_obs, action) = rest.split_at(obs_dim);
        let terminated = index % 100 == 99;
        let reward = obs[0];
        push(Transition { obs, action, reward, next_obs, terminated, truncated: false });
    }
}

fn config(toml: &str) -> SacConfig {
    let method = MethodConfig::from_toml(toml, "configs/methods").unwrap();
    let AlgoConfig::Sac(config) = method.algo else { unreachable!("the file says so") };
    SacConfig { buffer_size: NUM_TRANSITIONS, ..config }
}

fn update(c: &mut Criterion, group: &str, configs: &[(&str, SacConfig)]) {
    let mut group = c.benchmark_group(group);
    group.sample_size(50);
    for (task, obs_dim, action_dim) in SIZES {
        for (label, config) in configs {
            let mut agent = Sac::new(
                config.clone(),
                &EnvSpec::new("test", obs_dim, action_dim),
                0,
                &Device::flex(),
            );
            random_transitions(obs_dim, action_dim, |transition| agent.observe(&(), transition));
            let mut rng = stream(0, Stream::Learn);
            group.bench_function(BenchmarkId::new(*label, task), |b| {
                b.iter(|| agent.gradient_step(&mut rng));
            });
        }
    }
}

fn sac_update(c: &mut Criterion) {
    let sac = config(include_str!("../../../configs/methods/sac.toml"));
    update(c, "sac_update", &[("sac", sac)]);
}

fn pmoe_update(c: &mut Criterion) {
    let pmoe = config(include_str!("../../../configs/methods/pmoe-sac.toml"));
    let with_primitives = |num_primitives| {
        let mut config = pmoe.clone();
        let ActorConfig::Pmoe(actor) = &mut config.actor else { unreachable!("the file says so") };
        actor.num_primitives = num_primitives;
        config
    };
    update(c, "pmoe_update", &[("k4", with_primitives(4)), ("k10", with_primitives(10))]);
}

fn replay_sample(c: &mut Criterion) {
    let mut group = c.benchmark_group("replay_sample");
    for (task, obs_dim, action_dim) in SIZES {
        let mut buffer = ReplayBuffer::new(NUM_TRANSITIONS, obs_dim, action_dim);
        random_transitions(obs_dim, action_dim, |transition| buffer.push(transition));
        let (mut batch, mut rng) = (Batch::default(), stream(0, Stream::Learn));
        group.bench_function(task, |b| {
            b.iter(|| {
                buffer.sample(100, &mut rng, &mut batch);
                black_box(&batch);
            });
        });
    }
}

criterion_group!(benches, sac_update, pmoe_update, replay_sample);
criterion_main!(benches);
