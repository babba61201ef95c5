use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::run_dir::{CONFIG, EVENTS, parse_config};
use crate::{Event, Manifest, ResultsError, Status};

/// A run folder, read.
#[derive(Debug, Clone)]
pub struct Run {
    /// The folder.
    pub path: PathBuf,
    /// The resolved config.
    pub config: toml::Table,
    /// State, provenance, attempts.
    pub manifest: Manifest,
    /// What it reported, in order.
    pub events: Vec<Event>,
}

impl Run {
    /// Name of the file of the events in a run folder.
    pub const EVENTS: &str = EVENTS;

    /// Reads a run folder, without its lock: the run may be under way.
    ///
    /// A last line that a kill has cut in the middle is dropped, unless the run is done: then every
    /// byte must be there, and the events must have the checksum of the manifest.
    ///
    /// # Errors
    /// When the folder is not a run or one of its files can't be read or understood.
    pub fn read(path: &Path) -> Result<Self, ResultsError> {
        let manifest = Manifest::read(path)?;
        let config = parse_config(&read_part(path, CONFIG)?, &path.join(CONFIG))?;

        let done = manifest.status == Status::Done;
        let events_path = path.join(EVENTS);
        let events = match fs::read(&events_path) {
            Ok(bytes) => {
                if done {
                    verify(&events_path, &bytes, manifest.events_blake3.as_deref())?;
                }
                parse_events(&events_path, &bytes, done)?
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound && !done => Vec::new(),
            Err(error) => return Err(part_error(path, EVENTS, error)),
        };
        Ok(Self { path: path.to_owned(), config, manifest, events })
    }
}

pub(crate) fn read_part(folder: &Path, name: &str) -> Result<String, ResultsError> {
    fs::read_to_string(folder.join(name)).map_err(|error| part_error(folder, name, error))
}

fn part_error(folder: &Path, name: &str, error: io::Error) -> ResultsError {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
            ResultsError::NotARun { path: folder.to_owned(), reason: format!("it has no {name}") }
        }
        io::ErrorKind::InvalidData => ResultsError::BadFile {
            path: folder.join(name),
            key: "text".to_owned(),
            message: error.to_string(),
        },
        _ => ResultsError::io(&folder.join(name), error),
    }
}

fn verify(path: &Path, bytes: &[u8], expected: Option<&str>) -> Result<(), ResultsError> {
    let found = blake3::hash(bytes).to_hex();
    match expected {
        Some(expected) if expected == found.as_str() => Ok(()),
        expected => Err(ResultsError::ChangedEvents {
            path: path.to_owned(),
            expected: expected.unwrap_or("in the manifest").to_owned(),
            found: found.to_string(),
        }),
    }
}

fn parse_events(path: &Path, bytes: &[u8], done: bool) -> Result<Vec<Event>, ResultsError> {
    let mut events = Vec::new();
    for (index, line) in bytes.split_inclusive(|&byte| byte == b'\n').enumerate() {
        match serde_json::from_slice(line) {
            Ok(event) => events.push(event),
            // Only the last line can lack its end.
            Err(_) if !done && !line.ends_with(b"\n") => break,
            Err(error) => {
                return Err(ResultsError::BadFile {
                    path: path.to_owned(),
                    key: format!("line {}", index + 1),
                    message: error.to_string(),
                });
            }
        }
    }
    Ok(events)
}
