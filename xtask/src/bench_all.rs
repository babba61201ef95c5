//! The experiments of the paper, from nothing to the report.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::thread;

use anyhow::{Result, bail};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use pmoe_results::{Preset, Suite};

use crate::{BadInput, Exit, process};
use execute::Outcome;
use plan::{Planned, State};

mod children;
mod estimate;
mod execute;
mod plan;
mod progress;
mod table;

/// The experiments of the paper: plans, estimates, runs and reports them
///
/// Shows what will run and about how long it takes, runs it, and writes tables, figures and an HTML
/// page. Stopped with Ctrl-C and started again it continues; finished runs are left alone, and a
/// failed one does not keep the others from running.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask bench-all --preset smoke              everything in miniature, in minutes
  cargo xtask bench-all --preset quick --dry-run    what would run, and how long it would take
  cargo xtask bench-all --only pmoe-sac,fig1-table2/sac/Hopper-v4 --jobs 8

Exit codes: 0 done, 1 a run failed, 2 bad input, 75 another process is at some of the runs,
130 interrupted (start again to continue).")]
pub struct Options {
    /// Scale: smoke (minutes), quick (hours) or paper (days)
    #[arg(long, default_value = "paper", value_name = "PRESET", value_parser = presets())]
    pub preset: Preset,
    /// Only these: suites, methods, tasks, or starts of `suite/algo/task/seed_n`
    #[arg(long, value_delimiter = ',', value_name = "NAME,..")]
    pub only: Vec<String>,
    /// Runs at a time [default: the number of cores]
    #[arg(long, value_name = "N")]
    pub jobs: Option<NonZeroUsize>,
    /// Folder of the results; those of a preset are in a folder of its name
    #[arg(long, default_value = "results", value_name = "DIR")]
    pub out: PathBuf,
    /// Plan and estimate only
    #[arg(long)]
    pub dry_run: bool,
}

fn presets() -> impl TypedValueParser<Value = Preset> {
    PossibleValuesParser::new(Preset::ALL.map(Preset::name)).try_map(|name| name.parse::<Preset>())
}

/// Builds the `pmoe` program and returns its path.
pub fn build() -> Result<PathBuf> {
    // With the features of the whole workspace, so that the tests find everything built.
    let build = ["build", "--release", "--workspace", "--bin", "pmoe"];
    process::run(process::cargo().args(build))?;
    Ok(process::target_directory()?.join("release/pmoe"))
}

/// Runs the experiments with a `pmoe` that is built.
pub fn run(root: &Path, pmoe: &Path, options: &Options) -> Result<Exit> {
    let suites = Suite::load_all(&root.join("configs/suites"))?;
    let out = folder(root, &options.out).join(options.preset.name());
    let runs = plan::select(plan::plan(&suites, options.preset, &out), &options.only)?;
    let jobs = match options.jobs {
        Some(jobs) => jobs.get(),
        None => thread::available_parallelism().map_or(1, NonZeroUsize::get),
    };

    let num_runs = table::counted(runs.len(), "run");
    println!("Preset {}: {num_runs} in {}\n", options.preset, out.display());
    println!("{}", plan::overview(&runs));
    println!("{}", estimated(root, pmoe, &runs, jobs)?);
    if options.dry_run {
        return Ok(Exit::Done);
    }

    fs::create_dir_all(&out)
        .map_err(|error| BadInput(format!("--out: cannot write {}: {error}", out.display())))?;
    let outcomes = execute::execute(pmoe, &runs, jobs)?;
    let page = report(pmoe, &out);
    println!("\n{}", summary(&runs, &outcomes));
    match page {
        Ok(page) => println!("Report: {}", page.display()),
        Err(error) if outcomes.contains(&Outcome::Stopped) => println!("No report: {error:#}"),
        Err(error) => return Err(error),
    }
    let exit = exit(&outcomes);
    if exit == Exit::Interrupted {
        println!("Interrupted. The same command again continues where this one stopped.");
    }
    Ok(exit)
}

/// `out`, relative to the workspace root if it is below it.
///
/// Programs run there, and a path that is short and free of this machine's folders is what they
/// should write down.
fn folder(root: &Path, out: &Path) -> PathBuf {
    out.strip_prefix(root).unwrap_or(out).to_owned()
}

/// One sentence on how long `runs` will take.
fn estimated(root: &Path, pmoe: &Path, runs: &[Planned], jobs: usize) -> Result<String> {
    let left: Vec<_> = runs.iter().filter(|run| run.state != State::Done).cloned().collect();
    if left.is_empty() {
        return Ok("All are done; their settings are compared once more.".to_owned());
    }
    let rates = calibrate(pmoe, &left, jobs)?;
    let seconds = estimate::estimate(root, &left, &rates, jobs)?;
    let (runs, jobs) = (table::counted(left.len(), "run"), table::counted(jobs, "job"));
    Ok(format!("{runs} to go: {} with {jobs}.", estimate::spoken(seconds)))
}

/// Measures every method and task of `runs`, `jobs` at a time: runs side by side slow each other.
fn calibrate(
    pmoe: &Path,
    runs: &[Planned],
    jobs: usize,
) -> Result<BTreeMap<(String, String), estimate::Rates>> {
    let pairs: BTreeSet<_> =
        runs.iter().map(|run| (run.spec.algo.clone(), run.spec.task.clone())).collect();
    let jobs = jobs.min(pairs.len());
    let queue: Mutex<VecDeque<_>> = Mutex::new(pairs.into_iter().collect());
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    let work = || {
        let mut rates = Vec::new();
        while let Some((algo, task)) = next() {
            let rate = estimate::Rates::measure(pmoe, &algo, &task)?;
            rates.push(((algo, task), rate));
        }
        anyhow::Ok(rates)
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..jobs).map(|_| scope.spawn(work)).collect();
        let mut rates = BTreeMap::new();
        for worker in workers {
            match worker.join() {
                Ok(measured) => rates.extend(measured?),
                Err(_) => bail!("a measurement panicked"),
            }
        }
        Ok(rates)
    })
}

/// Makes the report of all runs in `out`, also of those that this plan does not name.
fn report(pmoe: &Path, out: &Path) -> Result<PathBuf> {
    let folder = out.join("report");
    process::run(Command::new(pmoe).arg("report").arg(out).arg("--out").arg(&folder))?;
    Ok(folder.join("index.html"))
}

/// How many runs ended how, and which did not end well.
fn summary(runs: &[Planned], outcomes: &[Outcome]) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut rows = Vec::new();
    for (run, outcome) in runs.iter().zip(outcomes) {
        *counts.entry(outcome.word()).or_default() += 1;
        if *outcome != Outcome::Done {
            let reason = outcome.reason().unwrap_or_default();
            rows.push(vec![run.name(), outcome.word().to_owned(), reason.to_owned()]);
        }
    }
    let counts: Vec<_> = counts.iter().map(|(word, count)| format!("{count} {word}")).collect();
    let mut text = format!("{}: {}\n", table::counted(runs.len(), "run"), counts.join(", "));
    if !rows.is_empty() {
        text += &table::table(&["not done", "state", "reason"], &rows);
    }
    text
}

fn exit(outcomes: &[Outcome]) -> Exit {
    if outcomes.contains(&Outcome::Stopped) {
        Exit::Interrupted
    } else if outcomes.iter().any(Outcome::is_failure) {
        Exit::Failed
    } else if outcomes.contains(&Outcome::Locked) {
        Exit::Locked
    } else {
        Exit::Done
    }
}

#[cfg(test)]
mod tests;
