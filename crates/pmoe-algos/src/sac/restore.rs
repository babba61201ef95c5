//! What a checkpoint must say to be one of SAC: files may be whole and yet not fit together.

use super::{MovingAverage, Sac};
use crate::checkpoint::CheckpointError;

impl Sac {
    /// Checks the parts against each other; what each of them is alone, its reading has checked.
    pub(super) fn check_loaded(&self) -> Result<(), CheckpointError> {
        let Self { config, replay, baseline, env_step, updates_due, .. } = self;
        let kept = (*env_step).min(config.buffer_size as u64);
        CheckpointError::unless(
            replay.len() as u64 == kept,
            "replay.bin",
            "it has not the transitions of as many steps as counters.json has",
        )?;
        let may_learn = *updates_due == 0 || *env_step >= config.learning_starts;
        CheckpointError::unless(
            may_learn && *updates_due <= config.gradient_steps,
            "counters.json",
            "it has more updates to take than a step has",
        )?;
        let baseline = baseline.as_ref().map_or(0.0, MovingAverage::value);
        CheckpointError::unless(baseline.is_finite(), "baseline.json", "it is not finite")
    }

    /// Between two steps nothing is left to learn.
    pub(super) fn check_in_update(&self, in_update: bool) -> Result<(), CheckpointError> {
        CheckpointError::unless(
            in_update || self.updates_due == 0,
            "progress.json",
            "it goes on with a step, but updates are left to take",
        )
    }
}
