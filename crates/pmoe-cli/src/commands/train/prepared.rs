//! A run with all that it takes, ready to train.

use std::path::Path;

use anyhow::Result;
use burn::tensor::Device;
use pmoe_algos::{Agent, AnyAgent, Checkpoints, MemoryUse, Progress, RunConfig, Training};
use pmoe_envs::{Env, EnvSpec};
use pmoe_results::run::Provenance;
use pmoe_results::{Exit, RunDir};

use super::How;
use super::folder::{already_ended, open, with_changed_model, with_remedy};
use super::resume::{restore, say_other_build};
use crate::commands::policy;
use crate::config;
use crate::machine;

/// A run in its folder, which nobody else can use.
pub(super) struct Prepared<'a> {
    config: &'a RunConfig,
    envs: Vec<Box<dyn Env>>,
    eval_env: Box<dyn Env>,
    run_dir: RunDir,
    checkpoints: Checkpoints,
    agent: AnyAgent,
    memory: MemoryUse,
    /// What starts the run over, for errors.
    command: String,
}

/// What became of opening a run.
#[expect(clippy::large_enum_variant, reason = "it is taken apart at once")]
pub(super) enum Opened<'a> {
    Ready(Prepared<'a>),
    /// It needs nothing more.
    Ended(Exit),
}

impl<'a> Prepared<'a> {
    /// Makes the environments of a run, opens its folder, and creates an untrained learner.
    ///
    /// `memory` returns what it takes, or an error if that is more than there is.
    pub(super) fn open(
        config: &'a RunConfig,
        folder: &Path,
        device: &Device,
        provenance: &Provenance,
        how: &How,
        memory: impl FnOnce(&EnvSpec) -> Result<MemoryUse>,
    ) -> Result<Opened<'a>> {
        // A run that can't be made leaves no folder behind.
        let envs = config::envs(config)?;
        let eval_env = pmoe_envs::make_with(&config.task, &config.env)?;
        let memory = memory(eval_env.spec())?;
        let checkpoints = Checkpoints {
            keep: how.keep_checkpoints,
            at_the_end: config.algo.scope_at_the_end(how.keep_replay),
            ..policy::checkpoints(folder, config)
        };
        let command = provenance.command.clone();
        let with_remedy = |error| with_remedy(error, folder, &command);
        let run_dir = open(config, folder, provenance, how.restart)
            .map_err(|error| with_changed_model(error, &config.task))
            .map_err(with_remedy)?;
        if let Some(code) = already_ended(&run_dir, &checkpoints).map_err(with_remedy)? {
            return Ok(Opened::Ended(code));
        }
        let (spec, total_steps) = (eval_env.spec(), config.schedule.total_steps);
        let agent = config.algo.agent(spec, total_steps, config.seed, device);
        let prepared =
            Self { config, envs, eval_env, run_dir, checkpoints, agent, memory, command };
        Ok(Opened::Ready(prepared))
    }

    /// Describes the memory that it takes.
    pub(super) fn memory_line(&self) -> String {
        let Self { config, eval_env, memory, .. } = self;
        let (kept, _) = config.algo.kept_steps(config.schedule.total_steps, eval_env.spec());
        machine::memory_line(memory, kept)
    }

    /// Brings the run to its newest usable checkpoint; a run at its start gets the policy of `from`.
    pub(super) fn restore(
        &mut self,
        from: Option<&Path>,
        provenance: &Provenance,
    ) -> Result<Progress<<AnyAgent as Agent>::Memory>> {
        let Self { config, envs, run_dir, checkpoints, agent, .. } = self;
        let restored = restore(config, run_dir, checkpoints, &mut config::each(envs), agent);
        let restored =
            restored.map_err(|error| with_remedy(error, self.run_dir.path(), &self.command))?;
        let progress = match restored {
            Some(progress) => progress,
            None => {
                if let Some(from) = from {
                    policy::start_from(from, &mut self.agent)?;
                }
                Progress::with_envs(self.config.seed, self.envs.len())
            }
        };
        say_other_build(&self.run_dir, provenance, progress.env_step);
        Ok(progress)
    }

    /// Returns the training of the run from `progress` on, and its folder.
    pub(super) fn training<'b>(
        &'b mut self,
        progress: Progress<<AnyAgent as Agent>::Memory>,
        interrupt: &'b dyn Fn() -> bool,
    ) -> (Training<'b, AnyAgent>, &'b mut RunDir) {
        let Self { config, envs, eval_env, run_dir, checkpoints, agent, .. } = self;
        let (envs, schedule) = (config::each(envs), &config.schedule);
        let training = Training::with_envs(envs, &mut **eval_env, agent, schedule, config.seed)
            .resume(progress)
            .checkpoints(checkpoints)
            .interrupt(interrupt);
        (training, run_dir)
    }
}
