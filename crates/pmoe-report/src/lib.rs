//! Tables, figures and one HTML page from run folders.
//!
//! [`write_report`] reads every run folder below a directory and writes
//!
//! ```text
//! index.html               one page, complete in itself: works offline, from any place
//! numbers.json             every number, with the runs behind it
//! tables/auc.{md,csv}      area under the learning curves, final returns
//! tables/tasks.{md,csv}    several tasks in one number
//! tables/more.{md,csv}     what else the runs give
//! tables/claims.{md,csv}   what the paper claims, and what the runs say
//! figures/*.{svg,png}      learning curves, success rates, performance profiles, what analyses have seen
//! ```
//!
//! A table without lines and a figure without data are not written.
//!
//! [`verify`] makes published reports again and says what differs.
//!
//! - [`comparison`] puts the runs of a group beside each other: AUC, final return, curves, several tasks in
//!   one number.
//! - [`claims`] holds what the paper claims, and the one judge of it.
//!
//! The arithmetic is that of `pmoe-stats`, the runs are read by `pmoe-results`. What a report says depends
//! on the run folders, the suites and the options alone: no clock, no machine, no network.

pub mod claims;
pub mod comparison;
mod curves;
mod error;
mod figures;
mod files;
mod format;
mod group;
mod lots;
mod measures;
mod numbers;
mod options;
mod page;
mod palette;
mod panels;
mod plot;
mod report;
mod rows;
mod sources;
mod summary;
mod tables;
mod verify;

pub use error::ReportError;
pub use numbers::{Intervals, Number, Numbers, Source};
pub use options::ReportOptions;
pub use report::write_report;
pub use rows::{LeftOut, Row};
pub use summary::ReportSummary;
pub use verify::{Difference, Verification, VerifiedReport, verify};
