//! Compares this checkout with stored references; a change that makes it worse does not pass.

mod cost;

use std::path::Path;

use anyhow::Result;
use pmoe_results::Exit;

/// Compares this checkout with stored references; a change that makes it worse does not pass
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask regress --layer cost                       instructions and memory of every method
  cargo xtask regress --layer cost --update-reference    makes what is measured now the reference

Exit codes: 0 nothing is worse, 1 something is, 2 bad input, or a tool is missing.")]
pub struct Options {
    /// What to compare
    #[arg(long, value_enum)]
    layer: Layer,
    /// Make what is measured now the reference
    #[arg(long)]
    update_reference: bool,
    /// Print one JSON document on stdout
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Layer {
    /// Instructions of updates, actions and environment steps, and memory.
    Cost,
}

/// Measures and compares.
///
/// # Errors
/// If a tool or the reference is missing, or the measurement fails.
pub fn run(root: &Path, options: &Options) -> Result<Exit> {
    match options.layer {
        Layer::Cost => cost::run(root, options.update_reference, options.json),
    }
}
