//! PMOE-SAC with one primitive is SAC, bit for bit, in every mode in which the mathematics says so.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use pmoe_algos::sac::{
    Actor, ActorConfig, ArgmaxScore, EntropyLogProb, FreqReduction, PmoeConfig, PrimitiveLoss,
    RoutingInput, SacConfig, TemperatureConfig,
};
use pmoe_algos::seed::{Stream, stream};
use pmoe_algos::{Agent, Mode};

const UPDATES: usize = 1000;

/// Bits of trunk and heads, the router left out; and of the critics.
type Learnt = (Vec<Vec<u32>>, Vec<Vec<u32>>);

fn learn(actor: ActorConfig, temperature: &TemperatureConfig) -> (Learnt, Vec<u32>) {
    let config =
        SacConfig { temperature: temperature.clone(), batch_size: 16, ..common::sac(actor) };
    let mut agent = common::filled(config, 5, 2, 500);
    let mut rng = stream(3, Stream::Learn);
    (0..UPDATES).for_each(|_| agent.gradient_step(&mut rng));
    assert_eq!(agent.grad_step(), UPDATES as u64);
    let policy = match agent.actor() {
        Actor::Gaussian(actor) => {
            [common::bits(&actor.trunk), common::bits(&actor.mean), common::bits(&actor.log_std)]
        }
        Actor::Pmoe(actor) => {
            [common::bits(&actor.trunk), common::bits(&actor.mean), common::bits(&actor.log_std)]
        }
    };
    let mut actions = Vec::new();
    let mut rng = stream(3, Stream::Explore);
    for mode in [Mode::Explore, Mode::Evaluate, Mode::Explore] {
        let mut action = [0.0; 2];
        agent.act(&mut (), &[0.1, -0.4, 2.0, 0.0, 1.0], mode, &mut rng, &mut action).unwrap();
        actions.extend(action.map(f32::to_bits));
    }
    ((policy.concat(), common::bits(agent.critic())), actions)
}

fn check(temperature: &TemperatureConfig, variants: &[PmoeConfig]) {
    let expected = learn(common::gaussian(), temperature);
    for variant in variants {
        let found = learn(ActorConfig::Pmoe(variant.clone()), temperature);
        assert!(found == expected, "differs from SAC: {variant:?}, {temperature:?}");
    }
}

#[test]
fn with_a_fixed_temperature() {
    let one = common::pmoe(1);
    let all = PmoeConfig { primitive_loss: PrimitiveLoss::All, ..one.clone() };
    let mixture = PmoeConfig { entropy_log_prob: EntropyLogProb::Mixture, ..one.clone() };
    let both = PmoeConfig { entropy_log_prob: EntropyLogProb::Mixture, ..all.clone() };
    let trunk = PmoeConfig { routing_input: RoutingInput::Trunk, ..one.clone() };
    let soft = PmoeConfig { argmax_score: ArgmaxScore::SoftQ, ..one.clone() };
    let mean = PmoeConfig { freq_reduction: FreqReduction::Mean, ..one.clone() };
    let temperature = TemperatureConfig::Fixed { alpha: 0.2 };
    check(&temperature, &[one, all, mixture, both, trunk, soft, mean]);
}

#[test]
fn with_a_learnt_temperature() {
    let one = common::pmoe(1);
    let all = PmoeConfig { primitive_loss: PrimitiveLoss::All, ..one.clone() };
    check(&common::auto(), &[one, all]);
}

#[test]
fn two_primitives_differ() {
    // Otherwise the tests above would not tell anything.
    let temperature = TemperatureConfig::Fixed { alpha: 0.2 };
    let ((_, sac_critics), _) = learn(common::gaussian(), &temperature);
    let ((_, critics), _) = learn(ActorConfig::Pmoe(common::pmoe(2)), &temperature);
    assert!(critics != sac_critics);
}
