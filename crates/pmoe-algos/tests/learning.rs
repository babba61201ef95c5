//! Every algorithm and policy learns a task with a known optimum.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use burn::tensor::Device;
use common::on_policy;
use pmoe_algos::sac::ActorConfig;
use pmoe_algos::{AlgoConfig, Schedule, Training};
use pmoe_envs::{EnvSpec, TimeLimit};
use pmoe_results::Event;
use pmoe_results::run::MemorySink;

/// Trains on the point mass with at least `updates` gradient updates, and asserts that it is
/// solved.
///
/// The optimum from |x| uniform in (0, 1) is −E Σ_i max(|x| − i/5, 0)² ≈ −.39, i = 1, 2, …; doing
/// nothing costs 30 · E x² = 10.
fn learns_the_point_mass(config: &AlgoConfig, steps: u64, updates: u64) {
    let env = || TimeLimit::new(common::PointMass::new(), 30);
    let schedule = Schedule { eval_episodes: 20, ..common::schedule(steps) };
    let mut agent = config.agent(&EnvSpec::new("test", 1, 1), steps, 3, &Device::flex());
    let (mut sink, mut env, mut eval_env) = (MemorySink::default(), env(), env());
    let mut training = Training::new(&mut env, &mut eval_env, &mut agent, &schedule, 3);
    training.run(&mut sink).unwrap();
    assert!(training.progress().grad_step > updates);
    let mean = |returns: &[f64]| returns.iter().sum::<f64>() / returns.len() as f64;
    let evaluations = sink.events.iter().filter_map(|event| match event {
        Event::Eval { returns, .. } => Some(mean(returns)),
        _ => None,
    });
    let evaluations: Vec<f64> = evaluations.collect();
    let (before, after) = (evaluations[0], evaluations[evaluations.len() - 1]);
    assert!(after > -0.8, "{config:?}: {before} to {after}");
    assert!(before < after - 0.5, "{config:?}: {before} to {after}");
}

#[test]
fn sac_learns_with_every_policy() {
    let normalised = [common::gaussian(), ActorConfig::Pmoe(common::pmoe(3))];
    let normalised = normalised.map(|actor| common::normalised(common::sac(actor)));
    for config in common::actors().into_iter().map(common::sac).chain(normalised) {
        learns_the_point_mass(&AlgoConfig::Sac(config), 2_500, 2_000);
    }
    learns_the_point_mass(&AlgoConfig::Sac(common::primitive_critics(3)), 2_500, 2_000);
}

#[test]
fn ppo_learns_with_every_policy_and_so_does_dac() {
    for config in on_policy::variants() {
        learns_the_point_mass(&config, 20_000, 1_000);
    }
}

#[test]
fn the_other_algorithms_learn() {
    for config in on_policy::others() {
        learns_the_point_mass(&config, 2_500, 2_000);
    }
}
