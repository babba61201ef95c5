//! Checks that the learners still learn, at the same cost, and which bits have changed.

mod bits;
mod changelog;
mod cost;
mod learning;
mod runs;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, time::Instant};

use anyhow::{Context, Result};
use clap::ValueEnum;
use pmoe_matrix::process;
use pmoe_results::number::whole;
use pmoe_results::suite::RunSpec;
use pmoe_results::{Exit, Methods};
use serde::Serialize;

/// Checks that every learner still learns, at the same cost, and which bits have changed
///
/// Trains short runs and compares them with what is stored in results/regress. `bits`: a digest of
/// the events of every method and task; other bits have to be announced in CHANGELOG.md. `cost`:
/// instructions of updates and steps, and memory, which the load of the machine doesn't change.
/// `learning`: returns of fresh seeds on Hopper and Ant beside those of the reference.
/// docs/regression.md says how often the verdict is wrong.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask regress                                  what CI runs: some ten minutes on two cores
  cargo xtask regress --unless-same-bits               a step of `cargo xtask ci`
  cargo xtask regress --layer bits                     half a minute
  cargo xtask regress --layer learning --task hopper --only pmoe-sac
  cargo xtask regress --layer bits --base main         has a branch other bits?
  cargo xtask regress --scale nightly                  Hopper as published: hours
  cargo xtask regress --update-reference --layer bits  after a change that was meant

Exit codes: 0 nothing is worse, 1 something is, 2 bad input.")]
pub struct Options {
    /// Layers to check
    #[arg(long, value_enum, value_delimiter = ',', value_name = "NAME,..")]
    #[arg(default_value = "bits,cost,learning")]
    pub layer: Vec<Layer>,
    /// Quick: short runs beside the reference; nightly: a million steps of Hopper beside published
    /// returns
    #[arg(long, value_enum, default_value = "quick", value_name = "SCALE")]
    pub scale: Scale,
    /// Only the runs on this robot's task
    #[arg(long, value_enum, value_name = "ROBOT")]
    pub task: Option<Robot>,
    /// Only these methods, and what varies them
    #[arg(long, value_delimiter = ',', value_name = "METHOD,..")]
    pub only: Vec<String>,
    /// Runs at a time [default: the number of cores]
    #[arg(long, value_name = "N", value_parser = whole::<usize>(1..=1_000))]
    pub jobs: Option<usize>,
    /// Draw other seeds for the same commit: 0 for the first draw, 1 for the next
    #[arg(long, default_value_t = 0, value_name = "N", value_parser = whole::<u64>(0..=1_000_000))]
    pub draw: u64,
    /// Compare bits with those of this commit, built here, instead of the stored ones
    #[arg(long, value_name = "COMMIT", conflicts_with = "update_reference")]
    pub base: Option<String>,
    /// Leave out the layer `learning` if `bits` comes before it and finds every run unchanged: the same
    /// bits learn the same
    #[arg(long)]
    pub unless_same_bits: bool,
    /// Replace the reference by what this build does, and say in CHANGELOG.md what moved
    #[arg(long)]
    pub update_reference: bool,
    /// Print one JSON document on stdout
    #[arg(long)]
    pub json: bool,
}

impl Default for Options {
    /// All layers at the quick scale, as in CI.
    fn default() -> Self {
        Self {
            layer: vec![Layer::Bits, Layer::Cost, Layer::Learning],
            scale: Scale::Quick,
            task: None,
            only: Vec::new(),
            jobs: None,
            draw: 0,
            base: None,
            unless_same_bits: false,
            update_reference: false,
            json: false,
        }
    }
}

/// A part of the gate, each with a verdict of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Layer {
    /// Events of short runs, to the bit.
    Bits,
    /// Returns of fresh seeds.
    Learning,
    /// Instructions and memory.
    Cost,
}

/// How long the runs of a check are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Scale {
    /// Minutes.
    Quick,
    /// Hours.
    Nightly,
}

/// A robot whose task is trained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Robot {
    /// `Hopper-v4`.
    Hopper,
    /// `Ant-v4`.
    Ant,
}

impl Robot {
    fn task(self) -> &'static str {
        match self {
            Self::Hopper => "Hopper-v4",
            Self::Ant => "Ant-v4",
        }
    }
}

impl Layer {
    /// Returns the name, as on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bits => "bits",
            Self::Learning => "learning",
            Self::Cost => "cost",
        }
    }
}

/// What a layer found.
#[derive(Debug, Serialize)]
struct Outcome {
    layer: Layer,
    /// What is worse, by name; the layer fails if there is anything.
    worse: Vec<String>,
    /// One sentence.
    verdict: String,
    /// Tables and curves.
    #[serde(skip)]
    text: String,
    details: serde_json::Value,
}

impl Outcome {
    fn passed(&self) -> bool {
        self.worse.is_empty()
    }
}

/// What all layers share.
struct Check<'a> {
    root: &'a Path,
    pmoe: &'a Path,
    options: &'a Options,
    /// Folder of the runs of this check.
    out: PathBuf,
    /// Folder of what later checks use again.
    kept: PathBuf,
}

impl Check<'_> {
    /// Folder of the stored references.
    fn references(&self) -> PathBuf {
        self.root.join("results/regress")
    }

    /// Refuses names of methods that there are not; a layer may well have no run of one that there is.
    fn refuse_unknown_methods(&self) -> Result<()> {
        let methods = Methods::load_all(&self.root.join("configs/methods"))?;
        let names = || methods.settings().map(|(name, _)| name).collect::<Vec<_>>();
        match self.options.only.iter().find(|name| !names().contains(&name.as_str())) {
            None => Ok(()),
            Some(name) => {
                let known = names().join(", ");
                Err(crate::BadInput(format!(
                    "--only: no method is called `{name}` (methods: {known})"
                ))
                .into())
            }
        }
    }

    /// Whether the options select all methods and tasks.
    fn selects_all(&self) -> bool {
        self.options.only.is_empty() && self.options.task.is_none()
    }

    /// Whether the options select a method on a task.
    fn is_selected(&self, method: &str, task: &str) -> bool {
        let Options { only, task: robot, .. } = self.options;
        (only.is_empty() || only.iter().any(|name| name == method))
            && robot.is_none_or(|robot| robot.task() == task)
    }

    /// Whether the options select a run, by the name of its method or of the one it varies.
    fn selects(&self, run: &RunSpec) -> bool {
        [&run.method, &run.base].into_iter().any(|method| self.is_selected(method, &run.task))
    }
}

pub fn run(root: &Path, pmoe: &Path, target: &Path, options: &Options) -> Result<Exit> {
    let id = identity(options.draw)?;
    let kept = target.join("regress");
    let check = Check { root, pmoe, options, out: kept.join(&id[..16]), kept };
    check.refuse_unknown_methods()?;
    let mut outcomes = Vec::new();
    for &layer in &options.layer {
        if layer == Layer::Learning
            && options.unless_same_bits
            && outcomes.iter().any(bits::are_same)
        {
            say!("learning: left out, as all bits are the same");
            continue;
        }
        let begun = Instant::now();
        let outcome = match (layer, options.scale) {
            (Layer::Bits, _) => bits::check(&check)?,
            (Layer::Cost, _) => cost::check(&check)?,
            (Layer::Learning, Scale::Quick) => learning::check(&check, &id)?,
            (Layer::Learning, Scale::Nightly) => learning::nightly(&check, &id)?,
        };
        if !options.json {
            show!("{}", outcome.text.trim_end());
        }
        let (seconds, verdict) = (begun.elapsed().as_secs_f64(), &outcome.verdict);
        say!("{}: {verdict} ({seconds:.0} s)", layer.name());
        outcomes.push(outcome);
    }
    let passed = outcomes.iter().all(Outcome::passed);
    if options.json {
        show!("{}", serde_json::to_string(&outcomes)?);
    } else {
        show!("\n{}", verdict(&outcomes));
    }
    if passed {
        // What failed stays, to be looked at.
        fs::remove_dir_all(&check.out).ok();
        return Ok(Exit::Done);
    }
    Ok(Exit::Failed)
}

/// Formats a line for each layer, and the verdict of all.
fn verdict(outcomes: &[Outcome]) -> String {
    let mut text = String::new();
    for outcome in outcomes {
        let word = if outcome.passed() { "passed" } else { "FAILED" };
        text += &format!("{:<9} {word}  {}\n", outcome.layer.name(), outcome.verdict);
    }
    let passed = outcomes.iter().all(Outcome::passed);
    text + if passed { "The gate passes." } else { "The gate FAILS." }
}

/// Identifies the checked-out code, uncommitted changes included, and the draw, in hexadecimal digits.
///
/// Seeds are made from it, so that nobody can know them before the code is written.
fn identity(draw: u64) -> Result<String> {
    let git = |arguments: &[&str]| process::stdout(Command::new("git").args(arguments));
    let commit = git(&["rev-parse", "HEAD"]).context("a check needs a git checkout")?;
    let mut hasher = blake3::Hasher::new();
    hasher.update(commit.as_bytes());
    hasher.update(git(&["diff", "HEAD", "--", "crates", "configs", "Cargo.lock"])?.as_bytes());
    hasher.update(&draw.to_le_bytes());
    Ok(hasher.finalize().to_hex().to_string())
}
