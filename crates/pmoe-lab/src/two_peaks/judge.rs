//! What a policy is worth, by quadrature.

use pmoe_envs::Rng;
use rand::RngExt;
use rand_distr::StandardNormal;
use serde::Serialize;

use super::{WIDTH, peaks};
use crate::known::Peak;

/// States, and cells of actions, of the quadrature.
const STATES: usize = 200;
const CELLS: usize = 2_000;

/// The share of actions within a width that covers a peak.
const COVERED: f64 = 0.25;

/// Squashed Gaussians and their weights, in one state.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Mixture {
    pub(super) weights: Vec<f64>,
    /// Before squashing.
    pub(super) mean: Vec<f64>,
    /// Before squashing.
    pub(super) std: Vec<f64>,
}

/// What a policy is worth.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Judged {
    /// Share of the states in which both peaks are covered.
    pub both: f64,
    /// Share of the states in which at least one is.
    pub any: f64,
    /// Mean entropy of the weights, in nats.
    pub routing_entropy: f64,
    /// Mutual information of state and primitive, in nats.
    pub mutual_information: f64,
    /// E\[Q\].
    pub value: f64,
    /// Mean entropy of the policy as it acts, in nats.
    pub entropy: f64,
    /// J = E\[Q\] + α · entropy.
    pub objective: f64,
    /// The weight of the entropy at the end of training.
    pub alpha: f64,
}

/// Returns the states at which policies are judged.
pub(super) fn states() -> Vec<f64> {
    (0..STATES).map(|index| (2 * index + 1) as f64 / STATES as f64 - 1.0).collect()
}

/// Which primitive acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Acts {
    /// One drawn from the weights.
    Drawn,
    /// The one whose draw has the highest value.
    Best,
}

/// Judges a policy; `learnt_alpha` is only kept.
pub(super) fn judge(
    states: &[f64],
    policy: &[Mixture],
    acts: Acts,
    alpha: f64,
    learnt_alpha: f64,
) -> Judged {
    let all = states.iter().zip(policy);
    let per_state: Vec<OfState> =
        all.map(|(state, mixture)| of_state(*state, mixture, acts)).collect();
    let mean = |of: &dyn Fn(&OfState) -> f64| {
        per_state.iter().map(of).sum::<f64>() / per_state.len() as f64
    };
    let num_primitives = policy[0].weights.len();
    let mean_weights: Vec<f64> = (0..num_primitives)
        .map(|k| policy.iter().map(|mixture| mixture.weights[k]).sum::<f64>() / policy.len() as f64)
        .collect();
    let routing_entropy =
        policy.iter().map(|mixture| entropy(&mixture.weights)).sum::<f64>() / policy.len() as f64;
    let (value, policy_entropy) = (mean(&|of| of.value), mean(&|of| of.entropy));
    let share = |is: &dyn Fn(&OfState) -> bool| mean(&|of| f64::from(u8::from(is(of))));
    Judged {
        both: share(&|of| of.covers.iter().all(|covers| *covers)),
        any: share(&|of| of.covers.iter().any(|covers| *covers)),
        routing_entropy,
        mutual_information: entropy(&mean_weights) - routing_entropy,
        value,
        entropy: policy_entropy,
        objective: value + alpha * policy_entropy,
        alpha: learnt_alpha,
    }
}

/// Computes J of the best policy of all, `α log ∫ exp(Q/α) da`, in the mean over the states.
pub fn best_objective(alpha: f64) -> f64 {
    let of_state = |state: f64| {
        let peaks = peaks(state);
        let sum: f64 = cells().map(|a| (value(&peaks, a) / alpha).exp()).sum();
        alpha * (sum * CELL).ln()
    };
    states().into_iter().map(of_state).sum::<f64>() / STATES as f64
}

/// Width of a cell.
const CELL: f64 = 2.0 / CELLS as f64;

/// The middles of the cells.
fn cells() -> impl Iterator<Item = f64> {
    (0..CELLS).map(|index| CELL * (index as f64 + 0.5) - 1.0)
}

struct OfState {
    covers: [bool; 2],
    value: f64,
    entropy: f64,
}

fn value(peaks: &[Peak], action: f64) -> f64 {
    peaks.iter().map(|peak| peak.value(action)).sum()
}

fn of_state(state: f64, mixture: &Mixture, acts: Acts) -> OfState {
    let peaks = peaks(state);
    let shares = match acts {
        Acts::Drawn => mixture.shares(),
        Acts::Best => mixture.shares_of_best(&peaks),
    };
    let over_cells = |of: &dyn Fn(f64) -> f64| -> f64 {
        cells().zip(&shares).map(|(a, share)| share * of(a)).sum()
    };
    let near = |at: f64| over_cells(&|a| f64::from(u8::from((a - at).abs() <= WIDTH)));
    OfState {
        covers: peaks.map(|peak| COVERED <= near(peak.at)),
        value: over_cells(&|a| value(&peaks, a)),
        entropy: entropy(&shares) + CELL.ln(),
    }
}

impl Mixture {
    /// Returns the share of actions in each cell.
    fn shares(&self) -> Vec<f64> {
        let mut all = vec![0.0; CELLS];
        for k in 0..self.weights.len() {
            let own = self.shares_of(k);
            all.iter_mut().zip(own).for_each(|(all, own)| *all += self.weights[k] * own);
        }
        all
    }

    /// Returns the share of each cell among the best of one action of every primitive:
    /// `Σ_k π_k(a) Π_{i ≠ k} P(Q(a_i) < Q(a))`.
    fn shares_of_best(&self, peaks: &[Peak]) -> Vec<f64> {
        let values: Vec<f64> = cells().map(|a| value(peaks, a)).collect();
        let mut order: Vec<usize> = (0..CELLS).collect();
        order.sort_by(|&one, &other| values[one].total_cmp(&values[other]));
        let own: Vec<Vec<f64>> = (0..self.weights.len()).map(|k| self.shares_of(k)).collect();
        let mut below = vec![0.0; own.len()];
        let mut all = vec![0.0; CELLS];
        for cell in order {
            // Half of a cell's own actions are below the others of the cell.
            let of_cell: Vec<f64> = own.iter().map(|own| own[cell]).collect();
            let others = |k: usize| -> f64 {
                let others = (0..own.len()).filter(|i| *i != k);
                others.map(|i| below[i] + 0.5 * of_cell[i]).product()
            };
            all[cell] = (0..own.len()).map(|k| of_cell[k] * others(k)).sum();
            below.iter_mut().zip(of_cell).for_each(|(below, own)| *below += own);
        }
        normalised(all)
    }

    /// Returns the share of each cell among a primitive's actions.
    ///
    /// The density in the middle of a cell stands for all of it. The shares sum to one all the same, so that a
    /// primitive that is narrower than a cell keeps its weight.
    fn shares_of(&self, k: usize) -> Vec<f64> {
        let (mean, std) = (self.mean[k], self.std[k]);
        let log_density = |a: f64| -> f64 {
            let z = (a.atanh() - mean) / std;
            -0.5 * z * z - (1.0 - a * a).ln()
        };
        let logs: Vec<f64> = cells().map(log_density).collect();
        let most = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        normalised(logs.into_iter().map(|log| (log - most).exp()).collect())
    }

    /// Draws an action.
    pub(super) fn draw(&self, state: f64, acts: Acts, rng: &mut Rng) -> f64 {
        if acts == Acts::Best {
            let peaks = peaks(state);
            let drawn = (0..self.weights.len()).map(|k| self.draw_of(k, rng));
            let better = |one: f64, other: f64| {
                if value(&peaks, one) < value(&peaks, other) { other } else { one }
            };
            return drawn.reduce(better).expect("at least one primitive");
        }
        let mut left: f64 = rng.random_range(0.0..1.0);
        let k = self.weights.iter().position(|weight| {
            left -= weight;
            left < 0.0
        });
        self.draw_of(k.unwrap_or(self.weights.len() - 1), rng)
    }

    fn draw_of(&self, k: usize, rng: &mut Rng) -> f64 {
        let noise: f64 = rng.sample(StandardNormal);
        (self.mean[k] + self.std[k] * noise).tanh()
    }
}

/// Divides by the sum.
fn normalised(mut shares: Vec<f64>) -> Vec<f64> {
    let sum: f64 = shares.iter().sum();
    shares.iter_mut().for_each(|share| *share /= sum);
    shares
}

/// Computes the entropy of a distribution, in nats.
fn entropy(shares: &[f64]) -> f64 {
    shares.iter().filter(|share| 0.0 < **share).map(|share| -share * share.ln()).sum()
}

#[cfg(test)]
mod tests {
    use std::f64::consts::PI;

    use rand::SeedableRng;

    use super::*;

    fn close(found: f64, expected: f64, tolerance: f64) {
        assert!((found - expected).abs() < tolerance, "{found} is not {expected}");
    }

    #[test]
    fn a_policy_on_both_peaks_by_hand() {
        // At s = 0 the peaks are at ±.45, with the policy's std at the action close to .05:
        // du/da = 1 / (1 − .45²).
        let mean = 0.45_f64.atanh();
        let std = 0.05 / (1.0 - 0.45 * 0.45);
        let one = Mixture { weights: vec![1.0], mean: vec![mean], std: vec![std] };
        let both =
            Mixture { weights: vec![0.5, 0.5], mean: vec![-mean, mean], std: vec![std, std] };
        let (one, both) = (of_state(0.0, &one, Acts::Drawn), of_state(0.0, &both, Acts::Drawn));
        assert_eq!((one.covers, both.covers), ([false, true], [true, true]));
        // E[Q] of a normal density: width / √(width² + std²), up to the bend of tanh.
        let expected = 0.1 / (0.1_f64.powi(2) + 0.05_f64.powi(2)).sqrt();
        close(one.value, expected, 1e-2);
        close(both.value, one.value, 1e-6);
        // The entropy before squashing, and the mean of log(1 − a²) near the peak.
        let normal = 0.5 * (2.0 * PI).ln() + 0.5 + 0.05_f64.ln();
        close(one.entropy, normal, 1e-2);
        close(both.entropy - one.entropy, 2.0_f64.ln(), 1e-3);
    }

    #[test]
    fn an_even_policy_covers_nothing_and_the_best_is_better() {
        // With mean 0 and std ~.88, tanh u is nearly even in (−1, 1).
        let even = Mixture { weights: vec![1.0], mean: vec![0.0], std: vec![0.88] };
        let policy = vec![even; STATES];
        let judged = judge(&states(), &policy, Acts::Drawn, 0.2, 0.2);
        close(judged.both, 0.0, 1e-9);
        // Of two peaks of height 1 over a length of 2: √(2π) width.
        close(judged.value, (2.0 * PI).sqrt() * WIDTH, 2e-2);
        close(judged.entropy, 2.0_f64.ln(), 2e-2);
        assert!(judged.objective + 0.2 < best_objective(0.2));
        // With an endless α only the entropy counts.
        close(best_objective(1e6) / 1e6, 2.0_f64.ln(), 1e-6);
    }

    #[test]
    fn the_best_of_two_draws_by_hand() {
        // Two equal primitives on the upper peak at s = 0, narrow enough that tanh and the peak bend little. The best
        // draw is the nearer one: its mean square is (1 − 2/π) times that of a single one.
        let (mean, std) = (0.45_f64.atanh(), 0.02 / (1.0 - 0.45 * 0.45));
        let pair = Mixture { weights: vec![0.5; 2], mean: vec![mean; 2], std: vec![std; 2] };
        let loss = |acts| 1.0 - of_state(0.0, &pair, acts).value;
        close(loss(Acts::Best) / loss(Acts::Drawn), 1.0 - 2.0 / PI, 2e-2);
        // The draws agree with the shares.
        let mut rng = Rng::seed_from_u64(3);
        let value = |action: f64| value(&peaks(0.0), action);
        let drawn = (0..20_000).map(|_| value(pair.draw(0.0, Acts::Best, &mut rng)));
        close(drawn.sum::<f64>() / 20_000.0, of_state(0.0, &pair, Acts::Best).value, 1e-3);
    }
}
