//! How often a gate is wrong: false alarms and power, from the reference's own runs.

use std::collections::BTreeMap;

use pmoe_stats::mean;
use pmoe_stats::significance::rank_sum;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

use crate::case::{Case, Measure};
use crate::error::RegressError;
use crate::gate::{Decision, Gate};
use crate::samples::Samples;

/// Which cases lose a part of their return.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// One method on one task, another one in each draw.
    Case,
    /// One method on all its tasks, another one in each draw.
    Method,
    /// All of them.
    Everything,
}

impl Scope {
    /// All of them, narrowest first.
    pub const ALL: [Self; 3] = [Self::Case, Self::Method, Self::Everything];

    /// Returns the name for tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Case => "one method on one task",
            Self::Method => "one method on all its tasks",
            Self::Everything => "all methods",
        }
    }
}

/// How often the gate fails, and what it takes.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Rate {
    /// Draws.
    pub draws: usize,
    /// Draws in which it fails.
    pub failures: usize,
    /// Draws in which it fails for a case that lost nothing.
    pub wrong: usize,
    /// Runs that were needed, of all draws.
    pub runs: usize,
}

impl Rate {
    /// Returns the share of draws in which the gate fails.
    #[must_use]
    pub fn share(&self) -> f64 {
        self.failures as f64 / self.draws as f64
    }

    /// Returns the mean number of runs of a check.
    #[must_use]
    pub fn mean_runs(&self) -> f64 {
        self.runs as f64 / self.draws as f64
    }
}

/// What [`calibrate`] found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Calibration {
    /// Without any change.
    pub false_alarms: Rate,
    /// With a loss of a part of the mean return in some cases.
    pub power: Vec<Power>,
    /// With a loss in a single case, for each of them.
    pub by_case: Vec<(Case, f64, Rate)>,
}

/// How often the gate fails if a part of the mean return is lost.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Power {
    /// The lost part of the mean return.
    pub loss: f64,
    /// Who loses it.
    pub scope: Scope,
    /// How often.
    pub rate: Rate,
}

/// The losses of the table.
pub const LOSSES: [f64; 4] = [0.1, 0.2, 0.3, 0.5];

/// The fewest runs of a case that are left as a reference when the fresh runs are taken out.
const FEWEST_LEFT: usize = 8;

/// Plays the gate's game with the reference alone: in each draw, some of its runs are taken out as
/// if they were fresh, and the others remain the reference, so that the true reference is better than
/// in the game.
///
/// A loss lowers both scores of a run by a part of the size of the reference's mean.
///
/// # Errors
/// Returns an error if a case has too few runs.
pub fn calibrate(
    reference: &Samples,
    gate: &Gate,
    draws: usize,
    seed: u64,
) -> Result<Calibration, RegressError> {
    let most = gate.stages().iter().map(|stage| stage.seeds).max().unwrap_or(0);
    let needed = most + FEWEST_LEFT;
    if let Some((case, samples)) = reference.cases().find(|(_, samples)| samples.len() < needed) {
        let (case, found) = (case.clone(), samples.len());
        return Err(RegressError::FewRuns { case, found, needed });
    }
    let game = Game { reference, gate, most };
    // Every row has draws of its own, whatever the other rows are.
    let mut rows = 0_u64;
    let mut rate = |loss, lossy: &dyn Fn(&mut ChaCha8Rng) -> Vec<Case>| {
        rows += 1;
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(rows);
        let mut rate = Rate::default();
        for _ in 0..draws {
            let lossy = lossy(&mut rng);
            game.play(loss, &lossy, &mut rng, &mut rate);
        }
        rate
    };
    let cases: Vec<&Case> = reference.cases().map(|(case, _)| case).collect();
    let false_alarms = rate(0.0, &|_| Vec::new());
    let mut power = Vec::new();
    for scope in Scope::ALL {
        for loss in LOSSES {
            let rate = rate(loss, &|rng| {
                let drawn = cases[rng.random_range(0..cases.len())];
                let is_lossy = |case: &&&Case| match scope {
                    Scope::Case => **case == drawn,
                    Scope::Method => case.method == drawn.method,
                    Scope::Everything => true,
                };
                cases.iter().filter(is_lossy).map(|case| (*case).clone()).collect()
            });
            power.push(Power { loss, scope, rate });
        }
    }
    let mut by_case = Vec::new();
    for case in cases {
        for loss in LOSSES {
            by_case.push((case.clone(), loss, rate(loss, &|_| vec![case.clone()])));
        }
    }
    Ok(Calibration { false_alarms, power, by_case })
}

struct Game<'a> {
    reference: &'a Samples,
    gate: &'a Gate,
    /// The most fresh seeds of a case.
    most: usize,
}

/// The scores of one case by one measure, those of fresh runs first.
struct Drawn<'a> {
    case: &'a Case,
    scores: Vec<f64>,
}

impl Game<'_> {
    fn play(&self, loss: f64, lossy: &[Case], rng: &mut ChaCha8Rng, rate: &mut Rate) {
        let drawn = self.draw(loss, lossy, rng);
        let mut seeds: BTreeMap<&Case, usize> = BTreeMap::new();
        rate.draws += 1;
        let mut is_open = vec![true; drawn.len()];
        let mut p_values = vec![1.0; drawn.len()];
        for (index, stage) in self.gate.stages().iter().enumerate() {
            for ((drawn, p_value), is_open) in drawn.iter().zip(&mut p_values).zip(&is_open) {
                if *is_open {
                    seeds.insert(drawn.case, stage.seeds);
                    let (fresh, reference) = drawn.scores.split_at(self.most);
                    *p_value = rank_sum(&fresh[..stage.seeds], reference);
                }
            }
            let decisions = self.gate.decisions(&p_values, index);
            let worse = |(_, decision): &(_, &Decision)| **decision == Decision::Worse;
            if decisions.contains(&Decision::Worse) {
                rate.failures += 1;
                let mut named = drawn.iter().zip(&decisions).filter(worse);
                rate.wrong += usize::from(named.any(|(drawn, _)| !lossy.contains(drawn.case)));
                break;
            }
            // A case goes on with both of its measures.
            let open: Vec<&Case> = (drawn.iter().zip(&decisions))
                .filter(|(_, decision)| **decision == Decision::Undecided)
                .map(|(drawn, _)| drawn.case)
                .collect();
            is_open = drawn.iter().map(|drawn| open.contains(&drawn.case)).collect();
            if open.is_empty() {
                break;
            }
        }
        rate.runs += seeds.values().sum::<usize>();
    }

    fn draw(&self, loss: f64, lossy: &[Case], rng: &mut ChaCha8Rng) -> Vec<Drawn<'_>> {
        let mut all = Vec::new();
        for (case, samples) in self.reference.cases() {
            let mut order: Vec<_> = (0..samples.len()).collect();
            order.shuffle(rng);
            for measure in Measure::ALL {
                let mut scores: Vec<_> =
                    order.iter().map(|&index| samples[index].score(measure)).collect();
                if lossy.contains(case) {
                    let lost = loss * mean(&scores).unwrap_or(0.0).abs();
                    scores[..self.most].iter_mut().for_each(|score| *score -= lost);
                }
                all.push(Drawn { case, scores });
            }
        }
        all
    }
}
