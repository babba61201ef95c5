//! Interrupts runs of every method at random moments, and compares their final results with those
//! of uninterrupted runs.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use pmoe_matrix::process;
use pmoe_results::text::did_you_mean;
use pmoe_results::{Exit, Methods};
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rustix::process::{Pid, Signal, kill_process};

use crate::BadInput;

/// Interrupts runs of every method at random moments; each must end with the bytes of an
/// uninterrupted run
///
/// Runs are small. Their schedules are random, so that metrics, evaluations and checkpoints
/// coincide with the learner's updates or fall between them in every combination. A strike is
/// usually a SIGKILL, otherwise a signal that makes a run write a checkpoint.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask torture                                every method, for minutes
  cargo xtask torture --strikes 20 --only dac,pmoe-ppo --seed 7

Exit codes: 0 every run ended with the same bytes, 1 one did not; its folder is kept and printed.")]
pub struct Options {
    /// Fewest strikes of each method
    #[arg(long, default_value_t = 100, value_name = "N")]
    pub strikes: u32,
    /// Only these methods, named as in `configs/methods`
    #[arg(long, value_delimiter = ',', value_name = "NAME,..")]
    pub only: Vec<String>,
    /// Seed of schedules and moments
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub seed: u64,
    /// Methods at a time [default: the number of cores]
    #[arg(long, value_name = "N")]
    pub jobs: Option<NonZeroUsize>,
}

impl Default for Options {
    fn default() -> Self {
        Self { strikes: 100, only: Vec::new(), seed: 0, jobs: None }
    }
}

/// The signals to choose from; half of them are SIGKILL.
const STRIKES: [Signal; 8] = [
    Signal::KILL,
    Signal::KILL,
    Signal::KILL,
    Signal::KILL,
    Signal::KILL,
    Signal::TERM,
    Signal::INT,
    Signal::HUP,
];

/// Environment steps of a run, which takes a second or two.
const STEPS: u64 = 1_500;

/// Strikes the methods in `configs/methods` with the built program `pmoe`.
pub fn run(root: &Path, pmoe: &Path, options: &Options) -> Result<Exit> {
    let methods = Methods::load_all(&root.join("configs/methods"))?;
    let methods: Vec<(&str, Vec<&str>)> = methods.settings().collect();
    for name in &options.only {
        if !methods.iter().any(|(known, _)| known == name) {
            let known: Vec<_> = methods.iter().map(|(name, _)| *name).collect();
            let meant = did_you_mean(name, known.iter().copied());
            let known = known.join(", ");
            return Err(BadInput(format!(
                "--only: unknown method `{name}`: it must be one of {known}{meant}"
            ))
            .into());
        }
    }
    let is_asked =
        |name: &str| options.only.is_empty() || options.only.iter().any(|only| only == name);
    let asked = methods.into_iter().enumerate().filter(|(_, (name, _))| is_asked(name));
    let queue = Mutex::new(asked.collect::<Vec<_>>());
    let failures = Mutex::new(Vec::new());
    let jobs = options.jobs.or_else(|| thread::available_parallelism().ok());
    thread::scope(|scope| {
        for _ in 0..jobs.map_or(1, NonZeroUsize::get) {
            scope.spawn(|| {
                loop {
                    let next = queue.lock().unwrap_or_else(PoisonError::into_inner).pop();
                    let Some((index, (name, settings))) = next else {
                        break;
                    };
                    // Each method has a separate stream, so the order does not matter.
                    let mut rng = ChaCha8Rng::seed_from_u64(options.seed);
                    rng.set_stream(index as u64);
                    match torture(pmoe, name, &settings, options.strikes, &mut rng) {
                        Ok(summary) => say!("{name}: {summary}"),
                        Err(error) => {
                            say!("{name}: {error:#}");
                            let mut failures =
                                failures.lock().unwrap_or_else(PoisonError::into_inner);
                            failures.push(name);
                        }
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(if failures.is_empty() { Exit::Done } else { Exit::Failed })
}

/// Strikes runs of one method until there were enough strikes and the last run has finished.
/// Returns a summary.
fn torture(
    pmoe: &Path,
    method: &str,
    settings: &[&str],
    strikes: u32,
    rng: &mut ChaCha8Rng,
) -> Result<String> {
    let begun = Instant::now();
    let mut made: BTreeMap<&str, u32> = BTreeMap::new();
    let mut runs = 0;
    let count = |made: &BTreeMap<&str, u32>| made.values().sum::<u32>();
    while count(&made) < strikes {
        let dir = tempfile::tempdir().context("cannot create a folder for the runs")?;
        let run = SmallRun::draw(pmoe, method, settings, rng);
        let [whole, struck] = ["whole", "struck"].map(|name| dir.path().join(name));
        let left_alone = Instant::now();
        run.finish(&whole)?;
        let length = left_alone.elapsed();
        loop {
            let moment = length.mul_f64(rng.random_range(0.0..1.2));
            let signal = *STRIKES.choose(rng).context("there are strikes")?;
            let ended = run.strike(&struck, moment, signal)?;
            if ended.success() {
                break;
            }
            *made.entry(name_of(signal)).or_default() += 1;
            run.check_end(ended, signal)?;
            // Finish without further strikes: if no process got past its start, the run would never
            // end.
            if strikes <= count(&made) {
                run.finish(&struck)?;
                break;
            }
        }
        if let Some(difference) = difference(&whole, &struck)? {
            let kept = dir.keep();
            bail!("{difference}; the runs are in {}; `{}`", kept.display(), run.line());
        }
        runs += 1;
    }
    let mut text = format!("{runs} runs, the same bytes after {} strikes", count(&made));
    let kinds: Vec<_> = made.iter().map(|(name, number)| format!("{number} {name}")).collect();
    write!(text, " ({}), {:.0} s", kinds.join(", "), begun.elapsed().as_secs_f64())?;
    Ok(text)
}

fn name_of(signal: Signal) -> &'static str {
    match signal {
        Signal::KILL => "KILL",
        Signal::TERM => "TERM",
        Signal::INT => "INT",
        _ => "HUP",
    }
}

/// A small run of a method with a random schedule.
struct SmallRun<'a> {
    pmoe: &'a Path,
    arguments: Vec<String>,
}

impl<'a> SmallRun<'a> {
    fn draw(pmoe: &'a Path, method: &str, settings: &[&str], rng: &mut ChaCha8Rng) -> Self {
        let number = |rng: &mut ChaCha8Rng, low: u32, high: u32| rng.random_range(low..high);
        let mut set = vec![
            format!("schedule.eval_every={}", number(rng, 100, 900)),
            format!("schedule.eval_episodes={}", number(rng, 1, 3)),
            format!("schedule.log_every={}", number(rng, 1, 400)),
            format!("schedule.checkpoint_every={}", number(rng, 30, 400)),
        ];
        // Each method takes those settings that it supports.
        let small = [
            ("hidden", "[16,16]".to_owned()),
            ("batch_size", "8".to_owned()),
            ("gradient_steps", number(rng, 1, 3).to_string()),
            ("random_steps", "100".to_owned()),
            ("learning_starts", number(rng, 100, 600).to_string()),
            ("rollout_steps", number(rng, 60, 500).to_string()),
            ("minibatch_size", "30".to_owned()),
            ("epochs", "3".to_owned()),
        ];
        let small = small.into_iter().filter(|(key, _)| settings.contains(key));
        set.extend(small.map(|(key, value)| format!("{key}={value}")));
        if method.contains("mcp") {
            // MCP's default network is ten times as large, and as slow.
            set.push("actor.mcp.network=matched".to_owned());
        }
        let seed = number(rng, 0, 1000).to_string();
        let steps = STEPS.to_string();
        let start =
            ["train", "--method", method, "--task", "TargetReaching-v0", "--progress", "none"];
        let mut arguments = start.map(str::to_owned).to_vec();
        arguments.extend(["--seed".to_owned(), seed, "--steps".to_owned(), steps]);
        arguments.extend(set.into_iter().flat_map(|setting| ["--set".to_owned(), setting]));
        Self { pmoe, arguments }
    }

    fn start(&self, out: &Path) -> Result<Child> {
        let mut command = Command::new(self.pmoe);
        command.args(&self.arguments).arg("--out").arg(out).stdin(Stdio::null());
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().context("cannot start pmoe")
    }

    /// Runs the command to its end.
    fn finish(&self, out: &Path) -> Result<()> {
        let ended = self.start(out)?.wait()?;
        if !ended.success() {
            bail!("`{} --out DIR` failed ({})", self.line(), process::ending(ended));
        }
        Ok(())
    }

    /// Starts the run and sends `signal` after `moment`, unless it has ended by then.
    fn strike(&self, out: &Path, moment: Duration, signal: Signal) -> Result<ExitStatus> {
        let mut child = self.start(out)?;
        thread::sleep(moment);
        let id = Pid::from_raw(child.id().cast_signed()).context("a process has an id")?;
        // Nobody has waited for the process, so the id is still its own.
        let _ = kill_process(id, signal);
        Ok(child.wait()?)
    }

    /// Checks that a struck run was ended by the signal, or wrote a checkpoint and exited with the
    /// signal's code.
    fn check_end(&self, ended: ExitStatus, signal: Signal) -> Result<()> {
        use std::os::unix::process::ExitStatusExt;
        // By the signal itself if the run did not handle it yet, when it has nothing to lose.
        let is_by_signal = ended.signal() == Some(signal.as_raw());
        let answer = Exit::of_signal(signal.as_raw()).code();
        if is_by_signal || ended.code() == Some(answer.into()) {
            return Ok(());
        }
        let ending = process::ending(ended);
        bail!("{ending} after {}; `{}`", name_of(signal), self.line())
    }

    /// The command line, without the folder.
    fn line(&self) -> String {
        let mut command = Command::new("pmoe");
        command.args(&self.arguments);
        process::line(&command)
    }
}

/// Returns the first difference between two finished runs, in the events or any file of the
/// checkpoint.
fn difference(whole: &Path, struck: &Path) -> Result<Option<String>> {
    let [events, others] = [whole, struck].map(|run| fs::read(run.join("events.jsonl")));
    let (events, others) = (events?, others?);
    if events != others {
        let lines = events.split(|byte| *byte == b'\n').zip(others.split(|byte| *byte == b'\n'));
        let line = lines.take_while(|(one, other)| one == other).count() + 1;
        return Ok(Some(format!("events.jsonl differs at line {line}")));
    }
    let [whole, struck] = [files(&newest(whole)?)?, files(&newest(struck)?)?];
    let names = whole.keys().chain(struck.keys());
    let mut differing = names.filter(|name| whole.get(*name) != struck.get(*name));
    Ok(differing.next().map(|name| format!("the checkpoint's {name} differs")))
}

/// Returns the newest checkpoint of a finished run.
fn newest(run: &Path) -> Result<PathBuf> {
    let folder = run.join("checkpoint");
    let name = fs::read_to_string(folder.join("newest"))?;
    Ok(folder.join(name.trim_end()))
}

fn files(folder: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let entries = fs::read_dir(folder)?;
    let read = |entry: std::io::Result<fs::DirEntry>| -> Result<(String, Vec<u8>)> {
        let entry = entry?;
        Ok((entry.file_name().to_string_lossy().into_owned(), fs::read(entry.path())?))
    };
    entries.map(read).collect()
}
