//! Runs of a plan as whatever a command starts and waits for: HyperQueue, GNU parallel, another scheduler.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use pmoe_results::files::write_atomic;
use pmoe_results::{Exit, ResultsError};

use super::folder::{Folder, Submission};
use super::forget;
use super::indices::Indices;
use crate::error::{ClusterError, MatrixError};

/// Time between two looks at the command.
const LOOK: Duration = Duration::from_millis(50);

/// A command that ends when its jobs have ended.
pub(super) struct Blocking<'a> {
    folder: &'a Folder,
    submission: &'a Submission,
    submit: &'a str,
    /// Whether a signal has asked it to stop.
    is_stopping: bool,
}

impl<'a> Blocking<'a> {
    pub(super) fn new(folder: &'a Folder, submission: &'a Submission, submit: &'a str) -> Self {
        Self { folder, submission, submit, is_stopping: false }
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.is_stopping
    }

    /// Starts the command for some runs and waits for it; returns the runs that it was to make.
    ///
    /// A signal is passed on to the command; it may be followed by a second one, which kills it.
    pub(super) fn submit(
        &mut self,
        indices: &[usize],
        signals: &Receiver<i32>,
    ) -> Result<Vec<usize>, MatrixError> {
        if indices.is_empty() {
            return Ok(Vec::new());
        }
        forget(self.folder, indices)?;
        let logs = self.folder.logs(0);
        fs::create_dir_all(&logs).map_err(|error| ResultsError::create(&logs, error))?;
        let list = self.list();
        let lines: String = indices.iter().map(|index| format!("{index}\n")).collect();
        write_atomic(&list, lines.as_bytes()).map_err(|error| ResultsError::write(&list, error))?;
        let line = self.filled(indices);
        let mut command = Command::new("sh");
        command.args(["-c", &line]).stdin(Stdio::null());
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let failed = |source| ClusterError::Submit { command: line.clone(), source };
        let mut child = command.spawn().map_err(failed)?;
        while child.try_wait().map_err(failed)?.is_none() {
            match signals.recv_timeout(LOOK) {
                Ok(signal) => {
                    stop(&mut child, Exit::of_signal(signal), self.is_stopping);
                    self.is_stopping = true;
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
            }
        }
        Ok(indices.to_vec())
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

/// Passes a signal on to the command and all that it started; the second one kills them.
#[cfg(unix)]
fn stop(child: &mut Child, exit: Exit, again: bool) {
    use rustix::process::{Pid, Signal, kill_process_group};

    let signal = match exit {
        _ if again => Signal::KILL,
        Exit::Interrupted => Signal::INT,
        _ => Signal::TERM,
    };
    if let Some(id) = Pid::from_raw(child.id().cast_signed()) {
        // It may have ended meanwhile.
        let _ = kill_process_group(id, signal);
    }
}

#[cfg(not(unix))]
fn stop(child: &mut Child, _: Exit, _: bool) {
    let _ = child.kill();
}
