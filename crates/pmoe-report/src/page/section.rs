//! Sections of the page, one per item of the paper or folder of runs.

use std::collections::BTreeMap;
use std::path::Path;

use pmoe_results::{AnalysisKind, Status, Suite};

use super::answer;
use super::cost::{Cost, CostRow, costs, provenance};
use super::panel::{Measured, Panel};
use super::settings::{Setting, settings};
use super::{FigureGroup, MetricFigures};
use crate::comparison::{Aggregate, Aggregates, Entry, Excluded};
use crate::files::link;
use crate::format::{NOTHING, count, duration, estimate, number, percent, plural, runs_text};
use crate::group::{Group, budget_words};
use crate::palette::{Look, Palette};
use crate::rows::{Row, reason};

/// Data of `templates/section.html`.
pub(crate) struct Section {
    /// Name in links.
    pub(crate) id: String,
    /// Suite, or folder of the runs.
    pub(crate) suite: String,
    pub(crate) title: String,
    /// Figure or table of the paper.
    pub(crate) item: Option<String>,
    /// What the paper's figure or table shows.
    pub(crate) paper_shows: Option<String>,
    pub(crate) subtitle: String,
    pub(crate) answer: String,
    pub(crate) verdict: Option<String>,
    pub(super) paper_verdict: Option<String>,
    pub(crate) scale_note: Option<String>,
    /// Range of the number of seeds behind the numbers.
    pub(crate) num_seeds: String,
    pub(crate) states: States,
    pub(crate) reference: Option<String>,
    /// What the paper states about its runs, if its numbers are shown next to ours.
    pub(crate) paper_scale: Option<String>,
    /// What the suite assumes because the paper does not state it.
    pub(super) assumed: Option<String>,
    pub(crate) command: Option<String>,
    pub(crate) figures: FigureGroup,
    pub(crate) success_figures: FigureGroup,
    pub(crate) profiles: FigureGroup,
    /// Panels of the analyses.
    pub(crate) panels: Vec<Panel>,
    pub(crate) metrics: Vec<MetricFigures>,
    pub(crate) rows: Vec<Row>,
    /// Look of each row's method.
    pub(super) looks: Vec<Look>,
    pub(crate) aggregates: Option<Aggregates>,
    pub(crate) aggregate_rows: Vec<AggregateRow>,
    /// Tasks left out of the aggregates, and why.
    pub(crate) gaps: Vec<String>,
    /// Other quantities from the runs' events.
    pub(crate) more: Vec<Measured>,
    /// Runs excluded from the numbers, one sentence each.
    pub(crate) left_out: Vec<String>,
    /// Methods, in the order of the settings' columns.
    pub(super) methods: Vec<String>,
    pub(super) differing: Vec<Setting>,
    pub(super) common: Vec<Setting>,
    pub(crate) costs: Vec<CostRow>,
    pub(super) cost: Cost,
    /// Each label with its distinct values.
    pub(super) provenance: Vec<(&'static str, Vec<String>)>,
    pub(super) runs: Vec<RunLine>,
}

/// Number of a section's runs in each state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct States {
    pub(crate) done: usize,
    pub(crate) failed: usize,
    pub(crate) unfinished: usize,
    pub(crate) missing: usize,
}

/// Table row of a method over several tasks.
pub(crate) struct AggregateRow {
    pub(super) method: String,
    pub(super) look: Look,
    pub(super) iqm: String,
    pub(super) median: String,
    pub(super) mean: String,
    pub(super) paper: Option<String>,
    pub(super) gap: String,
    pub(super) improvement: String,
    pub(super) runs: String,
}

/// One run in the list.
pub(super) struct RunLine {
    pub(super) link: String,
    /// Name and file of each analysis; the file is relative to the run's folder.
    pub(super) analyses: Vec<(&'static str, String)>,
    pub(super) task: String,
    pub(super) method: String,
    pub(super) seed: u64,
    pub(super) state: &'static str,
    pub(super) detail: String,
    pub(super) steps: String,
    pub(super) wall: String,
    pub(super) command: String,
}

/// The figures of a section.
#[derive(Default)]
pub(crate) struct SectionFigures {
    pub(crate) curves: FigureGroup,
    pub(crate) success: FigureGroup,
    pub(crate) profiles: FigureGroup,
    pub(crate) panels: Vec<Panel>,
    pub(crate) metrics: Vec<MetricFigures>,
}

impl Section {
    pub(crate) fn new(
        group: &Group<'_>,
        rows: Vec<Row>,
        aggregates: Option<Aggregates>,
        more: Vec<Measured>,
        figures: SectionFigures,
        palette: &Palette,
        output: &Path,
    ) -> Self {
        let (differing, common) = settings(&group.entries, &group.methods);
        let reference = group.comparison.reference.clone();
        let mut subtitle = vec![format!("folder {}", group.name)];
        subtitle.extend(group.preset.map(|preset| format!("preset {preset}")));
        subtitle.extend(budget(&rows));
        let aggregate_row = |of: &Aggregate, tasks: &[String]| {
            AggregateRow::new(of, palette.look(&of.method), group.suite, tasks)
        };
        let of_aggregates = |of: &Aggregates| {
            of.methods.iter().map(|method| aggregate_row(method, &of.tasks)).collect()
        };
        let measured: Vec<_> = measured(&more, &figures.panels).collect();
        let is_about_auc = group.suite.is_none_or(|suite| suite.paper.about.is_empty());
        let answer = answer::answer(group, &rows, aggregates.as_ref(), &measured);
        Self {
            id: group.id.clone(),
            suite: group.name.clone(),
            title: group.suite.map_or(group.name.clone(), |suite| {
                suite.title.clone() + &budget_words(group.other_steps)
            }),
            item: group.suite.map(|suite| suite.item.clone()),
            paper_shows: group.suite.and_then(|suite| suite.paper.shows.clone()),
            subtitle: subtitle.join(" · "),
            answer,
            verdict: answer::verdict(&rows, reference.as_deref()).filter(|_| is_about_auc),
            paper_verdict: answer::paper_verdict(&rows, reference.as_deref()),
            scale_note: answer::scale_note(group.suite, &rows),
            num_seeds: num_seeds(&rows),
            states: States::of(group),
            reference,
            paper_scale: (group.suite.filter(|suite| !suite.paper.auc.is_empty()))
                .map(answer::paper_scale),
            assumed: group.suite.and_then(answer::assumed),
            command: group.suite.zip(group.preset).filter(|_| group.other_steps.is_none()).map(
                |(suite, preset)| {
                    let max_steps = group.max_steps.map(|steps| format!(" --max-steps {steps}"));
                    let max_steps = max_steps.unwrap_or_default();
                    format!(
                        "cargo xtask bench-all --preset {preset}{max_steps} --only {}",
                        suite.name
                    )
                },
            ),
            figures: figures.curves,
            success_figures: figures.success,
            profiles: figures.profiles,
            panels: figures.panels,
            metrics: figures.metrics,
            looks: rows.iter().map(|row| palette.look(&row.method)).collect(),
            costs: costs(group, &rows),
            cost: Cost::of(group.entries.iter().map(|entry| entry.run)),
            aggregate_rows: aggregates.as_ref().map(of_aggregates).unwrap_or_default(),
            gaps: aggregates.as_ref().map(answer::gaps).unwrap_or_default(),
            aggregates,
            more,
            left_out: left_out(group),
            rows,
            methods: group.methods.iter().map(|&method| method.to_owned()).collect(),
            differing,
            common,
            provenance: provenance(&group.entries),
            runs: group.entries.iter().map(|entry| run_line(entry, output)).collect(),
        }
    }

    /// Returns the section's entry in the table of contents.
    pub(crate) fn label(&self) -> &str {
        self.item.as_deref().unwrap_or(&self.title)
    }

    /// Returns the rows, each with the look of its method and how it compares with the reference.
    pub(super) fn judged_rows(&self) -> impl Iterator<Item = (&Row, &Look, &'static str)> {
        let standing = |row| answer::standing(row, &self.rows, self.reference.as_deref());
        let text = move |row| standing(row).map_or(NOTHING, answer::standing_text);
        self.rows.iter().zip(&self.looks).map(move |(row, look)| (row, look, text(row)))
    }

    /// Returns the quantities besides those in the rows, from events and analyses.
    pub(crate) fn measured(&self) -> impl Iterator<Item = &Measured> {
        measured(&self.more, &self.panels)
    }

    /// Returns the distinct labels in `more`.
    pub(super) fn more_labels(&self) -> String {
        let mut labels: Vec<_> = self.more.iter().map(|more| more.quantity.label()).collect();
        labels.dedup();
        labels.join(", ")
    }

    /// Whether there are several tasks, so that aggregates would be possible.
    pub(super) fn has_several_tasks(&self) -> bool {
        let first = self.rows.first().map(|row| &row.task);
        self.rows.iter().any(|row| Some(&row.task) != first)
    }
}

impl States {
    fn of(group: &Group<'_>) -> Self {
        let mut states = Self { missing: group.missing.len(), ..Self::default() };
        for entry in &group.entries {
            match entry.run.manifest.status {
                Status::Done => states.done += 1,
                Status::Failed { .. } => states.failed += 1,
                Status::Running | Status::Interrupted => states.unfinished += 1,
            }
        }
        states
    }

    pub(crate) fn total(&self) -> usize {
        self.done + self.failed + self.unfinished + self.missing
    }

    /// Returns name and count of the states that occur.
    pub(crate) fn listed(&self) -> Vec<(&'static str, usize)> {
        let Self { done, failed, unfinished, missing } = *self;
        let states = [
            ("done", done),
            ("failed", failed),
            ("unfinished", unfinished),
            ("not started", missing),
        ];
        states.into_iter().filter(|(_, count)| 0 < *count).collect()
    }
}

impl AggregateRow {
    fn new(of: &Aggregate, look: Look, suite: Option<&Suite>, tasks: &[String]) -> Self {
        let text = |value: Option<&_>| estimate(value, percent);
        Self {
            method: of.method.clone(),
            look,
            iqm: text(of.iqm.as_ref()),
            median: text(Some(&of.median)),
            mean: text(Some(&of.mean)),
            paper: answer::paper_mean(suite, &of.method, tasks).map(number),
            gap: text(Some(&of.optimality_gap)),
            improvement: text(of.improvement.as_ref()),
            runs: runs_text(of),
        }
    }
}

fn measured<'a>(more: &'a [Measured], panels: &'a [Panel]) -> impl Iterator<Item = &'a Measured> {
    more.iter().chain(panels.iter().flat_map(|panel| &panel.measured))
}

fn budget(rows: &[Row]) -> Option<String> {
    let least = rows.iter().map(|row| row.total_steps).min()?;
    let most = rows.iter().map(|row| row.total_steps).max()?;
    let range =
        if least == most { count(most) } else { format!("{} to {}", count(least), count(most)) };
    Some(format!("{range} environment steps per run"))
}

/// Formats the number of seeds over the rows with numbers: `3` or `2 to 5`.
fn num_seeds(rows: &[Row]) -> String {
    let counts = || rows.iter().map(|row| row.seeds.len()).filter(|count| 0 < *count);
    match (counts().min(), counts().max()) {
        (Some(least), Some(most)) if least < most => format!("{least} to {most}"),
        (Some(count), _) => count.to_string(),
        _ => "0".to_owned(),
    }
}

/// Number of unfinished runs up to which each gets its own sentence.
const FEW: usize = 6;

/// Lists the excluded runs: one sentence each, except that many unfinished runs and all missing
/// runs are only counted.
fn left_out(group: &Group<'_>) -> Vec<String> {
    let mut sentences = Vec::new();
    let mut unfinished: Vec<(&str, String)> = Vec::new();
    for cell in &group.comparison.cells {
        for (seed, why) in &cell.excluded {
            let reason = reason(why, cell.total_steps);
            let sentence = format!("{} on {}, seed {seed}: {reason}.", cell.method, cell.task);
            match why {
                Excluded::Unfinished { .. } => unfinished.push((&cell.task, sentence)),
                _ => sentences.push(sentence),
            }
        }
    }
    let total = plural(States::of(group).total(), "run");
    if unfinished.len() <= FEW {
        sentences.extend(unfinished.into_iter().map(|(_, sentence)| sentence));
    } else {
        let (sum, tasks) = (unfinished.len(), by_task(unfinished.iter().map(|(task, _)| *task)));
        sentences.push(format!("{sum} of {total} unfinished: {tasks}."));
    }
    if !group.missing.is_empty() {
        let tasks = by_task(group.missing.iter().map(|run| run.task.as_str()));
        sentences.push(format!("{} of {total} not started: {tasks}.", group.missing.len()));
    }
    sentences
}

/// Counts runs by task: `Ant-v2 3, Hopper-v2 1`.
fn by_task<'a>(tasks: impl Iterator<Item = &'a str>) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    tasks.for_each(|task| *counts.entry(task).or_default() += 1);
    counts.iter().map(|(task, count)| format!("{task} {count}")).collect::<Vec<_>>().join(", ")
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
    let analyses =
        AnalysisKind::ALL.into_iter().filter(|kind| run.path.join(kind.file()).is_file());
    RunLine {
        link: link(output, &run.path),
        analyses: analyses.map(|kind| (kind.name(), kind.file().display().to_string())).collect(),
        task: of.task.clone(),
        method: (*method).to_owned(),
        seed: of.seed,
        state,
        detail,
        steps: format!("{} of {}", count(of.env_step), count(of.total_steps)),
        wall: duration(of.wall_seconds()),
        command: of.provenance.command.clone(),
    }
}

#[cfg(test)]
impl Section {
    /// Creates a section with rows only, for tests of the tables.
    pub(crate) fn of_rows(title: &str, rows: Vec<Row>) -> Self {
        let group = Group {
            id: title.to_owned(),
            name: title.to_owned(),
            other_steps: None,
            input: Path::new("/"),
            suite: None,
            preset: None,
            max_steps: None,
            entries: Vec::new(),
            methods: Vec::new(),
            missing: Vec::new(),
            comparison: crate::comparison::Comparison { reference: None, cells: Vec::new() },
        };
        let figures = SectionFigures::default();
        let palette = Palette::new(&[], &[]);
        let root = Path::new("/");
        Self::new(&group, rows, None, Vec::new(), figures, &palette, root)
    }
}
