//! The events of a run from a position on.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use pmoe_results::run::{EventFile, Position, is_held};
use pmoe_results::{Event, Manifest, ResultsError, Run, Status};

use crate::clock::time_of;

/// The most bytes that are read at once.
const MOST_BYTES: u64 = 1 << 22;

/// Reads the events of a run, each once, while the run writes them or afterwards.
#[derive(Debug)]
pub struct Feed {
    folder: PathBuf,
    path: PathBuf,
    bytes: u64,
    hasher: blake3::Hasher,
    number: u64,
    /// Attempts at the run when the bytes so far were last compared with the file; none before.
    compared: Option<usize>,
}

/// What [`Feed::read`] found.
#[derive(Debug)]
pub enum News {
    /// What is new, in order; nothing if there is nothing yet.
    Events(Vec<Timed>),
    /// The run was started over and does not begin with what was read: begin anew.
    Changed,
}

/// What [`Feed::after`] found.
#[derive(Debug)]
pub enum After {
    /// The events before the position; the feed goes on from there.
    Same(Box<Feed>),
    /// Fewer events: the run was cut, and has not come that far again.
    Short,
    /// Others: the run was started over.
    Changed,
}

/// An event with its place in the run.
#[derive(Debug, Clone, PartialEq)]
pub struct Timed {
    /// The event.
    pub event: Event,
    /// Number of events before it.
    pub number: u64,
    /// About when it was reported, in seconds since 1970, by the run's manifest.
    pub time: f64,
}

impl Feed {
    /// Reads a run folder from the first event on.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            path: folder.join(Run::events_name(folder)),
            bytes: 0,
            hasher: blake3::Hasher::new(),
            number: 0,
            compared: Some(0),
        }
    }

    /// Reads a run folder from a position on, if its events begin with those before the position.
    ///
    /// # Errors
    /// If they can't be read.
    pub fn after(folder: &Path, position: &Position) -> Result<After, ResultsError> {
        let mut feed = Self::new(folder);
        if let Some(mut file) = feed.open()? {
            feed.hash(&mut file, position.bytes)?;
        }
        Ok(if feed.bytes < position.bytes {
            // A finished run is as long as it ever gets.
            let is_done = Manifest::read(folder)?.status == Status::Done;
            if is_done { After::Changed } else { After::Short }
        } else if feed.position() == *position {
            After::Same(Box::new(feed))
        } else {
            After::Changed
        })
    }

    /// The position after what was read.
    #[must_use]
    pub fn position(&self) -> Position {
        Position { bytes: self.bytes, blake3: self.hasher.finalize().to_hex().to_string() }
    }

    /// Number of events that were read.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Counts a line, which the run has written itself, as read.
    pub fn pass(&mut self, line: &[u8]) {
        self.bytes += line.len() as u64;
        self.hasher.update(line);
        self.number += 1;
    }

    /// Reads new events, some thousands at most; call it until there are none.
    ///
    /// A run that was cut before what was read gives nothing until it has come that far again.
    ///
    /// # Errors
    /// If its files can't be read, or a line is no event.
    pub fn read(&mut self) -> Result<News, ResultsError> {
        loop {
            let lines = self.lines()?;
            // Attempts last: before an attempt is noted, nothing is written that the one before did not write.
            let manifest = Manifest::read(&self.folder)?;
            let attempts = manifest.attempts.len();
            match (lines, self.compared) {
                (Some(lines), Some(compared)) if compared == attempts || self.bytes == 0 => {
                    self.compared = Some(attempts);
                    return self.take(&lines, &manifest).map(News::Events);
                }
                (lines, _) => match self.is_same()? {
                    Some(true) => self.compared = Some(attempts),
                    Some(false) => return Ok(News::Changed),
                    // Shorter than what was read.
                    None if manifest.status == Status::Done => return Ok(News::Changed),
                    None => {
                        self.compared = None;
                        drop(lines);
                        return Ok(News::Events(Vec::new()));
                    }
                },
            }
        }
    }

    fn open(&self) -> Result<Option<File>, ResultsError> {
        match EventFile::open(&self.folder) {
            Ok(events) => Ok(Some(events.file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(ResultsError::io(&self.path, error)),
        }
    }

    /// Whole lines after what was read; none if the file is shorter than that.
    fn lines(&self) -> Result<Option<Vec<u8>>, ResultsError> {
        let failed = |error| ResultsError::io(&self.path, error);
        let Some(mut file) = self.open()? else {
            return Ok((self.bytes == 0).then(Vec::new));
        };
        if file.metadata().map_err(failed)?.len() < self.bytes {
            return Ok(None);
        }
        file.seek(SeekFrom::Start(self.bytes)).map_err(failed)?;
        let mut file = BufReader::new(file);
        let mut lines = Vec::new();
        file.by_ref().take(MOST_BYTES).read_to_end(&mut lines).map_err(failed)?;
        if !lines.ends_with(b"\n") {
            // The rest of a line that goes on; at the end of the file that is none.
            file.read_until(b'\n', &mut lines).map_err(failed)?;
        }
        let whole = lines.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
        lines.truncate(whole);
        Ok(Some(lines))
    }

    /// Counts lines as read and returns their events.
    fn take(&mut self, lines: &[u8], manifest: &Manifest) -> Result<Vec<Timed>, ResultsError> {
        let mut events = Vec::new();
        for line in lines.split_inclusive(|&byte| byte == b'\n') {
            let event: Event =
                serde_json::from_slice(line).map_err(|error| ResultsError::BadFile {
                    path: self.path.clone(),
                    key: format!("line {}", self.number + 1),
                    message: error.to_string(),
                })?;
            let time = time_of(&manifest.attempts, event.env_step());
            events.push(Timed { event, number: self.number, time });
            self.pass(line);
        }
        Ok(events)
    }

    /// Whether the file begins with what was read; none if it is shorter.
    fn is_same(&self) -> Result<Option<bool>, ResultsError> {
        let Some(mut file) = self.open()? else { return Ok((self.bytes == 0).then_some(true)) };
        let mut again = Self::new(&self.folder);
        again.hash(&mut file, self.bytes)?;
        Ok((again.bytes == self.bytes).then(|| again.position() == self.position()))
    }

    /// Counts the first `bytes` of the file as read, or as many as there are.
    fn hash(&mut self, file: &mut File, bytes: u64) -> Result<(), ResultsError> {
        let failed = |error| ResultsError::io(&self.path, error);
        let mut left = file.take(bytes);
        let mut block = vec![0; 1 << 16];
        loop {
            let read = left.read(&mut block).map_err(failed)?;
            if read == 0 {
                return Ok(());
            }
            self.bytes += read as u64;
            self.hasher.update(&block[..read]);
            self.number += block[..read].iter().filter(|&&byte| byte == b'\n').count() as u64;
        }
    }
}

/// Whether a run is under way, and more events may come. Where its lock can't tell, its manifest does.
///
/// # Errors
/// If it has no manifest that can be read.
pub fn is_under_way(run: &Path) -> Result<bool, ResultsError> {
    let manifest = Manifest::read(run)?;
    Ok(is_held(run).unwrap_or(manifest.status == Status::Running))
}

#[cfg(test)]
mod tests;
