use pmoe_stats::periodicity;
use serde::{Deserialize, Serialize};

use super::settings::{Bounds, Work};
use super::{Quantity, effective_number, entropy};
use crate::error::ResultsError;

/// The most steps of an episode that are skipped, and that are kept.
const MOST_SKIPPED: u64 = 10_000_000;
const MOST_STEPS: u64 = 10_000;

/// How the gait is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GaitSettings {
    /// Steps of the episode before the first that counts.
    pub skip: u32,
    /// Steps that count.
    pub steps: u32,
}

/// The router and the primitives over some steps of an evaluation episode.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gait {
    /// How it was made.
    pub settings: GaitSettings,
    /// Seconds from one step to the next.
    pub dt_seconds: f64,
    /// Observation before each step, `[T, O]`.
    pub obs: Vec<Vec<f64>>,
    /// Weight of each primitive at each step, `[T, K]`.
    pub weights: Vec<Vec<f64>>,
    /// Mean action of each primitive at each step, `[T, K, A]`.
    pub actions: Vec<Vec<Vec<f64>>>,
}

impl GaitSettings {
    pub(super) fn check(&self, bounds: &Bounds<'_>) -> Result<(), ResultsError> {
        bounds.within("skip", self.skip.into(), 0, MOST_SKIPPED)?;
        bounds.within("steps", self.steps.into(), 8, MOST_STEPS)
    }

    pub(super) fn work(&self, _seed: u64) -> Work {
        Work { played: (self.skip + self.steps).into(), ..Work::default() }
    }
}

impl Gait {
    /// Number K of primitives.
    #[must_use]
    pub fn num_primitives(&self) -> usize {
        self.weights.first().map_or(0, Vec::len)
    }

    /// Steps after which the robot is as before, from its observations; see [`periodicity::period`].
    #[must_use]
    pub fn period(&self) -> Option<usize> {
        periodicity::period(&self.obs)
    }

    /// How often each primitive has the largest weight, `[K]`; of equals the first.
    fn leads(&self) -> Vec<usize> {
        let mut leads = vec![0; self.num_primitives()];
        for row in &self.weights {
            let leader =
                (1..row.len()).fold(0, |best, k| if row[best] < row[k] { k } else { best });
            leads[leader] += 1;
        }
        leads
    }

    /// Share of the steps in which the primitive leads that does so second most often.
    fn share_of_second(&self) -> Option<f64> {
        let mut leads = self.leads();
        leads.sort_unstable_by(|a, b| b.cmp(a));
        Some(*leads.get(1)? as f64 / self.weights.len() as f64)
    }

    pub(super) fn check(&self) -> Result<(), (&'static str, &'static str)> {
        let (steps, primitives) = (self.obs.len(), self.num_primitives());
        let same = |rows: &[Vec<f64>]| rows.windows(2).all(|pair| pair[0].len() == pair[1].len());
        if steps == 0 || !same(&self.obs) {
            return Err(("obs", "expected one or more, all of the same length"));
        }
        if primitives == 0 || self.weights.len() != steps || !same(&self.weights) {
            return Err(("weights", "expected a weight per step and primitive"));
        }
        let fits = |actions: &Vec<Vec<f64>>| {
            actions.len() == primitives && same(actions) && !actions[0].is_empty()
        };
        if self.actions.len() != steps || !self.actions.iter().all(fits) {
            return Err(("actions", "expected an action per step and primitive"));
        }
        Ok(())
    }

    pub(super) fn measures(&self) -> Vec<(Quantity, f64)> {
        // The router's probabilities, also where a product of Gaussians has weights of another sum.
        let mut mean_weights = vec![0.0; self.num_primitives()];
        let mut entropies = 0.0;
        for row in &self.weights {
            let sum = row.iter().sum::<f64>().max(f64::MIN_POSITIVE);
            mean_weights.iter_mut().zip(row).for_each(|(mean, weight)| *mean += weight / sum);
            entropies += entropy(row.iter().copied());
        }
        let period = self.period();
        let periodicity =
            period.and_then(|period| periodicity::autocorrelation(&self.weights, period));
        let effective = effective_number(mean_weights.iter().copied());
        let information = effective.ln() - entropies / self.weights.len() as f64;
        let measures = [
            (Quantity::GaitPeriod, period.map(|period| period as f64)),
            (Quantity::PeriodicityOfWeights, periodicity),
            (Quantity::ShareOfSecondPrimitive, self.share_of_second()),
            (Quantity::GaitPrimitives, (0.0 < effective).then_some(effective)),
            (Quantity::GaitInformation, information.is_finite().then_some(information.max(0.0))),
        ];
        measures.into_iter().filter_map(|(quantity, value)| Some((quantity, value?))).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use super::*;
    use crate::analysis::AnalysisKind;
    use crate::analysis::testing::{
        check_file, check_measures, refuse, refuse_settings, refuse_whole,
    };

    /// A gait of period 8, in which the first primitive leads three steps of four.
    fn gait() -> Gait {
        let phase = |step: usize| TAU * step as f64 / 8.0;
        let leads = |step: usize| if step % 4 == 3 { 0.2 } else { 0.7 };
        Gait {
            settings: GaitSettings { skip: 200, steps: 40 },
            dt_seconds: 0.05,
            obs: (0..40)
                .map(|step| vec![phase(step).sin(), 3.0 * phase(step).cos(), 1.0])
                .collect(),
            weights: (0..40).map(|step| vec![leads(step), 1.0 - leads(step)]).collect(),
            actions: (0..40).map(|_| vec![vec![0.5, -0.5], vec![-0.25, 0.25]]).collect(),
        }
    }

    #[test]
    fn a_gait_by_hand() {
        // The weights repeat with half the gait, so with the gait too. Mean weights .575 and .425.
        let entropy = |w: f64| -w * w.ln() - (1.0 - w) * (1.0 - w).ln();
        // Over the 32 pairs one period apart as over all 40 steps: 1.
        check_measures(
            gait(),
            &[
                (Quantity::GaitPeriod, 8.0),
                (Quantity::PeriodicityOfWeights, 1.0),
                (Quantity::ShareOfSecondPrimitive, 0.25),
                (Quantity::GaitPrimitives, entropy(0.575).exp()),
                (
                    Quantity::GaitInformation,
                    entropy(0.575) - 0.75 * entropy(0.7) - 0.25 * entropy(0.2),
                ),
            ],
        );
    }

    #[test]
    fn the_file_is_as_ever() {
        check_file(gait());
    }

    #[test]
    fn a_file_without_what_its_numbers_need_is_refused() {
        let cases = [(r#""steps":40"#, r#""steps":7"#, "settings.steps")];
        refuse(gait(), &cases);

        let mut no_primitives = gait();
        no_primitives.weights.iter_mut().for_each(Vec::clear);
        no_primitives.actions.iter_mut().for_each(Vec::clear);
        refuse_whole(no_primitives, "analysis.gait.weights");
        let mut no_steps = gait();
        no_steps.obs.clear();
        no_steps.weights.clear();
        no_steps.actions.clear();
        refuse_whole(no_steps, "analysis.gait.obs");
        let mut no_joints = gait();
        no_joints.actions[39].iter_mut().for_each(Vec::clear);
        refuse_whole(no_joints, "analysis.gait.actions");
    }

    #[test]
    fn settings_out_of_range_are_named() {
        let cases = [
            ("steps = 7", "between 8 and 10_000"),
            ("skip = 4294967295", "between 0 and 10_000_000"),
        ];
        refuse_settings(AnalysisKind::Gait, &cases);
    }
}
