use std::io;
use std::path::PathBuf;

use pmoe_results::ResultsError;

/// Errors of writing or verifying a report.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The run folders can't be listed, or the report's folder can't be written.
    #[error(transparent)]
    Results(#[from] ResultsError),
    /// A file of the report can't be written.
    #[error("cannot write {path}")]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// The underlying I/O error.
        source: io::Error,
    },
    /// A folder of the report is a link, which could lead anywhere.
    #[error("{path} is a link, but a report writes only into its own folder; remove the link")]
    Link {
        /// The link.
        path: PathBuf,
    },
    /// A file that the report depends on can't be read.
    #[error("cannot read {path}")]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// The underlying I/O error.
        source: io::Error,
    },
    /// There is no run to report.
    #[error("there is no run at or below {path}")]
    NoRuns {
        /// The folder.
        path: PathBuf,
    },
    /// There is no report to verify.
    #[error("there is no report at or below {path}")]
    NoReport {
        /// The folder.
        path: PathBuf,
    },
    /// No run is of the method that the others are to be divided by.
    #[error("the reference is {name:?}, but must be a method of these runs: {known}{meant}")]
    UnknownReference {
        /// The method.
        name: String,
        /// Those that there are.
        known: String,
        /// What may have been meant, as a question; or nothing.
        meant: String,
    },
    /// A figure can't be drawn.
    #[error("cannot draw {path}: {message}")]
    Draw {
        /// The file to draw.
        path: PathBuf,
        /// Error message of the plotting library.
        message: String,
    },
    /// The page can't be rendered.
    #[error("cannot render the page")]
    Page(#[from] askama::Error),
}
