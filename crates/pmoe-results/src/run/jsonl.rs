use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Read, Seek, Write};
use std::path::Path;

use super::event::{Event, Position, Sink};
use super::lock::HeldFile;
use crate::error::ResultsError;
use crate::files::open_own;

/// Appends events to `events.jsonl`, one JSON object per line.
#[derive(Debug)]
pub struct JsonlSink {
    file: BufWriter<HeldFile>,
    bytes: u64,
    hasher: blake3::Hasher,
}

impl JsonlSink {
    /// Opens the file to continue at `position`.
    ///
    /// Everything after the position is dropped; the run that resumes there writes it again. At the
    /// start of a run the file need not exist.
    ///
    /// # Errors
    /// - [`ResultsError::ShortEvents`], [`ResultsError::ChangedEvents`]: the bytes before
    ///   `position` do not match it; nothing is changed
    /// - [`ResultsError::NotWritable`], [`ResultsError::Io`]: the file can't be opened, is a link
    ///   or is missing
    pub fn open_at(path: &Path, position: &Position) -> Result<Self, ResultsError> {
        Self::open(path, position, HeldFile::free)
    }

    /// As [`JsonlSink::open_at`], of a folder that another process may take.
    pub(super) fn open(
        path: &Path,
        position: &Position,
        guard: impl FnOnce(File) -> HeldFile,
    ) -> Result<Self, ResultsError> {
        let failed = |error| ResultsError::write(path, error);
        let is_start = position.bytes == 0;
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(is_start).truncate(false);
        let mut file = open_own(path, &mut options).map_err(failed)?;
        let hasher = hash_before(path, &file, position)?;
        file.set_len(position.bytes).map_err(failed)?;
        file.seek(io::SeekFrom::Start(position.bytes)).map_err(failed)?;
        let file = BufWriter::new(guard(file));
        Ok(Self { file, bytes: position.bytes, hasher })
    }

    /// Checks that the bytes before `position` match it; changes nothing.
    ///
    /// # Errors
    /// As for [`JsonlSink::open_at`].
    pub fn check(path: &Path, position: &Position) -> Result<(), ResultsError> {
        if position.bytes == 0 {
            return Ok(());
        }
        let file = open_own(path, OpenOptions::new().read(true));
        let file = file.map_err(|error| ResultsError::write(path, error))?;
        hash_before(path, &file, position).map(drop)
    }
}

/// Hashes the bytes before `position`, which must match it.
fn hash_before(
    path: &Path,
    file: &File,
    position: &Position,
) -> Result<blake3::Hasher, ResultsError> {
    let failed = |error| ResultsError::io(path, error);
    let found = file.metadata().map_err(failed)?.len();
    if found < position.bytes {
        return Err(ResultsError::ShortEvents {
            path: path.to_owned(),
            expected: position.bytes,
            found,
        });
    }
    let mut hasher = blake3::Hasher::new();
    let before = BufReader::new(file).take(position.bytes);
    hasher.update_reader(before).map_err(failed)?;
    let found = hasher.finalize().to_hex().to_string();
    if found != position.blake3 {
        return Err(ResultsError::ChangedEvents {
            path: path.to_owned(),
            expected: position.blake3.clone(),
            found,
        });
    }
    Ok(hasher)
}

impl Sink for JsonlSink {
    fn emit(&mut self, event: &Event) -> io::Result<()> {
        let line = event.to_line()?;
        self.file.get_ref().known()?;
        self.file.write_all(&line)?;
        self.bytes += line.len() as u64;
        self.hasher.update(&line);
        // Whoever follows the file waits for evaluations.
        if matches!(event, Event::Eval { .. }) {
            self.file.flush()?;
        }
        Ok(())
    }

    fn sync(&mut self) -> io::Result<Position> {
        // With nothing to write, too: what comes after the events is then not written either.
        self.file.get_ref().check()?;
        self.file.flush()?;
        self.file.get_ref().file().sync_data()?;
        let blake3 = self.hasher.finalize().to_hex().to_string();
        Ok(Position { bytes: self.bytes, blake3 })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;

    use super::*;

    fn eval(env_step: u64) -> Event {
        Event::Eval { env_step, returns: vec![0.1, -2.5e300], lengths: vec![3, 4], successes: None }
    }

    #[test]
    fn continues_at_an_offset_with_the_same_bytes() {
        let dir = tempfile::tempdir().unwrap();
        let [whole, cut] = ["whole", "cut"].map(|name| dir.path().join(name));
        let mut sink = JsonlSink::open_at(&whole, &Position::start()).unwrap();
        (0..3).for_each(|step| sink.emit(&eval(step)).unwrap());
        sink.sync().unwrap();

        let mut sink = JsonlSink::open_at(&cut, &Position::start()).unwrap();
        sink.emit(&eval(0)).unwrap();
        let position = sink.sync().unwrap();
        assert_eq!(position.bytes, fs::metadata(&cut).unwrap().len());
        sink.emit(&eval(77)).unwrap(); // lost: after the checkpoint
        drop(sink);
        let mut sink = JsonlSink::open_at(&cut, &position).unwrap();
        (1..3).for_each(|step| sink.emit(&eval(step)).unwrap());
        let hash = blake3::hash(&fs::read(&whole).unwrap()).to_hex().to_string();
        assert_eq!(sink.sync().unwrap().blake3, hash);
        assert_eq!(fs::read(&cut).unwrap(), fs::read(&whole).unwrap());
    }

    #[test]
    fn an_evaluation_is_in_the_file_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("events.jsonl");
        let mut sink = JsonlSink::open_at(&path, &Position::start()).unwrap();
        let metrics = BTreeMap::from([("lr".to_owned(), 0.5)]);
        sink.emit(&Event::Update { env_step: 1, grad_step: 1, metrics }).unwrap();
        sink.emit(&eval(2)).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 2);
    }

    #[test]
    fn refuses_a_file_that_is_not_the_one_before_the_position() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("events.jsonl");
        let position = |text: &str| Position::after(text.as_bytes());
        let refused = |text: &str| {
            let position = position(text);
            let errors = [
                JsonlSink::open_at(&path, &position).map(drop),
                JsonlSink::check(&path, &position),
            ];
            errors.map(Result::unwrap_err)
        };
        for error in refused("abcd") {
            assert!(matches!(error, ResultsError::Io { .. }), "{error}");
        }
        assert!(!path.exists(), "a missing file is not made");

        fs::write(&path, "abc").unwrap();
        for error in refused("abcd") {
            let is_short = matches!(error, ResultsError::ShortEvents { expected: 4, found: 3, .. });
            assert!(is_short, "{error}");
        }
        for changed in ["aXcd", "\0\0\0\0", "bacd", "abcX and more"] {
            fs::write(&path, changed).unwrap();
            for error in refused("abcd") {
                assert!(matches!(error, ResultsError::ChangedEvents { .. }), "{changed}: {error}");
            }
            assert_eq!(fs::read(&path).unwrap(), changed.as_bytes());
        }
        fs::write(&path, "abcd and more").unwrap();
        JsonlSink::check(&path, &position("abcd")).unwrap();
        JsonlSink::open_at(&path, &position("abcd")).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"abcd");
    }

    #[test]
    fn does_not_write_through_a_link() {
        let dir = tempfile::tempdir().unwrap();
        let [victim, path] = ["victim", "events.jsonl"].map(|name| dir.path().join(name));
        fs::write(&victim, "precious").unwrap();
        std::os::unix::fs::symlink(&victim, &path).unwrap();
        let error = JsonlSink::open_at(&path, &Position::start()).unwrap_err();
        assert!(error.is_bad_input(), "{error}");
        assert_eq!(fs::read(&victim).unwrap(), b"precious");
    }

    #[test]
    fn refuses_numbers_that_json_lacks() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("events.jsonl");
        let mut sink = JsonlSink::open_at(&path, &Position::start()).unwrap();
        let metrics = BTreeMap::from([("loss".to_owned(), f64::NAN)]);
        let error = sink.emit(&Event::Update { env_step: 1, grad_step: 1, metrics }).unwrap_err();
        assert!(error.to_string().contains("loss"), "{error}");
        assert_eq!(sink.sync().unwrap(), Position::start());
    }
}
