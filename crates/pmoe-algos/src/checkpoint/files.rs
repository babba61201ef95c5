//! The parts of a checkpoint, in memory or on disk.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use super::error::CheckpointError;

/// The parts of a checkpoint.
///
/// Large parts are never buffered as bytes: they are streamed to and from the disk.
#[derive(Default)]
pub struct Files<'a>(pub(super) BTreeMap<String, Part<'a>>);

/// Writes the bytes of a part.
type WriteTo<'a> = dyn Fn(&mut dyn Write) -> io::Result<()> + 'a;

pub(super) enum Part<'a> {
    Bytes(Vec<u8>),
    Writer(Box<WriteTo<'a>>),
    /// A file with a verified checksum.
    File(PathBuf),
}

impl<'a> Files<'a> {
    /// Adds or replaces a part.
    pub fn insert(&mut self, name: &str, bytes: Vec<u8>) {
        self.0.insert(name.to_owned(), Part::Bytes(bytes));
    }

    /// Adds or replaces a part that `write` produces. It must write the same bytes each time.
    pub fn insert_writer(
        &mut self,
        name: &str,
        write: impl Fn(&mut dyn Write) -> io::Result<()> + 'a,
    ) {
        self.0.insert(name.to_owned(), Part::Writer(Box::new(write)));
    }

    /// Returns whether there is a part of this name.
    pub fn contains(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Returns the bytes of a part.
    ///
    /// # Errors
    /// Returns an error if the part is missing or can't be read.
    pub fn get(&self, name: &str) -> Result<Vec<u8>, CheckpointError> {
        let mut bytes = Vec::new();
        let read = self.reader(name)?.read_to_end(&mut bytes);
        read.map_err(|error| CheckpointError::content(name, error.to_string()))?;
        Ok(bytes)
    }

    /// Returns a reader of the bytes of a part.
    ///
    /// # Errors
    /// Returns an error if the part is missing or can't be opened.
    pub fn reader(&self, name: &str) -> Result<Box<dyn Read + '_>, CheckpointError> {
        let part = self
            .0
            .get(name)
            .ok_or_else(|| CheckpointError::content(name, "it is missing".to_owned()))?;
        Ok(match part {
            Part::Bytes(bytes) => Box::new(bytes.as_slice()),
            Part::Writer(write) => {
                let mut bytes = Vec::new();
                write(&mut bytes)
                    .map_err(|error| CheckpointError::content(name, error.to_string()))?;
                Box::new(io::Cursor::new(bytes))
            }
            Part::File(path) => {
                let file = File::open(path).map_err(|source| CheckpointError::io(path, source))?;
                Box::new(BufReader::with_capacity(BUFFER, file))
            }
        })
    }

    /// Returns the size of all parts together, in bytes.
    ///
    /// # Errors
    /// Returns an error if a part can't be produced.
    pub fn size(&self) -> Result<u64, CheckpointError> {
        let mut counter = Counter(0);
        for (name, part) in &self.0 {
            part.write(&mut counter)
                .map_err(|error| CheckpointError::content(name, error.to_string()))?;
        }
        Ok(counter.0)
    }

    /// Adds a part as JSON.
    pub fn insert_json<T: serde::Serialize>(&mut self, name: &str, value: &T) {
        let bytes = serde_json::to_vec(value).expect("plain data has a JSON form");
        self.insert(name, bytes);
    }

    /// Reads a part written by [`Files::insert_json`].
    ///
    /// # Errors
    /// Returns an error if the part is missing or has another structure.
    pub fn get_json<T: serde::de::DeserializeOwned>(
        &self,
        name: &str,
    ) -> Result<T, CheckpointError> {
        serde_json::from_slice(&self.get(name)?)
            .map_err(|error| CheckpointError::content(name, error.to_string()))
    }
}

impl<'a> Files<'a> {
    /// Computes the blake3 of all parts and their names.
    ///
    /// # Errors
    /// Returns an error if a part can't be produced.
    pub fn blake3(&self) -> Result<String, CheckpointError> {
        let mut hasher = blake3::Hasher::new();
        for (name, part) in &self.0 {
            let mut of_part = blake3::Hasher::new();
            part.write(&mut of_part)
                .map_err(|error| CheckpointError::content(name, error.to_string()))?;
            hasher.update(name.as_bytes()).update(&[0]).update(of_part.finalize().as_bytes());
        }
        Ok(hasher.finalize().to_hex().to_string())
    }

    /// Adds named numbers as bit patterns: JSON has no NaN, and decimals may lose bits.
    pub fn insert_numbers(&mut self, name: &str, numbers: &BTreeMap<String, f64>) {
        let bits: BTreeMap<_, _> = numbers.iter().map(|(key, x)| (key, x.to_bits())).collect();
        self.insert_json(name, &bits);
    }

    /// Reads a part written by [`Files::insert_numbers`].
    ///
    /// # Errors
    /// Returns an error if the part is missing or has another structure.
    pub fn get_numbers(&self, name: &str) -> Result<BTreeMap<String, f64>, CheckpointError> {
        let bits: BTreeMap<String, u64> = self.get_json(name)?;
        Ok(bits.into_iter().map(|(key, bits)| (key, f64::from_bits(bits))).collect())
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

/// Buffer size in bytes.
const BUFFER: usize = 1 << 16;

/// Writes a part to disk and returns its checksum.
pub(super) fn write_file(path: &Path, part: &Part<'_>) -> Result<String, CheckpointError> {
    let write = || {
        let mut out = Hashed { out: File::create(path)?, hasher: blake3::Hasher::new() };
        let mut buffered = BufWriter::with_capacity(BUFFER, &mut out);
        part.write(&mut buffered)?;
        buffered.flush()?;
        drop(buffered);
        out.out.sync_all()?;
        Ok(out.hasher.finalize().to_hex().to_string())
    };
    write().map_err(|source| CheckpointError::io(path, source))
}

/// Opens a file if it is a regular one. Opening a pipe would block.
pub(super) fn open_regular(path: &Path) -> io::Result<File> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
    }
    File::open(path)
}

/// Computes the blake3 of a file.
pub(super) fn checksum(path: &Path) -> io::Result<String> {
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(open_regular(path)?)?;
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

/// Forwards bytes and hashes them.
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
