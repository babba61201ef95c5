//! Finds the run folders at or below a folder.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::Run;
use super::dir::RunDir;
use super::layout::MANIFEST;
use crate::error::ResultsError;

/// What [`scan`] found.
#[derive(Debug, Default)]
pub struct Scan {
    /// The runs, sorted by path.
    pub runs: Vec<Run>,
    /// Folders that have a manifest but can't be read as a run, folders that can't be listed, and
    /// dangling links.
    pub broken: Vec<(PathBuf, ResultsError)>,
    /// Links to runs that are already counted.
    pub repeated: Vec<Repeated>,
}

/// What [`Folders::find`] found.
#[derive(Debug, Default)]
pub struct Folders {
    /// Every folder, sorted by path: the searched one and those below it.
    pub all: Vec<PathBuf>,
    /// The folders that have a manifest.
    pub runs: Vec<PathBuf>,
    /// Folders that can't be listed, and dangling links.
    pub broken: Vec<(PathBuf, ResultsError)>,
    /// Links to runs that are already found.
    pub repeated: Vec<Repeated>,
}

/// A link to a folder that is also found another way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repeated {
    /// The link.
    pub link: PathBuf,
    /// Where it leads.
    pub target: PathBuf,
}

impl fmt::Display for Repeated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [link, target] = [&self.link, &self.target].map(|path| path.display());
        write!(f, "{link} links to {target}, whose runs were already found and count once")
    }
}

/// Returns the folder name for the runs of a task.
///
/// This is the name of the task. For a task from a file, `mjcf:FOLDER/NAME.xml`, it is `mjcf-NAME`,
/// with `_` for every character that may be special to a shell or a file system.
#[must_use]
pub fn task_folder(task: &str) -> String {
    let Some((kind, file)) = task.split_once(':') else { return task.to_owned() };
    let name = Path::new(file).file_stem().unwrap_or_default().to_string_lossy();
    let is_harmless = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let name: String = name.chars().map(|c| if is_harmless(c) { c } else { '_' }).collect();
    format!("{kind}-{name}")
}

/// Reads every run folder at or below `dir`, as found by [`Folders::find`].
///
/// A broken run does not hide the others.
///
/// # Errors
/// Returns an error if `dir` itself can't be listed.
pub fn scan(dir: &Path) -> Result<Scan, ResultsError> {
    let Folders { runs, broken, repeated, .. } = Folders::find(dir)?;
    let mut found = Scan { runs: Vec::new(), broken, repeated };
    for path in runs {
        match Run::read(&path) {
            Ok(run) => found.runs.push(run),
            Err(error) => found.broken.push((path, error)),
        }
    }
    found.broken.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(found)
}

impl Folders {
    /// Finds the folders at or below `dir`; one with a `manifest.json` is a run, even inside
    /// another run.
    ///
    /// Links to folders are followed, except links to `dir` or a folder above it. A folder that can
    /// be reached in several ways is listed once, under its own path rather than that of a link.
    ///
    /// # Errors
    /// Returns an error if `dir` itself can't be listed.
    pub fn find(dir: &Path) -> Result<Self, ResultsError> {
        let mut search = Search::default();
        search.folder(dir).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => ResultsError::NotARun {
                path: dir.to_owned(),
                reason: "there is no such folder".to_owned(),
            },
            _ => ResultsError::io(dir, source),
        })?;
        let root = fs::canonicalize(dir).map_err(|source| ResultsError::io(dir, source))?;
        // Links come last, so that real folders are listed under their own paths.
        while let Some(link) = search.links.pop_first() {
            search.link(&link, &root);
        }
        let Search { mut found, .. } = search;
        found.all.sort();
        found.runs.sort();
        found.broken.sort_by(|a, b| a.0.cmp(&b.0));
        let runs = &found.runs;
        found.repeated.retain(|of| runs.iter().any(|run| run.starts_with(&of.target)));
        Ok(found)
    }
}

/// A search in progress.
#[derive(Default)]
struct Search {
    found: Folders,
    /// Path of every folder, by its path without links.
    seen: BTreeMap<PathBuf, PathBuf>,
    /// Links that are not followed yet.
    links: BTreeSet<PathBuf>,
}

impl Search {
    fn folder(&mut self, dir: &Path) -> io::Result<()> {
        let known = self.seen.entry(fs::canonicalize(dir)?);
        if let std::collections::btree_map::Entry::Occupied(known) = known {
            let (link, target) = (dir.to_owned(), known.get().clone());
            self.found.repeated.push(Repeated { link, target });
            return Ok(());
        }
        known.or_insert_with(|| dir.to_owned());
        let entries = fs::read_dir(dir)?.collect::<io::Result<Vec<_>>>()?;
        self.found.all.push(dir.to_owned());
        if dir.join(MANIFEST).is_file() {
            self.found.runs.push(dir.to_owned());
        }
        let mut folders = Vec::new();
        for entry in entries {
            let kind = entry.file_type()?;
            if kind.is_symlink() {
                self.links.insert(entry.path());
            } else if kind.is_dir() && !is_checkpoint(&entry.path()) {
                folders.push(entry.path());
            }
        }
        folders.sort();
        for folder in folders {
            if let Err(error) = self.folder(&folder) {
                self.broken(folder, error);
            }
        }
        Ok(())
    }

    fn link(&mut self, link: &Path, root: &Path) {
        match fs::canonicalize(link) {
            // A link to a parent: its other contents are not part of the search.
            Ok(target) if root.starts_with(&target) => {
                let (link, target) = (link.to_owned(), self.found.all[0].clone());
                self.found.repeated.push(Repeated { link, target });
            }
            Ok(target) if target.is_dir() => {
                if let Err(error) = self.folder(link) {
                    self.broken(link.to_owned(), error);
                }
            }
            Ok(_) => {}
            // Editors leave hidden dangling links.
            Err(_) if link.file_name().is_some_and(|name| name.as_encoded_bytes()[0] == b'.') => {}
            Err(error) => self.broken(link.to_owned(), error),
        }
    }

    fn broken(&mut self, path: PathBuf, error: io::Error) {
        let is_link = fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_symlink());
        let error = match error.kind() {
            io::ErrorKind::NotFound if is_link => ResultsError::NotARun {
                path: path.clone(),
                reason: "it is a dangling link".to_owned(),
            },
            _ => ResultsError::io(&path, error),
        };
        self.found.broken.push((path, error));
    }
}

/// Whether a folder is a checkpoint of a run, which has a manifest of another kind.
fn is_checkpoint(dir: &Path) -> bool {
    let is_called = |path: &Path, is: fn(&str) -> bool| {
        path.file_name().and_then(|name| name.to_str()).is_some_and(is)
    };
    is_called(dir, |name| name.starts_with("step-") || name.starts_with(".step-"))
        && dir.parent().is_some_and(|above| is_called(above, |name| name == RunDir::CHECKPOINT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_of_tasks_have_harmless_names() {
        for (task, name) in [
            ("Hopper-v4", "Hopper-v4"),
            ("mjcf:robots/crawler.xml", "mjcf-crawler"),
            ("mjcf:/a/b/my robot: 2.xml", "mjcf-my_robot__2"),
            ("mjcf:../..", "mjcf-"),
            ("mjcf:\u{fc}.xml", "mjcf-_"),
        ] {
            assert_eq!(task_folder(task), name, "{task}");
        }
    }
}
