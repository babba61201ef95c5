//! Files that hold one versioned JSON document.

use std::io;
use std::ops::RangeInclusive;
use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::atomic::write_atomic;
use super::read;
use crate::error::ResultsError;

/// Size limit of a document: several times the largest possible analysis.
const MOST_BYTES: u64 = 1 << 28;

/// Reads a document of one of the versions `schemas`; `None` if the file does not exist.
pub fn read<T: DeserializeOwned>(
    path: &Path,
    schemas: RangeInclusive<u32>,
) -> Result<Option<T>, ResultsError> {
    let bytes = read::read_if_there(path, MOST_BYTES)?;
    bytes.map(|bytes| parse(&bytes, path, schemas)).transpose()
}

/// Parses a document of one of the versions `schemas`; `path` is for the error message.
pub(crate) fn parse<T: DeserializeOwned>(
    bytes: &[u8],
    path: &Path,
    schemas: RangeInclusive<u32>,
) -> Result<T, ResultsError> {
    /// The one field that must be readable in every version.
    #[derive(Deserialize)]
    struct Versioned {
        schema: u32,
    }

    let bad = |key: &str, message: String| ResultsError::BadFile {
        path: path.to_owned(),
        key: key.to_owned(),
        message,
    };
    match serde_json::from_slice(bytes) {
        Ok(Versioned { schema: found }) if !schemas.contains(&found) => {
            let (oldest, newest) = schemas.into_inner();
            let readable =
                if oldest == newest { newest.to_string() } else { format!("{oldest} to {newest}") };
            let message = format!("version {found}, but this program reads {readable}");
            return Err(bad("schema", message));
        }
        // A document without a version fails below, where the error gets its place.
        Ok(_) | Err(_) => {}
    }
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let document = serde_path_to_error::deserialize(&mut deserializer)
        .map_err(|error| bad(&error.path().to_string(), error.inner().to_string()))?;
    deserializer.end().map_err(|error| bad("the end", error.to_string()))?;
    Ok(document)
}

/// Writes a document serialised by serde_json, and a line break, atomically.
pub fn write(path: &Path, document: serde_json::Result<Vec<u8>>) -> Result<(), ResultsError> {
    let written = document.map_err(io::Error::from).and_then(|mut bytes| {
        bytes.push(b'\n');
        write_atomic(path, &bytes)
    });
    written.map_err(|error| ResultsError::write(path, error))
}

/// Returns the text of a document, with a line break.
pub(crate) fn document(of: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec_pretty(of)?;
    bytes.push(b'\n');
    Ok(bytes)
}
