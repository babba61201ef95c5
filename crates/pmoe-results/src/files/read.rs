//! Reading files that others wrote, with a limit on the size and without blocking.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::system::special;
use crate::error::ResultsError;
use crate::number::grouped;

/// Size limit of a settings file: a hundred times the largest committed one.
pub const MOST_CONFIG_BYTES: u64 = 4 << 20;

/// Reads a text file of at most `most_bytes`.
///
/// # Errors
/// - [`ResultsError::Unreadable`]: the file is missing, a folder, a pipe, a device, too large, not
///   UTF-8 or can't be opened
/// - [`ResultsError::Io`]: reading fails
pub fn read_text(path: &Path, most_bytes: u64) -> Result<String, ResultsError> {
    String::from_utf8(read_bytes(path, most_bytes)?).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let line = 1 + error.as_bytes()[..good].iter().filter(|&&byte| byte == b'\n').count();
        ResultsError::unreadable(path, format!("it is not UTF-8 text, see line {line}"))
    })
}

/// Reads a file of at most `most_bytes`.
///
/// # Errors
/// As for [`read_text`], except that the bytes need not be UTF-8.
pub fn read_bytes(path: &Path, most_bytes: u64) -> Result<Vec<u8>, ResultsError> {
    let unreadable = |reason: &dyn ToString| ResultsError::unreadable(path, reason.to_string());
    // Checked before opening: to open a pipe without a writer would block.
    let facts = fs::metadata(path).map_err(|error| unreadable(&error))?;
    let kind = facts.file_type();
    if !kind.is_file() {
        let what = if kind.is_dir() { "a folder" } else { special(kind) };
        return Err(unreadable(&format!("it is {what}, not a file")));
    }
    let mut bytes = Vec::new();
    // The size in the metadata is not reliable: files in /proc report 0, and other files may grow.
    let file = File::open(path).map_err(|error| unreadable(&error))?;
    let read = file.take(most_bytes.saturating_add(1)).read_to_end(&mut bytes);
    let found = read.map_err(|error| ResultsError::io(path, error))?;
    if found as u64 > most_bytes {
        let most = grouped(most_bytes);
        return Err(unreadable(&format!("it is larger than the limit of {most} bytes")));
    }
    Ok(bytes)
}

/// Like [`read_bytes`], but returns `None` if the file does not exist.
pub(crate) fn read_if_there(path: &Path, most_bytes: u64) -> Result<Option<Vec<u8>>, ResultsError> {
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        _ => read_bytes(path, most_bytes).map(Some),
    }
}

/// Returns the TOML files in a folder, sorted by name.
pub(crate) fn toml_files(dir: &Path) -> Result<Vec<PathBuf>, ResultsError> {
    let failed = |error| ResultsError::unreadable(dir, error);
    let mut paths = Vec::new();
    for entry in fs::read_dir(dir).map_err(failed)? {
        paths.push(entry.map_err(failed)?.path());
    }
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn reason(path: &Path, most_bytes: u64) -> String {
        match read_text(path, most_bytes) {
            Err(error @ ResultsError::Unreadable { .. }) => {
                assert!(error.is_bad_input());
                error.to_string().replace(&path.display().to_string(), "FILE")
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_file_is_read_up_to_its_limit() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        fs::write(&path, "ab\nc\n").unwrap();
        assert_eq!(read_text(&path, 5).unwrap(), "ab\nc\n");
        assert_eq!(reason(&path, 4), "cannot read FILE: it is larger than the limit of 4 bytes");
        // A sparse file of 5 GB.
        File::create(&path).unwrap().set_len(5_000_000_000).unwrap();
        assert!(reason(&path, 1_000).contains("larger than the limit of 1_000 bytes"));
        fs::write(&path, b"ab\nc\xffd\n").unwrap();
        assert_eq!(reason(&path, 99), "cannot read FILE: it is not UTF-8 text, see line 2");
    }

    #[test]
    fn what_is_no_file_is_named_and_not_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(reason(dir.path(), 9), "cannot read FILE: it is a folder, not a file");
        let pipe = dir.path().join("pipe");
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        assert_eq!(reason(&pipe, 9), "cannot read FILE: it is a pipe, not a file");
        let device = Path::new("/dev/zero");
        assert_eq!(reason(device, 9), "cannot read FILE: it is a device, not a file");
        // A link makes no difference.
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(device, &link).unwrap();
        assert_eq!(reason(&link, 9), "cannot read FILE: it is a device, not a file");
        let endless = dir.path().join("endless");
        std::os::unix::fs::symlink(&endless, &endless).unwrap();
        assert!(reason(&endless, 9).starts_with("cannot read FILE: "));
        let missing = reason(&dir.path().join("missing"), 9);
        assert_eq!(missing, "cannot read FILE: No such file or directory (os error 2)");
        assert!(reason(&dir.path().join("a".repeat(300)), 9).contains("too long"));
    }

    #[test]
    fn a_file_that_is_not_there_may_be_no_error() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(read_if_there(&dir.path().join("missing"), 9).unwrap(), None);
        assert!(read_if_there(dir.path(), 9).is_err());
    }
}
