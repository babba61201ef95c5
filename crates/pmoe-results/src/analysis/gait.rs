use pmoe_stats::periodicity;
use serde::{Deserialize, Serialize};

use super::{GaitSettings, Quantity, effective_number};

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
        let mut mean_weights = vec![0.0; self.num_primitives()];
        for row in &self.weights {
            mean_weights.iter_mut().zip(row).for_each(|(sum, weight)| *sum += weight);
        }
        let period = self.period();
        let periodicity =
            period.and_then(|period| periodicity::autocorrelation(&self.weights, period));
        let effective = effective_number(mean_weights.iter().copied());
        let measures = [
            (Quantity::GaitPeriod, period.map(|period| period as f64)),
            (Quantity::PeriodicityOfWeights, periodicity),
            (Quantity::ShareOfSecondPrimitive, self.share_of_second()),
            (Quantity::GaitPrimitives, (0.0 < effective).then_some(effective)),
        ];
        measures.into_iter().filter_map(|(quantity, value)| Some((quantity, value?))).collect()
    }
}
