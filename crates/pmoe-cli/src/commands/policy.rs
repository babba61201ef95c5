//! The policy of a finished or running run, to act with.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use pmoe_algos::{AnyAgent, RunConfig, train};
use pmoe_envs::EnvSpec;

use crate::config;
use crate::exit::BadInput;

/// The config of a run folder.
pub(super) fn read_config(run: &Path) -> Result<RunConfig> {
    let path = run.join("config.toml");
    let text = fs::read_to_string(&path).map_err(|error| {
        BadInput(format!("{} is not a run folder: cannot read config.toml: {error}", run.display()))
    })?;
    Ok(RunConfig::from_toml(&text, &path.display().to_string())?)
}

/// The policy in the run's newest checkpoint.
pub(super) fn restore(config: &RunConfig, run: &Path, spec: &EnvSpec) -> Result<AnyAgent> {
    let device = config::device(config.device)?;
    let (obs_dim, action_dim) = (spec.obs_dim, spec.action_dim());
    let total_steps = config.schedule.total_steps;
    let mut agent = config.algo.agent(obs_dim, action_dim, total_steps, config.seed, &device);
    let found = train::restore_policy(&run.join("checkpoint"), &mut agent)
        .with_context(|| format!("cannot use the policy of {}", run.display()))?;
    if !found {
        return Err(BadInput(format!("{} has no checkpoint yet", run.display())).into());
    }
    Ok(agent)
}
