//! `pmoe bench`: what learning costs.

mod train;
mod update;

use std::process::ExitCode;

use anyhow::Result;

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Time gradient updates on random transitions, part by part, beside the matrix products of the
    /// same shapes alone.
    Update(update::Args),
    /// Time training as a whole: acting, simulating, learning.
    Train(train::Args),
}

pub(crate) fn run(command: Command) -> Result<ExitCode> {
    match command {
        Command::Update(args) => update::update(args),
        Command::Train(args) => train::train(args),
    }
}
