use super::*;
use crate::silhouette::silhouette_score;

/// Few iterations, for few points.
const QUICK: Tsne =
    Tsne { perplexity: 10.0, iterations: 300, early_iterations: 100, ..Tsne::PAPER };

/// 90 points in three distant blobs, and the blob of each.
fn blobs() -> (Vec<f64>, Vec<usize>) {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let labels: Vec<usize> = (0..90).map(|point| point % 3).collect();
    let coordinate = |(label, axis): (usize, usize)| -> f64 {
        let noise: f64 = StandardNormal.sample(&mut rng);
        if label == axis { 30.0 + noise } else { noise }
    };
    let axes = labels.iter().flat_map(|&label| (0..5).map(move |axis| (label, axis)));
    (axes.map(coordinate).collect(), labels)
}

fn bits(embedding: &Embedding) -> Vec<u64> {
    embedding.positions.as_flattened().iter().map(|value| value.to_bits()).collect()
}

#[test]
fn blobs_stay_apart() {
    let (values, labels) = blobs();
    let Embedding { positions, divergence } =
        QUICK.embed(Points::new(&values, 5).unwrap()).unwrap();
    let flat = positions.as_flattened();
    let score = silhouette_score(Points::new(flat, 2).unwrap(), &labels).unwrap();
    assert!(0.6 < score, "{score}");
    assert!(0.0 < divergence && divergence < 1.0, "{divergence}");
}

#[test]
fn the_same_seed_gives_the_same_bits() {
    let (values, _) = blobs();
    let points = Points::new(&values, 5).unwrap();
    let embed = |seed| bits(&Tsne { seed, ..QUICK }.embed(points).unwrap());
    assert_eq!(embed(0), embed(0));
    assert_ne!(embed(0), embed(1));
}

/// Ties between neighbours: a randomised search would choose differently each time.
#[test]
fn equal_points_give_the_same_bits_too() {
    // 60 points in five places: each has 11 others at distance 0 and needs 15.
    let values: Vec<f64> = (0..60_u32).map(|point| f64::from(point % 5)).collect();
    let points = Points::new(&values, 1).unwrap();
    let settings = Tsne { perplexity: 5.0, ..QUICK };
    let embedding = settings.embed(points).unwrap();
    assert!(embedding.positions.as_flattened().iter().all(|value| value.is_finite()));
    assert_eq!(bits(&embedding), bits(&settings.embed(points).unwrap()));
    // All in one place.
    let values = [1.0; 40];
    let embedding = settings.embed(Points::new(&values, 1).unwrap()).unwrap();
    assert!(embedding.positions.as_flattened().iter().all(|value| value.is_finite()));
}

#[test]
fn neighbors_by_hand() {
    // From 0: -1 and 1 at the same distance, in order of index; then 3.
    let values = [3.0, -1.0, 0.0, 1.0, 10.0];
    let all = neighbors(Points::new(&values, 1).unwrap(), 3);
    let of = |point: usize| all[point].iter().map(|n| (n.index, n.distance)).collect::<Vec<_>>();
    assert_eq!(of(2), [(1, 1.0), (3, 1.0), (0, 3.0)]);
    assert_eq!(of(4), [(0, 7.0), (3, 9.0), (2, 10.0)]);
}

#[test]
fn bad_settings_are_named() {
    let values = [0.0; 91];
    let message =
        |settings: Tsne| settings.embed(Points::new(&values, 1).unwrap()).unwrap_err().to_string();
    let expected = "perplexity is 300, but must be above 1 and at most a third of the number of other points, 30.0";
    assert_eq!(message(Tsne::PAPER), expected);
    assert!(message(Tsne { perplexity: f64::NAN, ..QUICK }).starts_with("perplexity is NaN"));
    assert_eq!(
        message(Tsne { early_iterations: 300, ..QUICK }),
        "early_iterations is 300, but must be at least 2 and less than iterations, 300",
    );
    let expected = "momentum is 1, but must be at least 0 and below 1";
    assert_eq!(message(Tsne { momentum: 1.0, ..QUICK }), expected);
    assert_eq!(message(Tsne { theta: 0.0, ..QUICK }), "theta is 0, but must be above 0");
    assert!(message(Tsne { learning_rate: -1.0, ..QUICK }).contains("learning_rate is -1"));
    assert!(message(Tsne { early_exaggeration: 0.5, ..QUICK }).contains("at least 1"));
    assert!(message(Tsne { initial_std: f64::INFINITY, ..QUICK }).contains("initial_std is inf"));
    let one = Points::new(&values[..1], 1).unwrap();
    assert!(QUICK.embed(one).is_err());
}

#[test]
fn positions_without_bounds_are_an_error() {
    let (values, _) = blobs();
    let result = Tsne { learning_rate: 1e300, ..QUICK }.embed(Points::new(&values, 5).unwrap());
    assert_eq!(result, Err(PointsError::Diverged));
    let far: Vec<f64> = values.iter().map(|value| 1e200 * value).collect();
    let result = QUICK.embed(Points::new(&far, 5).unwrap());
    assert_eq!(result, Err(PointsError::Diverged));
}

#[test]
fn divergence_by_hand() {
    // Three equal points have affinities of one sixth each. On a line, the two pairs at distance 1
    // have 1/2 and the pair at distance 2 has 1/5, before the division by Z = 2 · 6/5.
    let values = [0.0; 6];
    let rows: Vec<&[f64]> = values.chunks(2).collect();
    let points = Points::new(&values, 2).unwrap();
    let mut tsne: tSNE<'_, f64, &[f64], 2> = tSNE::new(&rows);
    tsne.perplexity(0.6).epochs(0).barnes_hut_with_neighbors(0.5, &neighbors(points, 2));
    let affinities = tsne.affinities().unwrap();
    affinities.values().iter().for_each(|p| assert!((p - 1.0 / 6.0).abs() < 1e-12));
    let expected = [0.5, 0.5, 0.2].map(|q: f64| (2.4 / (6.0 * q)).ln() / 3.0);
    let found = divergence(&affinities, &[[0.0, 0.0], [1.0, 0.0], [2.0, 0.0]]);
    assert!((found - expected.iter().sum::<f64>()).abs() < 1e-12, "{found}");
}
