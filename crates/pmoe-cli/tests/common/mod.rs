//! Helpers that run the program under test.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
#![allow(dead_code, unreachable_pub, missing_docs, reason = "every test binary uses its own part")]

pub mod tiny;

use std::collections::BTreeMap;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

/// Settings with which a run of SAC takes a second, including updates and evaluations.
pub const SMALL: &[&str] =
    &["hidden=[16,16]", "batch_size=8", "random_steps=100", "learning_starts=100"];

/// The same for PPO and DAC.
pub const SMALL_ROLLOUTS: &[&str] = &["rollout_steps=100", "minibatch_size=50", "epochs=2"];

/// The same for every method's schedule.
pub const SMALL_SCHEDULE: &[&str] = &[
    "schedule.eval_every=400",
    "schedule.eval_episodes=1",
    "schedule.log_every=200",
    "schedule.checkpoint_every=300",
];

pub fn pmoe() -> Command {
    Command::new(env!("CARGO_BIN_EXE_pmoe"))
}

/// A small run in `out`.
pub fn train(method: &str, steps: u64, out: &Path) -> Command {
    let mut command = pmoe();
    command.args(["train", "--task", "Hopper-v4", "--seed", "3", "--method", method]);
    command.args(["--steps", &steps.to_string(), "--progress", "json", "--out"]).arg(out);
    let small = if method.contains("ppo") || method == "dac" { SMALL_ROLLOUTS } else { SMALL };
    for setting in small.iter().chain(SMALL_SCHEDULE) {
        command.args(["--set", setting]);
    }
    command
}

pub struct Finished {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

pub fn run(command: &mut Command) -> Finished {
    let Output { status, stdout, stderr } = command.output().expect("the program starts");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    Finished { code: status.code(), stdout: text(stdout), stderr: text(stderr) }
}

#[track_caller]
pub fn succeed(command: &mut Command) -> String {
    let finished = run(command);
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    finished.stdout
}

/// Asserts the exit code, and that the message contains all `words`.
#[track_caller]
pub fn refuse(command: &mut Command, code: i32, words: &[&str]) {
    let finished = run(command);
    assert_eq!(finished.code, Some(code), "{}", finished.stderr);
    for word in words {
        assert!(finished.stderr.contains(word), "no `{word}` in: {}", finished.stderr);
    }
    assert!(!finished.stderr.contains("panicked"), "{}", finished.stderr);
}

/// Checksums of all files below `folder`, except for the record of the last lock holder.
pub fn snapshot(folder: &Path) -> BTreeMap<PathBuf, u64> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(snapshot(&path));
        } else if !path.ends_with("lock") {
            let mut hasher = DefaultHasher::new();
            fs::read(&path).unwrap().hash(&mut hasher);
            files.insert(path, hasher.finish());
        }
    }
    files
}

/// The checkpoints of a run folder, oldest first.
pub fn checkpoints(run: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(run.join("checkpoint")).unwrap();
    let mut found: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    found.retain(|path| path.file_name().unwrap().to_str().unwrap().starts_with("step-"));
    found.sort();
    found
}

/// The only checkpoint of a finished run.
pub fn checkpoint(run: &Path) -> PathBuf {
    let mut found = checkpoints(run);
    assert_eq!(found.len(), 1);
    found.remove(0)
}

pub fn events(run: &Path) -> String {
    fs::read_to_string(run.join("events.jsonl")).unwrap()
}

pub fn manifest(run: &Path) -> Value {
    serde_json::from_slice(&fs::read(run.join("manifest.json")).unwrap()).unwrap()
}

/// Returns the policy file of a finished run, `actor.bpk` for the SAC family and `net.bpk` for
/// others.
pub fn policy(run: &Path) -> Vec<u8> {
    let [actor, net] = ["actor.bpk", "net.bpk"].map(|name| checkpoint(run).join(name));
    fs::read(actor).or_else(|_| fs::read(net)).unwrap()
}

/// Starts a run and waits until it reports a step of at least `step`.
pub fn start_until(command: &mut Command, step: u64) -> Child {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let lines = lines.map(|line| -> Value { serde_json::from_str(&line.unwrap()).unwrap() });
    let number = |line: &Value, key: &str| line[key].as_u64().unwrap();
    let reached = lines.into_iter().find(|line| number(line, "env_step") >= step);
    let is_under_way = |line: &Value| number(line, "env_step") < number(line, "total_steps");
    assert!(reached.as_ref().is_some_and(is_under_way), "the run is still under way: {reached:?}");
    child
}

pub fn signal(child: &Child, name: &str) {
    let status = Command::new("kill").args(["-s", name, &child.id().to_string()]).status();
    assert!(status.unwrap().success());
}
