//! `pmoe sweep`: a search for settings. The search itself is Python: Optuna chooses, and `pmoe train` makes the runs.

use std::path::PathBuf;

use anyhow::Result;
use pmoe_results::Exit;
use pmoe_results::number::whole;

use crate::python::{Python, PythonCommand, hand_over};
use crate::sweep::Sweep;

/// Arguments of `pmoe sweep`.
#[derive(clap::Args)]
#[command(after_help = "\
Example: pmoe sweep sweep.toml --out runs/sweep

docs/sweeps.md explains the file. The same command continues a search that was stopped. It needs the Python package,
with Optuna: `pip install 'pmoe[sweep]'`.")]
pub(crate) struct Args {
    /// File with method, task, search space and how to search.
    file: PathBuf,
    /// Folder of the trials [default: results/sweeps/NAME, with the file's name].
    #[arg(long)]
    out: Option<PathBuf>,
    /// Trials at a time.
    #[arg(long, default_value = "1", value_parser = whole::<usize>(1..=256))]
    jobs: usize,
}

pub(crate) fn sweep(args: Args, python: Python<'_>) -> Result<Exit> {
    let Args { file, out, jobs } = args;
    let sweep = Box::new(Sweep::read(&file)?);
    let out = out.unwrap_or_else(|| Sweep::default_folder(&file));
    hand_over(python, "`pmoe sweep`", &PythonCommand::Sweep { sweep, out, jobs })
}
