//! The length of episodes.

use crate::env::EnvError;

/// Default time limit of every task (steps).
pub const EPISODE_STEPS: u32 = 1000;

/// The longest time limit (steps). Evaluations play whole episodes; one of this length takes an
/// hour.
pub(crate) const MOST_EPISODE_STEPS: u32 = 10_000_000;

/// Validates the time limit of a task; `family` is used in the error's key.
pub(crate) fn check_episode_steps(family: &str, steps: u32) -> Result<(), EnvError> {
    let allowed = match steps {
        0 => "at least 1".to_owned(),
        1..=MOST_EPISODE_STEPS => return Ok(()),
        _ => format!("at most {MOST_EPISODE_STEPS}"),
    };
    let key = format!("env.{family}.max_episode_steps");
    Err(EnvError::Config { key, value: steps.to_string(), allowed })
}
