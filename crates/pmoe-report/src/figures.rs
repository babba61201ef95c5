//! Figures with learning curves and success rates per task, and intervals and performance profiles
//! over several tasks.

use pmoe_results::{Run, Status};
use pmoe_stats::curve::{BandPoint, band};
use pmoe_stats::scores::ProfilePoint;
use pmoe_stats::{Bootstrap, EvalCurve};

use crate::comparison::{Aggregate, Aggregates, Cell};
use crate::curves::{Curve, Figure, Point, Series};
use crate::group::Group;
use crate::palette::{Color, Palette};
use crate::plot::{Axis, Chart, Mark};
use crate::rows::Row;
use crate::smooth::{moving_mean, smoothed, window};

/// What all figures of a report have in common.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Style<'a> {
    pub(crate) palette: &'a Palette,
    pub(crate) bootstrap: &'a Bootstrap,
    /// Number of evaluations behind each point of a learning curve.
    pub(crate) smooth: usize,
}

/// Returns the learning curves of every task with evaluations, in the order of the rows.
pub(crate) fn learning_curves(group: &Group<'_>, rows: &[Row], style: Style<'_>) -> Vec<Figure> {
    let window = |task: &str| {
        let cells = group.comparison.cells.iter().filter(|cell| cell.task == task);
        let shortest = cells.map(|cell| cell.curve.len()).filter(|points| 0 < *points).min();
        window(style.smooth, shortest.unwrap_or(0))
    };
    figures(group, rows, Curve::Return, style, window, |cell, row, window| {
        series(group, cell, row, style, window)
    })
}

/// Returns the returns of training episodes, for every task with finished episodes. Each point is
/// already a mean over a part of the run.
pub(crate) fn acting_curves(group: &Group<'_>, rows: &[Row], style: Style<'_>) -> Vec<Figure> {
    of_episodes(group, rows, Curve::Acting, style, Run::acting_curve)
}

/// Returns the success rates of training episodes, for every task with a goal. Each is already a
/// mean over the last episodes.
pub(crate) fn success_rates(group: &Group<'_>, rows: &[Row], style: Style<'_>) -> Vec<Figure> {
    of_episodes(group, rows, Curve::Success, style, Run::success_rate)
}

/// Returns curves of training episodes, of a run and its budget each.
fn of_episodes(
    group: &Group<'_>,
    rows: &[Row],
    curve: Curve,
    style: Style<'_>,
    of_run: fn(&Run, u64) -> EvalCurve,
) -> Vec<Figure> {
    let series = |cell: &Cell<'_>, row: &Row, _| episode_series(group, cell, row, style, of_run);
    figures(group, rows, curve, style, |_| 1, series)
}

/// Returns the performance profile over the tasks that the methods share, if there are several.
pub(crate) fn profiles(
    group: &Group<'_>,
    aggregates: Option<&Aggregates>,
    style: Style<'_>,
) -> Vec<Figure> {
    let Some(aggregates) = aggregates.filter(|aggregates| !aggregates.methods.is_empty()) else {
        return Vec::new();
    };
    let series = |of: &Aggregate| Series {
        count: format!("{} runs", of.num_runs.iter().sum::<usize>()),
        look: style.palette.look(&of.method),
        is_subject: group.subject() == Some(of.method.as_str()),
        method: of.method.clone(),
        mean: of.profile.iter().map(profile_point).collect(),
        runs: Vec::new(),
        failures: Vec::new(),
    };
    vec![Figure {
        title: "Performance profile".to_owned(),
        curve: Curve::Profile,
        x_end: Aggregate::THRESHOLDS[1].into(),
        y_range: Curve::SHARE,
        window: 1,
        level: style.bootstrap.level,
        series: aggregates.methods.iter().map(series).collect(),
    }]
}

/// Returns each method's mean over the tasks that they share, in % of the reference, with its
/// interval; nothing if there are no such tasks.
///
/// # Source
/// The form is that of Agarwal et al., *Deep Reinforcement Learning at the Edge of the Statistical
/// Precipice* (2021), Fig. 4.
pub(crate) fn intervals(
    aggregates: Option<&Aggregates>,
    reference: Option<&str>,
    palette: &Palette,
) -> Vec<Chart> {
    let (Some(of), Some(reference)) = (aggregates, reference) else {
        return Vec::new();
    };
    if of.methods.is_empty() {
        return Vec::new();
    }
    let mut marks = Vec::new();
    let mut ends = vec![100.0];
    let rows = of.methods.len() as f64;
    let neutral = vec![(100.0, 0.5), (100.0, rows + 0.5)];
    marks.push(Mark::Line { points: neutral, color: Color::Text, width: 1.0 });
    // The first method is at the top.
    for (method, y) in of.methods.iter().rev().zip(1..) {
        let (y, color) = (f64::from(y), Color::Palette(palette.look(&method.method).color));
        let mean = 100.0 * method.mean.value;
        ends.push(mean);
        if let Some(interval) = method.mean.interval {
            let around = [interval.low, interval.high].map(|end| 100.0 * end);
            ends.extend(around.into_iter().filter(|end| end.is_finite()));
            let points = around.map(|end| (end, y)).to_vec();
            marks.push(Mark::Line { points, color, width: 3.0 });
        }
        marks.push(Mark::Dots { points: vec![(mean, y)], color, size: 5.0 });
    }
    let low = ends.iter().copied().fold(f64::INFINITY, f64::min);
    let high = ends.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let air = 0.08 * (high - low).max(1.0);
    vec![Chart {
        title: format!("AUC in % of {reference}, mean of {} tasks", of.tasks.len()),
        x: Axis { label: "AUC, % of the reference's mean", range: [low - air, high + air] },
        y: Axis { label: "", range: [0.5, rows + 0.5] },
        marks,
        names: of.methods.iter().rev().map(|method| method.method.clone()).collect(),
        ..Chart::default()
    }]
}

/// Converts a threshold to percent; rounding restores the whole number.
fn profile_point(point: &ProfilePoint) -> Point {
    let x = (100.0 * point.threshold).round();
    Point { x, y: point.fraction.clone() }
}

fn figures(
    group: &Group<'_>,
    rows: &[Row],
    curve: Curve,
    style: Style<'_>,
    window: impl Fn(&str) -> usize,
    series: impl Fn(&Cell<'_>, &Row, usize) -> Series,
) -> Vec<Figure> {
    let mut tasks: Vec<&str> = Vec::new();
    for row in rows {
        if !tasks.contains(&row.task.as_str()) {
            tasks.push(&row.task);
        }
    }
    let figures = tasks.into_iter().map(|task| {
        let cells = group.comparison.cells.iter().filter(|cell| cell.task == task);
        let row = |cell: &Cell<'_>| {
            rows.iter().find(|row| (&row.method, &row.task) == (&cell.method, &cell.task))
        };
        let window = window(task);
        let series = cells.filter_map(|cell| Some(series(cell, row(cell)?, window)));
        let total_steps = rows.iter().filter(|row| row.task == task).map(|row| row.total_steps);
        Figure {
            title: task.to_owned(),
            curve,
            x_end: total_steps.max().unwrap_or(0),
            y_range: Curve::SHARE,
            window,
            level: style.bootstrap.level,
            series: series.collect(),
        }
    });
    figures.filter(|figure| figure.series.iter().any(|series| !series.runs.is_empty())).collect()
}

fn series(
    group: &Group<'_>,
    cell: &Cell<'_>,
    row: &Row,
    style: Style<'_>,
    window: usize,
) -> Series {
    let (mut runs, mut failures) = (Vec::new(), Vec::new());
    for run in group.runs_of(&cell.method, &cell.task) {
        let curve = run.eval_curve();
        let (steps, values): (Vec<u64>, Vec<f64>) = curve.points().iter().copied().unzip();
        let points: Vec<_> = steps.into_iter().zip(moving_mean(&values, window)).collect();
        if matches!(run.manifest.status, Status::Failed { .. }) {
            failures.extend(points.last());
        }
        if !points.is_empty() {
            runs.push(points);
        }
    }
    let all = row.seeds.len() + row.left_out.len();
    let count = match cell.curve_seeds {
        drawn if row.seeds.is_empty() && 0 < drawn => format!("{drawn} of {all} seeds, unfinished"),
        drawn => format!("{drawn} of {all} seeds"),
    };
    let mean = smoothed(&cell.curve, window, style.bootstrap);
    Series {
        method: cell.method.clone(),
        count,
        look: style.palette.look(&cell.method),
        is_subject: group.subject() == Some(cell.method.as_str()),
        mean: mean.iter().map(Point::from).collect(),
        runs,
        failures,
    }
}

/// Creates the curves of a cell's training episodes. As in [`series`], the mean covers the runs
/// behind the cell's numbers, or all runs if there are none.
fn episode_series(
    group: &Group<'_>,
    cell: &Cell<'_>,
    row: &Row,
    style: Style<'_>,
    of_run: fn(&Run, u64) -> EvalCurve,
) -> Series {
    let of_run = |run: &Run| {
        let counts = cell.runs.is_empty() || cell.counts(run);
        (counts, of_run(run, row.total_steps))
    };
    let runs = group.runs_of(&cell.method, &cell.task).map(of_run);
    let curves: Vec<_> = runs.filter(|(_, curve)| !curve.points().is_empty()).collect();
    let averaged: Vec<_> = curves.iter().filter(|(counts, _)| *counts).map(|(_, c)| c).collect();
    let all = row.seeds.len() + row.left_out.len();
    Series {
        method: cell.method.clone(),
        count: format!("{} of {all} seeds", averaged.len()),
        look: style.palette.look(&cell.method),
        is_subject: group.subject() == Some(cell.method.as_str()),
        mean: band(&averaged, style.bootstrap).iter().map(Point::from).collect(),
        runs: curves.iter().map(|(_, curve)| curve.points().to_vec()).collect(),
        failures: Vec::new(),
    }
}

impl From<&BandPoint> for Point {
    fn from(point: &BandPoint) -> Self {
        Self { x: point.env_step as f64, y: point.estimate.clone() }
    }
}
