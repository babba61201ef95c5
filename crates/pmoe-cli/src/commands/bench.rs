//! `pmoe bench`: measures the cost of learning.

mod cost;
mod train;
mod update;

use anyhow::Result;
use pmoe_results::Exit;

use crate::config::{ComputeArgs, MethodArgs};

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Time gradient updates on random transitions, part by part, and compare them with the bare
    /// matrix products of the same shapes.
    Update(update::Args),
    /// Time whole training: acting, simulating and learning.
    Train(train::Args),
    /// Estimate the cost of a run: time per environment step, and bytes on disk.
    Cost(cost::Args),
}

/// What to time, and how.
#[derive(clap::Args)]
struct CommonArgs {
    #[command(flatten)]
    method: MethodArgs,
    /// Task id, see `pmoe list tasks`.
    #[arg(long)]
    task: String,
    #[command(flatten)]
    compute: ComputeArgs,
    /// Print one JSON document on stdout.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(command: Command) -> Result<Exit> {
    match command {
        Command::Update(args) => update::update(args),
        Command::Train(args) => train::train(args),
        Command::Cost(args) => cost::cost(args),
    }
}
