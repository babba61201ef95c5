use std::io;
use std::path::PathBuf;

use pmoe_results::ResultsError;

use crate::process::ProcessError;

/// What can keep a matrix from being run. A run that fails is no such thing: it is a [`RunEnd`](crate::RunEnd).
#[derive(Debug, thiserror::Error)]
pub enum MatrixError {
    /// A suite, a method or a run folder.
    #[error(transparent)]
    Results(#[from] ResultsError),
    /// A program that can't be started, or failed.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// Runs that can't be selected.
    #[error(transparent)]
    Selection(#[from] SelectionError),
    /// The folder of the results can't be made.
    #[error("cannot write {path}")]
    Out {
        /// The folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A measurement said something else than costs.
    #[error("cannot understand what `{command}` wrote")]
    BadCost {
        /// The measurement.
        command: String,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// The log of a run can't be written.
    #[error("cannot write {path}")]
    Log {
        /// The log.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A program can't be waited for.
    #[error("cannot wait for a run")]
    Wait(#[source] io::Error),
    /// Signals can't be handed on to the runs.
    #[error("cannot catch signals")]
    Signals(#[source] io::Error),
}

/// What can be wrong with the selection of runs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SelectionError {
    /// A seed that no run has.
    #[error("no run has seed {seed}; the seeds are {known}")]
    UnknownSeed {
        /// The seed.
        seed: u64,
        /// Those that there are.
        known: String,
    },
    /// A name that nothing has.
    #[error("nothing is called `{name}`; {known}{meant}")]
    UnknownName {
        /// The name.
        name: String,
        /// What there is.
        known: String,
        /// What may have been meant, as a question; or nothing.
        meant: String,
    },
    /// Names and seeds that no run has both of.
    #[error("no run of {only} has a seed of {seeds}; theirs are {known}")]
    NothingInCommon {
        /// The names.
        only: String,
        /// The seeds.
        seeds: String,
        /// The seeds of the runs that have one of the names.
        known: String,
    },
    /// Runs that would be over before their first update.
    #[error(
        "{runs} would end before the first update: {method} on {task} has {steps} steps, and its first update comes \
         after {first} ({key}); {enough} steps are enough for all of them"
    )]
    TooShort {
        /// How many there are.
        runs: String,
        /// Method of the first.
        method: String,
        /// Its task.
        task: String,
        /// Its budget in environment steps.
        steps: u64,
        /// The step of its first update.
        first: u64,
        /// The setting that says so.
        key: &'static str,
        /// A budget that is enough for all.
        enough: u64,
    },
}

impl MatrixError {
    /// Whether the user's files or arguments are at fault (exit code 2), not this machine.
    #[must_use]
    pub fn is_bad_input(&self) -> bool {
        match self {
            Self::Results(error) => error.is_bad_input(),
            Self::Selection(_) | Self::Out { .. } => true,
            Self::Process(_)
            | Self::BadCost { .. }
            | Self::Log { .. }
            | Self::Wait(_)
            | Self::Signals(_) => false,
        }
    }
}
