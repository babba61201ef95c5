//! Child processes that are stopped together.

use std::collections::BTreeMap;
use std::io;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use pmoe_results::Exit;

/// Programs that several threads start and one signal stops.
///
/// On Unix, each is in its own process group, so that it gets every signal once and only from here, whether
/// the user pressed Ctrl-C or a scheduler signalled only this process.
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
    /// Starts a program and returns its id and stdout; `None` once stopping has begun.
    pub(crate) fn start(&self, command: &mut Command) -> io::Result<Option<(u32, ChildStdout)>> {
        let mut state = self.lock();
        if state.stopping {
            return Ok(None);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(command, 0);
        let mut child = command.spawn()?;
        let stdout = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let id = child.id();
        state.running.insert(id, child);
        Ok(Some((id, stdout)))
    }

    /// Waits for a program that [`Self::start`] started.
    pub(crate) fn wait(&self, id: u32) -> io::Result<ExitStatus> {
        loop {
            // Not `Child::wait`, because the lock must be free for signals meanwhile.
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

    /// Asks all programs to end as `exit` says and prevents new ones from starting; later calls
    /// kill.
    pub(crate) fn stop(&self, exit: Exit) {
        let mut state = self.lock();
        let kill = std::mem::replace(&mut state.stopping, true);
        for child in state.running.values_mut() {
            // A process that has already ended needs no signal.
            let _ = if kill { child.kill() } else { ask_to_end(child, exit) };
        }
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.lock().stopping
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sends the signal that leads to `exit`.
#[cfg(unix)]
fn ask_to_end(child: &Child, exit: Exit) -> io::Result<()> {
    use rustix::process::{Pid, Signal, kill_process};

    let signal = if exit == Exit::Interrupted { Signal::INT } else { Signal::TERM };
    // No other code waits for this process, so the id is still its own.
    let id = Pid::from_raw(child.id().cast_signed()).ok_or(io::ErrorKind::NotFound)?;
    Ok(kill_process(id, signal)?)
}

/// The console has sent Ctrl-C to every program in it, and there is no other signal to send.
#[cfg(not(unix))]
fn ask_to_end(_: &Child, _: Exit) -> io::Result<()> {
    Ok(())
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
        // One program obeys the signal and one does not; both write a line when they are ready for
        // it. TERM, because a shell can't trap an INT that was ignored when it started, as it is
        // for background jobs.
        let polite = "trap 'exit 130' TERM; echo; while :; do sleep 0.01; done";
        let stubborn = "trap '' TERM; echo; while :; do sleep 0.01; done";
        let mut ids = Vec::new();
        for script in [polite, stubborn] {
            let (id, mut stdout) = children.start(&mut shell(script)).unwrap().unwrap();
            stdout.read_exact(&mut [0]).unwrap();
            ids.push((id, stdout));
        }
        children.stop(Exit::Continue);
        assert_eq!(children.wait(ids[0].0).unwrap().code(), Some(130));
        assert!(children.start(&mut shell("true")).unwrap().is_none());
        children.stop(Exit::Continue);
        assert_eq!(children.wait(ids[1].0).unwrap().signal(), Some(9));
    }
}
