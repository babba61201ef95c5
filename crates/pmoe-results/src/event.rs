//! What a run reports while it learns. The event enum is the file format of `events.jsonl`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::run_dir::EVENTS;

/// One line of `events.jsonl`. No field depends on the wall clock, so the same config, seed and
/// build give the same file byte for byte.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case", deny_unknown_fields)]
pub enum Event {
    /// A training episode ended.
    Episode {
        /// Environment steps taken so far.
        env_step: u64,
        /// Number of the episode, from 1.
        episode: u64,
        /// Undiscounted sum of raw rewards.
        episode_return: f64,
        /// Steps in the episode.
        episode_length: u32,
        /// Whether the time limit ended it.
        truncated: bool,
        /// Whether it reached its goal; absent for a task without one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        success: Option<bool>,
    },
    /// Training metrics, pulled when due; see `docs/metrics.md`.
    Update {
        /// Environment steps taken so far.
        env_step: u64,
        /// Gradient updates taken so far.
        grad_step: u64,
        /// Name to value.
        metrics: BTreeMap<String, f64>,
    },
    /// An evaluation: every episode's outcome, raw; means are the report's job.
    Eval {
        /// Environment steps of training behind the evaluated policy.
        env_step: u64,
        /// Undiscounted return of each episode.
        returns: Vec<f64>,
        /// Steps in each episode.
        lengths: Vec<u32>,
        /// Whether each episode reached its goal; absent for a task without one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        successes: Option<Vec<bool>>,
    },
}

impl Event {
    /// Name of the file in a run folder.
    pub const FILE: &str = EVENTS;

    /// Environment steps taken when it was reported.
    #[must_use]
    pub fn env_step(&self) -> u64 {
        match self {
            Self::Episode { env_step, .. }
            | Self::Update { env_step, .. }
            | Self::Eval { env_step, .. } => *env_step,
        }
    }

    /// Whether every number is finite; JSON can hold no others.
    #[must_use]
    pub fn is_finite(&self) -> bool {
        match self {
            Self::Episode { episode_return, .. } => episode_return.is_finite(),
            Self::Update { metrics, .. } => metrics.values().all(|value| value.is_finite()),
            Self::Eval { returns, .. } => returns.iter().all(|value| value.is_finite()),
        }
    }
}

/// Receives the events of a run in order.
pub trait Sink {
    /// Takes one event.
    ///
    /// # Errors
    /// When it can't be kept, a full disk for instance.
    fn emit(&mut self, event: &Event) -> std::io::Result<()>;

    /// Makes everything emitted durable and returns the position after it, from which a run that is
    /// continued goes on.
    ///
    /// # Errors
    /// When the disk refuses.
    fn sync(&mut self) -> std::io::Result<u64>;
}

/// Keeps events in memory, for tests.
#[derive(Debug, Default)]
pub struct MemorySink {
    /// The events so far.
    pub events: Vec<Event>,
}

impl Sink for MemorySink {
    fn emit(&mut self, event: &Event) -> std::io::Result<()> {
        self.events.push(event.clone());
        Ok(())
    }

    fn sync(&mut self) -> std::io::Result<u64> {
        Ok(self.events.len() as u64)
    }
}
