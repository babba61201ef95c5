//! The parts of SAC, checked by hand.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
#![allow(clippy::float_cmp, reason = "equal bits are meant")]

mod common;

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use pmoe_algos::critic::{CriticNorm, TwinCritic, critic_loss};
use pmoe_algos::policy::{EvalPrimitive, GatingVariance, Init, McpGate, McpNetwork};
use pmoe_algos::replay::{Batch, ReplayBuffer, TensorBatch};
use pmoe_algos::sac::{
    Actor, ActorConfig, AlphaLogProb, ArgmaxScore, CriticConfig, Critics, EntropyLogProb,
    Estimator, FrequencyConfig, PmoeConfig, Policy, Sac, SacConfig, TargetAction, best_of_each,
    soft_bellman_target,
};
use pmoe_algos::{Agent, AgentError, Mode, RunError, Scope, Training, Transition};
use pmoe_core::dist::Mixture;
use pmoe_core::loss::{Reduction, best_primitive, frequency_loss};
use pmoe_core::nn::Mlp;
use pmoe_core::noise::normal;
use pmoe_core::optim::parameters_of_bytes;
use pmoe_envs::{Env, EnvSpec, Rng, TimeLimit};
use pmoe_results::run::MemorySink;
use rand::SeedableRng;

fn vector(values: &[f32]) -> Tensor<1> {
    Tensor::from_data(values, &Device::flex())
}

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
fn bellman_target_and_critic_loss_by_hand() {
    let batch = Batch {
        len: 2,
        obs: vec![0.0; 2],
        action: vec![0.0; 2],
        reward: vec![1.0, 2.0],
        next_obs: vec![0.0; 2],
        not_terminated: vec![1.0, 0.0],
    };
    let batch = TensorBatch::new(&batch, &Device::flex());
    // 1 + .5 (10 − .2·(−5)) = 6.5; terminated: 2.
    let target =
        soft_bellman_target(&batch, vector(&[10.0, 99.0]), vector(&[-5.0, 1.0]), &[0.2], 0.5);
    assert_eq!(target.try_to_vec_as::<f32>().unwrap(), [6.5, 2.0]);
    // ((6 − 6.5)² + (4 − 2)²) / 2
    let loss = critic_loss(vector(&[6.0, 4.0]), target);
    assert_eq!(loss.try_to_vec_as::<f32>().unwrap(), [2.125]);
}

#[test]
fn the_target_is_of_the_best_draw_if_it_acts() {
    // Two draws each; the highest value counts, not the highest soft value. Its density is that of
    // the better of two: log 2 − ½ more.
    let (q, log_prob) = (vector(&[10.0, 8.0, -4.0, -3.0]), vector(&[5.0, -10.0, 0.0, 1.0]));
    let (q, log_prob) = best_of_each(2, q, log_prob);
    assert_eq!(q.try_to_vec_as::<f32>().unwrap(), [10.0, -3.0]);
    let more = 2.0_f32.ln() - 0.5;
    for (found, own) in log_prob.try_to_vec_as::<f32>().unwrap().iter().zip([5.0, 1.0]) {
        assert!((found - (own + more)).abs() < 1e-6);
    }
    let (q, log_prob) = best_of_each(2, vector(&[1.0, 2.0]), vector(&[3.0, 4.0]));
    assert_eq!(q.try_to_vec_as::<f32>().unwrap(), [1.0, 2.0]);
    assert_eq!(log_prob.try_to_vec_as::<f32>().unwrap(), [3.0, 4.0]);
}

#[test]
fn a_target_values_the_policy_that_acts() {
    let check = |actor: PmoeConfig, target| {
        SacConfig { target, ..common::sac(ActorConfig::Pmoe(actor)) }.validate()
    };
    assert_eq!(check(common::pmoe(3), TargetAction::Sample), Ok(()));
    assert_eq!(check(common::best(3), TargetAction::Max), Ok(()));
    let frequency = |change: fn(&mut FrequencyConfig)| {
        let mut frequency = common::frequency();
        change(&mut frequency);
        PmoeConfig { estimator: Estimator::Frequency(frequency), ..common::best(3) }
    };
    let mixture = EntropyLogProb::Mixture;
    for (actor, target, key) in [
        (common::pmoe(3), TargetAction::Max, "target"),
        (common::best(3), TargetAction::Sample, "target"),
        (
            PmoeConfig { entropy_log_prob: mixture, ..common::best(3) },
            TargetAction::Max,
            "entropy_log_prob",
        ),
        (
            PmoeConfig { estimator: common::marginal(0.0, 0.0), ..common::best(3) },
            TargetAction::Max,
            "estimator",
        ),
        (frequency(|of| of.argmax_score = ArgmaxScore::Mode), TargetAction::Max, "argmax_score"),
        (
            frequency(|of| of.alpha_log_prob = AlphaLogProb::Drawn),
            TargetAction::Max,
            "alpha_log_prob",
        ),
    ] {
        let error = check(actor, target).unwrap_err().to_string();
        assert!(error.contains(key) && error.contains("actor.pmoe.act"), "{error}");
    }
    let gaussian = SacConfig { target: TargetAction::Max, ..common::sac(common::gaussian()) };
    assert!(gaussian.validate().is_err());
}

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
fn a_time_limit_is_an_end_if_so_configured() {
    let stored = |bootstrap_truncation, terminated, truncated| {
        let config = SacConfig { bootstrap_truncation, ..common::sac(common::gaussian()) };
        let mut agent = Sac::new(config, &EnvSpec::new("test", 1, 1), 0, &Device::flex());
        let (obs, action, next_obs) = (&[0.1], &[0.2], &[0.3]);
        let transition = Transition { obs, action, reward: 1.0, next_obs, terminated, truncated };
        agent.observe(&(), transition);
        let mut files = pmoe_algos::checkpoint::Files::default();
        agent.save(&mut files, Scope::Everything).unwrap();
        // Tag and count, then observation, action and reward.
        let bytes = files.get("replay.bin").unwrap()[28..32].try_into().unwrap();
        f32::from_le_bytes(bytes)
    };
    for (terminated, truncated, kept, cut) in
        [(false, false, 1.0, 1.0), (false, true, 1.0, 0.0), (true, false, 0.0, 0.0)]
    {
        assert_eq!(stored(true, terminated, truncated), kept);
        assert_eq!(stored(false, terminated, truncated), cut);
    }
}

#[test]
fn a_time_limit_does_not_lower_the_value() {
    // One state with reward 1, cut after 10 steps, never terminated: Q = 1 / (1 − γ) = 100. If the
    // cut counted as termination, Q would be 1 / (1 − .9 γ) = 9.17.
    struct OneState(pmoe_envs::EnvSpec);
    impl Env for OneState {
        fn spec(&self) -> &pmoe_envs::EnvSpec {
            &self.0
        }
        fn reset(&mut self, _: &mut Rng, obs: &mut [f64]) -> Result<(), pmoe_envs::EnvError> {
            obs[0] = 0.0;
            Ok(())
        }
        fn step(
            &mut self,
            _: &[f64],
            obs: &mut [f64],
        ) -> Result<pmoe_envs::Step, pmoe_envs::EnvError> {
            obs[0] = 0.0;
            Ok(pmoe_envs::Step { reward: 1.0, terminated: false, truncated: false, success: None })
        }
        fn save_state(&self, _: &mut Vec<f64>) {}
        fn load_state(&mut self, _: &[f64]) -> Result<(), pmoe_envs::EnvError> {
            Ok(())
        }
    }
    let mut env = TimeLimit::new(OneState(common::PointMass::new().spec().clone()), 10);
    let mut rng = Rng::seed_from_u64(0);
    let mut replay = ReplayBuffer::new(1000, 1, 1);
    let mut obs = [0.0];
    env.reset(&mut rng, &mut obs).unwrap();
    let mut cuts = 0;
    for _ in 0..500 {
        let step = env.step(&[0.0], &mut obs).unwrap();
        let (terminated, truncated) = (step.terminated, step.truncated);
        let reward = step.reward as f32;
        replay.push(Transition {
            obs: &[0.0],
            action: &[0.0],
            reward,
            next_obs: &[0.0],
            terminated,
            truncated,
        });
        if truncated {
            cuts += 1;
            env.reset(&mut rng, &mut obs).unwrap();
        }
    }
    assert_eq!(cuts, 50);
    let mut batch = Batch::default();
    replay.sample(200, &mut rng, &mut batch);
    let batch = TensorBatch::new(&batch, &Device::flex());
    let mut q = 0.0_f32;
    for _ in 0..3000 {
        let next = Tensor::full([200], q, &Device::flex());
        let target = soft_bellman_target(&batch, next, vector(&[0.0; 200]), &[0.0], 0.99);
        q = target.mean().into_scalar();
    }
    assert!((q - 100.0).abs() < 1e-2, "{q}");
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

#[test]
fn divergence_ends_the_run_with_its_quantity() {
    let config = SacConfig { critic_lr: 1e30, actor_lr: 1e30, ..common::sac(common::gaussian()) };
    let mut agent = Sac::new(config, &EnvSpec::new("test", 1, 1), 0, &Device::flex());
    let env = || TimeLimit::new(common::PointMass::new(), 30);
    let (mut env, mut eval_env, schedule) = (env(), env(), common::schedule(1000));
    let mut training = Training::new(&mut env, &mut eval_env, &mut agent, &schedule, 0);
    let result = training.run(&mut MemorySink::default());
    let Err(RunError::Agent(AgentError::NonFinite { quantity, grad_step, .. })) = result else {
        panic!("expected divergence, got {result:?}");
    };
    assert!(!quantity.is_empty() && grad_step > 0);
}

#[test]
fn rewards_are_scaled_before_they_are_stored() {
    let config = SacConfig { reward_scale: 0.5, ..common::sac(common::gaussian()) };
    let (scaled, plain) = (
        common::filled(config, 5, 2, 50),
        common::filled(common::sac(common::gaussian()), 5, 2, 50),
    );
    let stored = |agent: &Sac| {
        let mut files = pmoe_algos::checkpoint::Files::default();
        agent.save(&mut files, Scope::Everything).unwrap();
        // Tag and count, then 50·5 observation and 50·2 action numbers.
        let at = 16 + 4 * 50 * 7;
        let bytes = files.get("replay.bin").unwrap()[at..at + 4].try_into().unwrap();
        f32::from_le_bytes(bytes)
    };
    assert_eq!(stored(&scaled), 0.5 * stored(&plain));
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
