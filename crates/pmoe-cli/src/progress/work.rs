//! Progress of work in parts, such as an analysis.

use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use pmoe_results::number::grouped;

use super::spoken;

/// Shortest time between two lines about the same part, and between two states of its bar.
const LINE_EVERY: Duration = Duration::from_secs(10);
const BAR_EVERY: Duration = Duration::from_millis(200);

/// The display of some work: a bar on a terminal, otherwise a line for each part and one every ten
/// seconds.
pub(crate) struct Work {
    is_terminal: bool,
    /// The bar of the part in progress.
    bar: Option<ProgressBar>,
    /// What the part is.
    what: String,
    /// What it counts, such as `iterations`.
    unit: &'static str,
    total: u64,
    done: u64,
    /// When the part began, and when it was last written about.
    begun: Instant,
    last_line: Instant,
}

impl Work {
    pub(crate) fn new() -> Self {
        let now = Instant::now();
        Self {
            is_terminal: io::stderr().is_terminal(),
            bar: None,
            what: String::new(),
            unit: "",
            total: 0,
            done: 0,
            begun: now,
            last_line: now,
        }
    }

    /// Begins the next part: `what` is done to `total` of `unit`.
    pub(crate) fn part(&mut self, what: impl Into<String>, total: u64, unit: &'static str) {
        self.clear();
        let now = Instant::now();
        (self.what, self.unit, self.total, self.done) = (what.into(), unit, total, 0);
        (self.begun, self.last_line) = (now, now);
        let text = format!("{}: {} {unit}", self.what, grouped(total));
        self.show(text, ProgressBar::new(total), "{bar:10} {percent:>3}% {wide_msg}");
    }

    /// Begins the next part, which can't be counted.
    pub(crate) fn uncounted(&mut self, what: &str) {
        self.clear();
        self.total = 0;
        self.show(what.to_owned(), ProgressBar::new_spinner(), "{spinner} {wide_msg}");
    }

    /// Shows a part that begins.
    fn show(&mut self, text: String, bar: ProgressBar, template: &str) {
        if !self.is_terminal {
            say!("{text}");
            return;
        }
        let style = ProgressStyle::with_template(template).expect("a fixed, valid template");
        let bar = bar.with_style(style.progress_chars("=> ")).with_message(text);
        bar.enable_steady_tick(BAR_EVERY);
        self.bar = Some(bar);
    }

    /// Counts one more as done.
    pub(crate) fn advance(&mut self) {
        self.advance_to(self.done + 1);
    }

    /// Takes `done` as the number that is done.
    pub(crate) fn advance_to(&mut self, done: u64) {
        self.done = done;
        let every = if self.is_terminal { BAR_EVERY } else { LINE_EVERY };
        if self.last_line.elapsed() < every || done >= self.total {
            return;
        }
        self.last_line = Instant::now();
        let line = self.line(self.begun.elapsed());
        match &self.bar {
            Some(bar) => {
                bar.set_position(done);
                bar.set_message(line);
            }
            None => say!("{line}"),
        }
    }

    /// Describes the part in progress, `taken` after its start.
    fn line(&self, taken: Duration) -> String {
        let Self { what, unit, total, done, .. } = self;
        let left = taken.as_secs_f64() * total.saturating_sub(*done) as f64 / (*done).max(1) as f64;
        let left = Duration::try_from_secs_f64(left).map(spoken);
        let left = left.map(|left| format!(", {left} left")).unwrap_or_default();
        format!("{what}: {} of {} {unit}{left}", grouped(*done), grouped(*total))
    }

    fn clear(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        self.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_what_is_done_and_left() {
        let mut work = Work::new();
        work.part("embedding the states", 7_000, "iterations");
        work.advance_to(1_750);
        let line = work.line(Duration::from_secs(100));
        assert_eq!(line, "embedding the states: 1_750 of 7_000 iterations, 5m left");
        work.part("playing episodes", 3, "steps");
        work.advance();
        let line = work.line(Duration::from_secs(1));
        assert_eq!(line, "playing episodes: 1 of 3 steps, 2s left");
    }
}
