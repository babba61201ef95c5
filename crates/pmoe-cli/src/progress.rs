//! What the user sees during a run.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressStyle};
use pmoe_results::Event;
use serde::Serialize;

use crate::evaluations::Evaluated;

mod work;

pub(crate) use work::Work;

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
    /// Return of the last training episode.
    episode_return: Option<f64>,
    steps_per_second: Option<f64>,
    /// The last evaluation.
    evaluation: Option<Evaluated>,
}

/// The progress display of one run.
pub(crate) struct Display {
    kind: ProgressMode,
    bar: Option<ProgressBar>,
    total_steps: u64,
    begun: Instant,
    first_step: u64,
    episode_return: Option<f64>,
    evaluation: Option<Evaluated>,
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
            evaluation: None,
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
        let env_step = event.env_step();
        if let Event::Episode { episode_return, .. } = event {
            self.episode_return = Some(*episode_return);
        }
        let evaluated = Evaluated::of(event);
        self.evaluation = evaluated.or(self.evaluation);
        if let Some(bar) = &self.bar {
            bar.set_position(env_step);
            bar.set_message(self.message(env_step));
        }
        match self.kind {
            ProgressMode::Json => self.json_line(env_step, evaluated.is_some()),
            ProgressMode::Auto if self.bar.is_none() && evaluated.is_some() => {
                let mut message = self.message(env_step);
                if let Some(left) = self.left(env_step) {
                    message += &format!(", {} left", spoken(left));
                }
                say!("step {env_step}/{}: {message}", self.total_steps);
            }
            ProgressMode::Auto | ProgressMode::None => {}
        }
    }

    pub(crate) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    /// Whether a person reads along.
    pub(crate) fn is_for_people(&self) -> bool {
        self.kind == ProgressMode::Auto
    }

    fn steps_per_second(&self, env_step: u64) -> Option<f64> {
        let steps = env_step.checked_sub(self.first_step).filter(|&steps| steps > 0)?;
        Some(steps as f64 / self.begun.elapsed().as_secs_f64())
    }

    /// Estimates the time that the remaining steps take.
    fn left(&self, env_step: u64) -> Option<Duration> {
        let steps = self.total_steps.checked_sub(env_step).filter(|&steps| steps > 0)?;
        Duration::try_from_secs_f64(steps as f64 / self.steps_per_second(env_step)?).ok()
    }

    fn message(&self, env_step: u64) -> String {
        let mut parts = Vec::new();
        parts.extend(self.evaluation.map(|evaluation| format!("evaluation {evaluation}")));
        parts.extend(self.episode_return.map(|value| format!("training {value:.1}")));
        parts.extend(self.steps_per_second(env_step).map(|speed| format!("{speed:.0} steps/s")));
        parts.join(", ")
    }

    /// Writes a line unless one was written just now; evaluations and the end always get one.
    fn json_line(&mut self, env_step: u64, is_evaluation: bool) {
        let is_due = self.last_line.is_none_or(|last| last.elapsed() >= JSON_EVERY);
        if !is_due && !is_evaluation && env_step < self.total_steps {
            return;
        }
        self.last_line = Some(Instant::now());
        let line = Line {
            env_step,
            total_steps: self.total_steps,
            episode_return: self.episode_return,
            steps_per_second: self.steps_per_second(env_step),
            evaluation: self.evaluation,
        };
        let line = serde_json::to_string(&line).expect("names and numbers have a JSON form");
        let mut stdout = io::stdout().lock();
        let _ = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
    }
}

fn bar(total_steps: u64) -> ProgressBar {
    let template = "{bar:10} {percent:>3}% {eta:>3} left: {wide_msg}";
    let style = ProgressStyle::with_template(template).expect("a fixed, valid template");
    ProgressBar::new(total_steps).with_style(style.progress_chars("=> "))
}

/// Formats a duration in whole seconds, such as `9m 41s`.
pub(crate) fn spoken(duration: Duration) -> String {
    humantime::format_duration(Duration::from_secs(duration.as_secs())).to_string()
}
