//! What a report found and wrote.

use std::path::PathBuf;

use serde::Serialize;

use crate::rows::Row;

/// The files of a report, its runs by state, and its rows.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReportSummary {
    /// The page.
    #[serde(serialize_with = "pmoe_results::text::path_text")]
    pub page: PathBuf,
    /// Every file, the page included.
    #[serde(serialize_with = "pmoe_results::text::path_texts")]
    pub files: Vec<PathBuf>,
    /// Runs whose budget is spent.
    pub done: usize,
    /// Runs that failed.
    pub failed: usize,
    /// Runs that are under way or stopped.
    pub unfinished: usize,
    /// Runs of the suites' plans that have no folder.
    pub missing: usize,
    /// Folders that can't be read as a run.
    pub unreadable: usize,
    /// One line per method and task.
    pub rows: Vec<Row>,
}
