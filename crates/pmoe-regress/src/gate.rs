//! The rule that decides whether fresh runs learn worse than those of a reference.

use pmoe_stats::significance::{holm, rank_sum};
use pmoe_stats::{Bootstrap, Estimate, mean};
use serde::{Serialize, Serializer};

use crate::case::{Case, Measure};
use crate::error::RegressError;
use crate::samples::{Sample, Samples};

/// A sequential test of all cases together.
///
/// Each case and [`Measure`] is tested on its own: do the fresh runs score lower than the reference's,
/// by the exact rank-sum test? Holm's correction makes one family of all these tests. The test has
/// stages with ever more seeds; a stage calls a case worse if its adjusted p-value is at most the
/// stage's α, and hands on those cases that are neither worse nor clearly as good as before.
///
/// If nothing has changed, the gate fails with a probability of at most the sum of the stages' α,
/// whatever the distributions of the scores are and however many cases there are.
#[derive(Debug, Clone, PartialEq)]
pub struct Gate {
    stages: Vec<Stage>,
    /// A case with a smaller p-value is undecided, unless this is the last stage.
    undecided: f64,
}

/// A stage of a [`Gate`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stage {
    /// Fresh seeds of each case that is still undecided, those of earlier stages included.
    pub seeds: usize,
    /// Probability to call any case worse at this stage if nothing has changed.
    pub alpha: f64,
}

/// What the gate says of a case by one measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// As good as before, as far as these seeds can tell.
    Fine,
    /// More seeds are needed.
    Undecided,
    /// It learns worse.
    Worse,
}

impl Decision {
    /// Returns the word for tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Fine => "fine",
            Self::Undecided => "undecided",
            Self::Worse => "WORSE",
        }
    }
}

/// One test: a case by one measure.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// The case.
    pub case: Case,
    /// What was compared.
    pub measure: Measure,
    /// Scores of the reference's runs.
    pub reference: Vec<f64>,
    /// Scores of the fresh runs.
    pub fresh: Vec<f64>,
    /// Difference of the means, fresh minus reference; its interval is missing for a single run.
    pub difference: Estimate,
    /// Probability of scores that are as low, if nothing has changed.
    pub p_value: f64,
    /// The p-value after Holm's correction.
    pub adjusted: f64,
    /// What follows.
    pub decision: Decision,
}

impl Finding {
    /// Returns the fresh mean as a share of the reference's, where that is above zero.
    #[must_use]
    pub fn ratio(&self) -> Option<f64> {
        let (fresh, reference) = (mean(&self.fresh)?, mean(&self.reference)?);
        (0.0 < reference && fresh.is_finite()).then(|| fresh / reference)
    }
}

/// Findings as one JSON document.
#[derive(Debug, Clone, Copy)]
pub struct Records<'a>(pub &'a [Finding]);

impl Serialize for Records<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|finding| Record {
            case: &finding.case,
            measure: finding.measure,
            decision: finding.decision,
            before: &finding.reference,
            now: &finding.fresh,
            ratio: finding.ratio(),
            difference: finding.difference.value,
            interval: finding.difference.interval.map(|interval| [interval.low, interval.high]),
            p_value: finding.p_value,
            adjusted: finding.adjusted,
        }))
    }
}

#[derive(Serialize)]
struct Record<'a> {
    #[serde(flatten)]
    case: &'a Case,
    measure: Measure,
    decision: Decision,
    before: &'a [f64],
    now: &'a [f64],
    ratio: Option<f64>,
    difference: f64,
    interval: Option<[f64; 2]>,
    p_value: f64,
    adjusted: f64,
}

impl Gate {
    /// The gate of continuous integration: 4, 8, then 12 seeds, at most 1 % false alarms.
    #[must_use]
    pub fn sequential() -> Self {
        let stage = |(seeds, alpha)| Stage { seeds, alpha };
        Self { stages: [(4, 0.002), (8, 0.003), (12, 0.005)].map(stage).to_vec(), undecided: 0.1 }
    }

    /// A single comparison of runs that are already there, with at most this probability of a false
    /// alarm.
    #[must_use]
    pub fn once(alpha: f64) -> Self {
        Self { stages: vec![Stage { seeds: 0, alpha }], undecided: 0.0 }
    }

    /// Returns the stages.
    #[must_use]
    pub fn stages(&self) -> &[Stage] {
        &self.stages
    }

    /// Tests all cases of the reference, by all measures, with all fresh runs that there are; `stage`
    /// counts from 0.
    ///
    /// # Errors
    /// Returns an error if a case has no fresh runs, or other budgets.
    ///
    /// # Panics
    /// Panics if there is no such stage.
    pub fn judge(
        &self,
        reference: &Samples,
        fresh: &Samples,
        stage: usize,
    ) -> Result<Vec<Finding>, RegressError> {
        let mut findings = Vec::new();
        for (case, before) in reference.cases() {
            let now = fresh.of(case);
            let (Some(first), Some(other)) = (before.first(), now.first()) else {
                return Err(RegressError::Missing { case: case.clone() });
            };
            let budgets = [first.total_steps, other.total_steps];
            if budgets[0] != budgets[1] {
                return Err(RegressError::Budgets { case: case.clone(), budgets });
            }
            findings.extend(Measure::ALL.map(|measure| compared(case, measure, before, now)));
        }
        let p_values: Vec<_> = findings.iter().map(|finding| finding.p_value).collect();
        let decided = holm(&p_values).into_iter().zip(self.decisions(&p_values, stage));
        for (finding, (adjusted, decision)) in findings.iter_mut().zip(decided) {
            (finding.adjusted, finding.decision) = (adjusted, decision);
        }
        Ok(findings)
    }

    /// Returns what follows from all p-values together.
    pub(crate) fn decisions(&self, p_values: &[f64], stage: usize) -> Vec<Decision> {
        let is_last = stage + 1 == self.stages.len();
        let decision = |(p_value, adjusted): (&f64, f64)| {
            if adjusted <= self.stages[stage].alpha {
                Decision::Worse
            } else if *p_value <= self.undecided && !is_last {
                Decision::Undecided
            } else {
                Decision::Fine
            }
        };
        p_values.iter().zip(holm(p_values)).map(decision).collect()
    }
}

/// Returns the cases that need more seeds: none once a case is worse, as the verdict is settled.
#[must_use]
pub fn undecided(findings: &[Finding]) -> Vec<&Case> {
    if findings.iter().any(|finding| finding.decision == Decision::Worse) {
        return Vec::new();
    }
    let undecided = findings.iter().filter(|finding| finding.decision == Decision::Undecided);
    let mut cases: Vec<_> = undecided.map(|finding| &finding.case).collect();
    cases.dedup();
    cases
}

/// Draws of the interval in a table, which decides nothing.
const BOOTSTRAP: Bootstrap = Bootstrap { resamples: 2_000, ..Bootstrap::STANDARD };

fn compared(case: &Case, measure: Measure, before: &[Sample], now: &[Sample]) -> Finding {
    let [reference, fresh] = [before, now]
        .map(|side| side.iter().map(|sample| sample.score(measure)).collect::<Vec<_>>());
    let value = mean(&fresh).unwrap_or(f64::NAN) - mean(&reference).unwrap_or(f64::NAN);
    let interval = BOOTSTRAP.pairs(&[[&fresh, &reference]], |now, before| now - before);
    Finding {
        case: case.clone(),
        measure,
        p_value: rank_sum(&fresh, &reference),
        difference: Estimate::statistic(value, interval),
        reference,
        fresh,
        adjusted: 1.0,
        decision: Decision::Fine,
    }
}
