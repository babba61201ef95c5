//! `pmoe matrix --executor command`: whatever a command starts and waits for gives the results of a local matrix.
//!
//! GNU parallel is skipped where it is not installed, unless `PMOE_REQUIRE_PARALLEL` is set.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]
#![cfg(target_os = "linux")]

mod common;

use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use common::tiny::{self, results};
use common::{Finished, pmoe, run, signal};

const RUNS: usize = 8;

/// The recipe of docs/cluster-engines.md.
const XARGS: &str = "xargs -a {list} -P 2 -n 1 {command}";

/// A place for a matrix, in a folder whose name a shell would take apart.
struct Place {
    _folder: tempfile::TempDir,
    path: PathBuf,
}

impl Place {
    /// Creates it, with runs of `steps` environment steps.
    fn new(steps: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("it's here");
        fs::create_dir_all(path.join("suites")).unwrap();
        fs::write(path.join("suites/tiny.toml"), tiny::suite(4, steps)).unwrap();
        Self { _folder: folder, path }
    }

    /// The command for the results in `out`, with flags.
    fn matrix(&self, out: &str, flags: &[&str]) -> Command {
        let mut command = pmoe();
        command.args(["matrix", "--preset", "smoke", "--suites", "suites", "--out"]);
        command.arg(self.path.join(out)).args(flags).current_dir(&self.path).stdin(Stdio::null());
        command
    }

    /// The same with a command that makes the runs.
    fn by(&self, out: &str, submit: &str) -> Command {
        self.matrix(out, &["--executor", "command", "--submit", submit])
    }

    /// Makes the results of a local matrix, which are expected of any other.
    fn local(&self) -> Results {
        assert_done(&run(&mut self.matrix("local", &["--jobs", "2"])));
        let results = results(&self.path.join("local"));
        assert_eq!(results.len(), RUNS * 5);
        results
    }

    #[track_caller]
    fn assert_same(&self, out: &str, expected: &Results) {
        tiny::assert_same(&results(&self.path.join(out)), expected);
    }
}

type Results = Vec<(PathBuf, Vec<u8>)>;

#[track_caller]
fn assert_done(finished: &Finished) {
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    assert!(finished.stdout.contains("8 runs: 8 done"), "{}", finished.stdout);
}

/// How often the command was started.
fn calls(finished: &Finished) -> usize {
    finished.stderr.matches("handed to the command").count()
}

/// Ids of the processes that make runs in `out`: not the matrix, not its command.
fn workers(place: &Place, out: &str) -> Vec<String> {
    let listed = Command::new("ps").args(["-eo", "pid=,args="]).output().unwrap();
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    let folder = place.path.join(out).join("smoke").display().to_string();
    let works = |args: &str| {
        let verb = args.strip_prefix(env!("CARGO_BIN_EXE_pmoe")).map(str::trim_start);
        let works = |verb: &str| verb.starts_with("run ") || verb.starts_with("train ");
        verb.is_some_and(works) && args.contains(&folder)
    };
    let processes = listed.lines().filter_map(|line| line.trim_start().split_once(' '));
    processes.filter(|(_, args)| works(args.trim_start())).map(|(id, _)| id.to_owned()).collect()
}

fn wait_for(what: &str, matrix: &mut Child, mut is_true: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_true() {
        assert!(matrix.try_wait().unwrap().is_none(), "the matrix ended before {what}");
        assert!(start.elapsed() < Duration::from_secs(120), "no {what}");
        sleep(Duration::from_millis(20));
    }
}

#[test]
fn xargs_parallel_and_a_loop_give_the_local_bytes() {
    let place = Place::new(600);
    let expected = place.local();
    let in_a_loop = "while read -r index; do {command} \"$index\"; done < {list}";
    for (out, submit) in [("xargs", XARGS), ("loop", in_a_loop)] {
        let finished = run(&mut place.by(out, submit));
        assert_done(&finished);
        assert_eq!(calls(&finished), 1, "{}", finished.stderr);
        place.assert_same(out, &expected);
        // The run folders have everything; the report is made.
        assert!(!place.path.join(out).join("smoke/jobs").exists());
        assert!(place.path.join(out).join("smoke/report/index.html").exists());
    }
    // What is done is handed to nobody.
    let again = run(&mut place.by("xargs", XARGS));
    assert_done(&again);
    assert_eq!(calls(&again), 0, "{}", again.stderr);

    if Command::new("parallel").arg("--version").output().is_err() {
        assert!(env::var_os("PMOE_REQUIRE_PARALLEL").is_none(), "GNU parallel is not installed");
        return;
    }
    let submit = "parallel -q -j 2 -a {list} {command}";
    let finished = run(&mut place.by("parallel", submit));
    assert_done(&finished);
    assert_eq!(calls(&finished), 1, "{}", finished.stderr);
    place.assert_same("parallel", &expected);
}

#[test]
fn a_command_that_starts_nothing_is_named() {
    let place = Place::new(600);
    let endings = [
        ("true # {list} {command}", "(exit code 0)"),
        ("exit 7 # {list} {command}", "(exit code 7)"),
        ("no-such-program {list} {command}", "(exit code 127)"),
        ("kill -9 $$ # {runs} {command}", "(signal 9)"),
    ];
    for (submit, ending) in endings {
        // Many runs and one are given up after the first call.
        for flags in [&[][..], &["--only", "pmoe-sac", "--seeds", "0"]] {
            let finished = run(place.by("out", submit).args(flags));
            assert_eq!(finished.code, Some(2), "{}", finished.stderr);
            assert_eq!(calls(&finished), 1, "{}", finished.stderr);
            let errors: Vec<_> =
                finished.stderr.lines().filter(|line| line.starts_with("error: ")).collect();
            let [error] = errors[..] else { panic!("{}", finished.stderr) };
            for words in [submit, ending, "without having begun a run"] {
                assert!(error.contains(words), "no `{words}` in: {error}");
            }
        }
    }
    assert!(results(&place.path.join("out")).is_empty());
    assert_done(&run(&mut place.by("out", XARGS)));
}

#[test]
fn a_command_that_makes_a_part_is_called_until_all_are_done() {
    let place = Place::new(600);
    let expected = place.local();
    let finished = run(&mut place.by("one", "head -n 1 {list} | xargs -n 1 {command}; exit 1"));
    assert_done(&finished);
    assert_eq!(calls(&finished), RUNS, "{}", finished.stderr);
    place.assert_same("one", &expected);

    // It stops starting runs after a while: they fail, and what is done stays.
    let broken = "[ -e stopped ] || { touch stopped; head -n 3 {list} | xargs -n 1 {command}; }";
    let finished = run(&mut place.by("broken", broken));
    assert_eq!(finished.code, Some(1), "{}", finished.stderr);
    assert!(finished.stdout.contains("8 runs: 3 done"), "{}", finished.stdout);
    // As often as jobs may be lost.
    assert_eq!(calls(&finished), 11, "{}", finished.stderr);
    assert_done(&run(&mut place.by("broken", XARGS)));
    place.assert_same("broken", &expected);
}

#[test]
fn killed_runs_are_made_again() {
    let place = Place::new(3_000);
    let expected = place.local();
    // xargs gives up at a run that a signal has ended; the rest is for the next call.
    let mut matrix = place.by("killed", XARGS).stderr(Stdio::null()).spawn().unwrap();
    for _ in 0..4 {
        wait_for("a run", &mut matrix, || !workers(&place, "killed").is_empty());
        let mut kill = Command::new("kill");
        // Some may have ended meanwhile.
        run(kill.args(["-s", "KILL"]).args(workers(&place, "killed")));
    }
    assert_eq!(matrix.wait().unwrap().code(), Some(0));
    place.assert_same("killed", &expected);
}

#[test]
fn an_interrupted_matrix_stops_its_command_and_goes_on_later() {
    let place = Place::new(3_000);
    let expected = place.local();
    for name in ["INT", "TERM"] {
        let mut matrix = place.by(name, XARGS).stderr(Stdio::null()).spawn().unwrap();
        wait_for("a run", &mut matrix, || workers(&place, name).len() >= 2);
        // Another matrix leaves the runs to the first.
        let second = run(&mut place.by(name, XARGS));
        assert_eq!(second.code, Some(75), "{}", second.stderr);
        signal(&matrix, name);
        assert_eq!(matrix.wait().unwrap().code(), Some(130));
        assert_eq!(workers(&place, name), Vec::<String>::new(), "runs outlive the matrix");
        let finished = run(&mut place.by(name, XARGS));
        assert_done(&finished);
        assert_eq!(calls(&finished), 1, "{}", finished.stderr);
        place.assert_same(name, &expected);
    }
}
