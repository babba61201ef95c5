//! The lock of a run folder: one process writes it.
//!
//! The system's lock on the file `lock` decides between processes of one machine, and of all machines
//! where the file system shares such locks. It need not: so the file also names its holder, who
//! [beats](held) as long as it holds the folder. Whoever gets the system's lock but reads the name of
//! another machine watches the file for a while before it takes the folder, and a holder looks into
//! the file before it writes anything else.

mod held;
mod mark;

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use self::held::Held;
pub use self::held::HeldFile;
use self::mark::{Mark, is_of_another_host, is_ours, owner};
use super::layout::LOCK;
use crate::error::ResultsError;
use crate::files::open_own;

/// How long a process that opens a folder waits for those who only ask ([`is_held`]), and how often
/// it looks.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(1);

/// How often a holder shows that it is alive, and how long it must have been silent to be gone.
struct Pace {
    beat: Duration,
    silence: Duration,
    /// How often one who waits for the silence looks.
    look: Duration,
}

const PACE: Pace = Pace {
    beat: Duration::from_secs(10),
    silence: Duration::from_secs(60),
    look: Duration::from_secs(2),
};

/// Whether a process is writing a run folder; `None` if its lock can't tell.
///
/// Nothing is created or written. The lock is shared for an instant with others who ask; a process
/// that opens the folder at that moment waits for them.
///
/// A process on a machine that shares no locks with this one does not count.
#[must_use]
pub fn is_held(folder: &Path) -> Option<bool> {
    let path = folder.join(LOCK);
    let file = open_own(&path, File::options().read(true)).ok()?;
    if !is_ours(&mark::read_from(&file).ok()?) {
        return None;
    }
    match file.try_lock_shared() {
        Ok(()) => Some(false),
        Err(TryLockError::WouldBlock) => Some(true),
        Err(TryLockError::Error(_)) => None,
    }
}

/// The process on another machine that holds a folder, as far as this machine knows, or held it and
/// did not leave it in order; none if there is none.
///
/// Opening such a folder takes up to a minute: so long its holder must show no sign of life.
#[must_use]
pub fn held_elsewhere(folder: &Path) -> Option<String> {
    let text = mark::read(&folder.join(LOCK)).ok()?;
    let is_unsure = is_ours(&text) && is_of_another_host(&text) && is_held(folder) != Some(true);
    is_unsure.then(|| owner(&text).to_owned())
}

/// A folder that this process alone may write, for as long as the value lives.
///
/// A value that is dropped leaves the folder in order: any machine may take it at once.
#[derive(Debug)]
pub struct Lock {
    held: Arc<Held>,
    /// Ends the beat when it is dropped.
    stop: Option<Sender<()>>,
    beat: Option<JoinHandle<()>>,
}

impl Lock {
    /// Takes the lock of a folder that goes with runs, and makes the folder if it is not there.
    ///
    /// If the file `lock` names a process on another machine, which may share no locks with this one,
    /// this takes up to a minute; see [`held_elsewhere`].
    ///
    /// # Errors
    /// - [`ResultsError::Locked`]: another process has it
    /// - [`ResultsError::NotARun`]: the folder has a file `lock` that is none of ours
    /// - [`ResultsError::NotWritable`], [`ResultsError::Io`]: the file system refuses
    pub fn take(folder: &Path) -> Result<Self, ResultsError> {
        fs::create_dir_all(folder).map_err(|error| ResultsError::create(folder, error))?;
        Self::of(folder)
    }

    /// Checks that no other process has taken the folder, as happens when this one shows no sign of
    /// life for a minute. Whoever holds a folder asks this before it writes into it.
    ///
    /// # Errors
    /// - [`ResultsError::Locked`]: another process has it, for good
    /// - [`ResultsError::Io`]: the file `lock` can't be read
    pub fn check(&self) -> Result<(), ResultsError> {
        self.held.check()
    }

    /// Keeps a file in the folder from being written once another process has the folder.
    #[must_use]
    pub fn guard(&self, file: File) -> HeldFile {
        HeldFile::of(file, Arc::clone(&self.held))
    }

    /// Takes the lock of a folder that is there.
    pub(super) fn of(folder: &Path) -> Result<Self, ResultsError> {
        Self::at(folder, &PACE)
    }

    fn at(folder: &Path, pace: &Pace) -> Result<Self, ResultsError> {
        let path = folder.join(LOCK);
        let failed = |error| ResultsError::write(&path, error);
        let mut options = File::options();
        options.read(true).write(true).create(true).truncate(false);
        let file = open_own(&path, &mut options).map_err(failed)?;
        let text = mark::read_from(&file).map_err(failed)?;
        if !is_ours(&text) {
            let reason = format!("its file `{LOCK}` is not a run's lock");
            return Err(ResultsError::NotARun { path: folder.to_owned(), reason });
        }
        let has_locks = match try_lock(&file) {
            Ok(()) => true,
            Err(TryLockError::WouldBlock) => {
                let text = mark::read(&path).unwrap_or_default();
                return Err(locked(folder, &text));
            }
            Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => false,
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        };
        // What was there before the lock was free is of no interest.
        let text = mark::read(&path).map_err(failed)?;
        if !text.is_empty() && (!has_locks || is_of_another_host(&text)) {
            wait_for_silence(folder, &path, &text, pace)?;
        }
        let held = Held::take(folder, file, Mark::new()).map_err(failed)?;
        let mut lock = Self { held: Arc::new(held), stop: None, beat: None };
        lock.start(pace.beat);
        Ok(lock)
    }

    fn start(&mut self, every: Duration) {
        let (stop, stopped) = mpsc::channel();
        let held = Arc::clone(&self.held);
        let beat = move || {
            while stopped.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
                held.beat();
            }
        };
        // Where the system starts no more threads, another machine may take the folder for left; this
        // process notices before it writes.
        self.beat = thread::Builder::new().name("lock".to_owned()).spawn(beat).ok();
        self.stop = Some(stop);
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(beat) = self.beat.take() {
            // A beat that panicked has ended, too.
            let _ = beat.join();
        }
        self.held.leave();
    }
}

fn locked(folder: &Path, text: &str) -> ResultsError {
    ResultsError::Locked { path: folder.to_owned(), owner: owner(text).to_owned() }
}

/// Watches a lock that says `text` until its holder must be gone.
///
/// Only changes count, not times: the clocks of two machines differ. The file is opened anew for each
/// look, since network file systems ask their server when a file is opened.
fn wait_for_silence(
    folder: &Path,
    path: &Path,
    text: &str,
    pace: &Pace,
) -> Result<(), ResultsError> {
    let start = Instant::now();
    while start.elapsed() < pace.silence {
        thread::sleep(pace.look);
        let now = mark::read(path).map_err(|error| ResultsError::io(path, error))?;
        if now.is_empty() {
            return Ok(()); // It has left in order.
        }
        if now != text {
            return Err(locked(folder, &now));
        }
    }
    Ok(())
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

#[cfg(test)]
mod tests;
