use proptest::prelude::*;

use super::*;

#[test]
fn by_hand() {
    let points = Points::new(&[0.0, 1.0, 4.0, 6.0, 20.0], 1).unwrap();
    // Clusters {0, 1}, {4, 6} and {20}, with non-contiguous labels.
    let silhouettes = silhouettes(points, &[7, 7, 3, 3, usize::MAX]).unwrap();
    // a = 1, b = 5;  a = 1, b = 4;  a = 2, b = 3.5;  a = 2, b = 5.5;  alone.
    let expected = [4.0 / 5.0, 3.0 / 4.0, 1.5 / 3.5, 3.5 / 5.5, 0.0];
    for (silhouette, expected) in silhouettes.iter().zip(expected) {
        assert!((silhouette - expected).abs() < 1e-15);
    }
    let score = silhouette_score(points, &[7, 7, 3, 3, usize::MAX]).unwrap();
    assert!((score - expected.iter().sum::<f64>() / 5.0).abs() < 1e-15);
}

#[test]
fn wrong_clusters_are_negative_and_equal_points_have_none() {
    let points = Points::new(&[0.0, 10.0, 0.0, 10.0], 1).unwrap();
    // a = 10 and b = 5 for all points.
    assert!((silhouette_score(points, &[0, 0, 1, 1]).unwrap() + 0.5).abs() < 1e-15);
    assert!((silhouette_score(points, &[0, 1, 0, 1]).unwrap() - 1.0).abs() < 1e-15);
    let points = Points::new(&[3.0; 4], 1).unwrap();
    assert!(silhouette_score(points, &[0, 0, 1, 1]).unwrap().abs() <= 0.0);
}

#[test]
fn bad_labels_are_named() {
    let points = Points::new(&[0.0, 1.0], 1).unwrap();
    let message = |labels: &[usize]| silhouettes(points, labels).unwrap_err().to_string();
    assert_eq!(message(&[0]), "number of labels is 1, but must be the number of points, 2");
    assert_eq!(message(&[5, 5]), "number of clusters is 1, but must be at least 2");
}

#[test]
fn any_distance_will_do() {
    // On a line: 0, 1 | 10. a = 1, b = 10 and 9; the last is alone.
    let at: [f64; 3] = [0.0, 1.0, 10.0];
    let found = silhouettes_by(&[7, 7, 2], |i, j| (at[i] - at[j]).abs()).unwrap();
    let expected = [0.9, 8.0 / 9.0, 0.0];
    assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{found:?}");
    assert!(silhouettes_by(&[1, 1], |_, _| 0.0).is_none());
}

proptest! {
    #[test]
    fn bounded_and_blind_to_names_places_and_scale(
        rows in prop::collection::vec((0_usize..3, -5.0_f64..5.0, -5.0_f64..5.0), 4..30),
        scale in 0.1_f64..10.0,
    ) {
        let mut labels: Vec<usize> = rows.iter().map(|row| row.0).collect();
        labels[0] = 0;
        labels[1] = 1;
        let values: Vec<f64> = rows.iter().flat_map(|row| [row.1, row.2]).collect();
        let moved: Vec<f64> = values.iter().map(|value| scale * value + 1.0).collect();
        let renamed: Vec<usize> = labels.iter().map(|label| 10 - 3 * label).collect();
        let plain = silhouettes(Points::new(&values, 2).unwrap(), &labels).unwrap();
        let other = silhouettes(Points::new(&moved, 2).unwrap(), &renamed).unwrap();
        for (plain, other) in plain.into_iter().zip(other) {
            prop_assert!((-1.0..=1.0).contains(&plain) && (plain - other).abs() < 1e-9);
        }
    }
}

#[test]
fn primitives_that_do_the_same_everywhere_and_one_alone_by_hand() {
    // Two states, two primitives, one dimension: each primitive acts the same in both states.
    assert_eq!(silhouette_of_primitives(&[0.0, 4.0, 0.0, 4.0], 2, 1), Some(1.0));
    assert_eq!(silhouette_of_primitives(&[0.0, 4.0], 2, 1), None);
    assert_eq!(silhouette_of_primitives(&[0.0, 4.0, 1.0], 1, 1), None);
}
