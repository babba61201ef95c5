//! Data of the page's templates: text, ready to be shown.

mod answer;
mod claims;
mod cost;
mod figures;
mod panel;
mod section;
mod settings;

use askama::Template;
use pmoe_stats::{Bootstrap, EvalCurve};

pub(crate) use self::claims::{ClaimLine, Ledger};
pub(crate) use self::cost::Cost;
pub(crate) use self::figures::{FigureGroup, MetricFigures, SectionFigure};
pub(crate) use self::panel::{Measured, Panel, PanelTable, label, show};
pub(crate) use self::section::{Section, SectionFigures};
use crate::claims::Decision;
use crate::format::{count, plural};
use crate::palette::css_variables;
use crate::sources::Sources;
use crate::summary::ReportSummary;

/// Data of `templates/index.html`.
#[derive(Template)]
#[template(path = "index.html")]
pub(crate) struct Page<'a> {
    summary: &'a ReportSummary,
    sections: Vec<Section>,
    ledger: &'a Ledger<'a>,
    /// Folder and error.
    broken: Vec<(String, String)>,
    /// Links to runs that are already counted.
    repeated: Vec<String>,
    /// Runs that were continued by another build.
    mixed_builds: Vec<String>,
    /// Cost of all runs, each counted once.
    cost: Cost,
    command: &'a str,
    /// Names of the files in the folder `tables`.
    tables: Vec<&'a str>,
    success_window: usize,
    fewest_seeds: usize,
    bootstrap_level: f64,
    level: String,
    resamples: String,
    light: String,
    dark: String,
}

impl<'a> Page<'a> {
    pub(crate) fn new(
        summary: &'a ReportSummary,
        sections: Vec<Section>,
        ledger: &'a Ledger<'a>,
        sources: &Sources,
        command: &'a str,
        tables: Vec<&'a str>,
        bootstrap: &Bootstrap,
    ) -> Self {
        Self {
            summary,
            sections,
            ledger,
            broken: sources.broken_texts(),
            repeated: sources.repeated.clone(),
            mixed_builds: sources.mixed_builds.clone(),
            cost: Cost::of(sources.runs.iter()),
            command,
            tables,
            success_window: EvalCurve::SUCCESS_WINDOW,
            fewest_seeds: Decision::FEWEST_RUNS,
            bootstrap_level: bootstrap.level,
            level: format!("{:.0}", 100.0 * bootstrap.level),
            resamples: count(bootstrap.resamples as u64),
            light: css_variables(false),
            dark: css_variables(true),
        }
    }

    /// Whether the report covers figures and tables of the paper, and not only runs of a folder.
    fn has_items(&self) -> bool {
        self.sections.iter().any(|section| section.item.is_some())
    }

    /// Whether any section has shorter runs than the paper.
    fn is_shorter(&self) -> bool {
        self.sections.iter().any(|section| section.scale_note.is_some())
    }

    /// Formats the number of runs found, in any state.
    fn found(&self) -> String {
        let ReportSummary { done, failed, unfinished, .. } = self.summary;
        plural(done + failed + unfinished, "run")
    }

    /// Returns each state that occurs, with its number of runs.
    fn states(&self) -> Vec<(&'static str, usize)> {
        let ReportSummary { done, failed, unfinished, missing, unreadable, .. } = *self.summary;
        let states = [
            ("done", done),
            ("failed", failed),
            ("unfinished", unfinished),
            ("not started", missing),
            ("unreadable", unreadable),
        ];
        states.into_iter().filter(|(_, count)| 0 < *count).collect()
    }
}
