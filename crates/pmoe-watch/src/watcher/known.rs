//! What is known about a run folder, and how its files are read again.

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use pmoe_results::error::with_causes;
use pmoe_results::files::{FileId, read_bytes};
use pmoe_results::run::{Tail, is_held};
use pmoe_results::{Event, Manifest, Status};
use pmoe_stats::mean;

use crate::snapshot::{EvalPoint, seconds_since, steps};

/// A run is quiet if it has written nothing for this long, and for [`QUIET_EVALUATIONS`] times the
/// usual time between evaluations.
const QUIET_SECONDS: f64 = 600.0;
const QUIET_EVALUATIONS: f64 = 5.0;

/// Number of evaluations over which the speed of a run is measured.
const SPEED_EVALUATIONS: usize = 6;

/// Bytes of events that one refresh reads from runs that are not on screen.
pub(super) const BYTES_AT_ONCE: u64 = 16 << 20;

/// Size limit of the log of a run.
const MOST_LOG_BYTES: u64 = 16 << 20;

/// Distinguishes versions of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    file: FileId,
    bytes: u64,
    modified: SystemTime,
}

impl Stamp {
    pub(super) fn read(path: &Path) -> Option<Self> {
        let metadata = fs::metadata(path).ok()?;
        let file = FileId::of(&metadata);
        Some(Self { file, bytes: metadata.len(), modified: metadata.modified().ok()? })
    }
}

/// What is known about a run folder.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) manifest: Result<Manifest, String>,
    stamp: Option<Stamp>,
    /// Whether a process holds the folder; `None` if that can't be told or was not asked.
    held: Option<bool>,
    /// Whether it wrote while nothing held it: it runs on a machine that shares no locks with this
    /// one.
    is_elsewhere: bool,
    /// State of its events when it was last looked at.
    events_stamp: Option<Stamp>,
    /// Environment step and seconds at evaluations of the newest attempt, oldest first.
    marks: VecDeque<(u64, f64)>,
    tail: Tail,
    /// Whether there may be unread events.
    pub(super) unread: bool,
    pub(super) env_step: u64,
    pub(super) curve: BTreeMap<u64, f64>,
    pub(super) last_eval: Option<EvalPoint>,
    pub(super) problem: Option<String>,
}

impl Known {
    pub(super) fn new(path: &Path) -> Self {
        Self {
            manifest: Err("not read yet".to_owned()),
            stamp: None,
            held: None,
            is_elsewhere: false,
            events_stamp: None,
            marks: VecDeque::new(),
            tail: Tail::new(path),
            unread: true,
            env_step: 0,
            curve: BTreeMap::new(),
            last_eval: None,
            problem: None,
        }
    }

    pub(super) fn is_running(&self) -> bool {
        self.manifest.as_ref().is_ok_and(|manifest| manifest.status == Status::Running)
    }

    /// Whether its process is gone, although its manifest says that it runs.
    pub(super) fn is_killed(&self) -> bool {
        self.is_running() && self.held == Some(false) && !self.is_elsewhere
    }

    /// Whether a process is at work on it on this machine.
    pub(super) fn is_held(&self) -> bool {
        self.is_running() && self.held == Some(true)
    }

    /// Asks who holds a run that may be in progress, and whether it wrote all the same.
    fn ask(&mut self, path: &Path) {
        let may_run = self.is_running() || self.stamp.is_none();
        let held = may_run.then(|| is_held(path)).flatten();
        let events = may_run.then(|| Stamp::read(&path.join(Event::FILE))).flatten();
        if held == Some(false) && self.held == Some(false) {
            let wrote = events != self.events_stamp
                || Stamp::read(&path.join(Manifest::FILE)) != self.stamp;
            self.is_elsewhere |= wrote;
        } else {
            self.is_elsewhere = false;
        }
        (self.held, self.events_stamp) = (held, events);
    }

    pub(super) fn read_manifest(&mut self, path: &Path) {
        // Before the manifest, because a run writes its end before it leaves its folder.
        self.ask(path);
        // The stamp comes before the content, so that a write in between is noticed next time.
        let stamp = Stamp::read(&path.join(Manifest::FILE));
        // Events may reach their file while the manifest stays the same.
        self.unread |= self.is_running();
        if stamp.is_some() && stamp == self.stamp {
            return;
        }
        self.unread = true;
        self.stamp = stamp;
        let before = self.manifest.as_ref().map_or(0, |manifest| manifest.attempts.len());
        self.manifest = Manifest::read(path).map_err(|error| with_causes(&error));
        let Ok(manifest) = &self.manifest else {
            return;
        };
        let Some(attempt) = manifest.attempts.last() else {
            return;
        };
        if manifest.attempts.len() != before {
            self.marks = VecDeque::from([(attempt.from_step, 0.0)]);
        }
        if self.marks.back().is_none_or(|mark| mark.0 < attempt.to_step) {
            self.marks.push_back((attempt.to_step, attempt.wall_seconds));
        }
        if self.marks.len() > SPEED_EVALUATIONS + 1 {
            self.marks.pop_front();
        }
    }

    /// Reads the next part of the events; returns the number of bytes.
    pub(super) fn read_events(&mut self) -> u64 {
        let tailed = match self.tail.read(BYTES_AT_ONCE) {
            Ok(tailed) => tailed,
            Err(error) => {
                self.problem = Some(format!("cannot read its events: {error}"));
                self.unread = false;
                return 0;
            }
        };
        if tailed.restarted {
            (self.env_step, self.last_eval, self.problem) = (0, None, None);
            self.curve.clear();
        }
        let mut newest = None;
        for line in tailed.lines.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
            newest = Some(line);
            // Most lines are other events, and parsing them takes time.
            if contains(line, b"\"eval\"") {
                self.take_line(line);
            }
        }
        newest.into_iter().for_each(|line| self.take_line(line));
        self.unread = tailed.more;
        tailed.lines.len() as u64
    }

    fn take_line(&mut self, line: &[u8]) {
        let event: Event = match serde_json::from_slice(line) {
            Ok(event) => event,
            Err(error) => {
                self.problem = Some(format!("cannot parse a line of its events: {error}"));
                return;
            }
        };
        self.env_step = self.env_step.max(event.env_step());
        if let Event::Eval { env_step, returns, successes, .. } = event
            && let Some(mean_return) = mean(&returns)
        {
            let reached = successes.map(|all| all.into_iter().map(f64::from).collect::<Vec<_>>());
            let success_rate = reached.and_then(|all| mean(&all));
            self.curve.insert(env_step, mean_return);
            self.last_eval = Some(EvalPoint { env_step, mean_return, success_rate });
        }
    }

    pub(super) fn steps_per_second(&self) -> Option<f64> {
        let (first, last) = (self.marks.front()?, self.marks.back()?);
        let (taken, seconds) = (steps(last.0 - first.0), last.1 - first.1);
        (taken > 0.0 && seconds > 0.0).then(|| taken / seconds)
    }

    /// Returns the time left at the newest evaluation, minus the time since then if it was at work.
    pub(super) fn seconds_left(
        &self,
        manifest: &Manifest,
        quiet_seconds: Option<f64>,
        now: SystemTime,
    ) -> Option<f64> {
        let left = steps(manifest.total_steps.saturating_sub(manifest.env_step));
        let was_at_work = self.is_running() && !self.is_silent(manifest, quiet_seconds);
        let stamp = self.stamp.filter(|_| was_at_work);
        let since = stamp.map_or(0.0, |stamp| seconds_since(stamp.modified, now));
        Some((left / self.steps_per_second()? - since).max(0.0))
    }

    pub(super) fn quiet_seconds(&self, path: &Path, now: SystemTime) -> Option<f64> {
        let events = Stamp::read(&path.join(Event::FILE)).map(|stamp| stamp.modified);
        let manifest = self.stamp.map(|stamp| stamp.modified);
        Some(seconds_since(events.max(manifest)?, now))
    }

    /// Whether it has written nothing for so long that it is quiet.
    pub(super) fn is_silent(&self, manifest: &Manifest, quiet_seconds: Option<f64>) -> bool {
        quiet_seconds.is_some_and(|quiet| quiet > self.patience(manifest))
    }

    /// Returns the seconds without a write after which a run is quiet.
    fn patience(&self, manifest: &Manifest) -> f64 {
        let per_evaluation = manifest.attempts.last().map_or(0.0, |attempt| {
            let evaluations = self.curve.range(attempt.from_step..).count();
            attempt.wall_seconds / steps(evaluations.max(1) as u64)
        });
        QUIET_SECONDS.max(QUIET_EVALUATIONS * per_evaluation)
    }
}

/// Returns the path of the log that the matrix keeps next to the folder of a run.
pub(super) fn log_path(path: &Path) -> PathBuf {
    path.with_extension("log")
}

/// Returns the last error in the log that the matrix keeps next to the folder of an unfinished run.
pub(super) fn last_words(path: &Path) -> Option<String> {
    let path = log_path(path);
    if !path.exists() {
        return None;
    }
    let log = match read_bytes(&path, MOST_LOG_BYTES) {
        Ok(log) => log,
        Err(error) => return Some(format!("its log: {error}")),
    };
    let log = String::from_utf8_lossy(&log);
    log.lines().filter_map(|line| line.strip_prefix("error: ")).next_back().map(str::to_owned)
}

fn contains(line: &[u8], part: &[u8]) -> bool {
    line.windows(part.len()).any(|window| window == part)
}
