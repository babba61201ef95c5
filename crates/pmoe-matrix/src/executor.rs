//! Executors of runs, and the notices that they send.

use std::path::Path;

use pmoe_results::{AnalysisKind, ResultsError};
use serde::Deserialize;

use crate::end::RunEnd;
use crate::error::MatrixError;
use crate::select::Planned;

/// Executes runs, on this machine or elsewhere.
pub trait Executor {
    /// Trains and analyses each of `runs`; returns how each ended, in the same order.
    ///
    /// A failed run does not stop the others, and a finished run is recognised as such. Progress is
    /// kept in the run folders only: an executor stores nothing for its next start.
    ///
    /// # Errors
    /// Returns an error if nothing can be run at all.
    fn execute(
        &self,
        runs: &[Planned],
        listener: &Listener<'_>,
    ) -> Result<Vec<RunEnd>, MatrixError>;
}

/// Receives notices; called from several threads.
pub type Listener<'a> = dyn Fn(Notice<'_>) + Sync + 'a;

/// An event during execution; runs are given by index.
#[derive(Debug, Clone, Copy)]
pub enum Notice<'a> {
    /// A run was started or resumed.
    Started(usize),
    /// A run made progress.
    Advanced(usize, Advance),
    /// A run is trained, and one of its analyses was started.
    Analyzing(usize, AnalysisKind),
    /// A run failed and is started again.
    Retried {
        /// The run.
        run: usize,
        /// Why it failed.
        reason: &'a str,
        /// Number of this start, from 2.
        attempt: u32,
        /// Largest number of starts.
        of: u32,
    },
    /// Another process is working on a run; it is tried once more after all others.
    Postponed(usize),
    /// A run ended, successfully or not.
    Over(usize, &'a RunEnd),
    /// Runs were submitted to a cluster.
    Submitted {
        /// How many.
        runs: usize,
        /// The id of their array of jobs.
        job: &'a str,
    },
    /// Runs were handed to the command that makes them; it is now waited for.
    Handed {
        /// How many.
        runs: usize,
    },
    /// State of a cluster's queue.
    Queue {
        /// Jobs that wait.
        waiting: usize,
        /// Jobs that run.
        running: usize,
    },
    /// A cluster's engine does not answer or takes nothing, for this reason; it is asked again.
    Waiting(&'a str),
    /// Somebody has cancelled all jobs.
    Cancelled,
    /// Runs are left to the cluster, which goes on with them.
    Left {
        /// How many.
        runs: usize,
        /// The folder of the results.
        out: &'a Path,
    },
    /// The plan's file could not be updated after the end of a run.
    NotNoted(usize, &'a ResultsError),
    /// The runs are asked to write a checkpoint and stop, by this signal.
    Stopping(i32),
    /// The runs are killed.
    Killing,
}

/// Progress of a run: a line of `pmoe train --progress json`.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub struct Advance {
    /// Environment steps taken.
    pub env_step: u64,
    /// Return of the newest training episode; absent until one has ended.
    pub episode_return: Option<f64>,
    /// Environment steps per second of this process.
    pub steps_per_second: Option<f64>,
}

impl Advance {
    /// Parses a line; `None` for any other text.
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
