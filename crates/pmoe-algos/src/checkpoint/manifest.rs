//! The manifest of a checkpoint.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::Scope;
use super::files::open_regular;

/// File name of the manifest in the checkpoint's folder.
pub(super) const MANIFEST: &str = "MANIFEST.json";

/// The manifest of a checkpoint.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Manifest {
    pub(super) body: Body,
    /// Hash of the body's JSON.
    blake3: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Body {
    /// Format version, [`Body::SCHEMA`].
    pub(super) schema: u32,
    /// Id of the run.
    pub(super) run: String,
    pub(super) env_step: u64,
    /// How much of the learner it holds.
    pub(super) scope: Scope,
    /// blake3 of every file, by name.
    pub(super) files: BTreeMap<String, String>,
}

impl Body {
    pub(super) const SCHEMA: u32 = 3;

    fn blake3(&self) -> String {
        let json = serde_json::to_vec(self).expect("strings and numbers have a JSON form");
        blake3::hash(&json).to_hex().to_string()
    }
}

/// Size limit in bytes, far above that of any manifest.
const MOST_BYTES: u64 = 1 << 20;

impl Manifest {
    pub(super) fn new(body: Body) -> Self {
        Self { blake3: body.blake3(), body }
    }

    /// Reads and checks the manifest of a checkpoint, or returns what is wrong with it.
    pub(super) fn read(checkpoint: &Path) -> Result<Self, String> {
        let json = read(checkpoint).map_err(|error| format!("cannot read {MANIFEST}: {error}"))?;
        let manifest: Self = serde_json::from_slice(&json)
            .map_err(|error| format!("cannot parse {MANIFEST}: {error}"))?;
        if manifest.body.blake3() != manifest.blake3 {
            return Err(format!("{MANIFEST} has changed since it was written"));
        }
        // The names come from a file, so they must not lead out of the folder.
        let leads_out = |name: &&String| name.contains(['/', '\\', '\0']) || *name == "..";
        match manifest.body.files.keys().find(leads_out) {
            Some(name) => {
                Err(format!("{MANIFEST} names `{name}`, which is outside of the checkpoint"))
            }
            None => Ok(manifest),
        }
    }
}

/// Whether a checkpoint has the format of another version: a different schema number, or the plain
/// list of checksums that the first versions wrote.
pub(super) fn is_other_version(checkpoint: &Path) -> bool {
    /// The part of the manifest that every version can parse.
    #[derive(Deserialize)]
    struct Versioned {
        schema: u32,
    }
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Any {
        Numbered { body: Versioned },
        Checksums(BTreeMap<String, String>),
    }
    match read(checkpoint).map(|json| serde_json::from_slice(&json)) {
        Ok(Ok(Any::Numbered { body })) => body.schema != Body::SCHEMA,
        Ok(Ok(Any::Checksums(files))) => !files.is_empty(),
        _ => false,
    }
}

fn read(checkpoint: &Path) -> io::Result<Vec<u8>> {
    let mut json = Vec::new();
    open_regular(&checkpoint.join(MANIFEST))?.take(MOST_BYTES).read_to_end(&mut json)?;
    Ok(json)
}
