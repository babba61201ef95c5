//! Runs a plan: some workers, each with one `pmoe train` at a time, or one `pmoe analyze` of its run.

use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::{Mutex, PoisonError};
use std::thread::{self, ScopedJoinHandle};

use anyhow::{Context, Result};
use pmoe_results::{AnalysisKind, AnalysisSettings, Exit, Run, Status, ending_signals, open_own};
use rustix::process::Signal;
use signal_hook::iterator::Signals;

use super::children::Children;
use super::plan::Planned;
use super::progress::{Display, Report};
use crate::process;

/// How often a run is started that fails without having diverged or been refused.
const ATTEMPTS: u32 = 3;

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Its whole budget is spent, now or before.
    Done,
    /// The learning diverged; it would do so again.
    Diverged(String),
    /// It refused its settings or its folder; it would do so again.
    Refused(String),
    /// Anything else; starting it again may help.
    Failed(String),
    /// Another process is at it.
    Locked,
    /// Stopped on request, before the start or with a checkpoint.
    Stopped,
}

impl Outcome {
    fn of(status: ExitStatus, stopping: bool, reason: impl FnOnce() -> String) -> Self {
        let Some(code) = status.code() else {
            // Killed by a signal.
            return if stopping { Self::Stopped } else { Self::Failed(reason()) };
        };
        match Exit::from_code(code) {
            Some(Exit::Done) => Self::Done,
            Some(Exit::BadInput) => Self::Refused(reason()),
            Some(Exit::Diverged) => Self::Diverged(reason()),
            Some(Exit::Locked) => Self::Locked,
            Some(Exit::Continue | Exit::Interrupted) => Self::Stopped,
            // Where it was short of memory, the others may be done by the next time.
            Some(Exit::Failed | Exit::OutOfMemory) | None => Self::Failed(reason()),
        }
    }

    /// How the analysis of a run ended: the reason names it. A policy that acts with numbers that are not
    /// finite has not diverged while learning.
    fn of_analysis(self, kind: AnalysisKind) -> Self {
        match self {
            Self::Diverged(reason) | Self::Failed(reason) => {
                Self::Failed(format!("{kind}: {reason}"))
            }
            Self::Refused(reason) => Self::Refused(format!("{kind}: {reason}")),
            other => other,
        }
    }

    pub fn word(&self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Diverged(_) => "diverged",
            Self::Refused(_) => "refused",
            Self::Failed(_) => "failed",
            Self::Locked => "locked",
            Self::Stopped => "stopped",
        }
    }

    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Diverged(reason) | Self::Refused(reason) | Self::Failed(reason) => Some(reason),
            Self::Locked => Some("another process is at it"),
            Self::Done | Self::Stopped => None,
        }
    }

    pub fn is_failure(&self) -> bool {
        matches!(self, Self::Diverged(_) | Self::Refused(_) | Self::Failed(_))
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.reason() {
            Some(reason) => write!(f, "{}: {reason}", self.word()),
            None => f.write_str(self.word()),
        }
    }
}

/// Runs all of `runs` with `jobs` workers, and says how each ended, in the same order.
///
/// A run that is done is analysed for what its suites show; one whose analysis fails has failed.
/// Finished runs are started too: `pmoe train` leaves them alone, but tells a run of today's
/// settings from one of other settings.
///
/// A run that another process is at is tried once more after all others. `ended` hears of every run
/// that is over.
///
/// Ctrl-C and whatever else would end the program is handed on to the runs, which write a checkpoint.
pub fn execute(
    pmoe: &Path,
    runs: &[Planned],
    jobs: usize,
    ended: &(dyn Fn(&Planned) -> Result<()> + Sync),
) -> Result<Vec<Outcome>> {
    let jobs = jobs.min(runs.len()).max(1);
    let children = Children::default();
    let display = Display::new(runs, jobs);
    let queue: Mutex<VecDeque<usize>> = Mutex::new((0..runs.len()).collect());
    let outcomes = Mutex::new(vec![Outcome::Stopped; runs.len()]);
    let postponed = Mutex::new(BTreeSet::new());

    let work = |worker: usize| {
        while !children.is_stopping() {
            let Some(index) = queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
            else {
                break;
            };
            let run = &runs[index];
            let trainer = Trainer { pmoe, run, worker, children: &children, display: &display };
            let outcome = trainer.train_and_analyze();
            let is_first =
                || postponed.lock().unwrap_or_else(PoisonError::into_inner).insert(index);
            if outcome == Outcome::Locked && is_first() {
                display.note(&format!("{}: another process is at it; later again", run.name()));
                queue.lock().unwrap_or_else(PoisonError::into_inner).push_back(index);
                continue;
            }
            if let Err(error) = ended(run) {
                display.note(&format!("{}: {error:#}", run.name()));
            }
            display.finish(worker, run, &outcome.to_string());
            outcomes.lock().unwrap_or_else(PoisonError::into_inner)[index] = outcome;
        }
    };

    let mut signals = Signals::new(ending_signals()).context("cannot catch signals")?;
    let listening = signals.handle();
    thread::scope(|scope| {
        scope.spawn(|| {
            for signal in signals.forever() {
                if children.is_stopping() {
                    display.note("killing the runs; each continues from its last checkpoint");
                } else {
                    display.note("stopping: waiting for checkpoints (once more to kill)");
                }
                let is_key = Exit::of_signal(signal) == Exit::Interrupted;
                children.stop(if is_key { Signal::INT } else { Signal::TERM });
            }
        });
        let workers: Vec<_> = (0..jobs).map(|worker| scope.spawn(move || work(worker))).collect();
        let ends: Vec<_> = workers.into_iter().map(ScopedJoinHandle::join).collect();
        listening.close();
        if let Some(panic) = ends.into_iter().find_map(Result::err) {
            std::panic::resume_unwind(panic);
        }
    });
    display.clear();
    Ok(outcomes.into_inner().unwrap_or_else(PoisonError::into_inner))
}

/// What it takes to make one run.
struct Trainer<'a> {
    pmoe: &'a Path,
    run: &'a Planned,
    worker: usize,
    children: &'a Children,
    display: &'a Display,
}

impl Trainer<'_> {
    fn train_and_analyze(&self) -> Outcome {
        let mut outcome = self.train_with_retries();
        if outcome != Outcome::Done {
            return outcome;
        }
        // One that fails does not keep the others from being made; the first is told.
        for settings in self.run.analyses_left() {
            let kind = settings.kind();
            self.display.analyze(self.worker, kind);
            let ended =
                self.start(&mut self.analysis(&settings)).map_err(|error| format!("{error:#}"));
            let ended = ended.unwrap_or_else(Outcome::Failed).of_analysis(kind);
            if outcome == Outcome::Done || ended == Outcome::Stopped {
                outcome = ended;
            }
        }
        outcome
    }

    fn train_with_retries(&self) -> Outcome {
        self.display.start(self.worker, self.run);
        let mut outcome = self.train();
        for attempt in 2..=ATTEMPTS {
            let Outcome::Failed(reason) = &outcome else {
                break;
            };
            if self.children.is_stopping() {
                break;
            }
            let name = self.run.name();
            self.display.note(&format!("{name}: failed: {reason}; try {attempt} of {ATTEMPTS}"));
            outcome = self.train();
        }
        outcome
    }

    fn train(&self) -> Outcome {
        let ended = self.start(&mut self.training());
        ended.unwrap_or_else(|error| Outcome::Failed(format!("{error:#}")))
    }

    /// Runs a program to its end; what it says goes to the log.
    fn start(&self, command: &mut Command) -> Result<Outcome> {
        let log_path = log_path(self.run);
        let mut log =
            open_log(&log_path).with_context(|| format!("cannot write {}", log_path.display()))?;
        let begin = log.metadata()?.len();
        command.stderr(log.try_clone()?);

        let started = self.children.start(command);
        let started =
            started.with_context(|| format!("cannot start `{}`", process::line(command)))?;
        let Some((id, stdout)) = started else {
            return Ok(Outcome::Stopped);
        };
        for line in BufReader::new(stdout).lines() {
            // Unreadable progress is no reason to give up a run.
            if let Some(report) = line.ok().as_deref().and_then(Report::parse) {
                self.display.advance(self.worker, report);
            }
        }
        let status = self.children.wait(id)?;
        let outcome = Outcome::of(status, self.children.is_stopping(), || {
            self.reason(status, &read_from(&mut log, begin).unwrap_or_default())
        });
        if outcome == Outcome::Done {
            // It told of the way there; what remains to be said is in the run folder. Another matrix that
            // found the run done may have been faster.
            match fs::remove_file(&log_path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
                _ => {}
            }
        }
        Ok(outcome)
    }

    fn training(&self) -> Command {
        let run = &self.run.run;
        let mut command = Command::new(self.pmoe);
        command.args(["train", "--algo", &run.algo, "--task", &run.task]);
        command.args(["--seed", &run.seed.to_string()]);
        command.args(["--steps", &run.total_steps.to_string()]);
        for (key, value) in &run.set {
            command.args(["--set", &format!("{key}={value}")]);
        }
        command.args(["--progress", "json", "--out"]).arg(&self.run.dir);
        command
    }

    fn analysis(&self, settings: &AnalysisSettings) -> Command {
        let mut command = Command::new(self.pmoe);
        command.arg("analyze").arg(&self.run.dir).args(["--kind", settings.kind().name()]);
        for (key, value) in settings.set() {
            command.args(["--set", &format!("{key}={value}")]);
        }
        command
    }

    /// Why a run failed: as its manifest says, else its last words.
    fn reason(&self, status: ExitStatus, log: &str) -> String {
        // A run that was refused did not write its manifest: what it says there is an older story.
        if status.code().and_then(Exit::from_code) != Some(Exit::BadInput)
            && let Ok(Run { manifest, .. }) = Run::read(&self.run.dir)
            && let Status::Failed { reason, .. } = manifest.status
        {
            return reason;
        }
        let lines = || log.lines().map(str::trim).filter(|line| !line.is_empty());
        let error = lines().filter_map(|line| line.strip_prefix("error: ")).next_back();
        let ending = process::ending(status);
        match error.or_else(|| lines().next_back()) {
            Some(words) => format!("{words} ({ending}; see {})", log_path(self.run).display()),
            None => ending,
        }
    }
}

/// Beside the run folder, so that what a run says before it has a folder is kept as well.
fn log_path(run: &Planned) -> PathBuf {
    run.dir.with_extension("log")
}

/// Appends: the log may be that of another process, which holds the run.
fn open_log(path: &Path) -> io::Result<File> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    open_own(path, File::options().read(true).append(true).create(true))
}

fn read_from(log: &mut File, begin: u64) -> io::Result<String> {
    log.seek(SeekFrom::Start(begin))?;
    let mut bytes = Vec::new();
    log.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
pub mod tests;
