//! Opening our own files without touching anything else that may have taken their place.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::Path;

use super::system::without_links;

/// Opens a file of ours: a regular file, and never through a link.
///
/// # Errors
/// Returns an error of kind [`io::ErrorKind::AlreadyExists`] if something else is there, which is
/// left unchanged, or the system's error.
pub fn open_own(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    let opened = without_links(options).open(path);
    let kind = match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_symlink() => "a symbolic link",
        Ok(metadata) if metadata.is_dir() => "a folder",
        Ok(metadata) if !metadata.is_file() => "a pipe or device",
        Ok(_) | Err(_) => return opened,
    };
    Err(io::Error::new(io::ErrorKind::AlreadyExists, format!("it is {kind}, not a regular file")))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn opens_regular_files_alone() {
        let dir = tempfile::tempdir().unwrap();
        let [victim, link, dangling, folder, pipe, new] =
            ["victim", "link", "dangling", "folder", "pipe", "new"]
                .map(|name| dir.path().join(name));
        fs::write(&victim, "precious").unwrap();
        symlink(&victim, &link).unwrap();
        symlink(dir.path().join("nowhere"), &dangling).unwrap();
        fs::create_dir(&folder).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, 0o600.into()).unwrap();

        let open = |path: &Path| {
            open_own(path, OpenOptions::new().write(true).create(true).truncate(true))
        };
        for (path, word) in
            [(&link, "link"), (&dangling, "link"), (&folder, "folder"), (&pipe, "pipe")]
        {
            let error = open(path).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
            assert!(error.to_string().contains(word), "{error}");
        }
        assert_eq!(fs::read(&victim).unwrap(), b"precious");
        assert!(!dir.path().join("nowhere").exists());
        open(&new).unwrap();
        open(&victim).unwrap();
        assert_eq!(fs::read(&victim).unwrap(), b"");
    }
}
