//! `pmoe train`: one run, in one process and one folder.

mod folder;
mod resume;
mod stop;
mod write;

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use pmoe_algos::{Checkpoints, Progress, RunConfig, Training};
use pmoe_results::number::{MOST_STEPS, whole};

use self::folder::{already_ended, default_folder, open, with_changed_model, with_remedy};
use self::resume::{restore, say_other_build};
use self::stop::Stop;
use self::write::run;
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

The same command continues a run that was stopped. Ctrl-C writes a checkpoint first.")]
pub(crate) struct Args {
    #[command(flatten)]
    method: MethodArgs,
    /// Task id, see `pmoe list tasks`, or `mjcf:FILE` for a model file with settings beside it.
    #[arg(long)]
    task: String,
    /// Seed of all randomness.
    #[arg(long, default_value_t = 0, allow_negative_numbers = true, value_parser = config::seed)]
    seed: u64,
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

pub(crate) fn train(args: Args) -> Result<ExitCode> {
    let task = config::task(&args.task)?;
    let mut config = config::resolve_run(&args.method, &task, args.seed, args.steps)?;
    if let Some(from) = &args.from {
        config.from = Some(policy::origin(from, &config)?);
    }
    let folder = args.out.unwrap_or_else(|| default_folder(&config));
    start(&config, &folder, args.from.as_deref(), &args.how)
}

/// Trains the run of a folder once more, in another folder.
pub(crate) fn retrain(args: RetrainArgs) -> Result<ExitCode> {
    let RetrainArgs { run, out, how } = args;
    let config = policy::read_config(&run)?;
    if config.from.is_some() {
        let message =
            format!("cannot retrain {}: it started from another run's policy", run.display());
        return Err(BadInput(message).into());
    }
    start(&config, &out, None, &how)
}

/// Makes the run of a config in a folder, or what is left of it.
fn start(config: &RunConfig, folder: &Path, from: Option<&Path>, how: &How) -> Result<ExitCode> {
    let device = config.device.open()?;
    // A run that can't be made leaves no folder behind.
    let mut envs = config::envs(config)?;
    let mut eval_env = pmoe_envs::make_with(&config.task, &config.env)?;
    let total_steps = config.schedule.total_steps;
    let memory = machine::check_memory(config, total_steps, envs[0].spec())?;
    let provenance = provenance(config.device, &device, how.compute.threads)?;
    let checkpoints = Checkpoints {
        keep: how.keep_checkpoints,
        at_the_end: config.algo.scope_at_the_end(how.keep_replay),
        ..policy::checkpoints(folder, config)
    };
    let with_remedy = |error| with_remedy(error, folder, &provenance.command);
    let mut run_dir = open(config, folder, &provenance, how.restart)
        .map_err(|error| with_changed_model(error, &config.task))
        .map_err(with_remedy)?;
    if let Some(code) = already_ended(&run_dir, &checkpoints).map_err(with_remedy)? {
        return Ok(code);
    }
    let (kept, _) = config.algo.kept_steps(total_steps, envs[0].spec());
    say!("{}", machine::memory_line(&memory, kept));
    let mut agent = config.algo.agent(envs[0].spec(), total_steps, config.seed, &device);
    let display = Display::new(how.progress, total_steps);
    how.compute.run(config.device, || {
        let stop = Stop::on_signals()?;
        let restored =
            restore(config, &mut run_dir, &checkpoints, &mut config::each(&mut envs), &mut agent);
        let progress = match restored.map_err(with_remedy)? {
            Some(progress) => progress,
            None => {
                if let Some(from) = from {
                    policy::start_from(from, &mut agent)?;
                }
                Progress::with_envs(config.seed, envs.len())
            }
        };
        say_other_build(&run_dir, &provenance, progress.env_step);
        let is_asked = || stop.is_asked();
        let (envs, schedule) = (config::each(&mut envs), &config.schedule);
        let training = Training::with_envs(envs, &mut *eval_env, &mut agent, schedule, config.seed)
            .resume(progress)
            .checkpoints(&checkpoints)
            .interrupt(&is_asked);
        run(config, training, provenance.clone(), &mut run_dir, display, &stop)
    })
}
