//! The same seed gives the same bits, and an interrupted run equals an uninterrupted one.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use common::on_policy::{self, bits, live};
use common::runs::{agent, process, quick_tempdir, uninterrupted};
use pmoe_algos::AnyMemory;
use pmoe_algos::policy::{Init, LogStd};
use pmoe_algos::ppo::PpoConfig;
use pmoe_algos::sac::{
    ActorConfig, AlphaLogProb, Estimator, FrequencyConfig, PmoeConfig, SacConfig,
};
use pmoe_algos::{Agent, AlgoConfig, AnyAgent, Mode, Schedule, Scope, TrainingEnd};
use pmoe_core::engine::{Engine, with_engine};
use pmoe_core::parallel::with_threads;
use pmoe_envs::Rng;
use pmoe_results::Event;
use pmoe_results::run::MemorySink;
use rand::{RngExt, SeedableRng};

const STEPS: u64 = 700;

/// Every method, every policy and every estimator.
fn variants() -> Vec<AlgoConfig> {
    let learnt = |actor| SacConfig { temperature: common::auto(), ..common::sac(actor) };
    let drawn = FrequencyConfig { alpha_log_prob: AlphaLogProb::Drawn, ..common::frequency() };
    let drawn = PmoeConfig { estimator: Estimator::Frequency(drawn), ..common::pmoe(3) };
    let mut variants = vec![learnt(common::gaussian()), learnt(ActorConfig::Pmoe(drawn))];
    variants.extend(common::actors().into_iter().map(common::sac));
    let pmoe = common::sac(ActorConfig::Pmoe(common::best(3)));
    variants.push(SacConfig {
        init: Init::Rlkit,
        log_std: LogStd::Tanh(-5.0, 2.0),
        bootstrap_truncation: false,
        ..pmoe.clone()
    });
    variants.push(common::primitive_critics(3));
    variants.extend([learnt(common::gaussian()), pmoe].map(common::normalised));
    variants
        .into_iter()
        .map(AlgoConfig::Sac)
        .chain(on_policy::variants())
        .chain(on_policy::others())
        .collect()
}

#[test]
fn the_same_seed_gives_the_same_bits_and_another_does_not() {
    for config in variants() {
        let schedule = common::schedule(STEPS);
        let (events, agent) = uninterrupted(&config, &schedule, 5);
        let (events_again, agent_again) = uninterrupted(&config, &schedule, 5);
        let (other_events, _) = uninterrupted(&config, &schedule, 6);
        assert_eq!(events, events_again);
        assert!(bits(&agent) == bits(&agent_again));
        let [saved, saved_again] = [&agent, &agent_again].map(|agent| {
            let mut files = pmoe_algos::checkpoint::Files::default();
            agent.save(&mut files, Scope::Everything).unwrap();
            files.blake3().unwrap()
        });
        assert_eq!(saved, saved_again, "every byte of a checkpoint, {config:?}");
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
        assert!(bits(&agent) == bits(&agent_two));
    }
}

/// After a few updates from the same start, both engines have the same parameters up to rounding.
#[test]
fn both_engines_learn_the_same() {
    let mut differ = false;
    for config in variants() {
        let learn = || {
            let mut agent = on_policy::agent(&config, 5, 2, 7);
            let rng = &mut pmoe_algos::seed::Seeds::new(1).learn;
            let updates = live(&mut agent, &mut AnyMemory::default(), (5, 2), 109, rng);
            assert!(updates >= 10);
            agent
        };
        let (fused, plain) = (bits(&learn()), bits(&with_engine(Engine::Plain, learn)));
        differ |= fused != plain;
        for (&fused, &plain) in fused.iter().flatten().zip(plain.iter().flatten()) {
            let (fused, plain) = (f32::from_bits(fused), f32::from_bits(plain));
            // Adam divides by the magnitude of the gradient. Where that is only rounding error,
            // steps differ, but by less than one of the ten or more full steps of 3e-3.
            assert!((fused - plain).abs() < 1e-3, "{config:?}: {fused} is not {plain}");
        }
    }
    assert!(differ, "the engines add up in another order");
}

#[test]
fn evaluating_more_often_changes_nothing_else() {
    let pmoe = AlgoConfig::Sac(common::sac(ActorConfig::Pmoe(common::pmoe(3))));
    let ppo = AlgoConfig::Ppo(on_policy::ppo(on_policy::gaussian()));
    for config in [pmoe, ppo, AlgoConfig::Dac(on_policy::dac(3))] {
        let often = Schedule { eval_every: 50, eval_episodes: 2, ..common::schedule(STEPS) };
        let (events, agent) = uninterrupted(&config, &common::schedule(STEPS), 5);
        let (events_often, agent_often) = uninterrupted(&config, &often, 5);
        let training = |events: Vec<Event>| -> Vec<Event> {
            events.into_iter().filter(|event| !matches!(event, Event::Eval { .. })).collect()
        };
        assert_eq!(training(events), training(events_often));
        assert!(bits(&agent) == bits(&agent_often));
    }
}

/// Interrupts at random moments: between and within steps, updates and evaluations, with arbitrary
/// relations between the schedule's numbers and the rollouts.
#[test]
fn a_run_struck_anywhere_ends_with_the_bits_of_one_that_was_not() {
    let mut rng = Rng::seed_from_u64(1);
    for config in variants() {
        let mut config = config;
        if let AlgoConfig::Sac(sac) = &mut config {
            sac.gradient_steps = rng.random_range(1..4);
        }
        let mut steps = |range| {
            let steps: u64 = rng.random_range(range);
            steps.next_multiple_of(config.num_envs() as u64)
        };
        let schedule = Schedule {
            total_steps: steps(240..300),
            eval_every: steps(7..90),
            eval_episodes: steps(1..4) as u32,
            log_every: steps(1..60),
            checkpoint_every: steps(1..120),
        };
        let (expected_events, expected) = uninterrupted(&config, &schedule, 5);
        let folder = quick_tempdir();
        let mut events = MemorySink::default();
        let mut strikes = 0;
        let agent = loop {
            // An interrupted evaluation starts again, so some processes must complete one.
            let checks = if rng.random_bool(0.3) { 150 } else { rng.random_range(1..40) };
            let killed = rng.random_bool(0.2);
            match process(&config, &schedule, folder.path(), &mut events, checks, killed) {
                (TrainingEnd::Interrupted, _) => strikes += 1,
                (TrainingEnd::Done, agent) => break agent,
            }
        };
        assert!(strikes > 5, "{strikes}");
        assert_eq!(events.events, expected_events, "{schedule:?}, {config:?}");
        assert!(bits(&agent) == bits(&expected), "{schedule:?}, {config:?}");
    }
}

#[test]
fn a_saved_agent_acts_and_learns_on_with_the_same_bits() {
    let (sizes, memory) = ((5, 2), AnyMemory::default());
    for config in variants() {
        let mut original = on_policy::agent(&config, sizes.0, sizes.1, 7);
        let mut rng = pmoe_algos::seed::Seeds::new(1).learn;
        // Ends within a rollout.
        assert!(0 < live(&mut original, &mut memory.clone(), sizes, 140, &mut rng));
        let mut files = pmoe_algos::checkpoint::Files::default();
        original.save(&mut files, Scope::Everything).unwrap();

        let mut restored = on_policy::agent(&config, sizes.0, sizes.1, 99);
        restored.load(&files, Scope::Everything).unwrap();
        drop(files);
        for agent in [&mut original, &mut restored] {
            assert!(0 < live(agent, &mut memory.clone(), sizes, 100, &mut rng.clone()));
        }
        assert!(bits(&original) == bits(&restored), "{config:?}");
        assert_eq!(original.metrics().unwrap(), restored.metrics().unwrap());
    }
}

#[test]
fn a_saved_policy_acts_with_the_same_bits() {
    for config in variants() {
        let mut trained = on_policy::agent(&config, 5, 2, 7);
        let mut rng = pmoe_algos::seed::Seeds::new(1).learn;
        live(&mut trained, &mut AnyMemory::default(), (5, 2), 130, &mut rng);
        let mut files = pmoe_algos::checkpoint::Files::default();
        trained.save(&mut files, Scope::Policy).unwrap();
        let mut restored = on_policy::agent(&config, 5, 2, 99);
        restored.load(&files, Scope::Policy).unwrap();
        drop(files);
        // The normalisers are part of the policy.
        let act = |agent: &AnyAgent| {
            let (mut memory, rng) = (AnyMemory::default(), &mut rng.clone());
            let obs = [3.0, -0.2, 0.7, 0.1, -1.0];
            [(); 3].map(|()| {
                let mut action = [0.0; 2];
                agent.act(&mut memory, &obs, Mode::Evaluate, rng, &mut action).unwrap();
                action.map(f32::to_bits)
            })
        };
        assert_eq!(act(&trained), act(&restored), "{config:?}");
    }
}

#[test]
fn a_checkpoint_of_another_network_is_an_error() {
    let sac = || common::sac(common::gaussian());
    let saved = agent(&AlgoConfig::Sac(sac()), 0);
    let mut files = pmoe_algos::checkpoint::Files::default();
    saved.save(&mut files, Scope::Everything).unwrap();
    let loads = |config: SacConfig| {
        agent(&AlgoConfig::Sac(config), 0).load(&files, Scope::Everything).is_ok()
    };
    assert!(!loads(SacConfig { hidden: vec![64, 32], ..sac() }));
    assert!(!loads(common::sac(ActorConfig::Pmoe(common::pmoe(2)))));
    assert!(!loads(common::normalised(sac())));
    assert!(loads(SacConfig { buffer_size: 64, ..sac() }), "an empty buffer fits");

    let ppo = || on_policy::ppo(on_policy::gaussian());
    let saved = agent(&AlgoConfig::Ppo(ppo()), 0);
    let mut files = pmoe_algos::checkpoint::Files::default();
    saved.save(&mut files, Scope::Everything).unwrap();
    let pmoe = pmoe_algos::ppo::ActorConfig::Pmoe(on_policy::pmoe(2));
    let mut wider = ppo();
    wider.net.hidden = vec![32, 16];
    for config in [wider, PpoConfig { actor: pmoe, ..ppo() }] {
        let mut other = agent(&AlgoConfig::Ppo(config), 0);
        assert!(other.load(&files, Scope::Everything).is_err());
    }
    let mut other = agent(&AlgoConfig::Dac(on_policy::dac(2)), 0);
    assert!(other.load(&files, Scope::Everything).is_err());
}
