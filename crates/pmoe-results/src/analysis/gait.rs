use serde::{Deserialize, Serialize};

use super::{GaitSettings, effective_number};
use crate::Quantity;

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

    /// Steps after which the robot is as before, from its observations; see [`gait_period`].
    #[must_use]
    pub fn period(&self) -> Option<usize> {
        gait_period(&self.obs)
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
            return Err(("obs", "expected one or more, of one length"));
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
        let periodicity = period.and_then(|period| autocorrelation(&self.weights, period));
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

/// How alike the rows of a series are `lag` steps apart: 1 the same, 0 not related.
///
/// ```text
/// r(lag) = mean_t Σ_d (x_d(t) - m_d) (x_d(t + lag) - m_d) / Σ_d var_d
/// ```
///
/// with mean `m_d` and variance `var_d` of each column. `None` where nothing changes, and for a lag as
/// long as the series. Over few steps it may pass 1 a little.
#[must_use]
pub fn autocorrelation(rows: &[Vec<f64>], lag: usize) -> Option<f64> {
    let columns = rows.first()?.len();
    let pairs = rows.len().checked_sub(lag).filter(|pairs| 0 < *pairs)?;
    let (mut covariance, mut variance) = (0.0, 0.0);
    for d in 0..columns {
        let mean = rows.iter().map(|row| row[d]).sum::<f64>() / rows.len() as f64;
        let from_mean = |t: usize| rows[t][d] - mean;
        let products: f64 = (0..pairs).map(|t| from_mean(t) * from_mean(t + lag)).sum();
        let squares: f64 = (0..rows.len()).map(|t| from_mean(t).powi(2)).sum();
        covariance += products / pairs as f64;
        variance += squares / rows.len() as f64;
    }
    (0.0 < variance).then(|| covariance / variance)
}

/// Steps after which a series of observations, `[T, O]`, repeats.
///
/// Every column is divided by its standard deviation. Of the lags up to half the series at which the
/// [`autocorrelation`] has a peak, after it first fell below zero, it is the first whose peak is at least
/// nine tenths of the highest: whole multiples of a period are as alike as the period itself. `None`
/// where nothing repeats.
#[must_use]
pub fn gait_period(obs: &[Vec<f64>]) -> Option<usize> {
    let columns = obs.first()?.len();
    let mut rows = vec![Vec::with_capacity(columns); obs.len()];
    for d in 0..columns {
        let mean = obs.iter().map(|row| row[d]).sum::<f64>() / obs.len() as f64;
        let squares: f64 = obs.iter().map(|row| (row[d] - mean).powi(2)).sum();
        let std = (squares / obs.len() as f64).sqrt();
        if 0.0 < std {
            rows.iter_mut().zip(obs).for_each(|(to, from)| to.push((from[d] - mean) / std));
        }
    }
    let correlation =
        (0..=obs.len() / 2).map(|lag| autocorrelation(&rows, lag)).collect::<Option<Vec<_>>>()?;
    let below = correlation.iter().position(|value| *value < 0.0)?;
    let is_peak = |lag: &usize| {
        let [before, here, after] = [lag - 1, *lag, lag + 1].map(|lag| correlation[lag]);
        0.0 < here && before < here && after <= here
    };
    let peaks: Vec<_> = (below + 1..correlation.len().saturating_sub(1)).filter(is_peak).collect();
    let highest = peaks.iter().map(|lag| correlation[*lag]).fold(0.0, f64::max);
    peaks.into_iter().find(|lag| 0.9 * highest <= correlation[*lag])
}
