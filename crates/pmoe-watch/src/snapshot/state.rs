//! States of runs.

use serde::Serialize;

/// State of a run: first what asks for attention, last what has not begun.
///
/// The queue decides where its job tells more than the files do:
///
/// | by its files | no job | job runs | job waits |
/// |---|---|---|---|
/// | done | done | done | done |
/// | unreadable | failed | failed | failed |
/// | running, and its lock is held here | running or quiet | running | running or quiet |
/// | running otherwise | running, killed or quiet | running | requeued |
/// | stopped | stopped | running | requeued |
/// | failed | failed | running | requeued |
/// | not begun | waiting | running | queued, or requeued if the job had begun |
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum RunState {
    /// Ended by an error, finished with another budget, or unreadable.
    Failed {
        /// What went wrong.
        reason: String,
    },
    /// Running according to its manifest, but no process holds its folder; the next start resumes
    /// from its checkpoint.
    Killed {
        /// The last error in the matrix's log, if there is one.
        reason: Option<String>,
    },
    /// Running according to its manifest, but without a write for a long time: stuck, or killed on
    /// another machine.
    Quiet {
        /// The last error in the matrix's log, if there is one.
        reason: Option<String>,
    },
    /// In progress, by its files or its job.
    Running,
    /// Had begun, and its job waits for its next start.
    Requeued {
        /// Why the job waits, if known.
        reason: Option<String>,
    },
    /// Stopped on request; the next start resumes from its checkpoint.
    Stopped,
    /// The whole budget is spent.
    Done,
    /// Not started; its job waits in the queue.
    Queued {
        /// Why the job waits, if known.
        reason: Option<String>,
    },
    /// Planned but not started.
    Waiting,
}

/// [`RunState`] without its reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StateKind {
    /// See [`RunState::Failed`].
    Failed,
    /// See [`RunState::Killed`].
    Killed,
    /// See [`RunState::Quiet`].
    Quiet,
    /// See [`RunState::Running`].
    Running,
    /// See [`RunState::Requeued`].
    Requeued,
    /// See [`RunState::Stopped`].
    Stopped,
    /// See [`RunState::Done`].
    Done,
    /// See [`RunState::Queued`].
    Queued,
    /// See [`RunState::Waiting`].
    Waiting,
}

impl StateKind {
    /// All kinds, in order.
    pub const ALL: [Self; 9] = [
        Self::Failed,
        Self::Killed,
        Self::Quiet,
        Self::Running,
        Self::Requeued,
        Self::Stopped,
        Self::Done,
        Self::Queued,
        Self::Waiting,
    ];

    /// All kinds, in the order in which they are counted for people.
    pub(crate) const SPOKEN: [Self; 9] = [
        Self::Done,
        Self::Running,
        Self::Requeued,
        Self::Queued,
        Self::Failed,
        Self::Killed,
        Self::Quiet,
        Self::Stopped,
        Self::Waiting,
    ];

    /// Returns the name.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Killed => "killed",
            Self::Quiet => "quiet",
            Self::Running => "running",
            Self::Requeued => "requeued",
            Self::Stopped => "stopped",
            Self::Done => "done",
            Self::Queued => "queued",
            Self::Waiting => "waiting",
        }
    }

    /// Whether runs of this kind have begun.
    pub(crate) fn has_begun(self) -> bool {
        !matches!(self, Self::Queued | Self::Waiting)
    }
}

impl RunState {
    /// Returns the kind of state.
    #[must_use]
    pub fn kind(&self) -> StateKind {
        match self {
            Self::Failed { .. } => StateKind::Failed,
            Self::Killed { .. } => StateKind::Killed,
            Self::Quiet { .. } => StateKind::Quiet,
            Self::Running => StateKind::Running,
            Self::Requeued { .. } => StateKind::Requeued,
            Self::Stopped => StateKind::Stopped,
            Self::Done => StateKind::Done,
            Self::Queued { .. } => StateKind::Queued,
            Self::Waiting => StateKind::Waiting,
        }
    }

    /// Returns what went wrong, or why its job waits, if known.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Failed { reason } => Some(reason),
            Self::Killed { reason }
            | Self::Quiet { reason }
            | Self::Requeued { reason }
            | Self::Queued { reason } => reason.as_deref(),
            Self::Running | Self::Stopped | Self::Done | Self::Waiting => None,
        }
    }
}
