use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::difference::{first_difference, other_than_budget, smaller_budget};
use super::event::Position;
use super::jsonl::JsonlSink;
use super::layout::{
    ANALYSIS, CHECKPOINT, CLIP, CONFIG, EVENTS, MANIFEST, PACKED_EVENTS, POLICY, read_part,
};
use super::lock::Lock;
use super::manifest::{Manifest, Status};
use super::nesting::refuse_nesting;
use crate::error::ResultsError;
use crate::files::{
    MOST_CONFIG_BYTES, json, read_text, remove_leftovers, write_atomic, write_atomic_if,
};
use crate::settings;

/// A run folder open for writing, by this process alone.
///
/// The lock goes with the value, and with the process however that ends. Where the system's locks do
/// not reach other machines, one of them may take the folder from a process that shows no sign of life
/// for a minute; that process then writes nothing more.
#[derive(Debug)]
pub struct RunDir {
    path: PathBuf,
    manifest: Manifest,
    /// The smaller budget that the run has finished, where the config asks for more steps.
    finished_budget: Option<u64>,
    lock: Lock,
}

impl RunDir {
    /// Name of the file with the resolved config.
    pub const CONFIG: &str = CONFIG;

    /// Name of the folder with the checkpoints.
    pub const CHECKPOINT: &str = CHECKPOINT;

    /// Name of the file with the policy of the finished run.
    pub const POLICY: &str = POLICY;

    /// Name of the file with a clip of the policy, which `pmoe gallery` draws.
    pub const CLIP: &str = CLIP;

    /// Opens or creates the folder of a run.
    ///
    /// `config` is the resolved config as TOML. A new folder keeps it and gets the manifest that
    /// `manifest` makes; a folder that has a config must have this one, in meaning if not in bytes,
    /// and keeps its manifest. A finished run may be opened with a larger budget, see
    /// [`RunDir::finished_budget`].
    ///
    /// Temporary files that a killed process left in the folder are removed. A folder that a process
    /// on another machine did not leave in order takes a minute to open, see
    /// [`held_elsewhere`](super::held_elsewhere).
    ///
    /// # Errors
    /// - [`ResultsError::Locked`]: another process has it open
    /// - [`ResultsError::ConfigMismatch`]: it holds a run of another config
    /// - [`ResultsError::ManifestMismatch`]: its manifest is that of another run
    /// - [`ResultsError::NotARun`]: it has events or a checkpoint, but neither config nor manifest; it has
    ///   a `lock` that is no lock of ours; it would be a run folder in another one
    /// - [`ResultsError::MissingPart`]: it has only one of config and manifest, and more
    /// - [`ResultsError::BadFile`]: its config or manifest can't be understood, or `config` can't
    /// - [`ResultsError::NotWritable`], [`ResultsError::Io`]: the file system refuses
    ///
    /// Whatever was in the folder is then as before.
    pub fn open(
        path: &Path,
        config: &str,
        manifest: impl FnOnce() -> Manifest,
    ) -> Result<Self, ResultsError> {
        let wanted = settings::parse(config, Path::new("the config of this run"))?;
        // Before anything is written, the lock included: the folder may be somebody else's.
        let is_new = judge(path)?.config.is_none();
        if is_new {
            refuse_nesting(path)?;
        }
        fs::create_dir_all(path).map_err(|error| ResultsError::create(path, error))?;
        let lock = Lock::of(path)?;
        // Another process may have been here since.
        let Found { config: stored_config, manifest: stored_manifest } = judge(path)?;

        let config_path = path.join(CONFIG);
        let mut finished_budget = None;
        if let Some(text) = &stored_config {
            let found = settings::parse(text, &config_path)?;
            let stored_manifest = stored_manifest.as_ref();
            finished_budget = smaller_budget(&found, &wanted, stored_manifest);
            let differs = first_difference(&found, &wanted);
            if let Some((key, found, expected)) = differs.filter(|_| finished_budget.is_none()) {
                let path = path.to_owned();
                return Err(ResultsError::ConfigMismatch { path, key, found, expected });
            }
            match stored_manifest {
                Some(manifest) if finished_budget.is_none() => manifest.check(&found, path)?,
                _ => {}
            }
        }
        for folder in [path.to_owned(), path.join(CHECKPOINT), path.join(ANALYSIS)] {
            // Nobody else writes there.
            remove_leftovers(&folder, Duration::ZERO)
                .map_err(|error| ResultsError::write(&folder, error))?;
        }
        if stored_config.is_none() {
            write_atomic(&config_path, config.as_bytes())
                .map_err(|error| ResultsError::write(&config_path, error))?;
        }
        let manifest = match stored_manifest {
            Some(manifest) => manifest,
            None => {
                let manifest = manifest();
                write_manifest(&path.join(MANIFEST), &manifest)?;
                manifest
            }
        };
        Ok(Self { path: path.to_owned(), manifest, finished_budget, lock })
    }

    /// The budget that the run has finished, in environment steps, where it was opened with a larger
    /// one and with no other difference. Nothing in the folder says so before [`RunDir::extend`].
    #[must_use]
    pub fn finished_budget(&self) -> Option<u64> {
        self.finished_budget
    }

    /// Gives a finished run the larger budget of `config`, with which it was opened. A clip of its policy is set aside.
    ///
    /// # Errors
    /// When the files can't be written. Opening the folder with the same config goes on from there.
    pub fn extend(&mut self, config: &str, total_steps: u64) -> Result<(), ResultsError> {
        set_aside(&self.path, CLIP)?;
        // The config first: as long as the manifest says the old budget and that it is spent, this can
        // be told from damage and taken up.
        self.replace(CONFIG, config.as_bytes())?;
        self.update_manifest(|manifest| {
            manifest.total_steps = total_steps;
            manifest.status = Status::Interrupted;
            manifest.events_blake3 = None;
        })?;
        self.finished_budget = None;
        Ok(())
    }

    /// Opens the folder of a run to start over. Its events, checkpoints and policy, and a config or manifest
    /// that is damaged, are set aside as `events.1.jsonl`, `checkpoint.1` and so on, with the next free number.
    /// The budget may be another one: no step that was taken counts.
    ///
    /// # Errors
    /// As [`RunDir::open`], but for a damaged config or manifest, as long as one of the two says that this
    /// is the run.
    pub fn restart(
        path: &Path,
        config: &str,
        manifest: impl Fn() -> Manifest,
    ) -> Result<(Self, Vec<PathBuf>), ResultsError> {
        let wanted = settings::parse(config, Path::new("the config of this run"))?;
        let stored = read_part(path, CONFIG);
        let stored = stored.and_then(|text| settings::parse(&text, &path.join(CONFIG)));
        if let Ok(found) = &stored
            && let Some((key, found, expected)) = other_than_budget(found, &wanted)
        {
            let path = path.to_owned();
            return Err(ResultsError::ConfigMismatch { path, key, found, expected });
        }
        let total_steps = manifest().total_steps;
        let stored_manifest = Manifest::read(path).and_then(|mut manifest| {
            let budget = std::mem::replace(&mut manifest.total_steps, total_steps);
            manifest.check(&wanted, path)?;
            Ok((manifest, budget))
        });
        let mut aside = Vec::new();
        if stored.is_ok() || stored_manifest.is_ok() {
            let _lock = Lock::of(path)?;
            for (name, is_damaged) in
                [(CONFIG, stored.is_err()), (MANIFEST, stored_manifest.is_err())]
            {
                if is_damaged {
                    aside.extend(set_aside(path, name)?);
                }
            }
            // Whatever is written when this is cut short, starting over works again.
            if stored.is_err() || stored.is_ok_and(|found| found != wanted) {
                let path = path.join(CONFIG);
                write_atomic(&path, config.as_bytes())
                    .map_err(|error| ResultsError::write(&path, error))?;
            }
            match stored_manifest {
                Ok((_, budget)) if budget == total_steps => {}
                Ok((manifest, _)) => write_manifest(&path.join(MANIFEST), &manifest)?,
                Err(_) => write_manifest(&path.join(MANIFEST), &manifest())?,
            }
        }
        let mut run = Self::open(path, config, manifest)?;
        run.update_manifest(|manifest| {
            manifest.status = Status::Running;
            manifest.env_step = 0;
            manifest.events_blake3 = None;
        })?;
        for name in [EVENTS, PACKED_EVENTS, CHECKPOINT, POLICY, CLIP] {
            aside.extend(set_aside(path, name)?);
        }
        Ok((run, aside))
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
    /// When it can't be written, or another process has taken the folder; it is then unchanged, here
    /// and on the disk.
    pub fn update_manifest(
        &mut self,
        change: impl FnOnce(&mut Manifest),
    ) -> Result<(), ResultsError> {
        let mut manifest = self.manifest.clone();
        change(&mut manifest);
        let path = self.path.join(MANIFEST);
        let bytes = json::document(&manifest).map_err(|error| ResultsError::write(&path, error))?;
        self.replace(MANIFEST, &bytes)?;
        self.manifest = manifest;
        Ok(())
    }

    /// Replaces a file if the folder is still held when the new one has reached the disk: that may take
    /// as long as another machine waits before it takes the folder.
    fn replace(&self, name: &str, bytes: &[u8]) -> Result<(), ResultsError> {
        self.check()?;
        let path = self.path.join(name);
        let is_held = || self.check().map_err(io::Error::other);
        let replaced = write_atomic_if(&path, bytes, is_held);
        replaced.or_else(|error| self.check().and(Err(ResultsError::write(&path, error))))
    }

    /// Checks that no other process has taken the folder, see [`Lock::check`]. Whatever writes into
    /// it by another way than this value asks first.
    ///
    /// # Errors
    /// As for [`Lock::check`].
    pub fn check(&self) -> Result<(), ResultsError> {
        self.lock.check()
    }

    /// Opens the events to continue at `position`. Once another process has taken the folder, the sink
    /// writes nothing: its errors hold a [`ResultsError::Locked`].
    ///
    /// # Errors
    /// As for [`JsonlSink::open_at`], and [`RunDir::check`].
    pub fn events_from(&self, position: &Position) -> Result<JsonlSink, ResultsError> {
        self.check()?;
        JsonlSink::open(&self.events_path(), position, |file| self.lock.guard(file))
    }

    /// Where the events go; see [`RunDir::events_from`].
    #[must_use]
    pub fn events_path(&self) -> PathBuf {
        self.path.join(EVENTS)
    }

    /// Where the checkpoint goes.
    #[must_use]
    pub fn checkpoint_dir(&self) -> PathBuf {
        self.path.join(CHECKPOINT)
    }
}

/// What a folder has of a run.
struct Found {
    config: Option<String>,
    manifest: Option<Manifest>,
}

/// Reads config and manifest of a folder, which need not exist, and refuses one that is no run folder.
fn judge(path: &Path) -> Result<Found, ResultsError> {
    let not_a_run = |reason: String| ResultsError::NotARun { path: path.to_owned(), reason };
    let config = read_if_there(&path.join(CONFIG))?;
    let manifest = read_if_there(&path.join(MANIFEST))?;
    // The config is written before the manifest and both before anything else, so only this state is
    // not one that an interrupted start leaves.
    let is_there = |name: &&str| path.join(name).symlink_metadata().is_ok();
    let data = [EVENTS, PACKED_EVENTS, CHECKPOINT].into_iter().find(is_there);
    let orphan = data.or(manifest.is_some().then_some(MANIFEST));
    if let (true, Some(name)) = (config.is_none() || manifest.is_none(), orphan) {
        let missing = if config.is_none() { CONFIG } else { MANIFEST };
        return Err(if config.is_none() && manifest.is_none() {
            not_a_run(format!("it contains {name}, but no {missing}"))
        } else {
            ResultsError::MissingPart { path: path.to_owned(), present: name, missing }
        });
    }
    let manifest = manifest.map(|text| Manifest::parse(&text, &path.join(MANIFEST))).transpose()?;
    Ok(Found { config, manifest })
}

/// Renames `events.jsonl` to `events.1.jsonl` or the next free number; returns where it is now, or none
/// if it is not there.
fn set_aside(folder: &Path, name: &str) -> Result<Option<PathBuf>, ResultsError> {
    let path = folder.join(name);
    let (stem, extension) = name.split_at(name.find('.').unwrap_or(name.len()));
    let mut numbered = (1..).map(|number: u64| folder.join(format!("{stem}.{number}{extension}")));
    let free = numbered.find(|path| path.symlink_metadata().is_err());
    let free = free.expect("some number is free");
    match fs::rename(&path, &free) {
        Ok(()) => Ok(Some(free)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(ResultsError::write(&path, error)),
    }
}

fn read_if_there(path: &Path) -> Result<Option<String>, ResultsError> {
    match fs::metadata(path).map_err(|error| error.kind()) {
        // What stands in the way is found when the folder is made.
        Err(io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        _ => read_text(path, MOST_CONFIG_BYTES).map(Some),
    }
}

fn write_manifest(path: &Path, manifest: &Manifest) -> Result<(), ResultsError> {
    json::write(path, serde_json::to_vec_pretty(manifest))
}
