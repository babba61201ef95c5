//! How an algorithm collects its data, and what follows from that.

use pmoe_envs::EnvSpec;

use crate::checkpoint::Scope;
use crate::replay::ReplayBuffer;
use crate::rollout::RolloutBuffer;

/// How an algorithm collects its data.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Experience {
    /// Off-policy: every transition goes into a replay buffer, from which batches are sampled.
    Replay { learning_starts: u64, batch_size: usize, buffer_size: usize },
    /// On-policy: learns from a rollout of the latest policy in minibatches, then discards it.
    Rollout { rollout_steps: usize, minibatch_size: usize },
}

impl Experience {
    /// Returns the number of environment steps before the first update, and the setting that
    /// determines it.
    pub(crate) fn first_update(self) -> (&'static str, u64) {
        match self {
            Self::Replay { learning_starts, .. } => ("learning_starts", learning_starts),
            Self::Rollout { rollout_steps, .. } => ("rollout_steps", rollout_steps as u64),
        }
    }

    /// Returns the number of environment steps between two updates of the learner.
    pub(crate) fn steps_per_update(self) -> u64 {
        match self {
            Self::Replay { .. } => 1,
            Self::Rollout { rollout_steps, .. } => rollout_steps as u64,
        }
    }

    /// Returns the batch size of a gradient update.
    pub(crate) fn rows_per_update(self) -> usize {
        match self {
            Self::Replay { batch_size, .. } => batch_size,
            Self::Rollout { minibatch_size, .. } => minibatch_size,
        }
    }

    /// Returns the number of transitions that a run of `total_steps` keeps at most.
    pub(crate) fn kept_steps(self, total_steps: usize) -> usize {
        match self {
            Self::Replay { buffer_size: most, .. } | Self::Rollout { rollout_steps: most, .. } => {
                total_steps.min(most)
            }
        }
    }

    /// Returns the size of these transitions in bytes.
    pub(crate) fn bytes(self, total_steps: usize, spec: &EnvSpec) -> usize {
        let bytes = match self {
            Self::Replay { .. } => ReplayBuffer::bytes,
            Self::Rollout { .. } => RolloutBuffer::bytes,
        };
        bytes(self.kept_steps(total_steps), spec.obs_dim, spec.action_dim())
    }

    /// Returns how much of the learner a finished run keeps. A replay buffer is large and kept only
    /// on request; a rollout is small.
    pub(crate) fn scope_at_the_end(self, keep_replay: bool) -> Scope {
        match self {
            Self::Replay { .. } if !keep_replay => Scope::Policy,
            Self::Replay { .. } | Self::Rollout { .. } => Scope::Everything,
        }
    }
}
