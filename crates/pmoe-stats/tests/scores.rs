//! Score matrices compared with rliable, see `golden/rliable.py`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helper functions too")]

use pmoe_stats::{Bootstrap, Interval, Scores};
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    gammas: Vec<f64>,
    thresholds: Vec<f64>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    x: Vec<Vec<f64>>,
    y: Vec<Vec<f64>>,
    expected: Expected,
}

#[derive(Deserialize)]
struct Expected {
    mean: f64,
    median: f64,
    iqm: f64,
    optimality_gap: Vec<f64>,
    profile: Vec<f64>,
    probability_of_improvement: f64,
    intervals: Option<Intervals>,
}

#[derive(Deserialize)]
struct Intervals {
    mean: [f64; 2],
    iqm: [f64; 2],
    optimality_gap: [f64; 2],
    probability_of_improvement: [f64; 2],
}

/// Returns the expected values, and the two methods of each case.
fn golden() -> (Golden, Vec<(Scores, Scores)>) {
    let golden: Golden = serde_json::from_str(include_str!("golden/rliable.json")).unwrap();
    let pairs = golden.cases.iter().map(|Case { x, y, .. }| {
        (Scores::new(x.clone()).unwrap(), Scores::new(y.clone()).unwrap())
    });
    let pairs = pairs.collect();
    (golden, pairs)
}

#[test]
fn point_estimates_are_rliables() {
    let (golden, pairs) = golden();
    assert_eq!(pairs.len(), 8);
    for (Case { name, expected, .. }, (x, y)) in golden.cases.iter().zip(&pairs) {
        let close = |what: &str, value: f64, expected: f64| {
            // rtol: the same sums in another order.
            let tolerance = 1e-12 * expected.abs().max(1.0);
            assert!((value - expected).abs() <= tolerance, "{name}: {what} {value} {expected}");
        };
        close("mean", x.mean(), expected.mean);
        close("median", x.median(), expected.median);
        close("iqm", x.iqm().unwrap(), expected.iqm);
        for (gamma, &gap) in golden.gammas.iter().zip(&expected.optimality_gap) {
            close("gap", x.optimality_gap(*gamma), gap);
        }
        for (threshold, &fraction) in golden.thresholds.iter().zip(&expected.profile) {
            close("profile", x.fraction_above(*threshold), fraction);
        }
        let improvement = x.probability_of_improvement(y).unwrap();
        close("improvement", improvement, expected.probability_of_improvement);
    }
}

/// Both libraries draw at random. An interval end is a 2.5 % quantile of 20 000 draws. For a normal
/// statistic its standard error is √(0.025 · 0.975 / 20 000) / 0.058 = 0.019 standard deviations,
/// that is 0.5 % of the interval's width, or 0.7 % for the difference of two. In addition, P(X > Y)
/// moves in steps of 1/150, up to 2.3 % of the width.
#[test]
fn intervals_are_rliables_up_to_chance() {
    let (golden, pairs) = golden();
    let bootstrap = Bootstrap { resamples: 20_000, level: 0.95, seed: 3 };
    let mut compared = 0;
    for (Case { expected, .. }, (x, y)) in golden.cases.iter().zip(&pairs) {
        let Some(expected) = &expected.intervals else { continue };
        let pairs = [
            (bootstrap.scores(x, |draw| Some(draw.mean())), expected.mean),
            (bootstrap.scores(x, Scores::iqm), expected.iqm),
            (bootstrap.scores(x, |draw| Some(draw.optimality_gap(1.0))), expected.optimality_gap),
            (bootstrap.improvement(x, y), expected.probability_of_improvement),
        ];
        for (interval, expected) in pairs {
            let Interval { low, high } = interval.unwrap();
            let tolerance = 0.04 * (expected[1] - expected[0]);
            assert!((low - expected[0]).abs() < tolerance, "{low} {expected:?}");
            assert!((high - expected[1]).abs() < tolerance, "{high} {expected:?}");
            compared += 1;
        }
    }
    assert_eq!(compared, 4);
}
