//! What a checkpoint must say to be one of DAC: files may be whole and yet not fit together.

use super::{Dac, Memory};
use crate::checkpoint::CheckpointError;

impl Dac {
    /// Checks the parts against the config and each other; networks and normalisers are checked where they
    /// are read.
    pub(super) fn check_loaded(&self) -> Result<(), CheckpointError> {
        let Self { config, rollout, options, learning, .. } = self;
        CheckpointError::unless(
            rollout.fit(config.rollout_steps, self.obs_dim, self.action_dim),
            "rollout.json",
            "its sizes are not those of this run",
        )?;
        let all = options.option.iter().chain(options.previous.iter().flatten());
        let are_as_many =
            options.option.len() == rollout.len() && options.previous.len() == rollout.len();
        CheckpointError::unless(
            are_as_many && all.max().is_none_or(|option| *option < config.num_options),
            "options.json",
            "they are not those of the rollout's steps",
        )?;
        let is_right = match learning.left.as_slice() {
            [] => learning.passes == Default::default(),
            [_] => true,
            [one, two] => one != two,
            _ => false,
        };
        let passes = &learning.passes;
        let is_right = is_right && passes.fit(rollout.len()) && passes.are_at_most(config.epochs);
        CheckpointError::unless(is_right, "learning.json", "it is of another rollout")
    }

    /// The next act asks whether the active option goes on.
    pub(super) fn check_memory(&self, memory: &Memory) -> Result<(), CheckpointError> {
        let is_right = memory.option.is_none_or(|option| option < self.config.num_options);
        CheckpointError::unless(is_right, "progress.json", "it is in an option that there is not")
    }
}
