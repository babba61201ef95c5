//! Errors about files, and whose fault they are.

use std::io;
use std::path::{Path, PathBuf};

/// An error about a run folder, a suite file or a setting.
#[derive(Debug, thiserror::Error)]
pub enum ResultsError {
    /// Another process is writing the run folder.
    #[error("{path} is in use by {owner}")]
    Locked {
        /// The run folder.
        path: PathBuf,
        /// The process that holds the lock, as far as the lock file tells.
        owner: String,
    },
    /// The folder contains a run with another config.
    #[error(
        "{path} contains a run with another config: `{key}` is {found} there, but {expected} here"
    )]
    ConfigMismatch {
        /// The run folder.
        path: PathBuf,
        /// First key that differs, dotted.
        key: String,
        /// The value in the folder.
        found: String,
        /// The requested value.
        expected: String,
    },
    /// The folder is not a run folder, or is incomplete.
    #[error("{path} is not a run folder: {reason}")]
    NotARun {
        /// The folder.
        path: PathBuf,
        /// What is missing or in the way.
        reason: String,
    },
    /// A run would be archived in the place of another one.
    #[error("{path} holds another run than {from}; remove it, or choose another folder")]
    OtherRun {
        /// The folder in the archive.
        path: PathBuf,
        /// The run to archive.
        from: PathBuf,
    },
    /// A part of a run folder is missing.
    #[error("{path} is an incomplete run folder: it contains {present}, but no {missing}")]
    MissingPart {
        /// The folder.
        path: PathBuf,
        /// A part that exists.
        present: &'static str,
        /// The missing part.
        missing: &'static str,
    },
    /// A file has invalid content.
    #[error("bad file {path}, at `{key}`: {message}")]
    BadFile {
        /// The file.
        path: PathBuf,
        /// Where in the file: a dotted key or a line.
        key: String,
        /// What was expected there.
        message: String,
    },
    /// A value in a file or an argument is not allowed.
    #[error("{place}: `{key}` is {value}, but must be {allowed}")]
    BadValue {
        /// File or argument that contains the value.
        place: String,
        /// Dotted key.
        key: String,
        /// The value found.
        value: String,
        /// The allowed values.
        allowed: String,
    },
    /// A setting is unknown or of the wrong type.
    #[error("{place}: at `{key}`: {message}")]
    BadSetting {
        /// File or argument that contains the setting.
        place: String,
        /// Its key.
        key: String,
        /// What was expected there.
        message: String,
    },
    /// A method extends what can't be extended.
    #[error(transparent)]
    Extends(#[from] ExtendsError),
    /// A setting does not fit into its config.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// The manifest describes a different run than the config next to it.
    #[error(
        "{path} does not match the config next to it: `{key}` is {found}, but `{config_key}` is {expected} there"
    )]
    ManifestMismatch {
        /// The manifest.
        path: PathBuf,
        /// Key of the manifest.
        key: &'static str,
        /// Value in the manifest.
        found: String,
        /// Key of the config.
        config_key: &'static str,
        /// Value in the config.
        expected: String,
    },
    /// The events are not the ones that the run wrote.
    #[error("{path} has changed since the run wrote it: its blake3 is {found}, not {expected}")]
    ChangedEvents {
        /// The event file.
        path: PathBuf,
        /// Checksum in the manifest or the checkpoint.
        expected: String,
        /// Checksum of the file.
        found: String,
    },
    /// The event file is shorter than the checkpoint requires.
    #[error("{path} has {found} bytes, but the checkpoint needs {expected}")]
    ShortEvents {
        /// The event file.
        path: PathBuf,
        /// Bytes that the checkpoint recorded.
        expected: u64,
        /// Bytes in the file.
        found: u64,
    },
    /// A file can't be read: it does not exist, is not a regular file, is too large or is not text.
    #[error("cannot read {path}: {reason}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why it can't be read.
        reason: String,
    },
    /// A file or folder can't be written.
    #[error("cannot write {path}")]
    NotWritable {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// Reading or writing failed.
    #[error("cannot access {path}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
}

impl ResultsError {
    /// Whether the user's files or arguments are at fault (exit code 2) rather than this machine.
    #[must_use]
    pub fn is_bad_input(&self) -> bool {
        !matches!(self, Self::Locked { .. } | Self::Io { .. })
    }

    /// Returns the error for a path that the system could not read or write.
    #[must_use]
    pub fn io(path: &Path, source: io::Error) -> Self {
        Self::Io { path: path.to_owned(), source }
    }

    /// Returns the error for a path that can't be read.
    pub(crate) fn unreadable(path: &Path, reason: impl ToString) -> Self {
        Self::Unreadable { path: path.to_owned(), reason: reason.to_string() }
    }

    /// Classifies a failure to create a folder: unless the disk is full, its name or place is at
    /// fault.
    #[must_use]
    pub fn create(path: &Path, source: io::Error) -> Self {
        match is_full(&source) {
            true => Self::io(path, source),
            false => Self::NotWritable { path: path.to_owned(), source },
        }
    }

    /// Classifies a failed write: a place that can't be written is the caller's choice, the rest is
    /// not.
    #[must_use]
    pub fn write(path: &Path, source: io::Error) -> Self {
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

/// A method file extends what does not exist, can't be read, or extends it in turn.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: at `extends`: {message}")]
pub struct ExtendsError {
    /// The file.
    pub place: String,
    /// What is wrong, with the allowed values.
    pub message: String,
}

/// What is wrong with a single setting.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingError {
    /// It has no `=`.
    #[error("{text}: expected KEY=VALUE, e.g. batch_size=256")]
    NoValue {
        /// The text.
        text: String,
    },
    /// Its dotted key leads into a value that is not a table.
    #[error("{key}: `{parent}` is not a table of settings")]
    NoSettings {
        /// The dotted key.
        key: String,
        /// The part of the key that is not a table.
        parent: String,
    },
}

/// An unknown name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown {kind} {name:?}: it must be {known}")]
pub struct UnknownName {
    /// What should have this name, such as `preset`.
    pub kind: &'static str,
    /// The name.
    pub name: String,
    /// The known names, in words.
    pub known: String,
}

/// Whether a write failed for lack of space rather than because of its destination.
#[must_use]
pub fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// Formats an error and its causes on one line.
#[must_use]
pub fn with_causes(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
