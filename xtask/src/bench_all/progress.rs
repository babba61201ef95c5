//! What the user sees while the runs are under way: bars on a terminal, a few lines elsewhere.

use std::io::{self, IsTerminal};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use pmoe_results::{AnalysisKind, one_line};
use serde::Deserialize;

use super::estimate::spoken;
use super::plan::Planned;

/// Without a terminal, at most one line about the whole in this time.
const LINE_EVERY: Duration = Duration::from_secs(60);

const WORKER: &str = "{prefix:<40!} {bar:16} {percent:>3} %  {msg:<26!} {eta} left";
const MATRIX: &str = "{prefix:<40} {bar:16} {percent:>3} %  {msg:<26} {eta} left";

/// A line that `pmoe train --progress json` writes.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub struct Report {
    pub env_step: u64,
    /// Return of the newest training episode; none has ended yet if absent.
    pub episode_return: Option<f64>,
    pub steps_per_second: Option<f64>,
}

impl Report {
    /// Reads a line; anything that is no report is `None`.
    pub fn parse(line: &str) -> Option<Self> {
        serde_json::from_str(line).ok()
    }

    fn spoken(self) -> String {
        let mut parts = Vec::new();
        parts.extend(self.episode_return.map(|value| format!("return {value:.0}")));
        parts.extend(self.steps_per_second.map(|value| format!("{value:.0} steps/s")));
        parts.join(", ")
    }
}

/// Progress of the workers and of the whole.
pub struct Display {
    bars: Option<Bars>,
    num_runs: usize,
    total_steps: u64,
    begun: Instant,
    state: Mutex<State>,
}

struct Bars {
    all: MultiProgress,
    matrix: ProgressBar,
    workers: Vec<ProgressBar>,
}

struct State {
    /// Step of each worker's run.
    worker_steps: Vec<u64>,
    /// Steps that are behind us, and those that were so at the start.
    steps: u64,
    steps_before: u64,
    runs_over: usize,
    last_line: Instant,
}

impl Display {
    pub fn new(runs: &[Planned], jobs: usize) -> Self {
        let total_steps = runs.iter().map(|run| run.run.total_steps).sum();
        let steps = runs.iter().map(Planned::steps_done).sum();
        let bars = io::stderr().is_terminal().then(|| Bars::new(jobs, total_steps, steps));
        let now = Instant::now();
        Self {
            bars,
            num_runs: runs.len(),
            total_steps,
            begun: now,
            state: Mutex::new(State {
                worker_steps: vec![0; jobs],
                steps,
                steps_before: steps,
                runs_over: 0,
                last_line: now,
            }),
        }
    }

    /// A worker has taken a run.
    pub fn start(&self, worker: usize, run: &Planned) {
        let step = run.steps_done();
        self.lock().worker_steps[worker] = step;
        match &self.bars {
            Some(bars) => {
                let bar = &bars.workers[worker];
                bar.set_length(run.run.total_steps);
                bar.set_position(step);
                bar.reset_eta();
                bar.set_prefix(run.name());
                bar.set_message("");
            }
            None if step < run.run.total_steps => {
                let from = if step > 0 { format!(" from step {step}") } else { String::new() };
                self.note(&format!("{}: started{from}", run.name()));
            }
            None => {}
        }
    }

    /// A worker's run has got further.
    pub fn advance(&self, worker: usize, report: Report) {
        let mut state = self.lock();
        let before = std::mem::replace(&mut state.worker_steps[worker], report.env_step);
        state.steps += report.env_step.saturating_sub(before);
        if let Some(bars) = &self.bars {
            bars.workers[worker].set_position(report.env_step);
            bars.workers[worker].set_message(report.spoken());
            bars.matrix.set_position(state.steps);
        } else if state.last_line.elapsed() >= LINE_EVERY {
            state.last_line = Instant::now();
            let line = self.summary(&state);
            drop(state);
            self.note(&line);
        }
    }

    /// A worker's run has been trained and is looked at.
    pub fn analyze(&self, worker: usize, kind: AnalysisKind) {
        if let Some(bars) = &self.bars {
            bars.workers[worker].set_message(format!("analysis: {kind}"));
        }
    }

    /// A worker's run is over, well or not: nothing of it is left to wait for.
    pub fn finish(&self, worker: usize, run: &Planned, outcome: &str) {
        let mut state = self.lock();
        state.steps += run.run.total_steps.saturating_sub(state.worker_steps[worker]);
        state.runs_over += 1;
        if let Some(bars) = &self.bars {
            bars.workers[worker].set_prefix("idle");
            bars.workers[worker].set_message("");
            bars.matrix.set_position(state.steps);
            bars.matrix.set_message(format!("{} of {} runs", state.runs_over, self.num_runs));
        }
        drop(state);
        self.note(&format!("{}: {outcome}", run.name()));
    }

    /// A line above the bars.
    pub fn note(&self, line: &str) {
        let line = one_line(line);
        match &self.bars {
            Some(bars) => bars.all.suspend(|| say!("{line}")),
            None => say!("{line}"),
        }
    }

    /// Takes the bars away.
    pub fn clear(&self) {
        if let Some(bars) = &self.bars {
            // A terminal that is gone needs no clearing.
            let _ = bars.all.clear();
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "step counts are far below 2^52")]
    fn summary(&self, state: &State) -> String {
        let share = state.steps as f64 / self.total_steps.max(1) as f64;
        let taken = state.steps.saturating_sub(state.steps_before).max(1);
        let left = self.total_steps.saturating_sub(state.steps);
        let seconds = self.begun.elapsed().as_secs_f64() * left as f64 / taken as f64;
        format!(
            "{} of {} runs over, {:.0} % of the steps, {} left",
            state.runs_over,
            self.num_runs,
            100.0 * share,
            spoken(seconds)
        )
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Bars {
    fn new(jobs: usize, total_steps: u64, steps: u64) -> Self {
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        let add = |length, template| {
            let bar = all.add(ProgressBar::new(length));
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style.progress_chars("=> "));
            }
            bar
        };
        let workers = (0..jobs).map(|_| add(1, WORKER)).collect();
        let matrix = add(total_steps, MATRIX);
        matrix.set_prefix("all runs");
        matrix.set_position(steps);
        matrix.reset_eta();
        matrix.enable_steady_tick(Duration::from_secs(1));
        Self { all, matrix, workers }
    }
}

#[cfg(test)]
mod tests {
    use pmoe_results::RunProgress;

    use super::*;
    use crate::bench_all::plan::tests::planned;

    fn report(env_step: u64) -> Report {
        Report { env_step, episode_return: None, steps_per_second: None }
    }

    #[test]
    fn reports_are_read_and_other_lines_are_not() {
        let line = r#"{"env_step": 500, "total_steps": 3000, "episode_return": 81.5, "steps_per_second": 240.2}"#;
        let read = Report::parse(line).unwrap();
        assert_eq!((read.env_step, read.episode_return), (500, Some(81.5)));
        assert_eq!(read.spoken(), "return 82, 240 steps/s");

        let early = r#"{"env_step": 1, "total_steps": 3000, "episode_return": null, "steps_per_second": null}"#;
        assert_eq!(Report::parse(early), Some(report(1)));
        assert_eq!(report(1).spoken(), "");

        for line in ["", "done", "{}", r#"{"env_step": -1}"#, r#"{"env_step": 5"#] {
            assert_eq!(Report::parse(line), None, "{line}");
        }
    }

    #[test]
    fn steps_add_up_over_workers() {
        let runs = [
            planned("sac", "Ant-v4", 0, RunProgress::Unfinished { env_step: 400 }),
            planned("sac", "Ant-v4", 1, RunProgress::New),
        ];
        let display = Display::new(&runs, 2);
        assert_eq!(display.lock().steps, 400);
        display.start(0, &runs[0]);
        display.start(1, &runs[1]);
        display.advance(0, report(600));
        display.advance(1, report(100));
        assert_eq!(display.lock().steps, 700);
        // A run that continues from an older checkpoint than its manifest says takes nothing back.
        display.advance(1, report(50));
        assert_eq!(display.lock().steps, 700);
        display.finish(0, &runs[0], "done");
        assert_eq!(display.lock().steps, 1_100);
        assert!(
            display.summary(&display.lock()).starts_with("1 of 2 runs over, 55 % of the steps")
        );
    }
}
