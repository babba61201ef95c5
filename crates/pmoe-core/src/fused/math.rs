//! Branch-free elementary functions, so that the compiler vectorises loops over them. The C
//! library's functions process one value at a time.
//!
//! Ranges are reduced as in textbooks (Cody & Waite, "Software Manual for the Elementary
//! Functions"). Polynomials are Taylor's or, for tanh near 0, that of Cephes. Tests bound the error
//! against double precision. Nothing is contracted to fused multiply-adds, so the bits do not
//! depend on the instruction set.

use std::f32::consts::LOG2_E;

/// Computes e^x to within 2 ulp. Clamps x to ±87; NaN gives NaN.
#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    /// Adding this leaves the nearest integer in the lowest bits.
    const ROUND: f32 = 12_582_912.0;
    /// log 2 in two parts. The first ends in zero bits, so that its multiples are exact.
    const LN_2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];
    let x = x.clamp(-87.0, 87.0);
    let shifted = x * LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = x - n * LN_2[0] - n * LN_2[1];
    // Taylor series up to r⁷, |r| ≤ log 2 / 2.
    let mut sum = 1.0 / 5040.0;
    for coefficient in [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
        sum = sum * r + coefficient;
    }
    // 2ⁿ, with its exponent bits written directly.
    sum * f32::from_bits((shifted.to_bits() << 23).wrapping_add(1.0_f32.to_bits()))
}

/// Computes tanh x to within 3 ulp; NaN gives NaN.
#[inline(always)]
pub(super) fn tanh(x: f32) -> f32 {
    let (magnitude, square) = (x.abs(), x * x);
    let mut sum = -5.704_988_7e-3;
    for coefficient in [2.063_909e-2, -5.373_971_6e-2, 1.333_144_2e-1, -0.333_332_8] {
        sum = sum * square + coefficient;
    }
    let near = magnitude + magnitude * square * sum;
    let far = 1.0 - 2.0 / (exp(2.0 * magnitude) + 1.0);
    (if magnitude < 0.625 { near } else { far }).copysign(x)
}

/// Computes log(1 + x) for x in [0, 1] to within 3 ulp; NaN gives NaN.
#[inline(always)]
pub(super) fn log_1p(x: f32) -> f32 {
    // 2 artanh s for s ≤ 1/3: odd powers up to s¹⁵.
    let s = x / (2.0 + x);
    let square = s * s;
    let mut sum = 2.0 / 15.0;
    for divisor in [13.0, 11.0, 9.0, 7.0, 5.0, 3.0, 1.0] {
        sum = sum * square + 2.0 / divisor;
    }
    sum * s
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The largest error on a fine grid, in ulp of the exact value.
    fn largest_error(low: f32, high: f32, ours: fn(f32) -> f32, exact: fn(f64) -> f64) -> f64 {
        let points = 400_000;
        let error = |i: i32| {
            let x = low + (high - low) * (i as f32 / points as f32);
            let exact = exact(f64::from(x));
            let unit = (exact as f32).abs().max(f32::MIN_POSITIVE);
            let unit = f64::from(f32::from_bits(unit.to_bits() + 1) - unit);
            (f64::from(ours(x)) - exact).abs() / unit
        };
        (0..=points).map(error).fold(0.0, f64::max)
    }

    #[test]
    fn errors_are_a_few_units_in_the_last_place() {
        for (low, high) in [(-86.9, 86.9), (-1.0, 1.0), (-1e-3, 1e-3)] {
            let error = largest_error(low, high, exp, f64::exp);
            assert!(error < 2.0, "exp on [{low}, {high}]: {error}");
        }
        for (low, high) in [(-12.0, 12.0), (-1.0, 1.0), (-1e-3, 1e-3)] {
            let error = largest_error(low, high, tanh, f64::tanh);
            assert!(error < 3.0, "tanh on [{low}, {high}]: {error}");
        }
        for (low, high) in [(0.0, 1.0), (0.0, 1e-3), (1e-30, 1e-20)] {
            let error = largest_error(low, high, log_1p, f64::ln_1p);
            assert!(error < 3.0, "log_1p on [{low}, {high}]: {error}");
        }
    }

    #[test]
    #[allow(clippy::float_cmp, reason = "bounds are exact")]
    fn far_out_and_undefined() {
        assert_eq!([tanh(1e30), tanh(f32::INFINITY), tanh(f32::NEG_INFINITY)], [1.0, 1.0, -1.0]);
        assert_eq!(tanh(-0.0).to_bits(), (-0.0_f32).to_bits());
        assert!(exp(-1e30) < 1e-37 && exp(1e30).is_finite());
        assert!(exp(f32::NAN).is_nan() && tanh(f32::NAN).is_nan() && log_1p(f32::NAN).is_nan());
    }
}
