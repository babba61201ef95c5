//! The lock of a run folder: one process writes it.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::Path;

use super::layout::LOCK;
use crate::error::ResultsError;
use crate::files::open_own;

/// How a lock file begins that was ever taken.
const LOCK_TAKEN: &str = "process ";

/// Whether a file holds what we write into a lock: nothing, or who took it.
fn is_our_lock(file: &File) -> io::Result<bool> {
    let mut start = Vec::new();
    file.take(LOCK_TAKEN.len() as u64).read_to_end(&mut start)?;
    Ok(start.is_empty() || start == LOCK_TAKEN.as_bytes())
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
    match file.try_lock() {
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
