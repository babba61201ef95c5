//! Comparisons, tables, figures and one HTML page from run folders, for those who have runs and a question.
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
//! tables/curves.csv        every evaluation of every run
//! tables/metrics.csv       training metrics of every run
//! figures/*.{svg,png,pdf}  learning curves, success rates, performance profiles, what analyses have seen
//! ```
//!
//! A table without lines and a figure without data are not written.
//!
//! # Example
//! PMOE-SAC beside SAC, without a report:
//!
//! ```
//! use std::path::Path;
//!
//! use pmoe_report::comparison::{Comparison, Entry};
//! use pmoe_results::run::scan;
//! use pmoe_stats::Bootstrap;
//!
//! # let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../results/hopper-300k"));
//! let found = scan(folder)?;
//! let entries: Vec<_> = found.runs.iter().map(Entry::from).collect();
//! let comparison = Comparison::new(&entries, Some("sac"), &Bootstrap::STANDARD);
//! let cell = comparison.cell("pmoe-sac", "Hopper-v4").expect("it was run");
//! let ratio = cell.relative_auc.as_ref().expect("both have finished runs");
//! println!("{:.0} % of SAC's area, from {} seeds", 100.0 * ratio.value, cell.runs.len());
//! assert!(ratio.value > 0.0);
//! # Ok::<(), pmoe_results::ResultsError>(())
//! ```
//!
//! # Where to find what
//!
//! | to | use |
//! |---|---|
//! | make a report, and read back what it says | [`write_report`], [`ReportOptions`], [`ReportSummary`], [`Row`] |
//! | put the runs of a group beside each other: AUC, final return, curves, several tasks in one number | [`comparison`] |
//! | judge what the paper claims, by one rule | [`claims`] |
//! | read the numbers of a report | [`Numbers`], [`Number`] |
//! | make published reports again and see what differs | [`verify()`] |
//! | draw a chart of your own in the same look | [`plot`] |
//!
//! The arithmetic is that of `pmoe-stats`, the runs are read by `pmoe-results`. What a report says depends on the run
//! folders, the suites and the options alone: no clock, no machine, no network. Nothing is run or measured here.
//!
//! # Errors
//! [`ReportError`] means that there is no report: the runs can't be listed, or its folder can't be written. A run that
//! can't be read, or is not done, is a row of the report with its reason.

mod acting;
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
mod metrics;
mod numbers;
mod options;
mod own_suites;
mod page;
mod palette;
mod panels;
pub mod plot;
mod report;
mod rows;
mod smooth;
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

/// The program of README.md compiles and runs.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
