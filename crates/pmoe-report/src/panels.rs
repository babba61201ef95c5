//! Panels of the paper's analyses, one for each kind.

mod exploration;
mod gait;
mod joints;
mod primitives;
mod robustness;
mod trajectories;

use std::path::Path;

use pmoe_results::analysis::{Analysis, Arena, EpisodeEnd};
use pmoe_results::{AnalysisKind, Quantity};
use pmoe_stats::{Bootstrap, Estimate};

use crate::figures::Style;
use crate::format::{self, plural, shell};
use crate::group::Group;
use crate::page::{Measured, Panel, PanelTable, label, show};
use crate::palette::{Color, Look};
use crate::plot::{Axis, Chart, Key, KeyShape, Mark, Picture};

/// Palette colour of obstacles: grey.
const OBSTACLE: Color = Color::Palette(7);

/// A panel whose charts are not drawn yet.
pub(crate) struct Sketch {
    /// Kind of the analysis, part of the file names of its figures.
    pub(crate) kind: AnalysisKind,
    pub(crate) pictures: Vec<Picture>,
    /// The panel, without figures.
    pub(crate) panel: Panel,
}

/// Analysis of one finished run.
struct Seen<'a, T> {
    method: &'a str,
    task: &'a str,
    seed: u64,
    path: &'a Path,
    /// Look of the method.
    look: Look,
    /// Whether the figures are about this method.
    is_subject: bool,
    analysis: T,
}

/// Returns the panels of a group: of the kinds that its suite requests, or without a suite of all
/// kinds that exist.
pub(crate) fn panels(group: &Group<'_>, style: Style<'_>) -> Vec<Sketch> {
    let wanted =
        |kind: &AnalysisKind| group.suite.is_none_or(|suite| suite.analyses.contains_key(kind));
    let kinds = AnalysisKind::ALL.into_iter().filter(wanted);
    kinds.filter_map(|kind| panel(group, kind, style)).collect()
}

fn panel(group: &Group<'_>, kind: AnalysisKind, style: Style<'_>) -> Option<Sketch> {
    let Style { palette, bootstrap, .. } = style;
    let (mut seen, mut notes, mut without) = (Vec::new(), Vec::new(), 0);
    for entry in &group.entries {
        let of = &entry.run.manifest;
        // Unfinished runs have no analyses, and runs excluded from the other numbers stay excluded
        // here.
        let cell = group.comparison.cell(entry.method, &of.task);
        if cell.is_none_or(|cell| !cell.counts(entry.run)) {
            continue;
        }
        match entry.run.analysis(kind) {
            Ok(Some(analysis)) => seen.push(Seen {
                method: entry.method,
                task: &of.task,
                seed: of.seed,
                path: &entry.run.path,
                look: palette.look(entry.method),
                is_subject: group.subject() == Some(entry.method),
                analysis,
            }),
            Ok(None) => without += 1,
            Err(error) => {
                let run = format!("{} on {}, seed {}", entry.method, of.task, of.seed);
                let why = group.words(&error);
                notes.push(format!("{run}: the analysis can't be read: {why}."));
            }
        }
    }
    if 0 < without && (group.suite.is_some() || !seen.is_empty()) {
        notes.push(format!("{} without this analysis.", plural(without, "finished run")));
    }
    if seen.is_empty() && notes.is_empty() {
        return None;
    }
    let measured = measured(kind, &seen, bootstrap);
    let commands = commands(&seen);
    let mut sketch = match kind {
        AnalysisKind::Trajectories => trajectories::sketch(&of_kind(seen)),
        AnalysisKind::Exploration => exploration::sketch(&of_kind(seen)),
        AnalysisKind::Primitives => primitives::sketch(&of_kind(seen)),
        AnalysisKind::Gait => gait::sketch(&of_kind(seen)),
        AnalysisKind::Robustness => robustness::sketch(&of_kind(seen), group.suite, bootstrap),
    };
    // Its own table has the paper's numbers beside ours.
    if kind != AnalysisKind::Robustness {
        sketch.panel.tables.extend(table(&measured));
    }
    sketch.panel.measured = measured;
    sketch.panel.notes = notes;
    sketch.panel.commands = commands;
    Some(sketch)
}

/// Returns the distinct commands that reproduce the analyses.
fn commands(seen: &[Seen<'_, Analysis>]) -> Vec<String> {
    let mut commands = Vec::new();
    for settings in seen.iter().map(|one| one.analysis.settings()) {
        let of_setting =
            |(key, value): (String, String)| format!(" --set {}", shell(&format!("{key}={value}")));
        let set: String = settings.set().into_iter().map(of_setting).collect();
        let command = format!("pmoe analyze RUN --kind {}{set}", settings.kind());
        if !commands.contains(&command) {
            commands.push(command);
        }
    }
    commands
}

fn of_kind<'a, T: TryFrom<Analysis>>(seen: Vec<Seen<'a, Analysis>>) -> Vec<Seen<'a, T>> {
    let one =
        |Seen { method, task, seed, path, look, is_subject, analysis }: Seen<'a, Analysis>| {
            let analysis = analysis.try_into().ok()?;
            Some(Seen { method, task, seed, path, look, is_subject, analysis })
        };
    seen.into_iter().filter_map(one).collect()
}

/// Groups the runs by task and method, in order.
fn by_cell<'s, 'a, T>(seen: &'s [Seen<'a, T>]) -> Vec<Vec<&'s Seen<'a, T>>> {
    let mut cells: Vec<Vec<&Seen<'_, T>>> = Vec::new();
    for one in seen {
        match cells.iter_mut().find(|cell| (cell[0].task, cell[0].method) == (one.task, one.method))
        {
            Some(cell) => cell.push(one),
            None => cells.push(vec![one]),
        }
    }
    cells
}

/// Measures each quantity over the runs of each task and method.
fn measured(
    kind: AnalysisKind,
    seen: &[Seen<'_, Analysis>],
    bootstrap: &Bootstrap,
) -> Vec<Measured> {
    let mut measured = Vec::new();
    for cell in by_cell(seen) {
        let runs: Vec<_> = cell.iter().map(|one| (one.path, one.analysis.measures())).collect();
        for quantity in Quantity::ALL.into_iter().filter(|of| of.analysis() == Some(kind)) {
            let of_run = |(path, measures): &(&Path, Vec<(Quantity, f64)>)| {
                let value = measures.iter().find(|(known, _)| *known == quantity)?.1;
                Some((path.to_path_buf(), value))
            };
            let (behind, values) = runs.iter().filter_map(of_run).unzip();
            let estimate = Estimate::mean(values, bootstrap);
            measured.extend(estimate.map(|estimate| Measured {
                task: cell[0].task.to_owned(),
                method: cell[0].method.to_owned(),
                quantity,
                estimate,
                runs: behind,
            }));
        }
    }
    measured
}

/// Returns a table with one row per task and method and one column per quantity that occurs.
fn table(measured: &[Measured]) -> Option<PanelTable> {
    let has = |quantity: &Quantity| measured.iter().any(|of| of.quantity == *quantity);
    let quantities: Vec<_> = Quantity::ALL.into_iter().filter(has).collect();
    let mut places: Vec<(&str, &str)> = Vec::new();
    for of in measured {
        if !places.contains(&(&of.task, &of.method)) {
            places.push((&of.task, &of.method));
        }
    }
    let mut head = vec!["Task".to_owned(), "Method".to_owned()];
    head.extend(quantities.iter().map(|quantity| label(*quantity)));
    head.push("Seeds".to_owned());
    let row = |(task, method): (&str, &str)| {
        let here = || measured.iter().filter(|of| (&*of.task, &*of.method) == (task, method));
        let mut row = vec![task.to_owned(), method.to_owned()];
        row.extend(quantities.iter().map(|quantity| {
            let of = here().find(|of| of.quantity == *quantity);
            format::estimate(of.map(|of| &of.estimate), show(*quantity))
        }));
        row.push(here().map(|of| of.runs.len()).max().unwrap_or(0).to_string());
        row
    };
    let rows: Vec<_> = places.into_iter().map(row).collect();
    (!rows.is_empty()).then_some(PanelTable { head, rows, names: 2 })
}

/// Draws a map of the arena, without trajectories; `half` is that of the largest map beside it.
fn map(title: String, arena: &Arena, half: f64) -> Chart {
    let edge = arena.half_extent;
    let edge = [[-edge, -edge], [edge, -edge], [edge, edge], [-edge, edge], [-edge, -edge]];
    let mut marks = vec![Mark::Line {
        points: edge.map(|[x, y]| (x, y)).to_vec(),
        color: Color::Text,
        width: 1.5,
    }];
    let mut legend = Vec::new();
    if let Some(target) = arena.target {
        marks.push(Mark::disc(target.center, target.radius, Color::Target, 1.0));
        legend.push(Key::new("target", Color::Target, KeyShape::Area));
    } else {
        let [low, high] = arena.region;
        marks.push(Mark::rectangle(low, high, Color::Target, 1.0));
        legend.push(Key::new("target region", Color::Target, KeyShape::Area));
    }
    for obstacle in &arena.obstacles {
        marks.push(Mark::disc(obstacle.center, obstacle.radius, OBSTACLE, 0.8));
    }
    if !arena.obstacles.is_empty() {
        legend.push(Key::new("obstacle", OBSTACLE, KeyShape::Area));
    }
    legend.push(Key::new("start", Color::Text, KeyShape::Dot));
    let axis = |label| Axis { label, range: [-1.05 * half, 1.05 * half] };
    let (x, y) = (axis("x, m"), axis("y, m"));
    Chart { title, x, y, is_map: true, marks, legend, ..Chart::default() }
}

/// Draws what ways on a map begin and end at, over them: the start, and a cross where one ended
/// otherwise than at the target.
fn ends<'a>(
    chart: &mut Chart,
    start: [f64; 2],
    ways: impl Iterator<Item = (&'a [[f64; 2]], Option<EpisodeEnd>)>,
) {
    let is_elsewhere =
        |(_, outcome): &(&[[f64; 2]], Option<EpisodeEnd>)| *outcome != Some(EpisodeEnd::Reached);
    let last = |(way, _): (&[[f64; 2]], _)| way.last().map(|[x, y]| (*x, *y));
    let points: Vec<_> = ways.filter(is_elsewhere).filter_map(last).collect();
    if !points.is_empty() {
        chart.legend.push(Key::new("end, not at the target", Color::Text, KeyShape::Cross));
    }
    chart.marks.push(Mark::Crosses { points, color: Color::Text });
    let points = vec![(start[0], start[1])];
    chart.marks.push(Mark::Dots { points, color: Color::Text, size: 6.0 });
}

/// Returns the half extent of the largest arena.
fn largest<'a>(arenas: impl Iterator<Item = &'a Arena>) -> f64 {
    arenas.map(|arena| arena.half_extent).fold(0.0, f64::max)
}

fn points(positions: &[[f64; 2]]) -> Vec<(f64, f64)> {
    positions.iter().map(|[x, y]| (*x, *y)).collect()
}

fn primitive_key(k: usize, shape: KeyShape) -> Key {
    Key::new(&format!("primitive {}", k + 1), Color::Primitive(k), shape)
}
