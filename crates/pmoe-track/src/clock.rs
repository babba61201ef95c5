//! When a run took a step, by its manifest: its events do not say.

use std::time::{Duration, SystemTime};

use pmoe_results::run::Attempt;

/// Returns the time (seconds since 1970) at which a run had taken `env_step` steps, as if each attempt took all its
/// steps alike; no later than the end of the newest attempt as far as its manifest knows.
pub(crate) fn time_of(attempts: &[Attempt], env_step: u64) -> f64 {
    // What comes at the step of a checkpoint was reported before it.
    let attempt = attempts.iter().rev().find(|attempt| attempt.from_step < env_step);
    let Some(attempt) = attempt.or(attempts.first()) else { return 0.0 };
    let steps = attempt.to_step.saturating_sub(attempt.from_step);
    let taken = env_step.saturating_sub(attempt.from_step).min(steps);
    let share = if steps == 0 { 0.0 } else { taken as f64 / steps as f64 };
    let started = humantime::parse_rfc3339(&attempt.started).unwrap_or(SystemTime::UNIX_EPOCH);
    seconds(started) + share * attempt.wall_seconds
}

/// Returns a time as seconds since 1970.
pub(crate) fn seconds(time: SystemTime) -> f64 {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(started: &str, from_step: u64, to_step: u64, wall_seconds: f64) -> Attempt {
        Attempt {
            started: started.to_owned(),
            from_step,
            to_step,
            wall_seconds,
            provenance: None,
            cut_episodes: false,
        }
    }

    #[test]
    fn a_step_is_as_far_into_its_attempt_as_into_its_steps() {
        // 1970-01-01T00:00:00Z is 0. The second attempt goes on from the checkpoint at step 60.
        let attempts = [
            attempt("1970-01-01T00:00:10Z", 0, 100, 50.0),
            attempt("1970-01-01T01:00:00Z", 60, 160, 200.0),
        ];
        for (env_step, time) in [
            (0, 10.0),
            (30, 25.0),
            (60, 40.0),
            (61, 3602.0),
            (110, 3700.0),
            (160, 3800.0),
            (900, 3800.0),
        ] {
            assert!((time_of(&attempts, env_step) - time).abs() < 1e-9, "{env_step}");
        }
        let just_begun = [attempt("1970-01-01T00:00:10Z", 0, 0, 0.0)];
        assert!((time_of(&just_begun, 70) - 10.0).abs() < 1e-9);
        assert!(time_of(&[], 70).abs() < 1e-9);
    }
}
