//! How wide a policy becomes that learns from the best of K draws.
//!
//! # Prediction
//! The value is concave, `Q(x) = −c/2 ‖x‖²` in A dimensions, and the mean is at its top. SAC's loss for the standard
//! deviation σ is `−α A log σ + c/2 σ² A`, which is least at `σ² = α/c`. Back-propagation-max has the value of the best
//! of K draws, `c/2 σ² E[min_K χ²_A]`, in its place, which is least at
//!
//! ```text
//! σ² = (α/c) · A / E[min_K χ²_A]
//! ```
//!
//! # Measurement
//! Both losses are the learners' own, [`Actor::loss`](pmoe_algos::sac::Actor::loss), in double precision; the
//! derivative with respect to log σ, the same for all primitives and dimensions, is zero at the σ that is reported. It
//! is found for each seed's noise, for `sac`, `pmoe-sac` and `pmoe-sac-calibrated`, which has
//! `α · E[min_K χ²_A] / A` in the place of α.

use pmoe_algos::ConfigError;
use pmoe_algos::sac::SacConfig;
use pmoe_core::best_of::calibration;
use pmoe_core::burn::tensor::Device;
use pmoe_core::noise;
use pmoe_envs::Rng;
use pmoe_report::plot::{Axis, Chart, Color, Key, KeyShape, Mark, Picture};
use rand::SeedableRng;
use serde::Serialize;

use crate::findings::{Findings, number, table};
use crate::known::Known;
use crate::stateless::{Outputs, Stateless, method};

/// Curvature of the value: the methods' α, so that SAC's variance is 1. It does not matter for the ratio of two.
const CURVATURE: f64 = 0.2;

/// The numbers of draws and of dimensions in the table of predictions.
const MOST_DRAWS: usize = 16;
const MOST_DIMS: usize = 17;

/// What to measure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Settings {
    /// Numbers K of primitives.
    pub draws: Vec<usize>,
    /// Numbers A of dimensions.
    pub dims: Vec<usize>,
    /// Draws of every primitive behind each measurement.
    pub samples: usize,
    /// Measurements, each with noise of its own.
    pub seeds: u64,
}

/// Predicted and measured variances.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BestOfK {
    /// What was measured.
    pub settings: Settings,
    /// `A / E[min_K χ²_A]` for A = 1, 2, … (outer) and K = 1, 2, … (inner).
    pub excess: Vec<Vec<f64>>,
    /// The measured variances.
    pub measured: Vec<Measured>,
}

/// Variances of PMOE-SAC, each divided by SAC's.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Measured {
    /// Number K of primitives.
    pub draws: usize,
    /// Number A of dimensions.
    pub dims: usize,
    /// `A / E[min_K χ²_A]`.
    pub predicted: f64,
    /// With the weight α of the entropy.
    pub plain: Spread,
    /// With the weight `α · E[min_K χ²_A] / A`.
    pub calibrated: Spread,
}

/// A mean over seeds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    /// The mean.
    pub mean: f64,
    /// Its standard error; `None` with a single seed.
    pub standard_error: Option<f64>,
}

/// Predicts and measures.
///
/// `done` is called after each pair of K and A.
///
/// # Errors
/// If the settings of `sac` or `pmoe-sac` can't be read, which a build would not pass.
pub fn best_of_k(settings: Settings, done: &mut dyn FnMut()) -> Result<BestOfK, ConfigError> {
    let excess = |dims| move |draws| calibration(draws, dims).recip();
    let row = |dims| (1..=MOST_DRAWS).map(excess(dims)).collect();
    let mut measured = Vec::new();
    for &dims in &settings.dims {
        for &draws in &settings.draws {
            measured.push(measure(draws, dims, &settings)?);
            done();
        }
    }
    Ok(BestOfK { excess: (1..=MOST_DIMS).map(row).collect(), measured, settings })
}

fn measure(draws: usize, dims: usize, settings: &Settings) -> Result<Measured, ConfigError> {
    let (mut plain, mut calibrated) = (Vec::new(), Vec::new());
    for seed in 0..settings.seeds {
        let variance = |name: &str| {
            let config = method(name, draws);
            config.map(|config| stationary_variance(config, dims, settings.samples, seed))
        };
        let sac = variance("sac")?;
        plain.push(variance("pmoe-sac")? / sac);
        calibrated.push(variance("pmoe-sac-calibrated")? / sac);
    }
    let predicted = calibration(draws, dims).recip();
    let (plain, calibrated) = (Spread::of(&plain), Spread::of(&calibrated));
    Ok(Measured { draws, dims, predicted, plain, calibrated })
}

/// Returns σ² at which the loss is stationary, by the secant method.
fn stationary_variance(config: SacConfig, dims: usize, samples: usize, seed: u64) -> f64 {
    let outputs = config.actor.num_primitives() * dims;
    let mut rng = Rng::seed_from_u64(seed);
    let noise = noise::normal([samples, outputs], &mut rng, &Device::flex());
    let noise = noise.try_into_vec_as::<f64>().expect("floats convert");
    let loss = Stateless::new(config, dims, noise);
    let known = Known { curvature: CURVATURE, ..Known::default() };
    let slope = |variance: f64| {
        let log_std = vec![0.5 * variance.ln(); outputs];
        let at = Outputs { mean: vec![0.0; outputs], log_std };
        loss.gradient(&known, &at).log_std.iter().sum::<f64>()
    };
    // The derivative is linear in the variance up to what squashing adds, so that two steps are enough.
    let (mut one, mut two) = (0.5, 1.0);
    let (mut of_one, mut of_two) = (slope(one), slope(two));
    while (of_two - of_one).abs() > 0.0 && (two / one - 1.0).abs() > 1e-9 {
        let next = (two - of_two * (two - one) / (of_two - of_one)).max(0.1 * two);
        (one, of_one) = (two, of_two);
        (two, of_two) = (next, slope(next));
    }
    two
}

impl Spread {
    fn of(values: &[f64]) -> Self {
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let square: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        let error = (square / (count - 1.0) / count).sqrt();
        Self { mean, standard_error: (values.len() > 1).then_some(error) }
    }

    fn text(self) -> String {
        let error = self.standard_error.map(|error| format!(" ± {error:.3}")).unwrap_or_default();
        number(self.mean, 3) + &error
    }
}

impl Findings for BestOfK {
    fn markdown(&self) -> String {
        let draws: Vec<String> = (1..=MOST_DRAWS).map(|draws| format!("K = {draws}")).collect();
        let header: Vec<&str> = ["A"].into_iter().chain(draws.iter().map(String::as_str)).collect();
        let excess = |(index, row): (usize, &Vec<f64>)| {
            let numbers = row.iter().map(|excess| number(*excess, 2));
            [(index + 1).to_string()].into_iter().chain(numbers).collect()
        };
        let excess: Vec<Vec<String>> = self.excess.iter().enumerate().map(excess).collect();
        let row = |of: &Measured| {
            let [draws, dims] = [of.draws, of.dims].map(|number| number.to_string());
            vec![dims, draws, number(of.predicted, 3), of.plain.text(), of.calibrated.text()]
        };
        let measured: Vec<_> = self.measured.iter().map(row).collect();
        let Settings { samples, seeds, .. } = self.settings;
        let header_of_measured = ["A", "K", "predicted", "measured", "calibrated"];
        format!(
            "Variance of the best of K draws over SAC's, A / E[min_K χ²_A]:\n\n{}\n\
             Variance at which the derivative of PMOE-SAC's loss is zero, over that of SAC's loss; the concave value \
             and the mean are given, {samples} draws of every primitive, {seeds} seeds, ± one standard error. \
             Calibrated: α · E[min_K χ²_A] / A in the place of α.\n\n{}",
            table(&header, &excess),
            table(&header_of_measured, &measured),
        )
    }

    fn picture(&self) -> Picture {
        let highest = self.excess[0][MOST_DRAWS - 1].max(2.0).log10();
        let points = |of: &dyn Fn(&Measured) -> f64, dims: usize| {
            let of_dims = self.measured.iter().filter(|row| row.dims == dims);
            of_dims.map(|row| (row.draws as f64, of(row).log10())).collect::<Vec<_>>()
        };
        let mut chart = Chart {
            title: "Variance of PMOE-SAC over SAC's".to_owned(),
            x: Axis { label: "primitives K", range: [0.0, MOST_DRAWS as f64 + 1.0] },
            y: Axis { label: "log10 of the ratio", range: [-0.2, highest + 0.1] },
            ..Chart::default()
        };
        for (index, &dims) in self.settings.dims.iter().enumerate() {
            let color = Color::Palette(index);
            let excess = self.excess.get(dims - 1).map_or(&[][..], Vec::as_slice);
            let line =
                excess.iter().zip(1..).map(|(excess, draws)| (f64::from(draws), excess.log10()));
            chart.marks.push(Mark::Line { points: line.collect(), color, width: 1.5 });
            let dots = points(&|row| row.plain.mean, dims);
            chart.marks.push(Mark::Dots { points: dots, color, size: 4.0 });
            let crosses = points(&|row| row.calibrated.mean, dims);
            chart.marks.push(Mark::Crosses { points: crosses, color });
            chart.legend.push(Key::new(&format!("A = {dims}, predicted"), color, KeyShape::Line));
        }
        chart.legend.push(Key::new("measured", Color::Text, KeyShape::Dot));
        chart.legend.push(Key::new("measured, calibrated", Color::Text, KeyShape::Cross));
        chart.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loss_is_as_wide_as_predicted_and_calibrated_as_sacs() {
        for (draws, dims) in [(1, 1), (2, 6), (4, 3), (4, 8), (8, 17)] {
            let settings =
                Settings { draws: vec![draws], dims: vec![dims], samples: 8_000, seeds: 2 };
            let Measured { predicted, plain, calibrated, .. } =
                measure(draws, dims, &settings).unwrap();
            // Half of that in σ. The standard error is below 1 %.
            let close = |found: f64, expected: f64| (found / expected - 1.0).abs() < 0.03;
            assert!(close(plain.mean, predicted), "{draws}, {dims}: {plain:?}, {predicted}");
            assert!(close(calibrated.mean, 1.0), "{draws}, {dims}: {calibrated:?}");
        }
    }

    #[test]
    fn the_committed_figures_of_the_excess() {
        // Ant, Hopper and HalfCheetah.
        for (draws, dims, expected) in [(4, 8, "1.83"), (4, 3, "2.95"), (2, 6, "1.45")] {
            assert_eq!(number(calibration(draws, dims).recip(), 2), expected);
        }
    }
}
