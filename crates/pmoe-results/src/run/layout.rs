//! The files in a run folder.

use std::fs;
use std::io;
use std::path::Path;

use crate::error::ResultsError;
use crate::files::{MOST_CONFIG_BYTES, read_text};

/// The resolved config.
pub(crate) const CONFIG: &str = "config.toml";
/// Identity and progress of the run.
pub(crate) const MANIFEST: &str = "manifest.json";
/// The reported events.
pub(crate) const EVENTS: &str = "events.jsonl";
/// The events of a finished run, packed.
pub(crate) const PACKED_EVENTS: &str = "events.packed.xz";
/// Folder of the analyses of the finished run.
pub(crate) const ANALYSIS: &str = "analysis";
/// Folder of what the learner needs to resume.
pub(crate) const CHECKPOINT: &str = "checkpoint";
/// The policy of the finished run.
pub(crate) const POLICY: &str = "policy.safetensors";
/// A clip of the finished policy.
pub(crate) const CLIP: &str = "clip.mp4";
/// Held by the process that writes the folder.
pub(crate) const LOCK: &str = "lock";

/// Reads a file that every run folder must have.
pub(crate) fn read_part(folder: &Path, name: &str) -> Result<String, ResultsError> {
    let path = folder.join(name);
    match fs::metadata(&path).map_err(|error| error.kind()) {
        Err(io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Err(ResultsError::NotARun {
            path: folder.to_owned(),
            reason: format!("it has no {name}"),
        }),
        _ => read_text(&path, MOST_CONFIG_BYTES),
    }
}
