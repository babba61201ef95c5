use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::{NamedTempFile, TempPath};

/// Replaces a file atomically: after a crash it has either the old bytes or the new ones.
///
/// Writes a sibling with a unique name, syncs it, renames it to `path` and syncs the folder. If
/// several processes write the same path at once, the last one wins.
///
/// # Errors
/// Returns an error if the sibling can't be written or renamed; `path` is then unchanged and the
/// sibling removed. Also returns an error if the folder can't be synced after that.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_atomic_if(path, bytes, || Ok(()))
}

/// As [`write_atomic`], unless `may` refuses, which is asked last before the rename.
pub(crate) fn write_atomic_if(
    path: &Path,
    bytes: &[u8],
    may: impl FnOnce() -> io::Result<()>,
) -> io::Result<()> {
    let prepared = Prepared::write(path, bytes)?;
    may()?;
    prepared.replace()
}

/// The new bytes of a file, on the disk beside it. They are removed unless they replace it.
///
/// With all of several files prepared before the first is replaced, a full disk leaves all as they were.
#[derive(Debug)]
pub struct Prepared {
    sibling: TempPath,
    path: PathBuf,
}

impl Prepared {
    /// Writes and syncs the bytes.
    ///
    /// # Errors
    /// If the file system refuses; nothing is left then.
    pub fn write(path: &Path, bytes: &[u8]) -> io::Result<Self> {
        if path.file_name().is_none() {
            return Err(io::ErrorKind::InvalidFilename.into());
        }
        let mut sibling = sibling_in(folder_of(path))?;
        sibling.write_all(bytes)?;
        sibling.as_file().sync_all()?;
        // Closes the file, as there may be many.
        Ok(Self { sibling: sibling.into_temp_path(), path: path.to_owned() })
    }

    /// Puts the bytes in the file's place.
    ///
    /// # Errors
    /// If the file system refuses; the file is unchanged then, unless only its folder can't be synced.
    pub fn replace(self) -> io::Result<()> {
        self.sibling.persist(&self.path)?;
        sync(folder_of(&self.path))
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

fn folder_of(path: &Path) -> &Path {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
}

/// Prefix of a sibling's name.
const PREFIX: &str = ".tmp";

/// Number of random letters and digits after the prefix.
const RANDOM: usize = 6;

/// Creates a file that is deleted unless it is renamed; its permissions follow the umask.
fn sibling_in(folder: &Path) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(PREFIX).rand_bytes(RANDOM);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder)
}

/// Whether a file name is that of a sibling that a killed process did not rename.
#[must_use]
pub fn is_leftover(name: &std::ffi::OsStr) -> bool {
    let random = name.to_str().and_then(|name| name.strip_prefix(PREFIX));
    random.is_some_and(|random| {
        random.len() == RANDOM && random.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
}

/// Removes what [`write_atomic`] left in a folder when its process was killed.
///
/// The folder need not exist. Files younger than `min_age` stay, because another process may be
/// writing them.
///
/// # Errors
/// Returns an error if the file system refuses.
pub fn remove_leftovers(folder: &Path, min_age: Duration) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let is_ours = is_leftover(&entry.file_name()) && entry.file_type()?.is_file();
        // A file that is gone by now or dated in the future is not old.
        let age = entry.metadata().and_then(|metadata| metadata.modified());
        let age = age.ok().and_then(|modified| modified.elapsed().ok());
        if is_ours && (min_age.is_zero() || age.is_some_and(|age| age >= min_age)) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Makes a rename durable: on Unix the folder itself must reach the disk.
fn sync(folder: &Path) -> io::Result<()> {
    if cfg!(unix) {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn replaces_and_leaves_no_sibling() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        write_atomic(&path, b"old").unwrap();
        write_atomic(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_failed_write_leaves_what_was_there_and_no_sibling() {
        let dir = tempfile::tempdir().unwrap();
        // Not even root can replace a folder with a file.
        let path = dir.path().join("folder");
        fs::create_dir(&path).unwrap();
        write_atomic(&path, b"new").unwrap_err();
        assert!(path.is_dir());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        write_atomic(&dir.path().join("nowhere/file"), b"").unwrap_err();
        write_atomic(Path::new("/"), b"").unwrap_err();
    }

    #[test]
    fn who_may_not_rename_leaves_what_was_there_and_no_sibling() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        write_atomic(&path, b"old").unwrap();
        let refused = write_atomic_if(&path, b"new", || Err(io::ErrorKind::Other.into()));
        assert_eq!(refused.unwrap_err().kind(), io::ErrorKind::Other);
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn writers_at_the_same_time_do_not_disturb_each_other() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        let contents = [b"a", b"b", b"c", b"d"].map(|byte| byte.repeat(10_000));
        std::thread::scope(|scope| {
            for bytes in &contents {
                scope.spawn(|| (0..20).for_each(|_| write_atomic(&path, bytes).unwrap()));
            }
        });
        assert!(contents.contains(&fs::read(&path).unwrap()));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn a_file_has_the_permissions_of_any_new_one() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let [path, other] = ["file", "other"].map(|name| dir.path().join(name));
        write_atomic(&path, b"").unwrap();
        File::create(&other).unwrap();
        let mode = |path| fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&path), mode(&other));
    }
}
