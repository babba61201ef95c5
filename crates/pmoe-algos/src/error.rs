//! Errors that end a run early.

use pmoe_envs::EnvError;

use crate::agent::AgentError;
use crate::checkpoint::CheckpointError;

/// Why a run ended early.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The environment failed.
    #[error(transparent)]
    Env(#[from] EnvError),
    /// The learner failed: learning diverged.
    #[error(transparent)]
    Agent(#[from] AgentError),
    /// A checkpoint can't be written or read.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The events can't be written.
    #[error("cannot write the events")]
    Sink(#[from] std::io::Error),
}
