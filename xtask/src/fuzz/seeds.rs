//! Valid inputs to start from: committed files, and results of small runs.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use lzma_rust2::{XzOptions, XzReader, XzWriter};
use pmoe_matrix::process;
use pmoe_results::methods::Methods;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::case::read_files;

/// Files by their path.
pub type Files = BTreeMap<PathBuf, Vec<u8>>;

/// A run folder named `run`, and the command that creates or continues it.
pub struct Run {
    pub files: Files,
    pub train: Vec<String>,
}

/// Method and task of the runs. They cover every learner, every kind of actor and every part of a
/// checkpoint.
const RUNS: [(&str, &str); 7] = [
    ("sac", "Hopper-v4"),
    ("pmoe-sac-reinforce", "TargetReaching-v0"),
    ("mcp-sac", "TargetReaching-v0"),
    ("ppo", "Hopper-v4"),
    ("pmoe-ppo", "TargetReaching-v0"),
    ("dac", "TargetReaching-v0"),
    ("td3", "TargetReaching-v0"),
];

/// Settings that keep runs small. The checkpoint at step 100 lies within a rollout, and an
/// evaluation follows it, during which the unfinished runs are killed.
const SMALL: [&str; 5] = [
    "schedule.checkpoint_every=100",
    "schedule.eval_every=150",
    "schedule.eval_episodes=2",
    "schedule.log_every=50",
    "env.max_episode_steps=200",
];
/// Settings that keep a method small. Each method uses those it has.
const SMALL_METHOD: [(&str, &str); 8] = [
    ("hidden", "[4,4]"),
    ("batch_size", "4"),
    ("random_steps", "20"),
    ("learning_starts", "40"),
    ("buffer_size", "70"),
    ("rollout_steps", "60"),
    ("minibatch_size", "30"),
    ("epochs", "1"),
];

/// The published results from which a small folder is taken: one run with each kind of analysis.
const RESULTS: &str = "results/quick-seed-0";
const PUBLISHED: [&str; 4] = [
    "fig1-table2/pmoe-sac/Hopper-v2/seed_0",
    "fig3/pmoe-sac/TargetReachingFixed-v0/seed_0",
    "fig5/sac/TargetReaching-v0/seed_0",
    "fig8-fig9/pmoe-sac/HalfCheetah-v2/seed_0",
];

/// A published run whose events are packed.
pub const ARCHIVED: &str = "results/paper/fig2-table3/dac/Hopper-v2/seed_0";

/// Returns what is compressed in packed events.
pub fn unpacked(packed: &[u8]) -> Option<String> {
    let mut text = String::new();
    XzReader::new(packed, false).read_to_string(&mut text).ok()?;
    Some(text)
}

/// Compresses a text as packed events are.
pub fn compressed(text: &[u8]) -> Vec<u8> {
    let mut xz = XzWriter::new(Vec::new(), XzOptions::with_preset(0)).expect("the preset is known");
    xz.write_all(text).and_then(|()| xz.finish()).expect("memory can be written")
}

/// Returns a committed file or folder, as files by relative path.
pub fn committed(root: &Path, path: &str) -> Result<Files> {
    read_files(&root.join(path))
}

/// Returns the model files of the tasks.
pub fn models() -> Result<Files> {
    let folder = std::env::var_os("PMOE_MODEL_DIR").context("cargo sets PMOE_MODEL_DIR")?;
    read_files(Path::new(&folder))
}

/// Returns custom tasks: the example, and the documented one with a robot's model. Each is an
/// `.xml` and a `.toml` file with the same name.
pub fn custom_tasks(root: &Path) -> Result<Files> {
    let mut files = committed(root, "crates/pmoe-envs/examples")?;
    files.retain(|path, _| path.extension().is_some_and(|kind| kind == "xml" || kind == "toml"));
    let page = fs::read_to_string(root.join("docs/custom-tasks.md"))?;
    let settings = page.split_once("```toml\n").and_then(|(_, rest)| rest.split_once("```"));
    let (settings, _) = settings.context("docs/custom-tasks.md has no example")?;
    let model = models()?.remove(Path::new("hopper.xml")).context("there is no hopper.xml")?;
    files.insert("hopper.xml".into(), model);
    files.insert("hopper.toml".into(), settings.into());
    Ok(files)
}

/// Trains small runs, one stopped half-way and one finished per method and task.
pub fn runs(root: &Path, pmoe: &Path) -> Result<Vec<Run>> {
    let methods = Methods::load_all(&root.join("configs/methods"))?;
    let settings: BTreeMap<_, _> = methods.settings().collect();
    let folder = tempfile::tempdir()?;
    let mut runs = Vec::new();
    for (index, (method, task)) in RUNS.into_iter().enumerate() {
        for finished in [false, true] {
            let place = folder.path().join(format!("{index}-{finished}"));
            fs::create_dir(&place)?;
            let settings = settings.get(method).with_context(|| format!("no method `{method}`"))?;
            let train = train(method, task, settings);
            let mut command = Command::new(pmoe);
            command.args(&train).current_dir(&place).stderr(Stdio::null());
            if finished {
                process::run(&mut command)?;
            } else {
                stopped(&mut command, &place.join("run"))?;
            }
            let files = read_files(&place)?;
            // Otherwise every case would be rejected at the checksums, and nothing after them be
            // tested.
            let mut corrected = files.clone();
            correct_checksums(&mut corrected);
            let is_same = |path: &PathBuf| value(&files[path]) == value(&corrected[path]);
            ensure!(
                files.keys().all(is_same),
                "the fuzzer cannot correct the checksums of checkpoints"
            );
            runs.push(Run { files, train });
        }
    }
    Ok(runs)
}

fn train(method: &str, task: &str, settings: &[&str]) -> Vec<String> {
    let of_method = SMALL_METHOD.iter().filter(|(key, _)| settings.contains(key));
    let of_method = of_method.map(|(key, value)| format!("{key}={value}"));
    let set = SMALL.map(str::to_owned).into_iter().chain(of_method);
    let words = [
        "train",
        "--method",
        method,
        "--task",
        task,
        "--steps=200",
        "--progress=none",
        "--out=run",
    ];
    let words = words.into_iter().map(str::to_owned);
    words.chain(set.flat_map(|setting| ["--set".to_owned(), setting])).collect()
}

/// Kills a run at its first checkpoint, so that the folder holds only that one.
fn stopped(command: &mut Command, run: &Path) -> Result<()> {
    for _ in 0..100 {
        let mut child = command.spawn().context("cannot start pmoe")?;
        let checkpoint = run.join("checkpoint/step-000000000100");
        while !checkpoint.exists() && child.try_wait()?.is_none() {
            thread::sleep(Duration::from_micros(200));
        }
        // The process may have ended.
        let _ = child.kill();
        child.wait()?;
        // Not a later one, whose step would depend on the speed of the machine.
        if checkpoint.exists() && keep_alone(&checkpoint)? {
            return Ok(());
        }
        if run.exists() {
            fs::remove_dir_all(run)?;
        }
    }
    bail!("no run could be stopped at its first checkpoint");
}

/// Deletes all other checkpoints. Returns false if this one is not the newest.
fn keep_alone(checkpoint: &Path) -> Result<bool> {
    for entry in fs::read_dir(checkpoint.parent().unwrap_or(checkpoint))? {
        let path = entry?.path();
        if path.is_dir() && path > *checkpoint {
            return Ok(false);
        }
        if path.is_dir() && path < *checkpoint {
            fs::remove_dir_all(path)?;
        }
    }
    Ok(true)
}

/// Creates a small folder of results named `results`, with a report.
pub fn results(root: &Path, pmoe: &Path) -> Result<Files> {
    let folder = tempfile::tempdir()?;
    let results = folder.path().join("results");
    let source = root.join(RESULTS);
    for run in PUBLISHED {
        for (path, bytes) in read_files(&source.join(run))? {
            let path = results.join(run).join(path);
            fs::create_dir_all(path.parent().unwrap_or(&results))?;
            fs::write(path, bytes)?;
        }
    }
    let mut plan: Value = serde_json::from_slice(&fs::read(source.join("plan.json"))?)?;
    if let Some(runs) = plan["runs"].as_array_mut() {
        runs.retain(|run| PUBLISHED.iter().any(|dir| run["dir"] == *dir));
    }
    fs::write(results.join("plan.json"), plan.to_string())?;
    let mut report = Command::new(pmoe);
    report.args(["report", "results"]).current_dir(folder.path());
    process::run(report.stdout(Stdio::null()).stderr(Stdio::null()))?;
    read_files(folder.path())
}

/// The manifest of a checkpoint, as in `crates/pmoe-algos/src/checkpoint/manifest.rs`. The checksum
/// depends on the order of the fields.
#[derive(Serialize, Deserialize)]
struct Manifest {
    body: Body,
    blake3: String,
}

#[derive(Serialize, Deserialize)]
struct Body {
    schema: Value,
    run: Value,
    env_step: Value,
    scope: Value,
    files: BTreeMap<String, Value>,
}

/// Corrects the checksums in the manifests of checkpoints and runs, so that cases test the parsing
/// of contents, not the detection of changes. Invalid manifests stay as they are.
pub fn correct_checksums(files: &mut Files) {
    let hash = |bytes: &[u8]| blake3::hash(bytes).to_hex().to_string();
    let named = |files: &Files, name: &str| -> Vec<PathBuf> {
        files.keys().filter(|path| path.ends_with(name)).cloned().collect()
    };
    for path in named(files, "MANIFEST.json") {
        let Ok(mut manifest) = serde_json::from_slice::<Manifest>(&files[&path]) else { continue };
        for (name, checksum) in &mut manifest.body.files {
            if let Some(bytes) = files.get(&path.with_file_name(name)) {
                *checksum = hash(bytes).into();
            }
        }
        manifest.blake3 = hash(&json(&manifest.body));
        files.insert(path, json(&manifest));
    }
    for path in named(files, "manifest.json") {
        let Ok(mut manifest) = serde_json::from_slice::<Value>(&files[&path]) else { continue };
        let events = files.get(&path.with_file_name("events.jsonl"));
        if let (Some(events), Some(found)) = (events, manifest.get_mut("events_blake3"))
            && found.is_string()
        {
            *found = hash(events).into();
            files.insert(path, json(&manifest));
        }
    }
}

/// Returns the value of a JSON file, regardless of formatting.
fn value(bytes: &[u8]) -> Option<Value> {
    serde_json::from_slice(bytes).ok()
}

fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("plain data has a JSON form")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_become_right() {
        let files = [
            (
                "c/MANIFEST.json",
                r#"{"body": {"schema": 3, "run": "x", "env_step": 1, "scope": "policy",
                             "files": {"a.bin": "0", "gone.bin": "1"}}, "blake3": "2"}"#,
            ),
            ("c/a.bin", "A"),
            ("manifest.json", r#"{"events_blake3": "2"}"#),
            ("events.jsonl", "E"),
        ];
        let files = files.map(|(path, text)| (PathBuf::from(path), text.as_bytes().to_vec()));
        let mut files = Files::from(files);
        correct_checksums(&mut files);
        let read =
            |path: &str| -> Value { serde_json::from_slice(&files[Path::new(path)]).unwrap() };
        let hash = |text: &str| blake3::hash(text.as_bytes()).to_hex().to_string();
        let manifest = read("c/MANIFEST.json");
        assert_eq!(manifest["body"]["files"]["a.bin"], hash("A"));
        assert_eq!(manifest["body"]["files"]["gone.bin"], "1");
        let body = format!(
            r#"{{"schema":3,"run":"x","env_step":1,"scope":"policy","files":{{"a.bin":"{}","gone.bin":"1"}}}}"#,
            hash("A")
        );
        assert_eq!(manifest["blake3"], hash(&body));
        assert_eq!(read("manifest.json")["events_blake3"], hash("E"));
    }
}
