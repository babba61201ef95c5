use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::Path;

use crate::{Event, ResultsError, Sink};

/// Appends events to `events.jsonl`, one JSON object per line.
#[derive(Debug)]
pub struct JsonlSink {
    file: BufWriter<File>,
    bytes: u64,
}

impl JsonlSink {
    /// Opens the file with its first `offset` bytes kept and the rest dropped: what came after a
    /// checkpoint is written again by the run that continues from it. A new run starts at 0.
    ///
    /// # Errors
    /// When the file is shorter than `offset`, or can't be opened.
    pub fn open_at(path: &Path, offset: u64) -> Result<Self, ResultsError> {
        let failed = |error| ResultsError::write(path, error);
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(failed)?;
        let found = file.metadata().map_err(failed)?.len();
        if found < offset {
            return Err(ResultsError::ShortEvents {
                path: path.to_owned(),
                expected: offset,
                found,
            });
        }
        file.set_len(offset).map_err(failed)?;
        file.seek(SeekFrom::Start(offset)).map_err(failed)?;
        Ok(Self { file: BufWriter::new(file), bytes: offset })
    }
}

impl Sink for JsonlSink {
    fn emit(&mut self, event: &Event) -> io::Result<()> {
        // JSON has no NaN: serde_json would write null, and the file could not be read back.
        if !event.is_finite() {
            let message = format!("event with a number that is not finite: {event:?}");
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        let mut line = serde_json::to_vec(event)?;
        line.push(b'\n');
        self.file.write_all(&line)?;
        self.bytes += line.len() as u64;
        Ok(())
    }

    /// The position is the file's length in bytes.
    fn sync(&mut self) -> io::Result<u64> {
        self.file.flush()?;
        self.file.get_ref().sync_data()?;
        Ok(self.bytes)
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
        let mut sink = JsonlSink::open_at(&whole, 0).unwrap();
        (0..3).for_each(|step| sink.emit(&eval(step)).unwrap());
        sink.sync().unwrap();

        let mut sink = JsonlSink::open_at(&cut, 0).unwrap();
        sink.emit(&eval(0)).unwrap();
        let offset = sink.sync().unwrap();
        assert_eq!(offset, fs::metadata(&cut).unwrap().len());
        sink.emit(&eval(77)).unwrap(); // lost: after the checkpoint
        drop(sink);
        let mut sink = JsonlSink::open_at(&cut, offset).unwrap();
        (1..3).for_each(|step| sink.emit(&eval(step)).unwrap());
        assert_eq!(sink.sync().unwrap(), fs::metadata(&whole).unwrap().len());
        assert_eq!(fs::read(&cut).unwrap(), fs::read(&whole).unwrap());
    }

    #[test]
    fn refuses_a_file_shorter_than_the_offset() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("events.jsonl");
        fs::write(&path, "abc").unwrap();
        let error = JsonlSink::open_at(&path, 4).unwrap_err();
        assert!(matches!(error, ResultsError::ShortEvents { expected: 4, found: 3, .. }));
        assert_eq!(fs::read(&path).unwrap(), b"abc");
    }

    #[test]
    fn refuses_numbers_that_json_lacks() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("events.jsonl");
        let mut sink = JsonlSink::open_at(&path, 0).unwrap();
        let metrics = BTreeMap::from([("loss".to_owned(), f64::NAN)]);
        let error = sink.emit(&Event::Update { env_step: 1, grad_step: 1, metrics }).unwrap_err();
        assert!(error.to_string().contains("loss"), "{error}");
        assert_eq!(sink.sync().unwrap(), 0);
    }
}
