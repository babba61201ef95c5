//! t-SNE: embeds high-dimensional points in the plane.

use bhtsne::{Neighbor, SparseAffinities, tSNE};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use crate::points::{Points, PointsError, squared_distance};

/// Settings of t-SNE, which places high-dimensional points in a plane such that neighbours stay
/// neighbours.
///
/// A point attracts its `3 · perplexity` nearest neighbours and repels all points; far ones are
/// grouped (Barnes-Hut). The same points, settings and seed give the same bits: the initial
/// positions are drawn from `seed`, ties between neighbours are broken by index, and a single
/// thread does the computation. The time is `N² · dim` for the neighbour search and
/// `N · (perplexity + log N)` per iteration.
///
/// # Source
/// Van der Maaten and Hinton, "Visualizing data using t-SNE", JMLR 9 (2008); van der Maaten,
/// "Accelerating t-SNE using tree-based algorithms", JMLR 15 (2014). The iterations are those of
/// the crate bhtsne, which caps the gains of the coordinates at 2; the authors' code does not.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tsne {
    /// Effective number of neighbours: above 1, at most a third of the number of other points.
    pub perplexity: f64,
    /// Step size along the gradient of the divergence. The gradient includes the factor 4 of eq. 5
    /// of the first paper, as in scikit-learn. Implementations without it (bhtsne, openTSNE) need
    /// four times the value.
    pub learning_rate: f64,
    /// Number of iterations.
    pub iterations: usize,
    /// Initial factor on the attraction; at least 1.
    pub early_exaggeration: f64,
    /// Initial momentum.
    pub early_momentum: f64,
    /// Number of iterations with `early_exaggeration` and `early_momentum`; at least 2, less than
    /// `iterations`.
    pub early_iterations: usize,
    /// Momentum afterwards.
    pub momentum: f64,
    /// Maximum ratio of a far cell's size to its distance; larger is faster and less accurate.
    pub theta: f64,
    /// Standard deviation of the initial positions.
    pub initial_std: f64,
    /// Seed of the initial positions.
    pub seed: u64,
}

/// Points embedded in a plane.
#[derive(Debug, Clone, PartialEq)]
pub struct Embedding {
    /// Position of each point.
    pub positions: Vec<[f64; 2]>,
    /// The t-SNE objective: the Kullback-Leibler divergence between the affinities before and
    /// after, in nats. Among embeddings of the same points with the same perplexity, a lower value
    /// is better.
    pub divergence: f64,
}

impl Tsne {
    /// The settings of the paper's Figs. 4 and 10. Section 4.2 gives perplexity, learning rate and
    /// iterations; the rest are the defaults of scikit-learn at that time.
    pub const PAPER: Self = Self {
        perplexity: 300.0,
        learning_rate: 150.0,
        iterations: 7000,
        early_exaggeration: 12.0,
        early_momentum: 0.5,
        early_iterations: 250,
        momentum: 0.8,
        theta: 0.5,
        initial_std: 1e-4,
        seed: 0,
    };

    /// Embeds the points in a plane.
    ///
    /// # Errors
    /// If a setting is out of range, the positions diverge, or the thread can't be started.
    pub fn embed(&self, points: Points<'_>) -> Result<Embedding, PointsError> {
        self.embed_watched(points, |_| {})
    }

    /// Like [`Tsne::embed`]; `watch` receives the number of iterations done, after each.
    ///
    /// # Errors
    /// Those of [`Tsne::embed`].
    pub fn embed_watched(
        &self,
        points: Points<'_>,
        mut watch: impl FnMut(usize) + Send,
    ) -> Result<Embedding, PointsError> {
        self.check(points.len())?;
        let neighbors = neighbors(points, (3.0 * self.perplexity) as usize);
        let start = self.start(points.len());
        let rows: Vec<&[f64]> = points.iter().collect();
        // With several threads bhtsne sums in an unspecified order.
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build();
        let pool = pool.map_err(|error| PointsError::Thread { message: error.to_string() })?;
        let (flat, affinities) = pool.install(|| {
            let mut tsne: tSNE<'_, f64, &[f64], 2> = tSNE::new(&rows);
            tsne.perplexity(self.perplexity)
                .learning_rate(4.0 * self.learning_rate)
                .epochs(self.iterations)
                .early_exaggeration(self.early_exaggeration)
                .momentum(self.early_momentum)
                // Index of the last early iteration.
                .stop_lying_epoch(self.early_iterations - 1)
                .momentum_switch_epoch(self.early_iterations - 1)
                .final_momentum(self.momentum)
                .initial_embedding(start)
                .epoch_callback(|epoch, _| watch(epoch + 1))
                .barnes_hut_with_neighbors(self.theta, &neighbors);
            (tsne.embedding(), tsne.affinities())
        });
        let positions = flat.as_chunks::<2>().0.to_vec();
        // bhtsne's own divergence (0.7.13) uses the affinities of other pairs.
        let divergence = affinities.map(|affinities| divergence(&affinities, &positions));
        let divergence = divergence.filter(|divergence| divergence.is_finite());
        divergence.map_or(Err(PointsError::Diverged), |divergence| {
            Ok(Embedding { positions, divergence })
        })
    }

    /// Draws the initial positions, normal around 0.
    fn start(&self, num_points: usize) -> Vec<f64> {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        let mut normal = || -> f64 { StandardNormal.sample(&mut rng) };
        (0..2 * num_points).map(|_| self.initial_std * normal()).collect()
    }

    fn check(&self, num_points: usize) -> Result<(), PointsError> {
        // Each point needs three times `perplexity` other points.
        let most = (num_points - 1) as f64 / 3.0;
        let positive = |value: f64| 0.0 < value && value.is_finite();
        let momentum = |value: f64| (0.0..1.0).contains(&value);
        let early = 2 <= self.early_iterations && self.early_iterations < self.iterations;
        let momentum_range = "at least 0 and below 1".to_owned();
        let checks = [
            (
                "perplexity",
                self.perplexity,
                1.0 < self.perplexity && self.perplexity <= most,
                format!("above 1 and at most a third of the number of other points, {most:.1}"),
            ),
            (
                "learning_rate",
                self.learning_rate,
                positive(self.learning_rate),
                "above 0".to_owned(),
            ),
            (
                "early_exaggeration",
                self.early_exaggeration,
                1.0 <= self.early_exaggeration && self.early_exaggeration.is_finite(),
                "at least 1".to_owned(),
            ),
            (
                "early_iterations",
                self.early_iterations as f64,
                early,
                format!("at least 2 and less than iterations, {}", self.iterations),
            ),
            (
                "early_momentum",
                self.early_momentum,
                momentum(self.early_momentum),
                momentum_range.clone(),
            ),
            ("momentum", self.momentum, momentum(self.momentum), momentum_range),
            ("theta", self.theta, positive(self.theta), "above 0".to_owned()),
            ("initial_std", self.initial_std, positive(self.initial_std), "above 0".to_owned()),
        ];
        checks.into_iter().try_for_each(|(key, value, allowed, range)| {
            if allowed { Ok(()) } else { Err(PointsError::bad_value(key, value, range)) }
        })
    }
}

/// Returns the `count` nearest other points of every point, nearest first. Ties go to the lower
/// index.
fn neighbors(points: Points<'_>, count: usize) -> Vec<Vec<Neighbor<f64>>> {
    let by_distance = |a: &Neighbor<f64>, b: &Neighbor<f64>| {
        a.distance.total_cmp(&b.distance).then(a.index.cmp(&b.index))
    };
    let mut others = Vec::with_capacity(points.len());
    let nearest = |(index, point)| {
        others.clear();
        others.extend(points.iter().enumerate().filter(|(other, _)| *other != index).map(
            |(index, other)| Neighbor { index, distance: squared_distance(point, other).sqrt() },
        ));
        others.select_nth_unstable_by(count - 1, by_distance);
        let nearest = &mut others[..count];
        nearest.sort_unstable_by(by_distance);
        nearest.to_vec()
    };
    points.iter().enumerate().map(nearest).collect()
}

/// Computes the Kullback-Leibler divergence from the affinities to those in the plane, over all
/// pairs.
///
/// ```text
/// KL(P | Q) = Σ p_ij ln (p_ij / q_ij),    q_ij = (1 + |y_i - y_j|²)⁻¹ / Z
/// ```
///
/// Returns NaN if the affinities do not sum to 1: between points too far apart, `exp` underflows
/// and all of them vanish.
fn divergence(affinities: &SparseAffinities<f64>, positions: &[[f64; 2]]) -> f64 {
    let spread = |a: [f64; 2], b: [f64; 2]| 1.0 + (a[0] - b[0]).powi(2) + (a[1] - b[1]).powi(2);
    let later = positions
        .iter()
        .enumerate()
        .flat_map(|(index, &a)| positions[index + 1..].iter().map(move |&b| spread(a, b).recip()));
    let z = 2.0 * later.sum::<f64>();
    let total: f64 = affinities.values().iter().sum();
    if 1e-6 < (total - 1.0).abs() {
        return f64::NAN;
    }
    let mut sum = 0.0;
    for (&from, row) in positions.iter().zip(affinities.rows().windows(2)) {
        let range = row[0]..row[1];
        let pairs = affinities.columns()[range.clone()].iter().zip(&affinities.values()[range]);
        for (&to, &p) in pairs.filter(|(_, p)| **p != 0.0) {
            sum += p * (p * spread(from, positions[to as usize]) * z).ln();
        }
    }
    sum
}

#[cfg(test)]
mod tests;
