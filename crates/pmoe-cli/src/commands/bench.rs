//! `pmoe bench`: what learning costs.

mod cost;
mod train;
mod update;

use std::process::ExitCode;

use anyhow::Result;

use crate::config::{ComputeArgs, MethodArgs};

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Time gradient updates on random transitions, part by part, beside the matrix products of the
    /// same shapes alone.
    Update(update::Args),
    /// Time training as a whole: acting, simulating, learning.
    Train(train::Args),
    /// Estimate what a run takes, in time for each of its steps and in bytes on the disk.
    Cost(cost::Args),
}

/// What to time.
#[derive(clap::Args)]
struct CommonArgs {
    #[command(flatten)]
    method: MethodArgs,
    /// Task id, see `pmoe list tasks`; `update` takes its sizes alone.
    #[arg(long)]
    task: String,
    #[command(flatten)]
    compute: ComputeArgs,
    /// One JSON document on stdout.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(command: Command) -> Result<ExitCode> {
    match command {
        Command::Update(args) => update::update(args),
        Command::Train(args) => train::train(args),
        Command::Cost(args) => cost::cost(args),
    }
}
