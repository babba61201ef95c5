//! Learning curves, one figure per task.

use pmoe_results::{Cell, EvalCurve, Status};

use crate::group::Group;
use crate::palette::Palette;
use crate::plot::{Figure, Series};
use crate::rows::Row;

/// The figure of every task of a group that has an evaluation; the tasks in the order of the rows.
pub(crate) fn figures(group: &Group<'_>, rows: &[Row], palette: &Palette) -> Vec<Figure> {
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
        let series = cells.filter_map(|cell| Some(series(group, cell, row(cell)?, palette)));
        let total_steps = rows.iter().filter(|row| row.task == task).map(|row| row.total_steps);
        Figure {
            title: task.to_owned(),
            total_steps: total_steps.max().unwrap_or(0),
            series: series.collect(),
        }
    });
    figures.filter(|figure| figure.series.iter().any(|series| !series.runs.is_empty())).collect()
}

fn series(group: &Group<'_>, cell: &Cell, row: &Row, palette: &Palette) -> Series {
    let (mut runs, mut failures) = (Vec::new(), Vec::new());
    let of_cell = |algo: &str, task: &str| (algo, task) == (cell.algo.as_str(), cell.task.as_str());
    for run in group.runs.iter().filter(|run| of_cell(&run.manifest.algo, &run.manifest.task)) {
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
