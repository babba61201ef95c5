use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Replaces a file in one step: after a crash at any moment it has the old bytes or the new ones.
///
/// Writes a sibling (`<name>.tmp`), syncs it, renames it over `path` and syncs the folder. Two
/// processes must not write the same path at once; a run folder's lock sees to that.
///
/// # Errors
/// When the sibling can't be written or renamed; `path` is then as before.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let sibling = sibling(path)?;
    let written = File::create(&sibling).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    if let Err(error) = written.and_then(|()| fs::rename(&sibling, path)) {
        // The first error is the one to report; a leftover sibling is overwritten next time.
        let _ = fs::remove_file(&sibling);
        return Err(error);
    }
    sync_folder_of(path)
}

fn sibling(path: &Path) -> io::Result<PathBuf> {
    let mut name = path.file_name().ok_or(io::ErrorKind::InvalidFilename)?.to_owned();
    name.push(".tmp");
    Ok(path.with_file_name(name))
}

/// Makes a rename last: on Unix the folder itself has to reach the disk.
fn sync_folder_of(path: &Path) -> io::Result<()> {
    if cfg!(unix) {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
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
    fn a_failed_write_leaves_the_old_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        write_atomic(&path, b"old").unwrap();
        // A folder in the sibling's place makes the write fail, also for root.
        fs::create_dir(dir.path().join("file.tmp")).unwrap();
        write_atomic(&path, b"new").unwrap_err();
        assert_eq!(fs::read(&path).unwrap(), b"old");
        write_atomic(Path::new("/"), b"").unwrap_err();
    }
}
