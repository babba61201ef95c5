use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use askama::Template;

use pmoe_results::files::{Prepared, remove_leftovers};
use pmoe_results::text::did_you_mean;
use pmoe_results::{ResultsError, Status};

use crate::acting::acting;
use crate::curves::Figure;
use crate::error::ReportError;
use crate::figures::{Style, acting_curves, intervals, learning_curves, profiles, success_rates};
use crate::files::{FOLDERS, PAGE, file_stem, parts_of_earlier, prepare, remove, replace};
use crate::format::shell;
use crate::group::{Group, group};
use crate::lots::{Lot, Origin, lots, uses};
use crate::measures::measured;
use crate::metrics::{TaskMetrics, metrics};
use crate::numbers::{Numbers, numbers, numbers_of_claims};
use crate::options::{Pictures, Place, ReportOptions};
use crate::own_suites::own_suites;
use crate::page::{
    Ledger, Measures, MetricFigures, Page, Panel, Section, SectionFigure, SectionFigures, Shown,
};
use crate::palette::Palette;
use crate::panels::{Sketch, panels};
use crate::plot::Picture;
use crate::rows::rows;
use crate::sources::{Sources, find};
use crate::summary::ReportSummary;
use crate::tables;

/// Creates a report of every run folder at or below `input` and writes it to the folder `output`.
///
/// Failed, unfinished, missing and unreadable runs are shown as such and do not hide other runs.
/// Tables and figures that an earlier report left there are removed unless this report contains
/// them; other files stay untouched.
///
/// # Errors
/// If `input` can't be listed or has no run, `output` can't be written, or a figure can't be drawn. Each file is
/// replaced atomically, so no file is ever incomplete.
pub fn write_report(
    input: &Path,
    output: &Path,
    options: &ReportOptions<'_>,
) -> Result<ReportSummary, ReportError> {
    let [from, to] = [input, output].map(|path| shell(&path.display().to_string()));
    let input = fs::canonicalize(input).map_err(|_| ResultsError::NotARun {
        path: input.to_owned(),
        reason: "there is no such folder".to_owned(),
    })?;
    let failed = |source| ReportError::Write { path: output.to_owned(), source };
    let is_new = !output.exists();
    fs::create_dir_all(output).map_err(failed)?;
    // The user named the output folder itself, but not the target of a link inside it.
    for folder in FOLDERS.map(|name| output.join(name)) {
        // Writing a file never takes that long.
        let old = Duration::from_secs(3600);
        remove_leftovers(&folder, old)
            .and_then(|()| remove_leftovers(output, old))
            .map_err(failed)?;
        if fs::symlink_metadata(&folder).is_ok_and(|metadata| metadata.is_symlink()) {
            return Err(ReportError::Link { path: folder });
        }
    }
    let absolute_output = fs::canonicalize(output).map_err(failed)?;
    let reference = options.reference.map(|name| format!(" --reference {}", shell(name)));
    let smooth = options.smooth;
    let smooth = (smooth != ReportOptions::SMOOTH).then(|| format!(" --smooth {smooth}"));
    let [reference, smooth] = [reference, smooth].map(Option::unwrap_or_default);
    let command = format!("pmoe report {from} --out {to}{reference}{smooth}");

    let place = Place { input: &input, name: None, output: &absolute_output };
    let report = Report::new(&place, &command, options, Pictures::All).inspect_err(|_| {
        if is_new {
            // The folder is still empty. If removing it fails, the report's error matters more.
            let _ = fs::remove_dir(output);
        }
    });
    let Report { files, mut summary, .. } = report?;
    let is_stale = |part: &String| files.iter().all(|(name, _)| name != part);
    // All on the disk before any is replaced, so that a full one leaves the earlier report as it was.
    let prepared = files.iter().map(|(name, bytes)| prepare(&output.join(name), bytes));
    let prepared = prepared.collect::<Result<Vec<_>, _>>()?;
    let is_page = |file: &Prepared| file.path() == output.join(PAGE);
    let (page, parts): (Vec<_>, Vec<_>) = prepared.into_iter().partition(is_page);
    parts.into_iter().try_for_each(replace)?;
    // The page comes last, as it names the parts of the earlier report.
    for part in parts_of_earlier(output).into_iter().filter(is_stale) {
        remove(&output.join(part))?;
    }
    page.into_iter().try_for_each(replace)?;
    for path in summary.files.iter_mut().chain([&mut summary.page]) {
        *path = output.join(&*path);
    }
    Ok(summary)
}

/// Returns an error if `name` is a method without a run here, which can't serve as reference.
fn check_reference<'a>(
    name: &str,
    methods: impl Iterator<Item = &'a str>,
) -> Result<(), ReportError> {
    let methods: BTreeSet<&str> = methods.collect();
    if methods.contains(name) || methods.is_empty() {
        return Ok(());
    }
    let known: Vec<_> = methods.iter().map(|method| format!("`{method}`")).collect();
    let meant = did_you_mean(name, methods.iter().copied());
    Err(ReportError::UnknownReference { name: name.to_owned(), known: known.join(", "), meant })
}

/// A report in memory.
pub(crate) struct Report {
    /// Every file: path relative to the report's folder, and content.
    pub(crate) files: Vec<(String, Vec<u8>)>,
    /// Every PNG and PDF file, drawn or not.
    pub(crate) pictures: Vec<PictureFile>,
    /// Content of `numbers.json`.
    pub(crate) numbers: Numbers,
    /// The runs behind the report.
    pub(crate) sources: Sources,
    /// Summary; paths are relative to the report's folder.
    pub(crate) summary: ReportSummary,
}

impl Report {
    /// Creates the report.
    pub(crate) fn new(
        place: &Place<'_>,
        command: &str,
        options: &ReportOptions<'_>,
        pictures: Pictures,
    ) -> Result<Self, ReportError> {
        let Place { input, name, output } = *place;
        let sources = find(input)?;
        if sources.runs.is_empty() && sources.broken.is_empty() {
            return Err(ReportError::NoRuns { path: input.to_owned() });
        }
        let own = own_suites(&sources, options)?;
        let options = own.as_ref().map_or(*options, |own| ReportOptions {
            suites: &own.suites,
            claims: &own.claims,
            ..*options
        });
        let ReportOptions { suites, claims, reference, bootstrap, smooth } = options;
        let now = input.file_name().map(|name| name.to_string_lossy().into_owned());
        let name = name.map(str::to_owned).or(now).unwrap_or_else(|| "runs".to_owned());
        let source = Origin { input, name: &name, plans: &sources.plans, suites };
        let lots = lots(&sources.runs, &source);
        let beside: Vec<_> = lots.iter().map(|lot| methods(lot, &source)).collect();
        let palette = Palette::new(suites, &beside);
        let groups = group(&lots, &source, reference, &palette, &bootstrap);
        if let Some(name) = reference {
            let methods = groups.iter().flat_map(|group| &group.methods);
            check_reference(name, methods.map(|method| &**method))?;
        }

        let several = 1 < groups.iter().filter(|group| group.other_steps.is_none()).count();
        let mut drawing = Drawing {
            several,
            pictures,
            stems: Vec::new(),
            number: 0,
            files: Vec::new(),
            pixels: Vec::new(),
        };
        let style = Style { palette: &palette, bootstrap: &bootstrap, smooth: smooth.into() };
        let all_rows: Vec<_> = groups.iter().map(rows).collect();
        let with_rows = || groups.iter().zip(&all_rows);
        let mut curves: Vec<_> =
            with_rows().map(|(group, rows)| learning_curves(group, rows, style)).collect();
        let mut acting_figures: Vec<_> =
            with_rows().map(|(group, rows)| acting_curves(group, rows, style)).collect();
        let returns = curves.iter_mut().chain(&mut acting_figures);
        Figure::share_axes(&mut returns.flatten().collect::<Vec<_>>());
        let (mut sections, mut all_numbers) = (Vec::new(), Vec::new());
        let mut shown = Shown::default();
        let figures = curves.into_iter().zip(acting_figures);
        for ((group, rows), (mut curves, mut as_it_acts)) in
            groups.iter().zip(all_rows).zip(figures)
        {
            let aggregates = group.comparison.aggregates(&bootstrap);
            let repeats = shown.repeats(group);
            // A curve is drawn once.
            let is_new = |figure: &Figure| repeats.iter().all(|of| of.task != figure.title);
            let mut success = success_rates(group, &rows, style);
            curves.retain(is_new);
            as_it_acts.retain(is_new);
            success.retain(is_new);
            let has_new = rows.iter().any(|row| repeats.iter().all(|of| of.task != row.task));
            let over_tasks = aggregates.as_ref().filter(|of| has_new && 1 < of.methods.len());
            let reference = group.comparison.reference.as_deref();
            let intervals = intervals(over_tasks, reference, &palette);
            let profiles = profiles(group, over_tasks, style);
            let mut metrics = metrics(group, &palette);
            metrics.retain(|of| repeats.iter().all(|known| known.task != of.task));
            let figures = SectionFigures {
                intervals: drawing.draw(group, "-intervals", intervals)?,
                curves: drawing.draw(group, "", curves)?,
                acting: drawing.draw(group, "-acting", as_it_acts)?,
                success: drawing.draw(group, "-success", success)?,
                profiles: drawing.draw(group, "", profiles)?,
                panels: drawing.panels(group, panels(group, style))?,
                metrics: drawing.metrics(metrics),
                repeats,
            };
            let numbers_of_runs =
                Measures { more: measured(group, &bootstrap), acting: acting(group, &bootstrap) };
            let section =
                Section::new(group, rows, aggregates, numbers_of_runs, figures, &palette, output);
            all_numbers.extend(numbers(group, &section, output));
            sections.push(section);
        }
        let ledger = Ledger::new(claims, &groups, &sections, &sources, output, &bootstrap);
        all_numbers.extend(numbers_of_claims(&ledger));
        let mut files = drawing.files;
        let level = bootstrap.level;
        let has_tasks = sections.iter().any(|section| !section.aggregate_rows.is_empty());
        let has_acting = sections.iter().any(|section| !section.acting.is_empty());
        let has_more = sections.iter().any(|section| section.measured().next().is_some());
        let has_claims = !ledger.lines.is_empty();
        let [curves, updates] = [tables::curves_csv(&groups), tables::metrics_csv(&groups)];
        // Empty tables are not written.
        let tables = [
            ("auc.md", true, tables::markdown(&sections, level)),
            ("auc.csv", true, tables::csv(&sections)),
            ("tasks.md", has_tasks, tables::tasks_markdown(&sections, level)),
            ("tasks.csv", has_tasks, tables::tasks_csv(&sections)),
            ("acting.md", has_acting, tables::acting_markdown(&sections, level)),
            ("acting.csv", has_acting, tables::acting_csv(&sections)),
            ("more.md", has_more, tables::more_markdown(&sections, level)),
            ("more.csv", has_more, tables::more_csv(&sections)),
            ("claims.md", has_claims, tables::claims_markdown(&ledger, level)),
            ("claims.csv", has_claims, tables::claims_csv(&ledger)),
            ("curves.csv", 1 < curves.lines().take(2).count(), curves),
            ("metrics.csv", !updates.is_empty(), updates),
        ];
        let tables: Vec<_> = tables.into_iter().filter(|(_, has_lines, _)| *has_lines).collect();
        let table_names: Vec<_> = tables.iter().map(|(name, ..)| *name).collect();
        files.extend(
            tables.into_iter().map(|(name, _, text)| (format!("tables/{name}"), text.into_bytes())),
        );
        let numbers = Numbers::new(place, &name, command, &options, &sources, all_numbers);
        files.push((Numbers::FILE.to_owned(), numbers.to_bytes()));

        let missing = groups.iter().flat_map(|group| &group.missing).map(|missing| &missing.dir);
        let count = |wanted: fn(&Status) -> bool| {
            sources.runs.iter().filter(|run| wanted(&run.manifest.status)).count()
        };
        let summary = ReportSummary {
            done: count(|status| matches!(status, Status::Done)),
            failed: count(|status| matches!(status, Status::Failed { .. })),
            unfinished: count(|status| matches!(status, Status::Running | Status::Interrupted)),
            missing: missing.into_iter().collect::<BTreeSet<_>>().len(),
            unreadable: sources.broken.len(),
            rows: sections.iter().flat_map(|section| section.rows.clone()).collect(),
            files: files.iter().map(|(name, _)| name.into()).chain([PAGE.into()]).collect(),
            page: PAGE.into(),
        };
        let page = Page::new(&summary, sections, &ledger, &sources, command, table_names, &options);
        let html = page.with_clips(&groups).render()?;
        files.push((PAGE.to_owned(), html.into_bytes()));
        Ok(Self { files, pictures: drawing.pixels, numbers, sources, summary })
    }
}

/// Returns the methods that one part of the report compares: those of its runs, suite and plan.
fn methods<'a>(lot: &'a Lot<'_>, source: &Origin<'a>) -> Vec<&'a str> {
    let name = source.folder_name(&lot.folder);
    let suite = source.suites.iter().find(|suite| suite.name == name);
    let of_suite = suite.iter().flat_map(|suite| suite.methods.iter().map(|of| of.name.as_str()));
    let plan = lot.folder.parent().and_then(|root| source.plans.get(root));
    let of_plan: Vec<_> = plan.iter().flat_map(|plan| uses(plan, &name)).collect();
    let of_plan = of_plan.into_iter().map(|(_, method)| method);
    let of_runs = lot.runs.iter().map(|(method, _)| method.as_str());
    of_runs.chain(of_suite).chain(of_plan).collect()
}

/// A file that holds a picture whose bytes depend on the machine.
pub(crate) struct PictureFile {
    /// Path relative to the report's folder.
    pub(crate) name: String,
    pub(crate) kind: PictureKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PictureKind {
    /// Width and height in pixels.
    Png([u32; 2]),
    Pdf,
}

/// State of drawing a report's figures.
struct Drawing {
    /// Whether several groups have the usual budget, so that file names must include the group.
    several: bool,
    pictures: Pictures,
    stems: Vec<String>,
    number: usize,
    files: Vec<(String, Vec<u8>)>,
    pixels: Vec<PictureFile>,
}

impl Drawing {
    /// Draws figures as `figures/<task><kind>.svg`, `.png` and `.pdf`.
    fn draw(
        &mut self,
        group: &Group<'_>,
        kind: &str,
        figures: Vec<impl Into<Picture>>,
    ) -> Result<Vec<SectionFigure>, ReportError> {
        let draw = |figure: Picture| {
            let name = match self.several || group.other_steps.is_some() {
                false => format!("{}{kind}", figure.title()),
                true => format!("{}-{}{kind}", group.name, figure.title()),
            };
            let stem = file_stem(&name, &mut self.stems);
            let [svg, png, pdf] =
                ["svg", "png", "pdf"].map(|kind| format!("figures/{stem}.{kind}"));
            if self.pictures == Pictures::All {
                let failed = |path: &str| {
                    let path = path.into();
                    move |message| ReportError::Draw { path, message }
                };
                self.files.push((png.clone(), figure.png().map_err(failed(&png))?));
                self.files.push((pdf.clone(), figure.pdf().map_err(failed(&pdf))?));
            }
            let kind = PictureKind::Png(figure.png_size());
            self.pixels.push(PictureFile { name: png.clone(), kind });
            self.pixels.push(PictureFile { name: pdf.clone(), kind: PictureKind::Pdf });
            self.files.push((svg.clone(), figure.svg().into_bytes()));
            Ok(self.on_page(&figure, vec![("SVG", svg), ("PNG", png), ("PDF", pdf)]))
        };
        figures.into_iter().map(Into::into).map(draw).collect()
    }

    /// Draws a figure for the page.
    fn on_page(&mut self, figure: &Picture, files: Vec<(&'static str, String)>) -> SectionFigure {
        self.number += 1;
        let inline = figure.inline_svg(&format!("figure-{}", self.number));
        SectionFigure::new(figure, inline, files)
    }

    /// Draws training metrics for the page; there are too many for files.
    fn metrics(&mut self, metrics: Vec<TaskMetrics>) -> Vec<MetricFigures> {
        let of_task = |TaskMetrics { task, charts, constant }: TaskMetrics| {
            let figures = charts.into_iter().map(|chart| self.on_page(&chart.into(), Vec::new()));
            MetricFigures { task, figures: figures.collect(), constant }
        };
        metrics.into_iter().map(of_task).collect()
    }

    /// Draws the charts of panels.
    fn panels(
        &mut self,
        group: &Group<'_>,
        sketches: Vec<Sketch>,
    ) -> Result<Vec<Panel>, ReportError> {
        let panel = |Sketch { kind, pictures, panel }: Sketch| {
            let figures = self.draw(group, &format!("-{kind}"), pictures)?;
            Ok(Panel { figures, ..panel })
        };
        sketches.into_iter().map(panel).collect()
    }
}
