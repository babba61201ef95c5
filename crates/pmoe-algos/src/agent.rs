//! The interface between a learner and the training loop.

use std::collections::BTreeMap;

use pmoe_envs::Rng;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::checkpoint::{CheckpointError, Files, Scope};

/// Named training metrics; `docs/metrics.md` has a row for each.
pub type Metrics = BTreeMap<String, f64>;

/// What an action is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Collecting data: the policy explores.
    Explore,
    /// Evaluation: no exploration noise.
    Evaluate,
}

/// One environment step, as the agent sees it.
#[derive(Debug, Clone, Copy)]
pub struct Transition<'a> {
    /// Observation before the step, `[O]`.
    pub obs: &'a [f32],
    /// Action in [-1, 1], `[A]`.
    pub action: &'a [f32],
    /// Unnormalised reward.
    pub reward: f32,
    /// Observation after the step, `[O]`. At the end of an episode, the last observation of that
    /// episode.
    pub next_obs: &'a [f32],
    /// Whether the MDP ended, so that there is nothing to bootstrap from.
    pub terminated: bool,
    /// Whether the time limit cut the episode, so that the value still bootstraps.
    pub truncated: bool,
}

/// Failure of a learner, which ends the run.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AgentError {
    /// Learning diverged.
    #[error("{quantity} is {value} after {grad_step} gradient updates: the run diverged")]
    NonFinite {
        /// What was not finite.
        quantity: String,
        /// Its value.
        value: f64,
        /// Gradient updates done.
        grad_step: u64,
    },
}

/// Returns an error if the action is not finite, after `grad_step` updates.
pub(crate) fn finite_action(action: &[f32], grad_step: u64) -> Result<(), AgentError> {
    action.iter().try_for_each(|&number| finite("action", number.into(), grad_step))
}

/// Returns an error if a metric is not finite, after `grad_step` updates.
pub(crate) fn finite_metrics(metrics: Metrics, grad_step: u64) -> Result<Metrics, AgentError> {
    metrics.iter().try_for_each(|(name, value)| finite(name, *value, grad_step))?;
    Ok(metrics)
}

fn finite(quantity: &str, value: f64, grad_step: u64) -> Result<(), AgentError> {
    if value.is_finite() {
        return Ok(());
    }
    Err(AgentError::NonFinite { quantity: quantity.to_owned(), value, grad_step })
}

/// Result of [`Agent::update`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Updates {
    /// Gradient updates done.
    pub taken: u32,
    /// Whether all updates due at this step are done. If not, the call was interrupted.
    pub is_complete: bool,
}

/// A learner.
pub trait Agent {
    /// What the policy carries from call to call within an episode, and what learning needs to know
    /// about the latest action; `()` for SAC. It is saved with the run, because an episode may
    /// continue after a restart.
    type Memory: Default + Serialize + DeserializeOwned;

    /// Chooses an action for `obs`, `[O]`, and writes it to `action`, `[A]`, in [-1, 1].
    ///
    /// # Errors
    /// Returns an error if the action is not finite.
    fn act(
        &self,
        memory: &mut Self::Memory,
        obs: &[f32],
        mode: Mode,
        rng: &mut Rng,
        action: &mut [f32],
    ) -> Result<(), AgentError>;

    /// Chooses actions for N observations, `[N · O]`, each with the memory of its episode, and writes
    /// them to `actions`, `[N · A]`.
    ///
    /// # Errors
    /// Returns an error if an action is not finite.
    ///
    /// # Panics
    /// If there is no memory.
    fn act_all(
        &self,
        memories: Vec<&mut Self::Memory>,
        obs: &[f32],
        mode: Mode,
        rng: &mut Rng,
        actions: &mut [f32],
    ) -> Result<(), AgentError> {
        let [obs_dim, action_dim] = [obs.len(), actions.len()].map(|len| len / memories.len());
        let rows = obs.chunks_exact(obs_dim).zip(actions.chunks_exact_mut(action_dim));
        for (memory, (obs, action)) in memories.into_iter().zip(rows) {
            self.act(memory, obs, mode, rng, action)?;
        }
        Ok(())
    }

    /// Records the result of the latest action. With several environments, the calls of one time
    /// step follow each other, in the order of the observations in [`Agent::act_all`].
    fn observe(&mut self, memory: &Self::Memory, transition: Transition<'_>);

    /// Records that every running episode is cut here, as by a time limit: a resumed run begins new ones where the
    /// state of its environments could not be saved. `obs`, `[N · O]`, is what followed the latest step.
    ///
    /// Nothing is to be done by learners that keep each transition's own successor.
    fn cut(&mut self, obs: &[f32]) {
        let _ = obs;
    }

    /// Learns if it is due, until all gradient updates of this step are done or `interrupt` returns
    /// true. The next call, perhaps after [`Agent::save`] and [`Agent::load`], does the rest.
    fn update(&mut self, rng: &mut Rng, interrupt: &dyn Fn() -> bool) -> Updates;

    /// Returns the metrics of the latest update. No other method copies training statistics from
    /// the device.
    ///
    /// # Errors
    /// Returns an error if a metric is not finite.
    fn metrics(&self) -> Result<Metrics, AgentError>;

    /// Writes all learning state, or only the policy and its critic, or only the policy.
    ///
    /// Implementations destructure `self` field by field. A new field then does not compile until
    /// it is either saved or marked as recomputed.
    ///
    /// # Errors
    /// Returns an error if a part can't be serialised or written.
    fn save<'a>(&'a self, files: &mut Files<'a>, scope: Scope) -> Result<(), CheckpointError>;

    /// Restores what [`Agent::save`] wrote. With [`Scope::Everything`], learning resumes; with
    /// [`Scope::Policy`], only as much is read as a new run needs to start from the policy, and with
    /// [`Scope::Acting`], as the policy needs to act.
    ///
    /// # Errors
    /// Returns an error if a file is missing, damaged or from a different network. The agent is
    /// then unusable.
    fn load(&mut self, files: &Files<'_>, scope: Scope) -> Result<(), CheckpointError>;

    /// Checks what the checkpoint stores next to the agent that was just loaded from it: the
    /// `memory` of the running episode, and whether the run was inside [`Agent::update`].
    ///
    /// # Errors
    /// Returns an error if one of them does not fit the agent.
    fn check_restored(&self, memory: &Self::Memory, in_update: bool)
    -> Result<(), CheckpointError>;
}
