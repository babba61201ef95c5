//! The list of all algorithms.

use burn::tensor::Device;
use pmoe_envs::{EnvSpec, Rng};
use serde::{Deserialize, Serialize};

use crate::agent::{Agent, AgentError, Metrics, Mode, Transition, Updates};
use crate::checkpoint::{CheckpointError, Files, Scope};
use crate::dac::{self, Dac, DacConfig};
use crate::experience::Experience;
use crate::memory::MemoryUse;
use crate::policy::{EvalPrimitive, PrimitiveActions};
use crate::ppo::{self, Ppo, PpoConfig};
use crate::range::ConfigError;
use crate::sac::{Sac, SacConfig};
use crate::td3::{Td3, Td3Config};
use crate::timing::TimedStep;

/// An algorithm with its settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum AlgoConfig {
    /// Soft actor-critic with any policy of its family.
    Sac(SacConfig),
    /// Proximal policy optimisation with any policy of its family.
    Ppo(PpoConfig),
    /// Double actor-critic.
    Dac(DacConfig),
    /// Twin delayed deep deterministic policy gradient.
    Td3(Td3Config),
}

/// A learner of any algorithm.
#[expect(clippy::large_enum_variant, reason = "there is one of them, and it is not moved")]
pub enum AnyAgent {
    /// Soft actor-critic.
    Sac(Sac),
    /// Proximal policy optimisation.
    Ppo(Ppo),
    /// Double actor-critic.
    Dac(Dac),
    /// Twin delayed deep deterministic policy gradient.
    Td3(Td3),
}

/// The memory of any policy. Each algorithm uses its own field.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnyMemory {
    #[serde(skip)]
    sac: (),
    ppo: ppo::Memory,
    dac: dac::Memory,
    #[serde(skip)]
    td3: (),
}

/// Evaluates the same expression for any algorithm, optionally with its part of a memory or of
/// several.
macro_rules! forward {
    ($any:expr, $one:ident => $body:expr) => {
        match $any {
            Self::Sac($one) => $body,
            Self::Ppo($one) => $body,
            Self::Dac($one) => $body,
            Self::Td3($one) => $body,
        }
    };
    ($any:expr, $memory:expr, ($one:ident, $part:ident) => $body:expr) => {
        match ($any, $memory) {
            (Self::Sac($one), AnyMemory { sac: $part, .. }) => $body,
            (Self::Ppo($one), AnyMemory { ppo: $part, .. }) => $body,
            (Self::Dac($one), AnyMemory { dac: $part, .. }) => $body,
            (Self::Td3($one), AnyMemory { td3: $part, .. }) => $body,
        }
    };
    ($any:expr, all $memories:expr, ($one:ident, $parts:ident) => $body:expr) => {
        match $any {
            Self::Sac($one) => with_parts!($memories, sac, $parts => $body),
            Self::Ppo($one) => with_parts!($memories, ppo, $parts => $body),
            Self::Dac($one) => with_parts!($memories, dac, $parts => $body),
            Self::Td3($one) => with_parts!($memories, td3, $parts => $body),
        }
    };
}

/// Evaluates an expression with one field of each memory.
macro_rules! with_parts {
    ($memories:expr, $field:ident, $parts:ident => $body:expr) => {{
        let $parts: Vec<_> = $memories.iter_mut().map(|memory| &mut memory.$field).collect();
        $body
    }};
}

impl AlgoConfig {
    /// Returns the algorithm's name, which is also its table in a config: `sac`, `ppo`, `dac` or
    /// `td3`.
    pub fn name(&self) -> &'static str {
        forward!(self, config => config.name())
    }

    /// Checks every range.
    ///
    /// # Errors
    /// The error names the key, its value and the allowed values.
    pub fn validate(&self) -> Result<(), ConfigError> {
        forward!(self, config => config.validate())
    }

    /// Creates an untrained learner with these settings for a run of `total_steps` environment
    /// steps.
    pub fn agent(&self, spec: &EnvSpec, total_steps: u64, seed: u64, device: &Device) -> AnyAgent {
        match self.clone() {
            Self::Sac(mut config) => {
                // The buffer is allocated up front, and a run never has more transitions than
                // steps.
                config.buffer_size = config.buffer_size.min(steps(total_steps)).max(1);
                AnyAgent::Sac(Sac::new(config, spec, seed, device))
            }
            Self::Ppo(config) => AnyAgent::Ppo(Ppo::new(config, spec, total_steps, seed, device)),
            Self::Dac(config) => AnyAgent::Dac(Dac::new(config, spec, seed, device)),
            Self::Td3(mut config) => {
                config.buffer_size = config.buffer_size.min(steps(total_steps)).max(1);
                AnyAgent::Td3(Td3::new(config, spec, seed, device))
            }
        }
    }

    fn experience(&self) -> Experience {
        forward!(self, config => config.experience())
    }

    /// Returns the number of environment steps before the first update, and the dotted key of the
    /// setting that determines it.
    pub fn first_update(&self) -> (String, u64) {
        let (key, first) = self.experience().first_update();
        (format!("algo.{}.{key}", self.name()), first)
    }

    /// Returns the number of environment steps between two updates of the learner.
    pub fn steps_per_update(&self) -> u64 {
        self.experience().steps_per_update()
    }

    /// Returns the batch size of a gradient update.
    pub fn rows_per_update(&self) -> usize {
        self.experience().rows_per_update()
    }

    /// Returns the number of environments that a run steps in turn.
    pub fn num_envs(&self) -> usize {
        forward!(self, config => config.num_envs())
    }

    /// Returns the number of transitions that a run of `total_steps` keeps for learning, and their
    /// size in bytes.
    pub fn kept_steps(&self, total_steps: u64, spec: &EnvSpec) -> (usize, usize) {
        let (experience, total_steps) = (self.experience(), steps(total_steps));
        (experience.kept_steps(total_steps), experience.bytes(total_steps, spec))
    }

    /// Returns how much of the learner a finished run keeps. A replay buffer is kept only on
    /// request. An on-policy learner is small and kept whole, so that the run can be extended.
    pub fn scope_at_the_end(&self, keep_replay: bool) -> Scope {
        self.experience().scope_at_the_end(keep_replay)
    }

    /// Whether learning depends on the length of the run.
    pub fn depends_on_total_steps(&self) -> bool {
        forward!(self, config => config.depends_on_total_steps())
    }

    /// Whether several runs can learn in lockstep, as a [`Population`](crate::train::Population).
    pub fn goes_in_lockstep(&self) -> bool {
        matches!(self, Self::Sac(_))
    }

    /// Changes the number of uniformly random actions at the start, if the algorithm has any. The
    /// policy explores after them.
    #[must_use]
    pub fn with_random_steps(mut self, steps: u64) -> Self {
        forward!(&mut self, config => config.set_random_steps(steps));
        self
    }

    /// Moves the first update to the earliest possible step. The cost of an update stays the same.
    #[must_use]
    pub fn learning_early(mut self) -> Self {
        forward!(&mut self, config => config.learn_early());
        self
    }

    /// Returns the setting for the primitive that acts in evaluation; `None` if the policy has no
    /// primitives to choose from.
    pub fn eval_primitive(&mut self) -> Option<&mut EvalPrimitive> {
        forward!(self, config => config.eval_primitive())
    }

    /// Returns the memory use of a run of `total_steps` environment steps.
    pub fn memory(&self, total_steps: u64, spec: &EnvSpec) -> MemoryUse {
        forward!(self, config => config.memory(steps(total_steps), spec))
    }

    /// Creates a gradient update for timing. It learns from `transitions` random transitions in a
    /// replay buffer, or from a random rollout. For DAC it is one update of each MDP, for TD3 as
    /// many critic updates as there are per actor update.
    pub fn timed_step(&self, spec: &EnvSpec, transitions: usize, device: &Device) -> TimedStep {
        forward!(self, config => config.timed_step(spec, transitions, device))
    }

    /// As [`AlgoConfig::timed_step`], of several runs in lockstep; `None` if they can't be.
    pub fn timed_lockstep(
        &self,
        runs: usize,
        spec: &EnvSpec,
        transitions: usize,
        device: &Device,
    ) -> Option<TimedStep> {
        match self {
            Self::Sac(config) => Some(config.timed_lockstep(runs, spec, transitions, device)),
            Self::Ppo(_) | Self::Dac(_) | Self::Td3(_) => None,
        }
    }

    /// Returns the dotted key of the setting that causes the largest memory use: setting it to its
    /// minimum saves the most.
    pub fn largest_setting(&self, total_steps: u64, spec: &EnvSpec) -> String {
        let steps = steps(total_steps);
        let largest = forward!(self, config => {
            // The first one in a tie.
            let smaller = config.with_one_at_its_least().into_iter();
            smaller.min_by_key(|(_, config)| config.memory(steps, spec).total()).map(|(key, _)| key)
        });
        format!("algo.{}.{}", self.name(), largest.unwrap_or_default())
    }
}

/// Converts a number of steps to `usize`, saturating.
fn steps(total_steps: u64) -> usize {
    usize::try_from(total_steps).unwrap_or(usize::MAX)
}

impl AnyAgent {
    /// Computes what every primitive would do at some states, without choosing one or changing any
    /// state.
    ///
    /// Returns `None` for a policy with a single Gaussian, and for the policies of PPO and DAC:
    /// they act on normalised observations, which a state alone does not determine.
    ///
    /// # Shapes
    /// - `obs`: `[B, O]`, row-major, with B at least 1
    pub fn primitives(
        &self,
        obs: &[f32],
        obs_dim: usize,
        rng: &mut Rng,
    ) -> Option<PrimitiveActions> {
        match self {
            Self::Sac(agent) => agent.primitives(obs, obs_dim, rng),
            Self::Ppo(_) | Self::Dac(_) | Self::Td3(_) => None,
        }
    }

    /// Computes the value of actions at some states, `[B]`: that of SAC's critics, the smaller of
    /// two. `None` for the other algorithms, and if every primitive has critics of its own.
    ///
    /// # Shapes
    /// - `obs`: `[B, O]`, `actions`: `[B, A]` in [-1, 1], both row-major, with B at least 1
    pub fn values(&self, obs: &[f32], obs_dim: usize, actions: &[f32]) -> Option<Vec<f32>> {
        match self {
            Self::Sac(agent) => agent.values(obs, obs_dim, actions),
            Self::Ppo(_) | Self::Dac(_) | Self::Td3(_) => None,
        }
    }
}

impl Agent for AnyAgent {
    type Memory = AnyMemory;

    fn act(
        &self,
        memory: &mut AnyMemory,
        obs: &[f32],
        mode: Mode,
        rng: &mut Rng,
        action: &mut [f32],
    ) -> Result<(), AgentError> {
        forward!(self, memory, (agent, memory) => agent.act(memory, obs, mode, rng, action))
    }

    fn act_all(
        &self,
        mut memories: Vec<&mut AnyMemory>,
        obs: &[f32],
        mode: Mode,
        rng: &mut Rng,
        actions: &mut [f32],
    ) -> Result<(), AgentError> {
        forward!(self, all memories, (agent, memories) => {
            agent.act_all(memories, obs, mode, rng, actions)
        })
    }

    fn observe(&mut self, memory: &AnyMemory, transition: Transition<'_>) {
        forward!(self, memory, (agent, memory) => agent.observe(memory, transition));
    }

    fn cut(&mut self, obs: &[f32]) {
        forward!(self, agent => agent.cut(obs));
    }

    fn update(&mut self, rng: &mut Rng, interrupt: &dyn Fn() -> bool) -> Updates {
        forward!(self, agent => agent.update(rng, interrupt))
    }

    fn metrics(&self) -> Result<Metrics, AgentError> {
        forward!(self, agent => agent.metrics())
    }

    fn save<'a>(&'a self, files: &mut Files<'a>, scope: Scope) -> Result<(), CheckpointError> {
        forward!(self, agent => agent.save(files, scope))
    }

    fn load(&mut self, files: &Files<'_>, scope: Scope) -> Result<(), CheckpointError> {
        forward!(self, agent => agent.load(files, scope))
    }

    fn check_restored(&self, memory: &AnyMemory, in_update: bool) -> Result<(), CheckpointError> {
        forward!(self, memory, (agent, memory) => agent.check_restored(memory, in_update))
    }
}
