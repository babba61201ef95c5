use std::path::Path;

use serde::{Deserialize, Serialize};

use super::layout::{MANIFEST, read_part};
use crate::error::ResultsError;
use crate::files::json;

/// `manifest.json`: identity and progress of a run, and the machine and code that it runs on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Version of this format, [`Manifest::SCHEMA`].
    pub schema: u32,
    /// Name of the method, as in `configs/methods`; `algo` before version 3.
    #[serde(alias = "algo")]
    pub method: String,
    /// Name of the task, including its version.
    pub task: String,
    /// Seed of every random stream of the run.
    pub seed: u64,
    /// Budget in environment steps.
    pub total_steps: u64,
    /// Its state.
    pub status: Status,
    /// Environment steps at the newest evaluation, or at the end of the newest attempt.
    pub env_step: u64,
    /// Code, machine and command of the newest attempt.
    pub provenance: Provenance,
    /// Every start of the run, oldest first.
    pub attempts: Vec<Attempt>,
    /// Blake3 hash of `events.jsonl`, hexadecimal; set when the run is done.
    pub events_blake3: Option<String>,
}

/// State of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case", deny_unknown_fields)]
pub enum Status {
    /// In progress, or killed without notice: the lock tells which.
    Running,
    /// Stopped on request; the next start resumes from the checkpoint.
    Interrupted,
    /// The whole budget is spent.
    Done,
    /// Ended by an error; another start would end the same way.
    Failed {
        /// What went wrong.
        reason: String,
        /// Whether training diverged: a non-finite loss, action or simulation.
        diverged: bool,
    },
}

/// Code and machine of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provenance {
    /// Version of this workspace.
    pub pmoe: String,
    /// Git commit it was built from.
    pub commit: String,
    /// Whether the working tree had uncommitted changes at that time.
    pub dirty: bool,
    /// Version of the compiler.
    pub rustc: String,
    /// Version of burn.
    pub burn: String,
    /// Version of the loaded MuJoCo library.
    pub mujoco: String,
    /// Device of the tensors.
    pub device: String,
    /// Threads of the run.
    pub threads: usize,
    /// Number of runs that were trained in lockstep, this one included; none for a run alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub population: Option<usize>,
    /// Model of the processor.
    pub cpu: String,
    /// Vector instructions in use; empty in manifests that were written before they were recorded.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub instructions: String,
    /// Digest of what the system's mathematical library returns; empty in manifests that were written
    /// before it was recorded.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub libm: String,
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
    /// Environment steps at its start.
    pub from_step: u64,
    /// Environment steps at its end.
    pub to_step: u64,
    /// Duration in seconds.
    pub wall_seconds: f64,
    /// Whether it began with new episodes, as the environments' state before it could not be saved; the episodes that
    /// ran are no events.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cut_episodes: bool,
    /// Code, machine and command; missing in manifests of version 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provenance: Option<Provenance>,
}

impl Provenance {
    /// Names the class of machines on which the same build gives the same bits: operating system,
    /// vector instructions, mathematical library.
    #[must_use]
    pub fn machine_class(&self) -> String {
        let known = |name: &str| if name.is_empty() { "unknown" } else { name }.to_owned();
        format!("{}, {}, libm {}", self.os, known(&self.instructions), known(&self.libm))
    }

    /// Lists how the code differs between two builds, each item as `what this → other`; empty for
    /// the same code.
    #[must_use]
    pub fn code_changes(&self, other: &Self) -> Vec<String> {
        let commit = |build: &Self| {
            let dirty = if build.dirty { " with uncommitted changes" } else { "" };
            format!("{}{dirty}", build.commit)
        };
        let pairs = [
            ("commit", commit(self), commit(other)),
            ("pmoe", self.pmoe.clone(), other.pmoe.clone()),
            ("rustc", self.rustc.clone(), other.rustc.clone()),
            ("burn", self.burn.clone(), other.burn.clone()),
            ("MuJoCo", self.mujoco.clone(), other.mujoco.clone()),
        ];
        let differ = pairs.into_iter().filter(|(_, this, other)| this != other);
        differ.map(|(what, this, other)| format!("{what} {this} → {other}")).collect()
    }
}

impl Manifest {
    /// The version of the format that this crate writes.
    ///
    /// It can also read version 2, which calls the method `algo`, and version 1, which also lacks
    /// the provenance of single attempts.
    pub const SCHEMA: u32 = 3;

    /// Name of the file in a run folder.
    pub const FILE: &str = MANIFEST;

    /// Returns the duration of all attempts together, in seconds.
    #[must_use]
    pub fn wall_seconds(&self) -> f64 {
        self.attempts.iter().map(|attempt| attempt.wall_seconds).sum()
    }

    /// Returns where the code changed between two consecutive attempts: the step, and what changed.
    ///
    /// Changes before an attempt that starts at step 0 don't count.
    #[must_use]
    pub fn code_changes(&self) -> Vec<(u64, Vec<String>)> {
        let pairs = self.attempts.windows(2).filter(|pair| pair[1].from_step > 0);
        let changes = pairs.filter_map(|pair| {
            let (before, after) = (pair[0].provenance.as_ref()?, pair[1].provenance.as_ref()?);
            Some((pair[1].from_step, before.code_changes(after)))
        });
        changes.filter(|(_, changes)| !changes.is_empty()).collect()
    }

    /// Reads only the manifest of a run folder.
    ///
    /// # Errors
    /// Returns an error if it is missing or can't be read or parsed.
    pub fn read(folder: &Path) -> Result<Self, ResultsError> {
        Self::parse(&read_part(folder, MANIFEST)?, &folder.join(MANIFEST))
    }

    /// Parses a manifest; `path` is for the error message.
    pub(crate) fn parse(text: &str, path: &Path) -> Result<Self, ResultsError> {
        json::parse(text.as_bytes(), path, 1..=Self::SCHEMA)
    }

    /// Checks that the manifest agrees with the run's config; `folder` is the run folder.
    ///
    /// # Errors
    /// Returns [`ResultsError::ManifestMismatch`] for the first value that differs.
    pub fn check(&self, config: &toml::Table, folder: &Path) -> Result<(), ResultsError> {
        let total_steps = config.get("schedule").and_then(|schedule| schedule.get("total_steps"));
        let text = |value: &str| toml::Value::from(value);
        let number = |value: u64| i64::try_from(value).map(toml::Value::from).ok();
        let pairs = [
            ("method", Some(text(&self.method)), "method", config.get("method")),
            ("task", Some(text(&self.task)), "task", config.get("task")),
            ("seed", number(self.seed), "seed", config.get("seed")),
            ("total_steps", number(self.total_steps), "schedule.total_steps", total_steps),
        ];
        for (key, here, config_key, there) in pairs {
            if here.is_none() || here.as_ref() != there {
                return Err(ResultsError::ManifestMismatch {
                    path: folder.join(MANIFEST),
                    key,
                    found: here.map_or("out of range".to_owned(), |value| value.to_string()),
                    config_key,
                    expected: there.map_or("absent".to_owned(), ToString::to_string),
                });
            }
        }
        Ok(())
    }
}
