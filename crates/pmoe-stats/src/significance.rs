//! Whether a difference is more than chance: the rank-sum test, and corrections for many tests.

use std::iter;

/// The number of values up to which [`rank_sum`] is exact.
pub const MOST_EXACT: usize = 128;

/// Tests whether `values` tend to be lower than `reference`: returns the one-sided p-value of
/// Wilcoxon's rank-sum test.
///
/// If both come from the same distribution, whichever that is, a p-value of at most p occurs with a
/// probability of at most p. Equal values share their mean rank, and the distribution is that of the
/// sum of ranks given these. Up to [`MOST_EXACT`] values in all it is exact, beyond that normal, with
/// corrections for equal values and for continuity.
///
/// Returns 1 if a side is empty. Order values that are not numbers as [`f64::total_cmp`] does.
///
/// # Source
/// Wilcoxon, *Individual comparisons by ranking methods* (1945); Lehmann, *Nonparametrics* (1975),
/// sections 1.2 and 1.4.
#[must_use]
pub fn rank_sum(values: &[f64], reference: &[f64]) -> f64 {
    if values.is_empty() || reference.is_empty() {
        return 1.0;
    }
    let ranks = doubled_ranks(values, reference);
    let sum = ranks[..values.len()].iter().sum();
    if ranks.len() <= MOST_EXACT {
        exact_tail(&ranks, values.len(), sum)
    } else {
        normal_tail(&ranks, values.len(), sum)
    }
}

/// Adjusts p-values for their number: a test whose adjusted p-value is at most α may be called
/// significant, and the probability of calling any wrongly is at most α.
///
/// # Source
/// Holm, *A simple sequentially rejective multiple test procedure* (1979).
#[must_use]
pub fn holm(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<_> = (0..p_values.len()).collect();
    order.sort_by(|&left, &right| p_values[left].total_cmp(&p_values[right]));
    let mut adjusted = vec![1.0; p_values.len()];
    let mut largest = 0.0_f64;
    for (left, index) in (1..=p_values.len()).rev().zip(order) {
        largest = largest.max(left as f64 * p_values[index]).min(1.0);
        adjusted[index] = largest;
    }
    adjusted
}

/// Returns twice the rank of each value, then of each reference value, among all of them: doubled, as
/// equal values share their mean rank.
fn doubled_ranks(values: &[f64], reference: &[f64]) -> Vec<usize> {
    let all: Vec<f64> = values.iter().chain(reference).copied().collect();
    let mut order: Vec<_> = (0..all.len()).collect();
    order.sort_by(|&left, &right| all[left].total_cmp(&all[right]));
    let mut ranks = vec![0; all.len()];
    let mut before = 0;
    for equal in order.chunk_by(|&left, &right| all[left].total_cmp(&all[right]).is_eq()) {
        // Ranks before + 1 to before + len.
        let doubled = 2 * before + equal.len() + 1;
        equal.iter().for_each(|&index| ranks[index] = doubled);
        before += equal.len();
    }
    ranks
}

/// Returns the probability that `count` of the ranks, drawn without replacement, sum up to at most
/// `sum`.
fn exact_tail(ranks: &[usize], count: usize, sum: usize) -> f64 {
    // ways[n][s]: the ways to draw n ranks with the sum s, of those seen so far.
    let mut ways = vec![vec![0.0_f64; sum + 1]; count + 1];
    ways[0][0] = 1.0;
    let mut drawable = 0;
    for &rank in ranks {
        drawable = count.min(drawable + 1);
        for drawn in (1..=drawable).rev() {
            let (fewer, more) = ways.split_at_mut(drawn);
            let (fewer, more) = (&fewer[drawn - 1], &mut more[0]);
            for (to, from) in more.iter_mut().skip(rank).zip(fewer) {
                *to += from;
            }
        }
    }
    let all = iter::zip(1..=count, ranks.len() - count + 1..)
        .fold(1.0, |product, (below, above)| product * above as f64 / below as f64);
    (ways[count].iter().sum::<f64>() / all).min(1.0)
}

/// As [`exact_tail`], by the normal distribution with the same mean and variance.
fn normal_tail(ranks: &[usize], count: usize, sum: usize) -> f64 {
    let total = ranks.len() as f64;
    let share = count as f64 / total;
    let mean = ranks.iter().sum::<usize>() as f64 / total;
    let squares = ranks.iter().map(|&rank| (rank as f64 - mean).powi(2)).sum::<f64>();
    let variance = squares * share * (1.0 - share) * total / (total - 1.0);
    // Doubled sums are two apart where no values are equal.
    let above = sum as f64 + 1.0 - count as f64 * mean;
    if 0.0 < variance { 0.5 * libm::erfc(-above / (2.0 * variance).sqrt()) } else { 1.0 }
}

#[cfg(test)]
mod tests;
