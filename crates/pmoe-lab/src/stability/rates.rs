//! Where equal primitives rest, and how fast a split of them grows: by quadrature, and by the loss's own gradient.

use pmoe_algos::ConfigError;
use pmoe_algos::sac::TemperatureConfig;

use super::Settings;
use super::cases::{Case, Loss, Mean};
use crate::known::Known;
use crate::quadrature::{density, nodes, pairs, points, shares_below};
use crate::stateless::{Outputs, Stateless, method};

/// Equal primitives.
pub(super) struct Equal<'a> {
    known: &'a Known,
    loss: Loss,
    alpha: f64,
    /// K, their number.
    primitives: usize,
    pub(super) mean: f64,
    pub(super) std: f64,
}

impl<'a> Equal<'a> {
    /// Finds where the primitives rest. More than two are for back-propagation-max alone.
    pub(super) fn new(case: &'a Case, loss: Loss, alpha: f64, primitives: usize) -> Self {
        let known = &case.known;
        let at = |mean: f64, std: f64| Self { known, loss, alpha, primitives, mean, std };
        match case.mean {
            Mean::At(mean) => at(mean, at(mean, 1.0).stationary_std()),
            Mean::Sliding(std) => at(0.0, std),
            Mean::From(start) => {
                let mut equal = at(start, 0.5);
                (0..ASCENT_STEPS)
                    .for_each(|_| equal = equal.moved(equal.ascent().map(|by| STEP * by)));
                (0..NEWTON_STEPS).for_each(|_| equal = equal.moved(equal.newton()));
                equal
            }
        }
    }

    /// Moves mean and log standard deviation.
    fn moved(&self, [mean, log_std]: [f64; 2]) -> Self {
        Self { mean: self.mean + mean, std: self.std * log_std.exp(), ..*self }
    }

    /// Returns Newton's step to where the loss is stationary, with derivatives from differences.
    fn newton(&self) -> [f64; 2] {
        let small = 1e-4;
        let by = |step: [f64; 2]| {
            let [there, back] = [self.moved(step), self.moved(step.map(|x| -x))];
            let [there, back] = [there.ascent(), back.ascent()];
            [0, 1].map(|at| (there[at] - back[at]) / (2.0 * small))
        };
        let ([a, c], [b, d]) = (by([small, 0.0]), by([0.0, small]));
        let [mean, log_std] = self.ascent();
        let determinant = a * d - b * c;
        [(b * log_std - d * mean) / determinant, (c * mean - a * log_std) / determinant]
    }

    /// Returns the narrowest standard deviation at which the loss is stationary, by bisection.
    fn stationary_std(&self) -> f64 {
        let rises = |log_std: f64| {
            let [_, ascent] = Self { std: log_std.exp(), ..*self }.ascent();
            0.0 < ascent
        };
        // Narrow primitives widen, as the entropy asks.
        let mut low = -5.0;
        while rises(low + 0.1) && low < 5.0 {
            low += 0.1;
        }
        let mut high = low + 0.1;
        for _ in 0..50 {
            let middle = 0.5 * (low + high);
            if rises(middle) {
                low = middle;
            } else {
                high = middle;
            }
        }
        (0.5 * (low + high)).exp()
    }

    /// Returns the share of draws in which a draw with each node's noise teaches its primitive: all others are below.
    fn teaches(&self, nodes: &[(f64, f64)]) -> Vec<f64> {
        match self.loss {
            Loss::Max => self.below(nodes, self.primitives - 1),
            Loss::All | Loss::Marginal => vec![1.0; nodes.len()],
        }
    }

    /// Returns the probability that this many draws have smaller values than each node's.
    fn below(&self, nodes: &[(f64, f64)], draws: usize) -> Vec<f64> {
        let values: Vec<f64> = nodes.iter().map(|(at, _)| self.value(*at)).collect();
        let weights: Vec<f64> = nodes.iter().map(|(_, weight)| *weight).collect();
        let edges: Vec<f64> = edges(nodes).map(|at| self.value(at)).collect();
        let mut below = shares_below(&values, &edges, &weights);
        below.iter_mut().for_each(|share| *share = share.powf(draws as f64));
        below
    }

    fn x(&self, noise: f64) -> f64 {
        self.mean + self.std * noise
    }

    fn value(&self, noise: f64) -> f64 {
        self.known.value(self.x(noise))
    }

    /// Returns minus the derivatives of the loss by mean and log standard deviation of one primitive; of the marginal
    /// loss, of the primitive's own part, before its weight of ½.
    fn ascent(&self) -> [f64; 2] {
        let nodes = nodes();
        let teaches = self.teaches(&nodes);
        let (mut by_mean, mut by_log_std, mut share) = (0.0, 0.0, 0.0);
        for ((noise, weight), teaches) in nodes.into_iter().zip(teaches) {
            let slope = weight * teaches * self.known.derivative(self.x(noise));
            by_mean += slope;
            by_log_std += slope * self.std * noise;
            share += weight * teaches;
        }
        [by_mean, by_log_std + self.alpha * share]
    }

    /// Returns the two parts of the rate of a small split: restoring and separating.
    pub(super) fn rate(&self) -> (f64, f64) {
        let nodes = nodes();
        let teaches = self.teaches(&nodes);
        let terms = nodes.iter().zip(teaches).map(|((noise, weight), teaches)| {
            weight * teaches * self.known.derivative(self.x(*noise)) * noise
        });
        let restoring = terms.sum::<f64>() / self.std;
        match self.loss {
            Loss::Max => (restoring, self.separating(&nodes)),
            Loss::All => (restoring, 0.0),
            // Each primitive has half of the weight. The entropy of both gains from the split what it gains from a
            // wider one.
            Loss::Marginal => (0.5 * restoring, 0.5 * self.alpha * self.std.powi(-2)),
        }
    }

    /// Computes `∫ S(q)² P(Q < q)^(K−2) dq` as `E[Q'(x) S(Q(x)) P(Q < Q(x))^(K−2)]`, with the level sets of Q between neighbouring points.
    fn separating(&self, nodes: &[(f64, f64)]) -> f64 {
        let edge = |at: f64| (self.value(at), density(at) / self.std);
        let edges: Vec<(f64, f64)> = edges(nodes).map(edge).collect();
        let level = |q: f64| -> f64 {
            let crossing = |pair: &[(f64, f64)]| {
                let [(from, density_from), (to, density_to)] = [pair[0], pair[1]];
                let sign = f64::from(i8::from(from < q && q <= to) - i8::from(to < q && q <= from));
                let part = if sign == 0.0 { 0.0 } else { (q - from) / (to - from) };
                sign * (density_from + part * (density_to - density_from))
            };
            edges.windows(2).map(crossing).sum()
        };
        let below = self.below(nodes, self.primitives - 2);
        let term = |((noise, weight), below): (&(f64, f64), f64)| {
            below * weight * self.known.derivative(self.x(*noise)) * level(self.value(*noise))
        };
        nodes.iter().zip(below).map(term).sum()
    }
}

/// Returns the edges of the cells around the nodes.
fn edges(nodes: &[(f64, f64)]) -> impl Iterator<Item = f64> {
    let width = nodes[1].0 - nodes[0].0;
    let first = nodes[0].0 - 0.5 * width;
    (0..=nodes.len()).map(move |index| first + width * index as f64)
}

/// Ascent towards where the primitives rest, and Newton's method from there.
const STEP: f64 = 0.5;
const ASCENT_STEPS: usize = 300;
const NEWTON_STEPS: usize = 10;

/// A small split, over the standard deviation.
const SMALL: f64 = 0.02;

/// Steps of the descent of a split, and how much `λ t` changes in each.
const DESCENT_STEPS: usize = 10;
const CHANGE: f64 = 0.1;

/// The loss's own gradient where two of the primitives are apart.
pub(super) struct Measured<'a> {
    equal: &'a Equal<'a>,
    loss: Stateless,
}

impl<'a> Measured<'a> {
    pub(super) fn new(equal: &'a Equal<'a>, settings: Settings) -> Result<Self, ConfigError> {
        let mut config = method(equal.loss.method(), equal.primitives)?;
        config.temperature = TemperatureConfig::Fixed { alpha: settings.alpha };
        let noise = match equal.primitives {
            2 => pairs(settings.samples),
            more => points(more, settings.samples),
        };
        let loss = Stateless::new(config, 1, noise);
        Ok(Self { equal, loss })
    }

    /// Returns the speed at which a split in mean and log standard deviation changes.
    fn speed(&self, mean: f64, log_std: f64) -> [f64; 2] {
        let Equal { mean: center, std, primitives, .. } = *self.equal;
        let around = |center: f64, split: f64| {
            let mut all = vec![center; primitives];
            all[0] += 0.5 * split;
            all[1] -= 0.5 * split;
            all
        };
        let at = Outputs { mean: around(center, mean), log_std: around(std.ln(), log_std) };
        let gradient = self.loss.gradient(self.equal.known, &at);
        [gradient.mean, gradient.log_std].map(|of| of[1] - of[0])
    }

    /// Returns the rate `δ'/δ` of a split of the means; `split` is over the standard deviation.
    pub(super) fn rate_of(&self, split: f64) -> f64 {
        let split = split * self.equal.std;
        self.speed(split, 0.0)[0] / split
    }

    /// Lets a small split of the means descend the gradient, all else held, and returns the rate at which it grew.
    /// `expected` sets the step alone.
    pub(super) fn grown(&self, expected: f64) -> f64 {
        let small = SMALL * self.equal.std;
        let step = CHANGE / expected.abs().max(5e-2);
        let mut split = small;
        for _ in 0..DESCENT_STEPS {
            // The midpoint method, whose error is of the third order.
            let middle = split + 0.5 * step * self.speed(split, 0.0)[0];
            split += step * self.speed(middle, 0.0)[0];
        }
        (split / small).ln() / (step * DESCENT_STEPS as f64)
    }

    /// Returns the largest real part of the eigenvalues of small splits in mean and log standard deviation.
    pub(super) fn together(&self) -> f64 {
        let (small, std) = (SMALL, self.equal.std);
        let of_mean = self.speed(small * std, 0.0).map(|speed| speed / (small * std));
        let of_log_std = self.speed(0.0, small).map(|speed| speed / small);
        let half_trace = 0.5 * (of_mean[0] + of_log_std[1]);
        let determinant = of_mean[0] * of_log_std[1] - of_mean[1] * of_log_std[0];
        half_trace + (half_trace * half_trace - determinant).max(0.0).sqrt()
    }
}
