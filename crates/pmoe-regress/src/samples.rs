//! Runs as samples of what a method learns, from a folder or from memory.

use std::collections::BTreeMap;
use std::path::Path;

use pmoe_results::run::{Run, scan};
use pmoe_results::{Event, Status};
use pmoe_stats::EvalCurve;
use pmoe_stats::curve::auc;

use crate::case::{Case, Measure};
use crate::error::RegressError;

/// One run.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Its seed.
    pub seed: u64,
    /// Commit of the code that trained it; empty if unknown.
    pub commit: String,
    /// Budget in environment steps.
    pub total_steps: u64,
    /// Mean return over training by [`Measure`]: −∞ of a run that failed.
    scores: [f64; 2],
    /// Return over training by [`Measure`].
    curves: [EvalCurve; 2],
}

impl Sample {
    /// Measures a run of `total_steps` environment steps, from the mean return of each evaluation and
    /// the return of training episodes, see [`EvalCurve::acting`].
    ///
    /// # Errors
    /// Returns an error if the evaluations don't span the budget, or no training episode ended.
    pub fn new(
        seed: u64,
        total_steps: u64,
        evaluations: EvalCurve,
        acting: EvalCurve,
    ) -> Result<Self, RegressError> {
        let evaluation = auc(&evaluations, 0, total_steps)
            .ok_or(RegressError::NoEvaluations { seed, total_steps })?;
        let (first, last) = acting.span().ok_or(RegressError::NoEpisodes { seed })?;
        // A single part has no area.
        let acted = auc(&acting, first, last).or_else(|| acting.at(first));
        let acted = acted.ok_or(RegressError::NoEpisodes { seed })?;
        // Not a number is as bad as can be.
        let scores =
            [evaluation, acted].map(|score| if score.is_nan() { f64::NEG_INFINITY } else { score });
        let (commit, curves) = (String::new(), [evaluations, acting]);
        Ok(Self { seed, commit, total_steps, scores, curves })
    }

    /// Measures a run of one environment by what it reported.
    ///
    /// # Errors
    /// As [`Sample::new`].
    pub fn from_events(
        seed: u64,
        total_steps: u64,
        events: &[Event],
    ) -> Result<Self, RegressError> {
        let acting = Event::acting_curve(events, total_steps, 1);
        Self::new(seed, total_steps, Event::eval_curve(events), acting)
    }

    /// A run that failed: no other is worse.
    #[must_use]
    pub fn failed(seed: u64, total_steps: u64) -> Self {
        let (scores, curves) = ([f64::NEG_INFINITY; 2], Default::default());
        Self { seed, commit: String::new(), total_steps, scores, curves }
    }

    /// Notes the commit of the code that trained it.
    #[must_use]
    pub fn with_commit(mut self, commit: impl Into<String>) -> Self {
        self.commit = commit.into();
        self
    }

    /// Returns the mean return over training.
    #[must_use]
    pub fn score(&self, measure: Measure) -> f64 {
        self.scores[measure as usize]
    }

    /// Returns the return over training.
    #[must_use]
    pub fn curve(&self, measure: Measure) -> &EvalCurve {
        &self.curves[measure as usize]
    }

    fn read(run: &Run) -> Result<Self, RegressError> {
        let of = &run.manifest;
        let sample = match of.status {
            Status::Done => {
                let acting = run.acting_curve(of.total_steps);
                Self::new(of.seed, of.total_steps, run.eval_curve(), acting).map_err(|error| {
                    RegressError::Run { path: run.path.clone(), source: Box::new(error) }
                })?
            }
            Status::Failed { .. } => Self::failed(of.seed, of.total_steps),
            Status::Running | Status::Interrupted => {
                return Err(RegressError::Unfinished { path: run.path.clone() });
            }
        };
        Ok(sample.with_commit(&of.provenance.commit))
    }
}

/// Samples by case, each case with one or more seeds.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Samples {
    cases: BTreeMap<Case, Vec<Sample>>,
}

impl Samples {
    /// Reads all runs at or below a folder. A method has the name of its folder in
    /// `<method>/<task>/seed_<n>`, elsewhere that of its config.
    ///
    /// # Errors
    /// Returns an error if a run can't be read or is not finished, if there is none, or if one case
    /// has runs of different budgets or twice the same seed.
    pub fn read(dir: &Path) -> Result<Self, RegressError> {
        let found = scan(dir)?;
        if let Some((_, error)) = found.broken.into_iter().next() {
            return Err(error.into());
        }
        let mut samples = Self::default();
        for run in &found.runs {
            samples.add(case_of(run), Sample::read(run)?)?;
        }
        if samples.cases.is_empty() {
            return Err(RegressError::NoRuns { path: dir.to_owned() });
        }
        Ok(samples)
    }

    /// Adds a sample.
    ///
    /// # Errors
    /// Returns an error if the case has this seed already, or another budget.
    pub fn add(&mut self, case: Case, sample: Sample) -> Result<(), RegressError> {
        let others = self.cases.entry(case.clone()).or_default();
        if others.iter().any(|other| other.seed == sample.seed) {
            return Err(RegressError::SeedTwice { case, seed: sample.seed });
        }
        if let Some(other) = others.iter().find(|other| other.total_steps != sample.total_steps) {
            let budgets = [other.total_steps, sample.total_steps];
            return Err(RegressError::Budgets { case, budgets });
        }
        others.push(sample);
        Ok(())
    }

    /// Returns the cases, by method and task.
    pub fn cases(&self) -> impl Iterator<Item = (&Case, &[Sample])> {
        self.cases.iter().map(|(case, samples)| (case, samples.as_slice()))
    }

    /// Returns the samples of a case; empty if there are none.
    #[must_use]
    pub fn of(&self, case: &Case) -> &[Sample] {
        self.cases.get(case).map_or(&[], Vec::as_slice)
    }

    /// Keeps only some of the cases.
    pub fn retain(&mut self, keep: impl Fn(&Case) -> bool) {
        self.cases.retain(|case, _| keep(case));
    }
}

fn case_of(run: &Run) -> Case {
    let of = &run.manifest;
    let name = |folder: Option<&Path>| Some(folder?.file_name()?.to_str()?.to_owned());
    let task = run.path.parent();
    let is_layout = name(Some(&run.path)).is_some_and(|name| name == format!("seed_{}", of.seed))
        && name(task).is_some_and(|name| name == pmoe_results::run::task_folder(&of.task));
    let method = if is_layout { name(task.and_then(Path::parent)) } else { None };
    Case::new(method.unwrap_or_else(|| of.method.clone()), of.task.clone())
}
