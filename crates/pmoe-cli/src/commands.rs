//! The commands, one file each.

pub(crate) mod analyze;
pub(crate) mod bench;
mod choice;
pub(crate) mod config;
pub(crate) mod env;
pub(crate) mod evaluate;
#[cfg(feature = "experiments")]
pub(crate) mod experiments;
pub(crate) mod export;
#[cfg(feature = "experiments")]
pub(crate) mod lab;
pub(crate) mod list;
pub(crate) mod policy;
pub(crate) mod render;
pub(crate) mod shell;
pub(crate) mod sweep;
pub(crate) mod track;
pub(crate) mod train;

use anyhow::Result;
use pmoe_results::text::{printable, printable_json};
use serde::Serialize;

/// Prints a value as one JSON document on stdout.
fn print_json<T: Serialize>(value: &T) -> Result<()> {
    print_line(&printable_json(&serde_json::to_string(value)?))
}

/// Prints one or more lines on stdout. A closed pipe is not an error.
fn print_line(line: &str) -> Result<()> {
    print_bytes(format!("{}\n", printable(line)).as_bytes())
}

/// Prints our own text as it is on stdout. A closed pipe is not an error.
fn print_bytes(text: &[u8]) -> Result<()> {
    use std::io::{ErrorKind, Write};
    match std::io::stdout().write_all(text) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}
