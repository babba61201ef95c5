use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use askama::Template;
use pmoe_results::{Bootstrap, Plan, ResultsError, Run, Scan, Status, Suite, scan};
use serde::Serialize;

use crate::figures::{learning_curves, success_rates};
use crate::files::{file_stem, write};
use crate::group::{DEPTH, Group, Source, group};
use crate::page::{Page, Section, SectionFigure};
use crate::palette::Palette;
use crate::plot::Figure;
use crate::rows::{Row, rows};
use crate::{ReportError, tables};

/// What a report needs besides the runs.
#[derive(Debug, Clone, Copy)]
pub struct ReportOptions<'a> {
    /// The suites: titles, plans, and the paper's numbers.
    pub suites: &'a [Suite],
    /// The method to divide by, instead of the suite's.
    pub reference: Option<&'a str>,
    /// How the intervals are made.
    pub bootstrap: Bootstrap,
}

/// What a report found and wrote.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReportSummary {
    /// The page.
    pub page: PathBuf,
    /// Every file, the page included.
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

/// Makes a report of every run folder at or below `input` and writes it to the folder `output`.
///
/// A failed, unfinished, missing or unreadable run is shown as such and hides no other. Without a
/// single run there is still a page that says so.
///
/// # Errors
/// When `input` can't be listed, `output` can't be written, or a figure can't be drawn. Each file is
/// replaced in one step, so none is ever half of one.
pub fn write_report(
    input: &Path,
    output: &Path,
    options: &ReportOptions<'_>,
) -> Result<ReportSummary, ReportError> {
    let given = input;
    let input = fs::canonicalize(input).map_err(|_| ResultsError::NotARun {
        path: input.to_owned(),
        reason: "there is no such folder".to_owned(),
    })?;
    let (found, plans) = find(&input)?;
    fs::create_dir_all(output)
        .map_err(|source| ReportError::Write { path: output.to_owned(), source })?;
    let absolute_output = fs::canonicalize(output)
        .map_err(|source| ReportError::Write { path: output.to_owned(), source })?;

    let methods = found.runs.iter().map(|run| run.manifest.algo.as_str());
    let palette = Palette::new(options.suites, methods);
    let ReportOptions { suites, reference, bootstrap } = *options;
    let source = Source { input: &input, plans: &plans, suites };
    let groups = group(&found.runs, &source, reference, &palette, &bootstrap);

    let several = 1 < groups.len();
    let mut drawing = Drawing { output, several, stems: Vec::new(), number: 0, files: Vec::new() };
    let mut sections = Vec::new();
    for group in &groups {
        let rows = rows(group);
        let curves = drawing.draw(group, "", learning_curves(group, &rows, &palette))?;
        let success = success_rates(group, &rows, &palette, &bootstrap);
        let success = drawing.draw(group, "-success", success)?;
        sections.push(Section::new(group, rows, [curves, success], &palette, &absolute_output));
    }
    let mut files = drawing.files;

    let by_title: Vec<_> =
        sections.iter().map(|section| (section.title.clone(), section.rows.clone())).collect();
    for (name, text) in
        [("md", tables::markdown(&by_title, bootstrap.level)), ("csv", tables::csv(&by_title))]
    {
        let path = output.join(format!("tables/auc.{name}"));
        write(&path, text.as_bytes())?;
        files.push(path);
    }

    let missing = groups.iter().flat_map(|group| &group.missing).map(|missing| &missing.dir);
    let count = |wanted: fn(&Status) -> bool| {
        found.runs.iter().filter(|run| wanted(&run.manifest.status)).count()
    };
    let page_path = output.join("index.html");
    let summary = ReportSummary {
        done: count(|status| matches!(status, Status::Done)),
        failed: count(|status| matches!(status, Status::Failed { .. })),
        unfinished: count(|status| matches!(status, Status::Running | Status::Interrupted)),
        missing: missing.into_iter().collect::<BTreeSet<_>>().len(),
        unreadable: found.broken.len(),
        rows: by_title.into_iter().flat_map(|(_, rows)| rows).collect(),
        files: files.into_iter().chain([page_path.clone()]).collect(),
        page: page_path,
    };
    let not_begun = not_begun(&input, &plans, &groups, suites);
    let from_to = [given, output];
    let page = Page::new(&summary, sections, not_begun, &found.broken, from_to, &bootstrap);
    write(&summary.page, page.render()?.as_bytes())?;
    Ok(summary)
}

/// The runs at or below a folder, those that its suites share with others, and the plans of the results
/// that they lie in, by folder.
fn find(input: &Path) -> Result<(Scan, BTreeMap<PathBuf, Plan>), ReportError> {
    let mut found = scan(input)?;
    let of_runs = found.runs.iter().filter_map(|run| run.path.ancestors().nth(DEPTH));
    // The input may be the results themselves or a suite in them, with no run in it yet.
    let roots: BTreeSet<PathBuf> =
        of_runs.chain(input.ancestors().take(2)).map(Path::to_owned).collect();
    let mut plans = BTreeMap::new();
    for root in roots {
        match Plan::read(&root) {
            Ok(plan) => plans.extend(plan.map(|plan| (root, plan))),
            Err(error) => found.broken.push((root.join(Plan::FILE), error)),
        }
    }
    for (root, plan) in &plans {
        for run in &plan.runs {
            let is_asked_for = |suite: &String| root.join(suite).starts_with(input);
            let dir = root.join(&run.dir);
            let elsewhere = !dir.starts_with(input) && dir.is_dir();
            if elsewhere && run.used_by.iter().any(|used| is_asked_for(&used.suite)) {
                match Run::read(&dir) {
                    Ok(run) => found.runs.push(run),
                    Err(error) => found.broken.push((dir, error)),
                }
            }
        }
    }
    Ok((found, plans))
}

/// Titles of the plans' suites that no run belongs to yet.
fn not_begun(
    input: &Path,
    plans: &BTreeMap<PathBuf, Plan>,
    groups: &[Group<'_>],
    suites: &[Suite],
) -> Vec<String> {
    let names: BTreeSet<_> = plans
        .iter()
        .flat_map(|(root, plan)| plan.runs.iter().map(move |run| (root, run)))
        .flat_map(|(root, run)| run.used_by.iter().map(move |used| (root, &used.suite)))
        .filter(|(root, suite)| root.join(suite).starts_with(input))
        .map(|(_, suite)| suite)
        .collect();
    let begun = |suite: &&Suite| {
        groups.iter().any(|group| group.suite.is_some_and(|known| known.name == suite.name))
    };
    suites
        .iter()
        .filter(|suite| names.contains(&suite.name) && !begun(suite))
        .map(|suite| format!("{} ({})", suite.title, suite.item))
        .collect()
}

/// The figures of a report as they are drawn.
struct Drawing<'a> {
    output: &'a Path,
    /// Whether the groups must be told apart by name.
    several: bool,
    stems: Vec<String>,
    number: usize,
    files: Vec<PathBuf>,
}

impl Drawing<'_> {
    /// Writes figures to `figures/<task><kind>.svg` and `.png`.
    fn draw(
        &mut self,
        group: &Group<'_>,
        kind: &str,
        figures: Vec<Figure>,
    ) -> Result<Vec<SectionFigure>, ReportError> {
        let draw = |figure: Figure| {
            let name = match self.several {
                false => format!("{}{kind}", figure.title),
                true => format!("{}-{}{kind}", group.name, figure.title),
            };
            let stem = file_stem(&name, &mut self.stems);
            let [svg, png] = ["svg", "png"].map(|kind| format!("figures/{stem}.{kind}"));
            let path = self.output.join(&png);
            let pixels = figure
                .png()
                .map_err(|message| ReportError::Draw { path: path.clone(), message })?;
            write(&path, &pixels)?;
            write(&self.output.join(&svg), figure.svg().as_bytes())?;
            self.files.extend([path, self.output.join(&svg)]);
            self.number += 1;
            let inline = figure.inline_svg(&format!("figure-{}", self.number));
            Ok(SectionFigure { task: figure.title, inline, svg, png })
        };
        figures.into_iter().map(draw).collect()
    }
}
