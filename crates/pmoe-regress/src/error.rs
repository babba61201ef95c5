//! What keeps runs from being compared.

use std::path::PathBuf;

use pmoe_results::ResultsError;

use crate::case::Case;

/// Runs that can't be compared.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegressError {
    /// A file of a run, see [`ResultsError`].
    #[error(transparent)]
    Results(#[from] ResultsError),
    /// A folder holds no run.
    #[error("{path}: no runs here or below", path = .path.display())]
    NoRuns {
        /// The folder.
        path: PathBuf,
    },
    /// A run is still under way, or was stopped.
    #[error("{path}: the run is not finished", path = .path.display())]
    Unfinished {
        /// Its folder.
        path: PathBuf,
    },
    /// A run can't be measured.
    #[error("{path}", path = .path.display())]
    Run {
        /// Its folder.
        path: PathBuf,
        /// Why.
        source: Box<RegressError>,
    },
    /// Evaluations don't begin with the training, or end before it.
    #[error("seed {seed}: its evaluations do not reach from 0 to {total_steps} steps")]
    NoEvaluations {
        /// Seed of the run.
        seed: u64,
        /// Budget of the run.
        total_steps: u64,
    },
    /// No training episode came to its end.
    #[error("seed {seed}: no training episode ended")]
    NoEpisodes {
        /// Seed of the run.
        seed: u64,
    },
    /// Two runs of a case have the same seed.
    #[error("{case}: two runs have seed {seed}")]
    SeedTwice {
        /// The case.
        case: Case,
        /// The seed.
        seed: u64,
    },
    /// Runs of a case differ in their budgets.
    #[error("{case}: runs of {} and of {} steps can't be compared", budgets[0], budgets[1])]
    Budgets {
        /// The case.
        case: Case,
        /// Two of the budgets.
        budgets: [u64; 2],
    },
    /// A case of the reference has no new runs.
    #[error("{case}: the reference has runs, the other side has none")]
    Missing {
        /// The case.
        case: Case,
    },
    /// A band has no runs, or they were not evaluated in the last tenth.
    #[error("{case}: a band is given, but no run that was evaluated in its last tenth")]
    NoRunsOfBand {
        /// The case.
        case: Case,
    },
    /// A reference is too small for the rule.
    #[error("{case}: {found} runs of the reference; {needed} are needed")]
    FewRuns {
        /// The case.
        case: Case,
        /// Their number.
        found: usize,
        /// The least number.
        needed: usize,
    },
}

impl RegressError {
    /// Whether the user's input is at fault, not the machine.
    #[must_use]
    pub fn is_bad_input(&self) -> bool {
        match self {
            Self::Results(error) => error.is_bad_input(),
            _ => true,
        }
    }
}
