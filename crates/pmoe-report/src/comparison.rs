//! The methods of a group of runs beside each other.

mod aggregate;
mod values;

use pmoe_results::{Manifest, Run, Status};
use pmoe_stats::curve::{BandPoint, auc, band, final_return};
use pmoe_stats::{Bootstrap, Estimate, Scores};

pub use self::aggregate::{Aggregate, Aggregates, Gap};

/// A run under the name that its method has among those it is compared with.
///
/// The same run may stand for `pmoe-sac` in one suite and for `pmoe-sac-k4` in another.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// Name of the method.
    pub method: &'a str,
    /// The run.
    pub run: &'a Run,
}

impl<'a> From<&'a Run> for Entry<'a> {
    /// Under the name of its algorithm.
    fn from(run: &'a Run) -> Self {
        Self { method: &run.manifest.method, run }
    }
}

/// All methods of a group of runs beside each other, task by task.
#[derive(Debug, Clone)]
pub struct Comparison<'a> {
    /// The method that the others are divided by, if one is given.
    pub reference: Option<String>,
    /// One cell per method and task that has runs: by task, then method, both as first met.
    pub cells: Vec<Cell<'a>>,
}

/// One method on one task.
#[derive(Debug, Clone)]
pub struct Cell<'a> {
    /// Name of the method.
    pub method: String,
    /// Name of the task.
    pub task: String,
    /// Budget in environment steps: the largest of the task's runs that can be behind numbers, of any method;
    /// while there are none, of all.
    pub total_steps: u64,
    /// The runs behind the numbers, each of another seed.
    pub runs: Vec<&'a Run>,
    /// Seeds of those that are not, and why: they are shown, never averaged away.
    pub excluded: Vec<(u64, Excluded)>,
    /// Mean evaluation return over training, see [`auc`].
    pub auc: Option<Estimate>,
    /// Mean evaluation return of the last tenth of the budget.
    pub final_return: Option<Estimate>,
    /// `auc` in units of the reference's on the same task; `None` if either has none, and where the
    /// reference is not clearly above zero.
    pub relative_auc: Option<Estimate>,
    /// Whether `relative_auc` is `None` for the second reason.
    pub reference_near_zero: bool,
    /// Probability that a run has a higher AUC than one of the reference on this task; `None` for the
    /// reference, and if either has no finished run.
    pub improvement: Option<Estimate>,
    /// Mean evaluation curve of the runs behind the numbers. While there are none, of the
    /// unfinished ones, as far as all of them are.
    pub curve: Vec<BandPoint>,
    /// Number of runs behind `curve`.
    pub curve_seeds: usize,
}

/// Why a run is not behind the numbers of its cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Excluded {
    /// It failed.
    Failed {
        /// The reason in its manifest.
        reason: String,
    },
    /// It is not at the end of its budget.
    Unfinished {
        /// Environment steps so far.
        env_step: u64,
    },
    /// It is done, but its evaluations do not reach over the budget of its task.
    Short {
        /// Its own budget.
        total_steps: u64,
    },
    /// Another run of the same method, task and seed comes before it.
    Repeated,
}

impl<'a> Comparison<'a> {
    /// Compares runs of one group, for instance of one suite. Those of one method and task must have the
    /// same settings, see [`pmoe_results::methods::variant_names`], and should have the same budget.
    ///
    /// The AUC of a task is taken from the first step that all its finished runs have evaluated
    /// (0, unless evaluations are missing) to its budget.
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

    /// The cell of a method and task.
    #[must_use]
    pub fn cell(&self, method: &str, task: &str) -> Option<&Cell<'a>> {
        self.cells.iter().find(|cell| cell.method == method && cell.task == task)
    }

    /// The tasks, in the order of the cells.
    #[must_use]
    pub fn tasks(&self) -> Vec<&str> {
        distinct(self.cells.iter().map(|cell| cell.task.as_str()))
    }
}

impl Cell<'_> {
    /// Seeds behind the numbers.
    #[must_use]
    pub fn seeds(&self) -> Vec<u64> {
        self.runs.iter().map(|run| run.manifest.seed).collect()
    }

    /// Whether a run is behind the numbers. A seed does not tell runs apart: one that failed may have been
    /// started again elsewhere.
    #[must_use]
    pub fn counts(&self, run: &Run) -> bool {
        self.runs.iter().any(|of| std::ptr::eq(*of, run))
    }
}

/// The cells of one task, in the order in which its methods appear.
fn compare_task<'a>(
    task: &str,
    entries: &[Entry<'a>],
    reference: Option<&str>,
    bootstrap: &Bootstrap,
    cells: &mut Vec<Cell<'a>>,
) {
    let curves: Vec<_> = entries.iter().map(|entry| entry.run.eval_curve()).collect();
    // What is behind no number must not change one: the budget and the start are those of the runs that are.
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
            // In units of itself it is 1, whatever its seeds.
            true => Estimate::statistic(ratio.value, None),
            false => ratio,
        });
    }
}

/// Why a run is behind no number of a task, whatever other runs there are.
fn exclusion(run: &Run, total_steps: u64) -> Option<Excluded> {
    let Manifest { env_step, total_steps: own, .. } = run.manifest;
    match &run.manifest.status {
        Status::Failed { reason, .. } => Some(Excluded::Failed { reason: reason.clone() }),
        Status::Running | Status::Interrupted => Some(Excluded::Unfinished { env_step }),
        Status::Done if own == total_steps && run.is_whole() => None,
        Status::Done => Some(Excluded::Short { total_steps: own }),
    }
}

/// The names in the order in which they first appear.
fn distinct<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut seen = Vec::new();
    for name in names {
        if !seen.contains(&name) {
            seen.push(name);
        }
    }
    seen
}
