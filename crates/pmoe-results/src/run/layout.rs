//! What a run folder consists of.

use std::fs;
use std::io;
use std::path::Path;

use crate::error::ResultsError;
use crate::files::{MOST_CONFIG_BYTES, read_text};

/// The resolved config.
pub(crate) const CONFIG: &str = "config.toml";
/// Whose run it is, and how far it is.
pub(crate) const MANIFEST: &str = "manifest.json";
/// What it reported.
pub(crate) const EVENTS: &str = "events.jsonl";
/// The folder of what was measured of the finished run.
pub(crate) const ANALYSIS: &str = "analysis";
/// The folder of what the learner needs to continue.
pub(crate) const CHECKPOINT: &str = "checkpoint";
/// Held by the process that writes the folder.
pub(crate) const LOCK: &str = "lock";

/// Reads the file that a run can't be without.
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
