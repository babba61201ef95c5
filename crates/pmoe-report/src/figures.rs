//! Learning curves and success rates, one figure each per task.

use pmoe_results::{Bootstrap, Cell, EvalCurve, Run, Status, band};

use crate::group::Group;
use crate::palette::Palette;
use crate::plot::{Figure, Quantity, Series};
use crate::rows::Row;

/// The learning curves of every task of a group that has an evaluation; the tasks in the order of the
/// rows.
pub(crate) fn learning_curves(group: &Group<'_>, rows: &[Row], palette: &Palette) -> Vec<Figure> {
    figures(group, rows, Quantity::Return, |cell, row| series(group, cell, row, palette))
}

/// The share of training episodes that reached their goal, for every task with a goal.
pub(crate) fn success_rates(
    group: &Group<'_>,
    rows: &[Row],
    palette: &Palette,
    bootstrap: &Bootstrap,
) -> Vec<Figure> {
    figures(group, rows, Quantity::Success, |cell, row| {
        success_series(group, cell, row, palette, bootstrap)
    })
}

fn figures(
    group: &Group<'_>,
    rows: &[Row],
    quantity: Quantity,
    series: impl Fn(&Cell, &Row) -> Series,
) -> Vec<Figure> {
    let mut tasks: Vec<&str> = Vec::new();
    for row in rows {
        if !tasks.contains(&row.task.as_str()) {
            tasks.push(&row.task);
        }
    }
    let figures = tasks.into_iter().map(|task| {
        let cells = group.comparison.cells.iter().filter(|cell| cell.task == task);
        let row = |cell: &Cell| {
            rows.iter().find(|row| (&row.algo, &row.task) == (&cell.algo, &cell.task))
        };
        let series = cells.filter_map(|cell| Some(series(cell, row(cell)?)));
        let total_steps = rows.iter().filter(|row| row.task == task).map(|row| row.total_steps);
        Figure {
            title: task.to_owned(),
            quantity,
            total_steps: total_steps.max().unwrap_or(0),
            series: series.collect(),
        }
    });
    figures.filter(|figure| figure.series.iter().any(|series| !series.runs.is_empty())).collect()
}

/// The runs of a cell.
fn runs_of<'a>(group: &Group<'a>, cell: &Cell) -> impl Iterator<Item = &'a Run> {
    let of_cell = |entry: &&pmoe_results::Entry<'_>| {
        (entry.method, entry.run.manifest.task.as_str()) == (cell.algo.as_str(), cell.task.as_str())
    };
    group.entries.iter().filter(of_cell).map(|entry| entry.run)
}

fn series(group: &Group<'_>, cell: &Cell, row: &Row, palette: &Palette) -> Series {
    let (mut runs, mut failures) = (Vec::new(), Vec::new());
    for run in runs_of(group, cell) {
        let curve = EvalCurve::from_events(&run.events);
        if matches!(run.manifest.status, Status::Failed { .. }) {
            failures.extend(curve.points().last());
        }
        if !curve.points().is_empty() {
            runs.push(curve.points().to_vec());
        }
    }
    let all = row.seeds.len() + row.left_out.len();
    let count = match cell.curve_seeds {
        drawn if row.seeds.is_empty() && 0 < drawn => format!("{drawn} of {all} seeds, unfinished"),
        drawn => format!("{drawn} of {all} seeds"),
    };
    Series {
        label: format!("{} ({count})", cell.algo),
        color: palette.color(&cell.algo),
        mean: cell.curve.clone(),
        runs,
        failures,
    }
}

/// As [`series`]: the mean is of the runs behind the cell's numbers, or of the others while there are
/// none.
fn success_series(
    group: &Group<'_>,
    cell: &Cell,
    row: &Row,
    palette: &Palette,
    bootstrap: &Bootstrap,
) -> Series {
    let of_run = |run: &Run| {
        let counts = row.seeds.is_empty() || row.seeds.contains(&run.manifest.seed);
        (counts, EvalCurve::success_rate(&run.events, row.total_steps))
    };
    let curves: Vec<_> =
        runs_of(group, cell).map(of_run).filter(|(_, curve)| !curve.points().is_empty()).collect();
    let averaged: Vec<_> = curves.iter().filter(|(counts, _)| *counts).map(|(_, c)| c).collect();
    let all = row.seeds.len() + row.left_out.len();
    Series {
        label: format!("{} ({} of {all} seeds)", cell.algo, averaged.len()),
        color: palette.color(&cell.algo),
        mean: band(&averaged, bootstrap),
        runs: curves.iter().map(|(_, curve)| curve.points().to_vec()).collect(),
        failures: Vec::new(),
    }
}
