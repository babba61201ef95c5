//! The part of the command line that is about clusters, and what follows from it.

use std::path::PathBuf;
use std::str::FromStr;

use pmoe_results::number::whole;
use serde::{Deserialize, Serialize};

use super::indices::Indices;
use crate::error::FlagError;

/// The largest number of jobs that a flag may ask for.
const MOST_JOBS: u64 = 10_000_000;

/// Seconds between two looks at the queue of a cluster, which serves others too.
const POLL: u64 = 15;

/// What makes the runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ExecutorKind {
    /// Processes on this machine
    #[default]
    Local,
    /// Jobs of a Slurm cluster
    Slurm,
    /// Jobs of any engine, which the command given by --submit starts and waits for
    Command,
}

/// Where and how runs become jobs.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "On a cluster (docs/cluster.md)")]
pub struct ClusterOptions {
    /// What makes the runs
    #[arg(long, value_enum, default_value_t = ExecutorKind::Local)]
    pub executor: ExecutorKind,
    /// Slurm: the partition [default: the cluster's]
    #[arg(long, value_name = "NAME")]
    pub partition: Option<String>,
    /// Slurm: the account that pays
    #[arg(long, value_name = "NAME")]
    pub account: Option<String>,
    /// Slurm: time limit of a job, such as 8:00:00, of all runs or of those of a method, task or suite
    /// (`--time 8:00:00 --time Ant-v2=24:00:00`); a run that needs longer goes on in the next job
    /// [default: the partition's]
    #[arg(long, value_name = "[NAME=]TIME")]
    pub time: Vec<Named>,
    /// Slurm: memory of a job, such as 2G, of all runs or of some [default: the partition's]
    #[arg(long, value_name = "[NAME=]MEMORY")]
    pub mem: Vec<Named>,
    /// Slurm: jobs that run at a time [default: as many as the cluster allows]
    #[arg(
        long, value_name = "N", allow_negative_numbers = true,
        value_parser = whole::<usize>(1..=MOST_JOBS)
    )]
    pub max_parallel: Option<usize>,
    /// Slurm: jobs in the queue at a time; the rest follows as they end [default: half of what the cluster
    /// allows all users together]
    #[arg(
        long, value_name = "N", allow_negative_numbers = true,
        value_parser = whole::<usize>(1..=MOST_JOBS)
    )]
    pub max_queued: Option<usize>,
    /// Slurm: a shell script that every job reads first, such as `module load` lines
    #[arg(long, value_name = "FILE")]
    pub setup: Option<PathBuf>,
    /// Slurm: any further argument of sbatch (`--sbatch-arg=--exclude=n13`), once for each
    #[arg(long, value_name = "ARG", allow_hyphen_values = true)]
    pub sbatch_arg: Vec<String>,
    /// Command: starts the runs that are left and waits for them; {list}, {indices}, {runs} and {command}
    /// stand for a file with their indices, these as 3,7-41, the last of them plus one, and the command to which an
    /// index is appended (`parallel -j 8 -q -a {list} {command}`)
    #[arg(long, value_name = "COMMAND")]
    pub submit: Option<String>,
    /// Slurm: seconds between two looks at the queue
    #[arg(
        long, value_name = "SECONDS", default_value_t = POLL, allow_negative_numbers = true,
        value_parser = whole::<u64>(1..=86_400)
    )]
    pub poll: u64,
}

impl Default for ClusterOptions {
    fn default() -> Self {
        Self {
            executor: ExecutorKind::Local,
            partition: None,
            account: None,
            time: Vec::new(),
            mem: Vec::new(),
            max_parallel: None,
            max_queued: None,
            setup: None,
            sbatch_arg: Vec::new(),
            submit: None,
            poll: POLL,
        }
    }
}

/// A value for all runs, or for those with a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// Name of a suite, an item, a method or a task, or the start of a folder; none for all.
    pub name: Option<String>,
    /// The value, for the engine to interpret.
    pub value: String,
}

impl FromStr for Named {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (Some(name.to_owned()), value),
            None => (None, text),
        };
        match value.is_empty() || name.as_ref().is_some_and(String::is_empty) {
            true => Err("expected VALUE or NAME=VALUE".to_owned()),
            false => Ok(Self { name, value: value.to_owned() }),
        }
    }
}

impl ClusterOptions {
    /// Checks that the flags fit each other.
    ///
    /// # Errors
    /// Returns an error if a flag is for another executor, or one is missing.
    pub fn check(&self) -> Result<(), FlagError> {
        let of_slurm = [
            ("--partition", self.partition.is_some()),
            ("--account", self.account.is_some()),
            ("--time", !self.time.is_empty()),
            ("--mem", !self.mem.is_empty()),
            ("--max-parallel", self.max_parallel.is_some()),
            ("--max-queued", self.max_queued.is_some()),
            ("--setup", self.setup.is_some()),
            ("--sbatch-arg", !self.sbatch_arg.is_empty()),
        ];
        let given = of_slurm.into_iter().find(|(_, given)| *given);
        if let Some((flag, _)) = given.filter(|_| self.executor != ExecutorKind::Slurm) {
            return Err(FlagError::OtherExecutor { flag, executor: "slurm" });
        }
        if let Some(path) = self.setup.as_ref().filter(|path| !path.is_file()) {
            return Err(FlagError::NoSetup { path: path.clone() });
        }
        match (&self.submit, self.executor) {
            (Some(_), ExecutorKind::Local | ExecutorKind::Slurm) => {
                Err(FlagError::OtherExecutor { flag: "--submit", executor: "command" })
            }
            (None, ExecutorKind::Command) => Err(FlagError::NoCommand),
            (Some(submit), ExecutorKind::Command) => {
                let says = |place: &str| submit.contains(place);
                let says_which = says("{list}") || says("{indices}") || says("{runs}");
                match says_which && says("{command}") {
                    true => Ok(()),
                    false => Err(FlagError::NoPlace { submit: submit.clone() }),
                }
            }
            (None, ExecutorKind::Local | ExecutorKind::Slurm) => Ok(()),
        }
    }
}

/// What brings the runs of a submission to their machines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Engine {
    /// Arrays of jobs.
    Slurm(SlurmSettings),
    /// A command that waits for its jobs.
    Command {
        /// The command, with its places.
        submit: String,
    },
}

/// How jobs of Slurm are submitted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SlurmSettings {
    pub(crate) partition: Option<String>,
    pub(crate) account: Option<String>,
    pub(crate) setup: Option<PathBuf>,
    pub(crate) sbatch_args: Vec<String>,
    pub(crate) max_parallel: Option<usize>,
    pub(crate) max_queued: usize,
    /// Runs per array: run `i` is task `i % chunk` of an array of chunk `i / chunk`.
    pub(crate) chunk: usize,
    /// Seconds between two looks at the queue.
    pub(crate) poll: u64,
    /// Runs that need the same, each run in one class.
    pub(crate) classes: Vec<Class>,
}

/// Runs that need the same.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Class {
    pub(crate) time: Option<String>,
    pub(crate) mem: Option<String>,
    #[serde(with = "super::indices::as_text")]
    pub(crate) runs: Indices,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_of_another_executor_are_refused() {
        let local = ClusterOptions::default();
        assert_eq!(local.check(), Ok(()));
        let partition = Some("main".to_owned());
        let lost = ClusterOptions { partition: partition.clone(), ..local.clone() };
        let words = lost.check().unwrap_err().to_string();
        assert_eq!(words, "--partition is for --executor slurm");
        let slurm = ClusterOptions { executor: ExecutorKind::Slurm, partition, ..local.clone() };
        assert_eq!(slurm.check(), Ok(()));
        let setup = Some(PathBuf::from("none.sh"));
        assert_eq!(
            ClusterOptions { setup: setup.clone(), ..slurm }.check(),
            Err(FlagError::NoSetup { path: "none.sh".into() })
        );
        let command = |submit: Option<&str>| {
            let submit = submit.map(str::to_owned);
            ClusterOptions { executor: ExecutorKind::Command, submit, ..local.clone() }.check()
        };
        assert_eq!(command(None), Err(FlagError::NoCommand));
        assert!(matches!(command(Some("parallel {command}")), Err(FlagError::NoPlace { .. })));
        assert_eq!(command(Some("parallel -a {list} {command}")), Ok(()));
    }

    #[test]
    fn values_may_be_for_some_runs() {
        let named = |text: &str| text.parse::<Named>().map(|of| (of.name, of.value));
        assert_eq!(named("8:00:00"), Ok((None, "8:00:00".to_owned())));
        assert_eq!(named("Ant-v2=4G"), Ok((Some("Ant-v2".to_owned()), "4G".to_owned())));
        for bad in ["", "=4G", "Ant-v2="] {
            assert!(named(bad).is_err(), "{bad}");
        }
    }
}
