//! Sections of the page, one per item of the paper or folder of runs.

use std::path::Path;

use super::answer;
use super::cost::{Cost, CostRow, costs, provenance};
use super::figure::{Grid, MetricFigures, SectionFigure};
use super::panel::{Measured, Panel, PanelTable};
use super::repeats::Repeat;
use super::runs::{RunLine, States, left_out, run_line};
use super::settings::{Setting, settings};
use super::table::{AggregateRow, NumberRow, TaskRows};
use crate::acting::ActingRow;
use crate::comparison::{Aggregate, Aggregates};
use crate::format::{count, plural};
use crate::group::{Group, budget_words};
use crate::palette::{Look, Palette};
use crate::rows::Row;

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
    pub(crate) states: States,
    pub(crate) reference: Option<String>,
    /// What the paper states about its runs, if its numbers are shown next to ours.
    pub(crate) paper_scale: Option<String>,
    /// What the suite assumes because the paper does not state it.
    pub(super) assumed: Option<String>,
    pub(crate) command: Option<String>,
    figures: Vec<SectionFigure>,
    /// Returns of training episodes.
    acting_figures: Vec<SectionFigure>,
    success_figures: Vec<SectionFigure>,
    intervals: Vec<SectionFigure>,
    profiles: Vec<SectionFigure>,
    /// Tasks whose curves are in an earlier part.
    repeats: Vec<Repeat>,
    /// Panels of the analyses.
    pub(crate) panels: Vec<Panel>,
    pub(super) metrics: Vec<MetricFigures>,
    pub(crate) rows: Vec<Row>,
    /// Look of each row's method.
    looks: Vec<Look>,
    pub(crate) aggregates: Option<Aggregates>,
    pub(crate) aggregate_rows: Vec<AggregateRow>,
    /// Tasks left out of the aggregates, and why.
    pub(crate) gaps: Vec<String>,
    /// Returns of training episodes beside those of evaluations.
    pub(crate) acting: Vec<ActingRow>,
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

/// What the events of a section's runs give besides the rows.
#[derive(Default)]
pub(crate) struct Measures {
    pub(crate) acting: Vec<ActingRow>,
    pub(crate) more: Vec<Measured>,
}

/// The figures of a section.
#[derive(Default)]
pub(crate) struct SectionFigures {
    pub(crate) curves: Vec<SectionFigure>,
    pub(crate) acting: Vec<SectionFigure>,
    pub(crate) success: Vec<SectionFigure>,
    pub(crate) intervals: Vec<SectionFigure>,
    pub(crate) profiles: Vec<SectionFigure>,
    pub(crate) panels: Vec<Panel>,
    pub(crate) metrics: Vec<MetricFigures>,
    pub(crate) repeats: Vec<Repeat>,
}

impl Section {
    pub(crate) fn new(
        group: &Group<'_>,
        rows: Vec<Row>,
        aggregates: Option<Aggregates>,
        measures: Measures,
        figures: SectionFigures,
        palette: &Palette,
        output: &Path,
    ) -> Self {
        let (differing, common) = settings(&group.entries, &group.methods);
        let reference = group.comparison.reference.clone();
        // Without a suite, the folder is the title.
        let mut subtitle = Vec::from_iter(group.suite.map(|_| format!("folder {}", group.name)));
        subtitle.extend(group.preset.map(|preset| format!("preset {preset}")));
        subtitle.extend(budget(&rows).map(|budget| {
            let full = answer::full_scale(group.suite, &rows);
            full.map_or_else(|| budget.clone(), |full| format!("{budget} ({full})"))
        }));
        subtitle.extend(seeds_text(&rows));
        let aggregate_row = |of: &Aggregate, tasks: &[String]| {
            AggregateRow::new(of, palette.look(&of.method), group.suite, tasks)
        };
        let of_aggregates = |of: &Aggregates| {
            of.methods.iter().map(|method| aggregate_row(method, &of.tasks)).collect()
        };
        let Measures { acting, more } = measures;
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
            acting_figures: figures.acting,
            success_figures: figures.success,
            intervals: figures.intervals,
            profiles: figures.profiles,
            repeats: figures.repeats,
            panels: figures.panels,
            metrics: figures.metrics,
            looks: rows.iter().map(|row| palette.look(&row.method)).collect(),
            costs: costs(group, &rows),
            cost: Cost::of(group.entries.iter().map(|entry| entry.run)),
            aggregate_rows: aggregates.as_ref().map(of_aggregates).unwrap_or_default(),
            gaps: aggregates.as_ref().map(answer::gaps).unwrap_or_default(),
            aggregates,
            acting,
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

    /// Whether there are finished runs of a method and of the reference to compare it with.
    pub(super) fn compares(&self) -> bool {
        let reference = self.reference.as_deref();
        let is_reference = |row: &&Row| Some(row.method.as_str()) == reference;
        let (ours, others): (Vec<_>, Vec<_>) =
            self.rows.iter().filter(|row| row.auc.is_some()).partition(is_reference);
        !ours.is_empty() && !others.is_empty()
    }

    /// Returns the rows by task, without tasks whose numbers are in an earlier part.
    pub(super) fn tables(&self) -> Vec<TaskRows> {
        let mut tables: Vec<TaskRows> = Vec::new();
        let is_repeated =
            |row: &Row| self.repeats.iter().any(|of| of.is_same && of.task == row.task);
        for (row, look) in self.rows.iter().zip(&self.looks).filter(|(row, _)| !is_repeated(row)) {
            let standing = answer::standing(row, &self.rows, self.reference.as_deref());
            let line = NumberRow::new(row, *look, standing);
            match tables.last_mut().filter(|table| table.task == row.task) {
                Some(table) => table.rows.push(line),
                None => tables.push(TaskRows { task: row.task.clone(), rows: vec![line] }),
            }
        }
        tables
    }

    /// Returns the earlier parts that have the curves of some tasks: link, title and tasks.
    pub(super) fn repeated(&self) -> Vec<(&str, &str, String)> {
        let mut parts: Vec<(&str, &str, Vec<&str>)> = Vec::new();
        for Repeat { task, id, label, .. } in &self.repeats {
            match parts.iter_mut().find(|(known, ..)| known == id) {
                Some((.., tasks)) => tasks.push(task),
                None => parts.push((id, label, vec![task])),
            }
        }
        parts.into_iter().map(|(id, label, tasks)| (id, label, tasks.join(", "))).collect()
    }

    /// Returns the figures of all methods: intervals over tasks, then curves by task.
    pub(super) fn grid(&self) -> Grid<'_> {
        let curves = self.figures.iter().chain(&self.success_figures);
        Grid::new(self.intervals.iter().chain(curves))
    }

    /// Returns the figures of training returns.
    pub(super) fn acting_grid(&self) -> Grid<'_> {
        Grid::new(self.acting_figures.iter())
    }

    /// Returns the table of training returns beside those of evaluations.
    pub(super) fn acting_table(&self) -> PanelTable {
        let mut head = vec!["Task", "Method", "AUC of evaluations", "of training"];
        if self.compares() {
            head.extend(["% of reference, evaluations", "training"]);
        }
        head.extend(["Final return of evaluations", "of training"]);
        let row = |row: &ActingRow| {
            let [auc, acting, relative, relative_acting, last, acting_last] = row.texts();
            let mut cells = vec![row.task.clone(), row.method.clone(), auc, acting];
            if self.compares() {
                cells.extend([relative, relative_acting]);
            }
            cells.extend([last, acting_last]);
            cells
        };
        let rows = self.acting.iter().map(row).collect();
        PanelTable { head: head.into_iter().map(str::to_owned).collect(), rows, names: 2 }
    }

    pub(super) fn profile_grid(&self) -> Grid<'_> {
        Grid::new(self.profiles.iter())
    }

    pub(super) fn has_figures(&self) -> bool {
        !(self.figures.is_empty() && self.success_figures.is_empty())
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

/// Formats the number of seeds over the rows with numbers: `3 seeds` or `2 to 5 seeds`.
fn seeds_text(rows: &[Row]) -> Option<String> {
    let counts = || rows.iter().map(|row| row.seeds.len()).filter(|count| 0 < *count);
    let (least, most) = (counts().min()?, counts().max()?);
    Some(if least < most { format!("{least} to {most} seeds") } else { plural(most, "seed") })
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
        Self::new(&group, rows, None, Measures::default(), figures, &palette, root)
    }
}
