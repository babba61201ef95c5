//! The view of a run: what its files, the plan and the queue say together.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::SystemTime;

use pmoe_results::plan::{PlannedRun, Use};
use pmoe_results::run::task_folder;
use pmoe_results::{Manifest, Status};

use super::known::{Known, last_words};
use crate::job::{Job, JobState};
use crate::snapshot::{RunState, RunView};

/// All that is known about a run.
pub(super) struct Sources<'a> {
    /// The watched folder.
    pub(super) root: &'a Path,
    /// The folder of the run, relative to the watched one.
    pub(super) dir: &'a Path,
    /// What its files say; `None` if it has no folder.
    pub(super) known: Option<&'a Known>,
    /// Whether it may have a log beside its folder.
    pub(super) may_have_log: bool,
    /// What the plan says.
    pub(super) planned: Option<&'a PlannedRun>,
    /// What the queue says.
    pub(super) job: Option<&'a Job>,
}

impl Sources<'_> {
    /// Returns the view of the run.
    pub(super) fn view(&self, now: SystemTime) -> RunView {
        let path = self.root.join(self.dir);
        let manifest = self.known.map(|known| known.manifest.as_ref());
        let mut view = self.blank();
        if let Some(known) = self.known {
            view.env_step = known.env_step;
            view.total_steps = known.env_step;
            view.steps_per_second = known.steps_per_second();
            view.last_eval = known.last_eval;
            view.curve = known.curve.iter().map(|(step, value)| (*step, *value)).collect();
        }
        if let Some(Ok(manifest)) = manifest {
            view.env_step = view.env_step.max(manifest.env_step);
            view.total_steps = manifest.total_steps;
            view.attempts = manifest.attempts.len();
            view.wall_seconds = manifest.wall_seconds();
        }
        if let (Some(known), Some(Ok(Manifest { status: Status::Running, .. }))) =
            (self.known, manifest)
        {
            view.quiet_seconds = known.quiet_seconds(&path, now);
        }

        let by_files = self.by_files(&path, view.quiet_seconds);
        view.state = match manifest {
            // Its job can't read it either.
            Some(Err(_)) => by_files,
            _ => by_queue(by_files, self.job, self.known.is_some_and(Known::is_held)),
        };
        if let (RunState::Running, Some(known), Some(Ok(manifest))) =
            (&view.state, self.known, manifest)
        {
            view.seconds_left = known.seconds_left(manifest, view.quiet_seconds, now);
        }
        view
    }

    /// Returns a run that has not begun.
    fn blank(&self) -> RunView {
        let Self { dir, planned, job, .. } = self;
        let manifest = self.known.and_then(|known| known.manifest.as_ref().ok());
        let (used_by, method, task, seed) = match (planned, manifest) {
            (Some(run), _) => (run.used_by.clone(), run.base.clone(), run.task.clone(), run.seed),
            (None, Some(Manifest { method, task, seed, .. })) => {
                (vec![self.place(manifest)], method.clone(), task.clone(), *seed)
            }
            (None, None) => (vec![self.place(None)], "?".to_owned(), "?".to_owned(), 0),
        };
        RunView {
            dir: dir.to_path_buf(),
            used_by,
            method,
            task,
            seed,
            set: planned.map_or_else(BTreeMap::new, |run| (*run.set).clone()),
            state: RunState::Waiting,
            job: job.cloned(),
            env_step: 0,
            total_steps: planned.map_or(0, |run| run.total_steps),
            steps_per_second: None,
            seconds_left: None,
            quiet_seconds: None,
            last_eval: None,
            curve: Vec::new(),
            attempts: 0,
            wall_seconds: 0.0,
        }
    }

    /// Returns the state that follows from its files and the plan.
    fn by_files(&self, path: &Path, quiet_seconds: Option<f64>) -> RunState {
        let Some(known) = self.known else {
            return match self.may_have_log.then(|| last_words(path)).flatten() {
                Some(reason) => RunState::Failed { reason },
                None => RunState::Waiting,
            };
        };
        let manifest = match &known.manifest {
            Ok(manifest) => manifest,
            Err(reason) => return RunState::Failed { reason: reason.clone() },
        };
        match (&manifest.status, self.planned) {
            (Status::Done, Some(run)) if run.total_steps != manifest.total_steps => {
                let (found, planned) = (manifest.total_steps, run.total_steps);
                let reason = format!("it has {found} steps, but the plan requires {planned}");
                RunState::Failed { reason }
            }
            (Status::Done, _) => RunState::Done,
            (Status::Interrupted, _) => RunState::Stopped,
            (Status::Failed { reason, diverged: true }, _) => {
                RunState::Failed { reason: format!("diverged: {reason}") }
            }
            (Status::Failed { reason, diverged: false }, _) => {
                RunState::Failed { reason: reason.clone() }
            }
            (Status::Running, _) if known.is_killed() => {
                RunState::Killed { reason: last_words(path) }
            }
            (Status::Running, _) if known.is_silent(manifest, quiet_seconds) => {
                RunState::Quiet { reason: last_words(path) }
            }
            (Status::Running, _) => RunState::Running,
        }
    }

    /// Returns the suite and method of a run that is not in the plan.
    ///
    /// They come from the path if it is `<suite>/<method>/<task>/seed_<n>`; otherwise the suite is
    /// the folder above the run.
    fn place(&self, manifest: Option<&Manifest>) -> Use {
        let names: Vec<_> = self.dir.iter().map(|name| name.to_string_lossy()).collect();
        let (depth, method) = match (names.as_slice(), manifest) {
            ([.., method, task, _], Some(manifest)) if *task == task_folder(&manifest.task) => {
                (3, &**method)
            }
            (_, manifest) => (1, manifest.map_or("?", |manifest| manifest.method.as_str())),
        };
        let above = self.dir.ancestors().nth(depth).filter(|above| !above.as_os_str().is_empty());
        let suite = above.or_else(|| self.root.file_name().map(Path::new)).unwrap_or(self.root);
        Use { suite: suite.display().to_string(), method: method.to_owned() }
    }
}

/// Returns the state of a run, given the one that follows from its files.
fn by_queue(by_files: RunState, job: Option<&Job>, is_held: bool) -> RunState {
    let Some(Job { state, reason, .. }) = job else {
        return by_files;
    };
    match (by_files, state) {
        (RunState::Done, _) => RunState::Done,
        (_, JobState::Running) => RunState::Running,
        // A process is at work on it here, so the job may have just begun.
        (by_files, _) if is_held => by_files,
        (RunState::Waiting, JobState::Queued) => RunState::Queued { reason: reason.clone() },
        _ => RunState::Requeued { reason: reason.clone() },
    }
}
