//! What the paper claims, and what our runs say of it.

use std::path::PathBuf;

use pmoe_stats::{Bootstrap, Estimate, Interval};
use serde::{Deserialize, Serialize};

use crate::{Comparison, Entry, Preset, Quantity, Suite};

mod file;
mod tables;

/// A claim of the paper and how it is tested.
#[derive(Debug, Clone, PartialEq)]
pub struct Claim {
    /// Its name, for links.
    pub id: String,
    /// Where the paper makes it.
    pub place: String,
    /// What it says, in a sentence.
    pub says: String,
    /// How it is tested.
    pub test: Test,
}

/// How a claim is tested.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// By a number of a method's runs.
    Runs(RunTest),
    /// Not by runs; why not, or what holds it instead.
    Otherwise(String),
}

/// A number of a method's runs beside that of another method's, or beside a fixed one.
#[derive(Debug, Clone, PartialEq)]
pub struct RunTest {
    /// Name of the suite that the runs belong to.
    pub suite: String,
    /// Name of the task; without one, the mean over all tasks of the suite.
    pub task: Option<String>,
    /// The number.
    pub quantity: Quantity,
    /// Name of the method.
    pub method: String,
    /// What it is compared with.
    pub than: Than,
    /// How it compares.
    pub is: Relation,
    /// The paper's own [`EffectKind::Ratio`], of the numbers that it prints.
    pub paper: Option<f64>,
}

/// What a method's number is compared with.
#[derive(Debug, Clone, PartialEq)]
pub enum Than {
    /// The number of the method of this name.
    Method(String),
    /// A fixed number.
    Value(f64),
}

/// How two numbers compare.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Relation {
    /// The first is larger.
    Higher,
    /// The first is smaller.
    Lower,
    /// They differ by at most so much, in the unit of the [`Effect`].
    Within(f64),
}

/// What the runs say of a claim.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// In a word.
    pub verdict: Verdict,
    /// How large it is.
    pub effect: Option<Effect>,
    /// Runs of the method and of what it is compared with; 0 for a fixed number.
    pub num_runs: [usize; 2],
    /// Begun runs that are not behind it: failed, unfinished or without the number. Those that were never
    /// started are not counted.
    pub left_out: usize,
    /// Tasks behind it.
    pub tasks: Vec<String>,
    /// Tasks that the claim is about and that are not behind it.
    pub missing_tasks: usize,
    /// Environment steps of the longest run here and at the paper's scale.
    pub steps: [u64; 2],
    /// Folders of the runs behind it.
    pub runs: Vec<PathBuf>,
}

/// What becomes of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The whole interval is on the claimed side.
    Reproduced,
    /// The whole interval is on the other side.
    Contradicted,
    /// The interval holds both.
    Inconclusive,
    /// It is about several tasks, and not all of them have runs on both sides.
    TooFewTasks,
    /// There are fewer than [`Judgement::FEWEST_RUNS`] runs on a side.
    TooFewRuns,
    /// There is no finished run on one side.
    NotRun,
    /// It is not tested by runs.
    NotTested,
}

/// A difference between two numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Effect {
    /// What it is.
    pub kind: EffectKind,
    /// How large it is, with the interval over the runs of both sides.
    pub estimate: Estimate,
}

/// The unit of an effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EffectKind {
    /// The method's mean over the other's; of several tasks, the mean of that.
    Ratio,
    /// The method's mean minus the other's, or minus the fixed number.
    Difference,
}

/// The runs of a suite.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'a> {
    /// The suite.
    pub suite: &'a Suite,
    /// Its runs, by the names that their methods have there.
    pub entries: &'a [Entry<'a>],
    /// The same, compared.
    pub comparison: &'a Comparison,
}

impl Verdict {
    /// All verdicts, strongest first.
    pub const ALL: [Self; 7] = [
        Self::Reproduced,
        Self::Contradicted,
        Self::Inconclusive,
        Self::TooFewTasks,
        Self::TooFewRuns,
        Self::NotRun,
        Self::NotTested,
    ];

    /// In a word; `at_scale` says whether the runs are as long as the paper's.
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
            (Self::NotRun, _) => "not run",
            (Self::NotTested, _) => "not tested",
        }
    }
}

impl Judgement {
    /// Runs on either side below which nothing is decided: the interval of two is far too narrow.
    pub const FEWEST_RUNS: usize = 3;

    /// Whether the runs are as long as at the paper's scale.
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
            tasks: Vec::new(),
            missing_tasks: 0,
            steps: [0, 0],
            runs: Vec::new(),
        }
    }
}

impl Claim {
    /// Judges the claim by the runs of its suite; of several such, by the longest, then by the most.
    ///
    /// # Source
    /// The rule is ours: *reproduced* if the whole interval of the effect is on the claimed side,
    /// *contradicted* if it is wholly on the other, else *inconclusive*.
    #[must_use]
    pub fn judge(&self, evidence: &[Evidence<'_>], bootstrap: &Bootstrap) -> Judgement {
        let test = match &self.test {
            Test::Runs(test) => test,
            Test::Otherwise(_) => return Judgement::without_runs(Verdict::NotTested),
        };
        let of_suite = evidence.iter().filter(|of| of.suite.name == test.suite);
        let judgements = of_suite.map(|of| test.judge(of, bootstrap));
        let weight = |judgement: &Judgement| {
            let [ours, theirs] = judgement.num_runs;
            (judgement.effect.is_some(), judgement.steps[0], ours + theirs)
        };
        // Of equals the first.
        let longest = judgements.reduce(|a, b| if weight(&a) < weight(&b) { b } else { a });
        longest.unwrap_or(Judgement::without_runs(Verdict::NotRun))
    }
}

impl RunTest {
    fn judge(&self, evidence: &Evidence<'_>, bootstrap: &Bootstrap) -> Judgement {
        let mut judgement = Judgement::without_runs(Verdict::NotRun);
        // The values of both sides, task by task.
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
            return judgement;
        };
        judgement.missing_tasks = tasks.len() - judgement.tasks.len();
        let few = |runs: usize| runs < Judgement::FEWEST_RUNS;
        let is_method = matches!(self.than, Than::Method(_));
        judgement.verdict = match effect.estimate.interval {
            _ if 0 < judgement.missing_tasks => Verdict::TooFewTasks,
            _ if few(judgement.num_runs[0]) => Verdict::TooFewRuns,
            _ if is_method && few(judgement.num_runs[1]) => Verdict::TooFewRuns,
            Some(interval) => self.is.verdict(effect.kind, interval),
            None => Verdict::Inconclusive,
        };
        judgement.effect = Some(effect);
        judgement
    }

    /// The runs of a method on a task that have the number.
    fn side(&self, method: &str, task: &str, evidence: &Evidence<'_>) -> Side {
        let Some(cell) = evidence.comparison.cell(method, task) else {
            return Side::default();
        };
        let behind = cell.runs.iter().filter_map(|path| {
            let run = evidence.entries.iter().find(|entry| entry.run.path == *path)?.run;
            Some((self.quantity.value(cell, run)?, path.clone()))
        });
        let (values, runs): (Vec<_>, Vec<_>) = behind.unzip();
        Side {
            left_out: cell.excluded.len() + cell.runs.len() - runs.len(),
            total_steps: cell.total_steps,
            runs,
            values,
        }
    }

    /// The effect over tasks with values on both sides; `None` without tasks.
    fn effect(&self, tasks: &[[Vec<f64>; 2]], bootstrap: &Bootstrap) -> Option<Effect> {
        // The side of a fixed number has no values.
        let mean = |values: &Vec<f64>| pmoe_stats::mean(values).unwrap_or(0.0);
        let means: Vec<_> = tasks.iter().map(|sides| sides.each_ref().map(mean)).collect();
        // What is above zero on one side only has no ratio.
        let has_ratio =
            || self.quantity.is_return() && means.iter().all(|[_, theirs]| 0.0 < *theirs);
        let kind = match self.than {
            Than::Method(_) if has_ratio() => EffectKind::Ratio,
            Than::Method(_) | Than::Value(_) => EffectKind::Difference,
        };
        let combine = |ours: f64, theirs: f64| match (kind, &self.than) {
            (_, Than::Value(value)) => ours - value,
            (EffectKind::Difference, Than::Method(_)) => ours - theirs,
            // As in `Bootstrap::ratio`.
            (EffectKind::Ratio, Than::Method(_)) if theirs <= 0.0 => f64::INFINITY,
            (EffectKind::Ratio, Than::Method(_)) => ours / theirs,
        };
        let of_tasks: Vec<_> = means.iter().map(|[ours, theirs]| combine(*ours, *theirs)).collect();
        let value = pmoe_stats::mean(&of_tasks)?;
        let interval = bootstrap.pairs(tasks, combine);
        Some(Effect { kind, estimate: Estimate::statistic(value, interval) })
    }
}

/// One side of a comparison on one task.
#[derive(Default)]
struct Side {
    values: Vec<f64>,
    runs: Vec<PathBuf>,
    left_out: usize,
    total_steps: u64,
}

impl Relation {
    fn verdict(self, kind: EffectKind, interval: Interval) -> Verdict {
        let neutral = match kind {
            EffectKind::Ratio => 1.0,
            EffectKind::Difference => 0.0,
        };
        let Interval { low, high } = interval;
        let (holds, fails) = match self {
            Self::Higher => (neutral < low, high < neutral),
            Self::Lower => (high < neutral, neutral < low),
            Self::Within(margin) => {
                let (least, most) = (neutral - margin, neutral + margin);
                (least <= low && high <= most, high < least || most < low)
            }
        };
        match (holds, fails) {
            (true, _) => Verdict::Reproduced,
            (_, true) => Verdict::Contradicted,
            _ => Verdict::Inconclusive,
        }
    }
}
