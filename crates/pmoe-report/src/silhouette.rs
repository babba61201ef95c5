//! How well points lie in their clusters.

use std::collections::BTreeMap;

use crate::points::squared_distance;
use crate::{Points, PointsError};

/// Silhouette of every point: near 1 well within its cluster, 0 between two, below in the wrong one.
///
/// ```text
/// s = (b - a) / max(a, b)
/// ```
///
/// with `a` the mean distance to the other points of its cluster and `b` the smallest mean distance to
/// the points of another one. A point alone in its cluster has 0, as does one with `a = b = 0`. All
/// pairs of points are looked at.
///
/// # Shapes
/// `labels` is `[N]`; any numbers.
///
/// # Source
/// Rousseeuw, "Silhouettes: a graphical aid to the interpretation and validation of cluster analysis",
/// Journal of Computational and Applied Mathematics 20 (1987).
///
/// # Errors
/// Without exactly one label per point, and with fewer than two clusters.
pub fn silhouettes(points: Points<'_>, labels: &[usize]) -> Result<Vec<f64>, PointsError> {
    if labels.len() != points.len() {
        let allowed = format!("one per point, {}", points.len());
        return Err(PointsError::bad_value("number of labels", labels.len(), allowed));
    }
    // Labels as indices without gaps.
    let mut counts = BTreeMap::new();
    labels.iter().for_each(|&label| *counts.entry(label).or_insert(0_usize) += 1);
    if counts.len() < 2 {
        return Err(PointsError::bad_value("number of clusters", counts.len(), "at least 2"));
    }
    let names: Vec<usize> = counts.keys().copied().collect();
    let sizes: Vec<f64> = counts.into_values().map(|count| count as f64).collect();
    let places: Vec<usize> =
        labels.iter().map(|label| names.partition_point(|name| name < label)).collect();

    let mut sums = vec![0.0; sizes.len()];
    let silhouette = |(point, &own): (&[f64], &usize)| {
        sums.fill(0.0);
        for (other, &place) in points.iter().zip(&places) {
            sums[place] += squared_distance(point, other).sqrt();
        }
        if sizes[own] <= 1.0 {
            return 0.0;
        }
        let within = sums[own] / (sizes[own] - 1.0);
        let others = (0..sizes.len()).filter(|&place| place != own);
        let between = others.map(|place| sums[place] / sizes[place]).fold(f64::INFINITY, f64::min);
        let scale = within.max(between);
        if 0.0 < scale { (between - within) / scale } else { 0.0 }
    };
    Ok(points.iter().zip(&places).map(silhouette).collect())
}

/// Mean of the [`silhouettes`]: how well the clusters are separated, in -1..=1.
///
/// # Errors
/// Without exactly one label per point, and with fewer than two clusters.
pub fn silhouette_score(points: Points<'_>, labels: &[usize]) -> Result<f64, PointsError> {
    let silhouettes = silhouettes(points, labels)?;
    Ok(silhouettes.iter().sum::<f64>() / silhouettes.len() as f64)
}

#[cfg(test)]
mod tests;
