//! `pmoe matrix`: the experiments of the paper, from training to the report.

use std::env;
use std::path::PathBuf;

use anyhow::{Context, Result};
use pmoe_matrix::{Console, Matrix, MatrixError, Options, cluster};
use pmoe_results::{Exit, Methods, Suite};

use super::print_line;
use crate::config;

#[derive(clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Examples:
  pmoe matrix --preset smoke              everything in miniature, in minutes
  pmoe matrix --preset quick --dry-run    what would run, and how long it would take
  pmoe matrix --only fig6,table5 --jobs 8
  pmoe matrix --suites my-suites --out my-results
  pmoe matrix --executor slurm --partition cpu --time 8:00:00 --mem 2G --dry-run
  pmoe matrix wait results/paper          come back to jobs that were left to the cluster

Methods and suites are built in (`pmoe list methods`, `pmoe list suites`); --suites reads your own suites.

Exit codes: 0 done, 1 a run failed, 2 bad input, 75 another process holds some runs,
130 interrupted (start again to continue)."
)]
pub(crate) struct Args {
    #[command(flatten)]
    options: Options,
    #[command(subcommand)]
    jobs: Option<Jobs>,
}

/// What can be done with jobs that were submitted before.
#[derive(clap::Subcommand)]
enum Jobs {
    /// Show the jobs of a cluster that make the runs in a folder of results.
    Status(Of),
    /// Go on where `--executor` was interrupted: wait for the jobs, submit what is missing, write the report.
    Wait(Of),
    /// End the jobs; runs in progress write a checkpoint.
    Cancel(Of),
}

/// Which jobs.
#[derive(clap::Args)]
struct Of {
    /// Folder of the results of a preset, such as `results/paper`.
    dir: PathBuf,
}

/// How the matrix speaks here.
const CONSOLE: Console = Console {
    // Ignore write errors.
    show: |text| drop(print_line(text)),
    say: |line| say!("{line}"),
};

pub(crate) fn matrix(args: Args) -> Result<Exit> {
    let options = args.options;
    // Each run is a process of this same executable.
    let pmoe = env::current_exe().context("cannot find this program's own file")?;
    match args.jobs {
        None => {}
        Some(Jobs::Status(Of { dir })) => {
            print_line(cluster::status(&dir)?.trim_end())?;
            return Ok(Exit::Done);
        }
        Some(Jobs::Wait(Of { dir })) => return Ok(pmoe_matrix::wait(&dir, &pmoe, CONSOLE)?.into()),
        Some(Jobs::Cancel(Of { dir })) => {
            print_line(&cluster::cancel(&dir)?)?;
            return Ok(Exit::Done);
        }
    }
    let suites = match &options.suites {
        Some(folder) => Suite::load_all(folder)?,
        None => config::suites()?,
    };
    let matrix = Matrix::new(suites, Methods::embedded()?, &options).map_err(with_flags)?;
    let end = pmoe_matrix::run(&matrix, &pmoe, options.dry_run, CONSOLE).map_err(with_flags)?;
    Ok(Exit::from(end))
}

/// Names the flags that decide about what is refused.
fn with_flags(error: MatrixError) -> anyhow::Error {
    let flags = Options::flags(&error);
    let error = anyhow::Error::new(error);
    match flags {
        Some(flags) => error.context(flags),
        None => error,
    }
}
