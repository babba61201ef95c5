//! One file per command.

pub(crate) mod analyze;
pub(crate) mod bench;
pub(crate) mod config;
pub(crate) mod env;
pub(crate) mod evaluate;
pub(crate) mod list;
mod policy;
pub(crate) mod render;
pub(crate) mod report;
pub(crate) mod train;
pub(crate) mod verify;
pub(crate) mod watch;

use anyhow::Result;
use serde::Serialize;

/// Prints a value as one JSON document on stdout.
fn print_json<T: Serialize>(value: &T) -> Result<()> {
    print_line(&serde_json::to_string(value)?)
}

/// Prints a line on stdout; a reader that went away is no error of ours.
fn print_line(line: &str) -> Result<()> {
    use std::io::{ErrorKind, Write};
    match writeln!(std::io::stdout(), "{line}") {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}
