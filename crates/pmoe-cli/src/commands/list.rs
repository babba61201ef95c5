//! `pmoe list`: what there is.

use std::process::ExitCode;

use anyhow::Result;
use clap::ValueEnum;
use pmoe_envs::TaskId;
use pmoe_results::methods;

use super::{print_json, print_line};
use crate::config;

#[derive(clap::Args)]
#[command(after_help = "\
Example: pmoe list tasks

Beside the tasks of the list, `--task mjcf:FILE` names a model file with settings beside it, see
docs/custom-tasks.md.")]
pub(crate) struct Args {
    /// What to list.
    what: What,
    /// One JSON document on stdout.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum What {
    /// Methods that `--algo` takes.
    Algos,
    /// Tasks that `--task` takes.
    Tasks,
    /// Experiments that `pmoe matrix --only` takes.
    Suites,
}

pub(crate) fn list(args: Args) -> Result<ExitCode> {
    let names: Vec<String> = match args.what {
        What::Algos => methods::committed().iter().map(|(name, _)| (*name).to_owned()).collect(),
        What::Tasks => TaskId::all().map(|task| task.to_string()).collect(),
        What::Suites => config::SUITES.iter().map(|(name, _)| (*name).to_owned()).collect(),
    };
    if args.json {
        print_json(&names)?;
    } else {
        print_line(&names.join("\n"))?;
    }
    Ok(ExitCode::SUCCESS)
}
