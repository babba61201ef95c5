//! `pmoe train`: one run, in one process and one folder.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::thread;
use std::time::{Instant, SystemTime};

use anyhow::{Context, Result};
use pmoe_algos::{
    Agent, AnyAgent, CheckpointError, Checkpoints, Outcome, Progress, Restored, RunConfig,
    RunError, Scope, Training, train as learn,
};
use pmoe_envs::{Env, TaskId};
use pmoe_results::error::with_causes;
use pmoe_results::exit::ending_signals;
use pmoe_results::number::{MOST_STEPS, whole};
use pmoe_results::run::{Attempt, JsonlSink, Position, Provenance, task_folder};
use pmoe_results::{Event, Exit, Manifest, ResultsError, Run, RunDir, Sink, Status};
use signal_hook::iterator::Signals;

use super::policy;
use crate::config::{self, ComputeArgs, MethodArgs};
use crate::exit::BadInput;
use crate::machine;
use crate::progress::{Display, Kind};
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
    /// Run folder [default: results/runs/ALGO/TASK/seed_SEED].
    #[arg(long)]
    out: Option<PathBuf>,
    /// Start from the policy of this run instead of a random one.
    #[arg(long, value_name = "RUN")]
    from: Option<PathBuf>,
    /// Start over, also where the folder is damaged; the events so far are kept as `events.1.jsonl`.
    #[arg(long)]
    restart: bool,
    /// Checkpoints to keep while the run is under way.
    #[arg(long, value_name = "N", default_value = "2")]
    keep_checkpoints: NonZeroUsize,
    /// Keep SAC's replay data when the run is finished, so that it can go on with more `--steps`.
    #[arg(long)]
    keep_replay: bool,
    #[command(flatten)]
    compute: ComputeArgs,
    /// What to show while training.
    #[arg(long, value_enum, default_value = "auto")]
    progress: Kind,
}

pub(crate) fn train(args: Args) -> Result<ExitCode> {
    let task = config::task(&args.task)?;
    let mut config = config::resolve_run(&args.method, &task, args.seed, args.steps)?;
    let device = config::device(config.device)?;
    let folder = args.out.clone().unwrap_or_else(|| default_folder(&config));
    // A run that can't be made leaves no folder behind.
    let mut env = pmoe_envs::make_with(&task, &config.env)?;
    let mut eval_env = pmoe_envs::make_with(&task, &config.env)?;
    let total_steps = config.schedule.total_steps;
    let memory = machine::check_memory(&config, total_steps, env.spec())?;
    if let Some(from) = &args.from {
        config.from = Some(policy::origin(from, &config)?);
    }
    let provenance = provenance(config.device, args.compute.threads)?;
    let checkpoints = Checkpoints {
        keep: args.keep_checkpoints,
        at_the_end: config.algo.scope_at_the_end(args.keep_replay),
        ..policy::checkpoints(&folder, &config)
    };
    let with_remedy = |error| with_remedy(error, &folder, &provenance.command);
    let mut run_dir = open(&config, &folder, &provenance, args.restart)
        .map_err(|error| with_changed_model(error, &task))
        .map_err(with_remedy)?;
    if let Some(code) = already_ended(&run_dir, &checkpoints).map_err(with_remedy)? {
        return Ok(code);
    }
    let (kept, _) = config.algo.kept_steps(total_steps, env.spec());
    say!("{}", machine::memory_line(&memory, kept));
    let mut agent = config.algo.agent(env.spec(), total_steps, config.seed, &device);
    let display = Display::new(args.progress, total_steps);
    args.compute.run(config.device, || {
        let stop = Stop::on_signals()?;
        let restored = restore(&config, &mut run_dir, &checkpoints, &mut *env, &mut agent);
        let progress = match restored.map_err(with_remedy)? {
            Some(progress) => progress,
            None => {
                if let Some(from) = &args.from {
                    policy::start_from(from, &mut agent)?;
                }
                Progress::new(config.seed)
            }
        };
        say_other_build(&run_dir, &provenance, progress.env_step);
        let is_asked = || stop.is_asked();
        let training =
            Training::new(&mut *env, &mut *eval_env, &mut agent, &config.schedule, config.seed)
                .resume(progress)
                .checkpoints(&checkpoints)
                .interrupt(&is_asked);
        run(training, provenance.clone(), &mut run_dir, display, &stop)
    })
}

/// Opens the run's folder, to start over where `restart` says so.
fn open(
    config: &RunConfig,
    folder: &Path,
    provenance: &Provenance,
    restart: bool,
) -> Result<RunDir> {
    let manifest = || new_manifest(config, provenance.clone());
    if !restart {
        return Ok(RunDir::open(folder, &config.to_toml(), manifest)?);
    }
    let (run_dir, aside) = RunDir::restart(folder, &config.to_toml(), manifest)?;
    for path in aside {
        say!("starting over; the old data is kept as {}", path.display());
    }
    Ok(run_dir)
}

/// Says what it means that a model file is another one than the run's.
fn with_changed_model(error: anyhow::Error, task: &TaskId) -> anyhow::Error {
    match error.downcast_ref() {
        Some(ResultsError::ConfigMismatch { key, .. }) if key == "env.mjcf.model_blake3" => {
            let message = format!("the model of {task} has changed since the run began");
            error.context(message)
        }
        _ => error,
    }
}

/// Says how a run folder is put right that is damaged, or of another version.
fn with_remedy(error: anyhow::Error, folder: &Path, command: &str) -> anyhow::Error {
    if !crate::exit::is_damage(&error) {
        return error;
    }
    let restart = if command.contains(" --restart") { "" } else { " --restart" };
    let folder = folder.display();
    error.context(format!(
        "{folder} cannot be used; `{command}{restart}` starts over and keeps the old data"
    ))
}

fn default_folder(config: &RunConfig) -> PathBuf {
    let RunConfig { method, task, seed, .. } = config;
    Path::new("results/runs")
        .join(method)
        .join(task_folder(&task.to_string()))
        .join(format!("seed_{seed}"))
}

fn new_manifest(config: &RunConfig, provenance: Provenance) -> Manifest {
    Manifest {
        schema: Manifest::SCHEMA,
        method: config.method.clone(),
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

/// The exit code of a run that needs nothing more. A finished one must be as it was when it finished.
fn already_ended(run_dir: &RunDir, checkpoints: &Checkpoints) -> Result<Option<ExitCode>> {
    let folder = run_dir.path().display();
    match &run_dir.manifest().status {
        Status::Done if run_dir.finished_budget().is_some() => Ok(None),
        Status::Done => {
            Run::read(run_dir.path())?;
            match checkpoints.newest(|_| Ok(())) {
                Ok(Some((_, unusable))) if unusable.is_empty() => {
                    say!("{folder} is already done");
                }
                Ok(Some((_, reasons))) => {
                    let path = checkpoints.folder.clone();
                    return Err(CheckpointError::NoneLeft { path, reasons }.into());
                }
                Ok(None) => say!("{folder} is already done; its policy was not kept"),
                // Its numbers are as good as ever.
                Err(error @ CheckpointError::OtherVersion { .. }) => {
                    say!("{folder} is already done; its policy cannot be used: {error}");
                }
                Err(error) => return Err(error.into()),
            }
            Ok(Some(ExitCode::SUCCESS))
        }
        // The same config and seed would diverge again at the same step.
        Status::Failed { reason, diverged: true } => {
            say!("error: {folder} has already diverged ({reason}); --restart trains it again");
            Ok(Some(Exit::Diverged.into()))
        }
        Status::Running | Status::Interrupted | Status::Failed { .. } => Ok(None),
    }
}

/// Brings the run to its newest usable checkpoint; none for a run at its start.
fn restore(
    config: &RunConfig,
    run_dir: &mut RunDir,
    checkpoints: &Checkpoints,
    env: &mut dyn Env,
    agent: &mut AnyAgent,
) -> Result<Option<Progress<<AnyAgent as Agent>::Memory>>> {
    let events = run_dir.events_path();
    let check = |position: &Position| {
        JsonlSink::check(&events, position).map_err(|error| with_causes(&error))
    };
    let budget = run_dir.finished_budget();
    if let Some(budget) = budget {
        require_exact(config, run_dir.path(), budget)?;
    }
    let restored = learn::restore(checkpoints, agent, env, check)?;
    if let Some(budget) = budget {
        require_learner(restored.as_ref(), run_dir.path(), budget)?;
        run_dir.extend(&config.to_toml(), config.schedule.total_steps)?;
    }
    let Some(Restored { progress, unusable, .. }) = restored else {
        let has_events = events.metadata().is_ok_and(|metadata| metadata.len() > 0);
        if has_events {
            let reasons = vec!["there is none, although the run has events".to_owned()];
            return Err(
                CheckpointError::NoneLeft { path: checkpoints.folder.clone(), reasons }.into()
            );
        }
        return Ok(None);
    };
    for reason in unusable {
        say!("warning: {reason}");
    }
    if progress.env_step > 0 {
        say!("continuing from step {}", progress.env_step);
    }
    Ok(Some(progress))
}

/// Refuses to go on with a run that has finished `budget` steps and would have reported something else
/// with more of them from the start.
fn require_exact(config: &RunConfig, folder: &Path, budget: u64) -> Result<(), BadInput> {
    let eval_every = config.schedule.eval_every;
    let reason = if config.algo.depends_on_total_steps() {
        "its learning rate depends on the length of the run (anneal_lr)".to_owned()
    } else if !budget.is_multiple_of(eval_every) {
        format!(
            "it evaluated after its last step, but a longer run would not (schedule.eval_every is {eval_every})"
        )
    } else {
        return Ok(());
    };
    Err(more_steps_refused(folder, budget, &reason))
}

/// Refuses to go on with a finished run that can't learn any more.
fn require_learner<M>(
    restored: Option<&Restored<M>>,
    folder: &Path,
    budget: u64,
) -> Result<(), BadInput> {
    let reason = match restored.map(|restored| restored.scope) {
        Some(Scope::Everything) => return Ok(()),
        Some(Scope::Policy) => "it kept its policy, but not its replay data (--keep-replay)",
        None => "it has no checkpoint",
    };
    Err(more_steps_refused(folder, budget, reason))
}

fn more_steps_refused(folder: &Path, budget: u64, reason: &str) -> BadInput {
    let folder = folder.display();
    BadInput(format!(
        "{folder} finished after {budget} steps and cannot continue: {reason}; train again in another folder (--out), or start a new run from its policy (--from {folder})"
    ))
}

/// Says when the run so far was made by other code: its numbers may be no build's.
fn say_other_build(run_dir: &RunDir, provenance: &Provenance, env_step: u64) {
    let changes = run_dir.manifest().provenance.code_changes(provenance);
    if env_step > 0 && !changes.is_empty() {
        say!("warning: another build trained the run so far: {}", changes.join(", "));
    }
}

/// Trains and writes down how it ended.
fn run<A: Agent>(
    mut training: Training<'_, A>,
    provenance: Provenance,
    run_dir: &mut RunDir,
    mut display: Display,
    stop: &Stop,
) -> Result<ExitCode> {
    let progress = training.progress();
    display.begin(progress.env_step);
    let events = JsonlSink::open_at(&run_dir.events_path(), &progress.events)?;
    start_attempt(run_dir, provenance, progress.env_step)?;
    let mut sink = RunSink { events, display, run_dir, begun: Instant::now() };
    let result = training.run(&mut sink);
    let env_step = training.progress().env_step;
    let result = result.and_then(|outcome| Ok((outcome, sink.sync()?)));
    sink.display.finish();
    match result {
        Ok((Outcome::Done, Position { blake3, .. })) => {
            // Of what was written, not of what is there now.
            sink.note(env_step, |manifest| {
                manifest.status = Status::Done;
                manifest.events_blake3 = Some(blake3);
            })?;
            Ok(ExitCode::SUCCESS)
        }
        Ok((Outcome::Interrupted, _)) => {
            sink.note(env_step, |manifest| manifest.status = Status::Interrupted)?;
            say!("checkpoint written at step {}; start again to continue", env_step);
            Ok(stop.exit().into())
        }
        Err(error) => {
            let diverged = matches!(error, RunError::Agent(_));
            let error = anyhow::Error::from(error);
            let status = Status::Failed { reason: format!("{error:#}"), diverged };
            // On a full disk this may fail as well, but the first error is the one to tell.
            if let Err(error) = sink.note(env_step, |manifest| manifest.status = status) {
                say!("warning: cannot record the failure in the manifest: {error:#}");
            }
            // Nor is it worse when the last events can't be kept.
            let _ = sink.sync();
            Err(error)
        }
    }
}

/// The first signal that asked the run to stop, 0 before. More of them change nothing: the checkpoint
/// is on its way.
struct Stop(Arc<AtomicI32>);

impl Stop {
    /// Listens to every signal that would end the program.
    fn on_signals() -> Result<Self> {
        let mut signals = Signals::new(ending_signals()).context("cannot catch signals")?;
        let first = Arc::new(AtomicI32::new(0));
        let stop = Self(first.clone());
        let listen = move || {
            for signal in signals.forever() {
                let _ = first.compare_exchange(0, signal, Ordering::Relaxed, Ordering::Relaxed);
            }
        };
        let listener = thread::Builder::new().spawn(listen);
        listener.context("cannot start the thread that listens for signals")?;
        Ok(stop)
    }

    fn is_asked(&self) -> bool {
        self.0.load(Ordering::Relaxed) != 0
    }

    /// How the program ends after it.
    fn exit(&self) -> Exit {
        Exit::of_signal(self.0.load(Ordering::Relaxed))
    }
}

fn start_attempt(run_dir: &mut RunDir, provenance: Provenance, from_step: u64) -> Result<()> {
    let started = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    run_dir.update_manifest(|manifest| {
        manifest.schema = Manifest::SCHEMA;
        manifest.status = Status::Running;
        manifest.env_step = from_step;
        manifest.provenance = provenance.clone();
        manifest.attempts.push(Attempt {
            started,
            from_step,
            to_step: from_step,
            wall_seconds: 0.0,
            provenance: Some(provenance),
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
        self.display.show(event);
        if let Event::Eval { env_step, .. } = event {
            self.note(*env_step, |_| {}).map_err(std::io::Error::other)?;
        }
        Ok(())
    }

    fn sync(&mut self) -> std::io::Result<Position> {
        self.events.sync()
    }
}
