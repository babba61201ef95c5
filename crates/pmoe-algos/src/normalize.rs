//! Running statistics that normalise observations and rewards.
//!
//! They belong to an agent and are saved with it, so that evaluation and a restored policy use the
//! same normalisation as training.

use serde::{Deserialize, Serialize};

use crate::agent::Transition;
use crate::one_or_many;
use crate::range::{ConfigError, positive};

/// Added to variances before division.
const EPSILON: f64 = 1e-8;

/// Mean and variance of a stream of vectors, updated in batches.
///
/// # Source
/// Chan, Golub, LeVeque, "Algorithms for computing the sample variance" (1983): the parallel
/// update. The result does not depend on how the stream is split into batches, up to rounding.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunningStats {
    /// Number of vectors so far.
    count: f64,
    /// `[dim]`
    mean: Vec<f64>,
    /// Sum of squared deviations from the mean, `[dim]`.
    squares: Vec<f64>,
}

impl RunningStats {
    /// Creates empty statistics: mean 0, variance 1.
    pub fn new(dim: usize) -> Self {
        Self { count: 0.0, mean: vec![0.0; dim], squares: vec![0.0; dim] }
    }

    /// Adds vectors, `[N · dim]`.
    ///
    /// # Panics
    /// If the length of `values` is not a multiple of `dim`.
    pub fn update(&mut self, values: &[f32]) {
        let dim = self.mean.len();
        assert_eq!(values.len() % dim, 0, "whole vectors");
        let added = (values.len() / dim) as f64;
        if added == 0.0 {
            return;
        }
        let total = self.count + added;
        for (index, (mean, squares)) in self.mean.iter_mut().zip(&mut self.squares).enumerate() {
            let column = || values.iter().skip(index).step_by(dim).map(|x| f64::from(*x));
            let added_mean = column().sum::<f64>() / added;
            let added_squares: f64 = column().map(|x| (x - added_mean).powi(2)).sum();
            let delta = added_mean - *mean;
            *mean += delta * added / total;
            *squares += added_squares + delta * delta * self.count * added / total;
        }
        self.count = total;
    }

    /// Whether these are valid statistics of vectors with `dim` components.
    fn fit(&self, dim: usize) -> bool {
        let are_finite =
            |values: &[f64]| values.len() == dim && values.iter().all(|x| x.is_finite());
        self.count.is_finite()
            && self.count >= 0.0
            && are_finite(&self.mean)
            && are_finite(&self.squares)
            && self.squares.iter().all(|x| *x >= 0.0)
    }

    /// Returns the number of vectors so far.
    pub fn count(&self) -> f64 {
        self.count
    }

    /// Returns the mean, `[dim]`.
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// Returns the variance of a component (n in the denominator), or 1 before the first vector.
    pub fn variance(&self, index: usize) -> f64 {
        if self.count > 0.0 { self.squares[index] / self.count } else { 1.0 }
    }
}

/// Normalises observations to mean 0 and variance 1 and clips them.
///
/// ```text
/// out = clip((obs − mean) / sqrt(variance + 1e-8), ±clip)
/// ```
///
/// # Source
/// Gym's `NormalizeObservation` and OpenAI Baselines' `VecNormalize`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObsNormalizer {
    stats: RunningStats,
    clip: f64,
}

impl ObsNormalizer {
    /// Creates a normaliser for observations of length `obs_dim`, clipped to ±`clip`.
    pub fn new(obs_dim: usize, clip: f64) -> Self {
        Self { stats: RunningStats::new(obs_dim), clip }
    }

    /// Adds training observations to the statistics, `[N · O]`.
    pub fn update(&mut self, obs: &[f32]) {
        self.stats.update(obs);
    }

    /// Normalises observations in place, `[N · O]`, without updating the statistics.
    pub fn normalize(&self, obs: &mut [f32]) {
        let dim = self.stats.mean.len();
        for row in obs.chunks_exact_mut(dim) {
            for (index, (x, mean)) in row.iter_mut().zip(&self.stats.mean).enumerate() {
                let scaled = (f64::from(*x) - mean) / self.scale(index);
                *x = scaled.clamp(-self.clip, self.clip) as f32;
            }
        }
    }

    /// Returns the statistics.
    pub fn stats(&self) -> &RunningStats {
        &self.stats
    }

    /// Returns what a component is divided by.
    pub fn scale(&self, index: usize) -> f64 {
        (self.stats.variance(index) + EPSILON).sqrt()
    }

    /// Returns the largest magnitude of a normalised component.
    pub fn clip(&self) -> f64 {
        self.clip
    }
}

/// Divides rewards by the standard deviation of the discounted return and clips them. The mean is
/// not subtracted.
///
/// ```text
/// R ← γ R + r;   out = clip(r / sqrt(variance of R + 1e-8), ±clip)
/// ```
///
/// # Source
/// Gym's `NormalizeReward` and OpenAI Baselines' `VecNormalize`; Engstrom et al., "Implementation
/// Matters in Deep Policy Gradients", arXiv:2005.12729.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RewardNormalizer {
    stats: RunningStats,
    gamma: f64,
    clip: f64,
    /// R of the running episode of each environment.
    #[serde(with = "one_or_many")]
    discounted_return: Vec<f64>,
}

impl RewardNormalizer {
    /// Creates a normaliser with discount `gamma` for `num_envs` environments, clipping to ±`clip`.
    pub fn new(gamma: f64, clip: f64, num_envs: usize) -> Self {
        Self { stats: RunningStats::new(1), gamma, clip, discounted_return: vec![0.0; num_envs] }
    }

    /// Adds the reward of a training step of environment `env` to the statistics and returns it
    /// normalised. `ended` marks the last step of an episode.
    pub fn update(&mut self, env: usize, reward: f32, ended: bool) -> f32 {
        let discounted_return = &mut self.discounted_return[env];
        *discounted_return = self.gamma * *discounted_return + f64::from(reward);
        self.stats.update(&[*discounted_return as f32]);
        if ended {
            *discounted_return = 0.0;
        }
        let scale = (self.stats.variance(0) + EPSILON).sqrt();
        (f64::from(reward) / scale).clamp(-self.clip, self.clip) as f32
    }

    /// Ends the running episodes.
    fn cut(&mut self) {
        self.discounted_return.fill(0.0);
    }

    /// Returns the statistics of the discounted return.
    pub fn stats(&self) -> &RunningStats {
        &self.stats
    }
}

/// The normalisers of an on-policy learner, each on or off.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Normalizers {
    obs: Option<ObsNormalizer>,
    reward: Option<RewardNormalizer>,
}

/// Settings of [`Normalizers`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NormalizeConfig {
    /// Whether the policy sees observations with mean 0 and variance 1.
    pub obs: bool,
    /// Whether rewards are divided by the standard deviation of the discounted return.
    pub reward: bool,
    /// Maximum magnitude of normalised values, positive.
    pub clip: f64,
}

impl Normalizers {
    /// Creates normalisers with empty statistics for steps of `num_envs` environments.
    pub fn new(config: &NormalizeConfig, obs_dim: usize, gamma: f64, num_envs: usize) -> Self {
        Self {
            obs: config.obs.then(|| ObsNormalizer::new(obs_dim, config.clip)),
            reward: config.reward.then(|| RewardNormalizer::new(gamma, config.clip, num_envs)),
        }
    }

    /// Whether these have the settings and sizes of `fresh` and valid statistics.
    #[expect(clippy::float_cmp, reason = "settings are kept with all their bits")]
    pub(crate) fn fit(&self, fresh: &Self) -> bool {
        let obs = match (&self.obs, &fresh.obs) {
            (Some(obs), Some(fresh)) => {
                obs.clip == fresh.clip && obs.stats.fit(fresh.stats.mean.len())
            }
            (obs, fresh) => obs.is_none() && fresh.is_none(),
        };
        let reward = match (&self.reward, &fresh.reward) {
            (Some(reward), Some(fresh)) => {
                (reward.clip, reward.gamma) == (fresh.clip, fresh.gamma)
                    && reward.discounted_return.len() == fresh.discounted_return.len()
                    && reward.discounted_return.iter().all(|x| x.is_finite())
                    && reward.stats.fit(1)
            }
            (reward, fresh) => reward.is_none() && fresh.is_none(),
        };
        obs && reward
    }

    /// Ends the running episodes, after which the discounted returns of the next ones begin at zero.
    pub(crate) fn cut(&mut self) {
        if let Some(normalizer) = &mut self.reward {
            normalizer.cut();
        }
    }

    /// Returns the normaliser of observations, if there is one.
    pub fn obs(&self) -> Option<&ObsNormalizer> {
        self.obs.as_ref()
    }

    /// Writes observations as the policy sees them to `seen`, both `[N · O]`, without updating the statistics.
    pub fn see(&self, obs: &[f32], seen: &mut Vec<f32>) {
        seen.clear();
        seen.extend_from_slice(obs);
        if let Some(normalizer) = &self.obs {
            normalizer.normalize(seen);
        }
    }

    /// Adds a training step of environment `env` to the statistics and returns the normalised
    /// reward.
    ///
    /// It uses the observation before the step, so that each counts once.
    pub fn observe(&mut self, env: usize, transition: &Transition<'_>) -> f32 {
        if let Some(normalizer) = &mut self.obs {
            normalizer.update(transition.obs);
        }
        let ended = transition.terminated || transition.truncated;
        match &mut self.reward {
            Some(normalizer) => normalizer.update(env, transition.reward, ended),
            None => transition.reward,
        }
    }
}

impl NormalizeConfig {
    pub(crate) fn validate(&self, key: &str) -> Result<(), ConfigError> {
        positive(&format!("{key}.clip"), self.clip)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::float_cmp, clippy::unwrap_used, reason = "a test of exact numbers")]

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Mean and variance are those of all the data, regardless of the splits.
        #[test]
        fn chunking_changes_nothing(
            values in prop::collection::vec(-100.0_f32..100.0, 3..200), cuts in prop::collection::vec(0..66_usize, 0..6),
        ) {
            let values = &values[..values.len() / 3 * 3];
            let mut whole = RunningStats::new(3);
            whole.update(values);
            let mut parts = RunningStats::new(3);
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| (3 * cut).min(values.len())).collect();
            cuts.extend([0, values.len()]);
            cuts.sort_unstable();
            for pair in cuts.windows(2) {
                parts.update(&values[pair[0]..pair[1]]);
            }
            let count = values.len() as f64 / 3.0;
            prop_assert_eq!((whole.count(), parts.count()), (count, count));
            for index in 0..3 {
                let column: Vec<f64> = values.iter().skip(index).step_by(3).map(|x| f64::from(*x)).collect();
                let mean = column.iter().sum::<f64>() / count;
                let variance = column.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / count;
                for stats in [&whole, &parts] {
                    prop_assert!((stats.mean()[index] - mean).abs() < 1e-10);
                    prop_assert!((stats.variance(index) - variance).abs() < 1e-8);
                }
            }
        }
    }

    #[test]
    fn observations_by_hand() {
        let mut normalizer = ObsNormalizer::new(2, 1.5);
        let mut obs = [3.0, -0.5];
        normalizer.normalize(&mut obs);
        assert_eq!(obs, [1.5, -0.5], "before any data: clipped only");
        normalizer.update(&[1.0, 10.0, 3.0, 10.0]);
        let mut obs = [3.0, 10.0, 2.5, 10.001, -9.0, 10.0];
        normalizer.normalize(&mut obs);
        // Means 2 and 10, variances 1 and 0.
        for (found, expected) in obs.iter().zip([1.0, 0.0, 0.5, 1.5, -1.5, 0.0]) {
            assert!((found - expected).abs() < 1e-6, "{obs:?}");
        }
    }

    #[test]
    fn rewards_by_hand() {
        let mut normalizer = RewardNormalizer::new(0.5, 10.0, 1);
        assert_eq!(normalizer.update(0, 2.0, false), 10.0, "no variance yet: clipped");
        // R: 2, 3 → variance 0.25.
        assert!((normalizer.update(0, 2.0, true) - 4.0).abs() < 1e-6);
        // A new episode: R = −1; the variance of 2, 3, −1 is 26/9.
        let expected = -1.0 / (26.0_f32 / 9.0).sqrt();
        assert!((normalizer.update(0, -1.0, false) - expected).abs() < 1e-6);
    }

    #[test]
    fn normalisers_take_what_was_acted_on_and_end_the_return_with_the_episode() {
        let config = NormalizeConfig { obs: true, reward: true, clip: 10.0 };
        let mut both = Normalizers::new(&config, 1, 0.5, 1);
        let (mut obs, mut reward) =
            (ObsNormalizer::new(1, 10.0), RewardNormalizer::new(0.5, 10.0, 1));
        let mut seen = Vec::new();
        for (x, ends) in [
            (1.0, (false, false)),
            (3.0, (false, true)),
            (-2.0, (true, false)),
            (4.0, (false, false)),
        ] {
            let (terminated, truncated) = ends;
            let transition = Transition {
                obs: &[x],
                action: &[0.0],
                reward: x,
                next_obs: &[99.0],
                terminated,
                truncated,
            };
            obs.update(&[x]);
            assert_eq!(both.observe(0, &transition), reward.update(0, x, terminated || truncated));
            let mut expected = [x + 0.5];
            obs.normalize(&mut expected);
            both.see(&[x + 0.5], &mut seen);
            assert_eq!(seen, expected);
        }
        let off = NormalizeConfig { obs: false, reward: false, clip: 10.0 };
        Normalizers::new(&off, 1, 0.5, 1).see(&[77.0], &mut seen);
        assert_eq!(seen, [77.0]);
    }

    #[test]
    fn statistics_are_saved_with_all_their_bits() {
        let mut normalizer = ObsNormalizer::new(3, 10.0);
        normalizer.update(&[0.1, 0.2, 0.3, 1e-7, 7.7, -3.3]);
        let json = serde_json::to_string(&normalizer).unwrap();
        assert_eq!(serde_json::from_str::<ObsNormalizer>(&json).unwrap(), normalizer);
    }
}
