//! Proximal policy optimisation (PPO), and PMOE-PPO, gating-PPO and MCP-PPO, which differ in the
//! actor.
//!
//! Schulman et al., "Proximal Policy Optimization Algorithms", arXiv:1707.06347; Ren et al.,
//! "Probabilistic Mixture-of-Experts for Efficient Deep Reinforcement Learning".
//!
//! # Quick facts
//! - On-policy, with one or several environments. Actions are continuous, sampled from an unbounded
//!   Gaussian and clipped to [-1, 1]^A for the environment.
//! - The actor is any [`Actor`]. With one primitive, PMOE-PPO equals PPO bit for bit.
//!
//! # Equations
//! | code | source | formula |
//! |---|---|---|
//! | [`gae`] | arXiv:1506.02438, eq. 16 | A_t = δ_t + γ λ (1 − ended_t) A_{t+1}, δ_t = r_t + γ V(s_{t+1}) − V(s_t) |
//! | [`clipped_surrogate_loss`](pmoe_core::loss::clipped_surrogate_loss) | arXiv:1707.06347, eq. 7 | mean max(−ρ A, −clip(ρ, 1 ± ε) A), ρ = π / π_old |
//! | [`value_loss`](pmoe_core::loss::value_loss) | eq. 9, second term | ½ mean (V(s) − R)², R = A + V_old(s) |
//! | [`ActorCritic::loss`] | eq. 9 | surrogate + c_v value − c_e entropy, for PMOE + c_f frequency |
//! | [`action_value_loss`] | the co-author's code | mean (Q(s, a) − R)² |
//!
//! # Deviations
//! - The PMOE paper's Table 1(b) lists "Polyak (τ) 0.95" and "gradient clip 0.2". Elsewhere these
//!   are the values of λ and of the ratio's ε, and they are interpreted as such here.
//! - After a time limit, the value of the last state is bootstrapped. CleanRL and DeepRL treat a
//!   time limit as termination (`bootstrap_truncation = false`).
//! - The log-density is that of the action before clipping, as in CleanRL.
//! - Values and log-densities of a rollout are computed together when it is full. The parameters do
//!   not change before that, so they are those of the acting policy.
//! - An observation enters the running statistics after the action.

mod actor;
mod actor_critic;
mod batch;
mod checkpoint;
mod config;
mod critic;
mod facts;
mod metrics;

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use pmoe_core::noise;
use pmoe_core::optim::{Adam, Learner};
use pmoe_envs::{EnvSpec, Rng};
use serde::{Deserialize, Serialize};

pub use self::actor::{
    Actor, ActorOutput, GatingActor, GaussianActor, MeanHead, PmoeActor, Policy,
};
pub use self::actor_critic::{ActorCritic, Judge, PpoLoss};
pub use self::batch::{Minibatch, Targets};
pub use self::config::{
    ActorConfig, AdvantageNorm, CriticConfig, GatingConfig, InitConfig, McpConfig, MeanOutput,
    NetConfig, PmoeConfig, PpoConfig, Routing,
};
pub use self::critic::{ActionValue, Critic, action_value_loss};
use crate::agent::{
    Agent, AgentError, Metrics, Mode, Transition, Updates, finite_action, finite_metrics,
};
use crate::checkpoint::{CheckpointError, Files, Scope};
use crate::normalize::Normalizers;
use crate::rollout::{Passes, RolloutBuffer, gae, standardise};
use crate::seed::{Stream, stream};
use crate::tensors::{host, matrix, mean};

/// The learner: networks with their optimisers, data and counters.
pub struct Ppo {
    config: PpoConfig,
    /// The plain device. Trainable modules live on its autodiff counterpart.
    device: Device,
    obs_dim: usize,
    action_dim: usize,
    net: Learner<ActorCritic>,
    /// The Q-network that a mixture's router learns from.
    aux: Option<Learner<ActionValue>>,
    /// The acting policy: the parameters of `net` after the latest update, without a graph.
    acting: ActorCritic,
    normalizers: Normalizers,
    rollout: RolloutBuffer,
    /// Number of updates in the whole run, for annealing the learning rate.
    total_updates: u64,
    updates: u64,
    grad_step: u64,
    /// Progress of learning from a full rollout.
    passes: Passes,
    /// Metrics of the latest update.
    metrics: Metrics,
}

/// What an action passes to [`Agent::observe`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Memory {
    /// The observation as the policy saw it, `[O]`.
    pub obs: Vec<f32>,
    /// The action as sampled from the policy, `[A]`.
    pub action: Vec<f32>,
}

/// A part of a gradient update, in order of execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Gathering and uploading a minibatch.
    Batch,
    /// Policy, values and losses.
    Forward,
    /// Gradients, clipping and Adam.
    Step,
    /// All of these for the Q-network of a mixture.
    ActionValue,
}

/// Results of a gradient update for the log, still on the device.
pub struct GradientStep {
    loss: PpoLoss,
    aux_loss: Option<Tensor<1>>,
    grad_norm: f64,
    lr: f64,
}

impl Ppo {
    /// Creates an untrained learner for a run of `total_steps` environment steps. All initial
    /// values come from `seed`.
    pub fn new(
        config: PpoConfig,
        spec: &EnvSpec,
        total_steps: u64,
        seed: u64,
        device: &Device,
    ) -> Self {
        let (obs_dim, action_dim) = (spec.obs_dim, spec.action_dim());
        let trainable = device.clone().autodiff();
        let net = ActorCritic::new(&config, obs_dim, action_dim, seed, &trainable);
        let adam = Adam::new(config.adam_epsilon);
        let aux = config.actor.with_action_value().map(|pmoe| {
            let rng = &mut stream(seed, Stream::ActionValueInit);
            Learner::new(ActionValue::new(pmoe, obs_dim, action_dim, rng, &trainable), adam)
        });
        Self {
            acting: net.valid(),
            net: Learner::new(net, adam),
            aux,
            normalizers: Normalizers::new(
                &config.normalize,
                obs_dim,
                config.gamma,
                config.num_envs,
            ),
            rollout: config.rollout(),
            total_updates: total_steps / config.rollout_steps as u64,
            device: device.clone(),
            obs_dim,
            action_dim,
            updates: 0,
            grad_step: 0,
            passes: Passes::default(),
            metrics: Metrics::new(),
            config,
        }
    }

    /// Returns the policy and the value network.
    pub fn net(&self) -> &ActorCritic {
        &self.net
    }

    /// Returns the Q-network that a mixture's router learns from, if any.
    pub fn action_value(&self) -> Option<&ActionValue> {
        self.aux.as_deref()
    }

    /// Returns the running statistics.
    pub fn normalizers(&self) -> &Normalizers {
        &self.normalizers
    }

    /// Returns the steps of the current rollout.
    pub fn rollout(&self) -> &RolloutBuffer {
        &self.rollout
    }

    /// Returns the number of gradient updates done.
    pub fn grad_step(&self) -> u64 {
        self.grad_step
    }

    /// Starts or resumes learning from a full rollout; the comments follow the algorithm. Returns
    /// whether it finished without an interrupt.
    fn learn(&mut self, rng: &mut Rng, interrupt: &dyn Fn() -> bool) -> bool {
        // Values, log-densities and advantages under the acting policy.
        let targets = self.targets();
        let PpoConfig { epochs, minibatch_size, .. } = self.config;
        let mut latest = None;
        while !self.passes.are_done(epochs) {
            if interrupt() {
                return false;
            }
            // Several passes, each in a different order.
            let rows = self.passes.next(self.rollout.len(), minibatch_size, rng);
            latest = Some(self.gradient_step(&targets, &rows, rng));
        }
        if let Some(step) = latest {
            self.metrics = self.metrics_of(&step, &targets);
        }
        // From here on, the new policy acts.
        self.rollout.clear();
        self.passes = Passes::default();
        self.acting = self.net.valid();
        self.updates += 1;
        true
    }

    /// Computes what learning needs from a full rollout.
    pub fn targets(&self) -> Targets {
        let PpoConfig { gamma, gae_lambda, bootstrap_truncation, .. } = self.config;
        let rollout = &self.rollout;
        let (steps, action_dim) = (rollout.len(), self.action_dim);
        let obs_dim = rollout.obs().len() / steps;
        let obs = matrix(rollout.obs().to_vec(), obs_dim, &self.device);
        let (policy, value) = self.acting.forward(obs);
        let action = matrix(rollout.action().to_vec(), action_dim, &self.device);
        let entropy = policy.entropy_estimate(action.clone()).map(|entropy| mean(&entropy));
        let log_prob = host(policy.log_prob(action));
        let value = host(value);
        // States without a next row.
        let cut_value = if rollout.cut_obs().is_empty() {
            Vec::new()
        } else {
            let obs = matrix(rollout.cut_obs().to_vec(), obs_dim, &self.device);
            host(self.acting.forward(obs).1)
        };
        let next_value = rollout.next_value(&value, &cut_value, bootstrap_truncation);
        let ended = rollout.ended();
        let (reward, num_envs) = (rollout.reward(), rollout.num_envs());
        let mut advantage = gae(reward, &value, &next_value, &ended, num_envs, gamma, gae_lambda);
        let returns = advantage.iter().zip(&value).map(|(a, v)| a + v).collect();
        if self.config.advantage_norm == AdvantageNorm::Rollout {
            standardise(&mut advantage);
        }
        Targets { log_prob, value, advantage, returns, entropy }
    }

    /// Does one gradient update on some steps of the rollout.
    pub fn gradient_step(
        &mut self,
        targets: &Targets,
        rows: &[usize],
        rng: &mut Rng,
    ) -> GradientStep {
        self.gradient_step_in_parts(targets, rows, rng, &mut |_| ())
    }

    /// Does one gradient update and calls `done` after each part.
    pub fn gradient_step_in_parts(
        &mut self,
        targets: &Targets,
        rows: &[usize],
        rng: &mut Rng,
        done: &mut dyn FnMut(Part),
    ) -> GradientStep {
        let normalize = self.config.advantage_norm == AdvantageNorm::Minibatch;
        let batch = Minibatch::gather(&self.rollout, targets, rows, normalize, &self.device);
        let (obs, action, returns) =
            (batch.obs.clone(), batch.action.clone(), batch.returns.clone());
        done(Part::Batch);

        let num_primitives = self.config.actor.num_primitives();
        // With one primitive, there is no choice and no randomness.
        let q = self.aux.as_ref().filter(|_| num_primitives > 1).map(Learner::frozen);
        let judge = q.map(|q| {
            let shape = [rows.len() * num_primitives, self.action_dim];
            Judge { q, noise: noise::normal(shape, rng, &self.device) }
        });
        let mut loss = self.net.loss(&self.config, batch, judge);
        done(Part::Forward);

        let annealing = self.annealing();
        let lr = annealing * self.config.lr;
        // The backward pass consumes the graph; only the number is kept.
        let value = loss.loss.clone().inner();
        let graph = std::mem::replace(&mut loss.loss, value);
        let grad_norm = self.net.descend_clipped(lr, graph, self.config.max_grad_norm);
        done(Part::Step);

        let mut aux_loss = None;
        if let Some(aux) = &mut self.aux {
            let loss = action_value_loss(aux.forward(obs, action), returns);
            aux_loss = Some(loss.clone().inner());
            aux.descend(annealing * aux.lr(), loss);
            done(Part::ActionValue);
        }
        self.grad_step += 1;
        GradientStep { loss, aux_loss, grad_norm, lr }
    }

    /// Returns the factor on the learning rates of this update.
    fn annealing(&self) -> f64 {
        if self.config.anneal_lr && self.total_updates > 0 {
            (1.0 - self.updates as f64 / self.total_updates as f64).max(0.0)
        } else {
            1.0
        }
    }
}

impl Agent for Ppo {
    type Memory = Memory;

    fn act(
        &self,
        memory: &mut Memory,
        obs: &[f32],
        mode: Mode,
        rng: &mut Rng,
        action: &mut [f32],
    ) -> Result<(), AgentError> {
        self.act_all(vec![memory], obs, mode, rng, action)
    }

    fn act_all(
        &self,
        mut memories: Vec<&mut Memory>,
        obs: &[f32],
        mode: Mode,
        rng: &mut Rng,
        actions: &mut [f32],
    ) -> Result<(), AgentError> {
        let mut seen = Vec::with_capacity(obs.len());
        for (memory, obs) in memories.iter_mut().zip(obs.chunks_exact(self.obs_dim)) {
            self.normalizers.see(obs, &mut memory.obs);
            seen.extend_from_slice(&memory.obs);
        }
        let seen = matrix(seen, self.obs_dim, &self.device);
        let aux = self.aux.as_ref().filter(|_| mode == Mode::Evaluate).map(Learner::frozen);
        let drawn = self.acting.actor.act(aux, seen, mode, rng);
        let drawn = drawn.try_into_vec_as::<f32>().expect("actions are floats");
        for (memory, drawn) in memories.iter_mut().zip(drawn.chunks_exact(self.action_dim)) {
            memory.action.clear();
            memory.action.extend_from_slice(drawn);
        }
        for (action, drawn) in actions.iter_mut().zip(&drawn) {
            *action = drawn.clamp(-1.0, 1.0);
        }
        finite_action(actions, self.grad_step)
    }

    fn observe(&mut self, memory: &Memory, transition: Transition<'_>) {
        // The environments take turns.
        let env = self.rollout.len() % self.rollout.num_envs();
        let reward = self.normalizers.observe(env, &transition);
        let Transition { next_obs, terminated, truncated, .. } = transition;
        let mut seen = Vec::new();
        if self.rollout.needs_next_obs(terminated, truncated) {
            self.normalizers.see(next_obs, &mut seen);
        }
        let (obs, action, next_obs) = (&memory.obs, &memory.action, &seen);
        self.rollout.push(Transition { obs, action, reward, next_obs, terminated, truncated });
    }

    fn cut(&mut self, obs: &[f32]) {
        let mut seen = Vec::new();
        self.normalizers.see(obs, &mut seen);
        self.rollout.cut(&seen);
        self.normalizers.cut();
    }

    fn update(&mut self, rng: &mut Rng, interrupt: &dyn Fn() -> bool) -> Updates {
        let before = self.grad_step;
        let is_complete = !self.rollout.is_full() || self.learn(rng, interrupt);
        Updates { taken: (self.grad_step - before) as u32, is_complete }
    }

    fn metrics(&self) -> Result<Metrics, AgentError> {
        finite_metrics(self.metrics.clone(), self.grad_step)
    }

    fn save<'a>(&'a self, files: &mut Files<'a>, scope: Scope) -> Result<(), CheckpointError> {
        self.save_parts(files, scope)
    }

    fn load(&mut self, files: &Files<'_>, scope: Scope) -> Result<(), CheckpointError> {
        self.load_parts(files, scope)
    }

    fn check_restored(&self, _memory: &Memory, in_update: bool) -> Result<(), CheckpointError> {
        self.check_in_update(in_update)
    }
}
