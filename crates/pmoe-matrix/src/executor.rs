//! What brings runs to their end, and what it tells meanwhile.

use pmoe_results::{AnalysisKind, ResultsError};
use serde::Deserialize;

use crate::end::RunEnd;
use crate::error::MatrixError;
use crate::select::Planned;

/// Brings runs to their end, wherever they run.
pub trait Executor {
    /// Trains and analyses each of `runs` and says how it ended, in the same order.
    ///
    /// One that fails keeps no other from running, and one that is done already is found to be so. How far a run is, its
    /// folder says: an executor keeps nothing that it needs the next time.
    ///
    /// # Errors
    /// When it can't run anything at all.
    fn execute(
        &self,
        runs: &[Planned],
        listener: &Listener<'_>,
    ) -> Result<Vec<RunEnd>, MatrixError>;
}

/// Whoever hears what happens; called from several threads.
pub type Listener<'a> = dyn Fn(Notice<'_>) + Sync + 'a;

/// Something that happened. A run is named by its index.
#[derive(Debug, Clone, Copy)]
pub enum Notice<'a> {
    /// A run has begun, or is being continued.
    Started(usize),
    /// A run has got further.
    Advanced(usize, Advance),
    /// A run is trained, and an analysis of it has begun.
    Analyzing(usize, AnalysisKind),
    /// A run has failed and is started again.
    Retried {
        /// The run.
        run: usize,
        /// Why it failed.
        reason: &'a str,
        /// Which start this is, from 2.
        attempt: u32,
        /// The last start that there will be.
        of: u32,
    },
    /// Another process is at a run; it is tried once more after all others.
    Postponed(usize),
    /// A run is over, well or not.
    Over(usize, &'a RunEnd),
    /// The plan's file could not be brought up to date with a run that is over.
    NotNoted(usize, &'a ResultsError),
    /// The runs are told to write a checkpoint and to end.
    Stopping,
    /// They are killed.
    Killing,
}

/// How far a run is: a line of `pmoe train --progress json`.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub struct Advance {
    /// Environment steps taken.
    pub env_step: u64,
    /// Return of the newest training episode; none has ended yet if absent.
    pub episode_return: Option<f64>,
    /// Environment steps a second, of this process.
    pub steps_per_second: Option<f64>,
}

impl Advance {
    /// Reads a line; anything else is `None`.
    #[must_use]
    pub fn parse(line: &str) -> Option<Self> {
        serde_json::from_str(line).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_progress_are_read_and_others_are_not() {
        let line = r#"{"env_step": 500, "total_steps": 3000, "episode_return": 81.5, "steps_per_second": 240.2}"#;
        let read = Advance::parse(line).unwrap();
        assert_eq!((read.env_step, read.episode_return), (500, Some(81.5)));

        let early = r#"{"env_step": 1, "total_steps": 3000, "episode_return": null, "steps_per_second": null}"#;
        let expected = Advance { env_step: 1, episode_return: None, steps_per_second: None };
        assert_eq!(Advance::parse(early), Some(expected));

        for line in ["", "done", "{}", r#"{"env_step": -1}"#, r#"{"env_step": 5"#] {
            assert_eq!(Advance::parse(line), None, "{line}");
        }
    }
}
