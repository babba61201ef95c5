//! k-means clustering.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::points::{Points, PointsError, squared_distance};

/// Points grouped into clusters.
#[derive(Debug, Clone, PartialEq)]
pub struct Clusters {
    /// Cluster of each point, from 0.
    pub labels: Vec<usize>,
    /// Mean of each cluster's points, `[K, dim]` in row-major order.
    pub centers: Vec<f64>,
    /// Sum of the squared distances of all points to their cluster's centre.
    pub inertia: f64,
    /// Iterations of Lloyd's algorithm until no point changed its cluster.
    pub iterations: usize,
}

/// Splits points into `num_clusters` clusters by k-means.
///
/// Returns the best of `restarts` runs of [`lloyd`], each of which starts from other points drawn
/// by k-means++.
///
/// # Source
/// Arthur and Vassilvitskii, "k-means++: the advantages of careful seeding", SODA 2007.
///
/// # Errors
/// If there are fewer points than clusters, or no clusters, restarts or iterations.
pub fn kmeans(
    points: Points<'_>,
    num_clusters: usize,
    restarts: usize,
    max_iterations: usize,
    seed: u64,
) -> Result<Clusters, PointsError> {
    if num_clusters == 0 || points.len() < num_clusters {
        let allowed = format!("between 1 and the number of points, {}", points.len());
        return Err(PointsError::bad_value("num_clusters", num_clusters, allowed));
    }
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut best: Option<Clusters> = None;
    for _ in 0..restarts {
        let centers = draw_centers(points, num_clusters, &mut rng);
        let clusters = lloyd(points, &centers, max_iterations)?;
        if best.as_ref().is_none_or(|best| clusters.inertia < best.inertia) {
            best = Some(clusters);
        }
    }
    best.ok_or_else(|| PointsError::bad_value("restarts", restarts, "at least 1"))
}

/// Draws the initial centres by k-means++: the first uniformly from the points, every other one
/// with a probability proportional to its squared distance to the nearest centre so far.
fn draw_centers(points: Points<'_>, num_clusters: usize, rng: &mut ChaCha8Rng) -> Vec<f64> {
    let mut nearest = vec![1.0; points.len()];
    let mut centers = Vec::with_capacity(num_clusters * points.dim());
    for _ in 0..num_clusters {
        let center = points.get(draw(&nearest, rng));
        if centers.is_empty() {
            nearest.fill(f64::INFINITY);
        }
        centers.extend_from_slice(center);
        for (nearest, point) in nearest.iter_mut().zip(points.iter()) {
            *nearest = nearest.min(squared_distance(point, center));
        }
    }
    centers
}

/// Draws an index with a probability proportional to its weight; 0 if all weights are zero.
fn draw(weights: &[f64], rng: &mut ChaCha8Rng) -> usize {
    let mut left = rng.random::<f64>() * weights.iter().sum::<f64>();
    let mut last = 0;
    for (index, &weight) in weights.iter().enumerate().filter(|(_, weight)| 0.0 < **weight) {
        last = index;
        left -= weight;
        if left < 0.0 {
            break;
        }
    }
    // Rounding can leave a positive remainder after the last weight.
    last
}

/// Runs Lloyd's algorithm: assigns every point to its nearest centre and moves every centre to the
/// mean of its points, until nothing changes or after `max_iterations`.
///
/// Ties between centres go to the first one. A centre without points takes over the point that is
/// farthest from its own centre, as in scikit-learn.
///
/// # Shapes
/// `centers` is `[K, dim]` in row-major order.
///
/// # Source
/// Lloyd, "Least squares quantization in PCM", IEEE Transactions on Information Theory 28 (1982).
///
/// # Errors
/// If the centres are not finite points of the same dimension, or `max_iterations` is 0.
pub fn lloyd(
    points: Points<'_>,
    centers: &[f64],
    max_iterations: usize,
) -> Result<Clusters, PointsError> {
    let dim = points.dim();
    if max_iterations == 0 {
        return Err(PointsError::bad_value("max_iterations", max_iterations, "at least 1"));
    }
    Points::new(centers, dim)?;
    let mut centers = centers.to_vec();
    let mut labels = Vec::new();
    let mut iterations = 0;
    while iterations < max_iterations {
        let (nearest, distances) = assign(points, &centers);
        if nearest == labels {
            break;
        }
        labels = nearest;
        iterations += 1;
        move_centers(points, &labels, distances, &mut centers);
    }
    // Assign once more, so that the labels match the centres even if the iterations ran out.
    let (labels, distances) = assign(points, &centers);
    Ok(Clusters { labels, centers, inertia: distances.iter().sum(), iterations })
}

/// Returns the nearest centre of every point and the squared distance to it.
fn assign(points: Points<'_>, centers: &[f64]) -> (Vec<usize>, Vec<f64>) {
    let nearest = |point: &[f64]| {
        let mut best = (0, f64::INFINITY);
        for (label, center) in centers.chunks_exact(point.len()).enumerate() {
            let distance = squared_distance(point, center);
            if distance < best.1 {
                best = (label, distance);
            }
        }
        best
    };
    points.iter().map(nearest).unzip()
}

/// Moves every centre to the mean of its points.
fn move_centers(
    points: Points<'_>,
    labels: &[usize],
    mut distances: Vec<f64>,
    centers: &mut [f64],
) {
    let dim = points.dim();
    let mut labels = labels.to_vec();
    let mut counts = vec![0_usize; centers.len() / dim];
    labels.iter().for_each(|&label| counts[label] += 1);
    for empty in 0..counts.len() {
        if counts[empty] == 0 {
            // With at least as many points as centres, an empty cluster implies one with two
            // points.
            let shared = (0..points.len()).filter(|&point| 1 < counts[labels[point]]);
            let Some(farthest) =
                shared.reduce(
                    |best, point| {
                        if distances[best] < distances[point] { point } else { best }
                    },
                )
            else {
                continue;
            };
            counts[labels[farthest]] -= 1;
            counts[empty] += 1;
            labels[farthest] = empty;
            distances[farthest] = 0.0;
        }
    }
    let (old, mut sums) = (centers.to_vec(), vec![0.0; centers.len()]);
    for (point, label) in points.iter().zip(labels) {
        sums[label * dim..].iter_mut().zip(point).for_each(|(sum, value)| *sum += value);
    }
    for (index, center) in centers.iter_mut().enumerate() {
        let count = counts[index / dim];
        *center = if count == 0 { old[index] } else { sums[index] / count as f64 };
    }
}

#[cfg(test)]
mod tests;
