//! Run folders: what a run writes, and how to read it.

mod difference;
mod dir;
mod event;
mod event_file;
mod folders;
mod jsonl;
mod layout;
mod lock;
mod manifest;
mod nesting;
mod packed;
mod tail;

use std::path::{Path, PathBuf};

use pmoe_stats::EvalCurve;

pub use self::dir::RunDir;
pub use self::event::{Event, MemorySink, Position, Sink};
pub use self::event_file::EventFile;
pub use self::folders::{Folders, Repeated, Scan, scan, task_folder};
pub use self::jsonl::JsonlSink;
pub(crate) use self::layout::{ANALYSIS, MANIFEST, PACKED_EVENTS};
use self::layout::{CONFIG, EVENTS, read_part};
pub use self::lock::{HeldFile, Lock, held_elsewhere, is_held};
pub use self::manifest::{Attempt, Manifest, Provenance, Status};
pub(crate) use self::packed::{pack, unpack};
pub use self::tail::{Tail, Tailed};
use crate::error::ResultsError;
use crate::settings;

/// The content of a run folder.
#[derive(Debug, Clone)]
pub struct Run {
    /// The folder.
    pub path: PathBuf,
    /// The resolved config.
    pub config: toml::Table,
    /// State, provenance, attempts.
    pub manifest: Manifest,
    /// The reported events, in order.
    pub events: Vec<Event>,
}

impl Run {
    /// Name of the events file in a run folder.
    pub const EVENTS: &str = EVENTS;

    /// Returns the name of the events file of a run folder: `events.jsonl`, unless only packed events
    /// are there.
    #[must_use]
    pub fn events_name(folder: &Path) -> &'static str {
        let is_packed = !folder.join(EVENTS).exists() && folder.join(PACKED_EVENTS).exists();
        if is_packed { PACKED_EVENTS } else { EVENTS }
    }

    /// Reads a run folder without its lock: the run may be in progress.
    ///
    /// The manifest must belong to the same run as the config.
    ///
    /// An incomplete last line, which a kill may leave, is dropped. A finished run must be
    /// complete: its events must have the checksum of the manifest.
    ///
    /// # Errors
    /// Returns an error if the folder is not a run folder or one of its files can't be read or
    /// parsed.
    pub fn read(path: &Path) -> Result<Self, ResultsError> {
        let manifest = Manifest::read(path)?;
        let config = settings::parse(&read_part(path, CONFIG)?, &path.join(CONFIG))?;
        manifest.check(&config, path)?;

        let done = manifest.status == Status::Done;
        let events = match EventFile::read(path)? {
            Some((events_path, bytes)) => {
                if done {
                    verify(&events_path, &bytes, manifest.events_blake3.as_deref())?;
                }
                parse_events(&events_path, &bytes, done)?
            }
            None if done => {
                let path = path.to_owned();
                let (present, missing) = (MANIFEST, EVENTS);
                return Err(ResultsError::MissingPart { path, present, missing });
            }
            None => Vec::new(),
        };
        Ok(Self { path: path.to_owned(), config, manifest, events })
    }

    /// Returns the mean return of each evaluation, see [`Event::eval_curve`].
    #[must_use]
    pub fn eval_curve(&self) -> EvalCurve {
        Event::eval_curve(&self.events)
    }

    /// Returns the success rate of the training episodes over a budget; empty for a task without a
    /// goal.
    #[must_use]
    pub fn success_rate(&self, total_steps: u64) -> EvalCurve {
        let episodes = self.events.iter().filter_map(|event| match event {
            Event::Episode { env_step, success: Some(success), .. } => Some((*env_step, *success)),
            _ => None,
        });
        EvalCurve::success_rate(episodes, total_steps)
    }

    /// Returns the return of the training episodes over a budget, see [`Event::acting_curve`].
    #[must_use]
    pub fn acting_curve(&self, total_steps: u64) -> EvalCurve {
        let num_envs = settings::find(&self.config, "num_envs").and_then(toml::Value::as_integer);
        let num_envs = num_envs.and_then(|num| u64::try_from(num).ok()).unwrap_or(1);
        Event::acting_curve(&self.events, total_steps, num_envs)
    }

    /// Whether results may use the run: it is done, and its evaluations span its budget.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        let total_steps = self.manifest.total_steps;
        let reaches = |(first, last)| first < total_steps && total_steps <= last;
        self.manifest.status == Status::Done && self.eval_curve().span().is_some_and(reaches)
    }
}

fn verify(path: &Path, bytes: &[u8], expected: Option<&str>) -> Result<(), ResultsError> {
    let found = blake3::hash(bytes).to_hex();
    match expected {
        Some(expected) if expected == found.as_str() => Ok(()),
        expected => Err(ResultsError::ChangedEvents {
            path: path.to_owned(),
            expected: expected.unwrap_or("in the manifest").to_owned(),
            found: found.to_string(),
        }),
    }
}

fn parse_events(path: &Path, bytes: &[u8], done: bool) -> Result<Vec<Event>, ResultsError> {
    let mut events = Vec::new();
    for (index, line) in bytes.split_inclusive(|&byte| byte == b'\n').enumerate() {
        match serde_json::from_slice(line) {
            Ok(event) => events.push(event),
            // Only the last line can be incomplete.
            Err(_) if !done && !line.ends_with(b"\n") => break,
            Err(error) => {
                return Err(ResultsError::BadFile {
                    path: path.to_owned(),
                    key: format!("line {}", index + 1),
                    message: error.to_string(),
                });
            }
        }
    }
    Ok(events)
}
