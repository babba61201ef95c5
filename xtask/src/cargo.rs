//! Runs cargo.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use pmoe_matrix::process;

/// Returns a command for the cargo that started this program, otherwise for the one on the search
/// path.
pub fn cargo() -> Command {
    Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Returns cargo's target directory.
pub fn target_directory() -> Result<PathBuf> {
    #[derive(serde::Deserialize)]
    struct Metadata {
        target_directory: PathBuf,
    }
    let text = process::stdout(cargo().args(["metadata", "--format-version", "1", "--no-deps"]))?;
    let metadata: Metadata =
        serde_json::from_str(&text).context("cannot parse the output of `cargo metadata`")?;
    Ok(metadata.target_directory)
}

/// Builds the `pmoe` program and returns its path.
pub fn build_pmoe() -> Result<PathBuf> {
    build_pmoe_with(cargo(), &target_directory()?)
}

/// Builds the `pmoe` program with a cargo that has this target folder, and returns its path.
pub fn build_pmoe_with(mut cargo: Command, target: &Path) -> Result<PathBuf> {
    // With the features of the whole workspace, so that the tests find everything built.
    process::run(cargo.args(["build", "--release", "--workspace", "--bin", "pmoe"]))?;
    Ok(target.join("release/pmoe"))
}
