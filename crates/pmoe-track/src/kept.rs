//! What a tracker has of a run, in a folder of the run.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use pmoe_results::ResultsError;
use pmoe_results::files::{read_text, remove_leftovers, write_atomic};
use pmoe_results::run::{Lock, Position};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Name of the file in the tracker's folder.
const FILE: &str = "state.json";
/// Version of the file.
const SCHEMA: u32 = 1;
/// Size limit of the file.
const MOST_BYTES: u64 = 1 << 20;

/// What a tracker has of a run, under the run's name there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tracked {
    /// The tracker's name of the run.
    pub id: String,
    /// The position after the events that it has.
    pub events: Position,
}

/// What a tracker has of a run in each place that it was sent to; for this process alone.
#[derive(Debug)]
pub struct Kept {
    folder: PathBuf,
    places: BTreeMap<String, Tracked>,
    lock: Lock,
}

impl Kept {
    /// Opens what is known of a tracker, in the folder `tracking/<tracker>` of a run.
    ///
    /// # Errors
    /// If another process tracks the run with it, or the folder can't be read or written.
    pub fn open(run: &Path, tracker: &str) -> Result<Self, ResultsError> {
        let folder = run.join("tracking").join(tracker);
        let lock = Lock::take(&folder)?;
        clean(&folder)?;
        let places = read(&folder)?.unwrap_or_default();
        Ok(Self { folder, places, lock })
    }

    /// What is in a place, such as a project; none before the first time.
    #[must_use]
    pub fn get(&self, place: &str) -> Option<&Tracked> {
        self.places.get(place)
    }

    /// Writes down what is in a place.
    ///
    /// # Errors
    /// If it can't be written.
    pub fn set(&mut self, place: &str, tracked: Tracked) -> Result<(), ResultsError> {
        self.places.insert(place.to_owned(), tracked);
        self.lock.check()?;
        write(&self.folder, &self.places)
    }
}

/// A state with its version.
#[derive(Serialize, Deserialize)]
struct Versioned<T> {
    schema: u32,
    state: T,
}

/// Reads the state in a folder; none if there is none.
pub(crate) fn read<T: DeserializeOwned>(folder: &Path) -> Result<Option<T>, ResultsError> {
    let path = folder.join(FILE);
    if !path.try_exists().map_err(|error| ResultsError::io(&path, error))? {
        return Ok(None);
    }
    let text = read_text(&path, MOST_BYTES)?;
    let bad = |message: String| ResultsError::BadFile {
        path: path.clone(),
        key: "the file".to_owned(),
        message: format!("{message}; without it the tracker gets the run once more"),
    };
    let found: Versioned<T> =
        serde_json::from_str(&text).map_err(|error| bad(error.to_string()))?;
    if found.schema != SCHEMA {
        return Err(bad(format!("version {}, but this program reads {SCHEMA}", found.schema)));
    }
    Ok(Some(found.state))
}

/// Removes what a killed process left in a folder of which this one has the lock.
pub(crate) fn clean(folder: &Path) -> Result<(), ResultsError> {
    remove_leftovers(folder, Duration::ZERO).map_err(|error| ResultsError::write(folder, error))
}

/// Replaces the state in a folder.
pub(crate) fn write<T: Serialize>(folder: &Path, state: &T) -> Result<(), ResultsError> {
    let path = folder.join(FILE);
    let text = serde_json::to_vec(&Versioned { schema: SCHEMA, state });
    let written = text.map_err(io::Error::from).and_then(|text| write_atomic(&path, &text));
    written.map_err(|error| ResultsError::write(&path, error))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn each_place_is_remembered_and_one_process_writes() {
        let dir = tempfile::tempdir().unwrap();
        let tracked = |id: &str| Tracked { id: id.to_owned(), events: Position::after(b"line\n") };
        let mut kept = Kept::open(dir.path(), "wandb").unwrap();
        assert_eq!(kept.get("a"), None);
        kept.set("a", tracked("1")).unwrap();
        kept.set("b", tracked("2")).unwrap();
        let error = Kept::open(dir.path(), "wandb").unwrap_err();
        assert!(matches!(error, ResultsError::Locked { .. }), "{error}");
        Kept::open(dir.path(), "mlflow").unwrap();
        drop(kept);
        let kept = Kept::open(dir.path(), "wandb").unwrap();
        assert_eq!((kept.get("a"), kept.get("b")), (Some(&tracked("1")), Some(&tracked("2"))));
    }

    #[test]
    fn a_damaged_state_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("tracking/wandb");
        fs::create_dir_all(&folder).unwrap();
        for text in ["", "{}", r#"{"schema":2,"state":{}}"#, r#"{"schema":1,"state":{"a":1}}"#] {
            fs::write(folder.join(FILE), text).unwrap();
            let error = Kept::open(dir.path(), "wandb").unwrap_err();
            assert!(error.to_string().contains("wandb/state.json"), "{text}: {error}");
        }
    }
}
