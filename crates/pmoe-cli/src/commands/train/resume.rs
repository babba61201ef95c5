//! From a checkpoint on: what a run that was stopped, or finished with fewer steps, needs to go on.

use std::path::Path;

use anyhow::Result;
use pmoe_algos::{
    Agent, AnyAgent, CheckpointError, Checkpoints, Progress, Restored, RunConfig, Scope,
    train as learn,
};
use pmoe_envs::Env;
use pmoe_results::RunDir;
use pmoe_results::error::with_causes;
use pmoe_results::run::{JsonlSink, Position, Provenance};

use crate::exit::BadInput;

/// Brings the run to its newest usable checkpoint; none for a run at its start.
pub(super) fn restore(
    config: &RunConfig,
    run_dir: &mut RunDir,
    checkpoints: &Checkpoints,
    envs: &mut [&mut dyn Env],
    agent: &mut AnyAgent,
) -> Result<Option<Progress<<AnyAgent as Agent>::Memory>>> {
    let events = run_dir.events_path();
    let check = |position: &Position| {
        JsonlSink::check(&events, position).map_err(|error| with_causes(&error))
    };
    let budget = run_dir.finished_budget();
    if let Some(budget) = budget {
        require_exact(config, run_dir.path(), budget)?;
    }
    let restored = learn::restore(checkpoints, agent, envs, check)?;
    if let Some(budget) = budget {
        require_learner(restored.as_ref(), run_dir.path(), budget)?;
        run_dir.extend(&config.to_toml(), config.schedule.total_steps)?;
    }
    let Some(Restored { progress, unusable, .. }) = restored else {
        let has_events = events.metadata().is_ok_and(|metadata| metadata.len() > 0);
        if has_events {
            let reasons = vec!["there is none, although the run has events".to_owned()];
            return Err(
                CheckpointError::NoneLeft { path: checkpoints.folder.clone(), reasons }.into()
            );
        }
        return Ok(None);
    };
    for reason in unusable {
        say!("warning: {reason}");
    }
    if progress.env_step > 0 {
        say!("continuing from step {}", progress.env_step);
    }
    Ok(Some(progress))
}

/// Refuses to go on with a run that has finished `budget` steps and would have reported something else
/// with more of them from the start.
fn require_exact(config: &RunConfig, folder: &Path, budget: u64) -> Result<(), BadInput> {
    let eval_every = config.schedule.eval_every;
    let reason = if config.algo.depends_on_total_steps() {
        "its learning rate depends on the length of the run (anneal_lr)".to_owned()
    } else if !budget.is_multiple_of(eval_every) {
        format!(
            "it evaluated after its last step, but a longer run would not (schedule.eval_every is {eval_every})"
        )
    } else {
        return Ok(());
    };
    Err(more_steps_refused(folder, budget, &reason))
}

/// Refuses to go on with a finished run that can't learn any more.
fn require_learner<M>(
    restored: Option<&Restored<M>>,
    folder: &Path,
    budget: u64,
) -> Result<(), BadInput> {
    let reason = match restored.map(|restored| restored.scope) {
        Some(Scope::Everything) => return Ok(()),
        Some(Scope::Policy | Scope::Acting) => {
            "it kept its policy, but not its replay data (--keep-replay)"
        }
        None => "it has no checkpoint",
    };
    Err(more_steps_refused(folder, budget, reason))
}

fn more_steps_refused(folder: &Path, budget: u64, reason: &str) -> BadInput {
    let folder = folder.display();
    BadInput(format!(
        "{folder} finished after {budget} steps and cannot continue: {reason}; train again in another folder (--out), or start a new run from its policy (--from {folder})"
    ))
}

/// Says when the run so far was made by other code: its numbers may be no build's.
pub(super) fn say_other_build(run_dir: &RunDir, provenance: &Provenance, env_step: u64) {
    let changes = run_dir.manifest().provenance.code_changes(provenance);
    if env_step > 0 && !changes.is_empty() {
        say!("warning: another build trained the run so far: {}", changes.join(", "));
    }
}
