use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::{Manifest, ResultsError, json, write_atomic};

pub(crate) const CONFIG: &str = "config.toml";
pub(crate) const MANIFEST: &str = "manifest.json";
pub(crate) const EVENTS: &str = "events.jsonl";
const CHECKPOINT: &str = "checkpoint";
const LOCK: &str = "lock";

/// A run folder open for writing, by this process alone.
///
/// The lock goes with the value, and with the process however that ends.
#[derive(Debug)]
pub struct RunDir {
    path: PathBuf,
    manifest: Manifest,
    _lock: File,
}

impl RunDir {
    /// Name of the file with the resolved config.
    pub const CONFIG: &str = CONFIG;

    /// Name of the folder with the checkpoint.
    pub const CHECKPOINT: &str = CHECKPOINT;

    /// Opens or creates the folder of a run.
    ///
    /// `config` is the resolved config as TOML. A new folder keeps it and gets the manifest that
    /// `manifest` makes; a folder that has a config must have this one, in meaning if not in bytes,
    /// and keeps its manifest.
    ///
    /// # Errors
    /// - [`ResultsError::Locked`]: another process has it open
    /// - [`ResultsError::ConfigMismatch`]: it holds a run of another config
    /// - [`ResultsError::NotARun`]: it has events or a checkpoint, but no config or no manifest
    /// - [`ResultsError::BadFile`]: its config or manifest can't be understood, or `config` can't
    /// - [`ResultsError::NotWritable`], [`ResultsError::Io`]: the file system refuses
    ///
    /// Whatever was in the folder is then as before.
    pub fn open(
        path: &Path,
        config: &str,
        manifest: impl FnOnce() -> Manifest,
    ) -> Result<Self, ResultsError> {
        let wanted = parse_config(config, Path::new("the config of this run"))?;
        fs::create_dir_all(path).map_err(|error| ResultsError::create(path, error))?;
        let lock = take_lock(path)?;

        let config_path = path.join(CONFIG);
        let manifest_path = path.join(MANIFEST);
        let stored_config = read_if_there(&config_path)?;
        let stored_manifest = read_if_there(&manifest_path)?;
        // The config is written before the manifest and both before anything else, so only this
        // state is not one that an interrupted start leaves.
        let incomplete = stored_config.is_none() || stored_manifest.is_none();
        let data = [EVENTS, CHECKPOINT].into_iter().find(|name| path.join(name).exists());
        let orphan = data.or(stored_manifest.is_some().then_some(MANIFEST));
        if let (true, Some(name)) = (incomplete, orphan) {
            let missing = if stored_config.is_none() { CONFIG } else { MANIFEST };
            let reason = format!("it has {name}, but no {missing}");
            return Err(ResultsError::NotARun { path: path.to_owned(), reason });
        }

        match stored_config {
            Some(text) => {
                let found = parse_config(&text, &config_path)?;
                if let Some((key, found, expected)) = first_difference(&found, &wanted) {
                    let path = path.to_owned();
                    return Err(ResultsError::ConfigMismatch { path, key, found, expected });
                }
            }
            None => write_atomic(&config_path, config.as_bytes())
                .map_err(|error| ResultsError::write(&config_path, error))?,
        }
        let manifest = match stored_manifest {
            Some(text) => Manifest::parse(&text, &manifest_path)?,
            None => {
                let manifest = manifest();
                write_manifest(&manifest_path, &manifest)?;
                manifest
            }
        };
        Ok(Self { path: path.to_owned(), manifest, _lock: lock })
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The manifest, as it is on the disk.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Changes the manifest, on the disk first.
    ///
    /// # Errors
    /// When it can't be written; it is then unchanged, here and on the disk.
    pub fn update_manifest(
        &mut self,
        change: impl FnOnce(&mut Manifest),
    ) -> Result<(), ResultsError> {
        let mut manifest = self.manifest.clone();
        change(&mut manifest);
        write_manifest(&self.path.join(MANIFEST), &manifest)?;
        self.manifest = manifest;
        Ok(())
    }

    /// Where the events go; see [`crate::JsonlSink`].
    #[must_use]
    pub fn events_path(&self) -> PathBuf {
        self.path.join(EVENTS)
    }

    /// Checksum of the events, which the manifest of a finished run holds.
    ///
    /// # Errors
    /// When they can't be read.
    pub fn events_blake3(&self) -> Result<String, ResultsError> {
        let path = self.events_path();
        let bytes = fs::read(&path).map_err(|error| ResultsError::io(&path, error))?;
        Ok(blake3::hash(&bytes).to_hex().to_string())
    }

    /// Where the checkpoint goes.
    #[must_use]
    pub fn checkpoint_dir(&self) -> PathBuf {
        self.path.join(CHECKPOINT)
    }
}

/// Takes the folder's lock and writes into it who did.
fn take_lock(folder: &Path) -> Result<File, ResultsError> {
    let path = folder.join(LOCK);
    let failed = |error| ResultsError::write(&path, error);
    let mut file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(failed)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let owner = fs::read_to_string(&path).unwrap_or_default();
            let owner = owner.lines().next().unwrap_or("another process").to_owned();
            return Err(ResultsError::Locked { path: folder.to_owned(), owner });
        }
        Err(TryLockError::Error(error)) => return Err(failed(error)),
    }
    file.set_len(0).map_err(failed)?;
    writeln!(file, "process {}", std::process::id()).map_err(failed)?;
    Ok(file)
}

fn read_if_there(path: &Path) -> Result<Option<String>, ResultsError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(ResultsError::io(path, error)),
    }
}

pub(crate) fn parse_config(text: &str, path: &Path) -> Result<toml::Table, ResultsError> {
    text.parse().map_err(|error: toml::de::Error| ResultsError::BadFile {
        path: path.to_owned(),
        key: error.span().map_or("the end".to_owned(), |span| {
            format!("line {}", 1 + text[..span.start].matches('\n').count())
        }),
        message: error.message().to_owned(),
    })
}

fn write_manifest(path: &Path, manifest: &Manifest) -> Result<(), ResultsError> {
    json::write(path, serde_json::to_vec_pretty(manifest))
}

/// The first key, dotted, whose value differs, with both values; keys in alphabetical order.
fn first_difference(
    found: &toml::Table,
    expected: &toml::Table,
) -> Option<(String, String, String)> {
    let show = |value: Option<&toml::Value>| value.map_or("absent".to_owned(), ToString::to_string);
    let mut keys: Vec<_> = found.keys().chain(expected.keys()).collect();
    keys.sort_unstable();
    keys.dedup();
    keys.into_iter().find_map(|key| match (found.get(key), expected.get(key)) {
        (Some(toml::Value::Table(found)), Some(toml::Value::Table(expected))) => {
            first_difference(found, expected)
                .map(|(inner, found, expected)| (format!("{key}.{inner}"), found, expected))
        }
        (found, expected) if found == expected => None,
        (found, expected) => Some((key.clone(), show(found), show(expected))),
    })
}
