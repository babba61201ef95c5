//! What a lock file says: nothing, or who holds it.

use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Read};
use std::path::Path;

use crate::files::open_own;

/// How a lock file begins that was ever taken.
const TAKEN: &str = "process ";
/// What comes between the process and its machine; earlier versions wrote neither.
const ON: &str = " on ";
/// Most bytes that are read of a lock file.
const MOST_BYTES: u64 = 1024;

/// A holder of a lock: its process and machine, and a number that no other holder has.
#[derive(Debug)]
pub(super) struct Mark(String);

impl Mark {
    pub(super) fn new() -> Self {
        let key = RandomState::new().hash_one(std::process::id());
        Self(format!("{TAKEN}{}{ON}{}\n{key:016x}", std::process::id(), host()))
    }

    /// What the holder writes the `beats`-th time. It differs from time to time.
    pub(super) fn text(&self, beats: u64) -> String {
        format!("{} {beats}\n", self.0)
    }

    /// Whether a lock says that this is its holder.
    pub(super) fn is_in(&self, text: &str) -> bool {
        text.starts_with(&self.0)
    }
}

/// Reads a lock file.
///
/// It is opened for that: network file systems ask their server for changes when a file is opened.
pub(super) fn read(path: &Path) -> io::Result<String> {
    read_from(&open_own(path, File::options().read(true))?)
}

/// Reads a lock file that was opened just now.
pub(super) fn read_from(file: &File) -> io::Result<String> {
    let mut bytes = Vec::new();
    file.take(MOST_BYTES).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Whether a file says what we write into a lock.
pub(super) fn is_ours(text: &str) -> bool {
    text.is_empty() || text.starts_with(TAKEN)
}

/// Who holds the lock, in words.
pub(super) fn owner(text: &str) -> &str {
    text.lines().next().unwrap_or("another process")
}

/// Whether the holder is on another machine.
pub(super) fn is_of_another_host(text: &str) -> bool {
    owner(text).split_once(ON).is_some_and(|(_, there)| there != host())
}

/// The name of this machine.
fn host() -> String {
    #[cfg(unix)]
    {
        rustix::system::uname().nodename().to_string_lossy().into_owned()
    }
    #[cfg(windows)]
    {
        std::env::var("COMPUTERNAME").unwrap_or_default()
    }
}
