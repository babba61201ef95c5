//! What the critics learn from: targets, time limits, rewards, divergence.

use burn::tensor::{Device, Tensor};
use pmoe_algos::critic::critic_loss;
use pmoe_algos::replay::{Batch, ReplayBuffer, TensorBatch};
use pmoe_algos::sac::{
    ActorConfig, AlphaLogProb, ArgmaxScore, EntropyLogProb, Estimator, FrequencyConfig, PmoeConfig,
    Sac, SacConfig, TargetAction, best_of_each, soft_bellman_target,
};
use pmoe_algos::{Agent, AgentError, RunError, Scope, Training, Transition};
use pmoe_envs::{Env, EnvSpec, Rng, TimeLimit};
use pmoe_results::run::MemorySink;
use rand::SeedableRng;

use crate::{common, vector};

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
