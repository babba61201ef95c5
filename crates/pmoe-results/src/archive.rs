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
    /// The archive had it.
    Present,
    /// It is not finished.
    Unfinished,
}

/// Copies a finished run to the folder `to`: config, manifest, events (packed), analyses, clip,
/// and a policy of at most `most_policy_bytes`. Checkpoints are left behind. The folder appears when it is whole.
///
/// # Errors
/// - As for [`Run::read`]: the run is damaged, or its copy in the archive
/// - [`ResultsError::OtherRun`]: `to` holds another run
/// - [`ResultsError::NotWritable`], [`ResultsError::Io`]: the file system refuses
pub fn archive(run: &Path, to: &Path, most_policy_bytes: u64) -> Result<Archived, ResultsError> {
    if Manifest::read(run)?.status != Status::Done {
        return Ok(Archived::Unfinished);
    }
    // Compares the events with their checksum.
    let Run { manifest, .. } = Run::read(run)?;
    if to.symlink_metadata().is_ok() {
        // Read whole, so that a damaged copy does not pass for the run.
        return match Run::read(to)?.manifest == manifest {
            true => Ok(Archived::Present),
            false => Err(ResultsError::OtherRun { path: to.to_owned(), from: run.to_owned() }),
        };
    }
    let partial = partial(to);
    fs::create_dir_all(&partial).map_err(|error| ResultsError::create(&partial, error))?;
    let written = fill(&partial, run, most_policy_bytes).and_then(|archived| {
        fs::rename(&partial, to).map_err(|error| ResultsError::write(to, error))?;
        Ok(archived)
    });
    if written.is_err() {
        // The first error is the one to tell.
        let _ = fs::remove_dir_all(&partial);
    }
    written
}

/// Where the folder is made, beside its place.
fn partial(to: &Path) -> PathBuf {
    let name = to.file_name().unwrap_or_default().to_string_lossy();
    to.with_file_name(format!(".{name}.{}", std::process::id()))
}

fn fill(folder: &Path, run: &Path, most_policy_bytes: u64) -> Result<Archived, ResultsError> {
    let mut bytes = 0;
    let mut write = |name: &Path, content: &[u8]| {
        let path = folder.join(name);
        let above = path.parent().expect("the folder is above");
        fs::create_dir_all(above).map_err(|error| ResultsError::create(above, error))?;
        bytes += content.len() as u64;
        write_atomic(&path, content).map_err(|error| ResultsError::write(&path, error))
    };
    let read = |name: &Path| {
        let path = run.join(name);
        fs::read(&path).map_err(|error| ResultsError::io(&path, error))
    };
    for name in [RunDir::CONFIG, MANIFEST].map(Path::new) {
        write(name, &read(name)?)?;
    }
    write(Path::new(PACKED_EVENTS), &packed_events(run)?)?;
    for name in AnalysisKind::ALL.map(AnalysisKind::file).into_iter().chain([RunDir::CLIP.into()]) {
        if run.join(&name).is_file() {
            write(&name, &read(&name)?)?;
        }
    }
    let policy = fs::metadata(run.join(RunDir::POLICY)).ok().map(|metadata| metadata.len());
    if policy.is_some_and(|len| len <= most_policy_bytes) {
        write(Path::new(RunDir::POLICY), &read(Path::new(RunDir::POLICY))?)?;
    }
    Ok(Archived::New { bytes, left_out: policy.filter(|&len| len > most_policy_bytes) })
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
