//! How long an episode may be.

use crate::env::EnvError;

/// Steps of an episode (1): the limit of every task here, unless its settings say otherwise.
pub const EPISODE_STEPS: u32 = 1000;

/// The longest limit: an evaluation plays whole episodes, these for an hour.
pub(crate) const MOST_EPISODE_STEPS: u32 = 10_000_000;

/// Checks the time limit of a task of a family.
pub(crate) fn check_episode_steps(family: &str, steps: u32) -> Result<(), EnvError> {
    let allowed = match steps {
        0 => "at least 1".to_owned(),
        1..=MOST_EPISODE_STEPS => return Ok(()),
        _ => format!("at most {MOST_EPISODE_STEPS}"),
    };
    let key = format!("env.{family}.max_episode_steps");
    Err(EnvError::Config { key, value: steps.to_string(), allowed })
}
