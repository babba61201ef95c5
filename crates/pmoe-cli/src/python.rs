//! What the command leaves to the Python package, because it takes libraries of Python.

use std::path::PathBuf;

use anyhow::Result;
use pmoe_results::Exit;
use serde::Serialize;

use crate::exit::BadInput;
use crate::sweep::Sweep;

/// A command for the Python package, checked.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum PythonCommand {
    /// Send runs to a tracker.
    Track {
        /// Run folders, or folders of them.
        runs: Vec<PathBuf>,
        /// Name of the tracker.
        to: &'static str,
        /// Project, or experiment, of the tracker.
        project: String,
        /// Whether to go on until the runs end.
        follow: bool,
        /// Seconds between two looks.
        interval: f64,
    },
    /// Search for the best settings.
    Sweep {
        /// The file.
        sweep: Box<Sweep>,
        /// Folder of the trials.
        out: PathBuf,
        /// Trials at a time.
        jobs: usize,
    },
}

/// What carries out the commands for the Python package; none in the program that Cargo builds.
pub type Python<'a> = Option<&'a (dyn Fn(&PythonCommand) -> Result<Exit> + Sync)>;

/// Has a command carried out; `what` names it in the error of a program that can't.
pub(crate) fn hand_over(python: Python<'_>, what: &str, command: &PythonCommand) -> Result<Exit> {
    match python {
        Some(python) => python(command),
        None => {
            let words = format!(
                "{what} needs the command `pmoe` of the Python package, which `cargo xtask wheel` builds"
            );
            Err(BadInput(words).into())
        }
    }
}
