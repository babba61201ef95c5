//! Checkpoints: complete or absent, never half-written, never silently damaged.
//!
//! ```text
//! checkpoint/step-000050000/   a complete checkpoint
//!     MANIFEST.json            blake3 of every other file
//!     ..                       one file per part of the run
//! ```
//!
//! A checkpoint is written under a temporary name, brought to the disk and renamed; then the older
//! one is deleted. Reading checks every file's checksum before anything is used.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use pmoe_core::optim::LearnerError;

const MANIFEST: &str = "MANIFEST.json";

/// What can be wrong with a checkpoint.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// The file system refuses.
    #[error("cannot access {path}: {source}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A file is missing, cut or has other bytes than were written.
    #[error("the checkpoint {path} is damaged: {reason}; delete it to start the run again")]
    Damaged {
        /// The checkpoint's folder.
        path: PathBuf,
        /// Which file, and how.
        reason: String,
    },
    /// The bytes are whole, but not of this run.
    #[error("the checkpoint's part `{part}` does not fit: {reason}")]
    Content {
        /// Name of the part.
        part: String,
        /// What does not fit.
        reason: String,
    },
    /// Parameters can't be written or read.
    #[error(transparent)]
    Learner(#[from] LearnerError),
}

/// The parts of a checkpoint.
///
/// Large parts are never held as bytes: they are written from where they are, and read to where they go.
#[derive(Default)]
pub struct Files<'a>(BTreeMap<String, Part<'a>>);

/// Gives out a part.
type WriteTo<'a> = dyn Fn(&mut dyn Write) -> io::Result<()> + 'a;

enum Part<'a> {
    Bytes(Vec<u8>),
    Writer(Box<WriteTo<'a>>),
    /// On the disk, its checksum verified.
    File(PathBuf),
}

impl<'a> Files<'a> {
    /// Adds or replaces a part.
    pub fn insert(&mut self, name: &str, bytes: Vec<u8>) {
        self.0.insert(name.to_owned(), Part::Bytes(bytes));
    }

    /// Adds or replaces a part that `write` gives out, the same bytes each time.
    pub fn insert_writer(
        &mut self,
        name: &str,
        write: impl Fn(&mut dyn Write) -> io::Result<()> + 'a,
    ) {
        self.0.insert(name.to_owned(), Part::Writer(Box::new(write)));
    }

    /// The bytes of a part.
    ///
    /// # Errors
    /// When the checkpoint has no such part, or it can't be read.
    pub fn get(&self, name: &str) -> Result<Vec<u8>, CheckpointError> {
        let mut bytes = Vec::new();
        let read = self.reader(name)?.read_to_end(&mut bytes);
        read.map_err(|error| content(name, error.to_string()))?;
        Ok(bytes)
    }

    /// The bytes of a part, one after the other.
    ///
    /// # Errors
    /// When the checkpoint has no such part, or it can't be opened.
    pub fn reader(&self, name: &str) -> Result<Box<dyn Read + '_>, CheckpointError> {
        let part = self.0.get(name).ok_or_else(|| content(name, "it is missing".to_owned()))?;
        Ok(match part {
            Part::Bytes(bytes) => Box::new(bytes.as_slice()),
            Part::Writer(write) => {
                let mut bytes = Vec::new();
                write(&mut bytes).map_err(|error| content(name, error.to_string()))?;
                Box::new(io::Cursor::new(bytes))
            }
            Part::File(path) => {
                let file = File::open(path).map_err(|source| io_error(path, source))?;
                Box::new(BufReader::with_capacity(BUFFER, file))
            }
        })
    }

    /// Bytes of all parts together.
    ///
    /// # Errors
    /// When a part can't be given out.
    pub fn size(&self) -> Result<u64, CheckpointError> {
        let mut counter = Counter(0);
        for (name, part) in &self.0 {
            part.write(&mut counter).map_err(|error| content(name, error.to_string()))?;
        }
        Ok(counter.0)
    }

    /// Adds a part as JSON.
    pub fn insert_json<T: serde::Serialize>(&mut self, name: &str, value: &T) {
        let bytes = serde_json::to_vec(value).expect("plain data has a JSON form");
        self.insert(name, bytes);
    }

    /// Reads a part that [`Files::insert_json`] wrote.
    ///
    /// # Errors
    /// When it is missing or of another form.
    pub fn get_json<T: serde::de::DeserializeOwned>(
        &self,
        name: &str,
    ) -> Result<T, CheckpointError> {
        serde_json::from_slice(&self.get(name)?).map_err(|error| content(name, error.to_string()))
    }
}

impl Part<'_> {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        match self {
            Self::Bytes(bytes) => out.write_all(bytes),
            Self::Writer(write) => write(out),
            Self::File(path) => io::copy(&mut File::open(path)?, out).map(drop),
        }
    }
}

/// Bytes between two calls of the operating system.
const BUFFER: usize = 1 << 16;

fn content(part: &str, reason: String) -> CheckpointError {
    CheckpointError::Content { part: part.to_owned(), reason }
}

/// Writes a checkpoint into `folder` and deletes the older ones, and what a kill left of half-written ones.
///
/// # Errors
/// When the file system refuses; the older checkpoint is then still there.
pub fn write(folder: &Path, env_step: u64, files: &Files<'_>) -> Result<(), CheckpointError> {
    let name = format!("step-{env_step:012}");
    let temporary = folder.join(format!(".{name}.part"));
    remove(&temporary)?;
    create_dir(&temporary)?;
    let mut checksums = BTreeMap::new();
    for (name, part) in &files.0 {
        checksums.insert(name, write_file(&temporary.join(name), part)?);
    }
    let manifest = serde_json::to_vec_pretty(&checksums).expect("strings have a JSON form");
    write_file(&temporary.join(MANIFEST), &Part::Bytes(manifest))?;
    sync_dir(&temporary)?;

    let complete = folder.join(&name);
    let older = [list(folder, "step-")?, list(folder, ".step-")?].concat();
    // The same step again (a run interrupted right after a checkpoint): the two are equal.
    remove(&complete)?;
    fs::rename(&temporary, &complete).map_err(|source| io_error(&complete, source))?;
    sync_dir(folder)?;
    older.iter().filter(|path| **path != complete).try_for_each(|path| remove(path))
}

/// The newest checkpoint in `folder`, every checksum verified; `None` when there is none.
///
/// # Errors
/// When it is damaged or can't be read.
pub fn read(folder: &Path) -> Result<Option<Files<'static>>, CheckpointError> {
    if !folder.exists() {
        return Ok(None);
    }
    let Some(path) = list(folder, "step-")?.pop() else {
        return Ok(None);
    };
    let damaged = |reason: String| CheckpointError::Damaged { path: path.clone(), reason };
    let unreadable = |name: &str, error| damaged(format!("cannot read {name}: {error}"));
    let manifest = fs::read(path.join(MANIFEST)).map_err(|error| unreadable(MANIFEST, error))?;
    let checksums: BTreeMap<String, String> = serde_json::from_slice(&manifest)
        .map_err(|error| damaged(format!("cannot understand {MANIFEST}: {error}")))?;
    let mut files = Files::default();
    for (name, expected) in checksums {
        // Names come from a file: they must not lead out of the folder.
        if name.contains(['/', '\\']) || name == ".." {
            return Err(damaged(format!("{MANIFEST} names `{name}`")));
        }
        let file = path.join(&name);
        let found = checksum(&file).map_err(|error| unreadable(&name, error))?;
        if found != expected {
            return Err(damaged(format!("{name} has changed since it was written")));
        }
        files.0.insert(name, Part::File(file));
    }
    Ok(Some(files))
}

/// What begins with `prefix`, oldest first: `step-` complete checkpoints, `.step-` others.
fn list(folder: &Path, prefix: &str) -> Result<Vec<PathBuf>, CheckpointError> {
    let entries = fs::read_dir(folder).map_err(|source| io_error(folder, source))?;
    let mut found: Vec<PathBuf> = entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| {
            path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(prefix))
        })
        .collect();
    found.sort();
    Ok(found)
}

fn io_error(path: &Path, source: std::io::Error) -> CheckpointError {
    CheckpointError::Io { path: path.to_owned(), source }
}

fn create_dir(path: &Path) -> Result<(), CheckpointError> {
    fs::create_dir_all(path).map_err(|source| io_error(path, source))
}

fn remove(path: &Path) -> Result<(), CheckpointError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(io_error(path, error)),
        _ => Ok(()),
    }
}

/// Writes a part to the disk and returns its checksum.
fn write_file(path: &Path, part: &Part<'_>) -> Result<String, CheckpointError> {
    let write = || {
        let mut out = Hashed { out: File::create(path)?, hasher: blake3::Hasher::new() };
        let mut buffered = BufWriter::with_capacity(BUFFER, &mut out);
        part.write(&mut buffered)?;
        buffered.flush()?;
        drop(buffered);
        out.out.sync_all()?;
        Ok(out.hasher.finalize().to_hex().to_string())
    };
    write().map_err(|source| io_error(path, source))
}

fn checksum(path: &Path) -> io::Result<String> {
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(File::open(path)?)?;
    Ok(hasher.finalize().to_hex().to_string())
}

/// Counts bytes.
struct Counter(u64);

impl Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Passes bytes on and hashes them.
struct Hashed {
    out: File,
    hasher: blake3::Hasher,
}

impl Write for Hashed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

fn sync_dir(path: &Path) -> Result<(), CheckpointError> {
    File::open(path).and_then(|dir| dir.sync_all()).map_err(|source| io_error(path, source))
}

#[cfg(test)]
#[allow(clippy::float_cmp, reason = "equal bits are meant")]
mod tests {
    use super::*;

    fn contents(files: &Files<'_>) -> BTreeMap<String, Vec<u8>> {
        files.0.keys().map(|name| (name.clone(), files.get(name).unwrap())).collect()
    }

    fn found(folder: &Path) -> Option<BTreeMap<String, Vec<u8>>> {
        read(folder).unwrap().map(|files| contents(&files))
    }

    fn files(tag: u8) -> Files<'static> {
        let mut files = Files::default();
        files.insert("weights.bin", vec![tag; 1000]);
        files.insert_writer("large.bin", move |out| {
            (0..300).try_for_each(|i| out.write_all(&[tag, i as u8, 0, 1]))
        });
        files.insert_json("state.json", &[f64::from(tag), 0.1, -1e-300]);
        files
    }

    #[test]
    fn the_newest_replaces_the_older() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(found(&folder.path().join("none")), None);
        write(folder.path(), 900, &files(1)).unwrap();
        write(folder.path(), 1000, &files(2)).unwrap();
        write(folder.path(), 1000, &files(3)).unwrap();
        let read = read(folder.path()).unwrap().unwrap();
        assert_eq!(contents(&read), contents(&files(3)));
        assert_eq!(read.get_json::<[f64; 3]>("state.json").unwrap(), [3.0, 0.1, -1e-300]);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        assert_eq!(files(1).size().unwrap(), 1000 + 4 * 300 + "[1.0,0.1,-1e-300]".len() as u64);
        assert!(matches!(read.get("absent"), Err(CheckpointError::Content { .. })));
    }

    #[test]
    fn an_interrupted_write_leaves_the_older_one() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), 1, &files(1)).unwrap();
        let part = folder.path().join(".step-000000000002.part");
        fs::create_dir(&part).unwrap();
        fs::write(part.join("weights.bin"), b"half").unwrap();
        assert_eq!(found(folder.path()), Some(contents(&files(1))));
        write(folder.path(), 3, &files(2)).unwrap();
        assert_eq!(found(folder.path()), Some(contents(&files(2))));
        assert!(!part.exists());
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), 5, &files(1)).unwrap();
        let path = list(folder.path(), "step-").unwrap().pop().unwrap();
        for name in ["weights.bin", "large.bin", "state.json", MANIFEST] {
            let file = path.join(name);
            let whole = fs::read(&file).unwrap();
            let check = |bytes: &[u8], what: String| {
                fs::write(&file, bytes).unwrap();
                let error = read(folder.path()).err().expect(&what);
                assert!(matches!(error, CheckpointError::Damaged { .. }), "{what}: {error}");
            };
            for at in (0..whole.len()).step_by(whole.len().div_ceil(40)) {
                let mut flipped = whole.clone();
                flipped[at] ^= 1;
                check(&flipped, format!("{name}: bit of byte {at} flipped"));
                check(&whole[..at], format!("{name}: cut at {at}"));
            }
            fs::remove_file(&file).unwrap();
            assert!(read(folder.path()).is_err(), "{name} missing");
            fs::write(&file, &whole).unwrap();
        }
        assert_eq!(found(folder.path()), Some(contents(&files(1))));
    }
}
