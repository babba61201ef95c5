//! Executes runs on this machine: each worker runs one `pmoe train` or `pmoe analyze` at a time.

use std::collections::{BTreeSet, VecDeque};
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::{Mutex, PoisonError};
use std::thread::{self, ScopedJoinHandle};

use pmoe_results::analysis::AnalysisSettings;
use pmoe_results::error::with_causes;
use pmoe_results::exit::EndingSignals;
use pmoe_results::files::open_own;
use pmoe_results::{Exit, Run, Status};

use crate::end::RunEnd;
use crate::error::MatrixError;
use crate::executor::{Advance, Executor, Listener, Notice};
use crate::process;
use crate::select::Planned;
use children::Children;

mod children;

/// Number of starts of a run that fails without having diverged or refused its settings.
const ATTEMPTS: u32 = 3;

/// Executes runs as processes on this machine, several at a time.
///
/// A trained run gets the analyses that its suites show; if one of them fails, the run has failed.
/// Finished runs are started too: `pmoe train` leaves them alone, but detects runs with settings
/// that have changed since. A run that another process is working on is tried once more after all
/// others.
///
/// Ctrl-C and any other signal that would end the program are forwarded to the runs, which write a
/// checkpoint.
#[derive(Debug, Clone)]
pub struct Local {
    pmoe: PathBuf,
    jobs: usize,
}

impl Local {
    /// Creates an executor that starts the program `pmoe` for each run, `jobs` at a time.
    #[must_use]
    pub fn new(pmoe: impl Into<PathBuf>, jobs: usize) -> Self {
        Self { pmoe: pmoe.into(), jobs }
    }
}

impl Executor for Local {
    fn execute(
        &self,
        runs: &[Planned],
        listener: &Listener<'_>,
    ) -> Result<Vec<RunEnd>, MatrixError> {
        let children = Children::default();
        let queue: Mutex<VecDeque<usize>> = Mutex::new((0..runs.len()).collect());
        let ends = Mutex::new(vec![RunEnd::Stopped; runs.len()]);
        let postponed = Mutex::new(BTreeSet::new());

        let work = || {
            while !children.is_stopping() {
                let Some(index) = queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
                else {
                    break;
                };
                let run = &runs[index];
                let trainer =
                    Trainer { pmoe: &self.pmoe, index, run, children: &children, listener };
                let end = trainer.train_and_analyze();
                let is_first =
                    || postponed.lock().unwrap_or_else(PoisonError::into_inner).insert(index);
                if end == RunEnd::Locked && is_first() {
                    listener(Notice::Postponed(index));
                    queue.lock().unwrap_or_else(PoisonError::into_inner).push_back(index);
                    continue;
                }
                listener(Notice::Over(index, &end));
                ends.lock().unwrap_or_else(PoisonError::into_inner)[index] = end;
            }
        };

        let signals = EndingSignals::catch().map_err(MatrixError::Signals)?;
        let listening = signals.closer();
        thread::scope(|scope| {
            scope.spawn(|| {
                for signal in signals {
                    let again = children.is_stopping();
                    listener(if again { Notice::Killing } else { Notice::Stopping(signal) });
                    children.stop(Exit::of_signal(signal));
                }
            });
            let jobs = self.jobs.min(runs.len()).max(1);
            let workers: Vec<_> = (0..jobs).map(|_| scope.spawn(work)).collect();
            let workers: Vec<_> = workers.into_iter().map(ScopedJoinHandle::join).collect();
            listening.close();
            if let Some(panic) = workers.into_iter().find_map(Result::err) {
                std::panic::resume_unwind(panic);
            }
        });
        Ok(ends.into_inner().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Everything that is needed for one run.
struct Trainer<'a> {
    pmoe: &'a Path,
    index: usize,
    run: &'a Planned,
    children: &'a Children,
    listener: &'a Listener<'a>,
}

impl Trainer<'_> {
    fn train_and_analyze(&self) -> RunEnd {
        let mut end = self.train_with_retries();
        if end != RunEnd::Done {
            return end;
        }
        // A failed analysis does not stop the others; the first failure is reported.
        for settings in self.run.analyses_left() {
            let kind = settings.kind();
            (self.listener)(Notice::Analyzing(self.index, kind));
            let analyzed = self.start(&mut self.analysis(&settings)).of_analysis(kind);
            if end == RunEnd::Done || analyzed == RunEnd::Stopped {
                end = analyzed;
            }
        }
        end
    }

    fn train_with_retries(&self) -> RunEnd {
        (self.listener)(Notice::Started(self.index));
        let mut end = self.start(&mut self.training());
        for attempt in 2..=ATTEMPTS {
            let RunEnd::Failed(reason) = &end else {
                break;
            };
            if self.children.is_stopping() {
                break;
            }
            let run = self.index;
            (self.listener)(Notice::Retried { run, reason, attempt, of: ATTEMPTS });
            end = self.start(&mut self.training());
        }
        end
    }

    /// Runs a program to its end; its stderr goes to the log.
    fn start(&self, command: &mut Command) -> RunEnd {
        self.try_start(command).unwrap_or_else(|error| RunEnd::Failed(with_causes(&error)))
    }

    fn try_start(&self, command: &mut Command) -> Result<RunEnd, MatrixError> {
        let path = log_path(self.run);
        let of_log = |source| MatrixError::Log { path: path.clone(), source };
        let mut log = open_log(&path).map_err(of_log)?;
        let begin = log.metadata().map_err(of_log)?.len();
        command.stderr(log.try_clone().map_err(of_log)?);

        let started = self.children.start(command);
        let started = started.map_err(|source| process::cannot_start(command, source))?;
        let Some((id, stdout)) = started else {
            return Ok(RunEnd::Stopped);
        };
        for line in BufReader::new(stdout).lines() {
            // Unreadable progress is no reason to give up on a run.
            if let Some(advance) = line.ok().as_deref().and_then(Advance::parse) {
                (self.listener)(Notice::Advanced(self.index, advance));
            }
        }
        let status = self.children.wait(id).map_err(MatrixError::Wait)?;
        let end = RunEnd::of(status, self.children.is_stopping(), || {
            self.reason(status, &read_from(&mut log, begin).unwrap_or_default())
        });
        if end == RunEnd::Done {
            // The log is no longer needed: the run folder has everything. Another matrix that found
            // the run finished may have removed the log already.
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(of_log(error)),
                _ => {}
            }
        }
        Ok(end)
    }

    fn training(&self) -> Command {
        let run = &self.run.run;
        let mut command = Command::new(self.pmoe);
        command.args(["train", "--method", &run.base, "--task", &run.task]);
        command.args(["--seed", &run.seed.to_string()]);
        command.args(["--steps", &run.total_steps.to_string()]);
        for (key, value) in run.set.iter() {
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

    /// Returns why a run failed: the reason in its manifest, else its last words in the log.
    fn reason(&self, status: ExitStatus, log: &str) -> String {
        // A run that refused its settings did not write its manifest, so a reason there is
        // outdated.
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

/// Returns the path of the log, which is next to the run folder because a run may fail before it
/// has one.
fn log_path(run: &Planned) -> PathBuf {
    run.dir.with_extension("log")
}

/// Opens the log to append: it may belong to another process, which holds the run.
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
pub(crate) mod tests;
