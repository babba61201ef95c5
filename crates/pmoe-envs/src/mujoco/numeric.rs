//! Sums in NumPy's order, so that rewards match bit for bit.

/// Computes `np.sum(values)` for a contiguous array of `f64`.
pub(super) fn sum(values: &[f64]) -> f64 {
    pairwise_sum(values, |x| x)
}

/// Computes `weight * np.sum(np.square(values))` for a contiguous array of `f64`.
pub(super) fn weighted_square_sum(weight: f64, values: &[f64]) -> f64 {
    weight * pairwise_sum(values, |x| x * x)
}

/// Like [`weighted_square_sum`], after `np.clip(values, -limit, limit)`.
pub(super) fn weighted_clipped_square_sum(weight: f64, values: &[f64], limit: f64) -> f64 {
    weight
        * pairwise_sum(values, |x| {
            let clipped = x.clamp(-limit, limit);
            clipped * clipped
        })
}

/// Computes `np.sum` of `map` applied to `values`.
///
/// Fewer than 8 values are added in sequence, up to 128 in eight accumulators, and more by
/// recursive halving.
fn pairwise_sum(values: &[f64], map: impl Fn(f64) -> f64 + Copy) -> f64 {
    const LANES: usize = 8;
    const BLOCK: usize = 128;
    if values.len() < LANES {
        return values.iter().fold(0.0, |sum, &x| sum + map(x));
    }
    if values.len() > BLOCK {
        let half = values.len() / 2;
        let (left, right) = values.split_at(half - half % LANES);
        return pairwise_sum(left, map) + pairwise_sum(right, map);
    }
    let (chunks, tail) = values.as_chunks::<LANES>();
    let mut lanes = chunks[0].map(map);
    for chunk in &chunks[1..] {
        for (lane, &x) in lanes.iter_mut().zip(chunk) {
            *lane += map(x);
        }
    }
    let [a, b, c, d, e, f, g, h] = lanes;
    let sum = ((a + b) + (c + d)) + ((e + f) + (g + h));
    tail.iter().fold(sum, |sum, &x| sum + map(x))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Test values that NumPy computes to the same bits: `(i * 2654435761 % 2**32) / 2**32 * 3 -
    /// 1.3`.
    fn values(count: u64) -> Vec<f64> {
        let hash = |i: u64| (i * 2_654_435_761 % (1 << 32)) as f64 / 4_294_967_296.0;
        (0..count).map(|i| hash(i) * 3.0 - 1.3).collect()
    }

    #[test]
    #[expect(clippy::float_cmp, reason = "the bits are the point")]
    fn sums_have_the_bits_of_numpy() {
        // NumPy 2.4.6: np.sum(np.square(x)), np.sum(np.square(np.clip(x, -1, 1))). For 8 or more
        // values, none of them equals the sequential sum.
        for (count, plain, clipped) in [
            (5, 3.954218504553701, 2.670802367489627),
            (8, 5.797278003356297, 4.454011797633288),
            (14, 11.506457811390401, 8.182346553315488),
            (84, 66.07190597666305, 46.60854034667306),
            (128, 100.74098734027709, 70.99001856282135),
            (200, 159.3060037184472, 111.56178697228472),
            (317, 249.99579699555875, 176.05613796558623),
        ] {
            let values = values(count);
            assert_eq!(weighted_square_sum(1.0, &values), plain, "{count} values");
            assert_eq!(weighted_clipped_square_sum(1.0, &values, 1.0), clipped, "{count} clipped");
        }
    }
}
