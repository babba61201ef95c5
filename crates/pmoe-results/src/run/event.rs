//! Events that a run reports while it trains: the format of `events.jsonl`.

use std::collections::BTreeMap;

use pmoe_stats::{EvalCurve, mean};
use serde::{Deserialize, Serialize};

use super::layout::EVENTS;

/// One line of `events.jsonl`.
///
/// No field depends on the wall clock: the same config, seed and build give the same file, byte for
/// byte.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case", deny_unknown_fields)]
pub enum Event {
    /// A training episode ended.
    Episode {
        /// Environment steps taken so far.
        env_step: u64,
        /// Number of the episode, starting at 1.
        episode: u64,
        /// Undiscounted sum of raw rewards.
        episode_return: f64,
        /// Steps in the episode.
        episode_length: u32,
        /// Whether the time limit ended it.
        truncated: bool,
        /// Whether it reached its goal; absent for tasks without a goal.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        success: Option<bool>,
    },
    /// Training metrics at a regular interval; see `docs/metrics.md`.
    Update {
        /// Environment steps taken so far.
        env_step: u64,
        /// Gradient updates taken so far.
        grad_step: u64,
        /// Values by name.
        metrics: BTreeMap<String, f64>,
    },
    /// An evaluation, with the raw outcome of every episode; the report computes the means.
    Eval {
        /// Environment steps that the evaluated policy has been trained for.
        env_step: u64,
        /// Undiscounted return of each episode.
        returns: Vec<f64>,
        /// Steps in each episode.
        lengths: Vec<u32>,
        /// Whether each episode reached its goal; absent for tasks without a goal.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        successes: Option<Vec<bool>>,
    },
}

impl Event {
    /// Name of the file in a run folder.
    pub const FILE: &str = EVENTS;

    /// Returns the environment steps taken when it was reported.
    #[must_use]
    pub fn env_step(&self) -> u64 {
        match self {
            Self::Episode { env_step, .. }
            | Self::Update { env_step, .. }
            | Self::Eval { env_step, .. } => *env_step,
        }
    }

    /// Returns the mean return of each evaluation among `events`, without evaluations of no episodes.
    #[must_use]
    pub fn eval_curve(events: &[Self]) -> EvalCurve {
        EvalCurve::new(events.iter().filter_map(|event| match event {
            Self::Eval { env_step, returns, .. } => Some((*env_step, mean(returns)?)),
            _ => None,
        }))
    }

    /// Returns the return of the training episodes among `events` over a budget: what the policy gets
    /// while it acts with all its noise, where evaluations take its mean.
    ///
    /// `num_envs` environments took turns, so that an episode took as many times its steps.
    #[must_use]
    pub fn acting_curve(events: &[Self], total_steps: u64, num_envs: u64) -> EvalCurve {
        let episodes = events.iter().filter_map(|event| match *event {
            Self::Episode { env_step, episode_return, episode_length, .. } => {
                let steps = num_envs.max(1).saturating_mul(episode_length.into());
                Some((env_step.saturating_sub(steps)..env_step, episode_return))
            }
            _ => None,
        });
        EvalCurve::acting(episodes, total_steps)
    }

    /// Whether every number is finite; JSON has no other numbers.
    #[must_use]
    pub fn is_finite(&self) -> bool {
        match self {
            Self::Episode { episode_return, .. } => episode_return.is_finite(),
            Self::Update { metrics, .. } => metrics.values().all(|value| value.is_finite()),
            Self::Eval { returns, .. } => returns.iter().all(|value| value.is_finite()),
        }
    }

    /// Formats it as a line of `events.jsonl`, with its line break.
    ///
    /// # Errors
    /// Returns an error if it contains a number that is not finite.
    pub fn to_line(&self) -> std::io::Result<Vec<u8>> {
        // JSON has no NaN: serde_json would write null, and the file could not be read back.
        if !self.is_finite() {
            let message = format!("event with a number that is not finite: {self:?}");
            return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, message));
        }
        let mut line = serde_json::to_vec(self)?;
        line.push(b'\n');
        Ok(line)
    }
}

/// Receives the events of a run in order.
pub trait Sink {
    /// Records one event.
    ///
    /// # Errors
    /// Returns an error if the event can't be kept, for instance because the disk is full.
    fn emit(&mut self, event: &Event) -> std::io::Result<()>;

    /// Makes all events so far durable and returns the position after them, where a run can resume.
    ///
    /// # Errors
    /// Returns an error if the disk refuses.
    fn sync(&mut self) -> std::io::Result<Position>;
}

/// A position in the events of a run, with a checksum of everything before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Position {
    /// Bytes of `events.jsonl` before it.
    pub bytes: u64,
    /// Blake3 hash of these bytes, hexadecimal.
    pub blake3: String,
}

impl Position {
    /// Returns the position before the first event.
    #[must_use]
    pub fn start() -> Self {
        Self::after(b"")
    }

    /// Returns the position after these bytes of `events.jsonl`.
    #[must_use]
    pub fn after(bytes: &[u8]) -> Self {
        let blake3 = blake3::hash(bytes).to_hex().to_string();
        Self { bytes: bytes.len() as u64, blake3 }
    }
}

/// Keeps events in memory, for tests.
#[derive(Debug, Default)]
pub struct MemorySink {
    /// The events so far.
    pub events: Vec<Event>,
}

impl MemorySink {
    /// Drops the events after a position, as a resumed run does.
    ///
    /// # Errors
    /// Returns an error if an event contains a number that is not finite.
    pub fn truncate(&mut self, position: &Position) -> std::io::Result<()> {
        let mut bytes = 0;
        let mut kept = 0;
        while bytes < position.bytes && kept < self.events.len() {
            bytes += self.events[kept].to_line()?.len() as u64;
            kept += 1;
        }
        self.events.truncate(kept);
        Ok(())
    }
}

impl Sink for MemorySink {
    fn emit(&mut self, event: &Event) -> std::io::Result<()> {
        self.events.push(event.clone());
        Ok(())
    }

    fn sync(&mut self) -> std::io::Result<Position> {
        let lines =
            self.events.iter().map(Event::to_line).collect::<std::io::Result<Vec<_>>>()?.concat();
        Ok(Position::after(&lines))
    }
}
