//! How well points lie in their clusters.

use std::collections::{BTreeMap, BTreeSet};

use crate::points::{Points, PointsError, squared_distance};

/// Silhouette of every one of some things, by a distance between two of them: near 1 well within its
/// cluster, 0 between two, below in the wrong one. `None` with fewer than two clusters.
///
/// ```text
/// s = (b - a) / max(a, b)
/// ```
///
/// with `a` the mean distance to the others of its cluster and `b` the smallest mean distance to those of
/// another one. A thing alone in its cluster has 0, as does one with `a = b = 0`. All pairs are looked at.
///
/// # Shapes
/// `labels` is `[N]`; any numbers. `distance` takes two indices below N.
///
/// # Source
/// Rousseeuw, "Silhouettes: a graphical aid to the interpretation and validation of cluster analysis",
/// Journal of Computational and Applied Mathematics 20 (1987).
#[must_use]
pub fn silhouettes_by(
    labels: &[usize],
    distance: impl Fn(usize, usize) -> f64,
) -> Option<Vec<f64>> {
    // Labels as indices without gaps.
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

/// Silhouette of every point by Euclidean distance, see [`silhouettes_by`]: near 1 well within its cluster, 0
/// between two, below in the wrong one.
///
/// # Shapes
/// `labels` is `[N]`; any numbers.
///
/// # Errors
/// Without exactly one label per point, and with fewer than two clusters.
pub fn silhouettes(points: Points<'_>, labels: &[usize]) -> Result<Vec<f64>, PointsError> {
    if labels.len() != points.len() {
        let allowed = format!("one per point, {}", points.len());
        return Err(PointsError::bad_value("number of labels", labels.len(), allowed));
    }
    let distance = |i, j| squared_distance(points.get(i), points.get(j)).sqrt();
    silhouettes_by(labels, distance).ok_or_else(|| {
        let clusters = labels.iter().collect::<BTreeSet<_>>().len();
        PointsError::bad_value("number of clusters", clusters, "at least 2")
    })
}

/// Mean of the [`silhouettes`]: how well the clusters are separated, in -1..=1.
///
/// # Errors
/// Without exactly one label per point, and with fewer than two clusters.
pub fn silhouette_score(points: Points<'_>, labels: &[usize]) -> Result<f64, PointsError> {
    let silhouettes = silhouettes(points, labels)?;
    Ok(silhouettes.iter().sum::<f64>() / silhouettes.len() as f64)
}

/// Mean silhouette of what primitives do in the same states, grouped by primitive; `None` of one state, where
/// nothing is near an action, or of one primitive.
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
