//! Training, with what it writes into the folder: events, and in the manifest how far it is and how it ended.

use std::time::{Duration, Instant, SystemTime};

use anyhow::Result;
use pmoe_algos::{Agent, RunConfig, RunError, Training, TrainingEnd};
use pmoe_envs::TaskId;
use pmoe_results::error::with_causes;
use pmoe_results::number::grouped;
use pmoe_results::run::{Attempt, JsonlSink, Position, Provenance};
use pmoe_results::{Event, Exit, Manifest, ResultsError, Run, RunDir, Sink, Status};

use super::stop::Stop;
use super::tracker::{Track, Tracker};
use crate::commands::policy;
use crate::evaluations::Evaluated;
use crate::progress::{Display, spoken};

/// Trains and writes down how it ended.
pub(super) fn run<A: Agent>(
    config: &RunConfig,
    mut training: Training<'_, A>,
    provenance: Provenance,
    run_dir: &mut RunDir,
    watched: Watched<'_>,
    stop: &Stop<'_>,
) -> Result<Exit> {
    let mut sink = RunSink::begin(&training, provenance, run_dir, watched)?;
    let result = training.run(&mut sink);
    match finish(config, &training, result, &mut sink)? {
        TrainingEnd::Done => {
            if sink.watched.display.is_for_people() {
                say_end(config, sink.run_dir);
            }
            Ok(Exit::Done)
        }
        TrainingEnd::Interrupted => {
            let env_step = training.progress().env_step;
            say!("checkpoint written at step {env_step}; the same command continues");
            Ok(stop.exit())
        }
    }
}

/// Writes down how the run ended, with the policy of a finished one.
///
/// # Errors
/// The error that ended the run, or that of writing.
pub(super) fn finish<A: Agent>(
    config: &RunConfig,
    training: &Training<'_, A>,
    result: Result<TrainingEnd, RunError>,
    sink: &mut RunSink<'_>,
) -> Result<TrainingEnd> {
    let env_step = training.progress().env_step;
    let result = result.and_then(|outcome| Ok((outcome, sink.sync()?)));
    sink.watched.display.finish();
    match result {
        Ok((TrainingEnd::Done, Position { blake3, .. })) => {
            let kept = sink.run_dir.path().join(RunDir::POLICY);
            policy::write(training.agent(), config, env_step, &kept)?;
            // Of what was written, not of what is there now.
            sink.note(env_step, |manifest| {
                manifest.status = Status::Done;
                manifest.events_blake3 = Some(blake3);
            })?;
            Ok(TrainingEnd::Done)
        }
        Ok((TrainingEnd::Interrupted, _)) => {
            sink.note(env_step, |manifest| manifest.status = Status::Interrupted)?;
            Ok(TrainingEnd::Interrupted)
        }
        Err(error) => {
            let diverged = matches!(error, RunError::Agent(_));
            let error = anyhow::Error::from(error);
            let status = Status::Failed { reason: format!("{error:#}"), diverged };
            // On a full disk this may fail as well, but the first error is the one to tell. Nothing is
            // recorded in a folder that is another's now.
            let noted = sink.note(env_step, |manifest| manifest.status = status);
            if let Err(error) = noted
                && !matches!(error, ResultsError::Locked { .. })
            {
                say!("warning: cannot record the failure in the manifest: {}", with_causes(&error));
            }
            // Nor is it worse when the last events can't be kept.
            let _ = sink.sync();
            Err(error)
        }
    }
}

/// Says how a finished run went, where it is, and what can be done with it.
fn say_end(config: &RunConfig, run_dir: &RunDir) {
    // The run is done, whatever its folder answers now.
    let Ok(run) = Run::read(run_dir.path()) else { return };
    let evaluations: Vec<_> = run.events.iter().filter_map(Evaluated::of).collect();
    let better = |a: &&Evaluated, b: &&Evaluated| a.mean.total_cmp(&b.mean);
    // A manifest that was edited may hold any number.
    let took = Duration::try_from_secs_f64(run.manifest.wall_seconds()).unwrap_or_default();
    let took = spoken(took);
    if let (Some(last), Some(best)) = (evaluations.last(), evaluations.iter().max_by(better)) {
        let (steps, at) = (grouped(run.manifest.env_step), grouped(best.env_step));
        say!(
            "{steps} steps in {took}: evaluation {last} at the end, {best} at its best (step {at})"
        );
    }
    let folder = run_dir.path().display().to_string();
    say!("run folder: {folder}");
    let folder = shlex::try_quote(&folder).unwrap_or((&folder).into());
    let render = match config.task {
        TaskId::Gym(_) => String::new(),
        _ => format!("`pmoe render {folder} --output clip.gif`, "),
    };
    say!("next: `pmoe evaluate {folder}`, {render}`pmoe report {folder}`");
}

fn start_attempt(
    run_dir: &mut RunDir,
    provenance: Provenance,
    from_step: u64,
    cut_episodes: bool,
) -> Result<()> {
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
            cut_episodes,
            provenance: Some(provenance),
        });
    })?;
    Ok(())
}

/// Who sees the events beside the run's folder.
pub(super) struct Watched<'a> {
    pub(super) display: Display,
    pub(super) on_event: Option<&'a dyn Fn(&Event)>,
    pub(super) track: Option<Track>,
}

/// Keeps the events, shows and tracks them, and brings the manifest up to date at every evaluation.
pub(super) struct RunSink<'a> {
    events: JsonlSink,
    watched: Watched<'a>,
    tracker: Tracker,
    run_dir: &'a mut RunDir,
    begun: Instant,
}

impl<'a> RunSink<'a> {
    /// Starts another attempt at the run.
    pub(super) fn begin<A: Agent>(
        training: &Training<'_, A>,
        provenance: Provenance,
        run_dir: &'a mut RunDir,
        mut watched: Watched<'a>,
    ) -> Result<Self> {
        let progress = training.progress();
        watched.display.begin(progress.env_step);
        let events = run_dir.events_from(&progress.events)?;
        let cut_episodes = progress.env_step > 0 && !training.spec().resumable;
        start_attempt(run_dir, provenance, progress.env_step, cut_episodes)?;
        let tracker = Tracker::begin(watched.track, run_dir.path());
        Ok(Self { events, watched, tracker, run_dir, begun: Instant::now() })
    }

    /// Writes down how far the run is, and what `change` does.
    fn note(
        &mut self,
        env_step: u64,
        change: impl FnOnce(&mut Manifest),
    ) -> Result<(), ResultsError> {
        let wall_seconds = self.begun.elapsed().as_secs_f64();
        self.run_dir.update_manifest(|manifest| {
            manifest.env_step = env_step;
            if let Some(attempt) = manifest.attempts.last_mut() {
                attempt.to_step = env_step;
                attempt.wall_seconds = wall_seconds;
            }
            change(manifest);
        })
    }
}

impl Sink for RunSink<'_> {
    fn emit(&mut self, event: &Event) -> std::io::Result<()> {
        self.events.emit(event)?;
        self.tracker.emit(event, self.run_dir.path());
        self.watched.display.show(event);
        if let Some(on_event) = self.watched.on_event {
            on_event(event);
        }
        if let Event::Eval { env_step, .. } = event {
            self.note(*env_step, |_| {}).map_err(std::io::Error::other)?;
        }
        Ok(())
    }

    fn sync(&mut self) -> std::io::Result<Position> {
        let position = self.events.sync()?;
        self.tracker.sync(self.run_dir.path());
        Ok(position)
    }
}
