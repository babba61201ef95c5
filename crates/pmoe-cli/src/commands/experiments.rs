//! Commands about many runs: planning, watching, reporting. They are left out of a build without
//! the feature `experiments`, which then needs fifty crates less.

mod matrix;
mod report;
mod verify;
mod watch;

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};
use pmoe_matrix::MatrixError;
use pmoe_report::ReportError;
use pmoe_report::claims::Claim;
use pmoe_results::{Exit, Suite};

use super::{print_json, print_line};
use crate::{config, exit};

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Run the experiments of the paper and write the report. Resumes where it stopped.
    Matrix(matrix::Args),
    /// Show the state of a folder of runs, live in the terminal or once.
    Watch(watch::Args),
    /// Create tables, figures and an HTML page from run folders.
    Report(report::Args),
    /// Recompute published reports from their runs and list the differences.
    Verify(verify::Args),
}

pub(crate) fn run(command: Command) -> Result<ExitCode> {
    match command {
        Command::Matrix(args) => matrix::matrix(args),
        Command::Watch(args) => watch::watch(args),
        Command::Report(args) => report::report(args),
        Command::Verify(args) => verify::verify(args),
    }
}

/// Prints `row` on one line, even if names from files in it contain line breaks.
fn print_row(row: &str) -> Result<()> {
    print_line(&row.replace('\n', " "))
}

/// Returns the claims of the paper: those of the committed file, then those of the suites' tables.
fn claims(suites: &[Suite]) -> Result<Vec<Claim>> {
    let path = Path::new("configs/claims.toml");
    let claims = Claim::parse(config::CLAIMS, path, suites);
    let claims = claims.context("cannot use configs/claims.toml")?;
    Ok(claims.into_iter().chain(Claim::of_tables(suites)).collect())
}

/// Checks a file of claims.
pub(crate) fn check_claims(text: &str, path: &Path) -> Result<()> {
    Claim::parse(text, path, &config::suites()?)?;
    Ok(())
}

/// How the program ends after an error of these commands.
pub(crate) fn exit_of(cause: &(dyn std::error::Error + 'static)) -> Option<Exit> {
    if let Some(error) = cause.downcast_ref::<MatrixError>() {
        return error.is_bad_input().then_some(Exit::BadInput);
    }
    match cause.downcast_ref::<ReportError>()? {
        ReportError::Results(error) => exit::exit_of(error),
        ReportError::NoReport { .. }
        | ReportError::NoRuns { .. }
        | ReportError::Link { .. }
        | ReportError::UnknownReference { .. } => Some(Exit::BadInput),
        ReportError::Write { source, .. } if !pmoe_results::error::is_full(source) => {
            Some(Exit::BadInput)
        }
        _ => None,
    }
}

/// What helps against an error of these commands, if something does.
pub(crate) fn help(cause: &(dyn std::error::Error + 'static)) -> Option<&'static str> {
    let error = cause.downcast_ref::<ReportError>()?;
    matches!(error, ReportError::NoReport { .. }).then_some("`pmoe report` creates one")
}
