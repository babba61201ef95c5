//! The events of a run folder, as lines or packed.

use std::fs::{self, File};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use super::layout::{EVENTS, PACKED_EVENTS};
use super::packed::unpack;
use crate::error::ResultsError;
use crate::files::{FileId, open_own, read_if_there};

/// Size limit of the events: ten million steps with an event at each.
const MOST_EVENT_BYTES: u64 = 4 << 30;

/// The events of a run as JSON lines, and the file that they come from.
#[derive(Debug)]
pub struct EventFile {
    /// The lines, from the first on.
    pub file: File,
    /// Tells the file on disk from another one of its name.
    pub id: FileId,
}

impl EventFile {
    /// Opens the events of a run folder: `events.jsonl`, or without it `events.packed.xz`, unpacked.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`] if there is neither; others if the file can't be read.
    pub fn open(folder: &Path) -> io::Result<Self> {
        match open_own(&folder.join(EVENTS), File::options().read(true)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            opened => {
                let file = opened?;
                let id = FileId::of(&file.metadata()?);
                return Ok(Self { file, id });
            }
        }
        let packed = folder.join(PACKED_EVENTS);
        let id = FileId::of(&fs::metadata(&packed)?);
        let mut bytes = Vec::new();
        open_own(&packed, File::options().read(true))?.read_to_end(&mut bytes)?;
        let lines = unpack(&bytes, MOST_EVENT_BYTES)?;
        let mut file = tempfile::tempfile()?;
        file.write_all(lines.as_bytes())?;
        file.rewind()?;
        Ok(Self { file, id })
    }

    /// Reads the events of a run folder, as JSON lines whether they are packed or not, with the path of
    /// their file. None if there are none.
    ///
    /// # Errors
    /// If the file can't be read, or what is packed is damaged.
    pub fn read(folder: &Path) -> Result<Option<(PathBuf, Vec<u8>)>, ResultsError> {
        let path = folder.join(EVENTS);
        if let Some(lines) = read_if_there(&path, MOST_EVENT_BYTES)? {
            return Ok(Some((path, lines)));
        }
        let path = folder.join(PACKED_EVENTS);
        let Some(packed) = read_if_there(&path, MOST_EVENT_BYTES)? else { return Ok(None) };
        let lines = unpack(&packed, MOST_EVENT_BYTES)
            .map_err(|error| ResultsError::unreadable(&path, error))?;
        Ok(Some((path, lines.into_bytes())))
    }
}
