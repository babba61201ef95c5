//! `pmoe config`: checks and shows configs.

use std::path::{Path, PathBuf};

use anyhow::Result;
use pmoe_results::Exit;

use super::print_line;
use crate::config::{self, MethodArgs};
use crate::exit;
use crate::sweep::Sweep;

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Check methods, suites, run configs and sweeps, and report where each is wrong.
    #[command(
        after_help = "Example: pmoe config check configs/methods/*.toml configs/suites/*.toml"
    )]
    Check {
        /// Files to check.
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Print the resolved config of a run without starting it.
    #[command(after_help = "Example: pmoe config show --method pmoe-sac --set batch_size=256")]
    Show {
        #[command(flatten)]
        method: MethodArgs,
        /// Task id, see `pmoe list tasks`.
        #[arg(long, default_value = "Hopper-v4")]
        task: String,
        /// Seed of the run.
        #[arg(long, default_value_t = 0, allow_negative_numbers = true, value_parser = config::seed)]
        seed: u64,
    },
}

pub(crate) fn run(command: Command) -> Result<Exit> {
    match command {
        Command::Check { files } => {
            let mut result = Exit::Done;
            for file in &files {
                match check(file) {
                    Ok(()) => print_line(&format!("{}: ok", file.display()))?,
                    Err(error) => {
                        say!("error: {error:#}");
                        result = exit::code(&error);
                    }
                }
            }
            Ok(result)
        }
        Command::Show { method, task, seed } => {
            let task = config::task(&task)?;
            let config = config::resolve_run(&method, &task, seed, None)?;
            print_line(config.to_toml().trim_end())?;
            Ok(Exit::Done)
        }
    }
}

/// Checks a file of any kind.
fn check(file: &Path) -> Result<()> {
    if Sweep::is_meant(file) { Sweep::read(file).map(drop) } else { config::check(file) }
}
