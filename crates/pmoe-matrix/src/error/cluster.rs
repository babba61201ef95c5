use std::io;
use std::path::PathBuf;

use super::SelectionError;

/// Why nothing can be run on a cluster.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// The flags do not fit each other.
    #[error(transparent)]
    Flags(#[from] FlagError),
    /// A value is for runs that there are not.
    #[error("{flag}")]
    Name {
        /// The flag.
        flag: &'static str,
        /// What is wrong with the name.
        source: Box<SelectionError>,
    },
    /// Slurm is not there, silent, or refuses.
    #[error(transparent)]
    Slurm(#[from] SlurmError),
    /// No run can be made there; what was submitted is cancelled.
    #[error("{reason}; all jobs are cancelled, and no run has lost anything")]
    GivenUp {
        /// What the jobs say.
        reason: String,
    },
    /// The command that starts jobs can't be started.
    #[error("cannot start `{command}`")]
    Submit {
        /// The command.
        command: String,
        /// The system's reason.
        source: io::Error,
    },
    /// The command that starts jobs starts none.
    #[error(
        "`{submit}` ended ({ending}) without having begun a run: --submit must start the runs and wait for them"
    )]
    NothingBegan {
        /// The command, with its places.
        submit: String,
        /// Its exit code or signal.
        ending: String,
    },
    /// There is nothing to wait for.
    #[error("{} has no jobs: `--executor slurm` or `--executor command` submits them", out.display())]
    NoJobs {
        /// The folder of the results.
        out: PathBuf,
    },
}

/// What is wrong with the flags about clusters, together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FlagError {
    /// A flag is for another executor.
    #[error("{flag} is for --executor {executor}")]
    OtherExecutor {
        /// The flag.
        flag: &'static str,
        /// The executor that it is for.
        executor: &'static str,
    },
    /// A command is needed.
    #[error("--executor command needs --submit with the command that starts the runs")]
    NoCommand,
    /// The command does not say which runs it starts.
    #[error(
        "--submit {submit:?} has none of {{list}}, {{indices}} and {{runs}}, or no {{command}}: it would not know what to start"
    )]
    NoPlace {
        /// The command.
        submit: String,
    },
    /// The setup script is not there.
    #[error("--setup: there is no file {}", path.display())]
    NoSetup {
        /// The file.
        path: PathBuf,
    },
}

/// What went wrong with Slurm.
#[derive(Debug, thiserror::Error)]
pub enum SlurmError {
    /// Its programs are not there.
    #[error(
        "cannot start `{program}`: --executor slurm needs Slurm's programs, as on a cluster's login node"
    )]
    Missing {
        /// The program.
        program: String,
        /// The system's reason.
        source: io::Error,
    },
    /// It can't be asked, now or at all.
    #[error("Slurm does not answer: {reason}")]
    Silent {
        /// Its words.
        reason: String,
    },
    /// It refused what was asked.
    #[error("Slurm refused `{command}`: {reason}")]
    Refused {
        /// The command.
        command: String,
        /// Its words.
        reason: String,
    },
    /// Its queue, or the user's share of it, is full.
    #[error(
        "Slurm takes no more jobs: {reason}; --max-queued sets how many are submitted at a time"
    )]
    Full {
        /// Its words.
        reason: String,
    },
}
