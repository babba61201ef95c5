//! Paths as text, for JSON documents that programs read.

use std::path::{Path, PathBuf};

use serde::{Serialize, Serializer};

/// Serialises a path as text, with `�` for anything that is not UTF-8; serde itself rejects such a
/// path.
///
/// # Errors
/// Returns an error if the serialiser fails.
pub fn path_text<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    path.to_string_lossy().serialize(serializer)
}

/// Serialises a list of paths as [`path_text`] does.
///
/// # Errors
/// Returns an error if the serialiser fails.
pub fn path_texts<S: Serializer>(paths: &[PathBuf], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(paths.iter().map(|path| path.to_string_lossy()))
}
