//! A lock that this process holds, or held until another took it.

use std::fs::File;
use std::io::{self, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use super::mark::{self, Mark, owner};
use crate::error::ResultsError;
use crate::run::layout::LOCK;

/// A folder that this process holds.
///
/// The one whose mark is in the lock file holds the folder. A holder that finds another's mark has lost
/// it for good, and leaves the file as it is.
#[derive(Debug)]
pub(super) struct Held {
    folder: PathBuf,
    mark: Mark,
    file: Mutex<Beating>,
    /// Who took the folder away.
    lost_to: OnceLock<String>,
}

/// The lock file, and how often it was written.
#[derive(Debug)]
struct Beating {
    file: File,
    beats: u64,
}

impl Held {
    /// Writes a mark into the lock file.
    pub(super) fn take(folder: &Path, file: File, mark: Mark) -> io::Result<Self> {
        let mut beating = Beating { file, beats: 0 };
        beating.write(&mark)?;
        let file = Mutex::new(beating);
        Ok(Self { folder: folder.to_owned(), mark, file, lost_to: OnceLock::new() })
    }

    /// Whether the folder is still held, as far as is known without a look at the file.
    pub(super) fn known(&self) -> Result<(), ResultsError> {
        match self.lost_to.get() {
            None => Ok(()),
            Some(owner) => {
                Err(ResultsError::Locked { path: self.folder.clone(), owner: owner.clone() })
            }
        }
    }

    /// Looks into the file whether the folder is still held.
    pub(super) fn check(&self) -> Result<(), ResultsError> {
        self.look(&self.beating())
    }

    /// Shows that the holder is alive. A beat that can't be written is left out: the next may be.
    pub(super) fn beat(&self) {
        let mut beating = self.beating();
        if self.look(&beating).is_ok() {
            let _ = beating.write(&self.mark);
        }
    }

    /// Empties the file, so that any machine may take the folder at once.
    pub(super) fn leave(&self) {
        let beating = self.beating();
        if self.look(&beating).is_ok() {
            // Whoever comes next waits if this fails.
            let _ = beating.file.set_len(0);
        }
        // What keeps the file open may outlive the lock.
        let _ = beating.file.unlock();
    }

    /// A look excludes a beat of this process: one that has lost the folder never writes the file.
    fn look(&self, _beating: &Beating) -> Result<(), ResultsError> {
        self.known()?;
        let path = self.folder.join(LOCK);
        // Elsewhere the system's lock keeps others from reading, and from taking the folder.
        if cfg!(unix) {
            let text = mark::read(&path).map_err(|error| ResultsError::io(&path, error))?;
            if !self.mark.is_in(&text) {
                self.lost_to.get_or_init(|| owner(&text).to_owned());
            }
        }
        self.known()
    }

    fn beating(&self) -> MutexGuard<'_, Beating> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Beating {
    fn write(&mut self, mark: &Mark) -> io::Result<()> {
        let text = mark.text(self.beats);
        self.beats += 1;
        // In place, so that the file is never empty while it is held.
        self.file.rewind()?;
        self.file.write_all(text.as_bytes())?;
        self.file.set_len(text.len() as u64)?;
        self.file.sync_data()
    }
}

/// A file in a folder, which is not written once another process has the folder.
#[derive(Debug)]
pub struct HeldFile {
    file: File,
    held: Option<Arc<Held>>,
}

impl HeldFile {
    /// A file in a folder that is held.
    pub(super) fn of(file: File, held: Arc<Held>) -> Self {
        Self { file, held: Some(held) }
    }

    /// A file that is always written.
    pub(in crate::run) fn free(file: File) -> Self {
        Self { file, held: None }
    }

    /// The file itself.
    #[must_use]
    pub fn file(&self) -> &File {
        &self.file
    }

    /// See [`Lock::check`](super::Lock::check).
    pub(in crate::run) fn check(&self) -> io::Result<()> {
        self.held.as_ref().map_or(Ok(()), |held| held.check().map_err(io::Error::other))
    }

    /// As [`HeldFile::check`], without a look at the file `lock`, into which its holder looks every
    /// few seconds.
    pub(in crate::run) fn known(&self) -> io::Result<()> {
        self.held.as_ref().map_or(Ok(()), |held| held.known().map_err(io::Error::other))
    }
}

impl Write for HeldFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.check()?;
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
