//! `pmoe matrix`: the experiments of the paper, from training to the report.

use std::env;

use anyhow::{Context, Result};
use pmoe_matrix::{Console, Matrix, MatrixError, Options};
use pmoe_results::{Exit, Methods, Suite};

use super::print_line;
use crate::config;

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  pmoe matrix --preset smoke              everything in miniature, in minutes
  pmoe matrix --preset quick --dry-run    what would run, and how long it would take
  pmoe matrix --only fig6,table5 --jobs 8
  pmoe matrix --suites my-suites --out my-results

Methods and suites are built in (`pmoe list methods`, `pmoe list suites`); --suites reads your own suites.

Exit codes: 0 done, 1 a run failed, 2 bad input, 75 another process holds some runs,
130 interrupted (start again to continue).")]
pub(crate) struct Args {
    #[command(flatten)]
    options: Options,
}

pub(crate) fn matrix(args: Args) -> Result<Exit> {
    let options = args.options;
    let suites = match &options.suites {
        Some(folder) => Suite::load_all(folder)?,
        None => config::suites()?,
    };
    let matrix = Matrix::new(suites, Methods::embedded()?, &options).map_err(with_flags)?;
    // Each run is a process of this same executable.
    let pmoe = env::current_exe().context("cannot find this program's own file")?;
    let console = Console {
        // Ignore write errors.
        show: |text| drop(print_line(text)),
        say: |line| say!("{line}"),
    };
    let end = pmoe_matrix::run(&matrix, &pmoe, options.dry_run, console).map_err(with_flags)?;
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
