//! Numbers formatted for reading.

use pmoe_results::text::one_line;

use crate::job::Job;
use crate::snapshot::{Count, Left, Snapshot, StateKind};

/// Placeholder for a missing number.
pub(crate) const NONE: &str = "–";

/// Formats a duration in its two largest units: `3 h 20 min`.
pub(crate) fn duration(seconds: f64) -> String {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
    let seconds = seconds.round().max(0.0) as u64;
    let (minutes, hours) = (seconds / 60, seconds / 3600);
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{minutes} min"),
        3600..86_400 => format!("{hours} h {} min", minutes % 60),
        _ => format!("{} d {} h", hours / 24, hours % 24),
    }
}

/// Formats a share in percent, rounded down: only 1 gives 100 %.
pub(crate) fn percent(share: f64) -> String {
    format!("{} %", (share * 100.0).floor())
}

/// Formats a return, with fewer digits the larger it is.
pub(crate) fn quantity(value: f64) -> String {
    match value.abs() {
        1e6.. => format!("{value:.2e}"),
        100.0.. => format!("{value:.0}"),
        1.0.. => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

pub(crate) fn optional(value: Option<f64>, format: impl Fn(f64) -> String) -> String {
    value.map_or_else(|| NONE.to_owned(), format)
}

/// Formats environment steps: `300k`.
pub(crate) fn steps(steps: f64) -> String {
    match steps {
        1e6.. => format!("{}M", (steps / 1e4).round() / 100.0),
        1e3.. => format!("{}k", (steps / 1e2).round() / 10.0),
        _ => steps.round().to_string(),
    }
}

/// Formats counts per state: `12 of 345 runs done, 2 running, 331 waiting`.
pub(crate) fn counts(count: &Count) -> String {
    let all = count.all();
    let noun = if all == 1 { "run" } else { "runs" };
    let mut parts = vec![format!("{} of {all} {noun} done", count.of(StateKind::Done))];
    let others = StateKind::SPOKEN.into_iter().filter(|kind| *kind != StateKind::Done);
    for kind in others.filter(|kind| count.of(*kind) > 0) {
        parts.push(format!("{} {}", count.of(kind), kind.word()));
    }
    parts.join(", ")
}

/// Formats a job: `job 4711_12 on node7`.
pub(crate) fn job(job: &Job) -> String {
    match &job.node {
        Some(node) => one_line(&format!("job {} on {node}", job.id)),
        None => one_line(&format!("job {}", job.id)),
    }
}

/// Formats the time left: `about 2 d 3 h left, 2 runs at a time`.
pub(crate) fn spoken_left(left: Left) -> String {
    let Left { work_seconds, seconds, jobs, rough } = left;
    let about = if rough { "very roughly" } else { "about" };
    match seconds {
        Some(seconds) if jobs == 1 => {
            format!("{about} {} left, 1 run at a time", duration(seconds))
        }
        Some(seconds) => format!("{about} {} left, {jobs} runs at a time", duration(seconds)),
        None => format!("{about} {} of work left, nothing running", duration(work_seconds)),
    }
}

/// Formats the scale of a folder: `paper, at most 300k steps`.
pub(crate) fn scale(snapshot: &Snapshot) -> String {
    let preset = snapshot.preset.map_or("no plan".to_owned(), |preset| preset.to_string());
    match snapshot.max_steps {
        #[expect(clippy::cast_precision_loss, reason = "step counts are far below 2^52")]
        Some(max_steps) => format!("{preset}, at most {} steps", steps(max_steps as f64)),
        None => preset,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_two_units() {
        let texts = [0.2, 59.6, 3_599.0, 12_000.0, 100_000.0, -5.0, 1e300].map(duration);
        let huge = &texts[6];
        assert_eq!(texts[..6], ["0 s", "1 min", "59 min", "3 h 20 min", "1 d 3 h", "0 s"]);
        assert!(huge.ends_with('h'), "{huge}");
    }

    #[test]
    fn numbers_have_as_many_digits_as_they_deserve() {
        let texts = [3127.6, -81.25, 0.126, 1.5e7].map(quantity);
        assert_eq!(texts, ["3128", "-81.2", "0.13", "1.50e7"]);
        assert_eq!([0.0, 900.0, 62_500.0, 1e6].map(steps), ["0", "900", "62.5k", "1M"]);
        assert_eq!([0.0, 0.999, 1.0].map(percent), ["0 %", "99 %", "100 %"]);
    }
}
