//! PMOE-PPO with one primitive equals PPO bit for bit, in every mode.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use burn::tensor::Device;
use common::on_policy::{self, live};
use pmoe_algos::policy::{FreqReduction, RoutingInput};
use pmoe_algos::ppo::{Actor, ActorConfig, Memory, PmoeConfig, Ppo, PpoConfig, Routing};
use pmoe_envs::EnvSpec;

use pmoe_algos::seed::{Stream, stream};
use pmoe_algos::{Agent, Mode};

/// Rollouts of 100 steps, with 16 updates each.
const STEPS: usize = 6_300;

type Bits = Vec<Vec<u32>>;

/// Returns the bits of policy and value without the router, and of some actions.
fn learn(config: PpoConfig) -> (Bits, Vec<u32>) {
    let mut agent = Ppo::new(config, &EnvSpec::new("test", 5, 2), STEPS as u64, 7, &Device::flex());
    let rng = &mut stream(3, Stream::Learn);
    let updates = live(&mut agent, &mut Memory::default(), (5, 2), STEPS, rng);
    assert!(1000 <= updates);
    let net = agent.net();
    let policy = match &net.actor {
        Actor::Gaussian(actor) => {
            [common::bits(&actor.trunk), common::bits(&actor.mean), common::bits(&actor.std)]
        }
        Actor::Pmoe(actor) => {
            [common::bits(&actor.trunk), common::bits(&actor.mean), common::bits(&actor.std)]
        }
        _ => panic!("a policy with deviations of its own"),
    };
    let mut actions = Vec::new();
    let rng = &mut stream(3, Stream::Explore);
    for mode in [Mode::Explore, Mode::Evaluate, Mode::Explore] {
        let (mut memory, mut action) = (Memory::default(), [0.0; 2]);
        agent.act(&mut memory, &[0.1, -0.4, 2.0, 0.0, 1.0], mode, rng, &mut action).unwrap();
        actions.extend(memory.action.iter().map(|a| a.to_bits()));
    }
    ([policy.concat(), common::bits(&net.critic)].concat(), actions)
}

fn check(ppo: fn(ActorConfig) -> PpoConfig) {
    let expected = learn(ppo(on_policy::gaussian()));
    let one = on_policy::pmoe(1);
    let routings = [Routing::PgFreq, Routing::Freq, Routing::Pg];
    let variants = routings.map(|routing| PmoeConfig { routing, ..one.clone() });
    let trunk = PmoeConfig { routing_input: RoutingInput::Trunk, ..one.clone() };
    let obs = PmoeConfig { routing_input: RoutingInput::Obs, ..one.clone() };
    let mean = PmoeConfig { freq_reduction: FreqReduction::Mean, ..one };
    for variant in variants.into_iter().chain([trunk, obs, mean]) {
        let found = learn(ppo(ActorConfig::Pmoe(variant.clone())));
        assert!(found == expected, "differs from PPO: {variant:?}");
    }
}

#[test]
fn on_one_trunk() {
    check(on_policy::ppo);
}

#[test]
fn with_networks_apart_and_an_entropy_bonus() {
    check(on_policy::cleanrl);
}

#[test]
fn two_primitives_differ() {
    // Otherwise the tests above would prove nothing.
    let (one, _) = learn(on_policy::ppo(on_policy::gaussian()));
    let (two, _) = learn(on_policy::ppo(ActorConfig::Pmoe(on_policy::pmoe(2))));
    assert!(one != two);
}
