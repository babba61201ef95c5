//! The return as the agent acts, with all its noise, beside that of evaluations.

use std::path::PathBuf;

use pmoe_results::{Quantity, Run};
use pmoe_stats::{Bootstrap, Estimate};

use crate::comparison::Cell;
use crate::format;
use crate::group::Group;

/// Returns of training episodes of one method on one task, beside those of evaluations.
pub(crate) struct ActingRow {
    pub(crate) task: String,
    pub(crate) method: String,
    pub(crate) total_steps: u64,
    /// Folders of the runs behind the training returns.
    pub(crate) runs: Vec<PathBuf>,
    /// Mean training return over training.
    pub(crate) auc: Estimate,
    /// `auc` divided by that of the reference.
    pub(crate) relative_auc: Option<Estimate>,
    /// Mean training return of the last tenth of the budget.
    pub(crate) last: Option<Estimate>,
    /// Mean evaluation return over training.
    pub(crate) evaluation_auc: Option<Estimate>,
    /// `evaluation_auc` divided by that of the reference.
    pub(crate) evaluation_relative: Option<Estimate>,
    /// Mean evaluation return of the last tenth of the budget.
    pub(crate) evaluation_last: Option<Estimate>,
}

impl ActingRow {
    /// Returns AUC, ratio to the reference's and final return, each of evaluations, then of
    /// training.
    pub(crate) fn estimates(&self) -> [Option<&Estimate>; 6] {
        [
            self.evaluation_auc.as_ref(),
            Some(&self.auc),
            self.evaluation_relative.as_ref(),
            self.relative_auc.as_ref(),
            self.evaluation_last.as_ref(),
            self.last.as_ref(),
        ]
    }

    /// Formats [`ActingRow::estimates`], ratios in percent.
    pub(crate) fn texts(&self) -> [String; 6] {
        let show = [format::number, format::percent, format::number];
        let mut shows = show.into_iter().flat_map(|show: fn(f64) -> String| [show; 2]);
        self.estimates().map(|of| format::estimate(of, shows.next().unwrap_or(format::number)))
    }
}

/// Returns one row per method and task with finished training episodes, in the order of the
/// comparison.
pub(crate) fn acting(group: &Group<'_>, bootstrap: &Bootstrap) -> Vec<ActingRow> {
    let comparison = &group.comparison;
    let row = |cell: &Cell<'_>| {
        let (runs, auc) = acting_auc(cell, bootstrap)?;
        let reference = comparison.reference.as_deref();
        let other = reference.and_then(|name| comparison.cell(name, &cell.task));
        let relative_auc =
            other.and_then(|other| acting_auc(other, bootstrap)).and_then(|(_, of)| {
                let ratio = auc.over(&of, bootstrap)?;
                // The reference divided by itself is exactly 1, without an interval.
                let is_itself = reference == Some(&*cell.method);
                Some(if is_itself { Estimate::statistic(ratio.value, None) } else { ratio })
            });
        let is_behind =
            |(run, _): &(&Run, f64)| runs.iter().any(|of: &&Run| std::ptr::eq(*of, *run));
        let last = cell.values_of(Quantity::ActingReturn).filter(is_behind).map(|(_, value)| value);
        Some(ActingRow {
            task: cell.task.clone(),
            method: cell.method.clone(),
            total_steps: cell.total_steps,
            last: Estimate::mean(last.collect(), bootstrap),
            runs: runs.iter().map(|run| run.path.clone()).collect(),
            auc,
            relative_auc,
            evaluation_auc: cell.auc.clone(),
            evaluation_relative: cell.relative_auc.clone(),
            evaluation_last: cell.final_return.clone(),
        })
    };
    comparison.cells.iter().filter_map(row).collect()
}

/// Returns the runs of a cell with a training return, and the mean of these.
fn acting_auc<'a>(cell: &Cell<'a>, bootstrap: &Bootstrap) -> Option<(Vec<&'a Run>, Estimate)> {
    let (runs, values) = cell.values_of(Quantity::ActingAuc).unzip();
    Some((runs, Estimate::mean(values, bootstrap)?))
}
