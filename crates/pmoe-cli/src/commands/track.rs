//! `pmoe track`: runs in TensorBoard and other trackers.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use anyhow::Result;
use clap::ValueEnum;
use pmoe_results::run::Folders;
use pmoe_results::{Exit, ResultsError};
use pmoe_track::{TensorBoard, is_under_way};

use crate::config;
use crate::exit::BadInput;
use crate::python::{Python, PythonCommand, hand_over};

/// Arguments of `pmoe track`.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  pmoe track results/runs --to tensorboard && tensorboard --logdir results/runs
  pmoe track results/runs --to wandb --project robots --follow

A second call adds what is new. TensorBoard's files are in the folder `tensorboard` of each run. The other trackers
are clients in Python: they need the Python package, with what it takes for them: `pip install 'pmoe[wandb]'`.")]
pub(crate) struct Args {
    /// Run folders, finished or under way, or folders of them at any depth.
    #[arg(required = true)]
    runs: Vec<PathBuf>,
    /// Where the runs go.
    #[arg(long, value_enum)]
    to: Tracker,
    /// Project of wandb or trackio, or experiment of MLflow.
    #[arg(long, default_value = "pmoe")]
    project: String,
    /// Go on until no run is under way, with runs that begin meanwhile.
    #[arg(long)]
    follow: bool,
    /// Seconds between two looks at the runs, with --follow.
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = config::seconds)]
    interval: Duration,
}

/// A tracker by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Tracker {
    /// Files for TensorBoard, in each run's folder.
    Tensorboard,
    /// Weights & Biases.
    Wandb,
    /// MLflow; where, says MLFLOW_TRACKING_URI.
    Mlflow,
    /// Trackio.
    Trackio,
}

pub(crate) fn track(args: Args, python: Python<'_>) -> Result<Exit> {
    let to = match args.to {
        Tracker::Tensorboard => return tensorboard(&args),
        Tracker::Wandb => "wandb",
        Tracker::Mlflow => "mlflow",
        Tracker::Trackio => "trackio",
    };
    let Args { runs, project, follow, interval, .. } = args;
    let interval = interval.as_secs_f64();
    let command = PythonCommand::Track { runs, to, project, follow, interval };
    hand_over(python, &format!("`pmoe track --to {to}`"), &command)
}

fn tensorboard(args: &Args) -> Result<Exit> {
    let mut boards = Boards::default();
    let mut was_quiet = false;
    loop {
        let is_quiet = !boards.look(&find(&args.runs)?);
        // A run may end just before the next one begins.
        if !args.follow || is_quiet && was_quiet {
            break;
        }
        was_quiet = is_quiet;
        thread::sleep(args.interval);
    }
    say!("{} events of {} runs added", boards.added, boards.seen.len());
    boards.first_error.map_or(Ok(Exit::Done), |error| Err(error.into()))
}

/// Returns the run folders at or below some folders, each once.
pub(crate) fn find(folders: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut all = BTreeSet::new();
    for folder in folders {
        let found = Folders::find(folder)?;
        if found.runs.is_empty() {
            return Err(BadInput(format!("{} has no runs", folder.display())).into());
        }
        all.extend(found.runs);
    }
    Ok(all.into_iter().collect())
}

/// The runs that are followed.
#[derive(Default)]
struct Boards {
    open: BTreeMap<PathBuf, TensorBoard>,
    /// Runs that have ended, or can't be tracked.
    left: BTreeSet<PathBuf>,
    seen: BTreeSet<PathBuf>,
    added: u64,
    first_error: Option<ResultsError>,
}

impl Boards {
    /// Adds what is new in each of the runs; returns whether one is under way.
    fn look(&mut self, runs: &[PathBuf]) -> bool {
        let mut any = false;
        for run in runs {
            if self.left.contains(run) {
                continue;
            }
            match self.add(run) {
                Ok(true) => any = true,
                Ok(false) => {
                    self.open.remove(run);
                    self.left.insert(run.clone());
                }
                // One bad run does not keep the others from being tracked.
                Err(error) => {
                    say!("error: {}", pmoe_results::error::with_causes(&error));
                    self.open.remove(run);
                    self.left.insert(run.clone());
                    self.first_error.get_or_insert(error);
                }
            }
        }
        any
    }

    /// Adds what is new in a run; returns whether it is under way.
    fn add(&mut self, run: &Path) -> Result<bool, ResultsError> {
        // Before its events are read, so that the last ones are not missed.
        let is_under_way = is_under_way(run)?;
        let board = match self.open.remove(run) {
            Some(board) => board,
            None => TensorBoard::open(run)?,
        };
        self.seen.insert(run.to_owned());
        let board = self.open.entry(run.to_owned()).or_insert(board);
        self.added += board.catch_up()?;
        Ok(is_under_way)
    }
}
