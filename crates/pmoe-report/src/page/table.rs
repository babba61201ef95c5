//! Rows of the page's tables. An estimate has two cells, the value and its interval.

use pmoe_results::Suite;

use super::answer::{self, standing_text};
use super::badge::Badge;
use crate::claims::Decision;
use crate::comparison::Aggregate;
use crate::format::{NOTHING, number, parts, percent, runs_text};
use crate::palette::Look;
use crate::rows::Row;

/// The methods on one task.
pub(super) struct TaskRows {
    pub(super) task: String,
    pub(super) rows: Vec<NumberRow>,
}

/// Table row of a method on a task.
pub(super) struct NumberRow {
    pub(super) method: String,
    pub(super) look: Look,
    /// How it compares with the reference.
    pub(super) badge: String,
    pub(super) relative: [String; 2],
    pub(super) paper: String,
    pub(super) seeds: String,
    pub(super) auc: [String; 2],
    pub(super) final_return: [String; 2],
    pub(super) improvement: [String; 2],
}

/// Table row of a method over several tasks.
pub(crate) struct AggregateRow {
    pub(super) method: String,
    pub(super) look: Look,
    pub(super) iqm: [String; 2],
    pub(super) median: [String; 2],
    pub(super) mean: [String; 2],
    pub(super) paper: String,
    pub(super) gap: [String; 2],
    pub(super) improvement: [String; 2],
    pub(super) runs: String,
}

impl NumberRow {
    pub(super) fn new(row: &Row, look: Look, standing: Option<Decision>) -> Self {
        let badge = |of: Decision| Badge::of_standing(of).html(true, standing_text(of));
        let relative = match row.reference_near_zero {
            true => ["reference near 0".to_owned(), String::new()],
            false => parts(row.relative_auc.as_ref(), percent),
        };
        Self {
            method: row.method.clone(),
            look,
            badge: standing.map(badge).unwrap_or_default(),
            relative,
            paper: row.paper_text(),
            seeds: row.seed_count(),
            auc: parts(row.auc.as_ref(), number),
            final_return: parts(row.final_return.as_ref(), number),
            improvement: parts(row.improvement.as_ref(), percent),
        }
    }
}

impl AggregateRow {
    pub(super) fn new(of: &Aggregate, look: Look, suite: Option<&Suite>, tasks: &[String]) -> Self {
        let text = |value: Option<&_>| parts(value, percent);
        Self {
            method: of.method.clone(),
            look,
            iqm: text(of.iqm.as_ref()),
            median: text(Some(&of.median)),
            mean: text(Some(&of.mean)),
            paper: answer::paper_mean(suite, &of.method, tasks).map_or(NOTHING.to_owned(), number),
            gap: text(Some(&of.optimality_gap)),
            improvement: text(of.improvement.as_ref()),
            runs: runs_text(of),
        }
    }
}
