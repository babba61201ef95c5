use std::io;
use std::path::PathBuf;

use pmoe_results::ResultsError;

use crate::process::ProcessError;

mod cluster;

pub use cluster::{ClusterError, FlagError, SlurmError};

/// An error that keeps a matrix from running. The failure of a single run is a
/// [`RunEnd`](crate::RunEnd) instead.
#[derive(Debug, thiserror::Error)]
pub enum MatrixError {
    /// An error in a suite, a method or a run folder.
    #[error(transparent)]
    Results(#[from] ResultsError),
    /// A program could not be started, or failed.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// The selection of runs is wrong.
    #[error(transparent)]
    Selection(#[from] SelectionError),
    /// The folder of the results can't be created.
    #[error("cannot write {path}")]
    Out {
        /// The folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A measurement did not write costs.
    #[error("cannot parse the output of `{command}`")]
    BadCost {
        /// The command that measured.
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
    /// Waiting for a program failed.
    #[error("cannot wait for a run")]
    Wait(#[source] io::Error),
    /// The cluster runs nothing.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// Signals can't be forwarded to the runs.
    #[error("cannot catch signals")]
    Signals(#[source] io::Error),
}

/// What is wrong with a selection of runs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SelectionError {
    /// No run has this seed.
    #[error("no run has seed {seed}; the seeds are {known}")]
    UnknownSeed {
        /// The seed.
        seed: u64,
        /// The seeds of the runs.
        known: String,
    },
    /// Nothing has this name.
    #[error("`{name}` matches no run{meant} ({known})")]
    UnknownName {
        /// The name.
        name: String,
        /// The known names.
        known: String,
        /// A suggestion, as a question; may be empty.
        meant: String,
    },
    /// No run has both one of the names and one of the seeds.
    #[error("no run of {only} has one of the seeds {seeds}; their seeds are {known}")]
    NothingInCommon {
        /// The names.
        only: String,
        /// The seeds.
        seeds: String,
        /// The seeds of the runs that have one of the names.
        known: String,
    },
    /// Some runs would end before their first update.
    #[error(
        "{runs} would end before the first update: {method} on {task} has {steps} steps, but its first update comes after {first} ({key}); {enough} steps are enough for all of them"
    )]
    TooShort {
        /// Number of these runs.
        runs: String,
        /// Method of the first such run.
        method: String,
        /// Its task.
        task: String,
        /// Its budget in environment steps.
        steps: u64,
        /// The step of its first update.
        first: u64,
        /// The setting that determines this step.
        key: &'static str,
        /// A budget that is enough for all.
        enough: u64,
    },
}

impl MatrixError {
    /// Whether the user's files or arguments are at fault (exit code 2) rather than this machine.
    #[must_use]
    pub fn is_bad_input(&self) -> bool {
        match self {
            Self::Results(error) => error.is_bad_input(),
            Self::Selection(_) | Self::Out { .. } | Self::Cluster(_) => true,
            Self::Process(_)
            | Self::BadCost { .. }
            | Self::Log { .. }
            | Self::Wait(_)
            | Self::Signals(_) => false,
        }
    }
}
