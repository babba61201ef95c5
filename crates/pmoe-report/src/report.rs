use std::fs;
use std::path::{Path, PathBuf};

use askama::Template;
use pmoe_results::{Bootstrap, ResultsError, Status, Suite, scan};
use serde::Serialize;

use crate::figures::figures;
use crate::files::{file_stem, write};
use crate::group::group;
use crate::page::{Page, Section, SectionFigure};
use crate::palette::Palette;
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
    let found = scan(&input)?;
    fs::create_dir_all(output)
        .map_err(|source| ReportError::Write { path: output.to_owned(), source })?;
    let absolute_output = fs::canonicalize(output)
        .map_err(|source| ReportError::Write { path: output.to_owned(), source })?;

    let algos = found.runs.iter().map(|run| run.manifest.algo.as_str());
    let palette = Palette::new(options.suites, algos);
    let ReportOptions { suites, reference, bootstrap } = *options;
    let groups = group(&found.runs, &input, suites, reference, &palette, &bootstrap);

    let mut files = Vec::new();
    let mut sections = Vec::new();
    let mut stems = Vec::new();
    let mut number = 0;
    for group in &groups {
        let rows = rows(group);
        let mut drawn = Vec::new();
        for figure in figures(group, &rows, &palette) {
            let name = match groups.len() {
                1 => figure.title.clone(),
                _ => format!("{}-{}", group.name, figure.title),
            };
            let stem = file_stem(&name, &mut stems);
            let [svg, png] = ["svg", "png"].map(|kind| format!("figures/{stem}.{kind}"));
            let path = output.join(&png);
            let pixels = figure
                .png()
                .map_err(|message| ReportError::Draw { path: path.clone(), message })?;
            write(&path, &pixels)?;
            write(&output.join(&svg), figure.svg().as_bytes())?;
            files.extend([path, output.join(&svg)]);
            number += 1;
            drawn.push(SectionFigure {
                task: figure.title.clone(),
                inline: figure.inline_svg(&format!("figure-{number}")),
                svg,
                png,
            });
        }
        sections.push(Section::new(group, rows, drawn, &palette, &absolute_output));
    }

    let by_title: Vec<_> =
        sections.iter().map(|section| (section.title.clone(), section.rows.clone())).collect();
    for (name, text) in
        [("md", tables::markdown(&by_title, bootstrap.level)), ("csv", tables::csv(&by_title))]
    {
        let path = output.join(format!("tables/auc.{name}"));
        write(&path, text.as_bytes())?;
        files.push(path);
    }

    let count = |wanted: fn(&Status) -> bool| {
        found.runs.iter().filter(|run| wanted(&run.manifest.status)).count()
    };
    let page_path = output.join("index.html");
    let summary = ReportSummary {
        done: count(|status| matches!(status, Status::Done)),
        failed: count(|status| matches!(status, Status::Failed { .. })),
        unfinished: count(|status| matches!(status, Status::Running | Status::Interrupted)),
        missing: groups.iter().map(|group| group.missing.len()).sum(),
        unreadable: found.broken.len(),
        rows: by_title.into_iter().flat_map(|(_, rows)| rows).collect(),
        files: files.into_iter().chain([page_path.clone()]).collect(),
        page: page_path,
    };
    let page = Page::new(&summary, sections, &found.broken, [given, output], &bootstrap);
    write(&summary.page, page.render()?.as_bytes())?;
    Ok(summary)
}
