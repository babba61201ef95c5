use super::*;

const SETTINGS: Settings = Settings { alpha: 0.2, samples: 50_000 };

fn rates(name: &str, loss: Loss) -> Rates {
    let cases = cases();
    let case = cases.iter().find(|case| case.name == name).unwrap();
    of_case(case, loss, SETTINGS).unwrap()
}

fn close(found: f64, expected: f64, tolerance: f64) {
    assert!((found - expected).abs() < tolerance, "{found} is not {expected}");
}

#[test]
fn at_the_top_of_a_concave_value_both_losses_pull_together() {
    // E[min_2 χ²_1] = 1 − 2/π, so σ² = α / (1 − 2/π), λ = −α/(2σ²) = −(1 − 2/π) / 2.
    let least = 1.0 - 2.0 / std::f64::consts::PI;
    let max = rates("concave, at its top", Loss::Max);
    close(max.std, (0.2 / least).sqrt(), 1e-4);
    close(max.restoring, -0.5 * least, 1e-4);
    close(max.separating, 0.0, 1e-6);
    // SAC's: σ² = α, λ = −α/σ² = −1.
    let all = rates("concave, at its top", Loss::All);
    close(all.std, 0.2_f64.sqrt(), 1e-6);
    close(all.rate, -1.0, 1e-6);
}

#[test]
fn on_an_endless_slope_a_split_grows() {
    // E[1(ε₁ > ε₂) ε₁] / σ = 1 / (2√π σ), and as much for the separating part.
    let half = 1.0 / (2.0 * std::f64::consts::PI.sqrt() * 0.5);
    let max = rates("linear, slope 1", Loss::Max);
    close(max.restoring, half, 1e-4);
    close(max.separating, half, 1e-4);
    close(max.grown, 2.0 * half, 2e-2 * half);
}

#[test]
fn where_sigma_is_stationary_the_restoring_rate_is_known() {
    for case in cases().iter().filter(|case| !matches!(case.mean, Mean::Sliding(_))) {
        for (loss, expected) in [(Loss::Max, 0.5), (Loss::All, 1.0)] {
            let equal = Equal::new(case, loss, 0.2, 2);
            let (restoring, separating) = equal.rate();
            close(restoring, -0.2 * expected / equal.std.powi(2), 3e-4);
            assert!(separating > -1e-9, "{}: {separating}", case.name);
        }
    }
}

#[test]
fn a_finite_split_grows_as_the_quadrature_says() {
    for case in cases() {
        for loss in Loss::ALL {
            let Rates { rate, grown, restoring, .. } = of_case(&case, loss, SETTINGS).unwrap();
            // A finite split differs, and so does a finite number of draws.
            close(grown, rate, 0.02 * restoring.abs() + 0.015);
        }
    }
}

#[test]
fn several_primitives_split_as_the_formula_says() {
    let of = |name: &str, primitives: usize| {
        let cases = cases();
        let case = cases.iter().find(|case| case.name == name).unwrap();
        OfSeveral::new(case, primitives, SETTINGS).unwrap()
    };
    // The largest of K standard normal numbers is in the mean K (K − 1) ∫ φ² Φ^(K−2); σ = ½.
    for (primitives, largest) in [(4, 1.029_38), (10, 1.538_75)] {
        let found = of("linear, slope 1", primitives);
        let each = 2.0 * largest / primitives as f64;
        close(found.restoring, each, 1e-3 * each);
        let pair = each / (primitives as f64 - 1.0);
        close(found.separating, pair, 2e-3 * pair);
        close(found.measured, each + pair, 0.03 * each);
    }
    for name in ["concave, slope 2", "two unequal peaks", "a peak with a shoulder"] {
        let found = of(name, 4);
        // Where σ is stationary.
        close(found.restoring, -0.2 / (4.0 * found.std.powi(2)), 3e-4);
        close(found.measured, found.rate, 0.015);
    }
    // σ² = α / E[min_4 χ²_1].
    close(of("concave, at its top", 4).std.powi(2), 0.2 * 8.2848, 5e-3);
}

#[test]
fn deviations_split_in_one_dimension_alone() {
    for (dims, expected) in [(1, 0.0231), (2, 0.0)] {
        let found = Deviations::new(dims, SETTINGS).unwrap();
        close(found.rate, expected, 1e-4);
        close(found.measured, expected, 0.01);
    }
    for dims in [3, 8] {
        let found = Deviations::new(dims, SETTINGS).unwrap();
        assert!(found.rate < 0.0, "{found:?}");
        close(found.measured, found.rate, 0.01);
    }
}
