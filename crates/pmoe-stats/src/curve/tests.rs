use proptest::prelude::*;

use super::*;
use crate::bootstrap::Interval;

const BOOTSTRAP: Bootstrap = Bootstrap { resamples: 200, level: 0.95, seed: 0 };

fn curve(points: &[(u64, f64)]) -> EvalCurve {
    EvalCurve { points: points.to_vec() }
}

#[test]
fn the_later_of_two_points_counts() {
    let curve = EvalCurve::new([(5, 1.5), (0, 4.0), (5, 3.0)]);
    assert_eq!((curve.points(), curve.span()), ([(0, 4.0), (5, 3.0)].as_slice(), Some((0, 5))));
    assert_eq!(EvalCurve::new([]).span(), None);
}

#[test]
fn auc_by_hand() {
    let curve = curve(&[(0, 0.0), (10, 4.0), (40, 10.0)]);
    // (10 · 2 + 30 · 7) / 40
    assert_eq!(auc(&curve, 0, 40), Some(5.75));
    // From 5, where the value is 2, to 25, where it is 7: (5 · 3 + 15 · 5.5) / 20.
    assert_eq!(auc(&curve, 5, 25), Some(4.875));
    assert_eq!(auc(&curve, 0, 41), None);
    assert_eq!(auc(&curve, 10, 10), None);
    assert_eq!(auc(&EvalCurve::default(), 0, 1), None);
}

#[test]
fn the_last_tenth_is_open_at_its_start() {
    let curve = curve(&[(0, 1.0), (90, 2.0), (95, 3.0), (100, 5.0), (101, 99.0)]);
    assert_eq!(final_return(&curve, 100), Some(4.0));
    assert_eq!(final_return(&curve, 1000), None);
    assert_eq!(final_return(&curve, u64::MAX), None);
}

#[test]
fn a_band_covers_what_all_curves_cover() {
    let (long, short) = (curve(&[(0, 0.0), (20, 20.0)]), curve(&[(0, 10.0), (10, 30.0)]));
    let band = band(&[&long, &short], &BOOTSTRAP);
    let means: Vec<_> = band.iter().map(|point| (point.env_step, point.estimate.value)).collect();
    assert_eq!(means, [(0, 5.0), (10, 20.0)]);
    // With two values, the interval spans exactly these.
    assert_eq!(band[1].estimate.interval, Some(Interval { low: 10.0, high: 30.0 }));
    assert_eq!(super::band(&[&long], &BOOTSTRAP)[0].estimate.interval, None);
    assert_eq!(super::band(&[], &BOOTSTRAP), []);
}

/// Curves on random grids from 0 to 100.
fn any_curve() -> impl Strategy<Value = EvalCurve> {
    let inner = prop::collection::btree_map(1_u64..100, -1e3_f64..1e3, 0..8);
    (inner, -1e3_f64..1e3, -1e3_f64..1e3).prop_map(|(mut points, first, last)| {
        points.extend([(0, first), (100, last)]);
        EvalCurve { points: points.into_iter().collect() }
    })
}

proptest! {
    #[test]
    fn auc_of_the_mean_curve_is_the_mean_of_the_aucs(
        curves in prop::collection::vec(any_curve(), 1..5),
    ) {
        let all: Vec<_> = curves.iter().collect();
        let points = band(&all, &BOOTSTRAP).iter().map(|p| (p.env_step, p.estimate.value)).collect();
        let of_mean = auc(&EvalCurve { points }, 0, 100).unwrap();
        let aucs: Vec<_> = curves.iter().map(|curve| auc(curve, 0, 100).unwrap()).collect();
        // atol: sums of a few dozen numbers up to 1e3.
        prop_assert!((of_mean - mean(&aucs).unwrap()).abs() < 1e-9);
    }

    #[test]
    fn auc_stays_within_the_curve_and_scales_with_it(
        curve in any_curve(), scale in 0.1_f64..10.0, shift in -1e3_f64..1e3,
    ) {
        let area = auc(&curve, 0, 100).unwrap();
        let values = || curve.points.iter().map(|point| point.1);
        let least = values().fold(f64::INFINITY, f64::min);
        let most = values().fold(f64::NEG_INFINITY, f64::max);
        prop_assert!(least - 1e-9 <= area && area <= most + 1e-9);
        let moved = curve.points.iter().map(|&(step, value)| (step, scale * value + shift));
        let moved = auc(&EvalCurve { points: moved.collect() }, 0, 100).unwrap();
        prop_assert!((moved - (scale * area + shift)).abs() < 1e-8);
    }

    #[test]
    fn auc_does_not_depend_on_where_it_is_split(curve in any_curve(), split in 1_u64..100) {
        let part = |from, to| auc(&curve, from, to).unwrap() * (to - from) as f64;
        prop_assert!((part(0, split) + part(split, 100) - part(0, 100)).abs() < 1e-7);
    }
}

#[test]
fn the_success_rate_is_of_the_newest_episodes() {
    // Episodes end at 10, 20, …, 1500 of 2000: 30 failures, then successes.
    let episodes = || (0..150).map(|index| (10 * (index + 1), 30 <= index));
    let curve = EvalCurve::success_rate(episodes(), 2_000);
    assert_eq!(curve.points()[..2], [(20, 0.0), (40, 0.0)]);
    // At 400: 10 of 40. At 1200: 90 of the last 100. At 1500, the last point: all.
    assert_eq!((curve.at(400), curve.at(1_200)), (Some(0.25), Some(0.9)));
    assert_eq!(curve.points().last(), Some(&(1_500, 1.0)));
    // Each step occurs once, even in a short run.
    let curve = EvalCurve::success_rate(episodes(), 30);
    assert_eq!(
        curve.points().iter().map(|point| point.0).collect::<Vec<_>>(),
        (10..=30).collect::<Vec<_>>()
    );
    assert_eq!(EvalCurve::success_rate([], 30).points(), []);
}

#[test]
fn training_returns_by_hand() {
    // 100 steps in parts of 2.
    let acting =
        |episodes: &[(std::ops::Range<u64>, f64)]| EvalCurve::acting(episodes.iter().cloned(), 100);
    // One episode over all parts, of which it is a fiftieth each.
    let whole = acting(&[(0..100, 3.0)]);
    assert_eq!(whole.points().len(), 50);
    assert!(whole.points().iter().all(|(_, value)| (value - 3.0).abs() < 1e-12));
    assert_eq!(whole.span(), Some((1, 99)));
    // Steps 0 to 2: two episodes of one step. Steps 2 to 4: half of the third, a fifth of the fourth.
    let short = acting(&[(0..1, 2.0), (1..2, 4.0), (2..3, 1.0), (3..8, 8.0)]);
    let expected = [(1, 3.0), (3, (1.0 + 0.2 * 8.0) / 1.2), (5, 8.0), (7, 8.0)];
    assert_eq!(short.points().len(), expected.len());
    for (found, expected) in short.points().iter().zip(expected) {
        assert_eq!(found.0, expected.0);
        assert!((found.1 - expected.1).abs() < 1e-12, "{found:?} is not {expected:?}");
    }
    // No point where only an episode without an end was played.
    assert_eq!(acting(&[(0..2, 1.0), (10..12, 5.0)]).points(), [(1, 1.0), (11, 5.0)]);
    assert_eq!(acting(&[]).points(), []);
}

#[test]
fn training_returns_survive_strange_steps() {
    let one = |steps, total_steps| EvalCurve::acting([(steps, 1.0)], total_steps).points().to_vec();
    assert_eq!(one(0..0, 100), []);
    assert_eq!(one(0..10, 0), []);
    assert_eq!(one(u64::MAX - 1..u64::MAX, 100), []);
    assert_eq!(one(0..u64::MAX, u64::MAX).len(), 50);
    // Fewer steps than parts, and parts that do not divide the steps.
    assert_eq!(one(0..7, 7).len(), 7);
    assert_eq!(one(0..1001, 1001).len(), 50);
    for step in 0..1001 {
        let points = one(step..step + 1, 1001);
        assert_eq!(points.len(), 1, "step {step}");
    }
}
