//! How much noise the best of several draws hides.
//!
//! Where the value is concave, the best of K draws of a Gaussian is the one nearest to its mean. A loss that judges only
//! this one sees `E[min_K χ²_A]` in place of the `A` that a single draw has, and so widens the policy.

use std::f64::consts::PI;

/// Steps of the quadrature per unit of the logarithm.
const STEPS: f64 = 128.0;

/// Computes the expected squared norm of the shortest of `draws` standard normal vectors in `dims` dimensions,
/// `E[min_K χ²_A]`, to ten digits: the integral of `P(χ²_A > x)^K`.
///
/// # Panics
/// If one of them is 0.
pub fn least_square_norm(draws: usize, dims: usize) -> f64 {
    assert!(draws > 0 && dims > 0, "the best of no draws, or in no dimensions");
    let (draws, all) = (draws as f64, dims as f64);
    // Over u = log x, the integrand is analytic and vanishes at both ends, where the trapezoidal rule converges
    // geometrically. Below e⁻⁶⁰ nothing is left, nor 12 deviations above the mean.
    let (low, high) = (-60.0, (all + 12.0 * (2.0 * all).sqrt() + 100.0).ln());
    let steps = ((high - low) * STEPS).ceil();
    let at = |step: f64| {
        let x = (low + (high - low) * step / steps).exp();
        x * survival(x, dims).powf(draws)
    };
    (0..=steps as usize).map(|step| at(step as f64)).sum::<f64>() * (high - low) / steps
}

/// Computes the factor on the entropy's weight with which the best of `draws` draws is as wide as a single draw with the
/// weight itself, `E[min_K χ²_A] / A`: 1 for one draw, less for more.
///
/// For a concave value `−c/2 ‖a − a*‖²` and the loss `α log π(a_j) − Q(a_j)` of the best draw j, the standard deviation
/// settles at `σ² = (α/c) · A / E[min_K χ²_A]`; SAC's is `α/c`.
///
/// # Panics
/// If one of them is 0.
pub fn calibration(draws: usize, dims: usize) -> f64 {
    if draws == 1 { 1.0 } else { least_square_norm(draws, dims) / dims as f64 }
}

/// Returns how far the best of `draws` draws is from a draw, as a divergence in nats: `log K − (K − 1)/K`. It is an upper
/// bound on KL(best ‖ draw), reached where no two draws have the same value.
///
/// # Panics
/// If there are no draws.
///
/// # Source
/// Beirami et al., arXiv:2401.01879.
pub fn divergence(draws: usize) -> f64 {
    assert!(draws > 0, "the best of no draws");
    let draws = draws as f64;
    draws.ln() - (draws - 1.0) / draws
}

/// `P(χ²_A > x)`, with y = x/2: `Σ_{p < A/2} yᵖ e⁻ʸ / Γ(p + 1)` over the integers p for an even A; for an odd one over
/// ½, 3/2, …, and `erfc √y`.
fn survival(x: f64, dims: usize) -> f64 {
    let y = 0.5 * x;
    let (mut sum, mut p, mut log_gamma) = if dims.is_multiple_of(2) {
        (0.0, 0.0, 0.0)
    } else {
        (libm::erfc(y.sqrt()), 0.5, (0.5 * PI.sqrt()).ln())
    };
    let log_y = y.ln();
    while p < 0.5 * dims as f64 {
        // In logarithms, as e⁻ʸ alone may be too small for a number.
        sum += (p * log_y - y - log_gamma).exp();
        p += 1.0;
        log_gamma += p.ln();
    }
    sum
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;
    use rand_distr::{Distribution, StandardNormal};

    use super::*;

    #[track_caller]
    fn assert_close(found: f64, expected: f64, tolerance: f64) {
        assert!((found - expected).abs() < tolerance, "{found} is not {expected}");
    }

    #[test]
    fn the_survival_function_in_closed_form() {
        // e⁻¹; e⁻¹ (1 + 1); erfc(1); erfc(1) + 2 e⁻¹ / √π.
        let (e, erfc) = ((-1.0_f64).exp(), 0.157_299_207_050_285_13);
        for (dims, expected) in [(2, e), (4, 2.0 * e), (1, erfc), (3, erfc + 2.0 * e / PI.sqrt())] {
            assert_close(survival(2.0, dims), expected, 1e-15);
        }
    }

    #[test]
    fn expectations_in_closed_form() {
        for dims in [1, 2, 3, 8, 17, 100, 1000] {
            // One draw has A.
            let all = dims as f64;
            assert_close(least_square_norm(1, dims) / all, 1.0, 1e-10);
        }
        for draws in [1, 2, 4, 16, 500] {
            // χ²_2 is exponential with mean 2, so the least of K has 2/K.
            assert_close(least_square_norm(draws, 2), 2.0 / draws as f64, 1e-10);
        }
        // min(z₁², z₂²) = 1 − 2/π; of two χ²_4: ∫ 2 e⁻²ʸ (1 + y)² dy = 5/2.
        assert_close(least_square_norm(2, 1), 1.0 - 2.0 / PI, 1e-10);
        assert_close(least_square_norm(2, 4), 2.5, 1e-10);
    }

    #[test]
    fn known_factors() {
        for (draws, dims, expected) in [(4, 8, 1.83), (4, 3, 2.95), (2, 6, 1.45)] {
            assert_close(calibration(draws, dims).recip(), expected, 5e-3);
        }
        assert_close(calibration(1, 5), 1.0, f64::MIN_POSITIVE);
    }

    #[test]
    fn the_divergence_is_the_entropy_of_the_best_uniform_draw() {
        // The best of K uniform draws has the density K xᴷ⁻¹, and ∫ K xᴷ⁻¹ log(K xᴷ⁻¹) dx by the midpoint rule.
        for draws in [1, 2, 4, 16] {
            let density = |x: f64| f64::from(draws) * x.powi(draws - 1);
            let cells = 100_000;
            let at = |cell: i32| (f64::from(cell) + 0.5) / f64::from(cells);
            let integral: f64 =
                (0..cells).map(|cell| density(at(cell)) * density(at(cell)).ln()).sum();
            assert_close(divergence(draws as usize), integral / f64::from(cells), 1e-6);
        }
    }

    #[test]
    fn equals_an_average_of_draws() {
        let (draws, dims, rows) = (5, 3, 200_000);
        let mut rng = ChaCha8Rng::seed_from_u64(4);
        let mut norm = || -> f64 {
            let one = |_| Distribution::<f64>::sample(&StandardNormal, &mut rng).powi(2);
            (0..dims).map(one).sum()
        };
        let mut least = || (0..draws).map(|_| norm()).fold(f64::INFINITY, f64::min);
        let mean = (0..rows).map(|_| least()).sum::<f64>() / rows as f64;
        // Five standard errors; the deviation is about .6.
        assert_close(mean, least_square_norm(draws, dims), 5.0 * 0.7 / f64::from(rows).sqrt());
    }
}
