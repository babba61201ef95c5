//! Moving means of curves.

use pmoe_stats::curve::BandPoint;
use pmoe_stats::{Bootstrap, Estimate};

/// A curve keeps at least this many points per window, so that smoothing hides no learning.
const FEWEST_WINDOWS: usize = 4;

/// Returns the window for a curve of `points` points: the wanted one, or less for a short curve.
pub(crate) fn window(wanted: usize, points: usize) -> usize {
    wanted.min(points / FEWEST_WINDOWS).max(1)
}

/// Returns the mean of the `window` values around each one; at the ends, of those that there are.
pub(crate) fn moving_mean(values: &[f64], window: usize) -> Vec<f64> {
    let (before, after) = (window.saturating_sub(1) / 2, window / 2);
    let around = |index: usize| {
        let near = &values[index.saturating_sub(before)..(index + after + 1).min(values.len())];
        near.iter().sum::<f64>() / near.len() as f64
    };
    // Divided sums would round the values of an untouched curve.
    if window < 2 { values.to_vec() } else { (0..values.len()).map(around).collect() }
}

/// Smooths each run behind a mean curve, and estimates mean and interval anew.
pub(crate) fn smoothed(
    curve: &[BandPoint],
    window: usize,
    bootstrap: &Bootstrap,
) -> Vec<BandPoint> {
    if window < 2 {
        return curve.to_vec();
    }
    let runs = curve.first().map_or(0, |point| point.estimate.values.len());
    let of_run = |run: usize| {
        let values: Vec<_> = curve.iter().map(|point| point.estimate.values[run]).collect();
        moving_mean(&values, window)
    };
    let runs: Vec<_> = (0..runs).map(of_run).collect();
    let point = |(index, point): (usize, &BandPoint)| {
        let values = runs.iter().map(|run| run[index]).collect();
        let estimate = Estimate::mean(values, bootstrap)?;
        Some(BandPoint { env_step: point.env_step, estimate })
    };
    curve.iter().enumerate().filter_map(point).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_by_hand() {
        let values = [1.0, 2.0, 6.0, 0.0];
        assert_eq!(moving_mean(&values, 1), values);
        assert_eq!(moving_mean(&values, 2), [1.5, 4.0, 3.0, 0.0]);
        assert_eq!(moving_mean(&values, 3), [1.5, 3.0, 8.0 / 3.0, 3.0]);
        assert_eq!(moving_mean(&values, 100), [2.25; 4]);
        assert!(moving_mean(&[], 3).is_empty());
    }

    #[test]
    fn short_curves_are_smoothed_less() {
        assert_eq!([3, 7, 8, 20, 1000].map(|points| window(5, points)), [1, 1, 2, 5, 5]);
        assert_eq!([0, 1].map(|wanted| window(wanted, 1000)), [1, 1]);
    }

    #[test]
    fn the_interval_is_of_the_smoothed_runs() {
        let bootstrap = Bootstrap { resamples: 200, level: 0.95, seed: 0 };
        let point = |(env_step, values): (u64, [f64; 2])| BandPoint {
            env_step,
            estimate: Estimate::mean(values.to_vec(), &bootstrap).unwrap(),
        };
        let curve = [(0, [0.0, 10.0]), (1, [4.0, 0.0]), (2, [2.0, 2.0])].map(point);
        let smoothed = smoothed(&curve, 3, &bootstrap);
        let values = smoothed.iter().map(|point| point.estimate.values.as_slice());
        assert_eq!(values.collect::<Vec<_>>(), [[2.0, 5.0], [2.0, 4.0], [3.0, 1.0]]);
        let interval = smoothed[0].estimate.interval.unwrap();
        assert_eq!((smoothed[0].estimate.value, interval.low, interval.high), (3.5, 2.0, 5.0));
        assert_eq!(smoothed[2].env_step, 2);
    }
}
