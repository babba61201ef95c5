//! Twin delayed deep deterministic policy gradient (TD3).
//!
//! Fujimoto et al., "Addressing Function Approximation Error in Actor-Critic Methods",
//! arXiv:1802.09477.
//!
//! # Quick facts
//! - Off-policy, with a single environment and continuous actions in [-1, 1]^A.
//! - The policy is deterministic and explores by adding noise to its actions.
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
//! - The paper uses networks of 400 and 300 units, learning rates of 1e-3 and batches of 100. The
//!   settings here are those of the authors' later code.

mod actor;
mod checkpoint;
mod config;
mod facts;

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

/// The learner: networks with their optimisers, data and counters.
pub struct Td3 {
    config: Td3Config,
    /// The plain device. Trainable modules live on its autodiff counterpart.
    device: Device,
    action_dim: usize,
    actor: Learner<DeterministicActor>,
    critic: Learner<TwinCritic>,
    target_actor: Target<DeterministicActor>,
    target_critic: Target<TwinCritic>,
    replay: ReplayBuffer,
    /// Memory of the latest batch, for reuse.
    batch: Batch,
    env_step: u64,
    grad_step: u64,
    /// Whether a gradient update is still due at this step.
    is_due: bool,
    latest: Option<Latest>,
    /// Loss of the latest actor update, `[1]`.
    actor_loss: Option<Tensor<1>>,
}

/// A part of a gradient update, in order of execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Sampling and uploading a batch.
    Batch,
    /// The Bellman target.
    Target,
    /// Critic values and loss.
    CriticForward,
    /// Critic gradients and Adam.
    CriticStep,
    /// Actor and target networks, if due.
    Actor,
}

/// Results of the latest update for the log, still on the device.
struct Latest {
    critic_loss: Tensor<1>,
    q1: Tensor<1>,
}

impl Td3 {
    /// Creates an untrained learner. All initial values come from `seed`.
    pub fn new(config: Td3Config, spec: &EnvSpec, seed: u64, device: &Device) -> Self {
        let (obs_dim, action_dim) = (spec.obs_dim, spec.action_dim());
        let trainable = device.clone().autodiff();
        let Td3Config { ref hidden, init, critic_norm, .. } = config;
        let mut rng = stream(seed, Stream::ActorInit);
        let actor =
            DeterministicActor::new(obs_dim, action_dim, hidden, init, &mut rng, &trainable);
        let mut rng = stream(seed, Stream::CriticInit);
        let critic = TwinCritic::new(obs_dim, action_dim, hidden, init, &mut rng, &trainable)
            .with_norm(critic_norm, &mut rng, &trainable);
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

    /// Returns the policy.
    pub fn actor(&self) -> &DeterministicActor {
        &self.actor
    }

    /// Returns the critics.
    pub fn critic(&self) -> &TwinCritic {
        &self.critic
    }

    /// Does one gradient update.
    pub fn gradient_step(&mut self, rng: &mut Rng) {
        self.gradient_step_in_parts(rng, &mut |_| ());
    }

    /// Does one gradient update and calls `done` after each part. The comments follow the
    /// algorithm.
    pub fn gradient_step_in_parts(&mut self, rng: &mut Rng, done: &mut dyn FnMut(Part)) {
        let Td3Config { gamma, tau, actor_lr, critic_lr, batch_size, policy_delay, .. } =
            self.config;

        // Sample a batch of transitions from the replay buffer.
        self.replay.sample(batch_size, rng, &mut self.batch);
        let batch = TensorBatch::new(&self.batch, &self.device);
        done(Part::Batch);

        // Update the critics towards the smaller value of the target policy's smoothed action.
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

        // Every few updates, update the actor and the target networks.
        self.grad_step += 1;
        if self.grad_step.is_multiple_of(policy_delay.into()) {
            let loss = actor_loss(&self.actor, self.critic.frozen(), batch.obs);
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
        let mut chosen = self.actor.frozen().forward(obs);
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

/// Adds clipped noise to actions, so that similar actions get similar values.
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

/// Computes the critics' target, `[B]`: `r + γ (1 − terminated) min_i Q̄_i(s', a')`.
///
/// # Shapes
/// - `next_q`: `[B]`, the smaller target value of the action at every row of `next_obs`
///
/// # Source
/// arXiv:1802.09477, Algorithm 1. Truncated episodes are bootstrapped.
pub fn bellman_target(batch: &TensorBatch, next_q: Tensor<1>, gamma: f64) -> Tensor<1> {
    batch.reward.clone() + batch.not_terminated.clone().mul_scalar(gamma) * next_q
}

/// Computes the loss of the deterministic policy gradient, `[1]`: `−mean Q_1(s, π(s))`.
///
/// # Shapes
/// - `obs`: `[B, O]`
///
/// # Gradients
/// Flow only into the actor; pass `critic.valid()`.
///
/// # Source
/// arXiv:1802.09477, Algorithm 1.
pub fn actor_loss(actor: &DeterministicActor, critic: &TwinCritic, obs: Tensor<2>) -> Tensor<1> {
    let action = actor.forward(obs.clone());
    critic.q1.forward(Tensor::cat(vec![obs, action], 1)).mean().neg()
}
