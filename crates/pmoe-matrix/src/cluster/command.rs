//! Runs of a plan as whatever a command starts and waits for: HyperQueue, GNU parallel, another scheduler.

use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use pmoe_results::files::write_atomic;
use pmoe_results::{Exit, ResultsError};

use super::folder::{Folder, Submission};
use super::forget;
use super::indices::Indices;
use super::note::Note;
use crate::error::{ClusterError, MatrixError};
use crate::executor::{Listener, Notice};
use crate::process;

/// Time between two looks at the command.
const LOOK: Duration = Duration::from_millis(50);

/// Most time that runs get for their checkpoints once the command has died of the signal that stops them. Where nobody
/// reaps orphans, as in a container without an init, these seem to live for ever.
const LINGER: Duration = Duration::from_secs(60);

/// Time between two rounds while there is nothing to hand over.
const REST: Duration = Duration::from_secs(1);

/// A command that ends when its jobs have ended.
pub(super) struct Blocking<'a> {
    folder: &'a Folder,
    submission: &'a Submission,
    submit: &'a str,
    /// How many signals have asked it to stop.
    stops: u32,
    /// Whether a run has begun since this program started.
    has_begun: bool,
    /// Whether there was nothing to hand over: others are at the runs that are left.
    is_idle: bool,
}

impl<'a> Blocking<'a> {
    pub(super) fn new(folder: &'a Folder, submission: &'a Submission, submit: &'a str) -> Self {
        Self { folder, submission, submit, stops: 0, has_begun: false, is_idle: false }
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stops > 0
    }

    /// Returns the time before the next call.
    pub(super) fn pause(&self) -> Duration {
        if self.is_idle { REST } else { Duration::ZERO }
    }

    /// Starts the command for some runs and waits for it; returns those that began, or all if none did.
    ///
    /// The others are for the next call: a command may start a part, or be cut short. A signal is passed on to the
    /// command; a second one makes `pmoe run` kill its run, and a third kills the command.
    ///
    /// # Errors
    /// Returns an error if the command has never begun a run, as the next call would do no better.
    pub(super) fn submit(
        &mut self,
        indices: &[usize],
        signals: &Receiver<i32>,
        listener: &Listener<'_>,
    ) -> Result<Vec<usize>, MatrixError> {
        self.is_idle = indices.is_empty();
        if self.is_idle {
            return Ok(Vec::new());
        }
        forget(self.folder, indices)?;
        let list = self.list();
        let lines: String = indices.iter().map(|index| format!("{index}\n")).collect();
        write_atomic(&list, lines.as_bytes()).map_err(|error| ResultsError::write(&list, error))?;
        let line = self.filled(indices);
        let mut command = Command::new("sh");
        command.args(["-c", &line]).stdin(Stdio::null()).current_dir(&self.submission.cwd);
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let failed = |source| ClusterError::Submit { command: line.clone(), source };
        listener(Notice::Handed { runs: indices.len() });
        let mut child = command.spawn().map_err(failed)?;
        let mut ended = None;
        let status = loop {
            if let Some(status) = child.try_wait().map_err(failed)? {
                let since: Instant = *ended.get_or_insert_with(Instant::now);
                // `xargs` dies at once of what makes its runs write checkpoints.
                let lingers = self.is_stopping() && is_group_alive(&child);
                if !lingers || since.elapsed() > LINGER {
                    break status;
                }
            }
            match signals.recv_timeout(LOOK) {
                Ok(signal) => {
                    let again = self.is_stopping();
                    listener(if again { Notice::Killing } else { Notice::Stopping(signal) });
                    stop(&mut child, Exit::of_signal(signal), self.stops);
                    self.stops += 1;
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
            }
        };
        self.begun(indices, status)
    }

    /// Returns the runs that have left a note.
    fn begun(&mut self, indices: &[usize], status: ExitStatus) -> Result<Vec<usize>, MatrixError> {
        let notes = Note::all(&self.folder.notes());
        let begun: Vec<usize> =
            indices.iter().copied().filter(|index| notes.contains(index)).collect();
        self.has_begun |= !begun.is_empty();
        match begun.is_empty() {
            false => Ok(begun),
            true if self.has_begun || self.is_stopping() => Ok(indices.to_vec()),
            true => Err(ClusterError::NothingBegan {
                submit: self.submit.to_owned(),
                ending: process::ending(status),
            }
            .into()),
        }
    }

    /// Returns the path of the file with the indices of the runs that are left.
    fn list(&self) -> PathBuf {
        self.folder.path.join("left.txt")
    }

    /// Fills the places of the command in.
    pub(super) fn filled(&self, indices: &[usize]) -> String {
        let list = self.list();
        let command = format!("{} --index", self.submission.run_command(self.folder));
        let indices: Indices = indices.iter().copied().collect();
        [
            ("{list}", super::array::quoted(&list.display().to_string())),
            ("{indices}", indices.to_string()),
            ("{runs}", indices.as_slice().last().map_or(0, |last| last + 1).to_string()),
            ("{command}", command),
        ]
        .iter()
        .fold(self.submit.to_owned(), |line, (place, text)| line.replace(place, text))
    }
}

/// Passes a signal on to the command and all that it started, after as many as `before`; the third one kills them.
#[cfg(unix)]
fn stop(child: &mut Child, exit: Exit, before: u32) {
    use rustix::process::{Pid, Signal, kill_process_group};

    let signal = match exit {
        _ if before > 1 => Signal::KILL,
        Exit::Interrupted => Signal::INT,
        _ => Signal::TERM,
    };
    if let Some(id) = Pid::from_raw(child.id().cast_signed()) {
        // It may have ended meanwhile.
        let _ = kill_process_group(id, signal);
    }
}

/// Whether a process is left of those that the command started.
#[cfg(unix)]
fn is_group_alive(child: &Child) -> bool {
    use rustix::process::{Pid, test_kill_process_group};

    let id = Pid::from_raw(child.id().cast_signed());
    id.is_some_and(|id| test_kill_process_group(id).is_ok())
}

#[cfg(not(unix))]
fn is_group_alive(_: &Child) -> bool {
    false
}

#[cfg(not(unix))]
fn stop(child: &mut Child, _: Exit, _: u32) {
    let _ = child.kill();
}
