use pmoe_stats::mean;
use serde::{Deserialize, Serialize};

use super::Quantity;
use super::settings::{Bounds, Work};
use crate::error::ResultsError;
use crate::number::MOST_EPISODES;

/// Environment steps of an evaluation episode: the tasks' time limit, so an upper bound.
const EPISODE_STEPS: f64 = 1_000.0;

/// How robustness is measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RobustnessSettings {
    /// Standard deviations of the noise on each observed number.
    pub obs_noise: Vec<f64>,
    /// Evaluation episodes at each.
    pub episodes: u32,
}

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

impl RobustnessSettings {
    pub(super) fn check(&self, bounds: &Bounds<'_>) -> Result<(), ResultsError> {
        let levels = &self.obs_noise;
        bounds.length("obs_noise", levels.len())?;
        let most = MOST_EPISODES / (levels.len() as u64).max(1);
        bounds.within("episodes", self.episodes.into(), 1, most)?;
        let usable = |noise: &f64| 0.0 <= *noise && noise.is_finite();
        let rising = levels.windows(2).all(|pair| pair[0] < pair[1]);
        if levels.is_empty() || !levels.iter().all(usable) || !rising {
            let allowed = "one or more finite numbers, at least 0, in increasing order";
            return Err(bounds.error("obs_noise", format!("{levels:?}"), allowed));
        }
        Ok(())
    }

    pub(super) fn work(&self, _seed: u64) -> Work {
        let episodes = self.obs_noise.len() as f64 * f64::from(self.episodes);
        Work { played: episodes * EPISODE_STEPS, ..Work::default() }
    }
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
            return Err((
                "levels",
                "expected a return and a length for each episode in the settings",
            ));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::AnalysisKind;
    use crate::analysis::testing::{check_file, check_measures, refuse, refuse_settings};

    fn robustness() -> Robustness {
        let level = |obs_noise, returns: &[f64]| NoiseLevel {
            obs_noise,
            returns: returns.to_vec(),
            lengths: vec![1000; returns.len()],
        };
        Robustness {
            settings: RobustnessSettings { obs_noise: vec![0.0, 0.05, 0.2], episodes: 2 },
            levels: vec![
                level(0.0, &[3000.0, 3100.5]),
                level(0.05, &[2000.0, 1000.0]),
                level(0.2, &[100.0, 150.0]),
            ],
        }
    }

    #[test]
    fn robustness_has_the_levels_of_the_papers_table() {
        let seen = robustness();
        assert_eq!(seen.levels[1].std_return(), Some(500.0));
        let expected = [(Quantity::ReturnAtNoise0, 3050.25), (Quantity::ReturnAtNoise005, 1500.0)];
        check_measures(seen, &expected);
    }

    #[test]
    fn the_file_is_as_ever() {
        check_file(robustness());
    }

    #[test]
    fn a_file_without_what_its_numbers_need_is_refused() {
        let cases = [
            (r#""episodes":2"#, r#""episodes":0"#, "settings.episodes"),
            (r#""episodes":2"#, r#""episodes":3"#, "levels"),
            ("[0.0,0.05,0.2]", "[0.0,0.05]", "levels"),
            (r#""returns":[3000.0,3100.5]"#, r#""returns":[]"#, "levels"),
        ];
        refuse(robustness(), &cases);
    }

    #[test]
    fn settings_out_of_range_are_named() {
        let cases = [
            ("obs_noise = [0.1, 0.0]", "in increasing order"),
            ("obs_noise = [-0.1]", "at least 0"),
            // Three strengths of noise.
            ("episodes = 400000", "between 1 and 333_333"),
        ];
        refuse_settings(AnalysisKind::Robustness, &cases);
    }
}
