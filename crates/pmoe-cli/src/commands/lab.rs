//! `pmoe lab`: small experiments with a known value in the place of the critics.

use std::fs;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::thread;

use anyhow::Result;
use pmoe_lab::two_peaks::{Method, methods};
use pmoe_lab::{Findings, best_of_k, stability, two_peaks};
use pmoe_results::Exit;
use pmoe_results::files::write_atomic;
use pmoe_results::number::{grouped, whole};
use pmoe_results::text::did_you_mean;
use serde::Serialize;

use super::{print_json, print_line};
use crate::exit::{BadInput, cannot_write};
use crate::progress::Work;

/// The experiments; `docs/why.md` puts their results together.
#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Tabulate how much wider than SAC's a policy becomes that learns from the best of K draws, and
    /// measure it with the methods' own losses on a concave value.
    BestOfK(BestOfKArgs),
    /// Compute whether two equal primitives separate, for several values and losses, and compare with
    /// a split that descends the methods' own gradients.
    Stability(StabilityArgs),
    /// Train the methods where every state has two equally good actions, and count who finds both.
    TwoPeaks(TwoPeaksArgs),
}

/// Where results go.
#[derive(clap::Args)]
struct OutputArgs {
    /// Folder for the results, as a table (.md), a figure (.svg) and all numbers (.json). Files of the
    /// same experiment are replaced.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print one JSON document with all numbers on stdout.
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  pmoe lab best-of-k
  pmoe lab best-of-k --draws 4 --dims 3,8 --samples 65536 --out lab

The first table is computed for K from 1 to 16 and A from 1 to 17; the measurement takes the K and A given.")]
pub(crate) struct BestOfKArgs {
    /// Numbers K of primitives to measure.
    #[arg(long, value_name = "K", value_delimiter = ',', default_values_t = [1, 2, 4, 8, 16], value_parser = whole::<usize>(1..=64))]
    draws: Vec<usize>,
    /// Numbers A of action dimensions to measure.
    #[arg(long, value_name = "A", value_delimiter = ',', default_values_t = [1, 3, 6, 8, 17], value_parser = whole::<usize>(1..=64))]
    dims: Vec<usize>,
    /// Draws of every primitive behind a measurement.
    #[arg(long, value_name = "N", default_value_t = 16_384, value_parser = whole::<usize>(2..=1_000_000))]
    samples: usize,
    /// Measurements, each with noise of its own.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = whole::<u64>(1..=1000))]
    seeds: u64,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  pmoe lab stability
  pmoe lab stability --alpha 0.05 --out lab --json

The two primitives have one dimension and no squashing; docs/why.md has the derivation.")]
pub(crate) struct StabilityArgs {
    /// Weight of the entropy, positive.
    #[arg(long, value_name = "ALPHA", default_value_t = 0.2, allow_negative_numbers = true, value_parser = alpha)]
    alpha: f64,
    /// Pairs of noise behind each gradient, at least; the next size of the lattice is taken.
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = whole::<usize>(1_000..=10_000_000))]
    samples: usize,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  pmoe lab two-peaks --out lab
  pmoe lab two-peaks --only sac --only pmoe-sac-marginal --updates 2000 --seeds 2

A name is that of a method, with what differs: /mixture and /component set the log-density in the entropy term,
/soft_q the criterion for the best primitive. The state, the peaks and the networks are described in
docs/why.md and on the page of the crate pmoe-lab.")]
pub(crate) struct TwoPeaksArgs {
    /// Seeds of each method, from 0.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = whole::<u64>(1..=1000))]
    seeds: u64,
    /// Updates of each policy.
    #[arg(long, value_name = "N", default_value_t = 4_000, value_parser = whole::<u64>(1..=10_000_000))]
    updates: u64,
    /// States of each update.
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = whole::<usize>(1..=100_000))]
    batch_size: usize,
    /// Weight of the entropy, positive.
    #[arg(long, value_name = "ALPHA", default_value_t = 0.2, allow_negative_numbers = true, value_parser = alpha)]
    alpha: f64,
    /// Primitives of the mixtures.
    #[arg(long, value_name = "K", default_value_t = 4, value_parser = whole::<usize>(1..=64))]
    primitives: usize,
    /// A method to train, instead of all; may be repeated.
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Policies to train at a time [default: as many as the machine has processors]. Results do not
    /// depend on it.
    #[arg(long, value_name = "N", value_parser = whole::<usize>(1..=1024))]
    jobs: Option<usize>,
    #[command(flatten)]
    output: OutputArgs,
}

pub(crate) fn run(command: Command) -> Result<Exit> {
    match command {
        Command::BestOfK(args) => best(args),
        Command::Stability(args) => stable(args),
        Command::TwoPeaks(args) => peaks(args),
    }
}

/// The most numbers that a measurement may hold in each tensor.
const MOST_HELD: usize = 20_000_000;

fn best(args: BestOfKArgs) -> Result<Exit> {
    let BestOfKArgs { draws, dims, samples, seeds, output } = args;
    let most = |of: &[usize]| of.iter().copied().max().unwrap_or(1);
    let held = samples * most(&draws) * most(&dims);
    if held > MOST_HELD {
        let [held, most] = [held, MOST_HELD].map(|number| grouped(number as u64));
        let message = format!(
            "--samples times the largest of --draws and of --dims is {held}, but may be {most} at most"
        );
        return Err(BadInput(message).into());
    }
    output.make_folder()?;
    let mut work = Work::new();
    work.part("measuring", (draws.len() * dims.len()) as u64, "pairs of K and A");
    let settings = best_of_k::Settings { draws, dims, samples, seeds };
    let found = best_of_k::best_of_k(settings, &mut || work.advance())?;
    drop(work);
    show("best-of-k", &found, &output)
}

fn stable(args: StabilityArgs) -> Result<Exit> {
    let StabilityArgs { alpha, samples, output } = args;
    output.make_folder()?;
    let mut work = Work::new();
    let count = stability::cases().len() * stability::Loss::ALL.len();
    work.part("measuring", count as u64, "values and losses");
    let settings = stability::Settings { alpha, samples };
    let found = stability::stability(settings, &mut || work.advance())?;
    drop(work);
    show("stability", &found, &output)
}

fn peaks(args: TwoPeaksArgs) -> Result<Exit> {
    let TwoPeaksArgs { seeds, updates, batch_size, alpha, primitives, only, jobs, output } = args;
    let chosen = chosen(&only)?;
    let settings = two_peaks::Settings {
        seeds,
        updates,
        batch_size,
        alpha,
        num_primitives: primitives,
        ..two_peaks::Settings::standard()
    };
    let threads = match jobs {
        Some(jobs) => NonZeroUsize::new(jobs).unwrap_or(NonZeroUsize::MIN),
        None => thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
    };
    output.make_folder()?;
    let mut work = Work::new();
    work.part("training", seeds * chosen.len() as u64, "policies");
    let found = two_peaks::two_peaks(settings, &chosen, threads, &mut || work.advance())?;
    drop(work);
    show("two-peaks", &found, &output)
}

/// Returns the methods of these names in their usual order, or all.
fn chosen(only: &[String]) -> Result<Vec<Method>> {
    let all = methods();
    for name in only {
        if all.iter().all(|method| method.name != name) {
            let known: Vec<&str> = all.iter().map(|method| method.name).collect();
            let meant = did_you_mean(name, known.iter().copied());
            let message = format!("--only {name}: it must be one of {}{meant}", known.join(", "));
            return Err(BadInput(message).into());
        }
    }
    let is_chosen =
        |method: &Method| only.is_empty() || only.iter().any(|name| name == method.name);
    Ok(all.into_iter().filter(is_chosen).collect())
}

/// Parses a weight of the entropy.
fn alpha(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(alpha) if alpha.is_finite() && 0.0 < alpha => Ok(alpha),
        _ => Err("it must be a positive number".to_owned()),
    }
}

impl OutputArgs {
    /// Makes the folder of the results, so that one that can't be made is known before the work.
    fn make_folder(&self) -> Result<()> {
        if let Some(folder) = &self.out {
            fs::create_dir_all(folder).map_err(|error| cannot_write(folder, error))?;
        }
        Ok(())
    }
}

/// Writes and prints the results of an experiment.
fn show<F: Findings + Serialize>(name: &str, found: &F, output: &OutputArgs) -> Result<Exit> {
    if let Some(folder) = &output.out {
        let json = serde_json::to_string_pretty(found)? + "\n";
        let files =
            [("md", found.markdown()), ("json", json), ("svg", found.picture().svg() + "\n")];
        for (extension, text) in files {
            let path = folder.join(name).with_extension(extension);
            write_atomic(&path, text.as_bytes()).map_err(|error| cannot_write(&path, error))?;
            say!("result: {}", path.display());
        }
    }
    if output.json {
        print_json(found)?;
    } else {
        print_line(found.markdown().trim_end())?;
    }
    Ok(Exit::Done)
}
