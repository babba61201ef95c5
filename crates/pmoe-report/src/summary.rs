//! Summary of a report.

use std::path::PathBuf;

use serde::Serialize;

use crate::rows::Row;

/// The files of a report, the number of runs in each state, and the rows.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReportSummary {
    /// Path of the page.
    #[serde(serialize_with = "pmoe_results::text::path_text")]
    pub page: PathBuf,
    /// Every file, including the page.
    #[serde(serialize_with = "pmoe_results::text::path_texts")]
    pub files: Vec<PathBuf>,
    /// Runs that have spent their budget.
    pub done: usize,
    /// Runs that failed.
    pub failed: usize,
    /// Runs that are in progress or interrupted.
    pub unfinished: usize,
    /// Planned runs of the suites without a folder.
    pub missing: usize,
    /// Folders that can't be read as a run.
    pub unreadable: usize,
    /// One line per method and task.
    pub rows: Vec<Row>,
}
