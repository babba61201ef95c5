//! What the page's template sees: text, ready to be shown.

use std::path::{Path, PathBuf};

use askama::Template;
use pmoe_results::{Bootstrap, Entry, EvalCurve, Preset, ResultsError, Status, Suite};

use crate::files::link;
use crate::format::{count, duration, plural, shell};
use crate::group::Group;
use crate::palette::{Palette, css_variables};
use crate::report::ReportSummary;
use crate::rows::Row;
use crate::settings::{Setting, settings};

/// `templates/index.html`.
#[derive(Template)]
#[template(path = "index.html")]
pub(crate) struct Page<'a> {
    summary: &'a ReportSummary,
    sections: Vec<Section>,
    /// Titles of the plan's suites that have no run yet.
    not_begun: Vec<String>,
    /// Folder and error.
    broken: Vec<(String, String)>,
    command: String,
    success_window: usize,
    level: String,
    resamples: String,
    light: String,
    dark: String,
}

/// The runs of one suite.
pub(crate) struct Section {
    pub(crate) title: String,
    subtitle: String,
    reference: Option<String>,
    paper_item: Option<String>,
    paper_scale: String,
    command: Option<String>,
    figures: Vec<SectionFigure>,
    success_figures: Vec<SectionFigure>,
    pub(crate) rows: Vec<Row>,
    /// Place of each row's method in the palette.
    colors: Vec<usize>,
    /// The methods, in the order of the settings' columns.
    algos: Vec<String>,
    differing: Vec<Setting>,
    common: Vec<Setting>,
    costs: Vec<Cost>,
    /// Label and distinct values.
    provenance: Vec<(&'static str, Vec<String>)>,
    runs: Vec<RunLine>,
}

/// Curves of a task.
pub(crate) struct SectionFigure {
    /// Name of the task.
    pub(crate) task: String,
    /// The `svg` element.
    pub(crate) inline: String,
    /// The files, relative to the page.
    pub(crate) svg: String,
    pub(crate) png: String,
}

/// What a method on a task has cost.
struct Cost {
    task: String,
    algo: String,
    runs: usize,
    steps: String,
    wall: String,
    speed: String,
}

/// One run in the list.
struct RunLine {
    link: String,
    task: String,
    algo: String,
    seed: u64,
    state: &'static str,
    detail: String,
    steps: String,
    wall: String,
    command: String,
}

impl<'a> Page<'a> {
    pub(crate) fn new(
        summary: &'a ReportSummary,
        sections: Vec<Section>,
        not_begun: Vec<String>,
        broken: &[(PathBuf, ResultsError)],
        [input, output]: [&Path; 2],
        bootstrap: &Bootstrap,
    ) -> Self {
        let [input, output] = [input, output].map(|path| shell(&path.display().to_string()));
        let text =
            |(path, error): &(PathBuf, ResultsError)| (path.display().to_string(), chain(error));
        Self {
            summary,
            sections,
            not_begun,
            broken: broken.iter().map(text).collect(),
            command: format!("pmoe report {input} --out {output}"),
            success_window: EvalCurve::SUCCESS_WINDOW,
            level: format!("{:.0}", 100.0 * bootstrap.level),
            resamples: count(bootstrap.resamples as u64),
            light: css_variables(false),
            dark: css_variables(true),
        }
    }

    /// Runs found, in whatever state.
    fn found(&self) -> String {
        let ReportSummary { done, failed, unfinished, .. } = self.summary;
        plural(done + failed + unfinished, "run")
    }

    /// State and number of runs in it, for those that there are.
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

impl Section {
    pub(crate) fn new(
        group: &Group<'_>,
        rows: Vec<Row>,
        [figures, success_figures]: [Vec<SectionFigure>; 2],
        palette: &Palette,
        output: &Path,
    ) -> Self {
        let (differing, common) = settings(&group.entries, &group.methods);
        let mut subtitle = vec![format!("folder {}", group.name)];
        subtitle.extend(group.preset.map(|preset| format!("preset {preset}")));
        subtitle.extend(budget(&rows));
        Self {
            title: group.suite.map_or(group.name.clone(), |suite| suite.title.clone()),
            subtitle: subtitle.join(" · "),
            reference: group.comparison.reference.clone(),
            paper_item: group
                .suite
                .filter(|suite| !suite.paper.auc.is_empty())
                .map(|suite| suite.item.clone()),
            paper_scale: group.suite.map(paper_scale).unwrap_or_default(),
            command: group.suite.zip(group.preset).map(|(suite, preset)| {
                let max_steps = group.max_steps.map(|steps| format!(" --max-steps {steps}"));
                let max_steps = max_steps.unwrap_or_default();
                format!("cargo xtask bench-all --preset {preset}{max_steps} --only {}", suite.name)
            }),
            figures,
            success_figures,
            colors: rows.iter().map(|row| palette.color(&row.algo)).collect(),
            costs: rows.iter().filter_map(|row| cost(group, row)).collect(),
            rows,
            algos: group.methods.iter().map(|&method| method.to_owned()).collect(),
            differing,
            common,
            provenance: provenance(&group.entries),
            runs: group.entries.iter().map(|entry| run_line(entry, output)).collect(),
        }
    }

    /// Rows with the place of their method in the palette.
    fn colored_rows(&self) -> impl Iterator<Item = (&Row, &usize)> {
        self.rows.iter().zip(&self.colors)
    }

    fn has_left_out(&self) -> bool {
        self.rows.iter().any(|row| !row.left_out.is_empty())
    }
}

/// What the paper's numbers are made from.
fn paper_scale(suite: &Suite) -> String {
    let plan = suite.preset(Preset::Paper);
    let seeds = plural(plan.seeds.len(), "seed");
    let mut steps: Vec<u64> = plan.task_steps.values().copied().collect();
    steps.push(plan.total_steps);
    steps.sort_unstable();
    steps.dedup();
    let steps: Vec<_> = steps.into_iter().map(count).collect();
    format!("{} environment steps per run, {seeds}", steps.join(" or "))
}

fn budget(rows: &[Row]) -> Option<String> {
    let least = rows.iter().map(|row| row.total_steps).min()?;
    let most = rows.iter().map(|row| row.total_steps).max()?;
    let range =
        if least == most { count(most) } else { format!("{} to {}", count(least), count(most)) };
    Some(format!("{range} environment steps per run"))
}

fn cost(group: &Group<'_>, row: &Row) -> Option<Cost> {
    let of_row = |entry: &&Entry<'_>| {
        (entry.method, &entry.run.manifest.task) == (row.algo.as_str(), &row.task)
    };
    let runs: Vec<_> = group.entries.iter().filter(of_row).map(|entry| entry.run).collect();
    let wall: f64 = runs.iter().map(|run| run.manifest.wall_seconds()).sum();
    let attempts = runs.iter().flat_map(|run| &run.manifest.attempts);
    let steps: u64 =
        attempts.map(|attempt| attempt.to_step.saturating_sub(attempt.from_step)).sum();
    (!runs.is_empty()).then(|| Cost {
        task: row.task.clone(),
        algo: row.algo.clone(),
        runs: runs.len(),
        steps: count(steps),
        wall: duration(wall),
        speed: speed(steps, wall),
    })
}

fn speed(steps: u64, wall_seconds: f64) -> String {
    if 0.0 < wall_seconds {
        format!("{:.0}", steps as f64 / wall_seconds)
    } else {
        crate::format::NOTHING.to_owned()
    }
}

/// Label, and every value that occurs, in the order of the runs.
fn provenance(entries: &[Entry<'_>]) -> Vec<(&'static str, Vec<String>)> {
    let facts = entries.iter().map(|Entry { run, .. }| {
        let of = &run.manifest.provenance;
        let dirty = if of.dirty { " with uncommitted changes" } else { "" };
        [
            ("commit", format!("{}{dirty}", of.commit)),
            ("pmoe", of.pmoe.clone()),
            ("burn", of.burn.clone()),
            ("MuJoCo", of.mujoco.clone()),
            ("rustc", of.rustc.clone()),
            ("device", format!("{}, {}", of.device, plural(of.threads, "thread"))),
            ("processor", format!("{}, {}", of.cpu, plural(of.cores, "core"))),
            ("memory", format!("{:.1} GiB", of.memory_gib)),
            ("system", of.os.clone()),
        ]
    });
    let mut rows: Vec<(&'static str, Vec<String>)> = Vec::new();
    for (label, value) in facts.flatten() {
        match rows.iter_mut().find(|row| row.0 == label) {
            Some((_, values)) if values.contains(&value) => {}
            Some((_, values)) => values.push(value),
            None => rows.push((label, vec![value])),
        }
    }
    rows
}

fn run_line(Entry { method, run }: &Entry<'_>, output: &Path) -> RunLine {
    let of = &run.manifest;
    let (state, detail) = match &of.status {
        Status::Done => ("done", String::new()),
        Status::Running => ("unfinished", "under way, or killed".to_owned()),
        Status::Interrupted => ("unfinished", "stopped, can be continued".to_owned()),
        Status::Failed { reason, diverged: false } => ("failed", reason.clone()),
        Status::Failed { reason, diverged: true } => ("failed", format!("diverged: {reason}")),
    };
    RunLine {
        link: link(output, &run.path),
        task: of.task.clone(),
        algo: (*method).to_owned(),
        seed: of.seed,
        state,
        detail,
        steps: format!("{} of {}", count(of.env_step), count(of.total_steps)),
        wall: duration(of.wall_seconds()),
        command: of.provenance.command.clone(),
    }
}

/// An error with its causes on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
