//! How fast a split of the standard deviations grows at the top of a concave value.

use pmoe_algos::ConfigError;
use pmoe_algos::sac::TemperatureConfig;
use pmoe_core::best_of::least_square_norm;
use pmoe_core::burn::tensor::Device;
use pmoe_core::noise;
use pmoe_envs::Rng;
use rand::SeedableRng;
use serde::Serialize;

use super::Settings;
use crate::known::Known;
use crate::stateless::{Outputs, Stateless, method};

/// The rate of a split of the standard deviations of two primitives, under back-propagation-max.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Deviations {
    /// Number A of dimensions.
    pub dims: usize,
    /// λ_σ in closed form.
    pub rate: f64,
    /// The same of a finite split, from the loss's own gradient.
    pub measured: f64,
}

/// The finite split.
const SPLIT: f64 = 0.1;

/// Draws behind a measurement, at most; they are random here, and those of both primitives are exchanged.
const MOST_DRAWS: usize = 50_000;

impl Deviations {
    pub(super) fn new(dims: usize, settings: Settings) -> Result<Self, ConfigError> {
        let alpha = settings.alpha;
        let excess = dims as f64 / least_square_norm(2, dims);
        let rate = 2.0 * alpha * (2.0 * density_of_ratio(dims) * (excess - 1.0) - 0.5);

        let mut config = method("pmoe-sac", 2)?;
        config.temperature = TemperatureConfig::Fixed { alpha };
        let loss = Stateless::new(config, dims, exchanged(dims, settings.samples));
        let known = Known { curvature: 1.0, ..Known::default() };
        let log_std = 0.5 * (alpha * excess).ln();
        let around = |sign: f64| vec![log_std + sign * 0.5 * SPLIT; dims];
        let at =
            Outputs { mean: vec![0.0; 2 * dims], log_std: [around(1.0), around(-1.0)].concat() };
        let gradient = loss.gradient(&known, &at).log_std;
        let (wide, narrow) = gradient.split_at(dims);
        let [wide, narrow] = [wide, narrow].map(|of| of.iter().sum::<f64>() / dims as f64);
        Ok(Self { dims, rate, measured: (narrow - wide) / SPLIT })
    }
}

/// The density at 1 of the ratio of two χ²_A, `Γ(A) / (2^A Γ(A/2)²)`.
fn density_of_ratio(dims: usize) -> f64 {
    let dims = dims as f64;
    let log = libm::lgamma(dims) - 2.0 * libm::lgamma(0.5 * dims) - dims * 2.0_f64.ln();
    log.exp()
}

/// Noise of two primitives, `[B, 2·A]`, each row also with both exchanged.
fn exchanged(dims: usize, samples: usize) -> Vec<f64> {
    let shape = [samples.min(MOST_DRAWS), 2 * dims];
    let drawn = noise::normal(shape, &mut Rng::seed_from_u64(0), &Device::flex());
    let drawn = drawn.try_into_vec_as::<f64>().expect("floats convert");
    let both = |row: &[f64]| {
        let (one, two) = row.split_at(dims);
        [one, two, two, one].concat()
    };
    drawn.chunks_exact(2 * dims).flat_map(both).collect()
}
