//! Whether two equal primitives separate.
//!
//! Two primitives in one dimension, equal in mean m and standard deviation σ, each with the weight ½; the value Q is
//! known, and nothing is squashed. A small split of their means, m ± δ/2, grows under gradient descent at the rate λ:
//! `δ(t) = δ(0) exp(λ t)`.
//!
//! # Derivation
//! Back-propagation-max has `∂L/∂m_1 = −E[1(Q_1 > Q_2) Q'_1]`. The split descends half of the difference of its
//! two derivatives, and differentiating once more gives
//!
//! ```text
//! λ = E[1(Q_1 > Q_2) Q''_1] + E[δ(Q_1 − Q_2) Q'_1²] + E[δ(Q_1 − Q_2) Q'_1 Q'_2]
//! ```
//!
//! By Stein's lemma the first two terms are `E[1(Q_1 > Q_2) Q'_1 ε_1] / σ`, and where the loss is stationary in σ this
//! is `−α/(2σ²)`: the *restoring* part. The last term is the *separating* part. With `S(q) = ∂/∂m P(Q > q)`, which is
//! `Σ_{x: Q(x) = q} p(x) sign Q'(x)`, it is
//!
//! ```text
//! E[δ(Q_1 − Q_2) Q'_1 Q'_2] = ∫ S(q)² dq ≥ 0
//! ```
//!
//! It is zero where moving the mean changes nothing about how the value is distributed: for every Q that is symmetric
//! about m. Back-propagation-all has no choice, hence `λ = E[Q''] = −α/σ²`. The marginal loss weighs each primitive by
//! its share, ½, and has the entropy of the mixture, which a split raises, so that `λ = ½ (E[Q''] + α/σ²) = 0` for any
//! Q: to second order in δ, a split is a change of σ, for which the loss is stationary.
//!
//! The standard deviations may split, too. At the top of `−c/2 ‖x‖²` in A dimensions, a split of the log σ grows under
//! back-propagation-max at the rate
//!
//! ```text
//! λ_σ = 2α ( 2f (A/m − 1) − ½ ),   m = E[min_2 χ²_A],   f = Γ(A) / (2^A Γ(A/2)²)
//! ```
//!
//! where f is the density at 1 of the ratio of two χ²_A. The wider primitive is the best less often, hence −2f; but its
//! best draws are hidden as well, hence 2f A/m. The rate is positive for A = 1, zero for A = 2 and negative from A = 3.
//!
//! # More primitives
//! Of K equal primitives each is the best in 1/K of the draws. All splits that leave the mean of the means as it is
//! grow alike, as none of the primitives is special, at
//!
//! ```text
//! λ = −α/(Kσ²) + ∫ S(q)² P(Q < q)^(K−2) dq
//! ```
//!
//! where the first part is again `E[1(Q_1 is the best) Q'_1 ε_1] / σ` at the stationary σ, and the second has the other
//! K − 2 below the two that compete.
//!
//! # Check
//! Each λ is compared with a finite split that descends the gradient of [`Actor::loss`](pmoe_algos::sac::Actor::loss),
//! in double precision, over noise that fills the plane evenly.

mod cases;
mod deviations;
mod findings;
mod rates;

use pmoe_algos::ConfigError;
use serde::Serialize;

pub use self::cases::{Case, Loss, Mean, cases};
pub use self::deviations::Deviations;
use self::rates::Equal;

/// What to compute.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Settings {
    /// Weight α of the entropy.
    pub alpha: f64,
    /// Pairs of noise behind each gradient, at least.
    pub samples: usize,
}

/// Rates of all cases and losses.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Stability {
    /// What was computed.
    pub settings: Settings,
    /// One for each case and loss.
    pub rates: Vec<Rates>,
    /// Splits of the standard deviations, for some numbers of dimensions.
    pub deviations: Vec<Deviations>,
    /// Back-propagation-max of several primitives, for each case.
    pub of_several: Vec<OfSeveral>,
}

/// Whether a split of two of several primitives grows under back-propagation-max.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OfSeveral {
    /// Name of the value.
    pub case: &'static str,
    /// K.
    pub primitives: usize,
    /// The standard deviation of all.
    pub std: f64,
    /// The first part of λ.
    pub restoring: f64,
    /// The second part of λ.
    pub separating: f64,
    /// λ, by quadrature.
    pub rate: f64,
    /// The rate at which a split of a tenth of σ changes, from the loss's own gradient.
    pub measured: f64,
}

/// Whether a split of the means grows, for one value and one loss.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Rates {
    /// Name of the value.
    pub case: &'static str,
    /// The loss.
    pub loss: Loss,
    /// The mean of both primitives.
    pub mean: f64,
    /// The standard deviation of both.
    pub std: f64,
    /// The first part of λ.
    pub restoring: f64,
    /// The second part of λ.
    pub separating: f64,
    /// λ, by quadrature.
    pub rate: f64,
    /// λ of a finite split that descended the loss's own gradient.
    pub grown: f64,
    /// The largest rate of splits in mean and standard deviation together, from the loss's own gradient.
    pub together: f64,
    /// The rate at which a split changes, `δ'/δ`, against `δ/σ`.
    pub of_split: Vec<(f64, f64)>,
}

/// Computes the rates of all cases and losses.
///
/// `done` is called after each.
///
/// # Errors
/// If the settings of a method can't be read, which a build would not pass.
pub fn stability(settings: Settings, done: &mut dyn FnMut()) -> Result<Stability, ConfigError> {
    let mut rates = Vec::new();
    for case in cases() {
        for loss in Loss::ALL {
            rates.push(of_case(&case, loss, settings)?);
            done();
        }
    }
    let deviations = DIMS.into_iter().map(|dims| Deviations::new(dims, settings));
    let deviations = deviations.collect::<Result<_, _>>()?;
    let all = cases();
    let several = all.iter().flat_map(|case| SEVERAL.map(|primitives| (case, primitives)));
    let of_several = several.map(|(case, primitives)| OfSeveral::new(case, primitives, settings));
    Ok(Stability { deviations, of_several: of_several.collect::<Result<_, _>>()?, settings, rates })
}

/// Numbers of primitives beside two.
const SEVERAL: [usize; 2] = [4, 10];
/// Their split, over the standard deviation, and how many times as many points of noise it takes.
const SPLIT: f64 = 0.2;
const FINER: usize = 10;

impl OfSeveral {
    fn new(case: &Case, primitives: usize, settings: Settings) -> Result<Self, ConfigError> {
        let equal = Equal::new(case, Loss::Max, settings.alpha, primitives);
        let (restoring, separating) = equal.rate();
        let rate = restoring + separating;
        // A split is seen where two values are near each other, so the noise has to be fine.
        let finer = Settings { samples: FINER * settings.samples, ..settings };
        let measured = rates::Measured::new(&equal, finer)?.rate_of(SPLIT);
        let (case, std) = (case.name, equal.std);
        Ok(Self { case, primitives, std, restoring, separating, rate, measured })
    }
}

/// Dimensions in which splits of the standard deviations are computed.
const DIMS: [usize; 6] = [1, 2, 3, 6, 8, 17];

/// Splits of the curve, over the standard deviation.
const SPLITS: usize = 15;
const WIDEST: f64 = 3.0;

fn of_case(case: &Case, loss: Loss, settings: Settings) -> Result<Rates, ConfigError> {
    let equal = Equal::new(case, loss, settings.alpha, 2);
    let (restoring, separating) = equal.rate();
    let measured = rates::Measured::new(&equal, settings)?;
    let at = |index: usize| WIDEST * index as f64 / SPLITS as f64;
    let of_split = (1..=SPLITS).map(|index| (at(index), measured.rate_of(at(index)))).collect();
    Ok(Rates {
        case: case.name,
        loss,
        mean: equal.mean,
        std: equal.std,
        restoring,
        separating,
        rate: restoring + separating,
        grown: measured.grown(restoring + separating),
        together: measured.together(),
        of_split,
    })
}

#[cfg(test)]
mod tests;
