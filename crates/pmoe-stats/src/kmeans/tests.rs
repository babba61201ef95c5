use proptest::prelude::*;

use super::*;

fn points(values: &[f64], dim: usize) -> Points<'_> {
    Points::new(values, dim).unwrap()
}

#[test]
fn lloyd_by_hand() {
    // On a line: the start assigns 0, 1 and 4 to the left centre, and 4 stays with their mean, 5/3.
    let clusters = lloyd(points(&[0.0, 1.0, 4.0, 9.0, 10.0], 1), &[0.0, 9.0], 10).unwrap();
    assert_eq!(clusters.labels, [0, 0, 0, 1, 1]);
    assert_eq!(clusters.centers, [5.0 / 3.0, 9.5]);
    // 25/9 + 4/9 + 49/9 and two quarters.
    assert!((clusters.inertia - (78.0 / 9.0 + 0.5)).abs() < 1e-14);
    assert_eq!(clusters.iterations, 1);
    // A worse start takes two more iterations.
    let other = lloyd(points(&[0.0, 1.0, 4.0, 9.0, 10.0], 1), &[0.0, 1.0], 10).unwrap();
    assert_eq!((other.labels, other.iterations), (clusters.labels, 3));
}

#[test]
fn a_center_without_points_takes_the_farthest() {
    let clusters = lloyd(points(&[0.0, 1.0, 9.0], 1), &[0.0, 100.0], 10).unwrap();
    assert_eq!((clusters.labels, clusters.centers), (vec![0, 0, 1], vec![0.5, 9.0]));
    // No point is left to take over.
    let clusters = lloyd(points(&[2.0, 2.0], 1), &[2.0, 5.0, 7.0], 10).unwrap();
    assert_eq!((clusters.labels, clusters.inertia), (vec![0, 0], 0.0));
    assert!(kmeans(points(&[2.0; 6], 2), 3, 2, 10, 0).unwrap().inertia <= 0.0);
}

#[test]
fn blobs_are_found_and_the_seed_decides() {
    // Four squares of nine points, ten apart.
    let square =
        |x: f64, y: f64| (0..9_i32).flat_map(move |i| [x + f64::from(i % 3), y + f64::from(i / 3)]);
    let corners = [(0.0, 0.0), (10.0, 0.0), (0.0, 10.0), (10.0, 10.0)];
    let values: Vec<f64> = corners.iter().flat_map(|&(x, y)| square(x, y)).collect();
    let clusters = kmeans(points(&values, 2), 4, 5, 100, 0).unwrap();
    let blobs: Vec<_> = clusters.labels.chunks(9).collect();
    assert!(blobs.iter().all(|blob| blob.iter().all(|label| *label == blob[0])));
    assert!((0..4).all(|label| blobs.iter().any(|blob| blob[0] == label)));
    // Within a square, x and y contribute 3 · (1 + 0 + 1) each.
    assert!((clusters.inertia - 4.0 * 12.0).abs() < 1e-12);
    assert_eq!(clusters, kmeans(points(&values, 2), 4, 5, 100, 0).unwrap());
    // The same clusters, numbered differently.
    let names = |seed| kmeans(points(&values, 2), 4, 1, 100, seed).unwrap().centers;
    assert!((1..9).any(|seed| names(seed) != names(0)));
}

#[test]
fn the_first_centers_are_points_far_from_each_other() {
    // Two points at 0, one at 1000: drawn by squared distance, two centres never coincide at 0.
    let values = [0.0, 1000.0, 0.0];
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    for _ in 0..50 {
        let mut centers = draw_centers(points(&values, 1), 2, &mut rng);
        centers.sort_by(f64::total_cmp);
        assert_eq!(centers, [0.0, 1000.0]);
    }
    // Weights 1 and 3: probabilities 1/4 and 3/4. Over 4000 draws the standard error is 27.
    let hits = (0..4000).filter(|_| draw(&[1.0, 0.0, 3.0], &mut rng) == 0).count();
    assert!((900..1100).contains(&hits), "{hits}");
}

#[test]
fn bad_settings_are_named() {
    let values = [0.0, 1.0];
    let message = |clusters, restarts, iterations| {
        kmeans(points(&values, 1), clusters, restarts, iterations, 0).unwrap_err().to_string()
    };
    assert_eq!(
        message(3, 1, 1),
        "num_clusters is 3, but must be between 1 and the number of points, 2"
    );
    assert_eq!(
        message(0, 1, 1),
        "num_clusters is 0, but must be between 1 and the number of points, 2"
    );
    assert_eq!(message(1, 0, 1), "restarts is 0, but must be at least 1");
    assert_eq!(message(1, 1, 0), "max_iterations is 0, but must be at least 1");
    assert!(lloyd(points(&values, 2), &[0.0; 3], 1).is_err());
}

proptest! {
    #[test]
    fn more_iterations_are_never_worse(
        values in prop::collection::vec(-10.0_f64..10.0, 12..60), seed in 0_u64..100,
    ) {
        let values = &values[..values.len() / 2 * 2];
        let points = points(values, 2);
        let centers = draw_centers(points, 3, &mut ChaCha8Rng::seed_from_u64(seed));
        let mut last = f64::INFINITY;
        for iterations in 1..8 {
            let clusters = lloyd(points, &centers, iterations).unwrap();
            prop_assert!(clusters.inertia <= last + 1e-9);
            last = clusters.inertia;
            // Every point belongs to its nearest centre.
            let (labels, distances) = assign(points, &clusters.centers);
            prop_assert_eq!(&labels, &clusters.labels);
            prop_assert!((distances.iter().sum::<f64>() - clusters.inertia).abs() < 1e-9);
        }
    }
}
