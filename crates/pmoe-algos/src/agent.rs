//! The contract between a learner and the training loop.

use std::collections::BTreeMap;

use pmoe_envs::Rng;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::checkpoint::{CheckpointError, Files, Scope};

/// Named training metrics; `docs/metrics.md` has a row for each.
pub type Metrics = BTreeMap<String, f64>;

/// Why an action is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// To collect data: the policy explores.
    Explore,
    /// To be judged: without exploration noise.
    Evaluate,
}

/// What happened in one step, in the agent's units.
#[derive(Debug, Clone, Copy)]
pub struct Transition<'a> {
    /// Observation before the step, `[O]`.
    pub obs: &'a [f32],
    /// Action in [-1, 1], `[A]`.
    pub action: &'a [f32],
    /// Raw reward.
    pub reward: f32,
    /// The true successor, `[O]`, also at an episode's end.
    pub next_obs: &'a [f32],
    /// The MDP ended: nothing to bootstrap from.
    pub terminated: bool,
    /// The time limit cut the episode: bootstrap as usual.
    pub truncated: bool,
}

/// A failure of a learner. It ends the run that meets it.
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
        /// Gradient updates taken.
        grad_step: u64,
    },
}

/// Refuses an action that is not finite, after `grad_step` updates.
pub(crate) fn finite_action(action: &[f32], grad_step: u64) -> Result<(), AgentError> {
    action.iter().try_for_each(|&number| finite("action", number.into(), grad_step))
}

/// Refuses metrics that are not finite, after `grad_step` updates.
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

/// What came of [`Agent::update`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Updates {
    /// Gradient updates taken.
    pub taken: u32,
    /// Whether all were taken that are due at this step; else an interrupt came in between.
    pub is_complete: bool,
}

/// A learner: three verbs for the loop, one for the log, two for the disk.
pub trait Agent {
    /// What the policy carries from call to call inside one episode, and what learning needs of the
    /// act: `()` for SAC. Saved with the run, as an episode may go on after a restart.
    type Memory: Default + Serialize + DeserializeOwned;

    /// Chooses an action for `obs`, `[O]`, into `action`, `[A]`, in [-1, 1].
    ///
    /// # Errors
    /// When the action is not finite.
    fn act(
        &self,
        memory: &mut Self::Memory,
        obs: &[f32],
        mode: Mode,
        rng: &mut Rng,
        action: &mut [f32],
    ) -> Result<(), AgentError>;

    /// Takes in what the action led to.
    fn observe(&mut self, memory: &Self::Memory, transition: Transition<'_>);

    /// Learns if it is time to, until all gradient updates of this step are taken or `interrupt` says
    /// true. The next call, perhaps after [`Agent::save`] and [`Agent::load`], takes the rest.
    fn update(&mut self, rng: &mut Rng, interrupt: &dyn Fn() -> bool) -> Updates;

    /// The metrics of the latest update. The only place that reads learning's numbers back.
    ///
    /// # Errors
    /// When one is not finite.
    fn metrics(&self) -> Result<Metrics, AgentError>;

    /// Writes everything that learning continues from, or the policy and its critic alone.
    ///
    /// Implementations take `self` apart field by field, so that a new field does not compile until it is
    /// saved, or said to be made anew.
    ///
    /// # Errors
    /// When a part can't be serialised or written.
    fn save<'a>(&'a self, files: &mut Files<'a>, scope: Scope) -> Result<(), CheckpointError>;

    /// Restores what [`Agent::save`] wrote with [`Scope::Everything`], or, with [`Scope::Policy`], as
    /// much as acting needs, and a new run that starts from this policy.
    ///
    /// # Errors
    /// When a file is missing, damaged or of another network. The agent is then unusable.
    fn load(&mut self, files: &Files<'_>, scope: Scope) -> Result<(), CheckpointError>;

    /// Refuses what a checkpoint says beside the agent that was just loaded from it: the `memory` of the
    /// running episode, and whether the run was in the middle of [`Agent::update`].
    ///
    /// # Errors
    /// When one of them does not fit the agent.
    fn check_restored(&self, memory: &Self::Memory, in_update: bool)
    -> Result<(), CheckpointError>;
}
