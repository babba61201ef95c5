//! What can be wrong with files, and whose fault it is.

use std::io;
use std::path::{Path, PathBuf};

/// What can be wrong with a run folder or a suite file.
#[derive(Debug, thiserror::Error)]
pub enum ResultsError {
    /// Another process writes this run folder.
    #[error("{path} is in use by {owner}")]
    Locked {
        /// The run folder.
        path: PathBuf,
        /// Who holds it, as far as the lock file tells.
        owner: String,
    },
    /// The folder holds a run of another config.
    #[error("{path} holds a run of another config: `{key}` is {found} there and {expected} here")]
    ConfigMismatch {
        /// The run folder.
        path: PathBuf,
        /// First key that differs, dotted.
        key: String,
        /// The value in the folder.
        found: String,
        /// The value asked for.
        expected: String,
    },
    /// The folder is no run folder, or not a whole one.
    #[error("{path} is not a run folder: {reason}")]
    NotARun {
        /// The folder.
        path: PathBuf,
        /// What is missing or in the way.
        reason: String,
    },
    /// A part of a run folder is missing.
    #[error("{path} is no whole run folder: it has {present}, but no {missing}")]
    MissingPart {
        /// The folder.
        path: PathBuf,
        /// A part that is there.
        present: &'static str,
        /// The one that is not.
        missing: &'static str,
    },
    /// A file does not hold what it should.
    #[error("bad file {path}, at `{key}`: {message}")]
    BadFile {
        /// The file.
        path: PathBuf,
        /// Where in it: a dotted key, or a line.
        key: String,
        /// What was expected there.
        message: String,
    },
    /// A value of a file is not one of the allowed ones.
    #[error("{place}: `{key}` is {value}, but must be {allowed}")]
    BadValue {
        /// What holds the value.
        place: String,
        /// Dotted key.
        key: String,
        /// The value found.
        value: String,
        /// The values allowed.
        allowed: String,
    },
    /// A setting is unknown or of the wrong type.
    #[error("{place}: at `{key}`: {message}")]
    BadSetting {
        /// What holds the setting.
        place: String,
        /// Its key.
        key: String,
        /// What was expected there.
        message: String,
    },
    /// A setting does not fit into the config that it is for.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// The manifest describes another run than the config beside it.
    #[error(
        "{path} does not fit the config beside it: `{key}` is {found}, but `{config_key}` is {expected} there"
    )]
    ManifestMismatch {
        /// The manifest.
        path: PathBuf,
        /// Key of the manifest.
        key: &'static str,
        /// Its value.
        found: String,
        /// Key of the config.
        config_key: &'static str,
        /// The value there.
        expected: String,
    },
    /// The events are not those that the run wrote.
    #[error("{path} has changed since the run wrote it: its blake3 is {found}, not {expected}")]
    ChangedEvents {
        /// The event file.
        path: PathBuf,
        /// Checksum in the manifest or the checkpoint.
        expected: String,
        /// Checksum of the file.
        found: String,
    },
    /// The event file is shorter than the checkpoint says.
    #[error("{path} has {found} bytes, but the checkpoint needs {expected}")]
    ShortEvents {
        /// The event file.
        path: PathBuf,
        /// Bytes that the checkpoint recorded.
        expected: u64,
        /// Bytes there are.
        found: u64,
    },
    /// A file can't be what it should be: there is none, or it is no file, too large or no text.
    #[error("cannot read {path}: {reason}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What is in the way.
        reason: String,
    },
    /// The folder can't be written.
    #[error("{path} can't be written")]
    NotWritable {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// Reading or writing failed.
    #[error("failed to access {path}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
}

impl ResultsError {
    /// Whether the user's files or arguments are at fault (exit code 2), not this machine.
    #[must_use]
    pub fn is_bad_input(&self) -> bool {
        !matches!(self, Self::Locked { .. } | Self::Io { .. })
    }

    pub(crate) fn io(path: &Path, source: io::Error) -> Self {
        Self::Io { path: path.to_owned(), source }
    }

    /// A path that leads to nothing that can be read.
    pub(crate) fn unreadable(path: &Path, reason: impl ToString) -> Self {
        Self::Unreadable { path: path.to_owned(), reason: reason.to_string() }
    }

    /// Sorts a folder that can't be made: all but a full disk is due to its name and place.
    pub(crate) fn create(path: &Path, source: io::Error) -> Self {
        match is_full(&source) {
            true => Self::io(path, source),
            false => Self::NotWritable { path: path.to_owned(), source },
        }
    }

    /// Sorts a failed write: a place that can't be written is the caller's choice, the rest is not.
    pub(crate) fn write(path: &Path, source: io::Error) -> Self {
        use io::ErrorKind as Kind;
        let path = path.to_owned();
        match source.kind() {
            Kind::PermissionDenied
            | Kind::ReadOnlyFilesystem
            | Kind::NotADirectory
            | Kind::IsADirectory
            | Kind::AlreadyExists
            | Kind::InvalidFilename => Self::NotWritable { path, source },
            _ => Self::Io { path, source },
        }
    }
}

/// What can be wrong with a single setting.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingError {
    /// There is no `=` in it.
    #[error("{text}: expected KEY=VALUE, e.g. batch_size=256")]
    NoValue {
        /// The text.
        text: String,
    },
    /// A dotted key leads into a value that has nothing inside.
    #[error("{key}: `{parent}` has no settings inside")]
    NoSettings {
        /// The dotted key.
        key: String,
        /// The part of it that is a value.
        parent: String,
    },
}

/// A name that nothing of its kind has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no {kind} is called {name:?}: it must be {known}")]
pub struct UnknownName {
    /// What was named.
    pub kind: &'static str,
    /// The name.
    pub name: String,
    /// Those that there are, in words.
    pub known: String,
}

/// Whether a write failed for want of room, not because of where it goes.
#[must_use]
pub fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// An error and its causes on one line.
#[must_use]
pub fn with_causes(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
