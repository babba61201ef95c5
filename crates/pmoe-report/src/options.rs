//! Options of a report.

use std::path::Path;

use pmoe_results::Suite;
use pmoe_stats::Bootstrap;

use crate::claims::Claim;

/// What a report needs besides the runs.
#[derive(Debug, Clone, Copy)]
pub struct ReportOptions<'a> {
    /// Suites, with their titles, plans and the paper's numbers.
    pub suites: &'a [Suite],
    /// The paper's claims about the suites.
    pub claims: &'a [Claim],
    /// Method to divide by, instead of the suite's reference.
    pub reference: Option<&'a str>,
    /// Settings of the bootstrap intervals.
    pub bootstrap: Bootstrap,
    /// Number of evaluations behind each point of a drawn learning curve; 1 draws them as they are.
    /// No number depends on it.
    pub smooth: u16,
}

impl ReportOptions<'_> {
    /// Usual value of `smooth`.
    pub const SMOOTH: u16 = 5;

    /// Maximum value of `smooth`, so that a file can't make the program compute forever.
    pub const MOST_SMOOTH: u16 = 1_000;
}

/// Input and output folders of a report, absolute and without symbolic links.
pub(crate) struct Place<'a> {
    /// Folder of the runs.
    pub(crate) input: &'a Path,
    /// Name of that folder, if it differs from the current one.
    pub(crate) name: Option<&'a str>,
    /// Folder of the report.
    pub(crate) output: &'a Path,
}

/// Which figures to draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pictures {
    /// SVG and PNG.
    All,
    /// SVG only: the same lines and texts, rendered by the viewer with its own fonts.
    Vector,
}
