//! The algorithms: the one place that lists them.

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

/// The memory of any policy: each algorithm uses its own part.
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

/// Does the same with whichever algorithm there is, and with its part of a memory.
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
}

impl AlgoConfig {
    /// The algorithm's name, its table in a config: `sac`, `ppo`, `dac` or `td3`.
    pub fn name(&self) -> &'static str {
        forward!(self, config => config.name())
    }

    /// Checks every range.
    ///
    /// # Errors
    /// Names the key, its value and what it may be.
    pub fn validate(&self) -> Result<(), ConfigError> {
        forward!(self, config => config.validate())
    }

    /// The learner that this describes, at its start, for a run of `total_steps` environment steps.
    pub fn agent(&self, spec: &EnvSpec, total_steps: u64, seed: u64, device: &Device) -> AnyAgent {
        match self.clone() {
            Self::Sac(mut config) => {
                // Memory is reserved for all transitions, and there are never more than steps.
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

    /// Environment steps before the first update, and the dotted key of the setting that says so.
    pub fn first_update(&self) -> (String, u64) {
        let (key, first) = self.experience().first_update();
        (format!("algo.{}.{key}", self.name()), first)
    }

    /// Environment steps from one time of learning to the next.
    pub fn steps_per_update(&self) -> u64 {
        self.experience().steps_per_update()
    }

    /// Steps that one gradient update learns from.
    pub fn rows_per_update(&self) -> usize {
        self.experience().rows_per_update()
    }

    /// Steps that are kept to learn from in a run of `total_steps`, and the memory (bytes) they take.
    pub fn kept_steps(&self, total_steps: u64, spec: &EnvSpec) -> (usize, usize) {
        let (experience, total_steps) = (self.experience(), steps(total_steps));
        (experience.kept_steps(total_steps), experience.bytes(total_steps, spec))
    }

    /// How much a finished run keeps: all of a learner whose data are few, so that more steps can follow;
    /// replay data on request only.
    pub fn scope_at_the_end(&self, keep_replay: bool) -> Scope {
        self.experience().scope_at_the_end(keep_replay)
    }

    /// Whether learning depends on how long the run will be.
    pub fn depends_on_total_steps(&self) -> bool {
        forward!(self, config => config.depends_on_total_steps())
    }

    /// The same with another number of uniformly random actions at the start, where there are any; after
    /// them the policy explores.
    #[must_use]
    pub fn with_random_steps(mut self, steps: u64) -> Self {
        forward!(&mut self, config => config.set_random_steps(steps));
        self
    }

    /// The same with its first update after as few steps as it can be. An update costs what it did.
    #[must_use]
    pub fn learning_early(mut self) -> Self {
        forward!(&mut self, config => config.learn_early());
        self
    }

    /// Which primitive acts when evaluated; none where the policy has no primitives to choose from.
    pub fn eval_primitive(&mut self) -> Option<&mut EvalPrimitive> {
        forward!(self, config => config.eval_primitive())
    }

    /// What a run of `total_steps` environment steps takes in memory.
    pub fn memory(&self, total_steps: u64, spec: &EnvSpec) -> MemoryUse {
        forward!(self, config => config.memory(steps(total_steps), spec))
    }

    /// A gradient update on `transitions` random transitions, or on a rollout of them; of DAC one for each
    /// of its MDPs, of TD3 as many as there are for one of the actor.
    pub fn timed_step(&self, spec: &EnvSpec, transitions: usize, device: &Device) -> TimedStep {
        forward!(self, config => config.timed_step(spec, transitions, device))
    }

    /// The dotted key of the setting that the most memory is due to: the one that saves the most at its
    /// least.
    pub fn largest_setting(&self, total_steps: u64, spec: &EnvSpec) -> String {
        let steps = steps(total_steps);
        let largest = forward!(self, config => {
            // Of several the first.
            let smaller = config.with_one_at_its_least().into_iter();
            smaller.min_by_key(|(_, config)| config.memory(steps, spec).total()).map(|(key, _)| key)
        });
        format!("algo.{}.{}", self.name(), largest.unwrap_or_default())
    }
}

/// As many steps as can be counted in memory.
fn steps(total_steps: u64) -> usize {
    usize::try_from(total_steps).unwrap_or(usize::MAX)
}

impl AnyAgent {
    /// What every primitive would do at some states: nothing is chosen, nothing changes.
    ///
    /// `None` for a policy of one Gaussian, and for PPO's and DAC's policies, which act on statistics of
    /// observations that a state alone does not give.
    ///
    /// # Shapes
    /// - `obs`: `[B, O]`, row by row; B at least 1
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

    fn observe(&mut self, memory: &AnyMemory, transition: Transition<'_>) {
        forward!(self, memory, (agent, memory) => agent.observe(memory, transition));
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
