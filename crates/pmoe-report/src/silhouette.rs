//! How well points lie in their clusters.

use std::collections::BTreeSet;

use pmoe_results::silhouettes_by;

use crate::points::squared_distance;
use crate::{Points, PointsError};

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
