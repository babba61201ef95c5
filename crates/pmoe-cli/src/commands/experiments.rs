//! Commands about many runs: planning, watching, reporting. They are left out of a build without
//! the feature `experiments`, which then needs fifty crates less.

mod archive;
mod gallery;
mod matrix;
mod package;
mod regress;
mod report;
mod run;
mod verify;
mod watch;

use anyhow::Result;
use pmoe_results::Exit;

use super::{print_json, print_line};

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Run the experiments of the paper and write the report. Resumes where it stopped.
    Matrix(Box<matrix::Args>),
    /// Make one run of a plan, or what is left of it.
    Run(run::Args),
    /// Show the state of a folder of runs, live in the terminal or once.
    Watch(watch::Args),
    /// Create tables, figures and an HTML page from run folders.
    Report(report::Args),
    /// Compare what fresh runs learn with a reference, and say whether it is worse by more than
    /// chance.
    Regress(regress::Args),
    /// Write the policy of a run as a folder for a hub of models: parameters, card, curve, clip.
    Package(package::Args),
    /// Copy finished runs without their checkpoints, events packed.
    Archive(archive::Args),
    /// Draw a clip of the best run of each method and task, for the report's page.
    Gallery(gallery::Args),
    /// Recompute published reports from their runs and list the differences.
    Verify(verify::Args),
}

pub(crate) fn run(command: Command) -> Result<Exit> {
    match command {
        Command::Matrix(args) => matrix::matrix(*args),
        Command::Run(args) => run::run(args),
        Command::Watch(args) => watch::watch(args),
        Command::Report(args) => report::report(args),
        Command::Regress(args) => regress::regress(&args),
        Command::Package(args) => package::package(args),
        Command::Archive(args) => archive::archive(args),
        Command::Gallery(args) => gallery::gallery(&args),
        Command::Verify(args) => verify::verify(args),
    }
}

/// Prints `row` on one line, even if names from files in it contain line breaks.
fn print_row(row: &str) -> Result<()> {
    print_line(&row.replace('\n', " "))
}
