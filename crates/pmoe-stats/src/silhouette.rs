//! Silhouettes: how well points fit their clusters.

use std::collections::{BTreeMap, BTreeSet};

use crate::points::{Points, PointsError, squared_distance};

/// Computes the silhouette of every item from pairwise distances: near 1 well inside its cluster, 0
/// between two clusters, negative in the wrong one. Returns `None` with fewer than two clusters.
///
/// ```text
/// s = (b - a) / max(a, b)
/// ```
///
/// where `a` is the mean distance to the other items of its cluster and `b` the smallest mean
/// distance to the items of another cluster. An item alone in its cluster has silhouette 0, as does
/// one with `a = b = 0`. The time is quadratic in the number of items.
///
/// # Shapes
/// `labels` is `[N]` with arbitrary values. `distance` accepts two indices below N.
///
/// # Source
/// Rousseeuw, "Silhouettes: a graphical aid to the interpretation and validation of cluster
/// analysis", Journal of Computational and Applied Mathematics 20 (1987).
#[must_use]
pub fn silhouettes_by(
    labels: &[usize],
    distance: impl Fn(usize, usize) -> f64,
) -> Option<Vec<f64>> {
    // Map the labels to contiguous indices.
    let mut counts = BTreeMap::new();
    labels.iter().for_each(|&label| *counts.entry(label).or_insert(0_usize) += 1);
    if counts.len() < 2 {
        return None;
    }
    let names: Vec<usize> = counts.keys().copied().collect();
    let sizes: Vec<f64> = counts.into_values().map(|count| count as f64).collect();
    let places: Vec<usize> =
        labels.iter().map(|label| names.partition_point(|name| name < label)).collect();

    let mut sums = vec![0.0; sizes.len()];
    let silhouette = |(index, &own): (usize, &usize)| {
        sums.fill(0.0);
        for (other, &place) in places.iter().enumerate() {
            sums[place] += distance(index, other);
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
    Some(places.iter().enumerate().map(silhouette).collect())
}

/// Computes the silhouette of every point by Euclidean distance, see [`silhouettes_by`].
///
/// # Shapes
/// `labels` is `[N]` with arbitrary values.
///
/// # Errors
/// If the number of labels differs from the number of points, or there are fewer than two clusters.
pub fn silhouettes(points: Points<'_>, labels: &[usize]) -> Result<Vec<f64>, PointsError> {
    if labels.len() != points.len() {
        let allowed = format!("the number of points, {}", points.len());
        return Err(PointsError::bad_value("number of labels", labels.len(), allowed));
    }
    let distance = |i, j| squared_distance(points.get(i), points.get(j)).sqrt();
    silhouettes_by(labels, distance).ok_or_else(|| {
        let clusters = labels.iter().collect::<BTreeSet<_>>().len();
        PointsError::bad_value("number of clusters", clusters, "at least 2")
    })
}

/// Computes the mean of the [`silhouettes`], in -1..=1: how well the clusters are separated.
///
/// # Errors
/// If the number of labels differs from the number of points, or there are fewer than two clusters.
pub fn silhouette_score(points: Points<'_>, labels: &[usize]) -> Result<f64, PointsError> {
    let silhouettes = silhouettes(points, labels)?;
    Ok(silhouettes.iter().sum::<f64>() / silhouettes.len() as f64)
}

/// Computes the mean silhouette of the primitives' actions in the same states, grouped by
/// primitive. Returns `None` for a single state, where every action is alone in its group, and for
/// a single primitive.
///
/// # Shapes
/// `actions` is `[N, K, A]`.
#[must_use]
pub fn silhouette_of_primitives(
    actions: &[f64],
    num_primitives: usize,
    action_dim: usize,
) -> Option<f64> {
    let points = Points::new(actions, action_dim).ok()?;
    let labels: Vec<_> = (0..points.len()).map(|n| n % num_primitives).collect();
    silhouette_score(points, &labels).ok().filter(|_| num_primitives < points.len())
}

#[cfg(test)]
mod tests;
