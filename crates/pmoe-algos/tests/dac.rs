//! DAC: gradients, the limits of one option and of options that always terminate, the first
//! minibatches.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
#![allow(clippy::float_cmp, reason = "equal bits are meant")]

mod common;

use burn::tensor::{Bool, DType, Device, Int, Tensor};
use common::differences::{check, f64_normal, gradients, in_f64, is_zero};
use common::on_policy::{self, live};
use pmoe_algos::dac::{
    Dac, DacConfig, DacNet, HighMinibatch, LowMinibatch, Mdp, Memory, Previous, option_log_probs,
};
use pmoe_algos::seed::{Stream, stream};
use pmoe_algos::{Agent, AlgoConfig, AnyMemory, Mode, Transition};
use pmoe_core::loss::{clipped_surrogate_loss, ratio_statistics};
use pmoe_envs::{EnvSpec, Rng};
use rand::SeedableRng;

const OBS: usize = 4;
const ACTION: usize = 2;
const BATCH: usize = 6;

fn f64_vector(seed: u64) -> Tensor<1> {
    f64_normal([BATCH, 1], seed).squeeze_dim(1)
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
    // Each MDP trains its own networks and the critic.
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
    // The choice is certain, so master policy and terminations have nothing to learn.
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
    let (mut memory, rng) = (Memory::default(), &mut Rng::seed_from_u64(5));
    // 119 steps with updates, then one without.
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
    // The policy given state and previous option is a mixture, of more entropy than its options on
    // average; with equal initial deviations .5 these have A (log .5 + ½ (1 + log 2π)).
    let of_option = ACTION as f64 * (0.5_f64.ln() + 0.5 * (1.0 + std::f64::consts::TAU.ln()));
    assert!(
        (of_option..of_option + 3.0_f64.ln()).contains(&targets.entropy),
        "{}",
        targets.entropy
    );
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
    // Also after learning the other MDP: the two share only the critic.
    agent.gradient_step(Mdp::High, &targets, &rows);
    let low = agent.net().low_loss(&config, agent.low_minibatch(&targets, &rows));
    assert!(ratio_statistics(&low.log_ratio, config.clip_ratio).0 < 1e-9);
}

#[test]
fn metrics_of_options_are_there() {
    for config in on_policy::variants() {
        let AlgoConfig::Dac(_) = &config else { continue };
        let mut agent = on_policy::agent(&config, OBS, ACTION, 1);
        assert!(agent.metrics().unwrap().is_empty(), "nothing learnt yet");
        let rng = &mut stream(0, Stream::Learn);
        live(&mut agent, &mut AnyMemory::default(), (OBS, ACTION), 200, rng);
        let metrics = agent.metrics().unwrap();
        let has = |name: &str| metrics.contains_key(name);
        assert!(has("policy_loss") && has("value_loss") && has("explained_variance"));
        assert!(has("entropy") && has("entropy_bound"));
        let information = metrics["option_information"];
        assert!((0.0..=3.0_f64.ln()).contains(&information), "{information}");
        let effective = metrics["effective_options"];
        assert!((1.0..=3.0 + 1e-9).contains(&effective), "{effective}");
        assert!((0.0..=1.0).contains(&metrics["switch_fraction"]));
    }
}
