//! Notes that jobs leave about the runs of a plan, for whoever submitted them.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use pmoe_results::ResultsError;
use pmoe_results::files::json;
use serde::{Deserialize, Serialize};

use crate::end::RunEnd;

/// What a job says of its run: that it began, and how it ended.
///
/// A job that is killed leaves a note without an end, and one that never began leaves none. The run folder says how far
/// the run is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Note {
    /// Version of this format, [`Note::SCHEMA`].
    pub schema: u32,
    /// The machine.
    pub node: String,
    /// Environment steps of the run when the job began.
    pub from_step: u64,
    /// Consecutive jobs of this run, this one included, that were stopped before they took a step.
    #[serde(default)]
    pub idle: u32,
    /// How it ended; absent while it is running or after it was killed.
    #[serde(default)]
    pub end: Option<JobEnd>,
}

/// How a job ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobEnd {
    /// As its run.
    Run(RunEnd),
    /// The machine lacks something that the run needs, such as MuJoCo; no run would start there.
    Unfit(String),
}

impl Note {
    /// The version of the format.
    pub const SCHEMA: u32 = 1;

    /// Returns the note of a job that begins on this machine.
    #[must_use]
    pub fn begin(from_step: u64, idle: u32) -> Self {
        Self { schema: Self::SCHEMA, node: this_node(), from_step, idle, end: None }
    }

    /// Returns the path of the note about run `index` of a plan.
    #[must_use]
    pub fn path(folder: &Path, index: usize) -> PathBuf {
        folder.join(format!("{index}.json"))
    }

    /// Reads the note about run `index`; `None` if there is none.
    ///
    /// # Errors
    /// Returns an error if it can't be read or parsed.
    pub fn read(folder: &Path, index: usize) -> Result<Option<Self>, ResultsError> {
        json::read(&Self::path(folder, index), 1..=Self::SCHEMA)
    }

    /// Returns the runs that there are notes about; none if they can't be listed.
    #[must_use]
    pub fn all(folder: &Path) -> BTreeSet<usize> {
        let index = |entry: io::Result<fs::DirEntry>| {
            let path = entry.ok()?.path();
            path.file_stem()?.to_str()?.parse().ok()
        };
        fs::read_dir(folder).into_iter().flatten().filter_map(index).collect()
    }

    /// Writes the note about run `index`.
    ///
    /// # Errors
    /// Returns an error if the file can't be written.
    pub fn write(&self, folder: &Path, index: usize) -> Result<(), ResultsError> {
        fs::create_dir_all(folder).map_err(|error| ResultsError::create(folder, error))?;
        json::write(&Self::path(folder, index), serde_json::to_vec(self))
    }
}

/// Returns the name of this machine: Slurm's for it, else its own.
fn this_node() -> String {
    let own = || {
        #[cfg(unix)]
        return rustix::system::uname().nodename().to_string_lossy().into_owned();
        #[cfg(not(unix))]
        return env::var("COMPUTERNAME").unwrap_or_default();
    };
    env::var("SLURMD_NODENAME").unwrap_or_else(|_| own())
}
