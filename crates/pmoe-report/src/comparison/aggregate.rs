//! Aggregates a comparison over several tasks, method by method.

use pmoe_stats::scores::{ProfilePoint, profile};
use pmoe_stats::{Bootstrap, Estimate, Interval, Scores};

use super::{Cell, Comparison};

/// All methods of a comparison, aggregated over the same tasks.
///
/// A score is a run's AUC divided by the reference's mean on the same task. That mean is taken as
/// given: the intervals do not include its uncertainty, except for that of [`Aggregate::mean`].
#[derive(Debug, Clone, PartialEq)]
pub struct Aggregates {
    /// Tasks behind the numbers: those on which every method of `methods` has a finished run and
    /// the reference is clearly above zero.
    pub tasks: Vec<String>,
    /// The other tasks, and why they are left out.
    pub left_out: Vec<(String, Gap)>,
    /// Methods with at least one finished run, in the order of the comparison. Empty with fewer
    /// than two tasks.
    pub methods: Vec<Aggregate>,
}

/// Why a task is left out of the aggregates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Gap {
    /// These methods have no finished run on the task.
    NoRuns(Vec<String>),
    /// The reference is not clearly above zero.
    NoReference,
}

/// One method over several tasks; [`Scores`] defines the numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Aggregate {
    /// Name of the method.
    pub method: String,
    /// Number of runs on each task.
    pub num_runs: Vec<usize>,
    /// [`Scores::iqm`] over the seeds that have a run on every task, since it needs a full matrix;
    /// `None` without such seeds.
    pub iqm: Option<Estimate>,
    /// Number of seeds behind `iqm`.
    pub iqm_seeds: usize,
    /// [`Scores::median`].
    pub median: Estimate,
    /// [`Scores::mean`], which is the mean ratio of the method's AUC to the reference's. Its
    /// interval has the spread of both; the reference, 1 by definition, has none.
    pub mean: Estimate,
    /// [`Scores::optimality_gap`] at 1, the reference's mean.
    pub optimality_gap: Estimate,
    /// [`Scores::probability_of_improvement`] over the reference; `None` for the reference itself.
    pub improvement: Option<Estimate>,
    /// Fraction of runs above each score in [`Aggregate::THRESHOLDS`], in steps of 2 hundredths.
    pub profile: Vec<ProfilePoint>,
}

impl Aggregate {
    /// Lowest and highest threshold of a profile, in hundredths of the reference's mean.
    pub const THRESHOLDS: [u32; 2] = [0, 200];

    fn new(
        method: &str,
        scores: &Scores,
        of_common_seeds: Option<&Scores>,
        reference: Option<&Scores>,
        of_mean: Option<Interval>,
        bootstrap: &Bootstrap,
    ) -> Self {
        let statistic = |value, of: fn(&Scores) -> Option<f64>| {
            Estimate::statistic(value, bootstrap.scores(scores, of))
        };
        let iqm = |scores: &Scores| {
            let interval = bootstrap.scores(scores, Scores::iqm);
            Some(Estimate::statistic(scores.iqm()?, interval))
        };
        let improvement =
            reference.and_then(|reference| scores.improvement_over(reference, bootstrap));
        let [low, high] = Self::THRESHOLDS;
        let thresholds: Vec<_> =
            (low..=high).step_by(2).map(|percent| f64::from(percent) / 100.0).collect();
        Self {
            method: method.to_owned(),
            num_runs: scores.num_runs(),
            iqm: of_common_seeds.and_then(iqm),
            iqm_seeds: of_common_seeds.map_or(0, |scores| scores.tasks()[0].len()),
            median: statistic(scores.median(), |draw| Some(draw.median())),
            mean: Estimate::statistic(scores.mean(), of_mean),
            optimality_gap: statistic(scores.optimality_gap(1.0), |draw| {
                Some(draw.optimality_gap(1.0))
            }),
            improvement,
            profile: profile(scores, &thresholds, bootstrap),
        }
    }
}

impl Comparison<'_> {
    /// Aggregates the methods over all tasks that they share, or returns `None` without a
    /// reference.
    ///
    /// Every method is judged on the same tasks. A task on which one of them has no finished run is
    /// left out for all of them, and listed.
    #[must_use]
    pub fn aggregates(&self, bootstrap: &Bootstrap) -> Option<Aggregates> {
        let reference = self.reference.as_deref()?;
        let has_runs = |cell: &&Cell<'_>| cell.auc.is_some();
        let mut methods: Vec<&str> = Vec::new();
        for cell in self.cells.iter().filter(has_runs) {
            if !methods.contains(&cell.method.as_str()) {
                methods.push(&cell.method);
            }
        }

        let (mut tasks, mut left_out) = (Vec::new(), Vec::new());
        for task in self.tasks() {
            match self.gap(task, &methods) {
                None => tasks.push(task),
                Some(gap) => left_out.push((task.to_owned(), gap)),
            }
        }
        let several = 1 < tasks.len();
        let all = |_| true;
        let of_reference = self.scores(reference, &tasks, all);
        let aggregate = |method: &&str| {
            let has_seed = |task: &&str, seed| {
                self.cell(method, task).is_some_and(|cell| cell.seeds().contains(&seed))
            };
            let on_all = |seed| tasks.iter().all(|task| has_seed(task, seed));
            let of_common_seeds = self.scores(method, &tasks, on_all);
            let baseline = of_reference.as_ref().filter(|_| *method != reference);
            let scores = self.scores(method, &tasks, all)?;
            let of_mean = self.interval_of_ratio(method, &tasks, bootstrap);
            let common = of_common_seeds.as_ref();
            Some(Aggregate::new(method, &scores, common, baseline, of_mean, bootstrap))
        };
        Some(Aggregates {
            methods: methods.iter().filter(|_| several).filter_map(aggregate).collect(),
            tasks: tasks.into_iter().map(str::to_owned).collect(),
            left_out,
        })
    }

    /// Returns the interval of the mean over `tasks` of a method's mean AUC divided by the
    /// reference's.
    fn interval_of_ratio(
        &self,
        method: &str,
        tasks: &[&str],
        bootstrap: &Bootstrap,
    ) -> Option<Interval> {
        let reference = self.reference.as_deref().filter(|reference| *reference != method)?;
        let of_task = |task: &&str| {
            let [ours, theirs] = [method, reference].map(|method| self.cell(method, task));
            Some([&*ours?.auc.as_ref()?.values, &*theirs?.auc.as_ref()?.values])
        };
        let tasks: Vec<[&[f64]; 2]> = tasks.iter().map(of_task).collect::<Option<_>>()?;
        bootstrap.pairs(&tasks, Bootstrap::quotient)
    }

    /// Returns why a task can't be aggregated, or `None` if it can.
    fn gap(&self, task: &str, methods: &[&str]) -> Option<Gap> {
        let cells = || methods.iter().map(|method| self.cell(method, task));
        let has_runs = |cell: Option<&Cell<'_>>| cell.is_some_and(|cell| cell.auc.is_some());
        let without: Vec<_> =
            methods.iter().zip(cells()).filter(|(_, cell)| !has_runs(*cell)).collect();
        if !without.is_empty() || methods.is_empty() {
            return Some(Gap::NoRuns(
                without.iter().map(|(method, _)| (**method).to_owned()).collect(),
            ));
        }
        let has_ratio =
            |cell: Option<&Cell<'_>>| cell.is_some_and(|cell| cell.relative_auc.is_some());
        (!cells().all(has_ratio)).then_some(Gap::NoReference)
    }

    /// Returns the AUCs of a method on `tasks`, divided by the reference's means, for the seeds
    /// that pass `counts`.
    fn scores(&self, method: &str, tasks: &[&str], counts: impl Fn(u64) -> bool) -> Option<Scores> {
        let of_task = |task: &&str| {
            let reference = self.cell(self.reference.as_deref()?, task)?.auc.as_ref()?.value;
            let cell = self.cell(method, task)?;
            let runs = cell.runs.iter().zip(&cell.auc.as_ref()?.values);
            let counted = runs.filter(|(run, _)| counts(run.manifest.seed));
            Some(counted.map(|(_, value)| value / reference).collect())
        };
        Scores::new(tasks.iter().map(of_task).collect::<Option<_>>()?).ok()
    }
}
