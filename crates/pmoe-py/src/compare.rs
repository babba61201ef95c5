//! The statistics of a report, for runs that Python chose.

use std::path::PathBuf;

use pmoe_report::comparison::{Aggregate, Aggregates, Cell, Comparison, Entry, Excluded, Gap};
use pmoe_results::Run;
use pmoe_stats::{Bootstrap, Estimate};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use serde_json::{Map, Value, json};

/// Compares runs, each a folder with the name of its method, and returns a JSON object: `tasks`, a row for each method
/// and task; `methods`, one for each method over all tasks; `left_out`, the tasks that these leave out, with reasons.
#[pyfunction]
pub(crate) fn compare(
    py: Python<'_>,
    runs: Vec<(PathBuf, String)>,
    reference: Option<String>,
    level: f64,
    resamples: usize,
    seed: u64,
) -> PyResult<String> {
    py.detach(|| {
        let read =
            |(folder, method): (PathBuf, String)| Run::read(&folder).map(|run| (run, method));
        let runs: Result<Vec<_>, _> = runs.into_iter().map(read).collect();
        let runs = runs.map_err(|error| PyValueError::new_err(error.to_string()))?;
        let entries: Vec<_> = runs.iter().map(|(run, method)| Entry { method, run }).collect();
        let bootstrap = Bootstrap { resamples, level, seed };
        let comparison = Comparison::new(&entries, reference.as_deref(), &bootstrap);
        let tasks: Vec<_> = comparison.cells.iter().map(of_cell).collect();
        let aggregates = comparison.aggregates(&bootstrap);
        let (methods, left_out) = match &aggregates {
            Some(Aggregates { methods, left_out, .. }) => (
                methods.iter().map(of_aggregate).collect::<Vec<_>>(),
                left_out
                    .iter()
                    .map(|(task, gap)| json!({"task": task, "reason": reason(gap)}))
                    .collect(),
            ),
            None => (Vec::new(), Vec::new()),
        };
        Ok(json!({"tasks": tasks, "methods": methods, "left_out": left_out}).to_string())
    })
}

/// One method on one task.
fn of_cell(cell: &Cell<'_>) -> Value {
    let excluded =
        cell.excluded.iter().map(|(seed, why)| json!({"seed": seed, "reason": why_not(why)}));
    let mut row = Map::new();
    row.insert("task".to_owned(), json!(cell.task));
    row.insert("method".to_owned(), json!(cell.method));
    row.insert("total_steps".to_owned(), json!(cell.total_steps));
    row.insert("runs".to_owned(), json!(cell.runs.len()));
    put(&mut row, "auc", cell.auc.as_ref());
    put(&mut row, "relative_auc", cell.relative_auc.as_ref());
    put(&mut row, "improvement", cell.improvement.as_ref());
    put(&mut row, "final_return", cell.final_return.as_ref());
    row.insert("left_out".to_owned(), excluded.collect());
    row.into()
}

/// One method over several tasks.
fn of_aggregate(of: &Aggregate) -> Value {
    let mut row = Map::new();
    row.insert("method".to_owned(), json!(of.method));
    row.insert("runs".to_owned(), json!(of.num_runs.iter().sum::<usize>()));
    put(&mut row, "iqm", of.iqm.as_ref());
    put(&mut row, "median", Some(&of.median));
    put(&mut row, "mean", Some(&of.mean));
    put(&mut row, "optimality_gap", Some(&of.optimality_gap));
    put(&mut row, "improvement", of.improvement.as_ref());
    row.into()
}

/// Adds a number and the ends of its interval, each `null` if unknown.
fn put(row: &mut Map<String, Value>, name: &str, estimate: Option<&Estimate>) {
    let interval = estimate.and_then(|estimate| estimate.interval);
    row.insert(name.to_owned(), json!(estimate.map(|estimate| estimate.value)));
    row.insert(format!("{name}_low"), json!(interval.map(|interval| interval.low)));
    row.insert(format!("{name}_high"), json!(interval.map(|interval| interval.high)));
}

fn why_not(excluded: &Excluded) -> String {
    match excluded {
        Excluded::Failed { reason } => format!("failed: {reason}"),
        Excluded::Unfinished { env_step } => format!("unfinished, at step {env_step}"),
        Excluded::Short { total_steps } => format!("has only {total_steps} steps"),
        Excluded::Repeated => "repeats a run".to_owned(),
    }
}

fn reason(gap: &Gap) -> String {
    match gap {
        Gap::NoRuns(methods) => format!("no finished run of {}", methods.join(", ")),
        Gap::NoReference => "the reference is not clearly above zero".to_owned(),
    }
}
