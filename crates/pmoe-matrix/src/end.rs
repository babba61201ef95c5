//! How a run and a whole matrix ended.

use std::fmt;
use std::process::ExitStatus;

use pmoe_results::{AnalysisKind, Exit};
use serde::{Deserialize, Serialize};

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunEnd {
    /// Its whole budget is spent, now or earlier, and its analyses are complete.
    Done,
    /// Training diverged; it would do so again.
    Diverged(String),
    /// It refused its settings or its folder; it would do so again.
    Refused(String),
    /// Anything else; starting it again may help.
    Failed(String),
    /// Another process is working on it.
    Locked,
    /// Stopped on request, before the start or with a checkpoint.
    Stopped,
}

impl RunEnd {
    /// Interprets the exit status of the program; `stopping` is whether it was asked to stop.
    pub(crate) fn of(status: ExitStatus, stopping: bool, reason: impl FnOnce() -> String) -> Self {
        let Some(code) = status.code() else {
            // Killed by a signal.
            return if stopping { Self::Stopped } else { Self::Failed(reason()) };
        };
        match Exit::from_code(code) {
            Some(Exit::Done) => Self::Done,
            Some(Exit::BadInput) => Self::Refused(reason()),
            Some(Exit::Diverged) => Self::Diverged(reason()),
            Some(Exit::Locked) => Self::Locked,
            Some(Exit::Continue | Exit::Interrupted) => Self::Stopped,
            // After a lack of memory the next start may succeed, because other runs may have ended.
            Some(Exit::Failed | Exit::OutOfMemory) | None => Self::Failed(reason()),
        }
    }

    /// Turns the end of an analysis into the end of its run; the reason names the analysis.
    ///
    /// Non-finite numbers in an analysis are a failure; they don't mean that training diverged.
    pub(crate) fn of_analysis(self, kind: AnalysisKind) -> Self {
        match self {
            Self::Diverged(reason) | Self::Failed(reason) => {
                Self::Failed(format!("{kind}: {reason}"))
            }
            Self::Refused(reason) => Self::Refused(format!("{kind}: {reason}")),
            other => other,
        }
    }

    /// Returns a word for it.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Diverged(_) => "diverged",
            Self::Refused(_) => "refused",
            Self::Failed(_) => "failed",
            Self::Locked => "locked",
            Self::Stopped => "stopped",
        }
    }

    /// Returns why it is not done, if there is a reason.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Diverged(reason) | Self::Refused(reason) | Self::Failed(reason) => Some(reason),
            Self::Locked => Some("another process is working on it"),
            Self::Done | Self::Stopped => None,
        }
    }

    /// Whether it failed: it is not done, stopped or locked by another process.
    #[must_use]
    pub fn is_failure(&self) -> bool {
        matches!(self, Self::Diverged(_) | Self::Refused(_) | Self::Failed(_))
    }
}

impl fmt::Display for RunEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.reason() {
            Some(reason) => write!(f, "{}: {reason}", self.word()),
            None => f.write_str(self.word()),
        }
    }
}

/// How a matrix ended: the worst of its runs decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MatrixEnd {
    /// Every run is done.
    Done,
    /// A run failed.
    Failed,
    /// Another process is working on some of the runs.
    Locked,
    /// Stopped on request; the same command continues it.
    Interrupted,
}

impl MatrixEnd {
    /// Combines the ends of all runs.
    #[must_use]
    pub fn of(runs: &[RunEnd]) -> Self {
        if runs.contains(&RunEnd::Stopped) {
            Self::Interrupted
        } else if runs.iter().any(RunEnd::is_failure) {
            Self::Failed
        } else if runs.contains(&RunEnd::Locked) {
            Self::Locked
        } else {
            Self::Done
        }
    }
}

impl From<MatrixEnd> for Exit {
    fn from(end: MatrixEnd) -> Self {
        match end {
            MatrixEnd::Done => Self::Done,
            MatrixEnd::Failed => Self::Failed,
            MatrixEnd::Locked => Self::Locked,
            MatrixEnd::Interrupted => Self::Interrupted,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_run_decides() {
        let failed = RunEnd::Failed("full disk".to_owned());
        assert_eq!(MatrixEnd::of(&[]), MatrixEnd::Done);
        assert_eq!(MatrixEnd::of(&[RunEnd::Done, RunEnd::Locked]), MatrixEnd::Locked);
        let ends = [RunEnd::Locked, failed.clone(), RunEnd::Done];
        assert_eq!(MatrixEnd::of(&ends), MatrixEnd::Failed);
        assert_eq!(MatrixEnd::of(&[failed, RunEnd::Stopped]), MatrixEnd::Interrupted);
    }
}
