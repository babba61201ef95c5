//! What a checkpoint must say to be one of PPO: files may be whole and yet not fit together.

use super::Ppo;
use crate::checkpoint::CheckpointError;

impl Ppo {
    /// Checks the parts against the config and each other; networks and normalisers are checked where they
    /// are read.
    pub(super) fn check_loaded(&self) -> Result<(), CheckpointError> {
        let Self { config, rollout, passes, .. } = self;
        CheckpointError::unless(
            rollout.fit(config.rollout_steps, self.obs_dim, self.action_dim),
            "rollout.json",
            "its sizes are not those of this run",
        )?;
        CheckpointError::unless(
            self.updates <= self.total_updates,
            "counters.json",
            "it has more updates than the run",
        )?;
        let is_right = passes.fit(rollout.len()) && passes.are_at_most(config.epochs);
        CheckpointError::unless(is_right, "passes.json", "they are of another rollout")
    }
}
