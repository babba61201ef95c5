//! The running programs, and stopping them together.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

/// Programs started by several threads that one signal stops.
///
/// Each is in a process group of its own, so that it gets a signal from here and from nowhere
/// else: once, whether the user pressed Ctrl-C or a scheduler signalled this process alone.
#[derive(Default)]
pub(crate) struct Children {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    running: BTreeMap<u32, Child>,
    stopping: bool,
}

impl Children {
    /// Starts a program and returns its id and what it writes; `None` once stopping has begun.
    pub(crate) fn start(&self, command: &mut Command) -> io::Result<Option<(u32, ChildStdout)>> {
        let mut state = self.lock();
        if state.stopping {
            return Ok(None);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).process_group(0);
        let mut child = command.spawn()?;
        let stdout = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let id = child.id();
        state.running.insert(id, child);
        Ok(Some((id, stdout)))
    }

    /// Waits for a program from [`Self::start`].
    pub(crate) fn wait(&self, id: u32) -> io::Result<ExitStatus> {
        loop {
            // Not `Child::wait`: the lock must be free meanwhile, for signals.
            let mut state = self.lock();
            let child = state.running.get_mut(&id).ok_or(io::ErrorKind::NotFound)?;
            if let Some(status) = child.try_wait()? {
                state.running.remove(&id);
                return Ok(status);
            }
            drop(state);
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Sends `signal` to all programs and lets no more start. From the second call on it kills.
    pub(crate) fn stop(&self, signal: Signal) {
        let mut state = self.lock();
        let signal = if state.stopping { Signal::KILL } else { signal };
        state.stopping = true;
        // Nobody else has waited for them, so the ids are still theirs.
        let ids = state.running.keys().filter_map(|&id| Pid::from_raw(id.cast_signed()));
        for id in ids {
            // It may have ended meanwhile; then there is nothing to stop.
            let _ = kill_process(id, signal);
        }
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.lock().stopping
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn a_program_runs_to_its_end() {
        let children = Children::default();
        let (id, mut stdout) = children.start(&mut shell("echo hello; exit 3")).unwrap().unwrap();
        let mut text = String::new();
        stdout.read_to_string(&mut text).unwrap();
        assert_eq!(text, "hello\n");
        assert_eq!(children.wait(id).unwrap().code(), Some(3));
        assert!(!children.is_stopping());
    }

    #[test]
    fn the_first_stop_asks_and_the_second_kills() {
        let children = Children::default();
        // One that obeys and one that does not; both say when they are ready for the signal. TERM, as a
        // shell can't trap an INT that was ignored when it began, which is so for jobs in the background.
        let polite = "trap 'exit 130' TERM; echo; while :; do sleep 0.01; done";
        let stubborn = "trap '' TERM; echo; while :; do sleep 0.01; done";
        let mut ids = Vec::new();
        for script in [polite, stubborn] {
            let (id, mut stdout) = children.start(&mut shell(script)).unwrap().unwrap();
            stdout.read_exact(&mut [0]).unwrap();
            ids.push((id, stdout));
        }
        children.stop(Signal::TERM);
        assert_eq!(children.wait(ids[0].0).unwrap().code(), Some(130));
        assert!(children.start(&mut shell("true")).unwrap().is_none());
        children.stop(Signal::TERM);
        assert_eq!(children.wait(ids[1].0).unwrap().signal(), Some(9));
    }
}
