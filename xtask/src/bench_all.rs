//! The experiments of the paper, from nothing to the report.

use std::collections::BTreeMap;
use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::thread;

use anyhow::Result;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use pmoe_results::{Exit, Methods, Plan, PlannedRun, Preset, RunProgress, Suite, printable};

use crate::{BadInput, process};
use estimate::Costs;
use execute::Outcome;
use plan::Planned;

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
  cargo xtask bench-all --only fig6,table5 --jobs 8
  cargo xtask bench-all --only pmoe-sac,fig1-table2/sac/Hopper-v2
  cargo xtask bench-all --max-steps 300000 --seeds 0,1,2 --only Hopper-v2,fig3,fig5

Exit codes: 0 done, 1 a run failed, 2 bad input, 75 another process is at some of the runs,
130 interrupted (start again to continue).")]
pub struct Options {
    /// Scale: smoke (minutes), quick (hours) or paper (days)
    #[arg(long, default_value = "paper", value_name = "PRESET", value_parser = presets())]
    pub preset: Preset,
    /// Only these: suites, items of the paper (fig6), methods, tasks, or starts of
    /// `suite/method/task/seed_n`
    #[arg(long, value_delimiter = ',', value_name = "NAME,..")]
    pub only: Vec<String>,
    /// Only runs of these seeds
    #[arg(long, value_delimiter = ',', value_name = "N,..")]
    pub seeds: Vec<u64>,
    /// No run longer than this, in environment steps; the results are in a folder of their own, such
    /// as `paper-300k`
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub max_steps: Option<u64>,
    /// Runs at a time [default: the number of cores]
    #[arg(long, value_name = "N")]
    pub jobs: Option<NonZeroUsize>,
    /// Folder of the results; those of a preset are in a folder of its name
    #[arg(long, default_value = "results", value_name = "DIR")]
    pub out: PathBuf,
    /// Folder of the suites, one TOML file each [default: configs/suites]
    #[arg(long, value_name = "DIR")]
    pub suites: Option<PathBuf>,
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
    let committed = root.join("configs/suites");
    let suites = Suite::load_all(options.suites.as_deref().unwrap_or(&committed))?;
    let methods = Methods::load_all(&root.join("configs/algos"))?;
    let out = folder(root, &options.out).join(scale(options));
    let plan = Plan::new(&suites, options.preset, options.max_steps, &methods, &out)?;
    let runs = plan::select(&plan, &suites, &options.only, &options.seeds, &out)?;
    let jobs = match options.jobs {
        Some(jobs) => jobs.get(),
        None => thread::available_parallelism().map_or(1, NonZeroUsize::get),
    };

    println!(
        "Scale {}: {} in {}\n",
        scale(options),
        counted_runs(&runs),
        printable(&out.display().to_string())
    );
    println!("{}", plan::overview(&runs, &suites));
    println!("{}", estimated(pmoe, &runs, jobs, &methods, &out)?);
    if options.dry_run {
        return Ok(Exit::Done);
    }

    fs::create_dir_all(&out)
        .map_err(|error| BadInput(format!("--out: cannot write {}: {error}", out.display())))?;
    plan.write(&out)?;
    let plan = Mutex::new(plan);
    let outcomes = execute::execute(pmoe, &runs, jobs, &|run| note(&plan, run, &out))?;
    let page = report(pmoe, &out);
    println!("\n{}", summary(&runs, &outcomes));
    match page {
        Ok(page) => println!("Report: {}", printable(&page.display().to_string())),
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

/// Preset and largest budget, as a name for the folder: `paper`, `paper-300k`.
fn scale(options: &Options) -> String {
    let preset = options.preset.name();
    match options.max_steps {
        None => preset.to_owned(),
        Some(steps) if steps % 1_000 == 0 => format!("{preset}-{}k", steps / 1_000),
        Some(steps) => format!("{preset}-{steps}"),
    }
}

/// `138 runs for 163 places in the suites`.
fn counted_runs(runs: &[Planned]) -> String {
    let uses = runs.iter().map(|planned| planned.run.used_by.len()).sum::<usize>();
    let num_runs = table::counted(runs.len(), "run");
    match uses {
        uses if uses == runs.len() => num_runs,
        uses => format!("{num_runs} for {uses} places in the suites"),
    }
}

/// What `runs` will take: time, and room on the disk that holds `out`.
fn estimated(
    pmoe: &Path,
    runs: &[Planned],
    jobs: usize,
    methods: &Methods,
    out: &Path,
) -> Result<String> {
    let left = estimate::left(runs);
    if left.is_empty() {
        return Ok("All are done; their settings are compared once more.".to_owned());
    }
    let costs = Costs::measure(pmoe, &left, jobs)?;
    let config = |run: &PlannedRun| Ok(methods.resolve(&run.spec())?);
    let estimate = estimate::estimate(&left, &costs, jobs, config)?;
    let (runs, jobs) = (table::counted(left.len(), "run"), table::counted(jobs, "job"));
    let [end, under_way] =
        [estimate.bytes_at_the_end, estimate.bytes_under_way].map(estimate::gigabytes);
    let mut text = format!(
        "{runs} to go: {} with {jobs}. On the disk: about {end} when all are done, {under_way} more \
         at the most until then.",
        estimate::spoken(estimate.seconds)
    );
    if let Some(free) = process::free_bytes(out)
        && free < estimate.bytes_at_the_end + estimate.bytes_under_way
    {
        text += &format!("\nwarning: only {} are free there", estimate::gigabytes(free));
    }
    Ok(text)
}

/// Keeps the plan's file up to date: `run` is over.
fn note(plan: &Mutex<Plan>, planned: &Planned, out: &Path) -> Result<()> {
    let progress = RunProgress::read(&planned.dir, planned.run.total_steps);
    let mut plan = plan.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(run) = plan.runs.iter_mut().find(|run| run.id == planned.run.id) {
        run.progress = progress;
    }
    Ok(plan.write(out)?)
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
