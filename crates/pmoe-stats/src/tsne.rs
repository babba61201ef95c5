//! Points of many dimensions as a picture.

use bhtsne::{Neighbor, SparseAffinities, tSNE};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use crate::points::{Points, PointsError, squared_distance};

/// Settings of t-SNE: where points of many dimensions go in a plane, so that neighbours stay
/// neighbours.
///
/// The attraction is between a point and its `3 · perplexity` nearest neighbours, the repulsion
/// between all, far ones put together (Barnes-Hut). The same points, settings and seed give the same
/// bits: the start is drawn from `seed`, ties between neighbours are broken by their order, and one
/// thread computes. Time goes with `N² · dim` for the neighbours and with
/// `N · (perplexity + log N)` for each iteration.
///
/// # Source
/// Van der Maaten and Hinton, "Visualizing data using t-SNE", JMLR 9 (2008); van der Maaten,
/// "Accelerating t-SNE using tree-based algorithms", JMLR 15 (2014). The iterations are those of the
/// crate bhtsne, where the gains of the coordinates end at 2; in the authors' code they do not.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tsne {
    /// Effective number of neighbours; above 1, and a third of the number of points at most.
    pub perplexity: f64,
    /// Step along the gradient of the divergence, which has the factor 4 of the first paper's eq. 5,
    /// as in scikit-learn. Code that leaves it out (bhtsne, openTSNE) needs four times as much.
    pub learning_rate: f64,
    /// Number of iterations.
    pub iterations: usize,
    /// What the attraction is multiplied with at first; 1 or more.
    pub early_exaggeration: f64,
    /// Momentum at first.
    pub early_momentum: f64,
    /// Number of iterations with the two above; 2 or more, less than `iterations`.
    pub early_iterations: usize,
    /// Momentum afterwards.
    pub momentum: f64,
    /// Largest ratio of a far cell's size to its distance; larger is faster and less exact.
    pub theta: f64,
    /// Standard deviation of the first positions.
    pub initial_std: f64,
    /// Seed of the first positions.
    pub seed: u64,
}

/// Points in a plane.
#[derive(Debug, Clone, PartialEq)]
pub struct Embedding {
    /// The position of each point.
    pub positions: Vec<[f64; 2]>,
    /// What t-SNE makes small: the divergence of Kullback and Leibler between nearness before and
    /// after, in nats. Of embeddings of the same points with the same perplexity the one with less
    /// is better.
    pub divergence: f64,
}

impl Tsne {
    /// The settings of the paper's Figs. 4 and 10: perplexity, learning rate and iterations are
    /// printed in its section 4.2, all else is the default of scikit-learn at that time.
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

    /// Puts the points into a plane.
    ///
    /// # Errors
    /// When a setting is out of range, the positions grow without bounds, or the thread can't be
    /// started.
    pub fn embed(&self, points: Points<'_>) -> Result<Embedding, PointsError> {
        self.check(points.len())?;
        let neighbors = neighbors(points, (3.0 * self.perplexity) as usize);
        let start = self.start(points.len());
        let rows: Vec<&[f64]> = points.iter().collect();
        // With several threads bhtsne adds up in any order.
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build();
        let pool = pool.map_err(|error| PointsError::Thread { message: error.to_string() })?;
        let (flat, affinities) = pool.install(|| {
            let mut tsne: tSNE<'_, f64, &[f64], 2> = tSNE::new(&rows);
            tsne.perplexity(self.perplexity)
                .learning_rate(4.0 * self.learning_rate)
                .epochs(self.iterations)
                .early_exaggeration(self.early_exaggeration)
                .momentum(self.early_momentum)
                // The last of them, from 0.
                .stop_lying_epoch(self.early_iterations - 1)
                .momentum_switch_epoch(self.early_iterations - 1)
                .final_momentum(self.momentum)
                .initial_embedding(start)
                .barnes_hut_with_neighbors(self.theta, &neighbors);
            (tsne.embedding(), tsne.affinities())
        });
        let positions = flat.as_chunks::<2>().0.to_vec();
        // bhtsne's own divergence (0.7.13) takes the affinities of other pairs.
        let divergence = affinities.map(|affinities| divergence(&affinities, &positions));
        let divergence = divergence.filter(|divergence| divergence.is_finite());
        divergence.map_or(Err(PointsError::Diverged), |divergence| {
            Ok(Embedding { positions, divergence })
        })
    }

    /// The first positions, normal around 0.
    fn start(&self, num_points: usize) -> Vec<f64> {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        let mut normal = || -> f64 { StandardNormal.sample(&mut rng) };
        (0..2 * num_points).map(|_| self.initial_std * normal()).collect()
    }

    fn check(&self, num_points: usize) -> Result<(), PointsError> {
        // The attraction needs three times as many other points.
        let most = (num_points - 1) as f64 / 3.0;
        let positive = |value: f64| 0.0 < value && value.is_finite();
        let momentum = |value: f64| (0.0..1.0).contains(&value);
        let early = 2 <= self.early_iterations && self.early_iterations < self.iterations;
        let momentum_range = "0 or more, below 1".to_owned();
        let checks = [
            (
                "perplexity",
                self.perplexity,
                1.0 < self.perplexity && self.perplexity <= most,
                format!("above 1, at most a third of the other points, {most:.1}"),
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
                "1 or more".to_owned(),
            ),
            (
                "early_iterations",
                self.early_iterations as f64,
                early,
                format!("2 or more, less than iterations, {}", self.iterations),
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

/// The `count` nearest other points of every point, nearest first; of points at one distance the
/// first ones.
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

/// The divergence of nearness in the plane from the affinities, over all pairs.
///
/// ```text
/// KL(P | Q) = Σ p_ij ln (p_ij / q_ij),    q_ij = (1 + |y_i - y_j|²)⁻¹ / Z
/// ```
///
/// Not a number if the affinities do not add up to 1: between points too far from each other for
/// `exp`, all vanish.
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
