//! Returns of a policy with noisy observations, Table 5.

use std::path::Path;

use anyhow::Result;
use pmoe_algos::RunConfig;
use pmoe_algos::seed::Stream;
use pmoe_results::analysis::{NoiseLevel, Robustness, RobustnessSettings};

use super::Purpose;
use crate::commands::policy::{self, Streams};
use crate::progress::Work;

/// Plays episodes at each noise level, as `pmoe evaluate --obs-noise` does.
pub(super) fn look(
    run: &Path,
    config: &RunConfig,
    settings: &RobustnessSettings,
    work: &mut Work,
) -> Result<Robustness> {
    let streams =
        Streams { seed: config.seed, stream: Stream::Analyze, first: Purpose::Robustness.stream() };
    let what = format!("playing {} episodes at each strength of noise", settings.episodes);
    work.part(what, settings.obs_noise.len() as u64, "strengths");
    let level = |obs_noise: &f64| {
        let played = policy::play(run, config, settings.episodes, *obs_noise, streams, 1)?;
        work.advance();
        Ok(NoiseLevel { obs_noise: *obs_noise, returns: played.returns, lengths: played.lengths })
    };
    let levels = settings.obs_noise.iter().map(level).collect::<Result<_>>()?;
    Ok(Robustness { settings: settings.clone(), levels })
}
