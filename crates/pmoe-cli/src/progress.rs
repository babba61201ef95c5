//! What the user sees during a run.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressStyle};
use pmoe_results::Event;
use serde::Serialize;

/// How progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProgressMode {
    /// A bar on a terminal, otherwise one line per evaluation.
    Auto,
    /// JSON lines on stdout, for programs.
    Json,
    /// Nothing.
    None,
}

/// The shortest time between two JSON lines.
const JSON_EVERY: Duration = Duration::from_millis(100);

/// One line of `--progress json`.
#[derive(Serialize)]
struct Line {
    env_step: u64,
    total_steps: u64,
    episode_return: Option<f64>,
    steps_per_second: Option<f64>,
}

/// The progress display of one run.
pub(crate) struct Display {
    kind: ProgressMode,
    bar: Option<ProgressBar>,
    total_steps: u64,
    begun: Instant,
    first_step: u64,
    episode_return: Option<f64>,
    last_line: Option<Instant>,
}

impl Display {
    pub(crate) fn new(kind: ProgressMode, total_steps: u64) -> Self {
        let is_bar = kind == ProgressMode::Auto && io::stderr().is_terminal();
        Self {
            kind,
            bar: is_bar.then(|| bar(total_steps)),
            total_steps,
            begun: Instant::now(),
            first_step: 0,
            episode_return: None,
            last_line: None,
        }
    }

    /// Starts the clock at `env_step`, so that steps of an earlier process do not count as this
    /// one's speed.
    pub(crate) fn begin(&mut self, env_step: u64) {
        self.begun = Instant::now();
        self.first_step = env_step;
        if let Some(bar) = &self.bar {
            bar.set_position(env_step);
            bar.reset_eta();
        }
    }

    /// Shows an event. Write errors are ignored: the run continues even if its reader has gone.
    pub(crate) fn show(&mut self, event: &Event) {
        let env_step = match event {
            Event::Episode { env_step, episode_return, .. } => {
                self.episode_return = Some(*episode_return);
                *env_step
            }
            Event::Update { env_step, .. } | Event::Eval { env_step, .. } => *env_step,
        };
        if let Some(bar) = &self.bar {
            bar.set_position(env_step);
            bar.set_message(self.message(env_step));
        }
        match (self.kind, event) {
            (ProgressMode::Json, _) => self.json_line(env_step),
            (ProgressMode::Auto, Event::Eval { returns, .. }) if self.bar.is_none() => {
                let mean = returns.iter().sum::<f64>() / returns.len() as f64;
                let message = self.message(env_step);
                let total = self.total_steps;
                say!("step {env_step}/{total}: evaluation {mean:.1}; {message}");
            }
            _ => {}
        }
    }

    pub(crate) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.abandon();
        }
    }

    fn steps_per_second(&self, env_step: u64) -> Option<f64> {
        let steps = env_step.checked_sub(self.first_step).filter(|&steps| steps > 0)?;
        Some(steps as f64 / self.begun.elapsed().as_secs_f64())
    }

    fn message(&self, env_step: u64) -> String {
        let mut parts = Vec::new();
        parts.extend(self.episode_return.map(|value| format!("return {value:.1}")));
        parts.extend(self.steps_per_second(env_step).map(|speed| format!("{speed:.0} steps/s")));
        parts.join(", ")
    }

    fn json_line(&mut self, env_step: u64) {
        let is_due = self.last_line.is_none_or(|last| last.elapsed() >= JSON_EVERY);
        if !is_due && env_step < self.total_steps {
            return;
        }
        self.last_line = Some(Instant::now());
        let line = Line {
            env_step,
            total_steps: self.total_steps,
            episode_return: self.episode_return,
            steps_per_second: self.steps_per_second(env_step),
        };
        let line = serde_json::to_string(&line).expect("names and numbers have a JSON form");
        let mut stdout = io::stdout().lock();
        let _ = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
    }
}

fn bar(total_steps: u64) -> ProgressBar {
    let template = "{bar:30} {pos}/{len} steps  {msg}  {eta} left";
    let style = ProgressStyle::with_template(template).expect("a fixed, valid template");
    ProgressBar::new(total_steps).with_style(style.progress_chars("=> "))
}
