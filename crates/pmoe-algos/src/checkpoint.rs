//! Checkpoints. A checkpoint is either complete or absent, and damage or a mix-up of runs never
//! goes unnoticed.
//!
//! ```text
//! checkpoint/step-000000050000/   a complete checkpoint
//!     MANIFEST.json               the run's id; blake3 of every other file
//!     ..                          one file per part of the run
//! checkpoint/newest               name of the newest, so that its loss is noticed
//! ```
//!
//! A checkpoint is written under a temporary name, flushed to disk and renamed. Then all but the
//! newest few are deleted. Reading verifies the run's id and every checksum before anything is
//! used. Anything in the folder with another name is left alone.

mod error;
mod files;
mod manifest;
mod safetensors;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub use self::error::CheckpointError;
pub use self::files::Files;
use self::files::{Part, checksum, write_file};
use self::manifest::{Body, MANIFEST, Manifest, is_other_version};
pub(crate) use self::safetensors::taken_apart;
pub use self::safetensors::{
    PolicyAbout, PolicyEvaluation, PolicyFacts, PolicyNormalizer, policy_bytes, read_policy,
    write_policy,
};

const NEWEST: &str = "newest";

/// How much of an agent a checkpoint holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Enough to resume training as if it had never stopped.
    Everything,
    /// No replay data: enough to act and to evaluate actions.
    Policy,
    /// No critic either, unless acting asks it: enough to act.
    Acting,
}

/// Where a run keeps its checkpoints, and how many.
#[derive(Debug, Clone)]
pub struct Checkpoints {
    /// The folder.
    pub folder: PathBuf,
    /// Id of the run, see [`RunConfig::id`](crate::RunConfig::id). Checkpoints of other runs are
    /// rejected.
    pub run: String,
    /// Number of checkpoints to keep during the run. If the newest is damaged, the run resumes from
    /// the previous one.
    pub keep: NonZeroUsize,
    /// How much of the learner the final checkpoint holds, the only one that a finished run keeps.
    pub at_the_end: Scope,
}

/// A checkpoint on disk with verified checksums.
pub struct Stored {
    /// Its folder.
    pub path: PathBuf,
    /// The step at which it was written.
    pub env_step: u64,
    /// How much of the learner it holds.
    pub scope: Scope,
    /// Its parts.
    pub files: Files<'static>,
}

impl Checkpoints {
    /// Writes a checkpoint, then deletes others according to [`Checkpoints::settle`]. Also deletes
    /// half-written ones that a killed process left behind.
    ///
    /// # Errors
    /// Returns an error if the file system fails. The older checkpoints are then still there, and
    /// nothing remains of the new one.
    pub fn write(
        &self,
        env_step: u64,
        scope: Scope,
        files: &Files<'_>,
        is_last: bool,
    ) -> Result<(), CheckpointError> {
        let name = name(env_step);
        fs::create_dir_all(&self.folder)
            .map_err(|source| CheckpointError::io(&self.folder, source))?;
        self.list(Kind::Part)?.iter().try_for_each(|(_, path)| remove(path))?;
        let part = self.folder.join(format!(".{name}.part"));
        self.write_part(&part, env_step, scope, files).inspect_err(|_| {
            // Best effort: the first error is the one to report.
            let _ = remove(&part);
        })?;

        let complete = self.folder.join(&name);
        // The checkpoint exists already if the run was interrupted right after it. Both have the
        // same content.
        remove(&complete)?;
        fs::rename(&part, &complete).map_err(|source| CheckpointError::io(&complete, source))?;
        sync_dir(&self.folder)?;
        self.settle(env_step, is_last)
    }

    /// Records that the checkpoint of `env_step` is the newest. Deletes older ones beyond the
    /// number to keep, and later ones, which are not usable. With `is_last`, only this one stays.
    ///
    /// # Errors
    /// Returns an error if the file system fails.
    pub fn settle(&self, env_step: u64, is_last: bool) -> Result<(), CheckpointError> {
        let newest = self.folder.join(NEWEST);
        let note = format!("{}\n", name(env_step));
        if fs::read_to_string(&newest).ok().as_ref() != Some(&note) {
            pmoe_results::files::write_atomic(&newest, note.as_bytes())
                .map_err(|source| CheckpointError::io(&newest, source))?;
        }
        let keep = if is_last { 1 } else { self.keep.get() };
        let kept = |(step, _): &&(u64, PathBuf)| *step <= env_step;
        let all = self.list(Kind::Complete)?;
        let (usable, later): (Vec<_>, Vec<_>) = all.iter().partition(kept);
        let older = usable.iter().rev().skip(keep);
        older.chain(&later).try_for_each(|(_, path)| remove(path))
    }

    fn write_part(
        &self,
        part: &Path,
        env_step: u64,
        scope: Scope,
        files: &Files<'_>,
    ) -> Result<(), CheckpointError> {
        // Fails if the path exists, so that nothing is written through a link.
        fs::create_dir(part).map_err(|source| CheckpointError::io(part, source))?;
        let mut checksums = BTreeMap::new();
        for (name, content) in &files.0 {
            checksums.insert(name.clone(), write_file(&part.join(name), content)?);
        }
        let run = self.run.clone();
        let body = Body { schema: Body::SCHEMA, run, env_step, scope, files: checksums };
        let manifest =
            serde_json::to_vec_pretty(&Manifest::new(body)).expect("plain data has a JSON form");
        write_file(&part.join(MANIFEST), &Part::Bytes(manifest))?;
        sync_dir(part)
    }

    /// Returns the newest checkpoint that `is_usable` accepts, and what is wrong with each newer
    /// one: damaged, empty, gone, or rejected. Returns `None` if the run never wrote a checkpoint.
    ///
    /// # Errors
    /// - [`CheckpointError::OtherRun`]: one of them is from another run, whatever the state of the
    ///   others
    /// - [`CheckpointError::OtherVersion`]: all have an unsupported format
    /// - [`CheckpointError::NoneLeft`]: there were some, but none is usable
    /// - any error of `is_usable` other than that the checkpoint is damaged or does not fit
    pub fn newest<T>(
        &self,
        mut is_usable: impl FnMut(Stored) -> Result<T, CheckpointError>,
    ) -> Result<Option<(T, Vec<String>)>, CheckpointError> {
        let mut reasons = Vec::new();
        if !self.folder.exists() {
            return Ok(None);
        }
        let found = self.list(Kind::Complete)?;
        let newest = fs::read_to_string(self.folder.join(NEWEST)).unwrap_or_default();
        let newest = newest.trim_end();
        if let Some(step) = step(newest)
            && found.last().is_none_or(|(last, _)| *last < step)
        {
            reasons.push(format!("{} is missing", self.folder.join(newest).display()));
        }
        // Checked before any is used, and before older ones are deleted in favour of newer ones.
        found.iter().try_for_each(|(_, path)| self.refuse_foreign(path))?;
        // If only some have another version, they are more likely damaged.
        let is_other = found.iter().all(|(_, path)| is_other_version(path));
        if let Some((_, path)) = found.last().filter(|_| is_other) {
            return Err(CheckpointError::OtherVersion { path: path.clone() });
        }
        for (env_step, path) in found.into_iter().rev() {
            let used = self.open(env_step, path.clone()).and_then(&mut is_usable);
            match used {
                Ok(used) => return Ok(Some((used, reasons))),
                Err(error @ CheckpointError::Damaged { .. }) => reasons.push(error.to_string()),
                Err(error @ (CheckpointError::Content { .. } | CheckpointError::Learner(_))) => {
                    reasons.push(format!("{}: {error}", path.display()));
                }
                Err(error) => return Err(error),
            }
        }
        if reasons.is_empty() {
            return Ok(None);
        }
        Err(CheckpointError::NoneLeft { path: self.folder.clone(), reasons })
    }

    /// Returns an error if the manifest names another run.
    fn refuse_foreign(&self, path: &Path) -> Result<(), CheckpointError> {
        match Manifest::read(path) {
            Ok(Manifest { body, .. }) if body.run != self.run => Err(CheckpointError::OtherRun {
                path: path.to_owned(),
                found: body.run,
                expected: self.run.clone(),
            }),
            _ => Ok(()),
        }
    }

    /// Opens a checkpoint and verifies that it is complete.
    fn open(&self, env_step: u64, path: PathBuf) -> Result<Stored, CheckpointError> {
        let damaged = |reason: String| CheckpointError::Damaged { path: path.clone(), reason };
        let manifest = Manifest::read(&path).map_err(damaged)?;
        let Manifest { body: Body { env_step: written_at, scope, files, .. }, .. } = manifest;
        if written_at != env_step {
            return Err(damaged(format!("it was written at step {written_at}, not {env_step}")));
        }
        let mut parts = Files::default();
        for (name, expected) in files {
            let file = path.join(&name);
            let found = checksum(&file);
            let found = found.map_err(|error| damaged(format!("cannot read {name}: {error}")))?;
            if found != expected {
                return Err(damaged(format!("{name} has changed since it was written")));
            }
            parts.0.insert(name, Part::File(file));
        }
        Ok(Stored { path, env_step, scope, files: parts })
    }

    /// Lists the checkpoints, oldest first.
    fn list(&self, kind: Kind) -> Result<Vec<(u64, PathBuf)>, CheckpointError> {
        let failed = |source| CheckpointError::io(&self.folder, source);
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name();
            let is_folder = entry.file_type().map_err(failed)?.is_dir();
            if let Some(step) = name.to_str().and_then(|name| kind.step(name)).filter(|_| is_folder)
            {
                found.push((step, entry.path()));
            }
        }
        found.sort();
        Ok(found)
    }
}

#[derive(Clone, Copy)]
enum Kind {
    /// `step-000000050000`
    Complete,
    /// `.step-000000050000.part`, half-written.
    Part,
}

impl Kind {
    /// Returns the step of the checkpoint with this name, if it is of this kind.
    fn step(self, name: &str) -> Option<u64> {
        match self {
            Self::Complete => step(name),
            Self::Part => step(name.strip_prefix('.')?.strip_suffix(".part")?),
        }
    }
}

/// Returns the name of the checkpoint after `env_step` steps.
fn name(env_step: u64) -> String {
    format!("step-{env_step:012}")
}

/// Returns the step of the checkpoint with this name, if it is exactly what [`name`] returns.
fn step(checkpoint: &str) -> Option<u64> {
    let step = checkpoint.strip_prefix("step-")?.parse().ok()?;
    (name(step) == checkpoint).then_some(step)
}

fn remove(path: &Path) -> Result<(), CheckpointError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(CheckpointError::io(path, error))
        }
        _ => Ok(()),
    }
}

fn sync_dir(path: &Path) -> Result<(), CheckpointError> {
    File::open(path)
        .and_then(|dir| dir.sync_all())
        .map_err(|source| CheckpointError::io(path, source))
}

#[cfg(test)]
mod tests;
