//! Expectations over one standard normal number, and noise that stands for two.

use std::f64::consts::PI;

/// Points of the midpoint rule, and the deviations that they reach.
const POINTS: usize = 1_000;
const REACH: f64 = 9.0;

/// Places and weights of the midpoint rule under the standard normal density.
///
/// For smooth integrands its error is far below one in 10¹⁰, as all derivatives vanish at both ends.
pub(crate) fn nodes() -> Vec<(f64, f64)> {
    let width = 2.0 * REACH / POINTS as f64;
    let node = |index: usize| {
        let x = width * (index as f64 + 0.5) - REACH;
        (x, width * density(x))
    };
    (0..POINTS).map(node).collect()
}

/// The standard normal density.
pub(crate) fn density(x: f64) -> f64 {
    (-0.5 * x * x).exp() / (2.0 * PI).sqrt()
}

/// For each of the `values`, the probability of a smaller one.
///
/// # Shapes
/// - `edges`: N + 1 values at the edges of cells, each of which has one of the N `weights`; within a cell the value is
///   linear
pub(crate) fn shares_below(values: &[f64], edges: &[f64], weights: &[f64]) -> Vec<f64> {
    let cell = |(pair, weight): (&[f64], &f64)| {
        let (low, high) = (pair[0].min(pair[1]), pair[0].max(pair[1]));
        // A cell without slope is a step.
        [low, (high - low).max(f64::MIN_POSITIVE).recip(), *weight]
    };
    let cells: Vec<[f64; 3]> = edges.windows(2).zip(weights).map(cell).collect();
    let below = |value: &f64| {
        cells.iter().map(|[low, per, weight]| weight * ((value - low) * per).clamp(0.0, 1.0)).sum()
    };
    values.iter().map(below).collect()
}

/// Pairs of standard normal numbers that fill the plane evenly: a Fibonacci lattice, with each pair also the other way
/// round, so that the two numbers are exactly alike.
///
/// # Source
/// Niederreiter, *Random Number Generation and Quasi-Monte Carlo Methods* (1992), section 5.1, for the lattice.
pub(crate) fn pairs(at_least: usize) -> Vec<f64> {
    let (mut last, mut count) = (1_usize, 2_usize);
    while 2 * count < at_least {
        (last, count) = (count, last + count);
    }
    let at = |index: usize| {
        // Half a step off zero, where the quantile is infinite.
        let (x, y) = (index as f64 + 0.5, (index * last % count) as f64 + 0.5);
        [quantile(x / count as f64), quantile(y / count as f64)]
    };
    (0..count).map(at).flat_map(|[x, y]| [x, y, y, x]).collect()
}

/// Points of `dims` standard normal numbers that fill space evenly: multiples of powers of the real root of
/// `x^(dims + 1) = x + 1`, modulo 1. Each point comes with its numbers turned around in all `dims` ways, so that they are
/// exactly alike.
///
/// # Source
/// Roberts, *The Unreasonable Effectiveness of Quasirandom Sequences* (2018), for the powers; Niederreiter (1992),
/// section 3.1, for sequences of multiples modulo 1.
pub(crate) fn points(dims: usize, at_least: usize) -> Vec<f64> {
    let mut root = 2.0_f64;
    (0..100).for_each(|_| root = (1.0 + root).powf((dims as f64 + 1.0).recip()));
    let steps: Vec<f64> = (1..=dims).map(|power| root.powf(-(power as f64))).collect();
    let at = |index: usize| -> Vec<f64> {
        let share = |step: &f64| (0.5 + step * index as f64).fract();
        steps.iter().map(|step| quantile(share(step))).collect()
    };
    let turned = |point: Vec<f64>| {
        (0..dims).flat_map(move |by| {
            let mut turned = point.clone();
            turned.rotate_left(by);
            turned
        })
    };
    // From 1, as 0 is a corner of its own.
    (1..=at_least.div_ceil(dims)).map(at).flat_map(turned).collect()
}

/// The number that a standard normal one is below with probability `share`, by bisection and Newton's method on the
/// distribution function.
fn quantile(share: f64) -> f64 {
    if share > 0.5 {
        return -quantile(1.0 - share);
    }
    // Below 0, the logarithm of the distribution function is concave: from below, Newton's method never overshoots.
    let mut x = -(-2.0 * share.ln()).sqrt() - 0.5;
    for _ in 0..100 {
        let below = 0.5 * libm::erfc(-x / std::f64::consts::SQRT_2);
        let step = (share.ln() - below.ln()) * below / density(x);
        x += step;
        if step.abs() < 1e-14 * x.abs().max(1.0) {
            break;
        }
    }
    x
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_of_the_normal_distribution() {
        let moment = |power: i32| -> f64 { nodes().iter().map(|(x, w)| w * x.powi(power)).sum() };
        for (power, expected) in [(0, 1.0), (1, 0.0), (2, 1.0), (3, 0.0), (4, 3.0)] {
            assert!((moment(power) - expected).abs() < 1e-12, "{power}: {}", moment(power));
        }
    }

    #[test]
    fn quantiles_by_the_table() {
        for (share, expected) in
            [(0.5, 0.0), (0.975, 1.959_963_984_540_054), (1e-9, -5.997_807_015)]
        {
            assert!((quantile(share) - expected).abs() < 1e-8, "{share}: {}", quantile(share));
        }
    }

    #[test]
    fn pairs_have_the_moments_of_independent_numbers() {
        let pairs = pairs(20_000);
        let mean = |of: fn(f64, f64) -> f64| {
            let sum: f64 = pairs.chunks_exact(2).map(|pair| of(pair[0], pair[1])).sum();
            2.0 * sum / pairs.len() as f64
        };
        assert!(mean(|x, _| x).abs() < 1e-3 && mean(|x, y| x * y).abs() < 1e-2);
        assert!((mean(|x, _| x * x) - 1.0).abs() < 1e-2);
        // The larger of two: 1 / √π.
        assert!((mean(f64::max) - PI.sqrt().recip()).abs() < 1e-3, "{}", mean(f64::max));
    }

    #[test]
    fn points_have_the_moments_of_independent_numbers() {
        for (dims, largest) in [(3, 0.846_28), (4, 1.029_38), (10, 1.538_75)] {
            let points = points(dims, 40_000);
            let mean = |of: &dyn Fn(&[f64]) -> f64| {
                let sum: f64 = points.chunks_exact(dims).map(of).sum();
                (dims as f64) * sum / points.len() as f64
            };
            assert!(mean(&|x| x[0]).abs() < 2e-3 && mean(&|x| x[0] * x[1]).abs() < 2e-2);
            assert!((mean(&|x| x[0] * x[0]) - 1.0).abs() < 1e-2);
            let max = mean(&|x| x.iter().copied().fold(f64::MIN, f64::max));
            assert!((max - largest).abs() < 5e-3, "{dims}: {max}");
        }
    }

    #[test]
    fn shares_below_by_hand() {
        // Cells from 0 to 2, from 2 to 1, and flat at 1.
        let below = shares_below(&[0.5, 1.5, 3.0], &[0.0, 2.0, 1.0, 1.0], &[0.4, 0.5, 0.1]);
        for (found, expected) in below.iter().zip([0.1, 0.3 + 0.25 + 0.1, 1.0]) {
            assert!((found - expected).abs() < 1e-15, "{found} is not {expected}");
        }
    }
}
