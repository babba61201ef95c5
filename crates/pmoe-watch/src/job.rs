//! Jobs of a cluster that make runs.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;

/// Jobs by the folder of their run, relative to the watched folder.
pub type Jobs = BTreeMap<PathBuf, Job>;

/// The job of a run, as the queue of a cluster shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Job {
    /// Its id in the queue, such as `4711_12`.
    pub id: String,
    /// Its state.
    pub state: JobState,
    /// The node that it runs on, if known.
    pub node: Option<String>,
    /// Why it waits, such as `Resources`, if known.
    pub reason: Option<String>,
}

/// State of a job that has not ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// Waits for its start.
    Queued,
    /// Had begun, and waits for its next start.
    Requeued,
    /// In progress.
    Running,
}
