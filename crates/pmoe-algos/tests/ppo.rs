//! PPO and DAC: the first minibatch, ends of episodes, gradients, and learning on a task with a known
//! optimum.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
#![allow(clippy::float_cmp, reason = "equal bits are meant")]

mod common;

use burn::module::Module;
use burn::tensor::{Bool, DType, Device, Int, Tensor};
use common::differences::{check, f64_normal, gradients, in_f64, is_zero};
use common::on_policy::{self, live};
use pmoe_algos::AnyMemory;
use pmoe_algos::dac::{
    Dac, DacConfig, DacNet, HighMinibatch, LowMinibatch, Mdp, Previous, option_log_probs,
};
use pmoe_algos::policy::{EvalPrimitive, McpGate, McpNetwork, RoutingInput};
use pmoe_algos::ppo::{
    ActionValue, Actor, ActorConfig, ActorCritic, Judge, Memory, Minibatch, PmoeConfig, Ppo,
    PpoConfig, Routing, action_value_loss,
};
use pmoe_core::loss::{clipped_surrogate_loss, ratio_statistics};

use pmoe_algos::seed::{Stream, stream};
use pmoe_algos::{Agent, AlgoConfig, MethodConfig, Mode, Schedule, Training, Transition};
use pmoe_envs::{EnvSpec, Rng, TimeLimit};
use pmoe_results::Event;
use pmoe_results::run::MemorySink;
use rand::SeedableRng;

const OBS: usize = 4;
const ACTION: usize = 2;
const BATCH: usize = 6;

/// A learner right before the update on its first rollout.
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
        // With all ratios 1 the surrogate is minus the mean advantage, which is normalised.
        let surrogate =
            clipped_surrogate_loss(Tensor::zeros([32], &Device::flex()), advantage, 0.2);
        let (found, expected) =
            (loss.policy_loss.into_scalar::<f32>(), surrogate.into_scalar::<f32>());
        assert!((found - expected).abs() < 1e-4 && expected.abs() < 1e-5);
    }
}

#[test]
fn the_density_is_that_of_the_action_before_clipping() {
    // A deviation of 3 leads most actions out of [-1, 1].
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

/// Advantage and return of the last step of a rollout of one step, of reward 1.
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
    // 1050 steps hold ten rollouts of 100: 1, .9, .., .1.
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
            "{}/../../configs/algos/{method}.toml",
            env!("CARGO_MANIFEST_DIR")
        ));
        let config = MethodConfig::from_toml(&text.unwrap(), method).unwrap();
        let AlgoConfig::Ppo(config) = config.algo else { panic!("PPO") };
        ActorCritic::new(&config, 11, 3, 0, &Device::flex().autodiff())
    };
    // 11·64 + 64 + 64² + 64 of the trunk, 64·3 + 3 of the mean, 3 deviations, 65 of the value.
    assert_eq!(count("ppo").num_params(), 4_928 + 195 + 3 + 65);
    // Four means and deviations, and a router 64·4 + 4.
    assert_eq!(count("pmoe-ppo").num_params(), 4_928 + 780 + 12 + 260 + 65);
    // Gate 204 292 and primitives 406 808, as MCP-SAC; value 11 → 1024 → 512 → 1.
    let mcp = count("mcp-ppo");
    assert_eq!(mcp.actor.num_params(), 611_100);
    assert_eq!(mcp.critic.num_params(), 12 * 1024 + 1025 * 512 + 513);
}

fn f64_vector(seed: u64) -> Tensor<1> {
    f64_normal([BATCH, 1], seed).squeeze_dim(1)
}

/// A minibatch whose ratios lie on both sides of the limits.
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
        let (gate, log_std) = (McpGate::Sigmoid, on_policy::LIMITS);
        let mcp = pmoe_algos::ppo::McpConfig { num_primitives: 3, gate, network, log_std };
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

fn int(values: [i64; BATCH]) -> Tensor<1, Int> {
    Tensor::from_data(values, &Device::flex())
}

fn previous() -> Previous {
    let is_first = [true, false, false, false, true, false];
    Previous {
        option: int([0, 1, 2, 0, 0, 1]),
        is_first: Tensor::<1, Bool>::from_data(is_first, &Device::flex()),
    }
}

fn high() -> HighMinibatch {
    let probs = f64_normal([BATCH, 3], 8).exp();
    HighMinibatch {
        obs: f64_normal([BATCH, OBS], 1),
        previous: previous(),
        option: int([0, 1, 0, 2, 1, 1]),
        log_prob: f64_vector(3).mul_scalar(0.3).sub_scalar(1.0),
        old_probs: probs.clone() / probs.sum_dim(1),
        advantage: f64_vector(4),
        returns: f64_vector(5),
    }
}

fn low() -> LowMinibatch {
    LowMinibatch {
        obs: f64_normal([BATCH, OBS], 1),
        option: int([0, 1, 0, 2, 1, 1]),
        action: f64_normal([BATCH, ACTION], 2),
        log_prob: f64_vector(3).mul_scalar(0.3).sub_scalar(3.0),
        advantage: f64_vector(4),
        returns: f64_vector(5),
    }
}

fn dac_net(config: &DacConfig) -> DacNet {
    in_f64(DacNet::new(config, OBS, ACTION, 21, &Device::flex().autodiff()))
}

#[test]
fn dac_gradients_equal_central_differences() {
    let config = DacConfig {
        hidden: vec![8, 8],
        head_gain: 0.7,
        termination_coef: 0.3,
        ent_coef: 0.2,
        ..on_policy::dac(3)
    };
    let net = dac_net(&config);
    check("high", &net, |net| net.high_loss(&config, high()).loss);
    check("low", &net, |net| net.low_loss(&config, low()).loss);
    // Each MDP has its own networks and the critic.
    let high = || net.high_loss(&config, high()).loss;
    let low = || net.low_loss(&config, low()).loss;
    assert!(net.mean.iter().all(|mean| is_zero(&gradients(mean, &high()).concat())));
    assert!(is_zero(&gradients(&net.master, &low()).concat()));
    assert!(net.termination.iter().all(|t| is_zero(&gradients(t, &low()).concat())));
    assert!(!is_zero(&gradients(&net.critic, &high()).concat()));
    assert!(!is_zero(&gradients(&net.critic, &low()).concat()));
}

#[test]
fn an_option_that_always_ends_leaves_ppo_on_the_master_policy() {
    let config =
        DacConfig { hidden: vec![8, 8], head_gain: 0.7, ent_coef: 0.0, ..on_policy::dac(3) };
    let net = dac_net(&config);
    let HighMinibatch { obs, option, log_prob, advantage, .. } = high();
    let certain = Tensor::full([BATCH], 60.0, (&Device::flex(), DType::F64));
    let log_probs = option_log_probs(net.master_log_probs(obs.clone()), certain, &previous());
    let of_options = pmoe_core::dist::select_value(log_probs, &option);
    let of_master = pmoe_core::dist::select_value(net.master_log_probs(obs), &option);
    let loss = |chosen: Tensor<1>| {
        clipped_surrogate_loss(chosen - log_prob.clone(), advantage.clone(), config.clip_ratio)
    };
    let [found, expected] =
        [of_options, of_master].map(|chosen| gradients(&net.master, &loss(chosen)).concat());
    assert!(!is_zero(&expected));
    for (found, expected) in found.iter().zip(&expected) {
        assert!((found - expected).abs() < 1e-12);
    }
}

#[test]
fn one_option_is_ppo() {
    let config = DacConfig { hidden: vec![8, 8], head_gain: 0.7, ..on_policy::dac(1) };
    let net = dac_net(&config);
    let only = LowMinibatch { option: int([0; BATCH]), ..low() };
    let loss = net.low_loss(&config, only.clone());
    // PPO's surrogate and value loss on the option's Gaussian and q(s, 0).
    let LowMinibatch { obs, action, log_prob, advantage, returns, .. } = only;
    let log_ratio = net.option(0, obs.clone()).log_prob(action) - log_prob;
    let value = net.q(obs).squeeze_dim::<1>(1);
    let expected = clipped_surrogate_loss(log_ratio, advantage, config.clip_ratio)
        + pmoe_core::loss::value_loss(value, returns, None).mul_scalar(config.vf_coef);
    let (found, expected) = (gradients(&net, &loss.loss), gradients(&net, &expected));
    for (found, expected) in found.concat().iter().zip(expected.concat()) {
        assert!((found - expected).abs() < 1e-12, "{found} is not {expected}");
    }
    // The choice is certain: nothing to learn for master policy and terminations.
    let high = HighMinibatch {
        option: int([0; BATCH]),
        previous: Previous { option: int([0; BATCH]), ..previous() },
        old_probs: Tensor::ones([BATCH, 1], (&Device::flex(), DType::F64)),
        log_prob: Tensor::zeros([BATCH], (&Device::flex(), DType::F64)),
        ..high()
    };
    for network in net.termination.iter().chain([&net.master]) {
        let loss = net.high_loss(&config, high.clone()).loss;
        assert!(gradients(network, &loss).concat().iter().all(|g| g.abs() < 1e-15));
    }
}

#[test]
fn the_first_minibatch_of_either_mdp_has_the_policy_that_acted() {
    let config = DacConfig { head_gain: 0.5, rollout_steps: 120, ..on_policy::dac(3) };
    let mut agent =
        Dac::new(config.clone(), &EnvSpec::new("test", OBS, ACTION), 7, &Device::flex());
    let (mut memory, rng) = (pmoe_algos::dac::Memory::default(), &mut Rng::seed_from_u64(5));
    // 119 steps, and the last one without its update.
    live(&mut agent, &mut memory, (OBS, ACTION), 119, rng);
    let (obs, mut action) = ([0.3, -0.1, 0.8, 0.2], [0.0; ACTION]);
    agent.act(&mut memory, &obs, Mode::Explore, rng, &mut action).unwrap();
    let transition = Transition {
        obs: &obs,
        action: &action,
        reward: 1.0,
        next_obs: &obs,
        terminated: false,
        truncated: false,
    };
    agent.observe(&memory, transition);
    let targets = agent.targets();
    let sums = targets.probs.chunks_exact(3).map(|row| row.iter().sum::<f32>());
    assert!(sums.into_iter().all(|sum| (sum - 1.0).abs() < 1e-5));
    let rows: Vec<usize> = (20..84).collect();
    let high = agent.net().high_loss(&config, agent.high_minibatch(&targets, &rows));
    let low = agent.net().low_loss(&config, agent.low_minibatch(&targets, &rows));
    for loss in [high, low] {
        let (kl, clipped) = ratio_statistics(&loss.log_ratio, config.clip_ratio);
        assert!(kl < 1e-9 && clipped == 0.0, "{kl}, {clipped}");
        for log_ratio in loss.log_ratio.try_to_vec_as::<f32>().unwrap() {
            assert!(log_ratio.abs() < 1e-4, "{log_ratio}");
        }
    }
    // Also after the other MDP was learnt: they share the critic alone.
    agent.gradient_step(Mdp::High, &targets, &rows);
    let low = agent.net().low_loss(&config, agent.low_minibatch(&targets, &rows));
    assert!(ratio_statistics(&low.log_ratio, config.clip_ratio).0 < 1e-9);
}

/// Mean return of the first evaluation and of the last.
fn train_on_point_mass(config: &AlgoConfig, steps: u64) -> (f64, f64) {
    let env = || TimeLimit::new(common::PointMass::new(), 30);
    let schedule = Schedule { eval_episodes: 20, ..common::schedule(steps) };
    let mut agent = config.agent(&EnvSpec::new("test", 1, 1), steps, 3, &Device::flex());
    let (mut sink, mut env, mut eval_env) = (MemorySink::default(), env(), env());
    let mut training = Training::new(&mut env, &mut eval_env, &mut agent, &schedule, 3);
    training.run(&mut sink).unwrap();
    assert!(training.progress().grad_step > 1000);
    let returns: Vec<f64> = sink
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Eval { returns, .. } => Some(returns.iter().sum::<f64>() / returns.len() as f64),
            _ => None,
        })
        .collect();
    (returns[0], returns[returns.len() - 1])
}

#[test]
fn every_method_learns_the_point_mass() {
    // The optimum from |x| uniform in (0, 1): −E Σ_i max(|x| − i/5, 0)² ≈ −.39, i = 1, 2, …; doing
    // nothing costs 30 · E x² = 10.
    for config in on_policy::variants() {
        let (before, after) = train_on_point_mass(&config, 20_000);
        eprintln!("{before:.2} to {after:.2}");
        assert!(after > -0.8, "{config:?}: {before} to {after}");
        assert!(before < after - 0.5, "{config:?}: {before} to {after}");
    }
}

#[test]
fn metrics_of_a_mixture_and_of_options_are_there() {
    for config in on_policy::variants() {
        let mut agent = on_policy::agent(&config, OBS, ACTION, 1);
        assert!(agent.metrics().unwrap().is_empty(), "nothing learnt yet");
        let rng = &mut stream(0, Stream::Learn);
        live(&mut agent, &mut AnyMemory::default(), (OBS, ACTION), 200, rng);
        let metrics = agent.metrics().unwrap();
        let has = |name: &str| metrics.contains_key(name);
        assert!(has("policy_loss") && has("value_loss") && has("explained_variance"));
        match &config {
            AlgoConfig::Ppo(PpoConfig { actor: ActorConfig::Pmoe(pmoe), .. }) => {
                assert!(has("effective_primitives"));
                assert_eq!(has("routing_loss"), pmoe.routing.has_freq());
                assert_eq!(has("action_value_loss"), pmoe.routing.has_freq());
            }
            AlgoConfig::Dac(_) => {
                let effective = metrics["effective_options"];
                assert!((1.0..=3.0 + 1e-9).contains(&effective), "{effective}");
                assert!((0.0..=1.0).contains(&metrics["switch_fraction"]));
            }
            _ => {}
        }
    }
}
