//! Twin delayed deep deterministic policy gradient (TD3).
//!
//! Fujimoto et al., "Addressing Function Approximation Error in Actor-Critic Methods", arXiv:1802.09477.
//!
//! # Quick facts
//! - Off-policy; continuous actions in [-1, 1]^A; one environment.
//! - The policy is deterministic; noise on its actions explores.
//!
//! # Equations
//! | code | source | formula |
//! |---|---|---|
//! | [`smoothed_action`] | eq. 14 | a' = clip(π̄(s') + clip(σ ε, ±c), ±1) |
//! | [`bellman_target`] | Algorithm 1 | y = r + γ(1 − d) min_i Q̄_i(s', a') |
//! | [`critic_loss`] | Algorithm 1, for each critic | mean (Q_i(s, a) − y)² |
//! | [`actor_loss`] | Algorithm 1 | −mean Q_1(s, π(s)) |
//!
//! # Deviations
//! - The paper has networks of 400 and 300 units, learning rates of 1e-3 and batches of 100; the settings are
//!   those of the authors' later code.

mod actor;
mod checkpoint;
mod config;
mod facts;

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use pmoe_core::noise;
use pmoe_core::optim::{Adam, Learner, Target};
use pmoe_envs::{EnvSpec, Rng};

pub use self::actor::DeterministicActor;
pub use self::config::Td3Config;
use crate::agent::{
    Agent, AgentError, Metrics, Mode, Transition, Updates, finite_action, finite_metrics,
};
use crate::checkpoint::{CheckpointError, Files, Scope};
use crate::critic::{TwinCritic, critic_loss};
use crate::replay::{Batch, ReplayBuffer, TensorBatch};
use crate::seed::{Stream, stream};
use crate::tensors::{matrix, mean};

/// The learner: networks with their optimisers, data, counters.
pub struct Td3 {
    config: Td3Config,
    /// The plain device; trainable modules live on its autodiff twin.
    device: Device,
    action_dim: usize,
    actor: Learner<DeterministicActor>,
    critic: Learner<TwinCritic>,
    target_actor: Target<DeterministicActor>,
    target_critic: Target<TwinCritic>,
    replay: ReplayBuffer,
    /// Memory of the latest draw, used again.
    batch: Batch,
    env_step: u64,
    grad_step: u64,
    /// Whether a gradient update is still due at this step.
    is_due: bool,
    latest: Option<Latest>,
    /// Loss of the latest update that moved the actor, `[1]`.
    actor_loss: Option<Tensor<1>>,
}

/// A part of a gradient update, in the order of the algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Drawing and uploading a batch.
    Batch,
    /// The Bellman target.
    Target,
    /// Critic values and loss.
    CriticForward,
    /// Critic gradients and Adam.
    CriticStep,
    /// Actor and targets, where it is their turn.
    Actor,
}

/// What the latest update leaves for the log, still on the device.
struct Latest {
    critic_loss: Tensor<1>,
    q1: Tensor<1>,
}

impl Td3 {
    /// A learner at its start; all initial values come from `seed`.
    pub fn new(config: Td3Config, spec: &EnvSpec, seed: u64, device: &Device) -> Self {
        let (obs_dim, action_dim) = (spec.obs_dim, spec.action_dim());
        let trainable = device.clone().autodiff();
        let Td3Config { ref hidden, init, .. } = config;
        let mut rng = stream(seed, Stream::ActorInit);
        let actor =
            DeterministicActor::new(obs_dim, action_dim, hidden, init, &mut rng, &trainable);
        let mut rng = stream(seed, Stream::CriticInit);
        let critic = TwinCritic::new(obs_dim, action_dim, hidden, init, &mut rng, &trainable);
        let adam = Adam::new(config.adam_epsilon);
        Self {
            target_actor: Target::new(&actor),
            target_critic: Target::new(&critic),
            actor: Learner::new(actor, adam),
            critic: Learner::new(critic, adam),
            replay: ReplayBuffer::new(config.buffer_size, obs_dim, action_dim),
            batch: Batch::default(),
            device: device.clone(),
            action_dim,
            env_step: 0,
            grad_step: 0,
            is_due: false,
            latest: None,
            actor_loss: None,
            config,
        }
    }

    /// The policy.
    pub fn actor(&self) -> &DeterministicActor {
        &self.actor
    }

    /// The critics.
    pub fn critic(&self) -> &TwinCritic {
        &self.critic
    }

    /// One gradient update.
    pub fn gradient_step(&mut self, rng: &mut Rng) {
        self.gradient_step_in_parts(rng, &mut |_| ());
    }

    /// One gradient update; the comments are the lines of the algorithm, and `done` hears of each
    /// part when it is through.
    pub fn gradient_step_in_parts(&mut self, rng: &mut Rng, done: &mut dyn FnMut(Part)) {
        let Td3Config { gamma, tau, actor_lr, critic_lr, batch_size, policy_delay, .. } =
            self.config;

        // Draw a batch of transitions from the replay buffer.
        self.replay.sample(batch_size, rng, &mut self.batch);
        let batch = TensorBatch::new(&self.batch, &self.device);
        done(Part::Batch);

        // Move the critics towards the smaller value of the target policy's action, smoothed.
        let Td3Config { target_noise, target_noise_clip, .. } = self.config;
        let noise = noise::normal([batch_size, self.action_dim], rng, &self.device);
        let next_action = self.target_actor.forward(batch.next_obs.clone());
        let next_action = smoothed_action(next_action, noise, target_noise, target_noise_clip);
        let next_q = self.target_critic.min(batch.next_obs.clone(), next_action);
        let target = bellman_target(&batch, next_q, gamma);
        done(Part::Target);
        let (q1, q2) = self.critic.forward(batch.obs.clone(), batch.action.clone());
        let losses = (critic_loss(q1.clone(), target.clone()), critic_loss(q2, target));
        let critic_loss = losses.0.clone().inner() + losses.1.clone().inner();
        let q1 = q1.inner();
        done(Part::CriticForward);
        self.critic.descend_both(critic_lr, losses);
        done(Part::CriticStep);

        // Every few updates, move the actor and the targets.
        self.grad_step += 1;
        if self.grad_step.is_multiple_of(policy_delay.into()) {
            let loss = actor_loss(&self.actor, &self.critic.valid(), batch.obs);
            self.actor_loss = Some(loss.clone().inner());
            self.actor.descend(actor_lr, loss);
            self.target_actor.follow(&self.actor, tau);
            self.target_critic.follow(&self.critic, tau);
        }
        done(Part::Actor);
        self.latest = Some(Latest { critic_loss, q1 });
    }
}

impl Agent for Td3 {
    type Memory = ();

    fn act(
        &self,
        _memory: &mut (),
        obs: &[f32],
        mode: Mode,
        rng: &mut Rng,
        action: &mut [f32],
    ) -> Result<(), AgentError> {
        if mode == Mode::Explore && self.env_step < self.config.random_steps {
            noise::fill_uniform(action, rng);
            return Ok(());
        }
        let obs = matrix(obs.to_vec(), obs.len(), &self.device);
        let mut chosen = self.actor.valid().forward(obs);
        if mode == Mode::Explore {
            let noise = noise::normal([1, self.action_dim], rng, &self.device);
            let noise = noise.mul_scalar(self.config.exploration_noise);
            chosen = (chosen + noise).clamp(-1.0, 1.0);
        }
        let chosen = chosen.try_into_vec_as::<f32>().expect("actions are floats");
        action.copy_from_slice(&chosen);
        finite_action(action, self.grad_step)
    }

    fn observe(&mut self, _memory: &(), transition: Transition<'_>) {
        let is_cut = transition.truncated && !self.config.bootstrap_truncation;
        let terminated = transition.terminated || is_cut;
        self.replay.push(Transition { terminated, ..transition });
        self.env_step += 1;
        self.is_due = self.config.learning_starts <= self.env_step;
    }

    fn update(&mut self, rng: &mut Rng, interrupt: &dyn Fn() -> bool) -> Updates {
        let taken = u32::from(self.is_due && !interrupt());
        if taken > 0 {
            self.gradient_step(rng);
            self.is_due = false;
        }
        Updates { taken, is_complete: !self.is_due }
    }

    fn metrics(&self) -> Result<Metrics, AgentError> {
        let Some(latest) = &self.latest else {
            return Ok(Metrics::new());
        };
        let mut metrics = Metrics::from([
            ("critic_loss".to_owned(), mean(&latest.critic_loss)),
            ("q1_mean".to_owned(), mean(&latest.q1)),
        ]);
        if let Some(loss) = &self.actor_loss {
            metrics.insert("actor_loss".to_owned(), mean(loss));
        }
        finite_metrics(metrics, self.grad_step)
    }

    fn save<'a>(&'a self, files: &mut Files<'a>, scope: Scope) -> Result<(), CheckpointError> {
        self.save_parts(files, scope)
    }

    fn load(&mut self, files: &Files<'_>, scope: Scope) -> Result<(), CheckpointError> {
        self.load_parts(files, scope)
    }

    fn check_restored(&self, _memory: &(), in_update: bool) -> Result<(), CheckpointError> {
        self.check_in_update(in_update)
    }
}

/// Actions with clipped noise: values of neighbouring actions are alike.
///
/// ```text
/// a' = clip( a + clip(σ ε, −c, c), −1, 1 )
/// ```
///
/// # Shapes
/// - `action`, `noise`: `[B, A]`; the noise is standard normal
///
/// # Source
/// arXiv:1802.09477, eq. 14.
pub fn smoothed_action(action: Tensor<2>, noise: Tensor<2>, std: f64, clip: f64) -> Tensor<2> {
    (action + noise.mul_scalar(std).clamp(-clip, clip)).clamp(-1.0, 1.0)
}

/// What the critics should say of the batch's actions, `[B]`: `r + γ (1 − terminated) min_i Q̄_i(s', a')`.
///
/// # Shapes
/// - `next_q`: `[B]`, the smaller target value of the action at every row of `next_obs`
///
/// # Source
/// arXiv:1802.09477, Algorithm 1. A truncated episode is bootstrapped.
pub fn bellman_target(batch: &TensorBatch, next_q: Tensor<1>, gamma: f64) -> Tensor<1> {
    batch.reward.clone() + batch.not_terminated.clone().mul_scalar(gamma) * next_q
}

/// The deterministic policy gradient's loss, `[1]`: `−mean Q_1(s, π(s))`.
///
/// # Shapes
/// - `obs`: `[B, O]`
///
/// # Gradients
/// Flow into the actor alone; hand in `critic.valid()`.
///
/// # Source
/// arXiv:1802.09477, Algorithm 1.
pub fn actor_loss(actor: &DeterministicActor, critic: &TwinCritic, obs: Tensor<2>) -> Tensor<1> {
    let action = actor.forward(obs.clone());
    critic.q1.forward(Tensor::cat(vec![obs, action], 1)).mean().neg()
}
