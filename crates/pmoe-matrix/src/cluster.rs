//! Executes runs as jobs of a cluster. The engine schedules, the run folders are the truth.
//!
//! A round reads the queue, then the folders of runs that are not in it, and submits what is missing
//! ([`Campaign`] decides). Nothing is remembered from one start to the next: whoever comes back finds jobs in the queue
//! and runs in their folders.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;

use pmoe_results::error::with_causes;
use pmoe_results::exit::EndingSignals;
use pmoe_results::plan::{PlannedRun, RunProgress};
use pmoe_results::run::Lock;
use pmoe_results::{Plan, ResultsError};

use crate::end::RunEnd;
use crate::error::{ClusterError, MatrixError, SlurmError};
use crate::executor::{Executor, Listener, Notice};
use crate::select::Planned;
use array::Arrays;
use folder::{Folder, Submission};
use options::{Engine, SlurmSettings};

mod array;
pub mod campaign;
mod command;
mod folder;
pub mod indices;
pub mod note;
pub mod options;
mod preview;
pub mod slurm;
mod status;

pub use campaign::{Budget, Campaign, Job, JobState, Obstacle, Order, Seen};
pub use indices::Indices;
pub use note::{JobEnd, Note};
pub use options::{ClusterOptions, ExecutorKind};
pub use status::{Jobs, cancel, jobs, reopen, status};

/// Most runs that are submitted at a time where the engine has no limit.
const NO_LIMIT: usize = usize::MAX;

/// Executes runs as jobs of a cluster, until all are done or a signal says to leave them to it.
#[derive(Debug)]
pub struct Cluster {
    folder: Folder,
    submission: Submission,
    plan: Plan,
    /// Runs that are done, perhaps with other settings: a job finds out.
    doubtful: BTreeSet<usize>,
}

/// An engine in action.
enum Desk<'a> {
    Slurm(Arrays<'a>),
    Command(command::Blocking<'a>),
}

impl Cluster {
    /// Creates an executor of the runs of `plan`, whose results are in `out`, by the program `pmoe`.
    pub(crate) fn new(
        pmoe: &Path,
        out: &Path,
        plan: Plan,
        engine: Engine,
        doubtful: BTreeSet<usize>,
    ) -> Result<Self, MatrixError> {
        let absolute = |path: &Path| {
            std::path::absolute(path)
                .map_err(|source| MatrixError::Out { path: path.to_owned(), source })
        };
        let cwd = env::current_dir()
            .map_err(|source| MatrixError::Out { path: PathBuf::from("."), source })?;
        let submission = Submission {
            schema: Submission::SCHEMA,
            pmoe: absolute(pmoe)?,
            cwd,
            out: out.to_owned(),
            engine,
        };
        Ok(Self { folder: Folder::of(&plan, out), submission, plan, doubtful })
    }

    /// Returns the runs of the plan, with their folders.
    #[must_use]
    pub fn runs(&self) -> Vec<Planned> {
        let out = self.folder.out();
        let planned = |run: &PlannedRun| {
            let dir = out.join(&run.dir);
            let progress = RunProgress::read(&dir, run.total_steps);
            Planned { dir, run: PlannedRun { progress, ..run.clone() } }
        };
        self.plan.runs.iter().map(planned).collect()
    }

    /// Rounds until all is over, or a signal comes.
    fn rounds(
        &self,
        desk: &mut Desk<'_>,
        runs: &[Planned],
        listener: &Listener<'_>,
        signals: &Receiver<i32>,
    ) -> Result<Vec<RunEnd>, MatrixError> {
        let most_queued = match &self.submission.engine {
            Engine::Slurm(settings) => settings.max_queued,
            Engine::Command { .. } => NO_LIMIT,
        };
        let mut campaign = Campaign::new(runs.len(), most_queued, Budget::default());
        let mut ends = vec![RunEnd::Stopped; runs.len()];
        loop {
            let jobs = match desk.jobs() {
                Ok(jobs) => jobs,
                // Jobs go on without the controller, and it may come back.
                Err(error) if desk.has_answered() => {
                    listener(Notice::Waiting(&error.to_string()));
                    if desk.pause(signals) {
                        break;
                    }
                    continue;
                }
                Err(error) => return Err(ClusterError::from(error).into()),
            };
            if self.folder.is_cancelled() {
                break;
            }
            let mut asked = Vec::new();
            for order in campaign.round(&jobs, |index| self.look(index, &runs[index])) {
                match order {
                    Order::Over(index, end) => {
                        self.settle(index, &end);
                        // What was done before is no news.
                        if !runs[index].is_done() || end != RunEnd::Done {
                            listener(Notice::Over(index, &end));
                        }
                        ends[index] = end;
                    }
                    Order::Submit(indices) => asked = indices,
                    Order::GiveUp(obstacle) => {
                        desk.cancel();
                        let reason = self.explained(&obstacle, campaign.open());
                        return Err(ClusterError::GivenUp { reason }.into());
                    }
                }
            }
            if campaign.is_over() {
                break;
            }
            let submitted = desk.submit(&asked, signals, listener)?;
            campaign.submitted(&submitted);
            if matches!(desk, Desk::Slurm(_)) {
                let running = jobs.iter().filter(|job| job.state == JobState::Running).count();
                let waiting = jobs.len() - running + submitted.len();
                listener(Notice::Queue { waiting, running });
            }
            if desk.pause(signals) {
                break;
            }
        }
        match campaign.is_over() {
            true => desk.finish(),
            false if self.folder.is_cancelled() => listener(Notice::Cancelled),
            // A command has ended, and its runs with it.
            false if matches!(desk, Desk::Command(_)) => {}
            false => {
                listener(Notice::Left { runs: campaign.open().count(), out: self.folder.out() })
            }
        }
        if ends.iter().all(|end| *end == RunEnd::Done) {
            // It holds nothing that the run folders don't; a file that is left is in nobody's way.
            let _ = self.folder.remove();
        }
        Ok(ends)
    }

    /// Reads how far a run is that is not in the queue.
    fn look(&self, index: usize, planned: &Planned) -> Seen {
        let planned = planned.refreshed();
        let is_doubtful = self.doubtful.contains(&index);
        let read = || Note::read(&self.folder.notes(), index).ok().flatten();
        let note = if planned.is_done() && !is_doubtful { None } else { read() };
        let is_confirmed =
            || note.as_ref().is_some_and(|note| note.end == Some(JobEnd::Run(RunEnd::Done)));
        let done = planned.is_done() && (!is_doubtful || is_confirmed());
        Seen { done, env_step: planned.steps_done(), note }
    }

    /// Removes what is left of the jobs of a run that is done.
    fn settle(&self, index: usize, end: &RunEnd) {
        if *end == RunEnd::Done {
            // Files that are not there need not be removed.
            let _ = fs::remove_file(Note::path(&self.folder.notes(), index));
            let _ = self.log(index).map(fs::remove_file);
        }
    }

    /// Returns the path of what the jobs of a run print, if that is kept.
    fn log(&self, index: usize) -> Option<PathBuf> {
        match &self.submission.engine {
            Engine::Slurm(SlurmSettings { chunk, .. }) => {
                Some(self.folder.logs(index / chunk).join(format!("{}.log", index % chunk)))
            }
            Engine::Command { .. } => None,
        }
    }

    /// Adds the last words of a job to the reason why none begins.
    fn explained(&self, obstacle: &Obstacle, mut open: impl Iterator<Item = usize>) -> String {
        if let Obstacle::Unfit { .. } = obstacle {
            return obstacle.to_string();
        }
        let spoken = open.find_map(|index| {
            let path = self.log(index)?;
            let text = fs::read(&path).ok()?;
            let text = String::from_utf8_lossy(&text).into_owned();
            let line = text.lines().rfind(|line| !line.trim().is_empty())?.trim().to_owned();
            Some(format!("{line} ({})", path.display()))
        });
        let folder = self.folder.path.display();
        match spoken {
            Some(words) => format!("{obstacle}: {words}"),
            None => {
                format!("{obstacle} and left nothing in {folder}: do the nodes share this folder?")
            }
        }
    }
}

impl Executor for Cluster {
    fn execute(
        &self,
        runs: &[Planned],
        listener: &Listener<'_>,
    ) -> Result<Vec<RunEnd>, MatrixError> {
        let mut desk = match &self.submission.engine {
            Engine::Slurm(settings) => {
                Desk::Slurm(Arrays::new(&self.folder, &self.submission, settings, runs.len()))
            }
            Engine::Command { submit } => {
                Desk::Command(command::Blocking::new(&self.folder, &self.submission, submit))
            }
        };
        // Before anything is written, and so that an engine that is not there is noticed first.
        desk.jobs().map_err(ClusterError::from)?;
        let _alone = Lock::take(&self.folder.path)?;
        self.folder.write(&self.plan, &self.submission, desk.script().as_deref())?;
        let signals = EndingSignals::catch().map_err(MatrixError::Signals)?;
        let listening = signals.closer();
        let (sender, receiver) = mpsc::channel();
        thread::scope(|scope| {
            scope.spawn(move || {
                for signal in signals {
                    if sender.send(signal).is_err() {
                        break;
                    }
                }
            });
            let ends = self.rounds(&mut desk, runs, listener, &receiver);
            listening.close();
            if let Err(MatrixError::Cluster(ClusterError::Slurm(_))) = &ends {
                // Nothing was submitted; what is left of the folder is in nobody's way.
                let _ = self.folder.remove();
            }
            ends
        })
    }
}

impl Desk<'_> {
    /// Reads the queue.
    fn jobs(&mut self) -> Result<Vec<Job>, SlurmError> {
        match self {
            Self::Slurm(arrays) => {
                let jobs = arrays.look()?;
                arrays.tend(&jobs);
                Ok(jobs)
            }
            // The command waits for its jobs.
            Self::Command(_) => Ok(Vec::new()),
        }
    }

    /// Whether the engine has answered before.
    fn has_answered(&self) -> bool {
        match self {
            Self::Slurm(arrays) => arrays.has_answered(),
            Self::Command(_) => true,
        }
    }

    /// Returns the script of a job, if jobs have one.
    fn script(&self) -> Option<String> {
        match self {
            Self::Slurm(arrays) => Some(arrays.script()),
            Self::Command(_) => None,
        }
    }

    /// Submits runs, as many as the engine takes; returns these.
    fn submit(
        &mut self,
        indices: &[usize],
        signals: &Receiver<i32>,
        listener: &Listener<'_>,
    ) -> Result<Vec<usize>, MatrixError> {
        match self {
            Self::Slurm(arrays) => arrays.submit(indices, listener),
            Self::Command(command) => command.submit(indices, signals, listener),
        }
    }

    /// Ends all jobs.
    fn cancel(&self) {
        if let Self::Slurm(arrays) = self {
            arrays.cancel();
        }
    }

    /// Cleans up after the last run.
    fn finish(&self) {
        if let Self::Slurm(arrays) = self {
            arrays.finish();
        }
    }

    /// Waits until it is time for the next round; returns whether a signal came instead.
    fn pause(&self, signals: &Receiver<i32>) -> bool {
        let pause = match self {
            Self::Slurm(arrays) => arrays.poll(),
            Self::Command(command) if command.is_stopping() => return true,
            Self::Command(command) => command.pause(),
        };
        !matches!(signals.recv_timeout(pause), Err(RecvTimeoutError::Timeout))
    }
}

/// Removes the notes about runs that are about to be submitted: those of earlier jobs say nothing about the next.
fn forget(folder: &Folder, indices: &[usize]) -> Result<(), ResultsError> {
    for index in indices {
        let path = Note::path(&folder.notes(), *index);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(ResultsError::write(&path, error));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Formats a reason for a notice.
fn words(error: &(dyn std::error::Error + 'static)) -> String {
    with_causes(error)
}
