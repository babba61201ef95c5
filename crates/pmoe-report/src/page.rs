//! Data of the page's templates: text, ready to be shown.

mod answer;
mod badge;
mod claims;
mod cost;
mod figure;
mod gallery;
mod overview;
mod panel;
mod repeats;
mod runs;
mod section;
mod settings;
mod table;

use std::collections::BTreeSet;

use askama::Template;
use pmoe_stats::EvalCurve;

pub(crate) use self::claims::{ClaimLine, Ledger};
pub(crate) use self::cost::Cost;
pub(crate) use self::figure::{MetricFigures, SectionFigure};
use self::gallery::{TaskClips, gallery};
use self::overview::Headline;
pub(crate) use self::panel::{Measured, Panel, PanelTable, label, show};
pub(crate) use self::repeats::Shown;
pub(crate) use self::section::{Measures, Section, SectionFigures};
use crate::claims::Decision;
use crate::format::{count, plural};
use crate::group::Group;
use crate::options::ReportOptions;
use crate::palette::css_variables;
use crate::sources::Sources;
use crate::summary::ReportSummary;

/// Data of `templates/index.html`.
#[derive(Template)]
#[template(path = "index.html")]
pub(crate) struct Page<'a> {
    summary: &'a ReportSummary,
    sections: Vec<Section>,
    /// The answer at the top, if claims give one.
    headline: Option<Headline>,
    ledger: &'a Ledger<'a>,
    gallery: Vec<TaskClips>,
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
    acting_parts: u64,
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
        options: &ReportOptions<'_>,
    ) -> Self {
        let ReportOptions { suites, bootstrap, .. } = options;
        let headline = Headline::new(ledger, &sections, suites);
        Self {
            summary,
            sections,
            headline,
            ledger,
            gallery: Vec::new(),
            broken: sources.broken_texts(),
            repeated: sources.repeated.clone(),
            mixed_builds: sources.mixed_builds.clone(),
            cost: Cost::of(sources.runs.iter()),
            command,
            tables,
            success_window: EvalCurve::SUCCESS_WINDOW,
            acting_parts: EvalCurve::ACTING_PARTS,
            fewest_seeds: Decision::FEWEST_RUNS,
            bootstrap_level: bootstrap.level,
            level: format!("{:.0}", 100.0 * bootstrap.level),
            resamples: count(bootstrap.resamples as u64),
            light: css_variables(false),
            dark: css_variables(true),
        }
    }

    /// Adds the clips of the runs.
    pub(crate) fn with_clips(self, groups: &[Group<'_>]) -> Self {
        Self { gallery: gallery(groups), ..self }
    }

    /// Whether the report covers figures and tables of the paper, and not only runs of a folder.
    fn has_items(&self) -> bool {
        self.sections.iter().any(|section| section.item.is_some())
    }

    /// Returns the section whose figures are at the top: the headline's, or the first with figures.
    fn lead(&self) -> Option<&Section> {
        let id = self.headline.as_ref().and_then(|headline| headline.section.as_ref());
        let of_headline = self.sections.iter().find(|section| Some(&section.id) == id);
        let first = || self.sections.iter().find(|section| section.has_figures());
        of_headline.or_else(first)
    }

    /// Whether a section's figures are at the top.
    fn is_lead(&self, section: &Section) -> bool {
        self.lead().is_some_and(|lead| lead.id == section.id)
    }

    /// Whether any section has shorter runs than the paper.
    fn is_shorter(&self) -> bool {
        self.sections.iter().any(|section| section.scale_note.is_some())
    }

    /// Returns the methods of all runs, `a`, `a and b` or their number.
    fn methods(&self) -> String {
        let all: BTreeSet<&str> =
            self.sections.iter().flat_map(|section| &section.methods).map(String::as_str).collect();
        match all.iter().collect::<Vec<_>>().as_slice() {
            [one] => (**one).to_owned(),
            [one, two] => format!("{one} and {two}"),
            many => plural(many.len(), "method"),
        }
    }

    /// Returns the tasks of all runs, in the order of the page.
    fn tasks(&self) -> String {
        let mut tasks: Vec<&str> = Vec::new();
        for row in self.sections.iter().flat_map(|section| &section.rows) {
            if !tasks.contains(&row.task.as_str()) {
                tasks.push(&row.task);
            }
        }
        if tasks.len() <= 3 { tasks.join(", ") } else { plural(tasks.len(), "task") }
    }

    /// Counts the folders that a reader should look at.
    fn num_problems(&self) -> usize {
        self.broken.len() + self.repeated.len() + self.mixed_builds.len()
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
