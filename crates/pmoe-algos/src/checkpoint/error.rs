//! Errors of checkpoints.

use std::io;
use std::path::{Path, PathBuf};

use pmoe_core::optim::LearnerError;

/// What can be wrong with a checkpoint.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// The file system failed.
    #[error("cannot access {path}: {source}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// A file is missing, truncated or changed.
    #[error("{path} is damaged: {reason}")]
    Damaged {
        /// The checkpoint's folder, or the policy's file.
        path: PathBuf,
        /// Which file, and how.
        reason: String,
    },
    /// The checkpoint has the format of another version of this program.
    #[error("the checkpoint {path} was written by another version of this program")]
    OtherVersion {
        /// The checkpoint's folder.
        path: PathBuf,
    },
    /// The checkpoint is intact, but from another run.
    #[error(
        "the checkpoint {path} belongs to another run: its id is {found}, but this run's is {expected}"
    )]
    OtherRun {
        /// The checkpoint's folder.
        path: PathBuf,
        /// The id in the checkpoint.
        found: String,
        /// The run's id.
        expected: String,
    },
    /// The run has started, but no usable checkpoint is left.
    #[error("no checkpoint in {path} can be used: {}", reasons.join("; "))]
    NoneLeft {
        /// The folder of the checkpoints.
        path: PathBuf,
        /// What is wrong with each checkpoint, newest first.
        reasons: Vec<String>,
    },
    /// A part is intact, but does not fit the run.
    #[error("the checkpoint's part `{part}` does not fit: {reason}")]
    Content {
        /// Name of the part.
        part: String,
        /// What does not fit.
        reason: String,
    },
    /// Parameters can't be written or read.
    #[error(transparent)]
    Learner(#[from] LearnerError),
}

impl CheckpointError {
    /// Returns an error about a part unless `is_right`.
    pub(crate) fn unless(is_right: bool, part: &str, reason: &str) -> Result<(), Self> {
        if is_right { Ok(()) } else { Err(Self::content(part, reason.to_owned())) }
    }

    pub(super) fn content(part: &str, reason: String) -> Self {
        Self::Content { part: part.to_owned(), reason }
    }

    pub(super) fn io(path: &Path, source: io::Error) -> Self {
        Self::Io { path: path.to_owned(), source }
    }
}
