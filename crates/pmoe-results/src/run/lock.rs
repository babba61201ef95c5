//! The lock of a run folder: one process writes it.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use super::layout::LOCK;
use crate::error::ResultsError;
use crate::files::open_own;

/// How a lock file begins that was ever taken.
const LOCK_TAKEN: &str = "process ";

/// How long a process that opens a folder waits for those who only ask ([`is_held`]), and how often
/// it looks.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(1);

/// Whether a process is writing a run folder; `None` if its lock can't tell.
///
/// Nothing is created or written. The lock is shared for an instant with others who ask; a process
/// that opens the folder at that moment waits for them.
#[must_use]
pub fn is_held(folder: &Path) -> Option<bool> {
    let file = open_own(&folder.join(LOCK), File::options().read(true)).ok()?;
    if !is_our_lock(&file).ok()? {
        return None;
    }
    match file.try_lock_shared() {
        Ok(()) => Some(false),
        Err(TryLockError::WouldBlock) => Some(true),
        Err(TryLockError::Error(_)) => None,
    }
}

/// Whether a file holds what we write into a lock: nothing, or who took it.
fn is_our_lock(file: &File) -> io::Result<bool> {
    let mut start = Vec::new();
    file.take(LOCK_TAKEN.len() as u64).read_to_end(&mut start)?;
    Ok(start.is_empty() || start == LOCK_TAKEN.as_bytes())
}

/// A folder that this process alone may write, for as long as the value lives.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock of a folder that goes with runs, and makes the folder if it is not there.
    ///
    /// # Errors
    /// - [`ResultsError::Locked`]: another process has it
    /// - [`ResultsError::NotARun`]: the folder has a file `lock` that is none of ours
    /// - [`ResultsError::NotWritable`], [`ResultsError::Io`]: the file system refuses
    pub fn take(folder: &Path) -> Result<Self, ResultsError> {
        fs::create_dir_all(folder).map_err(|error| ResultsError::create(folder, error))?;
        Ok(Self { _file: take_lock(folder)? })
    }
}

/// Takes the folder's lock and writes into it who did.
pub(super) fn take_lock(folder: &Path) -> Result<File, ResultsError> {
    let path = folder.join(LOCK);
    let failed = |error| ResultsError::write(&path, error);
    let mut options = File::options();
    options.read(true).write(true).create(true).truncate(false);
    let mut file = open_own(&path, &mut options).map_err(failed)?;
    if !is_our_lock(&file).map_err(failed)? {
        let reason = format!("its file `{LOCK}` is not a run's lock");
        return Err(ResultsError::NotARun { path: folder.to_owned(), reason });
    }
    match try_lock(&file) {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let owner = fs::read_to_string(&path).unwrap_or_default();
            let owner = owner.lines().next().unwrap_or("another process").to_owned();
            return Err(ResultsError::Locked { path: folder.to_owned(), owner });
        }
        Err(TryLockError::Error(error)) => return Err(failed(error)),
    }
    file.set_len(0).and_then(|()| file.rewind()).map_err(failed)?;
    writeln!(file, "{LOCK_TAKEN}{}", std::process::id()).map_err(failed)?;
    Ok(file)
}

/// Takes the lock for one writer.
///
/// A writer refuses to share the lock and those who ask share it, so one who may share it knows that
/// no writer is in the way, however long the others are kept from running.
fn try_lock(file: &File) -> Result<(), TryLockError> {
    let start = Instant::now();
    loop {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) if start.elapsed() < PATIENCE => {}
            end => return end,
        }
        file.try_lock_shared()?;
        file.unlock().map_err(TryLockError::Error)?;
        thread::sleep(PAUSE);
    }
}
