//! Time that the runs will still take.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{RunState, RunView, StateKind, steps};

/// Work left, without failed runs, which may never start again.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Left {
    /// Seconds for one run after another.
    pub work_seconds: f64,
    /// Seconds until all runs are done with as many at a time as now; `None` if none is running.
    pub seconds: Option<f64>,
    /// Runs in progress.
    pub jobs: usize,
    /// Whether most of it belongs to methods or tasks that have not been timed here.
    pub rough: bool,
}

/// Estimates the work left in `runs`.
///
/// For a run of unknown speed it uses the mean of the runs that differ only in the seed, else of
/// the runs on the same task, else of all runs.
pub(super) fn left(runs: &[RunView]) -> Option<Left> {
    let (mut of_kind, mut of_task, mut of_all) =
        (BTreeMap::new(), BTreeMap::new(), Mean::default());
    for run in runs {
        // Seconds per step can be averaged; steps per second can't.
        if let Some(speed) = run.steps_per_second {
            of_kind.entry(kind(run)).or_insert_with(Mean::default).add(speed.recip());
            of_task.entry(run.task.as_str()).or_insert_with(Mean::default).add(speed.recip());
            of_all.add(speed.recip());
        }
    }
    let mean = |run: &RunView| of_kind.get(&kind(run)).and_then(Mean::get);
    let guess =
        |run: &RunView| of_task.get(run.task.as_str()).and_then(Mean::get).or_else(|| of_all.get());

    let (mut work_seconds, mut guessed_seconds, mut longest, mut jobs) = (0.0, 0.0, 0.0_f64, 0);
    for run in runs {
        let seconds = match run.state.kind() {
            StateKind::Failed | StateKind::Done => continue,
            _ if run.seconds_left.is_some() => run.seconds_left?,
            _ => {
                let steps = steps(run.total_steps.saturating_sub(run.env_step));
                match (mean(run), guess(run)) {
                    (Some(mean), _) => mean * steps,
                    (None, guess) => {
                        let seconds = guess? * steps;
                        guessed_seconds += seconds;
                        seconds
                    }
                }
            }
        };
        jobs += usize::from(run.state == RunState::Running);
        work_seconds += seconds;
        longest = longest.max(seconds);
    }
    let seconds = (jobs > 0).then(|| longest.max(work_seconds / float(jobs)));
    let rough = guessed_seconds > work_seconds / 2.0;
    (work_seconds > 0.0).then_some(Left { work_seconds, seconds, jobs, rough })
}

/// Method, task and settings: runs that differ only in the seed are equally fast.
fn kind(run: &RunView) -> (&str, &str, &BTreeMap<String, String>) {
    (&run.method, &run.task, &run.set)
}

#[derive(Default)]
struct Mean {
    sum: f64,
    num: usize,
}

impl Mean {
    fn add(&mut self, value: f64) {
        self.sum += value;
        self.num += 1;
    }

    fn get(&self) -> Option<f64> {
        (self.num > 0).then(|| self.sum / float(self.num))
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn float(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::view;

    fn left_of(runs: &[RunView]) -> Left {
        left(runs).unwrap()
    }

    #[test]
    fn time_left_comes_from_the_nearest_speed() {
        let timed = |method: &str, task: &str, speed: f64| {
            let mut run = view(method, task, 0, RunState::Done, 1_000);
            run.steps_per_second = Some(speed);
            run
        };
        let waiting = view("sac", "Ant-v2", 5, RunState::Waiting, 0);
        let mut runs = vec![timed("dac", "Hopper-v2", 50.0), waiting];
        // From all runs: 1000 steps at 50 per second, with no run in progress.
        let left = left_of(&runs);
        assert_eq!((left.work_seconds, left.seconds, left.rough), (20.0, None, true));
        // From the task.
        runs.push(timed("dac", "Ant-v2", 100.0));
        let left = left_of(&runs);
        assert_eq!((left.work_seconds, left.rough), (10.0, true));
        // From the same settings.
        runs.push(timed("sac", "Ant-v2", 200.0));
        let left = left_of(&runs);
        assert_eq!((left.work_seconds, left.rough), (5.0, false));
        // Two runs in progress with 40 seconds left each; the other 5 seconds fit in between.
        runs.extend([0, 1].map(|seed| view("pmoe-sac", "Ant-v2", seed, RunState::Running, 600)));
        let left = left_of(&runs);
        assert_eq!((left.seconds, left.jobs), (Some(42.5), 2));
    }

    #[test]
    fn the_longest_run_decides_when_it_is_alone() {
        let mut runs = vec![view("sac", "Ant-v2", 0, RunState::Running, 900)];
        runs.push(view("sac", "Ant-v2", 1, RunState::Running, 100));
        assert_eq!(left_of(&runs).seconds, Some(90.0));
    }

    #[test]
    fn nothing_is_left_of_what_is_over_or_unknown() {
        let failed = RunState::Failed { reason: String::new() };
        let over =
            [view("sac", "Ant-v2", 0, RunState::Done, 1_000), view("sac", "Ant-v2", 1, failed, 5)];
        assert_eq!(left(&over), None);
        assert_eq!(left(&[view("sac", "Ant-v2", 0, RunState::Waiting, 0)]), None);
        assert_eq!(left(&[]), None);
    }
}
