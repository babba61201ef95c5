//! SAC with one primitive, mixed, gated or multiplied, equals SAC bit for bit, in every mode that
//! is mathematically equivalent.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use common::Pathwise;
use pmoe_algos::policy::{
    FreqReduction, GatingVariance, McpActor, McpGate, McpNet, McpNetwork, RoutingInput,
};
use pmoe_algos::sac::{
    Actor, ActorConfig, AlphaLogProb, ArgmaxScore, EntropyLogProb, Estimator, FrequencyConfig,
    PmoeConfig, SacConfig, TemperatureConfig,
};
use pmoe_algos::seed::{Stream, stream};
use pmoe_algos::{Agent, Mode};

const UPDATES: usize = 1000;

/// Bits of trunk and heads without the router, and of the critics.
type Learnt = (Vec<Vec<u32>>, Vec<Vec<u32>>);

fn learn(actor: ActorConfig, temperature: &TemperatureConfig) -> (Learnt, Vec<u32>) {
    let config = SacConfig { temperature: temperature.clone(), ..common::sac(actor) };
    learn_with(config)
}

fn learn_with(config: SacConfig) -> (Learnt, Vec<u32>) {
    let config = SacConfig { batch_size: 16, ..config };
    let mut agent = common::filled(config, 5, 2, 500);
    let mut rng = stream(3, Stream::Learn);
    (0..UPDATES).for_each(|_| agent.gradient_step(&mut rng));
    assert_eq!(agent.grad_step(), UPDATES as u64);
    let primitives = match agent.actor() {
        Actor::Gaussian(actor) => &actor.net,
        Actor::Gating(actor) => &actor.net.primitives,
        Actor::Mcp(McpActor { net: McpNet::Matched(net), .. }) => &net.primitives,
        Actor::Pmoe(actor) => &actor.net.primitives,
        other => panic!("one primitive is not SAC's network: {other:?}"),
    };
    let mut actions = Vec::new();
    let mut rng = stream(3, Stream::Explore);
    for mode in [Mode::Explore, Mode::Evaluate, Mode::Explore] {
        let mut action = [0.0; 2];
        agent.act(&mut (), &[0.1, -0.4, 2.0, 0.0, 1.0], mode, &mut rng, &mut action).unwrap();
        actions.extend(action.map(f32::to_bits));
    }
    ((common::bits(primitives), common::critic_bits(&agent)), actions)
}

fn check(temperature: &TemperatureConfig, variants: &[ActorConfig]) {
    let expected = learn(common::gaussian(), temperature);
    for variant in variants {
        let found = learn(variant.clone(), temperature);
        assert!(found == expected, "differs from SAC: {variant:?}, {temperature:?}");
    }
}

/// One primitive with every estimator whose gradient equals SAC's, and with both entropy terms. The
/// router's gradient may reach the trunk, but is zero.
fn estimators() -> Vec<ActorConfig> {
    let frequency = Estimator::Frequency(common::frequency());
    let mut estimators = vec![frequency, common::back_propagation_all()];
    // Without the critic's gradient, even one primitive does not learn like SAC.
    let pathwise = common::alternatives().into_iter().filter(|way| way.pathwise != Pathwise::None);
    estimators.extend(pathwise.map(|way| way.estimator));
    let mut actors = Vec::new();
    for estimator in estimators {
        for entropy_log_prob in [EntropyLogProb::Component, EntropyLogProb::Mixture] {
            let (estimator, routing_input) = (estimator.clone(), RoutingInput::Trunk);
            actors.push(ActorConfig::Pmoe(PmoeConfig {
                estimator,
                entropy_log_prob,
                routing_input,
                ..common::pmoe(1)
            }));
        }
    }
    // With one primitive, the best of one draw is the draw, and its target is SAC's.
    actors.push(ActorConfig::Pmoe(common::best(1)));
    actors
}

/// One expert in every composition that is then the identity.
fn compositions() -> Vec<ActorConfig> {
    vec![
        common::gating(1, GatingVariance::Paper),
        common::gating(1, GatingVariance::Exact),
        common::mcp(1, McpGate::Softmax, McpNetwork::Matched),
    ]
}

fn with(change: fn(&mut FrequencyConfig)) -> ActorConfig {
    let mut frequency = common::frequency();
    change(&mut frequency);
    let estimator = Estimator::Frequency(frequency);
    ActorConfig::Pmoe(PmoeConfig { estimator, ..common::pmoe(1) })
}

#[test]
fn with_a_fixed_temperature() {
    let soft = with(|frequency| frequency.argmax_score = ArgmaxScore::SoftQ);
    let mean = with(|frequency| frequency.freq_reduction = FreqReduction::Mean);
    let temperature = TemperatureConfig::Fixed { alpha: 0.2 };
    check(&temperature, &[vec![soft, mean], estimators(), compositions()].concat());
}

#[test]
fn with_a_learnt_temperature() {
    let drawn = with(|frequency| frequency.alpha_log_prob = AlphaLogProb::Drawn);
    check(&common::auto(), &[vec![drawn], estimators(), compositions()].concat());
}

#[test]
fn with_normalised_critics() {
    let learn = |actor| learn_with(common::normalised(common::sac(actor)));
    let expected = learn(common::gaussian());
    for variant in [estimators(), compositions()].concat() {
        assert!(learn(variant.clone()) == expected, "differs from SAC: {variant:?}");
    }
    let ((_, plain), _) = learn_with(common::sac(common::gaussian()));
    assert!(expected.0.1 != plain, "the critics are others");
}

#[test]
fn two_primitives_differ_and_so_do_sigmoid_weights() {
    // Otherwise the tests above would prove nothing.
    let temperature = TemperatureConfig::Fixed { alpha: 0.2 };
    let ((_, sac_critics), _) = learn(common::gaussian(), &temperature);
    for actor in [
        ActorConfig::Pmoe(common::pmoe(2)),
        common::gating(2, GatingVariance::Paper),
        common::mcp(1, McpGate::Sigmoid, McpNetwork::Matched),
    ] {
        let ((_, critics), _) = learn(actor, &temperature);
        assert!(critics != sac_critics);
    }
}
