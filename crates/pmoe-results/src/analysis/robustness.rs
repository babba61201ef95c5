use pmoe_stats::mean;
use serde::{Deserialize, Serialize};

use super::{Quantity, RobustnessSettings};

/// Evaluation episodes of a trained policy that sees noisy observations.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Robustness {
    /// How it was made.
    pub settings: RobustnessSettings,
    /// One per strength of the noise, rising.
    pub levels: Vec<NoiseLevel>,
}

/// The episodes at one strength of the noise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoiseLevel {
    /// Standard deviation of the noise on each observed number.
    pub obs_noise: f64,
    /// Undiscounted return of each episode.
    pub returns: Vec<f64>,
    /// Steps in each episode.
    pub lengths: Vec<u32>,
}

impl Robustness {
    pub(super) fn check(&self) -> Result<(), (&'static str, &'static str)> {
        let RobustnessSettings { obs_noise, episodes } = &self.settings;
        let strengths = self.levels.iter().map(|level| level.obs_noise);
        if !strengths.eq(obs_noise.iter().copied()) {
            return Err(("levels", "expected one per noise level in the settings"));
        }
        let fits = |len: usize| u32::try_from(len) == Ok(*episodes);
        if !self.levels.iter().all(|of| fits(of.returns.len()) && fits(of.lengths.len())) {
            return Err(("levels", "expected a return and a length for each episode in the settings"));
        }
        Ok(())
    }

    /// Mean return at the strengths of the paper's table.
    pub(super) fn measures(&self) -> Vec<(Quantity, f64)> {
        let measure = |quantity: Quantity| {
            let noise = quantity.obs_noise()?;
            let mut levels = self.levels.iter();
            let level = levels.find(|level| level.obs_noise.total_cmp(&noise).is_eq())?;
            Some((quantity, level.mean_return()?))
        };
        Quantity::ALL.into_iter().filter_map(measure).collect()
    }
}

impl NoiseLevel {
    /// Mean return over the episodes.
    #[must_use]
    pub fn mean_return(&self) -> Option<f64> {
        mean(&self.returns)
    }

    /// Standard deviation of the returns over the episodes (n in the denominator).
    #[must_use]
    pub fn std_return(&self) -> Option<f64> {
        let center = self.mean_return()?;
        let squares = self.returns.iter().map(|value| (value - center).powi(2));
        mean(&squares.collect::<Vec<_>>()).map(f64::sqrt)
    }
}
