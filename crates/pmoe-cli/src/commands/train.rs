//! `pmoe train`: one run, in one process and one folder; or several runs in lockstep.

mod folder;
mod listener;
mod population;
mod prepared;
mod resume;
mod stop;
mod tracker;
mod write;

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use anyhow::Result;
use pmoe_algos::RunConfig;
use pmoe_envs::EnvSpec;
use pmoe_results::Exit;
use pmoe_results::number::{MOST_STEPS, whole};

use self::folder::default_folder;
pub use self::listener::{Listener, Trained};
use self::population::Seeds;
pub(crate) use self::population::not_in_lockstep;
use self::prepared::{Opened, Prepared};
use self::stop::Stop;
use self::tracker::Track;
use self::write::{Watched, run};
use super::policy;
use crate::config::{self, ComputeArgs, MethodArgs};
use crate::exit::BadInput;
use crate::machine;
use crate::progress::{Display, ProgressMode};
use crate::provenance::provenance;

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  pmoe train --method pmoe-sac --task Hopper-v4 --seed 0
  pmoe train --method sac --task Ant-v4 --steps 300000 --set batch_size=256 --out results/my-sac
  pmoe train --method pmoe-sac --task Hopper-v4 --population 0..8 --out runs/hopper

The same command continues a run that was stopped. Ctrl-C writes a checkpoint first.")]
pub(crate) struct Args {
    #[command(flatten)]
    method: MethodArgs,
    /// Task id, see `pmoe list tasks`, `mjcf:FILE` for a model file with settings beside it, or
    /// `gym:ID` for a task of Gymnasium.
    #[arg(long)]
    task: String,
    /// Seed of all randomness.
    #[arg(long, default_value_t = 0, allow_negative_numbers = true, value_parser = config::seed)]
    seed: u64,
    /// Train several runs in lockstep, one for each of these seeds: a list such as `0,1,2`, or a
    /// range such as `0..64`, which ends with 63. Each is an ordinary run, in the folder
    /// `seed_SEED` of `--out`. For methods of the SAC family.
    #[arg(long, value_name = "SEEDS", conflicts_with = "seed", allow_hyphen_values = true, value_parser = population::seeds)]
    population: Option<Seeds>,
    /// Environment steps; the method's own number if absent.
    #[arg(long, allow_negative_numbers = true, value_parser = whole::<u64>(1..=MOST_STEPS))]
    steps: Option<u64>,
    /// Run folder [default: results/runs/METHOD/TASK/seed_SEED].
    #[arg(long)]
    out: Option<PathBuf>,
    /// Start from the policy of this run instead of a random one.
    #[arg(long, value_name = "RUN")]
    from: Option<PathBuf>,
    #[command(flatten)]
    how: How,
}

/// How a run is made; no number depends on it.
#[derive(clap::Args)]
struct How {
    /// Start over, also where the folder is damaged; the events so far are kept as `events.1.jsonl`.
    #[arg(long)]
    restart: bool,
    /// Checkpoints to keep while the run is under way.
    #[arg(long, value_name = "N", default_value = "2")]
    keep_checkpoints: NonZeroUsize,
    /// Keep the replay data when the run is finished, so that it can go on with more `--steps`.
    #[arg(long)]
    keep_replay: bool,
    /// Write the events for a tracker as well, as they come; see also `pmoe track`.
    #[arg(long, value_enum, value_name = "TRACKER")]
    track: Option<Track>,
    #[command(flatten)]
    compute: ComputeArgs,
    /// What to show while training.
    #[arg(long, value_enum, default_value = "auto")]
    progress: ProgressMode,
}

/// Arguments of `pmoe retrain`.
#[derive(clap::Args)]
#[command(after_help = "\
Example: pmoe retrain results/paper-300k/fig1-table2/sac/Hopper-v2/seed_0 --out runs/sac-hopper

Published runs keep their events, not always their policy. The same build gives the same events again.")]
pub(crate) struct RetrainArgs {
    /// Run folder whose method, task, seed and settings are used; it stays as it is.
    run: PathBuf,
    /// Folder of the new run.
    #[arg(long)]
    out: PathBuf,
    #[command(flatten)]
    how: How,
}

pub(crate) fn train(args: Args) -> Result<Exit> {
    if let Some(Seeds(seeds)) = &args.population {
        return population::train(&args, seeds);
    }
    Ok(train_one(args, None)?.exit)
}

/// Trains one run, for a program that listens.
pub(crate) fn train_heard(args: Args, listener: Listener<'_>) -> Result<Trained> {
    if args.population.is_some() {
        let message = "--population is for the command line: nobody can listen to several runs";
        return Err(BadInput(message.to_owned()).into());
    }
    train_one(args, Some(listener))
}

fn train_one(args: Args, listener: Option<Listener<'_>>) -> Result<Trained> {
    let config = resolve(&args, args.seed)?;
    let folder = args.out.unwrap_or_else(|| default_folder(&config));
    let exit = start(&config, &folder, args.from.as_deref(), &args.how, listener)?;
    Ok(Trained { folder, exit })
}

/// Returns the config of the run with a seed.
fn resolve(args: &Args, seed: u64) -> Result<RunConfig> {
    let task = config::task(&args.task)?;
    let mut config = config::resolve_run(&args.method, &task, seed, args.steps)?;
    if let Some(from) = &args.from {
        config.from = Some(policy::origin(from, &config)?);
    }
    Ok(config)
}

/// Trains the run of a folder once more, in another folder.
pub(crate) fn retrain(args: RetrainArgs) -> Result<Exit> {
    let RetrainArgs { run, out, how } = args;
    let config = policy::read_config(&run)?;
    if config.from.is_some() {
        let message =
            format!("cannot retrain {}: it started from another run's policy", run.display());
        return Err(BadInput(message).into());
    }
    start(&config, &out, None, &how, None)
}

/// Makes the run of a config in a folder, or what is left of it.
fn start(
    config: &RunConfig,
    folder: &Path,
    from: Option<&Path>,
    how: &How,
    listener: Option<Listener<'_>>,
) -> Result<Exit> {
    let device = config.device.open()?;
    let provenance = provenance(config.device, &device, how.compute.threads)?;
    let memory = |spec: &EnvSpec| machine::check_memory(config, config.schedule.total_steps, spec);
    let opened = Prepared::open(config, folder, &device, &provenance, how, memory)?;
    let mut prepared = match opened {
        Opened::Ready(prepared) => prepared,
        Opened::Ended(code) => return Ok(code),
    };
    say!("{}", prepared.memory_line());
    let display = Display::new(how.progress, config.schedule.total_steps);
    how.compute.run(config.device, || {
        let (stop, on_event) = match listener {
            Some(Listener { on_event, is_stopped }) => (Stop::When(is_stopped), Some(on_event)),
            None => (Stop::on_signals()?, None),
        };
        let progress = prepared.restore(from, &provenance)?;
        let is_asked = || stop.is_asked();
        let (training, run_dir) = prepared.training(progress, &is_asked);
        let watched = Watched { display, on_event, track: how.track };
        run(config, training, provenance.clone(), run_dir, watched, &stop)
    })
}
