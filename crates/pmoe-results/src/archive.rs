//! Keeps what a finished run has found, without what only training needs.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::analysis::AnalysisKind;
use crate::error::ResultsError;
use crate::files::write_atomic;
use crate::run::{EventFile, MANIFEST, Manifest, PACKED_EVENTS, Run, RunDir, Status, pack, unpack};

/// What became of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Archived {
    /// It is in the archive now.
    New {
        /// Bytes in the archive.
        bytes: u64,
        /// Bytes of its policy, if it was too large to be kept.
        left_out: Option<u64>,
    },
    /// The archive had it, but not the parts that came later.
    More {
        /// Names of these parts, relative to the run's folder.
        parts: Vec<PathBuf>,
        /// Bytes of them.
        bytes: u64,
    },
    /// The archive had it.
    Present,
    /// It is not finished.
    Unfinished,
}

/// Copies a finished run to the folder `to`: config, manifest, events (packed), analyses, clip,
/// and a policy of at most `most_policy_bytes`. Checkpoints are left behind. The folder appears when it is whole.
///
/// Where the archive has the run, analyses, clip and policy are added if it lacks them.
///
/// # Errors
/// - As for [`Run::read`]: the run is damaged, or its copy in the archive
/// - [`ResultsError::OtherRun`]: `to` holds another run, or another one of these parts
/// - [`ResultsError::NotWritable`], [`ResultsError::Io`]: the file system refuses
pub fn archive(run: &Path, to: &Path, most_policy_bytes: u64) -> Result<Archived, ResultsError> {
    if Manifest::read(run)?.status != Status::Done {
        return Ok(Archived::Unfinished);
    }
    // Compares the events with their checksum.
    let Run { manifest, .. } = Run::read(run)?;
    if to.symlink_metadata().is_ok() {
        return add(run, &manifest, to, most_policy_bytes);
    }
    let partial = partial(to);
    let written = fill(&partial, run, most_policy_bytes).and_then(|archived| {
        match fs::rename(&partial, to) {
            Ok(()) => Ok(archived),
            // Another process was faster.
            Err(_) if to.join(MANIFEST).is_file() => add(run, &manifest, to, most_policy_bytes),
            Err(error) => Err(ResultsError::write(to, error)),
        }
    });
    // Nothing is left of it unless something failed, and then the first error is the one to tell.
    let _ = fs::remove_dir_all(&partial);
    written
}

/// Where the folder is made, beside its place. It is no run folder before it is whole.
fn partial(to: &Path) -> PathBuf {
    let name = to.file_name().unwrap_or_default().to_string_lossy();
    to.with_file_name(format!(".{name}.{}", std::process::id()))
}

fn fill(folder: &Path, run: &Path, most_policy_bytes: u64) -> Result<Archived, ResultsError> {
    let mut bytes = write(folder, Path::new(PACKED_EVENTS), &packed_events(run)?)?;
    let (parts, left_out) = parts(run, most_policy_bytes);
    let always = [RunDir::CONFIG, MANIFEST].map(PathBuf::from);
    // The manifest last: a folder without it is no run.
    for name in parts.into_iter().chain(always) {
        bytes += write(folder, &name, &read(run, &name)?)?;
    }
    Ok(Archived::New { bytes, left_out })
}

/// Adds to a run in the archive what it lacks.
fn add(
    run: &Path,
    manifest: &Manifest,
    to: &Path,
    most_policy_bytes: u64,
) -> Result<Archived, ResultsError> {
    let other = |path: PathBuf, from: PathBuf| ResultsError::OtherRun { path, from };
    // Read whole, so that a damaged copy does not pass for the run.
    if Run::read(to)?.manifest != *manifest {
        return Err(other(to.to_owned(), run.to_owned()));
    }
    let (mut added, mut bytes) = (Vec::new(), 0);
    for name in parts(run, most_policy_bytes).0 {
        let content = read(run, &name)?;
        if !to.join(&name).exists() {
            bytes += write(to, &name, &content)?;
            added.push(name);
        } else if read(to, &name)? != content {
            return Err(other(to.join(&name), run.join(&name)));
        }
    }
    Ok(match added.is_empty() {
        true => Archived::Present,
        false => Archived::More { parts: added, bytes },
    })
}

/// Names the parts of a run that may come after its end, and gives the size of a policy that is too large.
fn parts(run: &Path, most_policy_bytes: u64) -> (Vec<PathBuf>, Option<u64>) {
    let analyses = AnalysisKind::ALL.map(AnalysisKind::file);
    let others = [RunDir::CLIP, RunDir::POLICY].map(PathBuf::from);
    let mut names: Vec<PathBuf> = analyses.into_iter().chain(others).collect();
    names.retain(|name| run.join(name).is_file());
    let policy = fs::metadata(run.join(RunDir::POLICY)).ok().map(|metadata| metadata.len());
    let left_out = policy.filter(|len| *len > most_policy_bytes);
    names.retain(|name| left_out.is_none() || name != RunDir::POLICY);
    (names, left_out)
}

fn read(folder: &Path, name: &Path) -> Result<Vec<u8>, ResultsError> {
    let path = folder.join(name);
    fs::read(&path).map_err(|error| ResultsError::io(&path, error))
}

/// Writes a part, and returns its size.
fn write(folder: &Path, name: &Path, content: &[u8]) -> Result<u64, ResultsError> {
    let path = folder.join(name);
    let above = path.parent().expect("the folder is above");
    fs::create_dir_all(above).map_err(|error| ResultsError::create(above, error))?;
    write_atomic(&path, content).map_err(|error| ResultsError::write(&path, error))?;
    Ok(content.len() as u64)
}

/// The run's events, packed, and unpacked once to see that nothing is lost.
fn packed_events(run: &Path) -> Result<Vec<u8>, ResultsError> {
    let (path, lines) = EventFile::read(run)?
        .ok_or_else(|| ResultsError::io(run, io::ErrorKind::NotFound.into()))?;
    let failed = |error| ResultsError::unreadable(&path, error);
    let not_text = |error| failed(io::Error::new(io::ErrorKind::InvalidData, error));
    let lines = String::from_utf8(lines).map_err(|error| not_text(error.utf8_error()))?;
    let packed = pack(&lines).map_err(failed)?;
    match unpack(&packed, lines.len() as u64).map_err(failed)? == lines {
        true => Ok(packed),
        false => Err(ResultsError::unreadable(&path, "packing it would change it")),
    }
}
