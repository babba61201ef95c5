//! Which primitive acts, and how the router learns.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use pmoe_algos::policy::{EvalPrimitive, GatingVariance, McpGate, McpNetwork};
use pmoe_algos::sac::{ActorConfig, PmoeConfig, Policy, Sac};
use pmoe_algos::{Agent, Mode, Scope};
use pmoe_core::dist::Mixture;
use pmoe_core::loss::{Reduction, best_primitive, frequency_loss};
use pmoe_core::noise::normal;
use pmoe_envs::{EnvSpec, Rng};
use rand::SeedableRng;

use crate::common;

#[test]
fn the_best_draw_acts() {
    let agent = common::filled(common::sac(ActorConfig::Pmoe(common::best(4))), 3, 2, 200);
    let obs = [0.3, -0.2, 0.9];
    let mut action = [0.0; 2];
    agent.act(&mut (), &obs, Mode::Explore, &mut Rng::seed_from_u64(3), &mut action).unwrap();
    // The same draws, judged one at a time.
    let states = Tensor::<2>::from_data([obs], &Device::flex());
    let Policy::Mixture(_, mixture) = agent.actor().policy(states.clone()) else {
        panic!("a mixture")
    };
    let noise = normal([4, 2], &mut Rng::seed_from_u64(3), &Device::flex());
    let all = mixture.constant().primitives().rsample(noise).action;
    let q = common::twin(&agent).valid().min(states, all.clone()).try_to_vec_as::<f32>().unwrap();
    let best = (0..4).max_by(|&i, &j| q[i].total_cmp(&q[j])).unwrap();
    let all = all.try_to_vec_as::<f32>().unwrap();
    assert_eq!(action, all[2 * best..][..2]);
    assert!(q.iter().any(|value| *value != q[best]), "there is a choice");
}

#[test]
fn the_router_learns_how_often_each_primitive_is_best() {
    // Fixed primitives N(.2, .1²) and N(0, .2²), critic Q(s, a) = a: the first is better with
    // probability Φ(.2 / √.05) = .8144533152. tanh is monotone and does not change that.
    let device = Device::flex();
    let rows = 512;
    let fixed = |means: [f32; 2], stds: [f32; 2], logits: Tensor<2>| Mixture {
        router_logits: logits.repeat_dim(0, rows),
        mean: Tensor::<3>::from_data([[[means[0]], [means[1]]]], &device).repeat_dim(0, rows),
        log_std: Tensor::<3>::from_data([[[stds[0].ln()], [stds[1].ln()]]], &device)
            .repeat_dim(0, rows),
    };
    let learn = |means, stds| {
        let mut rng = Rng::seed_from_u64(9);
        let mut logits = Tensor::<2>::zeros([1, 2], &device);
        let (mut average, updates) = (0.0, 1500);
        for update in 0..updates {
            let tracked = logits.clone().autodiff().require_grad();
            let mixture = fixed(means, stds, tracked.clone());
            let sample = mixture.primitives().rsample(normal([rows * 2, 1], &mut rng, &device));
            let best = best_primitive(sample.action.inner().reshape([rows, 2]));
            let weights = mixture.log_weights().exp();
            if update >= updates / 2 {
                average += weights.clone().inner().slice([0..1, 0..1]).into_scalar::<f32>();
            }
            let grads = frequency_loss(weights, &best, Reduction::Sum).backward();
            logits = logits - tracked.grad(&grads).unwrap().mul_scalar(0.2);
        }
        average / (updates - updates / 2) as f32
    };
    let weight = learn([0.2, 0.0], [0.1, 0.2]);
    assert!((weight - 0.814_453_3).abs() < 3e-3, "{weight}");
    let weight = learn([0.1, 0.1], [0.3, 0.3]);
    assert!((weight - 0.5).abs() < 3e-3, "identical primitives: {weight}");
}

#[test]
fn every_way_to_choose_the_acting_primitive_acts() {
    let obs = [0.3, -0.2, 0.9, 0.0, -1.0];
    let act = |eval_primitive: EvalPrimitive, seed: u64| {
        let config =
            common::sac(ActorConfig::Pmoe(PmoeConfig { eval_primitive, ..common::pmoe(4) }));
        let agent = common::filled(config, 5, 2, 200);
        let mut action = [0.0; 2];
        let mut rng = Rng::seed_from_u64(seed);
        agent.act(&mut (), &obs, Mode::Evaluate, &mut rng, &mut action).unwrap();
        action
    };
    let of_primitive: Vec<[f32; 2]> = (0..4).map(|k| act(EvalPrimitive::Index(k), 0)).collect();
    assert!(of_primitive[0] != of_primitive[1]);
    for choice in [EvalPrimitive::ArgmaxW, EvalPrimitive::ArgmaxQ] {
        let action = act(choice, 0);
        assert_eq!(action, act(choice, 1), "{choice:?} draws nothing");
        assert!(of_primitive.contains(&action), "{choice:?}");
    }
    let sampled: Vec<[f32; 2]> = (0..40).map(|seed| act(EvalPrimitive::Sample, seed)).collect();
    assert!(sampled.iter().all(|action| of_primitive.contains(action)));
    assert!(sampled.iter().any(|action| *action != sampled[0]));
}

#[test]
fn a_policy_that_acts_by_value_keeps_its_critics() {
    let drawn = common::sac(ActorConfig::Pmoe(common::pmoe(3)));
    let best = common::sac(ActorConfig::Pmoe(common::best(3)));
    for (config, keeps) in [(drawn, false), (best, true), (common::primitive_critics(3), true)] {
        let agent = common::filled(config.clone(), 3, 2, 200);
        let mut files = pmoe_algos::checkpoint::Files::default();
        agent.save(&mut files, Scope::Acting).unwrap();
        assert_eq!(files.contains("critic.bpk"), keeps);
        let mut restored = Sac::new(config, &EnvSpec::new("test", 3, 2), 99, &Device::flex());
        restored.load(&files, Scope::Acting).unwrap();
        let act = |agent: &Sac| {
            let mut action = [0.0; 2];
            let rng = &mut Rng::seed_from_u64(3);
            agent.act(&mut (), &[0.3, -0.2, 0.9], Mode::Evaluate, rng, &mut action).unwrap();
            action
        };
        assert_eq!(act(&restored), act(&agent));
    }
}

#[test]
fn a_primitive_that_is_asked_does_what_it_does_when_it_acts() {
    let obs = [0.1_f32, -0.4, 2.0, 0.3, 0.2, -1.0]; // two states
    let agent =
        |actor| Sac::new(common::sac(actor), &EnvSpec::new("test", 3, 2), 5, &Device::flex());
    for k in 0..3 {
        let config = PmoeConfig { eval_primitive: EvalPrimitive::Index(k), ..common::pmoe(3) };
        let agent = agent(ActorConfig::Pmoe(config));
        let asked = agent.primitives(&obs, 3, &mut Rng::seed_from_u64(0)).unwrap();
        assert_eq!((asked.num_primitives, asked.action_dim), (3, 2));
        for (row, obs) in obs.chunks_exact(3).enumerate() {
            let mut action = [0.0; 2];
            let rng = &mut Rng::seed_from_u64(1);
            agent.act(&mut (), obs, Mode::Evaluate, rng, &mut action).unwrap();
            let asked = &asked.mode[(3 * row + k) * 2..][..2];
            // Two rows at once may be summed in a different order than one.
            assert!(action.iter().zip(asked).all(|(a, b)| (a - b).abs() < 1e-6));
        }
        assert_ne!(asked.mode, asked.drawn);
        assert!(asked.drawn.iter().all(|action| action.abs() <= 1.0));
    }
    // MCP's gates are not a distribution, but their shares are.
    let gating = common::gating(3, GatingVariance::Paper);
    for actor in [gating, common::mcp(3, McpGate::Sigmoid, McpNetwork::Full)] {
        let asked = agent(actor).primitives(&obs, 3, &mut Rng::seed_from_u64(0)).unwrap();
        for weights in asked.weights.chunks_exact(3) {
            assert!((weights.iter().sum::<f32>() - 1.0).abs() < 1e-6);
        }
    }
    assert!(agent(common::gaussian()).primitives(&obs, 3, &mut Rng::seed_from_u64(0)).is_none());
}
