//! What became of submitted runs, for those who come back: to look, to wait, to cancel.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use pmoe_results::{Plan, ResultsError};

use super::array::{Arrays, report_name};
use super::campaign::{Job, JobState};
use super::folder::Folder;
use super::options::Engine;
use super::{Cluster, slurm};
use crate::error::{ClusterError, MatrixError};
use crate::words::counted;
use pmoe_results::text::table;

/// Jobs of runs, by the runs' folders relative to that of the results.
pub type Jobs = BTreeMap<PathBuf, Job>;

/// Most jobs that a status lists; it counts all.
const LISTED: usize = 50;

/// Returns the executors of what was submitted for the results in `out`, to go on with them.
///
/// # Errors
/// Returns an error if nothing was submitted, or its files can't be read.
pub fn reopen(out: &Path) -> Result<Vec<Cluster>, MatrixError> {
    let mut clusters = Vec::new();
    for folder in Folder::all(out)? {
        clusters.extend(Cluster::read(folder)?);
    }
    match clusters.is_empty() {
        true => Err(ClusterError::NoJobs { out: out.to_owned() }.into()),
        false => Ok(clusters),
    }
}

/// Returns the jobs in the queue of Slurm for the results in `out`; none if nothing was submitted to it.
///
/// # Errors
/// Returns an error if the files of a submission can't be read, or Slurm does not answer.
pub fn jobs(out: &Path) -> Result<Jobs, MatrixError> {
    let mut jobs = Jobs::new();
    for folder in Folder::all(out)? {
        let Some(cluster) = Cluster::read(folder)? else { continue };
        for job in cluster.jobs()? {
            if let Some(run) = cluster.plan.runs.get(job.index) {
                jobs.insert(run.dir.clone(), job);
            }
        }
    }
    Ok(jobs)
}

/// Describes what was submitted for the results in `out`: how many runs are done, waiting and running, and where.
///
/// # Errors
/// Returns an error if nothing was submitted, its files can't be read, or Slurm does not answer.
pub fn status(out: &Path) -> Result<String, MatrixError> {
    let parts: Result<Vec<_>, _> = reopen(out)?.iter().map(Cluster::status).collect();
    Ok(parts?.join("\n"))
}

/// Ends all jobs for the results in `out`, and keeps whoever waits for them from submitting more. Runs in progress write
/// a checkpoint first. Returns a sentence for each submission.
///
/// # Errors
/// Returns an error if nothing was submitted, or Slurm does not answer.
pub fn cancel(out: &Path) -> Result<String, MatrixError> {
    let mut lines = Vec::new();
    for cluster in reopen(out)? {
        let jobs = cluster.jobs()?.len();
        cluster.folder.set_cancelled(true)?;
        match &cluster.submission.engine {
            Engine::Slurm(settings) => {
                Arrays::new(
                    &cluster.folder,
                    &cluster.submission,
                    settings,
                    cluster.plan.runs.len(),
                )
                .cancel();
                lines.push(format!("{}: {} cancelled", cluster.folder.id, counted(jobs, "job")));
            }
            Engine::Command { .. } => {
                lines.push(format!("{}: nothing more is started", cluster.folder.id));
            }
        }
    }
    Ok(lines.join("\n"))
}

impl Cluster {
    /// Reads a submission; `None` if it is no longer there.
    fn read(folder: Folder) -> Result<Option<Self>, ResultsError> {
        let plan = Plan::read_file(&folder.plan())?;
        let submission = folder.submission()?;
        Ok(plan.zip(submission).map(|(plan, submission)| Self {
            folder,
            submission,
            plan,
            doubtful: BTreeSet::new(),
        }))
    }

    /// Returns its jobs in the queue.
    fn jobs(&self) -> Result<Vec<Job>, MatrixError> {
        match &self.submission.engine {
            Engine::Slurm(settings) => {
                let count = self.plan.runs.len();
                let mut arrays = Arrays::new(&self.folder, &self.submission, settings, count);
                Ok(arrays.look().map_err(ClusterError::from)?)
            }
            Engine::Command { .. } => Ok(Vec::new()),
        }
    }

    fn status(&self) -> Result<String, MatrixError> {
        let jobs = self.jobs()?;
        let runs = self.runs();
        let done = runs.iter().filter(|run| run.is_done()).count();
        let count = |state| jobs.iter().filter(|job| job.state == state).count();
        let absent = runs.len().saturating_sub(done + jobs.len());
        let mut text = format!(
            "{}: {} of {} done, {} running, {} waiting, {} requeued, {absent} without a job{}\n",
            self.folder.path.display(),
            done,
            counted(runs.len(), "run"),
            count(JobState::Running),
            count(JobState::Queued),
            count(JobState::Requeued),
            if self.folder.is_cancelled() { " (cancelled)" } else { "" },
        );
        let begun: Vec<_> = jobs.iter().filter(|job| job.state != JobState::Queued).collect();
        let rows: Vec<_> = begun.iter().take(LISTED).map(|job| self.row(job)).collect();
        if !rows.is_empty() {
            text += &table(&["job", "state", "node", "run"], &rows);
        }
        if begun.len() > LISTED {
            text += &format!("and {} more\n", begun.len() - LISTED);
        }
        if let Engine::Slurm(_) = self.submission.engine {
            let report = slurm::queue(&[report_name(&self.folder)]).map_err(ClusterError::from)?;
            if let Some(job) = report.first() {
                text += &format!("job {} makes the report after all others\n", job.array);
            }
        }
        Ok(text)
    }

    fn row(&self, job: &Job) -> Vec<String> {
        let state = match job.state {
            JobState::Queued => "waiting",
            JobState::Requeued => "requeued",
            JobState::Running => "running",
        };
        let run = self.plan.runs.get(job.index).map(|run| run.dir.display().to_string());
        let node = job.node.clone().or_else(|| job.reason.clone()).unwrap_or_default();
        vec![job.id.clone(), state.to_owned(), node, run.unwrap_or_default()]
    }
}
