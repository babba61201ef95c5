use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;

fn assert_near(found: f64, expected: f64) {
    assert!((found - expected).abs() <= 1e-12 * expected, "{found} instead of {expected}");
}

/// Counts the draws without replacement whose sum of ranks is as low, one after another.
fn counted(values: &[f64], reference: &[f64]) -> f64 {
    let all: Vec<f64> = values.iter().chain(reference).copied().collect();
    let rank = |index: usize| {
        let below = all.iter().filter(|&&other| other < all[index]).count();
        let equal = all.iter().filter(|other| other.total_cmp(&all[index]).is_eq()).count();
        2 * below + equal + 1
    };
    let sum: usize = (0..values.len()).map(rank).sum();
    let draws = (0_u32..1 << all.len()).filter(|draw| draw.count_ones() as usize == values.len());
    let sums: Vec<usize> = draws
        .map(|draw| (0..all.len()).filter(|index| draw >> index & 1 == 1).map(rank).sum())
        .collect();
    sums.iter().filter(|&&other| other <= sum).count() as f64 / sums.len() as f64
}

#[test]
fn the_lowest_of_all_draws_has_the_probability_of_one_draw() {
    // 1 of the C(7, 3) = 35 ways to draw three of seven.
    assert_near(rank_sum(&[1.0, 2.0, 3.0], &[4.0, 5.0, 6.0, 7.0]), 1.0 / 35.0);
    assert_near(rank_sum(&[5.0, 6.0, 7.0], &[1.0, 2.0, 3.0, 4.0]), 1.0);
    // 1 of C(36, 4) = 58 905.
    let reference: Vec<_> = (0..32).map(f64::from).collect();
    assert_near(rank_sum(&[-1.0, -2.0, -3.0, -4.0], &reference), 1.0 / 58_905.0);
}

#[test]
fn p_values_of_scipy() {
    // scipy.stats.mannwhitneyu(values, reference, alternative="less", method="exact")
    let found = rank_sum(&[0.8, 0.83, 1.15, 1.04], &[1.1, 0.9, 1.2, 1.3, 1.0, 1.25]);
    assert_near(found, 0.085_714_285_714_285_72);
}

#[test]
fn nothing_is_lower_than_nothing() {
    assert_near(rank_sum(&[], &[1.0]), 1.0);
    assert_near(rank_sum(&[1.0], &[]), 1.0);
    assert_near(rank_sum(&[1.0; 3], &[1.0; 5]), 1.0);
}

#[test]
fn many_values_are_judged_as_few_are() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    for shift in [0.0, 0.2, 0.4] {
        let mut draw = |count: usize, shift| -> Vec<f64> {
            (0..count).map(|_| rng.random::<f64>() - shift).collect()
        };
        let (values, reference) = (draw(30, shift / 4.0), draw(98, 0.0));
        let ranks = doubled_ranks(&values, &reference);
        let sum = ranks[..30].iter().sum();
        let (exact, normal) = (exact_tail(&ranks, 30, sum), normal_tail(&ranks, 30, sum));
        let near = 0.1 * exact.ln().abs().max(1.0);
        assert!((exact.ln() - normal.ln()).abs() < near, "{exact} {normal}");
        // One more value, and the normal distribution is taken.
        let more = [reference.as_slice(), &[0.5]].concat();
        assert!((rank_sum(&values, &more).ln() - exact.ln()).abs() < 3.0 * near);
    }
}

#[test]
fn holm_multiplies_by_the_number_of_tests_left() {
    let adjusted = holm(&[0.04, 0.01, 0.03, 0.5]);
    for (found, expected) in adjusted.iter().zip([0.09, 0.04, 0.09, 0.5]) {
        assert_near(*found, expected);
    }
    assert_eq!(holm(&[]), Vec::<f64>::new());
    assert_eq!(holm(&[0.7, 0.9]), [1.0, 1.0]);
}

proptest! {
    #[test]
    fn p_values_are_those_of_all_draws(
        values in prop::collection::vec(0_u8..6, 1..5),
        reference in prop::collection::vec(0_u8..6, 1..8),
    ) {
        let [values, reference] = [values, reference]
            .map(|side| side.into_iter().map(f64::from).collect::<Vec<_>>());
        assert_near(rank_sum(&values, &reference), counted(&values, &reference));
    }

    #[test]
    fn only_the_order_counts(values in prop::collection::vec(-9.0..9.0, 2..12), split in 1_usize..11) {
        let split = split.min(values.len() - 1);
        let p_value = |values: &[f64]| rank_sum(&values[..split], &values[split..]);
        let stretched: Vec<f64> = values.iter().map(|value: &f64| (value / 3.0).exp()).collect();
        prop_assert!((p_value(&values) - p_value(&stretched)).abs() < 1e-12);
    }
}
