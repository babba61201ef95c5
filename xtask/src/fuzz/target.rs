//! The kinds of input, and how each makes a case.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::ValueEnum;
use rand::RngExt;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

use super::case::{Calls, Case};
use super::mutate;
use super::seeds::{self, Files, Run};

/// A kind of input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Target {
    /// TOML files: methods, suites, claims, the config of a run
    Config,
    /// `--set` and other command-line arguments
    Set,
    /// The input of `pmoe env trace`
    Trace,
    /// Files of a checkpoint, with correct checksums
    Checkpoint,
    /// Events and manifest of a run
    Events,
    /// Model files
    Mjcf,
    /// Settings and model files of custom tasks
    CustomTask,
    /// numbers.json, plan.json and analyses
    Results,
    /// Packed events of an archived run
    Archive,
    /// Arguments of `pmoe lab`
    Lab,
}

impl Target {
    /// Whether cases start from the folder of a small run.
    pub fn needs_runs(self) -> bool {
        matches!(self, Self::Config | Self::Checkpoint | Self::Events)
    }
}

/// Creates the cases of a target.
pub struct Maker<'a> {
    target: Target,
    /// Committed files that cases start from.
    files: Files,
    runs: &'a [Run],
}

const TASKS: [&str; 6] = [
    "Hopper-v4",
    "Ant-v2",
    "Ant-v5",
    "HumanoidStandup-v2",
    "TargetReaching-v0",
    "TargetReachingFixed-v0",
];

impl<'a> Maker<'a> {
    pub fn new(target: Target, root: &Path, pmoe: &Path, runs: &'a [Run]) -> Result<Self> {
        let files = match target {
            Target::Config | Target::Set => seeds::committed(root, "configs")?,
            Target::Mjcf => seeds::models()?,
            Target::CustomTask => seeds::custom_tasks(root)?,
            Target::Results => seeds::results(root, pmoe)?,
            Target::Archive => seeds::committed(root, seeds::ARCHIVED)?,
            Target::Trace | Target::Checkpoint | Target::Events | Target::Lab => Files::new(),
        };
        Ok(Self { target, files, runs })
    }

    /// Creates the case determined by the generator's state.
    pub fn case(&self, rng: &mut ChaCha8Rng) -> Case {
        match self.target {
            Target::Config => self.config(rng),
            Target::Set => self.set(rng),
            Target::Trace => trace(rng),
            Target::Checkpoint => self.checkpoint(rng),
            Target::Events => self.events(rng),
            Target::Mjcf => self.mjcf(rng),
            Target::CustomTask => self.custom_task(rng),
            Target::Results => self.results(rng),
            Target::Archive => self.archive(rng),
            Target::Lab => lab(rng),
        }
    }

    fn config(&self, rng: &mut ChaCha8Rng) -> Case {
        if rng.random_ratio(1, 4) {
            let mut case = self.run(rng);
            let config = Path::new("run/config.toml");
            case.files.insert(config.to_owned(), toml(&case.files[config], rng));
            case.calls.arguments.insert(0, words(&["config", "check", "run/config.toml"]));
            return case;
        }
        let (path, bytes) = choose(&self.files, rng);
        let file = path.file_name().map(PathBuf::from).unwrap_or_default();
        let name = file.display().to_string();
        let mut arguments = vec![words(&["config", "check", &name])];
        if path.starts_with("methods") {
            let task = mutate::pick(&TASKS, rng);
            arguments.push(words(&["config", "show", "--method", &name, "--task", task]));
        }
        let files = [(file, toml(bytes, rng))].into();
        Case { files, calls: Calls { arguments, ..Calls::default() } }
    }

    fn set(&self, rng: &mut ChaCha8Rng) -> Case {
        let methods: Vec<_> =
            self.files.keys().filter(|path| path.starts_with("methods")).collect();
        let method = methods.choose(rng).and_then(|path| path.file_stem()).unwrap_or_default();
        let (method, task) = (method.to_string_lossy(), mutate::pick(&TASKS, rng));
        let mut arguments = words(&["config", "show", "--method", &method, "--task", task]);
        for _ in 0..rng.random_range(1..4) {
            arguments.push("--set".to_owned());
            arguments.push(self.setting(rng));
        }
        if rng.random_ratio(1, 3) {
            let option =
                mutate::pick(&["--seed", "--steps", "--task", "--method", "--device"], rng);
            arguments.push(format!("{option}={}", mutate::value(rng)));
        }
        // The system accepts no zero bytes and limits the length of arguments.
        let typed = |word: String| word.chars().filter(|c| *c != '\0').take(30_000).collect();
        let arguments = arguments.into_iter().map(typed).collect();
        Case { calls: Calls { arguments: vec![arguments], ..Calls::default() }, ..Case::default() }
    }

    /// Returns a key of some method with a value, either of them slightly wrong.
    fn setting(&self, rng: &mut ChaCha8Rng) -> String {
        let (_, bytes) = choose(&self.files, rng);
        let text = String::from_utf8_lossy(bytes).into_owned();
        let keys: Vec<&str> = text.lines().filter(|line| line.contains('=')).collect();
        let line = keys.choose(rng).copied().unwrap_or("gamma = 1");
        let (key, value) = line.split_once('=').unwrap_or((line, ""));
        let value = value.split('#').next().unwrap_or_default().trim();
        let prefix = mutate::pick(&["", "", "schedule.", "env.", "actor.", "algo.sac."], rng);
        let value = if rng.random() { mutate::value(rng) } else { value };
        let setting = format!("{prefix}{}={value}", key.trim());
        if rng.random_ratio(2, 3) {
            return setting;
        }
        String::from_utf8_lossy(&mutate::text(&setting, rng)).into_owned()
    }

    fn checkpoint(&self, rng: &mut ChaCha8Rng) -> Case {
        let mut case = self.run(rng);
        for _ in 0..rng.random_range(1..3) {
            let parts: Vec<PathBuf> = case
                .files
                .keys()
                .filter(|path| path.starts_with("run/checkpoint"))
                .cloned()
                .collect();
            let Some(part) = parts.choose(rng) else { break };
            let bytes = case.files[part].clone();
            let bytes = match part.extension().and_then(|extension| extension.to_str()) {
                // Another part of the same kind, from this run or another.
                Some("bpk") if rng.random_ratio(1, 5) => self.other_part(rng).unwrap_or(bytes),
                Some("json") => mutate::json(&bytes, rng),
                _ => {
                    let mut bytes = bytes;
                    mutate::bytes(&mut bytes, rng);
                    bytes
                }
            };
            if rng.random_ratio(1, 30) {
                case.files.remove(part);
            } else {
                case.files.insert(part.clone(), bytes);
            }
        }
        seeds::correct_checksums(&mut case.files);
        case
    }

    fn other_part(&self, rng: &mut ChaCha8Rng) -> Option<Vec<u8>> {
        let files = &self.runs.choose(rng)?.files;
        let is_part = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "bpk");
        let parts: Vec<_> = files.iter().filter(|(path, _)| is_part(path)).collect();
        parts.choose(rng).map(|(_, bytes)| (*bytes).clone())
    }

    fn events(&self, rng: &mut ChaCha8Rng) -> Case {
        let mut case = self.run(rng);
        let part =
            mutate::pick(&["run/events.jsonl", "run/events.jsonl", "run/manifest.json"], rng);
        let part = Path::new(part);
        let bytes = &case.files[part];
        let changed = match part.extension().is_some_and(|extension| extension == "jsonl") {
            true => lines(bytes, rng),
            false => mutate::json(bytes, rng),
        };
        case.files.insert(part.to_owned(), changed);
        seeds::correct_checksums(&mut case.files);
        let each = [
            &["watch", ".", "--json"][..],
            &["report", "."],
            &["verify", "."],
            &["regress", ".", "."],
        ];
        for arguments in each {
            case.calls.arguments.push(words(arguments));
        }
        case
    }

    /// Creates a case that evaluates and continues a run.
    fn run(&self, rng: &mut ChaCha8Rng) -> Case {
        let Some(run) = self.runs.choose(rng) else {
            return Case::default();
        };
        let evaluate = words(&["evaluate", "run", "--episodes=1"]);
        let arguments = vec![evaluate, run.train.clone()];
        Case { files: run.files.clone(), calls: Calls { arguments, ..Calls::default() } }
    }

    fn mjcf(&self, rng: &mut ChaCha8Rng) -> Case {
        let tasks =
            [("hopper.xml", "Hopper-v4"), ("ant.xml", "Ant-v5"), ("humanoid.xml", "Humanoid-v2")];
        let (file, task) = *tasks.choose(rng).unwrap_or(&tasks[0]);
        let mut case = Case::default();
        for (path, bytes) in &self.files {
            let bytes = match path.as_path() == Path::new(file) {
                true => mutate::model(&String::from_utf8_lossy(bytes), rng),
                false => bytes.clone(),
            };
            case.files.insert(Path::new("models").join(path), bytes);
        }
        case.calls.environment.insert("PMOE_MODEL_DIR".to_owned(), "models".to_owned());
        case.calls.arguments.push(words(&["env", "bench", "--seconds=0.01", "--task", task]));
        case
    }

    /// Creates a custom task with changed settings, a changed model, or both.
    fn custom_task(&self, rng: &mut ChaCha8Rng) -> Case {
        let name = mutate::pick(&["cart_pole", "hopper"], rng);
        let [settings, model] = ["toml", "xml"].map(|kind| PathBuf::from(format!("{name}.{kind}")));
        let mut files = self.files.clone();
        let is_model_changed = rng.random_ratio(1, 3);
        if is_model_changed {
            let changed = mutate::model(&String::from_utf8_lossy(&self.files[&model]), rng);
            files.insert(model.clone(), changed);
        }
        if !is_model_changed || rng.random() {
            files.insert(settings.clone(), toml(&self.files[&settings], rng));
        }
        let (settings, task) =
            (settings.display().to_string(), format!("mjcf:{}", model.display()));
        let arguments = vec![
            words(&["config", "check", &settings]),
            words(&["env", "bench", "--seconds=0.01", "--task", &task]),
        ];
        Case { files, calls: Calls { arguments, ..Calls::default() } }
    }

    fn results(&self, rng: &mut ChaCha8Rng) -> Case {
        let mut files = self.files.clone();
        let is_read = |path: &&PathBuf| {
            let name = path.file_name().unwrap_or_default();
            name == "numbers.json"
                || name == "plan.json"
                || path.parent().is_some_and(|dir| dir.ends_with("analysis"))
        };
        let read: Vec<PathBuf> = files.keys().filter(is_read).cloned().collect();
        if let Some(path) = read.choose(rng) {
            files.insert(path.clone(), mutate::json(&self.files[path], rng));
        }
        // A report takes five times as long as a verification.
        let last = if rng.random_ratio(1, 6) { "report" } else { "verify" };
        let arguments = vec![words(&["watch", "results", "--json"]), words(&[last, "results"])];
        Case { files, calls: Calls { arguments, ..Calls::default() } }
    }

    /// Changes an archived run's packed events, as bytes or as the text that is compressed in them.
    fn archive(&self, rng: &mut ChaCha8Rng) -> Case {
        let mut files = Files::new();
        for (path, bytes) in &self.files {
            let mut bytes = bytes.clone();
            if path.extension().is_some_and(|extension| extension == "xz") {
                match seeds::unpacked(&bytes).filter(|_| rng.random_ratio(3, 4)) {
                    Some(text) => bytes = seeds::compressed(&mutate::text(&text, rng)),
                    None => mutate::bytes(&mut bytes, rng),
                }
            }
            files.insert(Path::new("runs/run").join(path), bytes);
        }
        let each = [&["watch", "runs", "--json"][..], &["verify", "runs"], &["report", "runs"]];
        let arguments = vec![words(each.choose(rng).unwrap_or(&each[0]))];
        Case { files, calls: Calls { arguments, ..Calls::default() } }
    }
}

/// Creates a small experiment with one argument that may be wrong; no value of it makes the experiment long.
fn lab(rng: &mut ChaCha8Rng) -> Case {
    const BEST: &[&str] = &["best-of-k", "--samples=16", "--seeds=1"];
    const PEAKS: &[&str] = &["two-peaks", "--updates=1", "--seeds=1", "--batch-size=2"];
    let experiments: [(&[&str], &[&str], &str); 6] = [
        (BEST, &["--draws=2"], "--dims"),
        (BEST, &["--dims=1"], "--draws"),
        (&["stability", "--samples=1000"], &[], "--alpha"),
        (PEAKS, &["--only=pmoe-sac"], "--alpha"),
        (PEAKS, &["--only=sac"], "--jobs"),
        (PEAKS, &[], "--only"),
    ];
    let (experiment, more, option) = experiments.choose(rng).unwrap_or(&experiments[0]);
    let value = match rng.random_ratio(1, 3) {
        true => mutate::pick(&["1", "0.5", "2,3", "sac"], rng),
        false => mutate::value(rng),
    };
    // The system accepts no zero bytes and limits the length of arguments.
    let value: String = value.chars().filter(|c| *c != '\0').take(30_000).collect();
    let mut arguments = words(&["lab"]);
    arguments.extend(words(experiment).into_iter().chain(words(more)));
    arguments.push(format!("{option}={value}"));
    Case { calls: Calls { arguments: vec![arguments], ..Calls::default() }, ..Case::default() }
}

/// Creates a state and actions of a task, as a user may write them.
fn trace(rng: &mut ChaCha8Rng) -> Case {
    let tasks = [
        ("Hopper-v4", 6, 6, 3),
        ("HalfCheetah-v2", 9, 9, 6),
        ("Ant-v5", 15, 14, 8),
        ("TargetReaching-v0", 2, 2, 2),
    ];
    let (task, positions, velocities, motors) = *tasks.choose(rng).unwrap_or(&tasks[0]);
    let mut numbers =
        |count: usize| -> Vec<f64> { (0..count).map(|_| rng.random_range(-1.0..1.0)).collect() };
    let input = serde_json::json!({
        "task": task, "qpos": numbers(positions), "qvel": numbers(velocities),
        "actions": [numbers(motors), numbers(motors), numbers(motors)],
    });
    let files =
        [(PathBuf::from("in.json"), mutate::json(input.to_string().as_bytes(), rng))].into();
    let arguments = vec![words(&["env", "trace", "--input", "in.json", "--output", "out.json"])];
    Case { files, calls: Calls { arguments, ..Calls::default() } }
}

/// Changes a TOML file as a tree or as text.
fn toml(bytes: &[u8], rng: &mut ChaCha8Rng) -> Vec<u8> {
    let text = String::from_utf8_lossy(bytes);
    if rng.random()
        && let Ok(mut value) = ::toml::from_str::<Value>(&text)
    {
        mutate::tree(&mut value, rng);
        // TOML can't represent everything in JSON.
        if let Ok(text) = ::toml::to_string(&value) {
            return text.into_bytes();
        }
    }
    mutate::text(&text, rng)
}

/// Changes one of several lines of JSON, or all of them as text.
fn lines(bytes: &[u8], rng: &mut ChaCha8Rng) -> Vec<u8> {
    let mut lines: Vec<Vec<u8>> =
        bytes.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    if rng.random_ratio(1, 3) || lines.is_empty() {
        return mutate::text(&String::from_utf8_lossy(bytes), rng);
    }
    let at = rng.random_range(0..lines.len());
    lines[at] = [mutate::json(lines[at].trim_ascii_end(), rng), b"\n".to_vec()].concat();
    lines.concat()
}

fn choose<'a>(files: &'a Files, rng: &mut ChaCha8Rng) -> (&'a Path, &'a [u8]) {
    let files: Vec<_> = files.iter().collect();
    files
        .choose(rng)
        .map_or((Path::new(""), &[]), |(path, bytes)| (path.as_path(), bytes.as_slice()))
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}
