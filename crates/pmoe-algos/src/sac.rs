//! Soft actor-critic (SAC), and its variants with gating, MCP and PMOE, which differ only in the
//! actor.
//!
//! Haarnoja et al., "Soft Actor-Critic Algorithms and Applications", arXiv:1812.05905; Ren et al.,
//! "Probabilistic Mixture-of-Experts for Efficient Deep Reinforcement Learning".
//!
//! # Quick facts
//! - Off-policy, with a single environment and continuous actions in [-1, 1]^A.
//! - The actor is any [`Actor`]. With one primitive, PMOE-SAC equals SAC bit for bit.
//!
//! # Equations
//! | code | source | formula |
//! |---|---|---|
//! | [`soft_bellman_target`] | arXiv:1812.05905, eq. 3, clipped double Q | y = r + γ(1 − d)(min_i Q̄_i(s', a') − α log π(a'\|s')) |
//! | [`critic_loss`](crate::critic::critic_loss) | eq. 5, for each critic | mean (Q_i(s, a) − y)² |
//! | [`Actor::loss`] | eq. 7; PMOE eqs. 6–9 | mean (α log π(a\|s) − min_i Q_i(s, a)) |
//! | [`temperature_loss`] | eq. 18 | mean (−log α (log π(a\|s) + H̄)) |
//!
//! # Deviations
//! - The critic loss has no factor ½, as in Spinning Up, CleanRL and the authors' release. This
//!   doubles the gradient, to which Adam is insensitive.
//! - The paper's eq. 11 takes the largest target value over actions. Its Algorithm 1 and all public
//!   code sample one action from the mixture instead, and so does this crate. `target = "max"`
//!   takes the largest soft value over one sample of every primitive.
//! - The paper's Algorithm 1 lists a target policy. No public code has one, nor does this crate.
//! - The temperature loss is linear in log α, as in the authors' release and most libraries.

mod actor;
mod ask;
mod average;
mod checkpoint;
mod config;
mod facts;
mod latest;
mod lockstep;
mod temperature;

use burn::tensor::{Device, Tensor};
use pmoe_core::optim::{Adam, Learner, Target};
use pmoe_core::{noise, runs};
use pmoe_envs::{EnvSpec, Rng};

pub use self::actor::{
    Actor, ActorLoss, ActorNoise, GatingActor, GaussianActor, LossInput, PmoeActor, Policy, Sampled,
};
use self::average::MovingAverage;
pub use self::config::policy::{
    ActorConfig, AlphaLogProb, ArgmaxScore, EntropyLogProb, Estimator, FrequencyConfig,
    GatingConfig, GumbelMode, PmoeConfig, PrimitiveLoss, RatioBaseline, ReinforceBaseline,
};
pub use self::config::{SacConfig, TargetAction, TemperatureConfig};
use self::latest::Latest;
pub use self::lockstep::Lockstep;
pub use self::temperature::{Temperature, temperature_loss};
use crate::agent::{Agent, AgentError, Metrics, Mode, Transition, Updates, finite_action};
use crate::checkpoint::{CheckpointError, Files, Scope};
use crate::critic::{TwinCritic, critic_losses};
use crate::replay::{Batch, ReplayBuffer, TensorBatch};
use crate::seed::{Stream, stream};
use crate::tensors::matrix;

/// The learner: networks with their optimisers, data and counters.
pub struct Sac {
    config: SacConfig,
    /// The plain device. Trainable modules live on its autodiff counterpart.
    device: Device,
    networks: Networks,
    /// Only for REINFORCE with a moving average.
    baseline: Option<MovingAverage>,
    replay: ReplayBuffer,
    /// Memory of the latest batch, for reuse.
    batch: Batch,
    env_step: u64,
    grad_step: u64,
    /// Gradient updates still due at this step.
    updates_due: u32,
    latest: Option<Latest>,
}

/// A part of a gradient update, in order of execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Sampling and uploading a batch.
    Batch,
    /// The soft Bellman target.
    Target,
    /// Critic values and loss.
    CriticForward,
    /// Critic gradients and Adam.
    CriticStep,
    /// Actions, their values and the actor loss.
    ActorForward,
    /// Actor gradients and Adam.
    ActorStep,
    /// Temperature and target critics.
    TargetCritics,
}

/// What learns: of one run, or of several in [`Lockstep`].
struct Networks {
    actor: Learner<Actor>,
    critic: Learner<TwinCritic>,
    target_critic: Target<TwinCritic>,
    temperature: Temperature,
}

impl Sac {
    /// Creates an untrained learner. All initial values come from `seed`.
    pub fn new(config: SacConfig, spec: &EnvSpec, seed: u64, device: &Device) -> Self {
        let (obs_dim, action_dim) = (spec.obs_dim, spec.action_dim());
        let trainable = device.clone().autodiff();
        let actor = Actor::new(&config, obs_dim, action_dim, seed, &trainable);
        let SacConfig { ref hidden, init, critic_norm, .. } = config;
        let mut rng = stream(seed, Stream::CriticInit);
        let critic = TwinCritic::new(obs_dim, action_dim, hidden, init, &mut rng, &trainable)
            .with_norm(critic_norm, &mut rng, &trainable);
        let adam = Adam::new(config.adam_epsilon);
        let networks = Networks {
            target_critic: Target::new(&critic),
            actor: Learner::new(actor, adam),
            critic: Learner::new(critic, adam),
            temperature: Temperature::new(&config.temperature, action_dim, adam, &trainable),
        };
        Self {
            networks,
            baseline: config.actor.baseline_decay().map(MovingAverage::new),
            replay: ReplayBuffer::new(config.buffer_size, obs_dim, action_dim),
            batch: Batch::default(),
            device: device.clone(),
            env_step: 0,
            grad_step: 0,
            updates_due: 0,
            latest: None,
            config,
        }
    }

    /// Returns the policy.
    pub fn actor(&self) -> &Actor {
        &self.networks.actor
    }

    /// Returns the critics.
    pub fn critic(&self) -> &TwinCritic {
        &self.networks.critic
    }

    /// Returns the number of gradient updates done.
    pub fn grad_step(&self) -> u64 {
        self.grad_step
    }

    /// Does one gradient update.
    pub fn gradient_step(&mut self, rng: &mut Rng) {
        self.gradient_step_in_parts(rng, &mut |_| ());
    }

    /// Does one gradient update and calls `done` after each part: samples a batch of transitions
    /// from the replay buffer, and learns from it.
    pub fn gradient_step_in_parts(&mut self, rng: &mut Rng, done: &mut dyn FnMut(Part)) {
        self.replay.sample(self.config.batch_size, rng, &mut self.batch);
        let batch = TensorBatch::new(&self.batch, &self.device);
        done(Part::Batch);
        let baseline = [self.baseline()];
        let (latest, soft_value) =
            self.networks.learn(&self.config, batch, &baseline, &mut [rng], done);
        self.count_step(soft_value.map(|value| value.into_scalar::<f32>()));
        self.latest = Some(latest);
    }

    /// Returns REINFORCE's baseline, or 0 without one.
    fn baseline(&self) -> f64 {
        self.baseline.as_ref().map_or(0.0, MovingAverage::value)
    }

    /// Counts a gradient step; `soft_value` is what REINFORCE's baseline follows.
    fn count_step(&mut self, soft_value: Option<f32>) {
        if let (Some(baseline), Some(value)) = (&mut self.baseline, soft_value) {
            baseline.follow(value.into());
        }
        self.grad_step += 1;
    }
}

impl Networks {
    /// Does one gradient update and calls `done` after each part. The comments follow the
    /// algorithm. Returns the results for the log, and what REINFORCE's baseline follows.
    ///
    /// # Shapes
    /// - `batch`: the rows of all runs, with a `baseline` and a generator of each
    fn learn(
        &mut self,
        config: &SacConfig,
        batch: TensorBatch,
        baseline: &[f64],
        rngs: &mut [&mut Rng],
        done: &mut dyn FnMut(Part),
    ) -> (Latest, Option<Tensor<1>>) {
        let SacConfig { gamma, tau, actor_lr, critic_lr, target, .. } = *config;
        let runs = rngs.len();
        let alpha = self.temperature.alphas(runs);
        let ([rows, action_dim], device) = (batch.action.dims(), batch.action.device());

        // Update the critics towards the soft Bellman target.
        let next = self.actor.frozen().sample(batch.next_obs.clone(), target, rngs);
        let next_q = self.target_critic.min(batch.next_obs.clone(), next.action);
        let target = soft_bellman_target(&batch, next_q, next.log_prob, &alpha, gamma);
        done(Part::Target);
        let (q1, q2) = self.critic.forward(batch.obs.clone(), batch.action);
        let losses =
            (critic_losses(q1.clone(), target.clone(), runs), critic_losses(q2, target, runs));
        let critic_loss = losses.0.clone().inner() + losses.1.clone().inner();
        let q1 = q1.inner();
        done(Part::CriticForward);
        self.critic.descend_both(critic_lr, losses);
        done(Part::CriticStep);

        // Update the actor. The critics enter as constants, so only the actor gets gradients.
        let noise = self.actor.noise(rows, action_dim, rngs, &device);
        let input = LossInput {
            critic: self.critic.frozen(),
            obs: batch.obs,
            alpha: &alpha,
            noise,
            baseline,
        };
        let ActorLoss { loss, log_prob, routing_loss, soft_value, mixture } =
            self.actor.loss(input);
        let actor_loss = loss.clone().inner();
        done(Part::ActorForward);
        self.actor.descend(actor_lr, loss);
        done(Part::ActorStep);

        // Update the temperature, then the target critics.
        self.temperature.descend(actor_lr, log_prob.clone());
        self.target_critic.follow(&self.critic, tau);
        done(Part::TargetCritics);

        let latest = Latest { critic_loss, actor_loss, q1, log_prob, alpha, routing_loss, mixture };
        (latest, soft_value)
    }

    /// Chooses an action for each run's observation, `[1, O]` each, as `[N, A]` numbers.
    fn act(&self, obs: Tensor<2>, mode: Mode, rngs: &mut [&mut Rng]) -> Vec<f32> {
        let chosen = self.actor.frozen().act(self.critic.frozen(), obs, mode, rngs);
        chosen.try_into_vec_as::<f32>().expect("actions are floats")
    }
}

impl Agent for Sac {
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
        action.copy_from_slice(&self.networks.act(obs, mode, &mut [rng]));
        finite_action(action, self.grad_step)
    }

    fn observe(&mut self, _memory: &(), transition: Transition<'_>) {
        let reward = transition.reward * self.config.reward_scale;
        let is_cut = transition.truncated && !self.config.bootstrap_truncation;
        let terminated = transition.terminated || is_cut;
        self.replay.push(Transition { reward, terminated, ..transition });
        self.env_step += 1;
        if self.config.learning_starts <= self.env_step {
            self.updates_due = self.config.gradient_steps;
        }
    }

    fn update(&mut self, rng: &mut Rng, interrupt: &dyn Fn() -> bool) -> Updates {
        let mut taken = 0;
        while self.updates_due > 0 && !interrupt() {
            self.gradient_step(rng);
            self.updates_due -= 1;
            taken += 1;
        }
        Updates { taken, is_complete: self.updates_due == 0 }
    }

    fn metrics(&self) -> Result<Metrics, AgentError> {
        match &self.latest {
            Some(latest) => latest.metrics(self.grad_step),
            None => Ok(Metrics::new()),
        }
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

/// Computes the critics' target, `[B]`.
///
/// ```text
/// y = r + γ (1 − terminated) (min_i Q̄_i(s', a') − α log π(a'|s'))
/// ```
///
/// # Shapes
/// - `next_q`, `next_log_prob`: `[B·N]`, of N actions sampled from the policy at every row of
///   `next_obs`, those of a row being consecutive; the largest soft value counts
/// - `alpha`: α of each run whose rows these are, usually one
///
/// # Source
/// arXiv:1812.05905, eq. 3, with clipped double Q; PMOE paper, eq. 11, if N > 1. Truncated episodes
/// are bootstrapped.
pub fn soft_bellman_target(
    batch: &TensorBatch,
    next_q: Tensor<1>,
    next_log_prob: Tensor<1>,
    alpha: &[f64],
    gamma: f64,
) -> Tensor<1> {
    let mut soft_value = next_q - runs::scale(next_log_prob, alpha);
    let ([rows], [candidates]) = (batch.reward.dims(), soft_value.dims());
    if rows < candidates {
        soft_value = soft_value.reshape([rows, candidates / rows]).max_dim(1).squeeze_dim(1);
    }
    batch.reward.clone() + batch.not_terminated.clone().mul_scalar(gamma) * soft_value
}
