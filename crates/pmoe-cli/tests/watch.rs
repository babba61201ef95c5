//! `pmoe watch` in a pseudo-terminal, as over ssh: it shows the runs, quits on request or when the
//! terminal closes, and leaves terminal and files unchanged.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
#![cfg(target_os = "linux")]

mod common;

use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use common::{snapshot, succeed, train};

/// The first and last output of a full-screen program.
const ENTER: &str = "\u{1b}[?1049h";
const LEAVE: &str = "\u{1b}[?1049l";
const SHOW_CURSOR: &str = "\u{1b}[?25h";

/// Runs `watch` and prints whether it restored the terminal's settings.
const WATCH_AND_COMPARE: &str = r#"
stty rows 40 cols 120
before=$(stty -g)
"$PMOE" watch "$RESULTS"
code=$?
[ "$(stty -g)" = "$before" ] && echo "settings as before"
exit $code"#;

/// Prints its process id, then runs `watch`.
const WATCH: &str = r#"
stty rows 40 cols 120
echo "process $$ "
exec "$PMOE" watch "$RESULTS""#;

/// A pseudo-terminal created by util-linux's `script`, and everything written to it.
struct Terminal {
    script: Child,
    screen: Arc<Mutex<Vec<u8>>>,
}

impl Terminal {
    fn start(commands: &str, results: &Path) -> Self {
        let mut script = Command::new("script");
        script.args(["--quiet", "--return", "--command", commands, "/dev/null"]);
        script.env("SHELL", "/bin/sh").env("TERM", "xterm-256color");
        script.env("PMOE", env!("CARGO_BIN_EXE_pmoe")).env("RESULTS", results);
        let mut script = script.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let screen = Arc::new(Mutex::new(Vec::new()));
        let (mut output, written) = (script.stdout.take().unwrap(), screen.clone());
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(read @ 1..) = output.read(&mut bytes) {
                written.lock().unwrap().extend_from_slice(&bytes[..read]);
            }
        });
        Self { script, screen }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.screen.lock().unwrap()).into_owned()
    }

    #[track_caller]
    fn wait_for(&self, words: &str) {
        wait_until(|| self.text().contains(words), || format!("no `{words}` in: {}", self.text()));
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Don't leave the process running if a test fails; otherwise it has already ended.
        let _ = self.script.kill();
    }
}

/// Polls until `is_so` is true; fails after a time that suffices for very slow machines.
#[track_caller]
fn wait_until(mut is_so: impl FnMut() -> bool, failure: impl Fn() -> String) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(120), "{}", failure());
        thread::sleep(Duration::from_millis(10));
    }
}

/// Creates results of one run.
fn results() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    succeed(&mut train("sac", 300, &dir.path().join("suite/sac/Hopper-v4/seed_3")));
    dir
}

#[test]
fn it_shows_the_runs_and_leaves_everything_as_it_was() {
    let results = results();
    let before = snapshot(results.path());
    let mut terminal = Terminal::start(WATCH_AND_COMPARE, results.path());
    terminal.wait_for("Hopper-v4");
    assert!(terminal.text().contains(ENTER));
    terminal.script.stdin.as_mut().unwrap().write_all(b"q").unwrap();
    terminal.wait_for("settings as before");
    let text = terminal.text();
    let (_, after) = text.split_once(LEAVE).unwrap();
    assert!(after.contains(SHOW_CURSOR), "{after:?}");
    assert_eq!(terminal.script.wait().unwrap().code(), Some(0));
    assert_eq!(snapshot(results.path()), before, "something was written");
}

#[test]
fn a_killed_run_is_shown_as_killed_at_the_next_look() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("suite/sac/Hopper-v4/seed_3");
    let mut command = train("sac", 1_000_000, &path);
    let mut run = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let once = || {
        succeed(Command::new(env!("CARGO_BIN_EXE_pmoe")).args(["watch", "--once"]).arg(dir.path()))
    };
    wait_until(|| once().contains("1 running"), || format!("it does not run: {}", once()));
    let terminal = Terminal::start(WATCH, dir.path());
    terminal.wait_for("running");
    assert!(!terminal.text().contains("killed"));
    run.kill().unwrap();
    run.wait().unwrap();
    assert!(once().contains("1 killed"), "{}", once());
    terminal.wait_for("killed");
    // Being looked at keeps nobody from going on.
    let mut run = train("sac", 1_000_000, &path);
    let mut run = run.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_until(|| once().contains("1 running"), || format!("it does not run: {}", once()));
    run.kill().unwrap();
    run.wait().unwrap();
}

#[test]
fn it_ends_when_the_terminal_goes_away() {
    let results = results();
    let mut terminal = Terminal::start(WATCH, results.path());
    terminal.wait_for("Hopper-v4");
    let text = terminal.text();
    let (_, id) = text.split_once("process ").unwrap();
    let stat = format!("/proc/{}/stat", id.split_once(' ').unwrap().0);
    let is_over = || match fs::read_to_string(&stat) {
        // A zombie has ended too; there may be no parent to wait for it.
        Ok(stat) => stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('Z')),
        Err(_) => true,
    };
    assert!(!is_over());
    terminal.script.kill().unwrap();
    terminal.script.wait().unwrap();
    wait_until(is_over, || format!("{stat} is still there"));
}
