//! Saving and loading SAC. Intact files may still not fit together, so loading checks that they do.

use super::{MovingAverage, Networks, Sac};
use crate::checkpoint::{CheckpointError, Files, Scope};

impl Sac {
    /// Writes every part, or only those of the policy: see
    /// [`Agent::save`](crate::agent::Agent::save).
    pub(super) fn save_parts<'a>(
        &'a self,
        files: &mut Files<'a>,
        scope: Scope,
    ) -> Result<(), CheckpointError> {
        let Self {
            networks: Networks { actor, critics, temperature },
            baseline,
            replay,
            env_step,
            grad_step,
            updates_due,
            // Determined by the config.
            config,
            device: _,
            // Overwritten by each update.
            batch: _,
            // Overwritten by each update; metrics are read right after one.
            latest: _,
        } = self;
        let (actor, actor_optimizer) = actor.to_bytes()?;
        files.insert("actor.bpk", actor);
        if scope != Scope::Acting || config.actor.acts_by_value() {
            critics.save(files, scope)?;
        }
        if scope == Scope::Everything {
            files.insert("actor_optimizer.bpk", actor_optimizer);
            temperature.save(files)?;
            if let Some(baseline) = baseline {
                baseline.save(files);
            }
            files.insert_json("counters.json", &(env_step, grad_step, updates_due));
            files.insert_writer("replay.bin", |out| replay.write(out));
        }
        Ok(())
    }

    /// Reads what [`Self::save_parts`] wrote: see [`Agent::load`](crate::agent::Agent::load).
    pub(super) fn load_parts(
        &mut self,
        files: &Files<'_>,
        scope: Scope,
    ) -> Result<(), CheckpointError> {
        let part = |name: &str| files.get(name);
        let Networks { actor, critics, temperature } = &mut self.networks;
        if scope == Scope::Acting && !self.config.actor.acts_by_value() {
            return Ok(actor.load_module(part("actor.bpk")?)?);
        }
        if scope != Scope::Everything {
            actor.load_module(part("actor.bpk")?)?;
            return critics.load(files, scope);
        }
        actor.load_bytes(part("actor.bpk")?, part("actor_optimizer.bpk")?)?;
        critics.load(files, scope)?;
        temperature.load(files)?;
        if let Some(baseline) = &mut self.baseline {
            baseline.load(files)?;
        }
        (self.env_step, self.grad_step, self.updates_due) = files.get_json("counters.json")?;
        self.replay.read(&mut *files.reader("replay.bin")?)?;
        self.check_loaded()
    }

    /// Checks the parts against each other. Each part alone is checked on reading.
    fn check_loaded(&self) -> Result<(), CheckpointError> {
        let Self { config, replay, baseline, env_step, updates_due, .. } = self;
        let kept = (*env_step).min(config.buffer_size as u64);
        CheckpointError::unless(
            replay.len() as u64 == kept,
            "replay.bin",
            "its number of transitions does not match the steps in counters.json",
        )?;
        let may_learn = *updates_due == 0 || *env_step >= config.learning_starts;
        CheckpointError::unless(
            may_learn && *updates_due <= config.gradient_steps,
            "counters.json",
            "it has more pending updates than a step has",
        )?;
        let baseline = baseline.as_ref().map_or(0.0, MovingAverage::value);
        CheckpointError::unless(baseline.is_finite(), "baseline.json", "it is not finite")
    }

    /// Checks that a run between two steps has nothing left to learn.
    pub(super) fn check_in_update(&self, in_update: bool) -> Result<(), CheckpointError> {
        CheckpointError::unless(
            in_update || self.updates_due == 0,
            "progress.json",
            "it continues with a step, but updates are pending",
        )
    }
}
