//! `pmoe train`: one run, in one process and one folder.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Instant, SystemTime};

use anyhow::{Context, Result};
use pmoe_algos::{Agent, Outcome, Progress, RunConfig, RunError, train as learn};
use pmoe_envs::Env;
use pmoe_results::{Attempt, Event, Exit, JsonlSink, Manifest, Provenance, RunDir, Sink, Status};
use pmoe_results::{MOST_STEPS, whole};
use signal_hook::consts::{SIGINT, SIGTERM, SIGUSR1};

use crate::config::{self, ComputeArgs, MethodArgs};
use crate::machine;
use crate::progress::{Display, Kind};
use crate::provenance::provenance;

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  pmoe train --algo pmoe-sac --task Hopper-v4 --seed 0
  pmoe train --algo sac --task Ant-v4 --steps 300000 --set batch_size=256 --out results/my-sac

The same command continues a run that was stopped. Ctrl-C writes a checkpoint first.")]
pub(crate) struct Args {
    #[command(flatten)]
    method: MethodArgs,
    /// Task id, see `pmoe list tasks`.
    #[arg(long)]
    task: String,
    /// Seed of all randomness.
    #[arg(long, default_value_t = 0, allow_negative_numbers = true, value_parser = config::seed)]
    seed: u64,
    /// Environment steps; the method's own number if absent.
    #[arg(long, allow_negative_numbers = true, value_parser = whole::<u64>(1..=MOST_STEPS))]
    steps: Option<u64>,
    /// Run folder [default: results/runs/ALGO/TASK/seed_SEED].
    #[arg(long)]
    out: Option<PathBuf>,
    #[command(flatten)]
    compute: ComputeArgs,
    /// What to show while training.
    #[arg(long, value_enum, default_value = "auto")]
    progress: Kind,
}

pub(crate) fn train(args: Args) -> Result<ExitCode> {
    let task = config::task(&args.task)?;
    let config = config::resolve_run(&args.method, task, args.seed, args.steps)?;
    let device = config::device(config.device)?;
    let total_steps = config.schedule.total_steps;
    let mut env = pmoe_envs::make_with(task, &config.env)?;
    let mut eval_env = pmoe_envs::make_with(task, &config.env)?;
    let (obs_dim, action_dim) = (env.spec().obs_dim, env.spec().action_dim());
    let memory = machine::check_memory(&config, total_steps, env.spec())?;
    let folder = args.out.unwrap_or_else(|| default_folder(&config));
    let provenance = provenance(config.device, args.compute.threads)?;
    let manifest = || new_manifest(&config, provenance.clone());
    let mut run_dir = RunDir::open(&folder, &config.to_toml(), manifest)?;
    if let Some(code) = already_ended(run_dir.manifest(), &folder) {
        return Ok(code);
    }
    let (kept, _) = config.algo.kept_steps(total_steps, obs_dim, action_dim);
    eprintln!("{}", machine::memory_line(&memory, kept));
    let mut agent = config.algo.agent(obs_dim, action_dim, total_steps, config.seed, &device);
    let display = Display::new(args.progress, total_steps);
    args.compute.run(config.device, || {
        run(&config, provenance, &mut run_dir, &mut *env, &mut *eval_env, &mut agent, display)
    })
}

fn default_folder(config: &RunConfig) -> PathBuf {
    let RunConfig { method, task, seed, .. } = config;
    Path::new("results/runs").join(method).join(task.to_string()).join(format!("seed_{seed}"))
}

fn new_manifest(config: &RunConfig, provenance: Provenance) -> Manifest {
    Manifest {
        schema: Manifest::SCHEMA,
        algo: config.method.clone(),
        task: config.task.to_string(),
        seed: config.seed,
        total_steps: config.schedule.total_steps,
        status: Status::Running,
        env_step: 0,
        provenance,
        attempts: Vec::new(),
        events_blake3: None,
    }
}

/// The exit code of a run that needs nothing more.
fn already_ended(manifest: &Manifest, folder: &Path) -> Option<ExitCode> {
    match &manifest.status {
        Status::Done => {
            eprintln!("{} is done already", folder.display());
            Some(ExitCode::SUCCESS)
        }
        // The same config and seed would diverge again at the same step.
        Status::Failed { reason, diverged: true } => {
            let folder = folder.display();
            eprintln!("error: {folder} diverged before ({reason}); delete it to run it again");
            Some(Exit::Diverged.into())
        }
        Status::Running | Status::Interrupted | Status::Failed { .. } => None,
    }
}

/// Restores, trains and writes down how it ended.
fn run<A: Agent>(
    config: &RunConfig,
    provenance: Provenance,
    run_dir: &mut RunDir,
    env: &mut dyn Env,
    eval_env: &mut dyn Env,
    agent: &mut A,
    mut display: Display,
) -> Result<ExitCode> {
    let (interrupt, signal) = watch_signals()?;
    let checkpoints = run_dir.checkpoint_dir();
    let restored = learn::restore(&checkpoints, agent, env, &config.schedule);
    let restored =
        restored.with_context(|| format!("cannot continue {}", run_dir.path().display()))?;
    let mut progress = restored.unwrap_or_else(|| Progress::new(config.seed));
    if progress.env_step > 0 {
        eprintln!("continuing from step {}", progress.env_step);
    }
    display.begin(progress.env_step);
    let events = JsonlSink::open_at(&run_dir.events_path(), progress.events_position)?;
    start_attempt(run_dir, provenance, progress.env_step)?;
    let mut sink = RunSink { events, display, run_dir, begun: Instant::now() };
    let result = learn::run(
        env,
        eval_env,
        agent,
        &config.schedule,
        config.seed,
        &mut progress,
        &mut sink,
        Some(&checkpoints),
        &interrupt,
    );
    let result = result.and_then(|outcome| sink.sync().map(|_| outcome).map_err(RunError::from));
    sink.display.finish();
    match result {
        Ok(Outcome::Done) => {
            let checksum = sink.run_dir.events_blake3()?;
            sink.note(progress.env_step, |manifest| {
                manifest.status = Status::Done;
                manifest.events_blake3 = Some(checksum);
            })?;
            Ok(ExitCode::SUCCESS)
        }
        Ok(Outcome::Interrupted) => {
            sink.note(progress.env_step, |manifest| manifest.status = Status::Interrupted)?;
            eprintln!("checkpoint written at step {}; start again to continue", progress.env_step);
            let interrupted = signal.load(Ordering::Relaxed) == SIGINT as usize;
            Ok(if interrupted { Exit::Interrupted } else { Exit::Continue }.into())
        }
        Err(error) => {
            let diverged = matches!(error, RunError::Agent(_));
            let error = anyhow::Error::from(error);
            let status = Status::Failed { reason: format!("{error:#}"), diverged };
            // On a full disk this may fail as well, but the first error is the one to tell.
            if let Err(error) = sink.note(progress.env_step, |manifest| manifest.status = status) {
                eprintln!("warning: the manifest does not say that the run failed: {error:#}");
            }
            // Nor is it worse when the last events can't be kept.
            let _ = sink.sync();
            Err(error)
        }
    }
}

/// A flag that the first INT, TERM or USR1 sets, and which one it was. A second INT or TERM ends the
/// process at once.
fn watch_signals() -> Result<(Arc<AtomicBool>, Arc<AtomicUsize>)> {
    let (interrupt, which) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    for signal in [SIGINT, SIGTERM, SIGUSR1] {
        if signal != SIGUSR1 {
            let code = i32::from(Exit::Interrupted.code());
            signal_hook::flag::register_conditional_shutdown(signal, code, interrupt.clone())?;
        }
        signal_hook::flag::register_usize(signal, which.clone(), signal as usize)?;
        signal_hook::flag::register(signal, interrupt.clone())?;
    }
    Ok((interrupt, which))
}

fn start_attempt(run_dir: &mut RunDir, provenance: Provenance, from_step: u64) -> Result<()> {
    let started = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    run_dir.update_manifest(|manifest| {
        manifest.status = Status::Running;
        manifest.env_step = from_step;
        manifest.provenance = provenance;
        manifest.attempts.push(Attempt {
            started,
            from_step,
            to_step: from_step,
            wall_seconds: 0.0,
        });
    })?;
    Ok(())
}

/// Keeps the events, shows progress, and brings the manifest up to date at every evaluation.
struct RunSink<'a> {
    events: JsonlSink,
    display: Display,
    run_dir: &'a mut RunDir,
    begun: Instant,
}

impl RunSink<'_> {
    /// Writes down how far the run is, and what `change` does.
    fn note(&mut self, env_step: u64, change: impl FnOnce(&mut Manifest)) -> Result<()> {
        let wall_seconds = self.begun.elapsed().as_secs_f64();
        self.run_dir.update_manifest(|manifest| {
            manifest.env_step = env_step;
            if let Some(attempt) = manifest.attempts.last_mut() {
                attempt.to_step = env_step;
                attempt.wall_seconds = wall_seconds;
            }
            change(manifest);
        })?;
        Ok(())
    }
}

impl Sink for RunSink<'_> {
    fn emit(&mut self, event: &Event) -> std::io::Result<()> {
        self.events.emit(event)?;
        self.display.show(event)?;
        if let Event::Eval { env_step, .. } = event {
            self.note(*env_step, |_| {}).map_err(std::io::Error::other)?;
        }
        Ok(())
    }

    fn sync(&mut self) -> std::io::Result<u64> {
        self.events.sync()
    }
}
