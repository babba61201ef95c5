//! Sizes, initial values and norms of the networks; critics by hand.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use pmoe_algos::critic::{CriticNorm, TwinCritic};
use pmoe_algos::policy::{GatingVariance, Init, McpGate, McpNetwork};
use pmoe_algos::sac::{Actor, ActorConfig, CriticConfig, Critics, Sac, SacConfig};
use pmoe_algos::{Agent, Mode};
use pmoe_core::nn::Mlp;
use pmoe_core::noise::normal;
use pmoe_core::optim::parameters_of_bytes;
use pmoe_envs::{EnvSpec, Rng};
use rand::SeedableRng;

use crate::{common, vector};

#[test]
fn parameter_counts_are_those_of_the_paper() {
    let count = |actor: &ActorConfig, obs_dim, action_dim| {
        let device = Device::flex().autodiff();
        let config = SacConfig { hidden: vec![256, 256], ..common::sac(actor.clone()) };
        Actor::new(&config, obs_dim, action_dim, 0, &device).num_params()
    };
    let four = ActorConfig::Pmoe(common::pmoe(4));
    assert_eq!(count(&four, 11, 3), 76_060, "Hopper");
    assert_eq!(count(&four, 376, 17), 198_284, "Humanoid");
    // Gate 204 292 and primitives 406 808; the other compositions use PMOE's network.
    let mcp = |network| common::mcp(4, McpGate::Sigmoid, network);
    assert_eq!(count(&mcp(McpNetwork::Full), 11, 3), 611_100, "MCP on Hopper");
    assert_eq!(count(&mcp(McpNetwork::Matched), 11, 3), 76_060);
    assert_eq!(count(&common::gating(4, GatingVariance::Paper), 11, 3), 76_060);
    let critic = |obs_dim, action_dim| {
        let rng = &mut Rng::seed_from_u64(0);
        let device = Device::flex().autodiff();
        let critic = TwinCritic::new(obs_dim, action_dim, &[256, 256], Init::Torch, rng, &device);
        let plain = critic.q1.num_params();
        // Gains and biases of 512 units.
        let normalised = critic.with_norm(CriticNorm::Layer, rng, &device);
        assert_eq!(normalised.q2.num_params(), plain + 2 * 512);
        plain
    };
    assert_eq!(critic(11, 3), 69_889, "Hopper");
    assert_eq!(critic(376, 17), 166_913, "Humanoid");
}

#[test]
fn a_norm_adds_gains_of_one_and_biases_of_zero() {
    let agent = |config| Sac::new(config, &EnvSpec::new("test", 5, 2), 0, &Device::flex());
    let plain = || common::sac(common::gaussian());
    let (plain, normalised) = (agent(plain()), agent(common::normalised(plain())));
    assert_eq!(common::bits(plain.actor()), common::bits(normalised.actor()));
    // Three layers a critic, then γ and β of both hidden ones.
    let [without, with] =
        [&plain, &normalised].map(|agent| common::parameters(common::twin(agent)));
    assert_eq!((without.len(), with.len()), (12, 20));
    for (without, with) in without.chunks(6).zip(with.chunks(10)) {
        assert_eq!(without, &with[..6], "the same initial weights");
        assert_eq!(with[6..], [vec![1.0; 32], vec![0.0; 32], vec![1.0; 32], vec![0.0; 32]]);
    }
}

#[test]
fn a_normalised_critic_by_hand() {
    // Weights of 0 and biases (3, 1), with mean 2 and variance 1: normalised, (1, −1). γ = (2, 1) and
    // β = (.5, 3) give (2.5, 2), positive; the last layer adds them to 1.5. The second critic has
    // β = (.5, −3), so its second unit is off.
    let device = Device::flex();
    let rng = &mut Rng::seed_from_u64(0);
    let trainable = device.clone().autodiff();
    let critic = TwinCritic::new(1, 1, &[2], Init::Torch, rng, &trainable);
    let mut critic = critic.with_norm(CriticNorm::Layer, rng, &trainable).valid();
    let set = |values: [f32; 2]| Param::from_tensor(Tensor::<1>::from_data(values, &device));
    for network in [&mut critic.q1, &mut critic.q2] {
        let [first, last] = &mut network.layers[..] else { panic!("two layers") };
        first.weight = Param::from_tensor(Tensor::zeros([2, 2], &device));
        first.bias = Some(set([3.0, 1.0]));
        last.weight = Param::from_tensor(Tensor::ones([2, 1], &device));
        last.bias = Some(Param::from_tensor(vector(&[1.5])));
        network.norms[0].gamma = set([2.0, 1.0]);
        network.norms[0].beta = Some(set([0.5, 3.0]));
    }
    critic.q2.norms[0].beta = Some(set([0.5, -3.0]));
    let point = || Tensor::<2>::from_data([[0.7_f32]], &device);
    let (q1, q2) = critic.forward(point(), point());
    let min = critic.min(point(), point());
    for (found, expected) in [(q1, 6.0), (q2, 4.0), (min, 4.0)] {
        let found = found.into_scalar::<f32>();
        assert!((found - expected).abs() < 3e-5, "{found} is not {expected}, up to ε");
    }
}

#[test]
fn target_critics_follow_the_norms_parameters() {
    let config = common::normalised(common::sac(common::gaussian()));
    let mut agent = common::filled(config, 5, 2, 200);
    let target = |agent: &Sac| {
        let mut files = pmoe_algos::checkpoint::Files::default();
        agent.save(&mut files, pmoe_algos::Scope::Everything).unwrap();
        let parameters = parameters_of_bytes(files.get("target_critic.bpk").unwrap()).unwrap();
        let of_norms = parameters.into_iter().filter(|of| of.name.contains("norms"));
        of_norms.map(|of| (of.name, of.values)).collect::<Vec<_>>()
    };
    let before = target(&agent);
    assert_eq!(before.len(), 8);
    assert_eq!(before[1].0, "q1.norms.0.gamma");
    agent.gradient_step(&mut Rng::seed_from_u64(0));
    // τ = .02 of a step of 3e-3, in the direction of the gradient's sign.
    for ((name, before), (_, after)) in before.iter().zip(target(&agent)) {
        let moved = before.iter().zip(&after).map(|(before, after)| (after - before).abs());
        let most = moved.fold(0.0, f32::max);
        assert!((most - 6e-5).abs() < 1e-6, "{name}: {most}");
    }
}

#[test]
fn initial_values_of_rlkit_are_where_they_belong() {
    let with = |init| {
        let actor = ActorConfig::Pmoe(common::pmoe(4));
        Sac::new(
            SacConfig { init, ..common::sac(actor) },
            &EnvSpec::new("test", 5, 2),
            0,
            &Device::flex(),
        )
    };
    let (rlkit, torch) = (with(Init::Rlkit), with(Init::Torch));
    // Trunk 5 → 32 → 32, heads 32 → 8, router 32 → 4: weights and biases in turn.
    let largest = |values: &Vec<f32>| values.iter().fold(0.0_f32, |max, x| max.max(x.abs()));
    let actor = common::parameters(rlkit.actor());
    let bound = 1.0 / 32.0_f32.sqrt();
    for layer in [0, 2] {
        assert!((0.9 * bound..=bound).contains(&largest(&actor[layer])));
        assert!(actor[layer + 1].iter().all(|&bias| bias == 0.1));
    }
    assert!(actor[4..8].iter().all(|values| (5e-4..=1e-3).contains(&largest(values))));
    assert_eq!(actor[8..], common::parameters(torch.actor())[8..], "the router");
    let critic = common::parameters(common::twin(&rlkit));
    assert!((2e-3..=3e-3).contains(&largest(&critic[4])));
}

#[test]
fn a_critic_of_each_primitive_by_hand() {
    let agent = common::filled(common::primitive_critics(3), 3, 2, 200);
    let Critics::Primitive(critics) = agent.critics() else { panic!("one for each primitive") };
    let critics = critics.online().valid();
    let mut rng = Rng::seed_from_u64(4);
    let [obs, action] = [[2, 3], [6, 2]].map(|shape| normal(shape, &mut rng, &Device::flex()));
    let alone = |network: &Mlp, row: usize| {
        let input = Tensor::cat(
            vec![obs.clone().narrow(0, row / 3, 1), action.clone().narrow(0, row, 1)],
            1,
        );
        f64::from(network.forward(input).into_scalar::<f32>())
    };
    let values = |all: Tensor<1>| all.try_to_vec_as::<f64>().unwrap();
    // Action k of a state is judged by critic k in the loss, and by all in acting.
    let own = values(critics.own(obs.clone(), action.clone()));
    let acting = values(critics.score(Mode::Explore, obs.clone(), action.clone()));
    let evaluating = values(critics.score(Mode::Evaluate, obs.clone(), action.clone()));
    for row in 0..6 {
        let all: Vec<f64> = critics.networks.iter().map(|network| alone(network, row)).collect();
        let mean = all.iter().sum::<f64>() / 3.0;
        let std = (all.iter().map(|q| (q - mean).powi(2)).sum::<f64>() / 3.0).sqrt();
        for (found, expected) in
            [(own[row], all[row % 3]), (evaluating[row], mean), (acting[row], mean + 0.5 * std)]
        {
            assert!((found - expected).abs() < 1e-6, "{found} is not {expected}");
        }
    }
    // Each pair is two different critics, and all pairs come.
    let first = |network: &Mlp| common::bits(network);
    let all: Vec<_> = critics.networks.iter().map(first).collect();
    let mut pairs = std::collections::BTreeSet::new();
    for update in 0..100 {
        let pair = critics.pair(update);
        let [q1, q2] = [&pair.q1, &pair.q2]
            .map(|network| all.iter().position(|known| *known == first(network)).unwrap());
        assert_ne!(q1, q2);
        pairs.insert((q1.min(q2), q1.max(q2)));
    }
    assert_eq!(pairs.len(), 3);
}

#[test]
fn critics_fit_the_policy_that_they_judge() {
    let twin = SacConfig { critics: CriticConfig::Twin {}, ..common::primitive_critics(3) };
    let per_primitive = |actor| SacConfig {
        critics: CriticConfig::PerPrimitive { optimism: 0.5 },
        ..common::sac(actor)
    };
    let pessimistic = CriticConfig::PerPrimitive { optimism: -1.0 };
    assert_eq!(common::primitive_critics(3).validate(), Ok(()));
    for (config, key) in [
        (twin, "primitive_loss"),
        (per_primitive(common::gaussian()), "actor.pmoe.act"),
        (per_primitive(ActorConfig::Pmoe(common::pmoe(3))), "actor.pmoe.act"),
        (per_primitive(ActorConfig::Pmoe(common::best(3))), "primitive_loss"),
        (common::primitive_critics(1), "num_primitives"),
        (SacConfig { critics: pessimistic, ..common::primitive_critics(3) }, "optimism"),
    ] {
        let error = config.validate().unwrap_err().to_string();
        assert!(error.contains(key), "{error}");
    }
}
