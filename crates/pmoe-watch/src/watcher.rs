//! Reads a folder of runs incrementally. It writes nothing and keeps no lock.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use pmoe_results::error::with_causes;
use pmoe_results::plan::{PlannedRun, Use};
use pmoe_results::run::{Folders, task_folder};
use pmoe_results::{Manifest, Plan, ResultsError, Status};

use crate::snapshot::{RunState, RunView, Snapshot};
use known::{BYTES_AT_ONCE, Known, Stamp, last_words};

mod known;

/// Follows a folder of runs.
#[derive(Debug)]
pub struct Watcher {
    dir: PathBuf,
    plan: Option<Plan>,
    plan_stamp: Option<Stamp>,
    runs: BTreeMap<PathBuf, Known>,
}

/// Runs whose events a refresh reads to the end; the others take turns.
#[derive(Debug, Clone, Copy)]
pub enum Wanted<'a> {
    /// Every run.
    All,
    /// Runs in progress, and these.
    Runs(&'a BTreeSet<PathBuf>),
}

impl Watcher {
    /// Creates a watcher of a folder of runs, with or without a plan.
    #[must_use]
    pub fn new(dir: &Path) -> Self {
        Self { dir: dir.to_owned(), plan: None, plan_stamp: None, runs: BTreeMap::new() }
    }

    /// Reads what is new and returns the state of the folder.
    ///
    /// A run that can't be read counts as failed. A plan that can't be read is reported as a
    /// problem, and the previous plan stays in use.
    ///
    /// # Errors
    /// Returns an error if the folder can't be listed.
    pub fn refresh(
        &mut self,
        now: SystemTime,
        wanted: Wanted<'_>,
    ) -> Result<Snapshot, ResultsError> {
        let Folders { runs: found, broken, repeated, .. } = Folders::find(&self.dir)?;
        let mut problems: Vec<_> = broken.iter().map(|(_, error)| with_causes(error)).collect();
        problems.extend(repeated.iter().map(ToString::to_string));
        problems.extend(self.read_plan());

        let found: BTreeSet<PathBuf> = found.iter().map(|path| self.relative(path)).collect();
        self.runs.retain(|dir, _| found.contains(dir));
        for dir in found {
            let path = self.dir.join(&dir);
            self.runs.entry(dir).or_insert_with(|| Known::new(&path)).read_manifest(&path);
        }
        self.read_events(wanted);
        problems.extend(self.runs.iter().filter_map(|(dir, known)| {
            Some(format!("{}: {}", dir.display(), known.problem.as_ref()?))
        }));

        let planned = self.plan.iter().flat_map(|plan| &plan.runs);
        let mut views: Vec<_> = planned.map(|run| self.planned_view(run, now)).collect();
        let dirs: BTreeSet<_> = views.iter().map(|view| view.dir.clone()).collect();
        let others = self.runs.iter().filter(|(dir, _)| !dirs.contains(*dir));
        views.extend(others.map(|(dir, known)| self.view(dir, known, now)));
        let plan = self.plan.as_ref().map(|plan| (plan.preset, plan.max_steps));
        Ok(Snapshot::new(&self.dir, plan, views, problems))
    }

    fn relative(&self, path: &Path) -> PathBuf {
        path.strip_prefix(&self.dir).unwrap_or(path).to_owned()
    }

    /// Reads the plan if it has changed; returns what is wrong with it.
    fn read_plan(&mut self) -> Option<String> {
        let stamp = Stamp::read(&self.dir.join(Plan::FILE));
        if stamp == self.plan_stamp {
            return None;
        }
        match Plan::read(&self.dir) {
            Ok(plan) => {
                self.plan = plan;
                self.plan_stamp = stamp;
                None
            }
            Err(error) => Some(with_causes(&error)),
        }
    }

    fn read_events(&mut self, wanted: Wanted<'_>) {
        let mut budget = BYTES_AT_ONCE;
        for (dir, known) in &mut self.runs {
            let to_the_end = match wanted {
                Wanted::All => true,
                Wanted::Runs(wanted) => known.is_running() || wanted.contains(dir),
            };
            while known.unread && (to_the_end || budget > 0) {
                budget = budget.saturating_sub(known.read_events());
            }
        }
    }

    fn planned_view(&self, run: &PlannedRun, now: SystemTime) -> RunView {
        let mut view = match self.runs.get(&run.dir) {
            Some(known) => self.view(&run.dir, known, now),
            None => RunView {
                dir: run.dir.clone(),
                used_by: Vec::new(),
                method: String::new(),
                task: String::new(),
                seed: 0,
                set: BTreeMap::new(),
                state: match last_words(&self.dir.join(&run.dir)) {
                    Some(reason) => RunState::Failed { reason },
                    None => RunState::Waiting,
                },
                env_step: 0,
                total_steps: run.total_steps,
                steps_per_second: None,
                seconds_left: None,
                quiet_seconds: None,
                last_eval: None,
                curve: Vec::new(),
                attempts: 0,
                wall_seconds: 0.0,
            },
        };
        view.used_by.clone_from(&run.used_by);
        view.method.clone_from(&run.base);
        view.task.clone_from(&run.task);
        view.seed = run.seed;
        view.set.clone_from(&run.set);
        if view.state == RunState::Done && view.total_steps != run.total_steps {
            let (found, planned) = (view.total_steps, run.total_steps);
            let reason = format!("it has {found} steps, but the plan requires {planned}");
            view.state = RunState::Failed { reason };
        }
        view
    }

    fn view(&self, dir: &Path, known: &Known, now: SystemTime) -> RunView {
        let path = self.dir.join(dir);
        let mut view = RunView {
            dir: dir.to_owned(),
            used_by: Vec::new(),
            method: "?".to_owned(),
            task: "?".to_owned(),
            seed: 0,
            set: BTreeMap::new(),
            state: RunState::Waiting,
            env_step: known.env_step,
            total_steps: known.env_step,
            steps_per_second: known.steps_per_second(),
            seconds_left: None,
            quiet_seconds: None,
            last_eval: known.last_eval,
            curve: known.curve.iter().map(|(step, value)| (*step, *value)).collect(),
            attempts: 0,
            wall_seconds: 0.0,
        };
        let manifest = match &known.manifest {
            Ok(manifest) => manifest,
            Err(reason) => {
                view.state = RunState::Failed { reason: reason.clone() };
                view.used_by = vec![self.place(dir, None)];
                return view;
            }
        };
        view.used_by = vec![self.place(dir, Some(manifest))];
        view.method.clone_from(&manifest.method);
        view.task.clone_from(&manifest.task);
        view.seed = manifest.seed;
        view.env_step = known.env_step.max(manifest.env_step);
        view.total_steps = manifest.total_steps;
        view.attempts = manifest.attempts.len();
        view.wall_seconds = manifest.wall_seconds();
        view.state = match &manifest.status {
            Status::Done => RunState::Done,
            Status::Interrupted => RunState::Stopped,
            Status::Failed { reason, diverged } => RunState::Failed {
                reason: if *diverged { format!("diverged: {reason}") } else { reason.clone() },
            },
            Status::Running => {
                view.quiet_seconds = known.quiet_seconds(&path, now);
                match view.quiet_seconds {
                    _ if known.is_killed() => RunState::Killed { reason: last_words(&path) },
                    Some(quiet) if quiet > known.patience(manifest) => {
                        RunState::Quiet { reason: last_words(&path) }
                    }
                    _ => RunState::Running,
                }
            }
        };
        if view.state == RunState::Running {
            view.seconds_left = known.seconds_left(manifest, now);
        }
        view
    }

    /// Returns the suite and method of a run that is not in the plan.
    ///
    /// They come from the path if it is `<suite>/<method>/<task>/seed_<n>`; otherwise the suite is
    /// the folder above the run.
    fn place(&self, dir: &Path, manifest: Option<&Manifest>) -> Use {
        let names: Vec<_> = dir.iter().map(|name| name.to_string_lossy()).collect();
        let (depth, method) = match (names.as_slice(), manifest) {
            ([.., method, task, _], Some(manifest)) if *task == task_folder(&manifest.task) => {
                (3, &**method)
            }
            (_, manifest) => (1, manifest.map_or("?", |manifest| manifest.method.as_str())),
        };
        let above = dir.ancestors().nth(depth).filter(|above| !above.as_os_str().is_empty());
        let suite = above.or_else(|| self.dir.file_name().map(Path::new)).unwrap_or(&self.dir);
        Use { suite: suite.display().to_string(), method: method.to_owned() }
    }
}

#[cfg(test)]
mod tests;
