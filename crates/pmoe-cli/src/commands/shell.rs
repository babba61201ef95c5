//! `pmoe completions` and `pmoe man`: what a shell knows of the command line.

use std::fs;
use std::path::PathBuf;

use anyhow::Result;
use clap_complete::Shell;
use pmoe_results::Exit;

use super::print_bytes;
use crate::exit::cannot_write;

#[derive(clap::Args)]
#[command(after_help = "\
Example: pmoe completions bash > ~/.local/share/bash-completion/completions/pmoe

docs/usage.md says where each shell looks for the script.")]
pub(crate) struct Completions {
    /// The shell.
    shell: Shell,
}

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  pmoe man | man -l -
  pmoe man --out ~/.local/share/man/man1")]
pub(crate) struct Man {
    /// Write one page for each command into this folder, such as pmoe-train.1, instead.
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

/// Prints the script for a shell.
pub(crate) fn completions(args: &Completions, mut command: clap::Command) -> Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "pmoe", &mut script);
    print_bytes(&script)?;
    Ok(Exit::Done)
}

/// Prints the page of the program, or writes all pages.
pub(crate) fn man(args: &Man, command: clap::Command) -> Result<Exit> {
    match &args.out {
        Some(folder) => {
            let written =
                fs::create_dir_all(folder).and_then(|()| clap_mangen::generate_to(command, folder));
            written.map_err(|error| cannot_write(folder, error))?;
        }
        None => {
            let mut page = Vec::new();
            // As above: `help` has no page.
            let mut command = command.disable_help_subcommand(true);
            command.build();
            clap_mangen::Man::new(command).render(&mut page)?;
            print_bytes(&page)?;
        }
    }
    Ok(Exit::Done)
}
