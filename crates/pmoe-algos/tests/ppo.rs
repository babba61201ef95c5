//! PPO: the first minibatch, ends of episodes, gradients, and the choice of the acting primitive.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
#![allow(clippy::float_cmp, reason = "equal bits are meant")]

mod common;

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use common::differences::{check, f64_normal, gradients, in_f64, is_zero};
use common::on_policy::{self, live};
use pmoe_algos::AnyMemory;
use pmoe_algos::policy::{EvalPrimitive, McpBound, McpGate, McpNetwork, RoutingInput};
use pmoe_algos::ppo::{
    ActionValue, Actor, ActorConfig, ActorCritic, Judge, Memory, Minibatch, PmoeConfig, Ppo,
    PpoConfig, Routing, action_value_loss,
};
use pmoe_algos::seed::{Stream, stream};
use pmoe_algos::{Agent, AlgoConfig, MethodConfig, Mode, Transition};
use pmoe_core::loss::{clipped_surrogate_loss, ratio_statistics};
use pmoe_core::noise;
use pmoe_envs::{EnvSpec, Rng};
use rand::SeedableRng;

const OBS: usize = 4;
const ACTION: usize = 2;
const BATCH: usize = 6;

/// Creates a learner right before the update on its first rollout.
fn with_full_rollout(config: PpoConfig) -> Ppo {
    let steps = config.rollout_steps;
    let mut agent = Ppo::new(config, &EnvSpec::new("test", OBS, ACTION), 1000, 7, &Device::flex());
    let mut memory = Memory::default();
    let rng = &mut Rng::seed_from_u64(5);
    live(&mut agent, &mut memory, (OBS, ACTION), steps - 1, rng);
    let mut action = [0.0; ACTION];
    let obs = [0.3, -0.1, 0.8, 0.2];
    agent.act(&mut memory, &obs, Mode::Explore, rng, &mut action).unwrap();
    agent.observe(
        &memory,
        Transition {
            obs: &obs,
            action: &action,
            reward: 1.0,
            next_obs: &obs,
            terminated: false,
            truncated: false,
        },
    );
    agent
}

#[test]
fn the_first_minibatch_has_the_policy_that_acted() {
    let freq = PmoeConfig { routing: Routing::Freq, ..on_policy::pmoe(3) };
    let actors = [
        on_policy::gaussian(),
        ActorConfig::Pmoe(on_policy::pmoe(3)),
        ActorConfig::Pmoe(freq),
        on_policy::gating(),
        on_policy::mcp(),
    ];
    for actor in actors {
        let config = on_policy::ppo(actor);
        let agent = with_full_rollout(config.clone());
        let targets = agent.targets();
        let rows: Vec<usize> = (0..32).collect();
        let batch = Minibatch::gather(agent.rollout(), &targets, &rows, true, &Device::flex());
        let advantage = batch.advantage.clone();
        let loss = agent.net().loss(&config, batch, None);
        let (kl, clipped) = ratio_statistics(&loss.log_ratio, config.clip_ratio);
        assert!(kl < 1e-9 && clipped == 0.0, "{kl}, {clipped}");
        for log_ratio in loss.log_ratio.try_to_vec_as::<f32>().unwrap() {
            assert!(log_ratio.abs() < 1e-4, "{log_ratio}");
        }
        // With all ratios 1, the surrogate is minus the mean advantage, which is normalised.
        let surrogate =
            clipped_surrogate_loss(Tensor::zeros([32], &Device::flex()), advantage, 0.2);
        let (found, expected) =
            (loss.policy_loss.into_scalar::<f32>(), surrogate.into_scalar::<f32>());
        assert!((found - expected).abs() < 1e-4 && expected.abs() < 1e-5);
    }
}

#[test]
fn the_density_is_that_of_the_action_before_clipping() {
    // With a deviation of 3, most actions lie outside of [-1, 1].
    let std = pmoe_algos::policy::StdConfig::Exp { initial: 3.0 };
    let agent = with_full_rollout(on_policy::ppo(ActorConfig::Gaussian { std }));
    let stored = agent.rollout().action();
    assert!(stored.iter().any(|a| a.abs() > 2.0), "actions are kept as drawn");
    let mut action = [0.0; ACTION];
    let rng = &mut Rng::seed_from_u64(0);
    for _ in 0..50 {
        let memory = &mut Memory::default();
        agent.act(memory, &[0.0; OBS], Mode::Explore, rng, &mut action).unwrap();
        assert!(action.iter().all(|a| a.abs() <= 1.0));
        let clipped: Vec<f32> = memory.action.iter().map(|a| a.clamp(-1.0, 1.0)).collect();
        assert_eq!(action[..], clipped[..]);
    }
}

/// Returns the return of a rollout of one step, its reward of 1, and the discounted value of its
/// successor.
fn target_of_one_step(bootstrap: bool, terminated: bool, truncated: bool) -> (f64, f64, f64) {
    let mut config = on_policy::ppo(on_policy::gaussian());
    config.normalize.obs = false;
    config.normalize.reward = false;
    (config.rollout_steps, config.minibatch_size) = (1, 1);
    config.bootstrap_truncation = bootstrap;
    let mut agent =
        Ppo::new(config.clone(), &EnvSpec::new("test", OBS, ACTION), 10, 7, &Device::flex());
    let (mut memory, mut action) = (Memory::default(), [0.0; ACTION]);
    let (obs, next_obs) = ([0.5, 0.1, -0.3, 0.9], [-0.4, 0.2, 0.3, 0.7]);
    agent.act(&mut memory, &obs, Mode::Explore, &mut Rng::seed_from_u64(0), &mut action).unwrap();
    agent.observe(
        &memory,
        Transition {
            obs: &obs,
            action: &action,
            reward: 1.0,
            next_obs: &next_obs,
            terminated,
            truncated,
        },
    );
    let next = Tensor::<1>::from_data(next_obs, &Device::flex()).unsqueeze_dim::<2>(0);
    let next_value = agent.net().valid().forward(next).1.into_scalar::<f32>();
    (agent.targets().returns[0].into(), 1.0, 0.9 * f64::from(next_value))
}

#[test]
fn a_time_limit_is_bootstrapped_and_an_end_is_not() {
    for bootstrap in [true, false] {
        for (terminated, truncated) in [(false, false), (false, true), (true, false), (true, true)]
        {
            let (found, reward, discounted) = target_of_one_step(bootstrap, terminated, truncated);
            assert!(discounted.abs() > 1e-3, "the value of the next state shows");
            let has_value = !terminated && (bootstrap || !truncated);
            let expected = if has_value { reward + discounted } else { reward };
            assert!((found - expected).abs() < 1e-6, "{bootstrap}, {terminated}, {truncated}");
        }
    }
}

#[test]
fn the_learning_rate_falls_to_nothing_if_so_configured() {
    let lr_at = |updates: usize, anneal_lr: bool| {
        let config = PpoConfig { anneal_lr, ..on_policy::ppo(on_policy::gaussian()) };
        let mut agent =
            Ppo::new(config, &EnvSpec::new("test", OBS, ACTION), 1050, 7, &Device::flex());
        let rng = &mut Rng::seed_from_u64(0);
        live(&mut agent, &mut Memory::default(), (OBS, ACTION), updates * 100, rng);
        agent.metrics().unwrap()["lr"]
    };
    // 1050 steps contain ten rollouts of 100: 1, .9, .., .1.
    for updates in [1, 2, 10] {
        let expected = 3e-3 * (11.0 - updates as f64) / 10.0;
        assert!((lr_at(updates, true) - expected).abs() < 1e-12);
        assert!((lr_at(updates, false) - 3e-3).abs() < 1e-15);
    }
}

#[test]
fn parameter_counts_of_the_papers_networks() {
    let count = |method: &str| {
        let text = std::fs::read_to_string(format!(
            "{}/../../configs/methods/{method}.toml",
            env!("CARGO_MANIFEST_DIR")
        ));
        let config = MethodConfig::from_toml(&text.unwrap(), method).unwrap();
        let AlgoConfig::Ppo(config) = config.algo else { panic!("PPO") };
        ActorCritic::new(&config, 11, 3, 0, &Device::flex().autodiff())
    };
    // 11·64 + 64 + 64² + 64 in the trunk, 64·3 + 3 in the mean, 3 deviations, 65 in the value.
    assert_eq!(count("ppo").num_params(), 4_928 + 195 + 3 + 65);
    // Four means and deviations, and a router of 64·4 + 4.
    assert_eq!(count("pmoe-ppo").num_params(), 4_928 + 780 + 12 + 260 + 65);
    // Gate 204 292 and primitives 406 808, as in MCP-SAC; value 11 → 1024 → 512 → 1.
    let mcp = count("mcp-ppo");
    assert_eq!(mcp.actor.num_params(), 611_100);
    assert_eq!(mcp.critic.num_params(), 12 * 1024 + 1025 * 512 + 513);
}

fn f64_vector(seed: u64) -> Tensor<1> {
    f64_normal([BATCH, 1], seed).squeeze_dim(1)
}

/// Creates a minibatch whose ratios lie on both sides of the limits.
fn minibatch() -> Minibatch {
    Minibatch {
        obs: f64_normal([BATCH, OBS], 1),
        action: f64_normal([BATCH, ACTION], 2),
        log_prob: f64_vector(3).mul_scalar(0.3).sub_scalar(3.0),
        advantage: f64_vector(4),
        returns: f64_vector(5),
        value: f64_vector(6).mul_scalar(0.1),
    }
}

#[test]
fn ppo_gradients_equal_central_differences() {
    let open = PmoeConfig { routing_input: RoutingInput::Trunk, ..on_policy::pmoe(3) };
    let on_obs = PmoeConfig { routing_input: RoutingInput::Obs, ..on_policy::pmoe(3) };
    let pg = PmoeConfig { routing: Routing::Pg, ..open.clone() };
    let full = |network| {
        let (gate, log_std, bound) = (McpGate::Sigmoid, on_policy::LIMITS, McpBound::Product);
        let mcp = pmoe_algos::ppo::McpConfig { num_primitives: 3, gate, network, log_std, bound };
        ActorConfig::Mcp(mcp)
    };
    let actors = [
        on_policy::gaussian(),
        ActorConfig::Pmoe(open),
        ActorConfig::Pmoe(on_obs),
        ActorConfig::Pmoe(pg),
        on_policy::gating(),
        full(McpNetwork::Matched),
    ];
    let device = Device::flex().autodiff();
    for actor in actors {
        for base in [on_policy::ppo, on_policy::cleanrl] {
            let mut config = base(actor.clone());
            config.net.hidden = vec![8, 8];
            config.ent_coef = 0.1;
            let net = in_f64(ActorCritic::new(&config, OBS, ACTION, 21, &device));
            let q = action_value();
            let q = q.valid();
            check(&format!("{config:?}"), &net, |net| {
                let noise = f64_normal([BATCH * 3, ACTION], 7);
                let judge = matches!(&config.actor, ActorConfig::Pmoe(p) if p.routing.has_freq());
                let judge = judge.then_some(Judge { q: &q, noise });
                net.loss(&config, minibatch(), judge).loss
            });
        }
    }
}

fn action_value() -> ActionValue {
    let device = Device::flex().autodiff();
    let config = PmoeConfig { aux_output_bound: 0.5, ..on_policy::pmoe(3) };
    in_f64(ActionValue::new(&config, OBS, ACTION, &mut Rng::seed_from_u64(9), &device))
}

#[test]
fn action_value_gradient_equals_central_differences() {
    let Minibatch { obs, action, returns, .. } = minibatch();
    check("action value", &action_value(), |q| {
        action_value_loss(q.forward(obs.clone(), action.clone()), returns.clone())
    });
}

#[test]
fn the_router_learns_from_what_it_is_said_to() {
    let gradient_of_router = |routing: Routing, with_judge: bool| {
        let pmoe = PmoeConfig { routing, ..on_policy::pmoe(3) };
        let config = on_policy::ppo(ActorConfig::Pmoe(pmoe));
        let device = Device::flex().autodiff();
        let net = in_f64(ActorCritic::new(&config, OBS, ACTION, 21, &device));
        let q = action_value();
        let q = q.valid();
        let noise = f64_normal([BATCH * 3, ACTION], 7);
        let judge = with_judge.then_some(Judge { q: &q, noise });
        let loss = net.loss(&config, minibatch(), judge).loss;
        let Actor::Pmoe(actor) = &net.actor else { panic!("a mixture") };
        gradients(&actor.router, &loss).concat()
    };
    assert!(is_zero(&gradient_of_router(Routing::Freq, false)), "weights are constants");
    assert!(!is_zero(&gradient_of_router(Routing::Freq, true)));
    assert!(!is_zero(&gradient_of_router(Routing::Pg, false)));
    let (pg, both) =
        (gradient_of_router(Routing::PgFreq, false), gradient_of_router(Routing::PgFreq, true));
    let freq = gradient_of_router(Routing::Freq, true);
    for ((pg, freq), both) in pg.iter().zip(&freq).zip(&both) {
        assert!((pg + freq - both).abs() < 1e-12, "the two add up");
    }
}

#[test]
fn every_way_to_choose_the_acting_primitive_acts() {
    let act = |eval_primitive: EvalPrimitive, seed: u64| {
        let pmoe = PmoeConfig { eval_primitive, ..on_policy::pmoe(4) };
        let config = on_policy::ppo(ActorConfig::Pmoe(pmoe));
        let agent = Ppo::new(config, &EnvSpec::new("test", OBS, ACTION), 1000, 7, &Device::flex());
        let (mut action, rng) = ([0.0; ACTION], &mut Rng::seed_from_u64(seed));
        let obs = [0.3, -0.2, 0.9, 0.0];
        agent.act(&mut Memory::default(), &obs, Mode::Evaluate, rng, &mut action).unwrap();
        action
    };
    let of_primitive: Vec<_> = (0..4).map(|k| act(EvalPrimitive::Index(k), 0)).collect();
    assert!(of_primitive[0] != of_primitive[1]);
    for choice in [EvalPrimitive::ArgmaxW, EvalPrimitive::ArgmaxQ] {
        let action = act(choice, 0);
        assert_eq!(action, act(choice, 1), "{choice:?} draws nothing");
        assert!(of_primitive.contains(&action), "{choice:?}");
    }
    let sampled: Vec<_> = (0..40).map(|seed| act(EvalPrimitive::Sample, seed)).collect();
    assert!(sampled.iter().all(|action| of_primitive.contains(action)));
    assert!(sampled.iter().any(|action| *action != sampled[0]));
}

#[test]
fn metrics_of_a_mixture_are_there() {
    for config in on_policy::variants() {
        let AlgoConfig::Ppo(PpoConfig { actor, .. }) = &config else { continue };
        let mut agent = on_policy::agent(&config, OBS, ACTION, 1);
        assert!(agent.metrics().unwrap().is_empty(), "nothing learnt yet");
        let rng = &mut stream(0, Stream::Learn);
        live(&mut agent, &mut AnyMemory::default(), (OBS, ACTION), 200, rng);
        let metrics = agent.metrics().unwrap();
        let has = |name: &str| metrics.contains_key(name);
        assert!(has("policy_loss") && has("value_loss") && has("explained_variance"));
        // One Gaussian has a closed form, a mixture a lower bound and an estimate.
        assert!(has("entropy"));
        let is_mixture = matches!(actor, ActorConfig::Pmoe(pmoe) if pmoe.num_primitives > 1);
        assert_eq!(has("entropy_bound"), is_mixture);
        if let ActorConfig::Pmoe(pmoe) = actor {
            assert!(has("effective_primitives") && has("routing_information"));
            assert_eq!(has("routing_loss"), pmoe.routing.has_freq());
            assert_eq!(has("action_value_loss"), pmoe.routing.has_freq());
        }
    }
}

#[test]
fn the_entropy_of_a_mixture_is_that_of_the_policy_that_acted() {
    let config =
        PpoConfig { rollout_steps: 2000, ..on_policy::ppo(ActorConfig::Pmoe(on_policy::pmoe(3))) };
    let agent = with_full_rollout(config);
    let targets = agent.targets();
    let log_probs = targets.log_prob.iter().map(|log_prob| f64::from(*log_prob));
    let naive = -log_probs.sum::<f64>() / 2000.0;
    // Four standard errors of the other unbiased estimate: √(A / 2 / 2000) = .022.
    let entropy = targets.entropy.unwrap();
    assert!((entropy - naive).abs() < 0.09, "{entropy}, {naive}");
    let obs = matrix_of(agent.rollout().obs(), OBS);
    let (policy, _) = agent.net().forward(obs);
    let bound = policy.constant().entropy().mean().into_scalar::<f32>();
    assert!(f64::from(bound) < entropy + 1e-6, "{bound}, {entropy}");
    let agent = with_full_rollout(on_policy::ppo(on_policy::gaussian()));
    assert_eq!(agent.targets().entropy, None);
}

fn matrix_of(values: &[f32], width: usize) -> Tensor<2> {
    let data = TensorData::new(values.to_vec(), [values.len() / width, width]);
    Tensor::from_data(data, &Device::flex())
}

/// Gaussian noise is drawn row after row, so several observations at once get the actions that they
/// get one after the other.
#[test]
fn acting_at_once_is_acting_in_turn() {
    for actor in [on_policy::gaussian(), on_policy::gating(), on_policy::mcp()] {
        let agent = with_full_rollout(PpoConfig { num_envs: 5, ..on_policy::ppo(actor) });
        let mut rng = Rng::seed_from_u64(3);
        let mut obs = [0.0; 5 * OBS];
        noise::fill_uniform(&mut obs, &mut rng);
        for mode in [Mode::Explore, Mode::Evaluate] {
            let [mut at_once, mut in_turn] = [[0.0; 5 * ACTION]; 2];
            let mut memories = [(); 5].map(|()| Memory::default());
            let each = memories.iter_mut().collect();
            agent.act_all(each, &obs, mode, &mut rng.clone(), &mut at_once).unwrap();
            let rng = &mut rng.clone();
            let rows = obs.chunks_exact(OBS).zip(in_turn.chunks_exact_mut(ACTION));
            for ((obs, action), memory) in rows.zip(&memories) {
                let mut alone = Memory::default();
                agent.act(&mut alone, obs, mode, rng, action).unwrap();
                assert_eq!(alone.obs, memory.obs);
                assert!(alone.action.iter().zip(&memory.action).all(|(a, b)| (a - b).abs() < 1e-5));
            }
            assert!(at_once.iter().zip(&in_turn).all(|(a, b)| (a - b).abs() < 1e-5));
        }
    }
}
