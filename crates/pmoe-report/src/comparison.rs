//! Compares the methods of a group of runs.

mod aggregate;
mod values;

use pmoe_results::{Manifest, Run, Status};
use pmoe_stats::curve::{BandPoint, auc, band, final_return};
use pmoe_stats::{Bootstrap, Estimate, Scores};

pub use self::aggregate::{Aggregate, Aggregates, Gap};

/// A run with the name of its method within the comparison.
///
/// The same run may belong to `pmoe-sac` in one suite and to `pmoe-sac-k4` in another.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// Name of the method.
    pub method: &'a str,
    /// The run.
    pub run: &'a Run,
}

impl<'a> From<&'a Run> for Entry<'a> {
    /// Uses the method name in the manifest.
    fn from(run: &'a Run) -> Self {
        Self { method: &run.manifest.method, run }
    }
}

/// All methods of a group of runs, compared task by task.
#[derive(Debug, Clone)]
pub struct Comparison<'a> {
    /// Method that the others are divided by, if any.
    pub reference: Option<String>,
    /// One cell per method and task with runs, ordered by task, then method, both by first
    /// appearance.
    pub cells: Vec<Cell<'a>>,
}

/// One method on one task.
#[derive(Debug, Clone)]
pub struct Cell<'a> {
    /// Name of the method.
    pub method: String,
    /// Name of the task.
    pub task: String,
    /// Budget in environment steps: the largest one of the task's complete runs, of any method.
    /// Without complete runs, the largest one of all runs.
    pub total_steps: u64,
    /// Runs behind the numbers, with distinct seeds.
    pub runs: Vec<&'a Run>,
    /// Seeds of the other runs and why they are excluded: they are always shown, never hidden by an
    /// average.
    pub excluded: Vec<(u64, Excluded)>,
    /// Mean evaluation return over training, see [`auc`].
    pub auc: Option<Estimate>,
    /// Mean evaluation return of the last tenth of the budget.
    pub final_return: Option<Estimate>,
    /// `auc` divided by the reference's on the same task; `None` if either is missing, or if the
    /// reference is not clearly above zero.
    pub relative_auc: Option<Estimate>,
    /// Whether `relative_auc` is `None` because the reference is not clearly above zero.
    pub reference_near_zero: bool,
    /// Probability that a run has a higher AUC than a run of the reference on this task; `None` for
    /// the reference itself, and if either has no finished run.
    pub improvement: Option<Estimate>,
    /// Mean evaluation curve of the runs behind the numbers. Without any, that of the unfinished
    /// runs, as far as all of them have come.
    pub curve: Vec<BandPoint>,
    /// Number of runs behind `curve`.
    pub curve_seeds: usize,
}

/// Why a run is excluded from the numbers of its cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Excluded {
    /// The run failed.
    Failed {
        /// Failure reason from the manifest.
        reason: String,
    },
    /// The run has not spent its budget.
    Unfinished {
        /// Environment steps done so far.
        env_step: u64,
    },
    /// The run is done, but its evaluations do not cover the budget of its task.
    Short {
        /// Budget of the run.
        total_steps: u64,
    },
    /// The run repeats the method, task and seed of an earlier one.
    Repeated,
}

impl<'a> Comparison<'a> {
    /// Compares the runs of one group, for instance of one suite. Runs of the same method and task
    /// must have the same settings, see [`pmoe_results::methods::variant_names`], and should have
    /// the same budget.
    ///
    /// The AUC of a task covers the steps from the first one that all its finished runs have
    /// evaluated (0, unless evaluations are missing) to its budget.
    #[must_use]
    pub fn new(entries: &[Entry<'a>], reference: Option<&str>, bootstrap: &Bootstrap) -> Self {
        let mut cells = Vec::new();
        for task in distinct(entries.iter().map(|entry| entry.run.manifest.task.as_str())) {
            let of_task = |entry: &&Entry<'_>| entry.run.manifest.task == task;
            let entries: Vec<_> = entries.iter().filter(of_task).copied().collect();
            compare_task(task, &entries, reference, bootstrap, &mut cells);
        }
        Self { reference: reference.map(str::to_owned), cells }
    }

    /// Returns the cell of a method and task.
    #[must_use]
    pub fn cell(&self, method: &str, task: &str) -> Option<&Cell<'a>> {
        self.cells.iter().find(|cell| cell.method == method && cell.task == task)
    }

    /// Returns the tasks, in the order of the cells.
    #[must_use]
    pub fn tasks(&self) -> Vec<&str> {
        distinct(self.cells.iter().map(|cell| cell.task.as_str()))
    }
}

impl Cell<'_> {
    /// Returns the seeds behind the numbers.
    #[must_use]
    pub fn seeds(&self) -> Vec<u64> {
        self.runs.iter().map(|run| run.manifest.seed).collect()
    }

    /// Whether a run is behind the numbers. The seed can't tell: a failed run may have been started
    /// again elsewhere with the same seed.
    #[must_use]
    pub fn counts(&self, run: &Run) -> bool {
        self.runs.iter().any(|of| std::ptr::eq(*of, run))
    }
}

/// Appends the cells of one task, by first appearance of the method.
fn compare_task<'a>(
    task: &str,
    entries: &[Entry<'a>],
    reference: Option<&str>,
    bootstrap: &Bootstrap,
    cells: &mut Vec<Cell<'a>>,
) {
    let curves: Vec<_> = entries.iter().map(|entry| entry.run.eval_curve()).collect();
    // Excluded runs must not change any number, so only the included runs determine budget and
    // start.
    let budget = |entry: &Entry<'_>| entry.run.manifest.total_steps;
    let whole = entries.iter().filter(|entry| entry.run.is_whole());
    let longest = whole.map(budget).max();
    let total_steps = longest.or(entries.iter().map(budget).max()).unwrap_or(0);
    let mut counted: Vec<(&str, u64)> = Vec::new();
    let mut exclusions: Vec<Option<Excluded>> = Vec::new();
    for Entry { method, run } in entries {
        let of = (*method, run.manifest.seed);
        let why =
            exclusion(run, total_steps).or(counted.contains(&of).then_some(Excluded::Repeated));
        if why.is_none() {
            counted.push(of);
        }
        exclusions.push(why);
    }
    let behind = curves.iter().zip(&exclusions).filter(|(_, why)| why.is_none());
    let from = behind.filter_map(|(curve, _)| curve.span()).map(|(first, _)| first).max();

    let first_cell = cells.len();
    for method in distinct(entries.iter().map(|entry| entry.method)) {
        let (mut runs, mut excluded) = (Vec::new(), Vec::new());
        let (mut aucs, mut finals) = (Vec::new(), Vec::new());
        let (mut finished, mut unfinished) = (Vec::new(), Vec::new());
        let of_method = |((entry, _), _): &((&Entry<'_>, _), _)| entry.method == method;
        let all = entries.iter().zip(&curves).zip(&exclusions);
        for ((Entry { run, .. }, curve), why) in all.filter(of_method) {
            if let Some(why) = why {
                if matches!(why, Excluded::Unfinished { .. }) && curve.span().is_some() {
                    unfinished.push(curve);
                }
                excluded.push((run.manifest.seed, why.clone()));
                continue;
            }
            runs.push(*run);
            aucs.extend(from.and_then(|from| auc(curve, from, total_steps)));
            finals.extend(final_return(curve, total_steps));
            finished.push(curve);
        }
        let drawn = if finished.is_empty() { unfinished } else { finished };
        cells.push(Cell {
            method: method.to_owned(),
            task: task.to_owned(),
            total_steps,
            runs,
            excluded,
            auc: Estimate::mean(aucs, bootstrap),
            final_return: Estimate::mean(finals, bootstrap),
            relative_auc: None,
            reference_near_zero: false,
            improvement: None,
            curve: band(&drawn, bootstrap),
            curve_seeds: drawn.len(),
        });
    }

    let cells = &mut cells[first_cell..];
    let reference = cells.iter().find(|cell| Some(cell.method.as_str()) == reference).cloned();
    let Some(Cell { method: name, auc: Some(auc), .. }) = reference else {
        return;
    };
    let of_runs = |auc: &Estimate| Scores::new(vec![auc.values.clone()]).ok();
    for cell in cells {
        let (ours, theirs) = (cell.auc.as_ref().and_then(of_runs), of_runs(&auc));
        cell.improvement = ours
            .zip(theirs)
            .filter(|_| cell.method != name)
            .and_then(|(ours, theirs)| ours.improvement_over(&theirs, bootstrap));
        let relative = cell.auc.as_ref().map(|method| method.over(&auc, bootstrap));
        cell.reference_near_zero = relative == Some(None);
        cell.relative_auc = relative.flatten().map(|ratio| match cell.method == name {
            // The reference divided by itself is exactly 1, without an interval.
            true => Estimate::statistic(ratio.value, None),
            false => ratio,
        });
    }
}

/// Returns why a run is excluded from a task's numbers, regardless of the other runs.
fn exclusion(run: &Run, total_steps: u64) -> Option<Excluded> {
    let Manifest { env_step, total_steps: own, .. } = run.manifest;
    match &run.manifest.status {
        Status::Failed { reason, .. } => Some(Excluded::Failed { reason: reason.clone() }),
        Status::Running | Status::Interrupted => Some(Excluded::Unfinished { env_step }),
        Status::Done if own == total_steps && run.is_whole() => None,
        Status::Done => Some(Excluded::Short { total_steps: own }),
    }
}

/// Returns the distinct names in order of first appearance.
fn distinct<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut seen = Vec::new();
    for name in names {
        if !seen.contains(&name) {
            seen.push(name);
        }
    }
    seen
}
