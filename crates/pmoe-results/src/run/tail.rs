use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::event_file::EventFile;
use crate::files::FileId;

/// Follows the events of a run in progress; each read continues where the last one ended.
///
/// The file may not exist yet, end in an incomplete line, be truncated by a run that resumes from
/// its checkpoint, or be replaced by that of another run. In the last two cases reading starts
/// over.
#[derive(Debug)]
pub struct Tail {
    folder: PathBuf,
    /// The file read so far.
    file: Option<FileId>,
    /// Bytes read so far, all of them complete lines.
    offset: u64,
}

/// What [`Tail::read`] found.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Tailed {
    /// Whether lines from earlier reads no longer count.
    pub restarted: bool,
    /// Complete lines of JSON, with their line breaks.
    pub lines: Vec<u8>,
    /// Whether the file has more to read.
    pub more: bool,
}

impl Tail {
    /// Follows the events of a run folder from the first one.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), file: None, offset: 0 }
    }

    /// Reads new lines, about `max_bytes` of them.
    ///
    /// # Errors
    /// Returns an error if the file can't be read; the next call tries again.
    pub fn read(&mut self, max_bytes: u64) -> io::Result<Tailed> {
        let EventFile { mut file, id } = match EventFile::open(&self.folder) {
            Ok(events) => events,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Tailed { restarted: self.restart(None), ..Tailed::default() });
            }
            Err(error) => return Err(error),
        };
        let len = file.metadata()?.len();
        let is_same = self.file == Some(id) && self.offset <= len;
        let restarted =
            if is_same && self.ends_a_line(&mut file)? { false } else { self.restart(Some(id)) };

        file.seek(SeekFrom::Start(self.offset))?;
        let mut lines = Vec::new();
        let mut more = len > self.offset;
        // Reads again if a line is longer than `max_bytes`.
        while more && !lines.contains(&b'\n') {
            more = file.by_ref().take(max_bytes.max(1)).read_to_end(&mut lines)? > 0;
        }
        more = self.offset + (lines.len() as u64) < len;
        lines.truncate(lines.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1));
        self.offset += lines.len() as u64;
        Ok(Tailed { restarted, lines, more })
    }

    /// Starts over with `file`; returns whether anything had been read before.
    fn restart(&mut self, file: Option<FileId>) -> bool {
        self.file = file;
        std::mem::take(&mut self.offset) > 0
    }

    /// Whether a line ends at the offset; in a file that was rewritten it may not.
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
    use crate::run::layout::EVENTS;

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
        // Truncated and extended again between two reads: either the same lines are back, or no
        // line ends at the old offset.
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
