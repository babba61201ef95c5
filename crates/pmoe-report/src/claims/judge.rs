//! Judges claims by runs, and methods against their reference.

use pmoe_results::{Preset, Quantity, Run, Suite};
use pmoe_stats::{Bootstrap, Estimate, Interval, mean};
use serde::{Deserialize, Serialize};

use super::{Claim, Relation, RunTest, Test, Than};
use crate::comparison::Comparison;

/// Result of testing a claim with runs.
#[derive(Debug, Clone)]
pub struct Judgement<'a> {
    /// The verdict.
    pub verdict: Verdict,
    /// The measured effect, if there are runs.
    pub effect: Option<Effect>,
    /// Number of runs of the method and of what it is compared with; 0 for a fixed number.
    pub num_runs: [usize; 2],
    /// Number of started runs that are left out: failed, unfinished or without the quantity. Runs
    /// that never started do not count.
    pub left_out: usize,
    /// Number of those that are finished and whose events lack the quantity: new runs would have it.
    pub lacking: usize,
    /// Tasks behind the effect.
    pub tasks: Vec<String>,
    /// Number of the claim's tasks that are missing.
    pub missing_tasks: usize,
    /// Environment steps of the longest run, here and at the paper's scale.
    pub steps: [u64; 2],
    /// Runs behind the effect.
    pub runs: Vec<&'a Run>,
}

/// Verdict on a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The whole interval is on the claimed side.
    Reproduced,
    /// The whole interval is on the other side.
    Contradicted,
    /// The interval covers both sides.
    Inconclusive,
    /// The claim covers several tasks, and some of them lack runs on a side.
    TooFewTasks,
    /// A side has fewer than [`Decision::FEWEST_RUNS`] runs.
    TooFewRuns,
    /// A side has finished runs, but their events lack the quantity, as those of earlier versions may.
    NeedsNewRuns,
    /// A side has no finished run.
    NotRun,
    /// The claim is not tested by runs.
    NotTested,
}

/// Decision about a relation, given an effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// The relation holds: the whole interval is on its side.
    Holds,
    /// The relation fails: the whole interval is on the other side.
    Fails,
    /// The interval covers both sides, or is missing.
    Open,
    /// A side has fewer than [`Decision::FEWEST_RUNS`] runs.
    TooFewRuns,
}

/// The effect of a comparison of two numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Effect {
    /// Unit of the effect.
    pub kind: EffectKind,
    /// Size of the effect, with an interval over the runs of both sides.
    pub estimate: Estimate,
}

/// Unit of an effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EffectKind {
    /// The method's mean divided by the other's; averaged over tasks.
    Ratio,
    /// The method's mean minus the other's, or minus the fixed number; averaged over tasks.
    Difference,
}

/// The runs of a suite, as evidence for claims.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'c, 'a> {
    /// The suite.
    pub suite: &'c Suite,
    /// Comparison of its runs, under the suite's method names.
    pub comparison: &'c Comparison<'a>,
}

impl Decision {
    /// All decisions, strongest first.
    pub const ALL: [Self; 4] = [Self::Holds, Self::Fails, Self::Open, Self::TooFewRuns];

    /// Minimum number of runs on a side for a decision: the interval of two runs is far too narrow.
    pub const FEWEST_RUNS: usize = 3;

    /// Decides by an effect and by the number of runs on each side that has runs.
    ///
    /// # Source
    /// Our rule: a relation *holds* if the whole interval of the effect is on its side, *fails* if
    /// the whole interval is on the other side, and is *open* otherwise.
    #[must_use]
    pub fn of(is: Relation, effect: &Effect, num_runs: &[usize]) -> Self {
        if num_runs.iter().any(|runs| *runs < Self::FEWEST_RUNS) {
            return Self::TooFewRuns;
        }
        let Some(Interval { low, high }) = effect.estimate.interval else {
            return Self::Open;
        };
        let neutral = match effect.kind {
            EffectKind::Ratio => 1.0,
            EffectKind::Difference => 0.0,
        };
        let (holds, fails) = match is {
            Relation::Higher => (neutral < low, high < neutral),
            Relation::Lower => (high < neutral, neutral < low),
            Relation::Within(margin) => {
                let (least, most) = (neutral - margin, neutral + margin);
                (least <= low && high <= most, high < least || most < low)
            }
        };
        match (holds, fails) {
            (true, _) => Self::Holds,
            (_, true) => Self::Fails,
            _ => Self::Open,
        }
    }
}

impl From<Decision> for Verdict {
    fn from(decision: Decision) -> Self {
        match decision {
            Decision::Holds => Self::Reproduced,
            Decision::Fails => Self::Contradicted,
            Decision::Open => Self::Inconclusive,
            Decision::TooFewRuns => Self::TooFewRuns,
        }
    }
}

impl Verdict {
    /// All verdicts, strongest first.
    pub const ALL: [Self; 8] = [
        Self::Reproduced,
        Self::Contradicted,
        Self::Inconclusive,
        Self::TooFewTasks,
        Self::TooFewRuns,
        Self::NeedsNewRuns,
        Self::NotRun,
        Self::NotTested,
    ];

    /// Returns a short text; `at_scale` is whether the runs are as long as the paper's.
    #[must_use]
    pub fn text(self, at_scale: bool) -> &'static str {
        match (self, at_scale) {
            (Self::Reproduced, true) => "reproduced",
            (Self::Reproduced, false) => "agrees so far",
            (Self::Contradicted, true) => "contradicted",
            (Self::Contradicted, false) => "disagrees so far",
            (Self::Inconclusive, _) => "inconclusive",
            (Self::TooFewTasks, _) => "too few tasks",
            (Self::TooFewRuns, _) => "too few runs",
            (Self::NeedsNewRuns, _) => "needs new runs",
            (Self::NotRun, _) => "not run",
            (Self::NotTested, _) => "not tested",
        }
    }
}

impl Judgement<'_> {
    /// Whether the runs are as long as those at the paper's scale.
    #[must_use]
    pub fn at_scale(&self) -> bool {
        self.steps[1] <= self.steps[0]
    }

    fn without_runs(verdict: Verdict) -> Self {
        Self {
            verdict,
            effect: None,
            num_runs: [0, 0],
            left_out: 0,
            lacking: 0,
            tasks: Vec::new(),
            missing_tasks: 0,
            steps: [0, 0],
            runs: Vec::new(),
        }
    }
}

impl Claim {
    /// Judges the claim by the runs of its suite. With several groups of such runs, the longest
    /// ones decide, then the most numerous.
    #[must_use]
    pub fn judge<'a>(&self, evidence: &[Evidence<'_, 'a>], bootstrap: &Bootstrap) -> Judgement<'a> {
        let test = match &self.test {
            Test::Runs(test) => test,
            Test::Otherwise(_) => return Judgement::without_runs(Verdict::NotTested),
        };
        let of_suite = evidence.iter().filter(|of| of.suite.name == test.suite);
        let judgements = of_suite.map(|of| test.judge(of, bootstrap));
        let weight = |judgement: &Judgement<'_>| {
            let [ours, theirs] = judgement.num_runs;
            (judgement.effect.is_some(), judgement.steps[0], ours + theirs, judgement.lacking)
        };
        // Ties go to the first.
        let longest = judgements.reduce(|a, b| if weight(&a) < weight(&b) { b } else { a });
        longest.unwrap_or(Judgement::without_runs(Verdict::NotRun))
    }
}

impl RunTest {
    fn judge<'a>(&self, evidence: &Evidence<'_, 'a>, bootstrap: &Bootstrap) -> Judgement<'a> {
        let mut judgement = Judgement::without_runs(Verdict::NotRun);
        // The values of both sides, by task.
        let mut values: Vec<[Vec<f64>; 2]> = Vec::new();
        let tasks = match &self.task {
            Some(task) => std::slice::from_ref(task),
            None => evidence.suite.tasks.as_slice(),
        };
        for task in tasks {
            let ours = self.side(&self.method, task, evidence);
            let theirs = match &self.than {
                Than::Method(method) => self.side(method, task, evidence),
                Than::Value(_) => Side::default(),
            };
            judgement.left_out += ours.left_out + theirs.left_out;
            judgement.lacking += ours.lacking + theirs.lacking;
            let needs_both = matches!(self.than, Than::Method(_));
            if ours.values.is_empty() || (needs_both && theirs.values.is_empty()) {
                continue;
            }
            let paper_steps = evidence.suite.preset(Preset::Paper).steps_of(task);
            judgement.steps =
                [judgement.steps[0].max(ours.total_steps), judgement.steps[1].max(paper_steps)];
            judgement.tasks.push(task.clone());
            judgement.runs.extend(ours.runs.into_iter().chain(theirs.runs));
            values.push([ours.values, theirs.values]);
        }
        let fewest = |side: usize| values.iter().map(|sides| sides[side].len()).min().unwrap_or(0);
        judgement.num_runs = [fewest(0), fewest(1)];
        let Some(effect) = self.effect(&values, bootstrap) else {
            if 0 < judgement.lacking {
                judgement.verdict = Verdict::NeedsNewRuns;
            }
            return judgement;
        };
        judgement.missing_tasks = tasks.len() - judgement.tasks.len();
        let sides = match self.than {
            Than::Method(_) => &judgement.num_runs[..],
            Than::Value(_) => &judgement.num_runs[..1],
        };
        judgement.verdict = match judgement.missing_tasks {
            0 => Decision::of(self.is, &effect, sides).into(),
            _ => Verdict::TooFewTasks,
        };
        judgement.effect = Some(effect);
        judgement
    }

    /// Returns the runs of a method on a task that have the quantity.
    fn side<'a>(&self, method: &str, task: &str, evidence: &Evidence<'_, 'a>) -> Side<'a> {
        let Some(cell) = evidence.comparison.cell(method, task) else {
            return Side::default();
        };
        let (runs, values): (Vec<_>, Vec<_>) = cell.values_of(self.quantity).unzip();
        let without = cell.runs.len() - runs.len();
        Side {
            left_out: cell.excluded.len() + without,
            // Earlier versions did not record it; of the others a run of today may lack them as well.
            lacking: if self.quantity == Quantity::Entropy { without } else { 0 },
            total_steps: cell.total_steps,
            runs,
            values,
        }
    }

    /// Computes the effect over tasks with values on both sides, or `None` without tasks.
    fn effect(&self, tasks: &[[Vec<f64>; 2]], bootstrap: &Bootstrap) -> Option<Effect> {
        // A fixed number has no values on its side.
        let of_side = |values: &Vec<f64>| mean(values).unwrap_or(0.0);
        let means: Vec<_> = tasks.iter().map(|sides| sides.each_ref().map(of_side)).collect();
        // Ratios apply to returns only, and need a positive denominator.
        let has_ratio =
            || self.quantity.is_return() && means.iter().all(|[_, theirs]| 0.0 < *theirs);
        let kind = match self.than {
            Than::Method(_) if has_ratio() => EffectKind::Ratio,
            Than::Method(_) | Than::Value(_) => EffectKind::Difference,
        };
        let combine = |ours: f64, theirs: f64| match (kind, &self.than) {
            (_, Than::Value(value)) => ours - value,
            (EffectKind::Difference, Than::Method(_)) => ours - theirs,
            (EffectKind::Ratio, Than::Method(_)) => Bootstrap::quotient(ours, theirs),
        };
        let of_tasks: Vec<_> = means.iter().map(|[ours, theirs]| combine(*ours, *theirs)).collect();
        let value = mean(&of_tasks)?;
        let interval = bootstrap.pairs(tasks, combine);
        Some(Effect { kind, estimate: Estimate::statistic(value, interval) })
    }
}

/// One side of a comparison on one task.
#[derive(Default)]
struct Side<'a> {
    values: Vec<f64>,
    runs: Vec<&'a Run>,
    left_out: usize,
    lacking: usize,
    total_steps: u64,
}
