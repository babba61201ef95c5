//! What a report is made with.

use std::path::Path;

use pmoe_results::Suite;
use pmoe_stats::Bootstrap;

use crate::claims::Claim;

/// What a report needs besides the runs.
#[derive(Debug, Clone, Copy)]
pub struct ReportOptions<'a> {
    /// The suites: titles, plans, and the paper's numbers.
    pub suites: &'a [Suite],
    /// What the paper claims of them.
    pub claims: &'a [Claim],
    /// The method to divide by, instead of the suite's.
    pub reference: Option<&'a str>,
    /// How the intervals are made.
    pub bootstrap: Bootstrap,
}

/// Where a report is made from and for; the folders are absolute and without links.
pub(crate) struct Place<'a> {
    /// The folder of the runs.
    pub(crate) input: &'a Path,
    /// What that is called, if not as it is now.
    pub(crate) name: Option<&'a str>,
    /// The folder of the report.
    pub(crate) output: &'a Path,
}

/// The figures to draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pictures {
    /// SVG and PNG.
    All,
    /// SVG alone: the same lines and texts, drawn by the reader's program with the reader's fonts.
    Vector,
}
