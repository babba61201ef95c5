//! What a checkpoint must say to be one of TD3: files may be whole and yet not fit together.

use super::Td3;
use crate::checkpoint::CheckpointError;

impl Td3 {
    /// Checks the parts against each other; what each of them is alone, its reading has checked.
    pub(super) fn check_loaded(&self) -> Result<(), CheckpointError> {
        let Self { config, replay, env_step, is_due, .. } = self;
        let kept = (*env_step).min(config.buffer_size as u64);
        CheckpointError::unless(
            replay.len() as u64 == kept,
            "replay.bin",
            "it has not the transitions of as many steps as counters.json has",
        )?;
        CheckpointError::unless(
            !is_due || config.learning_starts <= *env_step,
            "counters.json",
            "it has an update to take before learning starts",
        )
    }
}
