//! Run folders in run folders, which are refused.

use std::fs;
use std::path::{Path, PathBuf};

use super::layout::{CONFIG, MANIFEST};
use crate::error::ResultsError;

/// A run folder in another one, or around others, would be overlooked by whoever looks for runs.
pub(super) fn refuse_nesting(path: &Path) -> Result<(), ResultsError> {
    let not_a_run = |reason: String| ResultsError::NotARun { path: path.to_owned(), reason };
    let absolute = std::path::absolute(path).map_err(|error| ResultsError::io(path, error))?;
    let is_run = |folder: &&Path| folder.join(MANIFEST).is_file() && folder.join(CONFIG).is_file();
    if let Some(outer) = absolute.ancestors().skip(1).find(is_run) {
        return Err(not_a_run(format!("it is inside the run folder {}", outer.display())));
    }
    match run_below(path, DEPTH) {
        Some(inner) => Err(not_a_run(format!("it contains the run folder {}", inner.display()))),
        None => Ok(()),
    }
}

/// How far below a folder runs are looked for: where a matrix, `<suite>/<method>/<task>/seed_<n>`, and
/// the folder of several of them have theirs.
const DEPTH: u32 = 5;

/// A run folder below `folder`, at most so many folders down; links are not followed.
fn run_below(folder: &Path, depth: u32) -> Option<PathBuf> {
    // What can't be listed is none of ours.
    let entries = fs::read_dir(folder).ok()?.flatten();
    let folders = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    let mut folders: Vec<PathBuf> = folders.map(|entry| entry.path()).collect();
    folders.sort();
    let is_run =
        |folder: &&PathBuf| folder.join(MANIFEST).is_file() && folder.join(CONFIG).is_file();
    let found = folders.iter().find(is_run).cloned();
    found.or_else(|| {
        let deeper = depth.checked_sub(1).filter(|depth| *depth > 0)?;
        folders.iter().find_map(|folder| run_below(folder, deeper))
    })
}
