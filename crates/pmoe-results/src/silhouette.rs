use std::collections::BTreeMap;

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
