//! Training metrics of the runs' `update` events, and their speed, as small charts.

use std::collections::BTreeMap;

use pmoe_results::{Event, Run};

use crate::comparison::Cell;
use crate::curves::strength;
use crate::group::Group;
use crate::page::Cost;
use crate::palette::{Color, Palette};
use crate::plot::{Axis, Chart, Key, KeyShape, Mark};

/// Number of parts of the budget; each point of a chart is a mean over one.
const PARTS: usize = 40;

/// Training metrics of the methods on one task.
pub(crate) struct TaskMetrics {
    pub(crate) task: String,
    /// One chart per metric, with a line per method; then the speed.
    pub(crate) charts: Vec<Chart>,
    /// Metrics that never change, with their value.
    pub(crate) constant: Vec<(String, f64)>,
}

/// The mean of a metric over the runs of a method, by step.
struct Line<'a> {
    cell: &'a Cell<'a>,
    points: Vec<(f64, f64)>,
}

/// Returns the metrics of each task with finished runs.
pub(crate) fn metrics(group: &Group<'_>, palette: &Palette) -> Vec<TaskMetrics> {
    let tasks = group.comparison.tasks();
    let of_task = |task: &str| {
        let cells = group.comparison.cells.iter();
        let cells: Vec<_> =
            cells.filter(|cell| cell.task == task && !cell.runs.is_empty()).collect();
        let (mut charts, mut constant) = (Vec::new(), Vec::new());
        for (name, lines) in lines(&cells) {
            match only_value(&lines) {
                Some(value) => constant.push((name, value)),
                None => charts.push(chart(name, &lines, group.subject(), palette)),
            }
        }
        if !charts.is_empty() {
            charts.extend(speed(&cells, palette));
        }
        TaskMetrics { task: task.to_owned(), charts, constant }
    };
    let metrics = tasks.into_iter().map(of_task);
    metrics.filter(|of| !of.charts.is_empty()).collect()
}

/// Returns the lines of each metric: losses first, then what the router does, then the others.
fn lines<'a>(cells: &[&'a Cell<'a>]) -> Vec<(String, Vec<Line<'a>>)> {
    let mut lines: BTreeMap<String, Vec<Line<'a>>> = BTreeMap::new();
    for &cell in cells {
        for (name, points) in mean_lines(&cell.runs, cell.total_steps) {
            lines.entry(name).or_default().push(Line { cell, points });
        }
    }
    let rank = |name: &str| match name {
        _ if name.ends_with("loss") => 0,
        _ if name.contains("entropy") => 1,
        _ if ["weight", "usage", "primitive", "option"].iter().any(|of| name.contains(of)) => 2,
        _ => 3,
    };
    let mut lines: Vec<_> = lines.into_iter().collect();
    lines.sort_by_key(|(name, _)| rank(name));
    lines
}

/// Returns the mean over the runs in each part of the budget, by metric.
///
/// Primitives of different runs do not correspond, so of `weight_mean_0`, `weight_mean_1`, … the
/// largest is taken.
fn mean_lines(runs: &[&Run], total_steps: u64) -> BTreeMap<String, Vec<(f64, f64)>> {
    // Sums and counts: first over the updates of a run in a part, then over the runs.
    type Sums = Vec<(f64, u32)>;
    let mut of_all: BTreeMap<String, Sums> = BTreeMap::new();
    for run in runs {
        let mut of_run: BTreeMap<String, Sums> = BTreeMap::new();
        for (env_step, metrics) in updates(run) {
            let part = u128::from(env_step.saturating_sub(1)) * PARTS as u128;
            let part = (part / u128::from(total_steps.max(1))) as usize;
            for (name, value) in families(metrics) {
                let sums = of_run.entry(name).or_insert_with(|| vec![(0.0, 0); PARTS]);
                let (sum, count) = &mut sums[part.min(PARTS - 1)];
                (*sum, *count) = (*sum + value, *count + 1);
            }
        }
        for (name, sums) in of_run {
            let all = of_all.entry(name).or_insert_with(|| vec![(0.0, 0); PARTS]);
            for ((sum, count), (of_run, updates)) in all.iter_mut().zip(sums) {
                if 0 < updates {
                    (*sum, *count) = (*sum + of_run / f64::from(updates), *count + 1);
                }
            }
        }
    }
    let middle = |part: usize| (part as f64 + 0.5) / PARTS as f64 * total_steps as f64;
    let points = |sums: Sums| {
        let points = sums.into_iter().enumerate().filter(|(_, (_, count))| 0 < *count);
        points.map(|(part, (sum, count))| (middle(part), sum / f64::from(count))).collect()
    };
    of_all.into_iter().map(|(name, sums)| (name, points(sums))).collect()
}

/// Returns step and metrics of each `update` event.
pub(crate) fn updates(run: &Run) -> impl Iterator<Item = (u64, &BTreeMap<String, f64>)> {
    run.events.iter().filter_map(|event| match event {
        Event::Update { env_step, metrics, .. } => Some((*env_step, metrics)),
        Event::Episode { .. } | Event::Eval { .. } => None,
    })
}

/// Replaces the metrics of single primitives, `name_0`, `name_1`, …, by the largest of them.
fn families(metrics: &BTreeMap<String, f64>) -> BTreeMap<String, f64> {
    let mut families: BTreeMap<String, f64> = BTreeMap::new();
    for (name, value) in metrics {
        let family = name.trim_end_matches(|c: char| c.is_ascii_digit());
        let name = match family.strip_suffix('_') {
            Some(family) if !family.is_empty() && family.len() + 1 < name.len() => {
                format!("largest {family}")
            }
            _ => name.clone(),
        };
        let largest = families.entry(name).or_insert(*value);
        *largest = largest.max(*value);
    }
    families
}

/// Returns the value of a metric that is the same everywhere.
fn only_value(lines: &[Line<'_>]) -> Option<f64> {
    let mut values = lines.iter().flat_map(|line| &line.points).map(|point| point.1);
    let first = values.next()?;
    values.all(|value| (value - first).abs() <= 1e-9 * first.abs()).then_some(first)
}

fn chart(name: String, lines: &[Line<'_>], subject: Option<&str>, palette: &Palette) -> Chart {
    let is_subject = |line: &&Line<'_>| subject == Some(line.cell.method.as_str());
    let (subjects, others): (Vec<_>, Vec<_>) = lines.iter().partition(is_subject);
    let mark = |line: &Line<'_>| {
        let (_, width) = strength(is_subject(&line), !subjects.is_empty());
        let look = palette.look(&line.cell.method);
        Mark::Curve { points: line.points.clone(), look, width: 0.7 * width }
    };
    let values = || lines.iter().flat_map(|line| &line.points).map(|point| point.1);
    let low = values().fold(f64::INFINITY, f64::min);
    let high = values().fold(f64::NEG_INFINITY, f64::max);
    let air = 0.05 * (high - low);
    let x_end = lines.iter().map(|line| line.cell.total_steps).max().unwrap_or(0) as f64;
    Chart {
        title: name,
        x: Axis { label: "environment steps", range: [-0.02 * x_end, 1.02 * x_end] },
        y: Axis { label: "value", range: [low - air, high + air] },
        marks: others.iter().chain(&subjects).map(|line| mark(line)).collect(),
        legend: lines.iter().map(|line| method_key(line.cell, palette)).collect(),
        ..Chart::default()
    }
}

/// Draws the speed of each run, with its evaluations.
fn speed(cells: &[&Cell<'_>], palette: &Palette) -> Option<Chart> {
    let speeds = |cell: &Cell<'_>| -> Vec<f64> {
        let runs = cell.runs.iter().copied();
        runs.filter_map(|run| Cost::of([run].into_iter()).steps_per_second()).collect()
    };
    let fastest = cells.iter().flat_map(|cell| speeds(cell)).fold(0.0, f64::max);
    let dots = |(cell, y): (&&Cell<'_>, i32)| {
        let points = speeds(cell).into_iter().map(|speed| (speed, f64::from(y))).collect();
        let color = Color::Palette(palette.look(&cell.method).color);
        Mark::Dots { points, color, size: 4.0 }
    };
    (0.0 < fastest).then(|| Chart {
        title: "steps per second, each run".to_owned(),
        x: Axis { label: "steps per second", range: [0.0, 1.08 * fastest] },
        y: Axis { label: "", range: [0.5, cells.len() as f64 + 0.5] },
        names: cells.iter().rev().map(|cell| cell.method.clone()).collect(),
        marks: cells.iter().rev().zip(1..).map(dots).collect(),
        legend: cells.iter().map(|cell| method_key(cell, palette)).collect(),
        ..Chart::default()
    })
}

fn method_key(cell: &Cell<'_>, palette: &Palette) -> Key {
    let look = palette.look(&cell.method);
    Key::new(&cell.method, Color::Palette(look.color), KeyShape::Curve(look))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn primitives_become_their_largest() {
        let metrics = [("alpha", 0.2), ("q1_mean", 3.0), ("w_0", 0.25), ("w_1", 0.75), ("_1", 7.0)];
        let metrics = metrics.map(|(name, value)| (name.to_owned(), value)).into();
        let families: Vec<_> = families(&metrics).into_iter().collect();
        let expected = [("_1", 7.0), ("alpha", 0.2), ("largest w", 0.75), ("q1_mean", 3.0)];
        assert_eq!(families, expected.map(|(name, value)| (name.to_owned(), value)));
    }
}
