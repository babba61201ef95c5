//! The folder of a run before training: a new one, one to go on in, one that is done.

use std::path::{Path, PathBuf};

use anyhow::Result;
use pmoe_algos::{CheckpointError, Checkpoints, RunConfig};
use pmoe_envs::TaskId;
use pmoe_results::run::{Provenance, task_folder};
use pmoe_results::{Exit, Manifest, ResultsError, Run, RunDir, Status};

use crate::commands::policy;

/// Opens the run's folder, to start over where `restart` says so.
pub(super) fn open(
    config: &RunConfig,
    folder: &Path,
    provenance: &Provenance,
    restart: bool,
) -> Result<RunDir> {
    let manifest = || new_manifest(config, provenance.clone());
    policy::say_wait(folder);
    if !restart {
        return Ok(RunDir::open(folder, &config.to_toml(), manifest)?);
    }
    let (run_dir, aside) = RunDir::restart(folder, &config.to_toml(), manifest)?;
    for path in aside {
        say!("starting over; the old data is kept as {}", path.display());
    }
    Ok(run_dir)
}

/// Says what it means that a model file is another one than the run's.
pub(super) fn with_changed_model(error: anyhow::Error, task: &TaskId) -> anyhow::Error {
    match error.downcast_ref() {
        Some(ResultsError::ConfigMismatch { key, .. }) if key == "env.mjcf.model_blake3" => {
            let message = format!("the model of {task} has changed since the run began");
            error.context(message)
        }
        _ => error,
    }
}

/// Says how a run folder is put right that is damaged, or of another version.
pub(super) fn with_remedy(error: anyhow::Error, folder: &Path, command: &str) -> anyhow::Error {
    if !crate::exit::is_damage(&error) {
        return error;
    }
    let restart = if command.contains(" --restart") { "" } else { " --restart" };
    let folder = folder.display();
    error.context(format!(
        "{folder} cannot be used; `{command}{restart}` starts over and keeps the old data"
    ))
}

pub(super) fn default_folder(config: &RunConfig) -> PathBuf {
    let RunConfig { method, task, seed, .. } = config;
    Path::new("results/runs")
        .join(method)
        .join(task_folder(&task.to_string()))
        .join(format!("seed_{seed}"))
}

fn new_manifest(config: &RunConfig, provenance: Provenance) -> Manifest {
    Manifest {
        schema: Manifest::SCHEMA,
        method: config.method.clone(),
        task: config.task.to_string(),
        seed: config.seed,
        total_steps: config.schedule.total_steps,
        status: Status::Running,
        env_step: 0,
        provenance,
        attempts: Vec::new(),
        events_blake3: None,
    }
}

/// The exit code of a run that needs nothing more. A finished one must be as it was when it finished.
pub(super) fn already_ended(run_dir: &RunDir, checkpoints: &Checkpoints) -> Result<Option<Exit>> {
    let folder = run_dir.path().display();
    match &run_dir.manifest().status {
        Status::Done if run_dir.finished_budget().is_some() => Ok(None),
        Status::Done => {
            Run::read(run_dir.path())?;
            match checkpoints.newest(|_| Ok(())) {
                Ok(Some((_, unusable))) if unusable.is_empty() => {
                    say!("{folder} is already done");
                }
                Ok(Some((_, reasons))) => {
                    let path = checkpoints.folder.clone();
                    return Err(CheckpointError::NoneLeft { path, reasons }.into());
                }
                Ok(None) if run_dir.path().join(RunDir::POLICY).exists() => {
                    say!("{folder} is already done");
                }
                Ok(None) => say!("{folder} is already done; its policy was not kept"),
                // Its numbers are as good as ever.
                Err(error @ CheckpointError::OtherVersion { .. }) => {
                    say!("{folder} is already done; its policy cannot be used: {error}");
                }
                Err(error) => return Err(error.into()),
            }
            Ok(Some(Exit::Done))
        }
        // The same config and seed would diverge again at the same step.
        Status::Failed { reason, diverged: true } => {
            say!("error: {folder} has already diverged ({reason}); --restart trains it again");
            Ok(Some(Exit::Diverged))
        }
        Status::Running | Status::Interrupted | Status::Failed { .. } => Ok(None),
    }
}
