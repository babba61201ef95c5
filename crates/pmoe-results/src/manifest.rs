use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::run::read_part;
use crate::run_dir::MANIFEST;
use crate::{ResultsError, json};

/// `manifest.json`: whose run this is, how far it got, on what machine and from which code.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Version of this format, [`Manifest::SCHEMA`].
    pub schema: u32,
    /// Name of the method, as in `configs/algos`.
    pub algo: String,
    /// Name of the task, with its version.
    pub task: String,
    /// Seed of every random stream of the run.
    pub seed: u64,
    /// Budget in environment steps.
    pub total_steps: u64,
    /// How it stands.
    pub status: Status,
    /// Environment steps behind the newest checkpoint, or behind the end.
    pub env_step: u64,
    /// Code and machine of the newest attempt.
    pub provenance: Provenance,
    /// Every start of the run, oldest first.
    pub attempts: Vec<Attempt>,
    /// Checksum of `events.jsonl`, hexadecimal, set when done.
    pub events_blake3: Option<String>,
}

/// How a run stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case", deny_unknown_fields)]
pub enum Status {
    /// Under way, or killed without a word: the lock tells which.
    Running,
    /// Stopped on request, to be continued from the checkpoint.
    Interrupted,
    /// The whole budget is spent.
    Done,
    /// Ended by an error; starting it again would end the same way.
    Failed {
        /// What went wrong.
        reason: String,
        /// Whether it was the learning itself: a non-finite loss, action or simulation.
        diverged: bool,
    },
}

/// Code and machine behind a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provenance {
    /// Version of this workspace.
    pub pmoe: String,
    /// Git commit it was built from.
    pub commit: String,
    /// Whether the working tree had uncommitted changes then.
    pub dirty: bool,
    /// Version of the compiler.
    pub rustc: String,
    /// Version of burn.
    pub burn: String,
    /// Version of the MuJoCo library that was loaded.
    pub mujoco: String,
    /// Device of the tensors.
    pub device: String,
    /// Threads of the run.
    pub threads: usize,
    /// Model of the processor.
    pub cpu: String,
    /// Logical cores of the machine.
    pub cores: usize,
    /// Memory of the machine in GiB.
    pub memory_gib: f64,
    /// Operating system and architecture.
    pub os: String,
    /// Command line that started the run.
    pub command: String,
}

/// One start of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attempt {
    /// When it started, RFC 3339 in UTC.
    pub started: String,
    /// First environment step.
    pub from_step: u64,
    /// Environment steps at its end.
    pub to_step: u64,
    /// How long it took, in seconds.
    pub wall_seconds: f64,
}

impl Manifest {
    /// The version of the format that this crate writes and reads.
    pub const SCHEMA: u32 = 1;

    /// Name of the file in a run folder.
    pub const FILE: &str = MANIFEST;

    /// Seconds of work over all attempts.
    #[must_use]
    pub fn wall_seconds(&self) -> f64 {
        self.attempts.iter().map(|attempt| attempt.wall_seconds).sum()
    }

    /// Reads the manifest of a run folder, and nothing else of it.
    ///
    /// # Errors
    /// When there is none, or it can't be read or understood.
    pub fn read(folder: &Path) -> Result<Self, ResultsError> {
        Self::parse(&read_part(folder, MANIFEST)?, &folder.join(MANIFEST))
    }

    /// Reads manifest text; `path` is for the error.
    pub(crate) fn parse(text: &str, path: &Path) -> Result<Self, ResultsError> {
        json::parse(text.as_bytes(), path, Self::SCHEMA)
    }
}
