//! From a checkpoint back to the state of a run.

use pmoe_envs::{Env, EnvError, obs_to_f32};
use pmoe_results::run::Position;

use super::env_file;
use super::progress::{Next, Progress};
use crate::agent::Agent;
use crate::checkpoint::{CheckpointError, Checkpoints, Scope, Stored};
use crate::error::RunError;

/// Result of [`restore`].
#[derive(Debug)]
pub struct Restored<M> {
    /// The state to resume from.
    pub progress: Progress<M>,
    /// What is wrong with each newer checkpoint.
    pub unusable: Vec<String>,
    /// How much of the learner the checkpoint holds.
    pub scope: Scope,
}

/// Restores agent and environments from the newest usable checkpoint. Returns `None` if the run
/// never wrote a checkpoint.
///
/// Environments that are not [`EnvSpec::resumable`](pmoe_envs::EnvSpec::resumable) begin new episodes; those that
/// ran are cut, and no event counts them.
///
/// A checkpoint is usable if it is intact, belongs to this run, and `check` confirms the events
/// before its position. That of a finished run may restore only the policy, since there is nothing
/// left to learn.
///
/// # Errors
/// Returns an error if a checkpoint is from another run, or none is usable. Agent and environments
/// are then unusable.
pub fn restore<A: Agent>(
    checkpoints: &Checkpoints,
    agent: &mut A,
    envs: &mut [&mut dyn Env],
    mut check: impl FnMut(&Position) -> Result<(), String>,
) -> Result<Option<Restored<A::Memory>>, RunError> {
    let found = checkpoints.newest(|Stored { path, scope, files, .. }| {
        let progress: Progress<A::Memory> = files.get_json("progress.json")?;
        check(&progress.events).map_err(|reason| CheckpointError::Damaged { path, reason })?;
        agent.load(&files, scope)?;
        for (index, env) in envs.iter_mut().enumerate().filter(|(_, env)| env.spec().resumable) {
            let part = env_file(index);
            let state: Vec<f64> = files.get_json(&part)?;
            let does_not_fit =
                |error: EnvError| CheckpointError::Content { part, reason: error.to_string() };
            env.load_state(&state).map_err(does_not_fit)?;
        }
        let num_envs = envs.len();
        CheckpointError::unless(
            [progress.memory.len(), progress.episode.len()] == [num_envs; 2],
            "progress.json",
            "it is of another number of environments",
        )?;
        for memory in &progress.memory {
            agent.check_restored(memory, progress.next == Next::Learn)?;
        }
        let is_right = progress.obs.len() == num_envs * envs[0].spec().obs_dim
            && progress.obs.iter().all(|x| x.is_finite());
        CheckpointError::unless(
            is_right,
            "progress.json",
            "its observation does not fit the task",
        )?;
        Ok((progress, scope))
    });
    let Some(((mut progress, scope), unusable)) = found? else { return Ok(None) };
    // A finished run needs no more episodes.
    if envs.iter().any(|env| !env.spec().resumable) && scope == Scope::Everything {
        begin_episodes(&mut progress, agent, envs)?;
    }
    Ok(Some(Restored { progress, unusable, scope }))
}

/// Begins new episodes in place of those whose environments can't be restored.
fn begin_episodes<A: Agent>(
    progress: &mut Progress<A::Memory>,
    agent: &mut A,
    envs: &mut [&mut dyn Env],
) -> Result<(), EnvError> {
    if progress.obs.is_empty() {
        return Ok(());
    }
    let mut latest = vec![0.0; progress.obs.len()];
    obs_to_f32(&progress.obs, &mut latest);
    agent.cut(&latest);
    progress.forget_episodes();
    let obs_dim = progress.obs.len() / envs.len();
    for (env, obs) in envs.iter_mut().zip(progress.obs.chunks_exact_mut(obs_dim)) {
        env.reset(&mut progress.seeds.env, obs)?;
    }
    Ok(())
}

/// Restores policy and critic of an agent from the newest usable checkpoint. Returns the step of
/// that checkpoint and what is wrong with each newer one, or `None` if there is no checkpoint.
///
/// # Errors
/// Returns an error if a checkpoint is from another run, or none is usable.
pub fn restore_policy<A: Agent>(
    checkpoints: &Checkpoints,
    agent: &mut A,
) -> Result<Option<(u64, Vec<String>)>, RunError> {
    let found = checkpoints.newest(|Stored { files, env_step, .. }| {
        agent.load(&files, Scope::Policy)?;
        Ok(env_step)
    });
    Ok(found?)
}
