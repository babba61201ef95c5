use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::layout::EVENTS;
use crate::files::open_own;

/// Reads the events of a run that may be under way, each time from where the last time ended.
///
/// The file may not be there yet, end in half a line, be cut back by a run that continues from its
/// checkpoint, or be that of another run by now: in the last two cases reading begins anew.
#[derive(Debug)]
pub struct Tail {
    path: PathBuf,
    /// Device and inode of the file that was read.
    file: Option<(u64, u64)>,
    /// Bytes of it that were read: all of them lines that have an end.
    offset: u64,
}

/// What [`Tail::read`] found.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Tailed {
    /// Whether what was read before no longer counts.
    pub restarted: bool,
    /// Lines of JSON, whole ones with their ends.
    pub lines: Vec<u8>,
    /// Whether there was more than asked for.
    pub more: bool,
}

impl Tail {
    /// The events of a run folder, from the first on.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        Self { path: folder.join(EVENTS), file: None, offset: 0 }
    }

    /// Reads the lines that are new, about `max_bytes` of them.
    ///
    /// # Errors
    /// When the system can't read the file; the next call tries again.
    pub fn read(&mut self, max_bytes: u64) -> io::Result<Tailed> {
        let mut file = match open_own(&self.path, File::options().read(true)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Tailed { restarted: self.restart(None), ..Tailed::default() });
            }
            Err(error) => return Err(error),
        };
        let metadata = file.metadata()?;
        let identity = Some((metadata.dev(), metadata.ino()));
        let is_same = self.file == identity && self.offset <= metadata.len();
        let restarted =
            if is_same && self.ends_a_line(&mut file)? { false } else { self.restart(identity) };

        file.seek(SeekFrom::Start(self.offset))?;
        let mut lines = Vec::new();
        let mut more = metadata.len() > self.offset;
        // Once at least; again for a line that is longer than asked for.
        while more && !lines.contains(&b'\n') {
            more = file.by_ref().take(max_bytes.max(1)).read_to_end(&mut lines)? > 0;
        }
        more = self.offset + (lines.len() as u64) < metadata.len();
        lines.truncate(lines.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1));
        self.offset += lines.len() as u64;
        Ok(Tailed { restarted, lines, more })
    }

    /// Whether there was something to forget.
    fn restart(&mut self, file: Option<(u64, u64)>) -> bool {
        self.file = file;
        std::mem::take(&mut self.offset) > 0
    }

    /// Whether a line ends where reading goes on; in a file that was written anew it need not.
    fn ends_a_line(&self, file: &mut File) -> io::Result<bool> {
        let Some(last) = self.offset.checked_sub(1) else {
            return Ok(true);
        };
        let mut byte = [0];
        file.seek(SeekFrom::Start(last))?;
        file.read_exact(&mut byte)?;
        Ok(byte == *b"\n")
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;

    use super::*;

    fn append(folder: &Path, bytes: &str) {
        let path = folder.join(EVENTS);
        let mut file = File::options().append(true).create(true).open(path).unwrap();
        file.write_all(bytes.as_bytes()).unwrap();
    }

    fn read(tail: &mut Tail) -> (bool, String) {
        let Tailed { restarted, lines, more } = tail.read(1 << 20).unwrap();
        assert!(!more);
        (restarted, String::from_utf8(lines).unwrap())
    }

    #[test]
    fn lines_are_read_once_and_when_they_are_whole() {
        let dir = tempfile::tempdir().unwrap();
        let mut tail = Tail::new(dir.path());
        assert_eq!(read(&mut tail), (false, String::new()));
        append(dir.path(), "one\ntw");
        assert_eq!(read(&mut tail), (false, "one\n".into()));
        assert_eq!(read(&mut tail), (false, String::new()));
        append(dir.path(), "o\n");
        assert_eq!(read(&mut tail), (false, "two\n".into()));
    }

    #[test]
    fn a_file_that_was_cut_back_replaced_or_removed_is_read_anew() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(EVENTS);
        let mut tail = Tail::new(dir.path());
        append(dir.path(), "one\ntwo\nthree\n");
        read(&mut tail);
        File::options().write(true).open(&path).unwrap().set_len(4).unwrap();
        assert_eq!(read(&mut tail), (true, "one\n".into()));
        // Cut back and longer again before anybody looked: what was read before is there again, or the
        // line does not end where it did.
        append(dir.path(), "two\n");
        assert_eq!(read(&mut tail), (false, "two\n".into()));
        File::options().write(true).open(&path).unwrap().set_len(4).unwrap();
        append(dir.path(), "another\n");
        assert_eq!(read(&mut tail), (true, "one\nanother\n".into()));
        let other = dir.path().join("other");
        fs::write(&other, "one\nother\nlonger\n").unwrap();
        fs::rename(&other, &path).unwrap();
        assert_eq!(read(&mut tail), (true, "one\nother\nlonger\n".into()));
        fs::remove_file(&path).unwrap();
        assert_eq!(read(&mut tail), (true, String::new()));
        assert_eq!(read(&mut tail), (false, String::new()));
    }

    #[test]
    fn long_files_come_in_parts_and_long_lines_whole() {
        let dir = tempfile::tempdir().unwrap();
        append(dir.path(), "a\nb\na line longer than asked for\nc\nhalf");
        let mut tail = Tail::new(dir.path());
        let (mut parts, mut more) = (Vec::new(), true);
        while more {
            let tailed = tail.read(5).unwrap();
            parts.push(String::from_utf8(tailed.lines).unwrap());
            more = tailed.more;
        }
        assert_eq!(parts.concat(), "a\nb\na line longer than asked for\nc\n");
        assert!(parts.len() > 2, "{parts:?}");
    }
}
