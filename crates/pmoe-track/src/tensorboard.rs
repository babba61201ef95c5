//! TensorBoard's files, written from the events of a run.

mod proto;
mod record;

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use pmoe_results::files::{MOST_CONFIG_BYTES, open_own, read_text};
use pmoe_results::run::{HeldFile, Lock, Position};
use pmoe_results::{Event, Manifest, ResultsError, RunDir, Sink};
use prost::Message;
use serde::{Deserialize, Serialize};

use self::proto::{
    Content, Dim, Image, Metadata, PluginData, SessionLog, SessionStatus, Shape, Summary, Tensor,
    Value, What,
};
use self::record::record;
use crate::clock::seconds;
use crate::feed::{After, Feed, News};
use crate::kept;
use crate::picture::{DESCRIPTION, primitives};
use crate::scalars::scalars;

/// How the name of a file begins that TensorBoard reads, and how that of ours ends.
const PREFIX: &str = "events.out.tfevents.";
const SUFFIX: &str = ".pmoe";

/// A run as TensorBoard reads it, in the folder `tensorboard` of the run; for this process alone.
///
/// There is one file, which holds what `events.jsonl` holds: every number as a scalar, the primitives of a mixture as a
/// picture at each update, config and provenance as text. What is new is appended. Where the file is not the one that
/// was left, or the run was cut before what it holds, a new file takes its place, whose first record makes a TensorBoard
/// that is open forget what it has.
#[derive(Debug)]
pub struct TensorBoard {
    run: PathBuf,
    folder: PathBuf,
    feed: Feed,
    file: BufWriter<HeldFile>,
    name: String,
    bytes: u64,
    /// Files that the newest one replaces, once it has caught up.
    old: Vec<PathBuf>,
    lock: Lock,
}

/// What was in the folder when it was left.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct State {
    file: String,
    bytes: u64,
    events: Position,
}

impl TensorBoard {
    /// Name of the folder in a run folder.
    pub const FOLDER: &str = "tensorboard";

    /// Opens or makes the folder of a run; [`TensorBoard::catch_up`] then adds what the run has.
    ///
    /// # Errors
    /// - [`ResultsError::Locked`]: another process has it open
    /// - [`ResultsError::NotWritable`], [`ResultsError::Io`]: the file system refuses
    /// - the errors of reading the run
    pub fn open(run: &Path) -> Result<Self, ResultsError> {
        let folder = run.join(Self::FOLDER);
        // A folder that is no run is left as it is.
        Manifest::read(run)?;
        let lock = Lock::take(&folder)?;
        kept::clean(&folder)?;
        let state = match kept::read::<State>(&folder) {
            // A new file needs no state.
            Err(ResultsError::BadFile { .. }) => None,
            state => state?,
        };
        if let Some(State { file: name, bytes, events }) = state
            && let After::Same(feed) = Feed::after(run, &events)?
            && let Some(file) = at_its_end(&folder.join(&name), bytes)
        {
            let (run, file) = (run.to_owned(), BufWriter::new(lock.guard(file)));
            let (feed, old) = (*feed, Vec::new());
            return Ok(Self { run, folder, feed, file, name, bytes, old, lock });
        }
        let (name, file, old) = new_file(&folder, &lock)?;
        let (run, feed) = (run.to_owned(), Feed::new(run));
        let mut opened = Self { run, folder, feed, file, name, bytes: 0, old, lock };
        opened.write_beginning()?;
        Ok(opened)
    }

    /// Adds what the run has reported since; returns the number of events.
    ///
    /// # Errors
    /// If the run can't be read or the file can't be written; another process may open the folder then and write it
    /// anew.
    pub fn catch_up(&mut self) -> Result<u64, ResultsError> {
        let mut added = 0;
        loop {
            match self.feed.read()? {
                News::Changed => self.begin_anew()?,
                News::Events(events) if events.is_empty() => break,
                News::Events(events) => {
                    added += events.len() as u64;
                    for timed in &events {
                        self.add(&timed.event, timed.time).map_err(|error| self.failed(error))?;
                    }
                }
            }
        }
        if added > 0 || !self.old.is_empty() {
            self.settle()?;
        }
        Ok(added)
    }

    fn begin_anew(&mut self) -> Result<(), ResultsError> {
        let (name, file, old) = new_file(&self.folder, &self.lock)?;
        (self.name, self.file, self.old, self.bytes) = (name, file, old, 0);
        self.feed = Feed::new(&self.run);
        self.write_beginning()
    }

    /// Writes what comes before the events.
    fn write_beginning(&mut self) -> Result<(), ResultsError> {
        let config = read_text(&self.run.join(RunDir::CONFIG), MOST_CONFIG_BYTES)?;
        let provenance = Manifest::read(&self.run)?.provenance;
        let provenance = serde_json::to_string_pretty(&provenance).unwrap_or_default();
        let start = SessionLog { status: SessionStatus::Start.into() };
        let texts = vec![
            text("run/config", &format!("```toml\n{config}```")),
            text("run/provenance", &format!("```json\n{provenance}\n```")),
        ];
        for what in [
            What::FileVersion("brain.Event:2".to_owned()),
            What::SessionLog(start),
            What::Summary(Summary { value: texts }),
        ] {
            let time = seconds(SystemTime::now());
            self.write(what, 0, time).map_err(|error| self.failed(error))?;
        }
        Ok(())
    }

    fn add(&mut self, event: &Event, time: f64) -> io::Result<()> {
        let simple = |(tag, value): (String, f64)| Value {
            tag,
            metadata: None,
            content: Some(Content::Simple(value as f32)),
        };
        let mut value: Vec<_> = scalars(event).into_iter().map(simple).collect();
        if let Event::Update { metrics, .. } = event
            && let Some(picture) = primitives(metrics)
        {
            let (width, height) = (picture.width as i32, picture.height as i32);
            let image = Image { height, width, colorspace: 3, encoded: picture.png };
            value.push(Value {
                tag: "train/primitives".to_owned(),
                metadata: Some(of_plugin("images", DESCRIPTION)),
                content: Some(Content::Image(image)),
            });
        }
        if value.is_empty() {
            return Ok(());
        }
        self.write(What::Summary(Summary { value }), event.env_step(), time)
    }

    fn write(&mut self, what: What, env_step: u64, wall_time: f64) -> io::Result<()> {
        let step = i64::try_from(env_step).unwrap_or(i64::MAX);
        let event = proto::Event { wall_time, step, what: Some(what) };
        let record = record(&event.encode_to_vec());
        self.file.write_all(&record)?;
        self.bytes += record.len() as u64;
        Ok(())
    }

    /// Writes down how far it is, so that the next process goes on there.
    fn settle(&mut self) -> Result<(), ResultsError> {
        self.lock.check()?;
        let written = self.file.flush().and_then(|()| self.file.get_ref().file().sync_data());
        written.map_err(|error| self.failed(error))?;
        for old in self.old.drain(..) {
            retire(&old).map_err(|error| ResultsError::write(&old, error))?;
        }
        let state =
            State { file: self.name.clone(), bytes: self.bytes, events: self.feed.position() };
        kept::write(&self.folder, &state)
    }

    fn failed(&self, error: io::Error) -> ResultsError {
        ResultsError::write(&self.folder.join(&self.name), error)
    }
}

/// For a run that reports as it trains, after it has caught up.
impl Sink for TensorBoard {
    fn emit(&mut self, event: &Event) -> io::Result<()> {
        let line = event.to_line()?;
        self.add(event, seconds(SystemTime::now()))?;
        self.feed.pass(&line);
        // Who looks on waits for evaluations.
        if matches!(event, Event::Eval { .. }) {
            self.file.flush()?;
        }
        Ok(())
    }

    fn sync(&mut self) -> io::Result<Position> {
        self.settle().map_err(io::Error::other)?;
        Ok(self.feed.position())
    }
}

/// Opens a file to append to it, if it is as long as it was.
fn at_its_end(path: &Path, bytes: u64) -> Option<File> {
    let file = open_own(path, File::options().append(true)).ok()?;
    (file.metadata().ok()?.len() == bytes).then_some(file)
}

/// Makes a file that comes after those that are there, and returns them, too.
fn new_file(
    folder: &Path,
    lock: &Lock,
) -> Result<(String, BufWriter<HeldFile>, Vec<PathBuf>), ResultsError> {
    let entries = fs::read_dir(folder).and_then(|entries| entries.collect::<io::Result<Vec<_>>>());
    let entries = entries.map_err(|error| ResultsError::io(folder, error))?;
    let number = |name: &str| name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?.parse::<u64>().ok();
    let numbered = entries
        .iter()
        .filter_map(|entry| Some((number(entry.file_name().to_str()?)?, entry.path())));
    let (numbers, old): (Vec<u64>, Vec<PathBuf>) = numbered.unzip();
    // TensorBoard reads files in the order of their names, which tell seconds, and never an earlier one again.
    let now = seconds(SystemTime::now()) as u64;
    let next = numbers.into_iter().max().map_or(now, |last| now.max(last + 1));
    let name = format!("{PREFIX}{next:010}{SUFFIX}");
    let path = folder.join(&name);
    let file = open_own(&path, File::options().append(true).create_new(true));
    let file = file.map_err(|error| ResultsError::write(&path, error))?;
    Ok((name, BufWriter::new(lock.guard(file)), old))
}

/// Takes a file away that another one replaces. At first it is emptied: a TensorBoard that reads it never goes on to the
/// next one if it is gone.
fn retire(path: &Path) -> io::Result<()> {
    let file = open_own(path, File::options().write(true))?;
    if file.metadata()?.len() == 0 { fs::remove_file(path) } else { file.set_len(0) }
}

fn text(tag: &str, markdown: &str) -> Value {
    let shape = Shape { dim: vec![Dim { size: 1 }] };
    let strings = vec![markdown.as_bytes().to_vec()];
    Value {
        tag: tag.to_owned(),
        metadata: Some(of_plugin("text", "")),
        content: Some(Content::Tensor(Tensor {
            dtype: Tensor::STRING,
            shape: Some(shape),
            strings,
        })),
    }
}

fn of_plugin(plugin_name: &str, description: &str) -> Metadata {
    let plugin_data = Some(PluginData { plugin_name: plugin_name.to_owned() });
    Metadata { plugin_data, description: description.to_owned() }
}

#[cfg(test)]
mod tests;
