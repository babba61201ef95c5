//! Runs cargo.

use std::env;
use std::path::PathBuf;
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
    // With the features of the whole workspace, so that the tests find everything built.
    let build = ["build", "--release", "--workspace", "--bin", "pmoe"];
    process::run(cargo().args(build))?;
    Ok(target_directory()?.join("release/pmoe"))
}
