//! Progress for the user: bars on a terminal, a few lines elsewhere.

use std::io::{self, IsTerminal};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use pmoe_results::error::with_causes;
use pmoe_results::text::one_line;

use crate::end::RunEnd;
use crate::executor::{Advance, Notice};
use crate::select::Planned;
use crate::words::{counted, spoken};

/// Shortest time between two summary lines, without a terminal.
const LINE_EVERY: Duration = Duration::from_secs(60);

const RUN: &str = "{prefix:<40!} {bar:16} {percent:>3} %  {msg:<26!} {eta} left";
const MATRIX: &str = "{prefix:<40} {bar:16} {percent:>3} %  {msg:<26} {eta} left";

/// Shows the progress of each run and of all runs together.
pub struct ProgressDisplay<'a> {
    runs: &'a [Planned],
    say: fn(&str),
    bars: Option<Bars>,
    total_steps: u64,
    begun: Instant,
    state: Mutex<State>,
}

struct Bars {
    all: MultiProgress,
    matrix: ProgressBar,
    /// One bar for each run in progress.
    slots: Vec<ProgressBar>,
}

struct State {
    /// Steps done of each run.
    run_steps: Vec<u64>,
    /// The run that each bar shows.
    shown: Vec<Option<usize>>,
    /// Steps done of all runs, now and at the start.
    steps: u64,
    steps_before: u64,
    runs_over: usize,
    last_line: Instant,
    /// Waiting and running jobs, as last shown.
    queue: Option<(usize, usize)>,
    /// Why a cluster is waited for, as last shown.
    waits_for: Option<String>,
}

impl<'a> ProgressDisplay<'a> {
    /// Creates a display of `runs`, `jobs` of which are in progress at a time.
    ///
    /// `say` receives lines for stderr. If stderr is a terminal, bars appear at once.
    #[must_use]
    pub fn new(runs: &'a [Planned], jobs: usize, say: fn(&str)) -> Self {
        let jobs = jobs.min(runs.len());
        let total_steps = runs.iter().map(|run| run.run.total_steps).sum();
        let steps = runs.iter().map(Planned::steps_done).sum();
        let bars = io::stderr().is_terminal().then(|| Bars::new(jobs, total_steps, steps));
        let now = Instant::now();
        Self {
            runs,
            say,
            bars,
            total_steps,
            begun: now,
            state: Mutex::new(State {
                run_steps: vec![0; runs.len()],
                shown: vec![None; jobs],
                steps,
                steps_before: steps,
                runs_over: 0,
                last_line: now,
                queue: None,
                waits_for: None,
            }),
        }
    }

    /// Shows a notice of an executor.
    pub fn show(&self, notice: Notice<'_>) {
        let name = |run: usize| self.runs[run].name();
        match notice {
            Notice::Started(run) => self.start(run),
            Notice::Advanced(run, advance) => self.advance(run, advance),
            Notice::Analyzing(run, kind) => {
                if let Some(bar) = self.bar(&self.lock(), run) {
                    bar.set_message(format!("analysis: {kind}"));
                }
            }
            Notice::Retried { run, reason, attempt, of } => {
                self.line(&format!("{}: failed: {reason}; try {attempt} of {of}", name(run)));
            }
            Notice::Postponed(run) => {
                self.release(&mut self.lock(), run);
                self.line(&format!(
                    "{}: another process is working on it; will try again later",
                    name(run)
                ));
            }
            Notice::Over(run, end) => self.finish(run, end),
            Notice::NotNoted(run, error) => {
                self.line(&format!("{}: {}", name(run), with_causes(error)));
            }
            Notice::Submitted { runs, job } => {
                self.line(&format!("{} submitted as job {job}", counted(runs, "run")));
            }
            Notice::Handed { runs } => {
                self.line(&format!("{} handed to the command", counted(runs, "run")));
            }
            Notice::Queue { waiting, running } => self.queue(waiting, running),
            Notice::Waiting(reason) => self.waiting(reason),
            Notice::Cancelled => self.line("cancelled; the same command continues"),
            Notice::Left { runs, out } => {
                let (runs, out) = (counted(runs, "run"), out.display());
                self.line(&format!(
                    "{runs} left to the cluster: `pmoe matrix status {out}` shows them, `wait` instead of `status` \
                     goes on here, `cancel` ends them"
                ));
            }
            Notice::Stopping(_) => {
                self.line("stopping: waiting for checkpoints (interrupt again to kill)")
            }
            Notice::Killing => {
                self.line("killing the runs; each will resume from its last checkpoint");
            }
        }
    }

    /// Removes the bars.
    pub fn clear(&self) {
        if let Some(bars) = &self.bars {
            // A terminal that is gone needs no clearing.
            let _ = bars.all.clear();
        }
    }

    /// Shows why a cluster is waited for, once, and then a line a minute at most.
    fn waiting(&self, reason: &str) {
        let mut state = self.lock();
        let is_known = state.waits_for.as_deref() == Some(reason);
        if is_known && state.last_line.elapsed() < LINE_EVERY {
            return;
        }
        state.waits_for = Some(reason.to_owned());
        state.last_line = Instant::now();
        drop(state);
        self.line(&format!("{reason}; trying again"));
    }

    /// Shows the state of a cluster's queue when it has changed, a line a minute at most.
    fn queue(&self, waiting: usize, running: usize) {
        let mut state = self.lock();
        let is_news = state.queue != Some((waiting, running));
        if !is_news || state.queue.is_some() && state.last_line.elapsed() < LINE_EVERY {
            return;
        }
        state.queue = Some((waiting, running));
        state.last_line = Instant::now();
        let over = state.runs_over;
        drop(state);
        self.line(&format!(
            "{running} running, {waiting} waiting, {over} ended since the start, of {}",
            counted(self.runs.len(), "run")
        ));
    }

    fn start(&self, index: usize) {
        let run = &self.runs[index];
        let step = run.steps_done();
        let mut state = self.lock();
        state.run_steps[index] = step;
        if let Some(free) = state.shown.iter_mut().find(|shown| shown.is_none()) {
            *free = Some(index);
        }
        if let Some(bar) = self.bar(&state, index) {
            bar.set_length(run.run.total_steps);
            bar.set_position(step);
            bar.reset_eta();
            bar.set_prefix(run.name());
            bar.set_message("");
        }
        drop(state);
        if self.bars.is_none() && step < run.run.total_steps {
            let from = if step > 0 { format!(" from step {step}") } else { String::new() };
            self.line(&format!("{}: started{from}", run.name()));
        }
    }

    fn advance(&self, run: usize, advance: Advance) {
        let mut state = self.lock();
        let before = std::mem::replace(&mut state.run_steps[run], advance.env_step);
        state.steps += advance.env_step.saturating_sub(before);
        if let Some(bar) = self.bar(&state, run) {
            bar.set_position(advance.env_step);
            bar.set_message(message(advance));
        }
        if let Some(bars) = &self.bars {
            bars.matrix.set_position(state.steps);
        } else if state.last_line.elapsed() >= LINE_EVERY {
            state.last_line = Instant::now();
            let line = self.summary(&state);
            drop(state);
            self.line(&line);
        }
    }

    /// Marks a run as ended; its remaining steps count as done.
    fn finish(&self, index: usize, end: &RunEnd) {
        let run = &self.runs[index];
        let mut state = self.lock();
        state.steps += run.run.total_steps.saturating_sub(state.run_steps[index]);
        state.runs_over += 1;
        self.release(&mut state, index);
        if let Some(bars) = &self.bars {
            bars.matrix.set_position(state.steps);
            bars.matrix.set_message(format!("{} of {} runs", state.runs_over, self.runs.len()));
        }
        drop(state);
        self.line(&format!("{}: {end}", run.name()));
    }

    /// Returns the bar of a run, if it has one.
    fn bar(&self, state: &State, run: usize) -> Option<&ProgressBar> {
        let slot = state.shown.iter().position(|shown| *shown == Some(run))?;
        Some(&self.bars.as_ref()?.slots[slot])
    }

    /// Frees the bar of a run for another run.
    fn release(&self, state: &mut State, run: usize) {
        if let Some(bar) = self.bar(state, run) {
            bar.set_prefix("idle");
            bar.set_message("");
        }
        state.shown.iter_mut().filter(|shown| **shown == Some(run)).for_each(|shown| *shown = None);
    }

    /// Writes a line above the bars.
    fn line(&self, line: &str) {
        let line = one_line(line);
        match &self.bars {
            Some(bars) => bars.all.suspend(|| (self.say)(&line)),
            None => (self.say)(&line),
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "step counts are far below 2^52")]
    fn summary(&self, state: &State) -> String {
        let share = state.steps as f64 / self.total_steps.max(1) as f64;
        let taken = state.steps.saturating_sub(state.steps_before).max(1);
        let left = self.total_steps.saturating_sub(state.steps);
        let seconds = self.begun.elapsed().as_secs_f64() * left as f64 / taken as f64;
        format!(
            "{} of {} runs ended, {:.0} % of the steps, {} left",
            state.runs_over,
            self.runs.len(),
            100.0 * share,
            spoken(seconds)
        )
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Formats return and speed of a run.
fn message(advance: Advance) -> String {
    let mut parts = Vec::new();
    parts.extend(advance.episode_return.map(|value| format!("return {value:.0}")));
    parts.extend(advance.steps_per_second.map(|value| format!("{value:.0} steps/s")));
    parts.join(", ")
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
        let slots = (0..jobs).map(|_| add(1, RUN)).collect();
        let matrix = add(total_steps, MATRIX);
        matrix.set_prefix("all runs");
        matrix.set_position(steps);
        matrix.reset_eta();
        matrix.enable_steady_tick(Duration::from_secs(1));
        Self { all, matrix, slots }
    }
}

#[cfg(test)]
mod tests {
    use pmoe_results::plan::RunProgress;

    use super::*;
    use crate::select::tests::planned;

    fn advance(env_step: u64) -> Advance {
        Advance { env_step, episode_return: None, steps_per_second: None }
    }

    #[test]
    fn a_message_says_what_is_known() {
        let known =
            Advance { episode_return: Some(81.5), steps_per_second: Some(240.2), ..advance(1) };
        assert_eq!(message(known), "return 82, 240 steps/s");
        assert_eq!(message(advance(1)), "");
    }

    #[test]
    fn steps_add_up_over_runs() {
        let runs = [
            planned("sac", "Ant-v4", 0, RunProgress::Unfinished { env_step: 400 }),
            planned("sac", "Ant-v4", 1, RunProgress::New),
        ];
        let display = ProgressDisplay::new(&runs, 2, |_| {});
        assert_eq!(display.lock().steps, 400);
        display.show(Notice::Started(0));
        display.show(Notice::Started(1));
        display.show(Notice::Advanced(0, advance(600)));
        display.show(Notice::Advanced(1, advance(100)));
        assert_eq!(display.lock().steps, 700);
        // A run that resumes from a checkpoint older than its manifest takes no steps back.
        display.show(Notice::Advanced(1, advance(50)));
        assert_eq!(display.lock().steps, 700);
        display.show(Notice::Over(0, &RunEnd::Done));
        assert_eq!(display.lock().steps, 1_100);
        assert!(
            display.summary(&display.lock()).starts_with("1 of 2 runs ended, 55 % of the steps")
        );
    }

    #[test]
    fn a_place_that_is_free_is_taken_by_the_next_run() {
        let runs = [0, 1, 2].map(|seed| planned("sac", "Ant-v4", seed, RunProgress::New));
        let display = ProgressDisplay::new(&runs, 2, |_| {});
        let shown = || display.lock().shown.clone();
        display.show(Notice::Started(1));
        display.show(Notice::Started(0));
        assert_eq!(shown(), [Some(1), Some(0)]);
        display.show(Notice::Postponed(1));
        display.show(Notice::Started(2));
        assert_eq!(shown(), [Some(2), Some(0)]);
        display.show(Notice::Over(0, &RunEnd::Done));
        display.show(Notice::Started(1));
        assert_eq!(shown(), [Some(2), Some(1)]);
    }
}
