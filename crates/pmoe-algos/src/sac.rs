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
//! | [`best_of_each`] | arXiv:2104.09122, eq. 11; arXiv:2401.01879 | a' = a'_j, log π(a'\|s') = log π_j(a'_j) + log K − (K − 1)/K, j = argmax_k min_i Q̄_i(s', a'_k) |
//! | [`critic_loss`](crate::critic::critic_loss) | eq. 5, for each critic | mean (Q_i(s, a) − y)² |
//! | [`Actor::loss`] | eq. 7; PMOE eqs. 6–9 | mean (α log π(a\|s) − min_i Q_i(s, a)) |
//! | [`calibration`](pmoe_core::best_of::calibration) | ours | α_K = α E[min_K χ²_A] / A, `temperature.calibrated` |
//! | [`temperature_loss`] | eq. 18 | mean (−log α (log π(a\|s) + H̄)) |
//!
//! # Deviations
//! - The critic loss has no factor ½, as in Spinning Up, CleanRL and the authors' release. This
//!   doubles the gradient, to which Adam is insensitive.
//! - The paper's eq. 11 takes the largest target value over actions. Its Algorithm 1 and all public
//!   code sample one action from the mixture instead, and so does this crate, unless the best of one
//!   action of every primitive is what acts (`actor.pmoe.act = "best"` with `target = "max"`).
//! - The paper's Algorithm 1 lists a target policy. No public code has one, nor does this crate.
//! - The temperature loss is linear in log α, as in the authors' release and most libraries.

mod actor;
mod ask;
mod average;
mod checkpoint;
mod config;
mod critics;
mod facts;
mod latest;
mod lockstep;
mod sample;
mod target;
mod temperature;

use burn::tensor::{Device, Tensor};
use pmoe_core::noise;
use pmoe_core::optim::{Adam, Learner};
use pmoe_envs::{EnvSpec, Rng};

pub use self::actor::{
    Actor, ActorLoss, ActorNoise, GatingActor, GaussianActor, Judge, LossInput, PmoeActor, Policy,
    Sampled,
};
use self::average::MovingAverage;
pub use self::config::policy::{
    Act, ActorConfig, AlphaLogProb, ArgmaxScore, EntropyLogProb, Estimator, FrequencyConfig,
    GatingConfig, GumbelMode, MarginalConfig, PmoeConfig, PrimitiveLoss, RatioBaseline,
    ReinforceBaseline,
};
pub use self::config::{CriticConfig, SacConfig, TargetAction, TemperatureConfig};
pub use self::critics::{CriticLosses, Critics, Followed, PrimitiveCritics};
use self::latest::Latest;
pub use self::lockstep::Lockstep;
pub use self::sample::PolicySample;
pub use self::target::{best_of_each, soft_bellman_target};
pub use self::temperature::{Temperature, temperature_loss};
use crate::agent::{Agent, AgentError, Metrics, Mode, Transition, Updates, finite_action};
use crate::checkpoint::{CheckpointError, Files, Scope};
use crate::replay::{Batch, ReplayBuffer, TensorBatch};
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
    critics: Critics,
    temperature: Temperature,
}

impl Sac {
    /// Creates an untrained learner. All initial values come from `seed`.
    pub fn new(config: SacConfig, spec: &EnvSpec, seed: u64, device: &Device) -> Self {
        let (obs_dim, action_dim) = (spec.obs_dim, spec.action_dim());
        let trainable = device.clone().autodiff();
        let actor = Actor::new(&config, obs_dim, action_dim, seed, &trainable);
        let critics = Critics::new(&config, obs_dim, action_dim, seed, &trainable);
        let adam = Adam::new(config.adam_epsilon);
        let networks = Networks {
            actor: Learner::new(actor, adam),
            critics,
            temperature: Temperature::new(
                &config.temperature,
                config.actor.draws_in_choice(),
                action_dim,
                adam,
                &trainable,
            ),
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
    pub fn critics(&self) -> &Critics {
        &self.networks.critics
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
            self.networks.learn(&self.config, batch, self.grad_step, &baseline, &mut [rng], done);
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
    /// - `update`: the updates done before this one
    fn learn(
        &mut self,
        config: &SacConfig,
        batch: TensorBatch,
        update: u64,
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
        let next_q = self.critics.target(update, batch.next_obs.clone(), next.action);
        let (next_q, next_log_prob) = best_of_each(rows, next_q, next.log_prob);
        let target = soft_bellman_target(&batch, next_q, next_log_prob, &alpha, gamma);
        done(Part::Target);
        let CriticLosses { halves, q1 } =
            self.critics.losses(batch.obs.clone(), batch.action, target, runs);
        let critic_loss = halves.0.clone().inner() + halves.1.clone().inner();
        done(Part::CriticForward);
        self.critics.descend(critic_lr, halves);
        done(Part::CriticStep);

        // Update the actor. The critics enter as constants, so only the actor gets gradients.
        let noise = self.actor.noise(rows, action_dim, rngs, &device);
        let critic: Judge<'_> = &|obs, action| self.critics.judge(obs, action);
        let input = LossInput { critic, obs: batch.obs, alpha: &alpha, noise, baseline };
        let ActorLoss { loss, log_prob, routing_loss, soft_value, mixture, sample } =
            self.actor.loss(input);
        let actor_loss = loss.clone().inner();
        done(Part::ActorForward);
        self.actor.descend(actor_lr, loss);
        done(Part::ActorStep);

        // Update the temperature, then the target critics.
        self.temperature.descend(actor_lr, log_prob.clone());
        self.critics.follow(tau);
        done(Part::TargetCritics);

        let latest =
            Latest { critic_loss, actor_loss, q1, log_prob, alpha, routing_loss, mixture, sample };
        (latest, soft_value)
    }

    /// Chooses an action for each run's observation, `[1, O]` each, as `[N, A]` numbers.
    fn act(&self, obs: Tensor<2>, mode: Mode, rngs: &mut [&mut Rng]) -> Vec<f32> {
        let critic: Judge<'_> = &|obs, action| self.critics.score(mode, obs, action);
        let chosen = self.actor.frozen().act(critic, obs, mode, rngs);
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
