//! How an algorithm collects the steps that it learns from, and what follows from that.

use pmoe_envs::EnvSpec;

use crate::checkpoint::Scope;
use crate::replay::ReplayBuffer;
use crate::rollout::RolloutBuffer;

/// How an algorithm collects the steps that it learns from.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Experience {
    /// Off-policy: every step goes into a replay buffer, from which batches are drawn.
    Replay { learning_starts: u64, batch_size: usize, buffer_size: usize },
    /// On-policy: a rollout of the latest policy, learnt from in minibatches and forgotten.
    Rollout { rollout_steps: usize, minibatch_size: usize },
}

impl Experience {
    /// Environment steps before the first update, and the setting that says so.
    pub(crate) fn first_update(self) -> (&'static str, u64) {
        match self {
            Self::Replay { learning_starts, .. } => ("learning_starts", learning_starts),
            Self::Rollout { rollout_steps, .. } => ("rollout_steps", rollout_steps as u64),
        }
    }

    /// Environment steps from one time of learning to the next.
    pub(crate) fn steps_per_update(self) -> u64 {
        match self {
            Self::Replay { .. } => 1,
            Self::Rollout { rollout_steps, .. } => rollout_steps as u64,
        }
    }

    /// Steps that one gradient update learns from.
    pub(crate) fn rows_per_update(self) -> usize {
        match self {
            Self::Replay { batch_size, .. } => batch_size,
            Self::Rollout { minibatch_size, .. } => minibatch_size,
        }
    }

    /// Steps that a run of `total_steps` keeps at the most.
    pub(crate) fn kept_steps(self, total_steps: usize) -> usize {
        match self {
            Self::Replay { buffer_size: most, .. } | Self::Rollout { rollout_steps: most, .. } => {
                total_steps.min(most)
            }
        }
    }

    /// Memory (bytes) of these.
    pub(crate) fn bytes(self, total_steps: usize, spec: &EnvSpec) -> usize {
        let bytes = match self {
            Self::Replay { .. } => ReplayBuffer::bytes,
            Self::Rollout { .. } => RolloutBuffer::bytes,
        };
        bytes(self.kept_steps(total_steps), spec.obs_dim, spec.action_dim())
    }

    /// How much of the learner a finished run keeps. Replay data are many, so they stay on request only; a
    /// rollout is little.
    pub(crate) fn scope_at_the_end(self, keep_replay: bool) -> Scope {
        match self {
            Self::Replay { .. } if !keep_replay => Scope::Policy,
            Self::Replay { .. } | Self::Rollout { .. } => Scope::Everything,
        }
    }
}
