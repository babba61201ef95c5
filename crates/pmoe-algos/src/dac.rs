//! Double actor-critic (DAC): options learnt as two Markov decision processes, with PPO for both.
//!
//! Zhang & Whiteson, "DAC: The Double Actor-Critic Architecture for Learning Options",
//! arXiv:1904.12691.
//!
//! # Quick facts
//! - On-policy, with a single environment. Actions are continuous, sampled from unbounded Gaussians
//!   and clipped to [-1, 1]^A for the environment.
//! - An option acts until it terminates, then the master policy chooses the next one. This choice
//!   is the action of the high MDP, whose state is (previous option, s). The option's action is the
//!   action of the low MDP, whose state is (s, option). Both MDPs have the task's reward.
//!
//! # Equations
//! | code | source | formula |
//! |---|---|---|
//! | [`option_log_probs`] | section 3 | π^H(o\|o', s) = (1 − β_{o'}(s)) \[o = o'\] + β_{o'}(s) π(o\|s) |
//! | [`Dac::targets`] | section 3 | v^L(s, o) = q(s, o), v^H(o', s) = Σ_o π^H(o\|o', s) q(s, o) |
//! | [`DacNet::high_loss`] | algorithm 1 with PPO | surrogate(π^H) + value loss − entropy |
//! | [`DacNet::low_loss`] | algorithm 1 with PPO | surrogate(π_o) + value loss |
//!
//! # Deviations
//! - The authors' code uses each option's own β in the second term of π^H, sets the previous option
//!   only in the first row of a minibatch, and adds 1e-5 to densities before taking their
//!   logarithm. Here the probabilities sum to 1, every row has its previous option, and densities
//!   are computed as logarithms throughout.
//! - Where a rollout or a time limit cuts an episode, both advantages bootstrap with v^H(o, s'),
//!   the mean over the next option. The authors' code samples one option instead.
//! - A time limit does not count as termination. In the authors' code it does
//!   (`bootstrap_truncation = false`).
//! - Parameters without influence on a loss do not change. In the authors' code, Adam still moves
//!   them with its momentum.
//! - Rewards are normalised as well, unless configured otherwise.

mod batch;
mod checkpoint;
mod config;
mod facts;
mod loss;
mod metrics;
mod net;
mod options;

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use pmoe_core::dist::select_value;
use pmoe_core::noise;
use pmoe_core::optim::{Adam, Learner};
use pmoe_envs::{EnvSpec, Rng};
use rand::RngExt;
use serde::{Deserialize, Serialize};

pub use self::batch::{HighMinibatch, LowMinibatch, MdpTargets, Targets};
pub use self::config::{DacConfig, EvalOption, Returns};
pub use self::loss::DacLoss;
pub use self::net::{DacNet, Previous, option_log_probs};
use self::options::Options;
use crate::agent::{
    Agent, AgentError, Metrics, Mode, Transition, Updates, finite_action, finite_metrics,
};
use crate::checkpoint::{CheckpointError, Files, Scope};
use crate::normalize::Normalizers;
use crate::rollout::{Passes, RolloutBuffer, discounted_returns, gae, standardise};
use crate::tensors::{host, matrix, mean};

/// The learner: networks with their optimiser, data and counters.
pub struct Dac {
    config: DacConfig,
    /// The plain device. Trainable modules live on its autodiff counterpart.
    device: Device,
    obs_dim: usize,
    action_dim: usize,
    net: Learner<DacNet>,
    /// The acting policy: the parameters of `net` after the latest update, without a graph.
    acting: DacNet,
    normalizers: Normalizers,
    rollout: RolloutBuffer,
    /// The options at the rollout's steps.
    options: Options,
    grad_step: u64,
    /// Progress of learning from a full rollout.
    learning: Learning,
    /// Metrics of the latest update.
    metrics: Metrics,
}

/// Progress of learning from a full rollout.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Learning {
    /// The MDPs still to learn, in order; empty before the update begins.
    left: Vec<Mdp>,
    /// The passes of the first of them.
    passes: Passes,
}

/// What an action passes to [`Agent::observe`] and to the next action.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Memory {
    /// The observation as the policy saw it, `[O]`.
    pub obs: Vec<f32>,
    /// The action as sampled from the option, `[A]`.
    pub action: Vec<f32>,
    /// The active option; `None` before the first action of an episode.
    pub option: Option<usize>,
    /// The option before it.
    pub previous: Option<usize>,
}

/// The two Markov decision processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mdp {
    /// Chooses options.
    High,
    /// Chooses the actions of an option.
    Low,
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
}

impl Dac {
    /// Creates an untrained learner. All initial values come from `seed`.
    pub fn new(config: DacConfig, spec: &EnvSpec, seed: u64, device: &Device) -> Self {
        let (obs_dim, action_dim) = (spec.obs_dim, spec.action_dim());
        let net = DacNet::new(&config, obs_dim, action_dim, seed, &device.clone().autodiff());
        Self {
            acting: net.valid(),
            net: Learner::new(net, Adam::new(config.adam_epsilon)),
            normalizers: Normalizers::new(&config.normalize, obs_dim, config.gamma, 1),
            rollout: RolloutBuffer::new(config.rollout_steps, 1),
            options: Options::default(),
            device: device.clone(),
            obs_dim,
            action_dim,
            grad_step: 0,
            learning: Learning::default(),
            metrics: Metrics::new(),
            config,
        }
    }

    /// The networks.
    pub fn net(&self) -> &DacNet {
        &self.net
    }

    /// The running statistics.
    pub fn normalizers(&self) -> &Normalizers {
        &self.normalizers
    }

    /// How evaluation chooses options.
    pub fn eval_option(&self) -> EvalOption {
        self.config.eval_option
    }

    /// Number of gradient updates done.
    pub fn grad_step(&self) -> u64 {
        self.grad_step
    }

    /// Starts or resumes learning from a full rollout; the comments follow the algorithm. Returns
    /// whether it finished without an interrupt.
    fn learn(&mut self, rng: &mut Rng, interrupt: &dyn Fn() -> bool) -> bool {
        // Values, probabilities and advantages of both MDPs under the acting policy.
        let targets = self.targets();
        let DacConfig { epochs, minibatch_size, .. } = self.config;
        // One MDP after the other, in random order.
        if self.learning.left.is_empty() {
            let high_first = rng.random();
            self.learning.left =
                if high_first { vec![Mdp::High, Mdp::Low] } else { vec![Mdp::Low, Mdp::High] };
        }
        while let Some(&mdp) = self.learning.left.first() {
            let mut latest = None;
            while !self.learning.passes.are_done(epochs) {
                if interrupt() {
                    return false;
                }
                let rows = self.learning.passes.next(self.rollout.len(), minibatch_size, rng);
                latest = Some(self.gradient_step(mdp, &targets, &rows));
            }
            if let Some((loss, grad_norm)) = latest {
                self.metrics.extend(self.metrics_of(mdp, &loss, grad_norm));
            }
            self.learning.left.remove(0);
            self.learning.passes = Passes::default();
        }
        self.metrics.extend(self.metrics_of_rollout(&targets));
        // From here on, the new policy acts.
        self.rollout.clear();
        self.options = Options::default();
        self.acting = self.net.valid();
        true
    }

    /// Computes what both MDPs learn from a full rollout.
    pub fn targets(&self) -> Targets {
        let (rollout, net) = (&self.rollout, &self.acting);
        let steps = rollout.len();
        let obs_dim = rollout.obs().len() / steps;
        let obs = matrix(rollout.obs().to_vec(), obs_dim, &self.device);
        let action = matrix(rollout.action().to_vec(), self.action_dim, &self.device);
        let rows: Vec<usize> = (0..steps).collect();
        let (option, previous) = self.options.tensors(&rows, &self.device);

        let log_probs = net.option_log_probs(obs.clone(), &previous);
        let q = net.q(obs.clone());
        let probs = log_probs.clone().exp();
        let high_value = host((probs.clone() * q.clone()).sum_dim(1).squeeze_dim(1));
        let low_value = host(select_value(q, &option));
        let high_log_prob = host(select_value(log_probs.clone(), &option));
        let mixture = net.mixture(log_probs, obs);
        let low_log_prob = host(mixture.primitive(&option).log_prob(action.clone()));
        let entropy = mean(&mixture.entropy_estimate(action));
        let cut_value = self.cut_value(obs_dim);
        Targets {
            high: self.mdp_targets(high_log_prob, high_value, &cut_value),
            low: self.mdp_targets(low_log_prob, low_value, &cut_value),
            probs: probs.try_into_vec_as::<f32>().expect("converted to f32"),
            entropy,
        }
    }

    /// Computes the values v^H(o, s') of the states without a next row.
    fn cut_value(&self, obs_dim: usize) -> Vec<f32> {
        if self.rollout.cut_obs().is_empty() {
            return Vec::new();
        }
        let obs = matrix(self.rollout.cut_obs().to_vec(), obs_dim, &self.device);
        let steps = self.rollout.cut_steps();
        let before: Vec<i64> = steps.map(|step| self.options.option[step] as i64).collect();
        let previous = Previous {
            is_first: Tensor::from_data(vec![false; before.len()].as_slice(), &self.device),
            option: Tensor::from_data(before.as_slice(), &self.device),
        };
        let probs = self.acting.option_log_probs(obs.clone(), &previous).exp();
        host((probs * self.acting.q(obs)).sum_dim(1).squeeze_dim(1))
    }

    fn mdp_targets(&self, log_prob: Vec<f32>, value: Vec<f32>, cut_value: &[f32]) -> MdpTargets {
        let DacConfig { gamma, gae_lambda, bootstrap_truncation, .. } = self.config;
        let reward = self.rollout.reward();
        let next_value = self.rollout.next_value(&value, cut_value, bootstrap_truncation);
        let ended = self.rollout.ended();
        let mut advantage = gae(reward, &value, &next_value, &ended, 1, gamma, gae_lambda);
        let returns = match self.config.returns {
            Returns::Discounted => discounted_returns(reward, &next_value, &ended, gamma),
            Returns::Lambda => advantage.iter().zip(&value).map(|(a, v)| a + v).collect(),
        };
        standardise(&mut advantage);
        MdpTargets { log_prob, value, advantage, returns }
    }

    /// Does one gradient update on some steps of the rollout. Returns the loss and the norm of the
    /// gradient.
    pub fn gradient_step(&mut self, mdp: Mdp, targets: &Targets, rows: &[usize]) -> (DacLoss, f64) {
        self.gradient_step_in_parts(mdp, targets, rows, &mut |_| ())
    }

    /// Does one gradient update and calls `done` after each part.
    pub fn gradient_step_in_parts(
        &mut self,
        mdp: Mdp,
        targets: &Targets,
        rows: &[usize],
        done: &mut dyn FnMut(Part),
    ) -> (DacLoss, f64) {
        let mut loss = match mdp {
            Mdp::High => {
                let batch = self.high_minibatch(targets, rows);
                done(Part::Batch);
                self.net.high_loss(&self.config, batch)
            }
            Mdp::Low => {
                let batch = self.low_minibatch(targets, rows);
                done(Part::Batch);
                self.net.low_loss(&self.config, batch)
            }
        };
        done(Part::Forward);
        // The backward pass consumes the graph; only the number is kept.
        let value = loss.loss.clone().inner();
        let graph = std::mem::replace(&mut loss.loss, value);
        let norm = self.net.descend_clipped(self.config.lr, graph, self.config.max_grad_norm);
        done(Part::Step);
        self.grad_step += 1;
        (loss, norm)
    }
}

impl Agent for Dac {
    type Memory = Memory;

    fn act(
        &self,
        memory: &mut Memory,
        obs: &[f32],
        mode: Mode,
        rng: &mut Rng,
        action: &mut [f32],
    ) -> Result<(), AgentError> {
        self.normalizers.see(obs, &mut memory.obs);
        let seen = matrix(memory.obs.clone(), obs.len(), &self.device);
        memory.previous = memory.option.take();
        // The previous option continues or terminates; if it terminates, the master policy chooses.
        let log_probs = match memory.previous {
            Some(option) => {
                let previous = Previous {
                    option: Tensor::from_data([option as i64], &self.device),
                    is_first: Tensor::from_data([false], &self.device),
                };
                let logit = self.acting.termination[option].forward(seen.clone()).squeeze_dim(1);
                option_log_probs(self.acting.master_log_probs(seen.clone()), logit, &previous)
            }
            None => self.acting.master_log_probs(seen.clone()),
        };
        let probs = log_probs.exp().try_into_vec_as::<f32>().expect("converted to f32");
        let option = match (mode, self.config.eval_option) {
            (Mode::Explore, _) | (Mode::Evaluate, EvalOption::Sample) => {
                noise::categorical(&probs, rng)
            }
            (Mode::Evaluate, EvalOption::Argmax) => largest(&probs),
        };
        memory.option = Some(option);
        // The option acts.
        let policy = self.acting.option(option, seen);
        let drawn = match mode {
            Mode::Explore => {
                let noise = noise::normal(policy.mean.dims(), rng, &self.device);
                policy.rsample(noise)
            }
            Mode::Evaluate => policy.mean,
        };
        memory.action = drawn.try_into_vec_as::<f32>().expect("actions are floats");
        for (action, drawn) in action.iter_mut().zip(&memory.action) {
            *action = drawn.clamp(-1.0, 1.0);
        }
        finite_action(action, self.grad_step)
    }

    fn observe(&mut self, memory: &Memory, transition: Transition<'_>) {
        let reward = self.normalizers.observe(0, &transition);
        let Transition { next_obs, terminated, truncated, .. } = transition;
        let mut seen = Vec::new();
        if self.rollout.needs_next_obs(terminated, truncated) {
            self.normalizers.see(next_obs, &mut seen);
        }
        let (obs, action, next_obs) = (&memory.obs, &memory.action, &seen);
        self.rollout.push(Transition { obs, action, reward, next_obs, terminated, truncated });
        self.options.option.push(memory.option.expect("an act chose it"));
        self.options.previous.push(memory.previous);
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

    fn check_restored(&self, memory: &Memory, in_update: bool) -> Result<(), CheckpointError> {
        self.check_memory(memory)?;
        self.check_in_update(in_update)
    }
}

/// Returns the index of the largest number, the first one in a tie.
fn largest(values: &[f32]) -> usize {
    (1..values.len()).fold(0, |best, at| if values[best] < values[at] { at } else { best })
}
