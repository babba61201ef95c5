//! Learning curves: a quantity over the training of one run, and its mean over several runs.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;

use crate::bootstrap::Bootstrap;
use crate::estimate::{Estimate, mean};

/// Mean evaluation return of one run over training, or another quantity over the same axis.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct EvalCurve {
    /// Environment step and value (for instance the mean return of an evaluation), by ascending
    /// step.
    points: Vec<(u64, f64)>,
}

impl EvalCurve {
    /// Creates a curve from points in any order. Of two points at the same step, the later one
    /// wins.
    #[must_use]
    pub fn new(points: impl IntoIterator<Item = (u64, f64)>) -> Self {
        let points: BTreeMap<_, _> = points.into_iter().collect();
        Self { points: points.into_iter().collect() }
    }

    /// Computes the success rate of the newest training episodes at [`Self::SUCCESS_POINTS`] steps
    /// of the budget. Each point covers the last [`Self::SUCCESS_WINDOW`] episodes that had ended
    /// by then, or all of them if there were fewer. The curve is empty without episodes.
    ///
    /// `episodes` yields the step at which each episode ended, ascending, and whether it reached
    /// the goal.
    ///
    /// # Units
    /// Successes per episode.
    #[must_use]
    pub fn success_rate(episodes: impl IntoIterator<Item = (u64, bool)>, total_steps: u64) -> Self {
        let mut points = Vec::new();
        let mut window = VecDeque::new();
        let mut episodes = episodes.into_iter().peekable();
        for index in 1..=Self::SUCCESS_POINTS {
            let step =
                u128::from(total_steps) * u128::from(index) / u128::from(Self::SUCCESS_POINTS);
            let step = u64::try_from(step).unwrap_or(u64::MAX);
            if episodes.peek().is_none() {
                break;
            }
            while let Some((_, success)) = episodes.next_if(|(ended, _)| *ended <= step) {
                window.push_back(success);
            }
            window.drain(..window.len().saturating_sub(Self::SUCCESS_WINDOW));
            let reached = window.iter().filter(|&&success| success).count();
            let is_new = points.last().is_none_or(|last: &(u64, f64)| last.0 < step);
            if is_new && !window.is_empty() {
                points.push((step, reached as f64 / window.len() as f64));
            }
        }
        Self { points }
    }

    /// Number of episodes in a point of [`Self::success_rate`].
    pub const SUCCESS_WINDOW: usize = 100;

    /// Number of points of [`Self::success_rate`] over a whole run.
    pub const SUCCESS_POINTS: u64 = 100;

    /// Computes the return of training episodes over a budget: at the middle of each of
    /// [`Self::ACTING_PARTS`] equal parts, the mean of the episodes that were played in it.
    ///
    /// An episode counts in each part by the share of its steps there, so one that spans several
    /// parts is in all of them, and altogether once. A part in which only an episode without an end
    /// was played has no point.
    ///
    /// `episodes` yields the steps of each finished episode, in any order, and its return.
    ///
    /// # Units
    /// Undiscounted return.
    #[must_use]
    pub fn acting(episodes: impl IntoIterator<Item = (Range<u64>, f64)>, total_steps: u64) -> Self {
        let parts = u128::from(Self::ACTING_PARTS);
        let begin = |part: u128| (u128::from(total_steps) * part / parts) as u64;
        let part_of = |step: u64| u128::from(step) * parts / u128::from(total_steps.max(1));
        // Sums of weights and of weighted returns.
        let mut sums = vec![(0.0, 0.0); parts as usize];
        for (steps, value) in episodes {
            let length = steps.end.saturating_sub(steps.start);
            // Parts begin at whole steps, rounded down, so the last step may be in the end's part.
            let (first, last) = (part_of(steps.start), part_of(steps.end));
            for part in first..parts.min(last.saturating_add(1)) {
                let [low, high] = [part, part + 1].map(begin);
                let within = steps.end.min(high).saturating_sub(steps.start.max(low));
                if 0 < within {
                    let weight = within as f64 / length as f64;
                    let (weights, returns): &mut (f64, f64) = &mut sums[part as usize];
                    (*weights, *returns) = (*weights + weight, *returns + weight * value);
                }
            }
        }
        let points = sums.into_iter().zip(0..).filter(|((weights, _), _)| 0.0 < *weights);
        Self::new(points.map(|((weights, returns), part)| {
            let [low, high] = [part, part + 1].map(begin);
            (u64::midpoint(low, high), returns / weights)
        }))
    }

    /// Number of parts of a run in [`Self::acting`].
    pub const ACTING_PARTS: u64 = 50;

    /// Returns the environment step and value of each point, by ascending step.
    #[must_use]
    pub fn points(&self) -> &[(u64, f64)] {
        &self.points
    }

    /// Returns the first and the last evaluated step.
    #[must_use]
    pub fn span(&self) -> Option<(u64, u64)> {
        Some((self.points.first()?.0, self.points.last()?.0))
    }

    /// Returns the value at a step, interpolated linearly between the neighbouring evaluations, or
    /// `None` outside of the curve.
    #[must_use]
    pub fn at(&self, env_step: u64) -> Option<f64> {
        match self.points.binary_search_by_key(&env_step, |point| point.0) {
            Ok(index) => Some(self.points[index].1),
            Err(0) => None,
            Err(index) => {
                let (left, right) = (self.points[index - 1], self.points.get(index)?);
                let part = (env_step - left.0) as f64 / (right.0 - left.0) as f64;
                Some(left.1 + part * (right.1 - left.1))
            }
        }
    }
}

/// Computes the area under a curve between two steps, divided by their distance: the mean return
/// over that part of training, by the trapezoid rule.
///
/// The rule is linear in the curve, so the mean of the areas over seeds equals the area under the
/// seeds' mean curve on their common grid. Returns `None` if the curve does not cover both steps,
/// or if they are equal.
///
/// ```text
/// auc = 1 / (to - from) · Σ_i (step_{i+1} - step_i) · (return_i + return_{i+1}) / 2
/// ```
///
/// # Units
/// Undiscounted return.
#[must_use]
pub fn auc(curve: &EvalCurve, from: u64, to: u64) -> Option<f64> {
    let (first, last) = (curve.at(from)?, curve.at(to)?);
    let inner = curve.points.iter().copied().filter(|&(step, _)| from < step && step < to);
    let points: Vec<_> = [(from, first)].into_iter().chain(inner).chain([(to, last)]).collect();
    let area: f64 = points
        .windows(2)
        .map(|pair| (pair[1].0 - pair[0].0) as f64 * (pair[0].1 + pair[1].1) / 2.0)
        .sum();
    (from < to).then(|| area / (to - from) as f64)
}

/// Returns the mean return of the evaluations in the last tenth of the budget, or `None` without
/// any.
#[must_use]
pub fn final_return(curve: &EvalCurve, total_steps: u64) -> Option<f64> {
    let last = curve.points.iter().filter(|(step, _)| is_last_tenth(*step, total_steps));
    mean(&last.map(|(_, value)| *value).collect::<Vec<_>>())
}

/// Whether a step lies in the last tenth of the budget.
#[must_use]
pub fn is_last_tenth(env_step: u64, total_steps: u64) -> bool {
    // Integer arithmetic, so that the tenth begins at the same step on every machine.
    9 * u128::from(total_steps) < 10 * u128::from(env_step) && env_step <= total_steps
}

/// Mean of several seeds' curves at one step.
#[derive(Debug, Clone, PartialEq)]
pub struct BandPoint {
    /// Environment step.
    pub env_step: u64,
    /// Mean over the curves at that step.
    pub estimate: Estimate,
}

/// Computes the mean of several curves at every step that at least one of them evaluates and all of
/// them cover.
#[must_use]
pub fn band(curves: &[&EvalCurve], bootstrap: &Bootstrap) -> Vec<BandPoint> {
    let mut steps: Vec<_> =
        curves.iter().flat_map(|curve| curve.points.iter().map(|point| point.0)).collect();
    steps.sort_unstable();
    steps.dedup();
    let point = |env_step| {
        let values = curves.iter().map(|curve| curve.at(env_step)).collect::<Option<Vec<_>>>()?;
        Some(BandPoint { env_step, estimate: Estimate::mean(values, bootstrap)? })
    };
    steps.into_iter().filter_map(point).collect()
}

#[cfg(test)]
mod tests;
