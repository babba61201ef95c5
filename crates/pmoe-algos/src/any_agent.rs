//! The one place that turns a config into a learner.

use burn::tensor::Device;
use pmoe_core::noise::Rng;
use serde::{Deserialize, Serialize};

use crate::agent::{Agent, AgentError, Metrics, Mode, Scope, Transition, Updates};
use crate::checkpoint::{CheckpointError, Files};
use crate::config::AlgoConfig;
use crate::dac::{self, Dac};
use crate::ppo::{self, Ppo};
use crate::replay::ReplayBuffer;
use crate::rollout::RolloutBuffer;
use crate::sac::{self, EvalPrimitive, Sac};

/// A learner of any algorithm.
#[expect(clippy::large_enum_variant, reason = "there is one of them, and it is not moved")]
pub enum AnyAgent {
    /// Soft actor-critic.
    Sac(Sac),
    /// Proximal policy optimisation.
    Ppo(Ppo),
    /// Double actor-critic.
    Dac(Dac),
}

/// The memory of any policy: each algorithm uses its own part.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnyMemory {
    dac: dac::Memory,
    ppo: ppo::Memory,
}

impl AlgoConfig {
    /// The learner that this describes, at its start, for a run of `total_steps` environment steps.
    pub fn agent(
        &self,
        obs_dim: usize,
        action_dim: usize,
        total_steps: u64,
        seed: u64,
        device: &Device,
    ) -> AnyAgent {
        match self.clone() {
            Self::Sac(mut config) => {
                // More transitions than steps there are never; memory is reserved for all.
                let steps = usize::try_from(total_steps).unwrap_or(usize::MAX);
                config.buffer_size = config.buffer_size.min(steps).max(1);
                AnyAgent::Sac(Sac::new(config, obs_dim, action_dim, seed, device))
            }
            Self::Ppo(config) => {
                AnyAgent::Ppo(Ppo::new(config, obs_dim, action_dim, total_steps, seed, device))
            }
            Self::Dac(config) => AnyAgent::Dac(Dac::new(config, obs_dim, action_dim, seed, device)),
        }
    }

    /// Steps that are kept to learn from in a run of `total_steps`, and the memory (bytes) they take.
    pub fn kept_steps(
        &self,
        total_steps: u64,
        obs_dim: usize,
        action_dim: usize,
    ) -> (usize, usize) {
        let total_steps = usize::try_from(total_steps).unwrap_or(usize::MAX);
        let steps = total_steps.min(match self {
            Self::Sac(config) => config.buffer_size,
            Self::Ppo(config) => config.rollout_steps,
            Self::Dac(config) => config.rollout_steps,
        });
        let bytes = match self {
            Self::Sac(_) => ReplayBuffer::bytes(steps, obs_dim, action_dim),
            Self::Ppo(_) | Self::Dac(_) => RolloutBuffer::bytes(steps, obs_dim, action_dim),
        };
        (steps, bytes)
    }

    /// How much a finished run keeps: all of an on-policy learner, whose data are few, so that more steps
    /// can follow. The replay data of SAC are kept on request only.
    pub fn scope_at_the_end(&self, keep_replay: bool) -> Scope {
        match self {
            Self::Sac(_) if !keep_replay => Scope::Policy,
            Self::Sac(_) | Self::Ppo(_) | Self::Dac(_) => Scope::Everything,
        }
    }

    /// Whether learning depends on how long the run will be.
    pub fn depends_on_total_steps(&self) -> bool {
        match self {
            Self::Ppo(config) => config.anneal_lr,
            Self::Sac(_) | Self::Dac(_) => false,
        }
    }

    /// The same without uniformly random actions at the start: the policy itself explores from the first
    /// step on.
    #[must_use]
    pub fn without_random_steps(mut self) -> Self {
        if let Self::Sac(config) = &mut self {
            config.random_steps = 0;
        }
        self
    }

    /// Which primitive acts when evaluated; none where the policy has no primitives to choose from.
    pub fn eval_primitive(&mut self) -> Option<&mut EvalPrimitive> {
        match self {
            Self::Sac(config) => match &mut config.actor {
                sac::ActorConfig::Pmoe(pmoe) => Some(&mut pmoe.eval_primitive),
                _ => None,
            },
            Self::Ppo(config) => match &mut config.actor {
                ppo::ActorConfig::Pmoe(pmoe) => Some(&mut pmoe.eval_primitive),
                _ => None,
            },
            Self::Dac(_) => None,
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
        match self {
            Self::Sac(agent) => agent.act(&mut (), obs, mode, rng, action),
            Self::Ppo(agent) => agent.act(&mut memory.ppo, obs, mode, rng, action),
            Self::Dac(agent) => agent.act(&mut memory.dac, obs, mode, rng, action),
        }
    }

    fn observe(&mut self, memory: &AnyMemory, transition: Transition<'_>) {
        match self {
            Self::Sac(agent) => agent.observe(&(), transition),
            Self::Ppo(agent) => agent.observe(&memory.ppo, transition),
            Self::Dac(agent) => agent.observe(&memory.dac, transition),
        }
    }

    fn update(&mut self, rng: &mut Rng, interrupt: &dyn Fn() -> bool) -> Updates {
        match self {
            Self::Sac(agent) => agent.update(rng, interrupt),
            Self::Ppo(agent) => agent.update(rng, interrupt),
            Self::Dac(agent) => agent.update(rng, interrupt),
        }
    }

    fn metrics(&self) -> Result<Metrics, AgentError> {
        match self {
            Self::Sac(agent) => agent.metrics(),
            Self::Ppo(agent) => agent.metrics(),
            Self::Dac(agent) => agent.metrics(),
        }
    }

    fn save<'a>(&'a self, files: &mut Files<'a>, scope: Scope) -> Result<(), CheckpointError> {
        match self {
            Self::Sac(agent) => agent.save(files, scope),
            Self::Ppo(agent) => agent.save(files, scope),
            Self::Dac(agent) => agent.save(files, scope),
        }
    }

    fn load(&mut self, files: &Files<'_>, scope: Scope) -> Result<(), CheckpointError> {
        match self {
            Self::Sac(agent) => agent.load(files, scope),
            Self::Ppo(agent) => agent.load(files, scope),
            Self::Dac(agent) => agent.load(files, scope),
        }
    }

    fn check_restored(&self, memory: &AnyMemory, in_update: bool) -> Result<(), CheckpointError> {
        match self {
            Self::Sac(agent) => agent.check_restored(&(), in_update),
            Self::Ppo(agent) => agent.check_restored(&memory.ppo, in_update),
            Self::Dac(agent) => agent.check_restored(&memory.dac, in_update),
        }
    }
}
