//! Reads a folder of runs incrementally. It writes nothing and keeps no lock.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use pmoe_results::error::with_causes;
use pmoe_results::plan::PlannedRun;
use pmoe_results::run::Folders;
use pmoe_results::{Plan, ResultsError};

use crate::job::{Job, Jobs};
use crate::snapshot::{RunView, Snapshot};
use known::{BYTES_AT_ONCE, Known, Stamp, log_path};
use view::Sources;

mod known;
mod view;

/// Follows a folder of runs.
#[derive(Debug)]
pub struct Watcher {
    dir: PathBuf,
    plan: Option<Plan>,
    plan_stamp: Option<Stamp>,
    runs: BTreeMap<PathBuf, Known>,
    jobs: HashMap<PathBuf, Job>,
    jobs_problem: Option<String>,
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
        Self {
            dir: dir.to_owned(),
            plan: None,
            plan_stamp: None,
            runs: BTreeMap::new(),
            jobs: HashMap::new(),
            jobs_problem: None,
        }
    }

    /// Takes what the queue of a cluster says of the runs, instead of what it said before.
    ///
    /// Jobs of runs that are neither in the plan nor have a folder are not shown.
    pub fn set_jobs(&mut self, jobs: Jobs) {
        self.jobs = jobs.into_iter().collect();
        self.jobs_problem = None;
    }

    /// Reports as a problem why the queue can't be asked; the jobs known before stay in use.
    pub fn set_jobs_problem(&mut self, problem: String) {
        self.jobs_problem = Some(problem);
    }

    /// Reads what is new and returns the state of the folder: a function of its files, the jobs and
    /// `now`.
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
        problems.extend(self.jobs_problem.clone());

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

        let plan = self.plan.as_ref().map(|plan| (plan.preset, plan.max_steps));
        Ok(Snapshot::new(&self.dir, plan, self.views(now), problems))
    }

    /// Whether a refresh would read on in one of these runs, as far as is known without looking.
    pub(crate) fn has_unread(&self, wanted: &BTreeSet<PathBuf>) -> bool {
        wanted.iter().any(|dir| self.runs.get(dir).is_some_and(|known| known.unread))
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

    /// Returns the views of all runs: first those of the plan in its order, then the others by path.
    fn views(&self, now: SystemTime) -> Vec<RunView> {
        // Plans and queues may be long, and a tree of paths compares them part by part.
        let known: HashMap<&Path, &Known> =
            self.runs.iter().map(|(dir, known)| (dir.as_path(), known)).collect();
        let planned = self.plan.as_ref().map_or(&[][..], |plan| plan.runs.as_slice());
        let new = planned.iter().filter(|run| !known.contains_key(run.dir.as_path()));
        let logs = self.logs(new);
        let sources = |dir, known, planned| Sources {
            root: &self.dir,
            dir,
            known,
            may_have_log: !logs.is_empty() && logs.contains(&log_path(dir)),
            planned,
            job: self.jobs.get(dir),
        };

        let mut views = Vec::with_capacity(planned.len().max(known.len()));
        let mut seen = HashSet::new();
        for run in planned {
            let known = known.get(run.dir.as_path()).copied();
            if known.is_some() {
                seen.insert(run.dir.as_path());
            }
            views.push(sources(&run.dir, known, Some(run)).view(now));
        }
        let others = self.runs.iter().filter(|(dir, _)| !seen.contains(dir.as_path()));
        views.extend(others.map(|(dir, known)| sources(dir, Some(known), None).view(now)));
        views
    }

    /// Returns the logs beside the folders of `runs`, relative to the watched folder.
    ///
    /// Listing their few parents is much faster than asking for the log of each run, above all on a
    /// network.
    fn logs<'a>(&self, runs: impl Iterator<Item = &'a PlannedRun>) -> HashSet<PathBuf> {
        let parents: HashSet<&Path> = runs.filter_map(|run| run.dir.parent()).collect();
        let mut logs = HashSet::new();
        for parent in parents {
            let entries = fs::read_dir(self.dir.join(parent)).into_iter().flatten().flatten();
            let paths = entries.map(|entry| parent.join(entry.file_name()));
            logs.extend(paths.filter(|path| log_path(path) == *path));
        }
        logs
    }
}

#[cfg(test)]
mod tests;
