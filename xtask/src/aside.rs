//! Runs a command beside others and shows its output afterwards.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use pmoe_matrix::process;

/// A command that runs. Dropped, it is killed, with its process group if it leads one.
pub struct Aside {
    child: Child,
    log: File,
    /// How the error calls it.
    line: String,
}

impl Aside {
    /// Starts `command` with its output, stderr included, in the file `log`.
    pub fn start(command: &mut Command, log: &Path) -> Result<Self> {
        let cannot_write = || format!("cannot write {}", log.display());
        let out = File::create(log).with_context(cannot_write)?;
        let err = out.try_clone().with_context(cannot_write)?;
        command.stdin(Stdio::null()).stdout(out).stderr(err);
        let line = process::line(command);
        let child = command.spawn().with_context(|| format!("cannot start `{line}`"))?;
        let log = File::open(log).with_context(|| format!("cannot read {}", log.display()))?;
        Ok(Self { child, log, line })
    }

    /// Shows the output so far and what comes until the command ends.
    pub fn follow(mut self) -> Result<ExitStatus> {
        loop {
            // First, so that nothing is written after the last copy.
            let ended = self.child.try_wait();
            let ended = ended.with_context(|| format!("cannot wait for `{}`", self.line))?;
            copy(&mut self.log)?;
            match ended {
                Some(status) => return Ok(status),
                None => thread::sleep(Duration::from_millis(200)),
            }
        }
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            kill(&mut self.child);
        }
    }
}

/// Writes what is new in `log` to stdout.
fn copy(log: &mut File) -> Result<()> {
    let mut text = Vec::new();
    log.read_to_end(&mut text).context("cannot read the output of a command")?;
    let mut out = io::stdout().lock();
    out.write_all(&text).and_then(|()| out.flush()).context("cannot write to stdout")
}

fn kill(child: &mut Child) {
    #[cfg(unix)]
    let _ = rustix::process::kill_process_group(
        rustix::process::Pid::from_child(child),
        rustix::process::Signal::TERM,
    );
    let _ = child.kill();
    let _ = child.wait();
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs;
    use std::os::unix::process::CommandExt;
    use std::time::Instant;

    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn the_end_and_all_output_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let aside =
            Aside::start(&mut shell("echo out; sleep 0.3; echo err >&2; exit 3"), &log).unwrap();
        assert_eq!(aside.follow().unwrap().code(), Some(3));
        assert_eq!(fs::read_to_string(&log).unwrap(), "out\nerr\n");
    }

    #[test]
    fn dropped_it_ends_with_its_group() {
        let folder = tempfile::tempdir().unwrap();
        let (log, id) = (folder.path().join("log"), folder.path().join("id"));
        let mut command =
            shell(&format!("sleep 100 & echo $! > {0}.new; mv {0}.new {0}; wait", id.display()));
        let aside = Aside::start(command.process_group(0), &log).unwrap();
        while !id.exists() {
            thread::sleep(Duration::from_millis(10));
        }
        drop(aside);
        let id = fs::read_to_string(id).unwrap();
        let state = format!("/proc/{}/stat", id.trim());
        let begun = Instant::now();
        // Gone, or waiting for whoever adopts it.
        while fs::read_to_string(&state).is_ok_and(|state| !state.contains(") Z")) {
            assert!(begun.elapsed() < Duration::from_secs(60), "{id} runs on");
            thread::sleep(Duration::from_millis(10));
        }
    }
}
