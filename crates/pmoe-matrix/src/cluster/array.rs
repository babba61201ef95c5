//! Runs of a plan as arrays of Slurm jobs.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use pmoe_results::ResultsError;

use super::campaign::{Job, JobState};
use super::folder::{Folder, Submission};
use super::indices::Indices;
use super::note::Note;
use super::options::{Class, SlurmSettings};
use super::slurm::{self, Queued};
use super::{forget, words};
use crate::error::{ClusterError, MatrixError, SlurmError};
use crate::executor::{Listener, Notice};

/// Seconds before the time limit at which a job is told to write a checkpoint and make room for its next start.
const NOTICE_SECONDS: u32 = 120;

/// How long cancelled jobs are waited for.
const CANCELLING: Duration = Duration::from_secs(60);

/// The arrays of a submission.
pub(super) struct Arrays<'a> {
    folder: &'a Folder,
    submission: &'a Submission,
    settings: &'a SlurmSettings,
    /// Names of the arrays, by chunk.
    names: Vec<String>,
    /// The queue at the last look.
    queue: Vec<Queued>,
    has_answered: bool,
    has_submitted: bool,
}

impl<'a> Arrays<'a> {
    pub(super) fn new(
        folder: &'a Folder,
        submission: &'a Submission,
        settings: &'a SlurmSettings,
        runs: usize,
    ) -> Self {
        let names = (0..runs.div_ceil(settings.chunk)).map(|chunk| name(folder, chunk)).collect();
        let queue = Vec::new();
        Self {
            folder,
            submission,
            settings,
            names,
            queue,
            has_answered: false,
            has_submitted: false,
        }
    }

    pub(super) fn has_answered(&self) -> bool {
        self.has_answered
    }

    pub(super) fn poll(&self) -> Duration {
        Duration::from_secs(self.settings.poll)
    }

    /// Reads the queue.
    pub(super) fn look(&mut self) -> Result<Vec<Job>, SlurmError> {
        self.queue = slurm::queue(&self.names)?;
        self.has_answered = true;
        let begun = Note::all(&self.folder.notes());
        let chunks: HashMap<&str, usize> =
            self.names.iter().enumerate().map(|(chunk, name)| (name.as_str(), chunk)).collect();
        let mut jobs = Vec::new();
        for queued in &self.queue {
            let Some(chunk) = chunks.get(queued.name.as_str()) else { continue };
            for task in queued.tasks.as_slice() {
                let index = chunk * self.settings.chunk + task;
                let has_begun = begun.contains(&index);
                let state = match (queued.is_pending, has_begun) {
                    (false, _) => JobState::Running,
                    (true, true) => JobState::Requeued,
                    (true, false) => JobState::Queued,
                };
                let id = format!("{}_{task}", queued.array);
                let (node, reason) = (queued.node.clone(), queued.reason.clone());
                jobs.push(Job { index, id, state, has_begun, node, reason });
            }
        }
        Ok(jobs)
    }

    /// Sets free what waits for nothing, and gives the array that waits the slots that others have left.
    pub(super) fn tend(&self, jobs: &[Job]) {
        jobs.iter().for_each(set_free);
        self.adjust();
    }

    fn adjust(&self) {
        let Some(most) = self.settings.max_parallel else { return };
        let Some(waiting) = self.queue.iter().find(|queued| queued.tasks.as_slice().len() > 1)
        else {
            return;
        };
        let others =
            self.queue.iter().filter(|queued| !queued.is_pending && queued.array != waiting.array);
        // A limit that is not raised now is raised at the next look.
        let _ = slurm::throttle(&waiting.array, most.saturating_sub(others.count()).max(1));
    }

    /// Submits runs as arrays, a chunk and class each, until Slurm takes no more.
    pub(super) fn submit(
        &mut self,
        indices: &[usize],
        listener: &Listener<'_>,
    ) -> Result<Vec<usize>, MatrixError> {
        let is_first = !self.has_submitted && self.queue.is_empty();
        // With a limit on what runs at a time, which Slurm knows per array only, arrays wait one after the other.
        let waits = self
            .queue
            .iter()
            .any(|queued| queued.is_pending && !queued.tasks.as_slice().is_empty());
        if self.settings.max_parallel.is_some() && waits {
            return Ok(Vec::new());
        }
        let mut submitted = Vec::new();
        let mut ids = Vec::new();
        for ((chunk, class), runs) in self.groups(indices) {
            let command = &mut self.sbatch(chunk, class, &runs);
            self.prepare(chunk, &runs)?;
            match slurm::submit(command) {
                Ok(id) => {
                    listener(Notice::Submitted { runs: runs.len(), job: &id });
                    ids.push(id);
                    submitted.extend(runs);
                }
                Err(SlurmError::Full { .. }) if !(is_first && submitted.is_empty()) => break,
                Err(error) if is_first => {
                    self.cancel();
                    return Err(ClusterError::from(error).into());
                }
                // What was taken before will be taken again, once Slurm is well.
                Err(error) => {
                    listener(Notice::Waiting(&words(&error)));
                    break;
                }
            }
            if self.settings.max_parallel.is_some() {
                break;
            }
        }
        if !ids.is_empty() {
            self.has_submitted = true;
            self.submit_report(ids, listener);
        }
        Ok(submitted)
    }

    /// Returns the commands that would submit runs, each an array.
    pub(super) fn commands(&self, indices: &[usize]) -> Vec<Command> {
        let groups = self.groups(indices);
        groups.into_iter().map(|((chunk, class), runs)| self.sbatch(chunk, class, &runs)).collect()
    }

    /// Groups runs by chunk and class.
    fn groups(&self, indices: &[usize]) -> BTreeMap<(usize, usize), Vec<usize>> {
        let classes = &self.settings.classes;
        let mut class_of = BTreeMap::new();
        for (place, class) in classes.iter().enumerate() {
            class_of.extend(class.runs.as_slice().iter().map(|index| (*index, place)));
        }
        let mut groups: BTreeMap<(usize, usize), Vec<usize>> = BTreeMap::new();
        for index in indices {
            let class = class_of.get(index).copied().unwrap_or(classes.len());
            groups.entry((index / self.settings.chunk, class)).or_default().push(*index);
        }
        groups
    }

    /// Makes place for what jobs leave.
    fn prepare(&self, chunk: usize, runs: &[usize]) -> Result<(), ResultsError> {
        forget(self.folder, runs)?;
        let logs = self.folder.logs(chunk);
        fs::create_dir_all(&logs).map_err(|error| ResultsError::create(&logs, error))
    }

    fn sbatch(&self, chunk: usize, class: usize, runs: &[usize]) -> Command {
        let SlurmSettings { max_parallel, chunk: size, classes, .. } = self.settings;
        let Class { time, mem, .. } = classes.get(class).cloned().unwrap_or_default();
        let tasks: Indices = runs.iter().map(|index| index % size).collect();
        let limit = max_parallel.map_or(String::new(), |most| {
            let running = self.queue.iter().filter(|queued| !queued.is_pending).count();
            format!("%{}", most.saturating_sub(running).max(1))
        });
        let logs = self.submission.cwd.join(self.folder.logs(chunk)).join("%a.log");
        let mut command = self.job(&self.names[chunk]);
        command.args(["--array", &format!("{tasks}{limit}"), "--output"]).arg(logs);
        command.args(["--requeue", "--open-mode", "append"]);
        command.args(["--signal", &format!("B:USR1@{NOTICE_SECONDS}")]);
        command.args(["--nodes", "1", "--ntasks", "1", "--cpus-per-task", "1"]);
        command.args(pair("--time", time.as_ref()));
        command.args(pair("--mem", mem.as_ref()));
        command.args(&self.settings.sbatch_args);
        command.arg(self.submission.cwd.join(self.folder.script()));
        command.arg((chunk * size).to_string());
        command
    }

    /// Begins a command that submits a job, with what all jobs have in common.
    fn job(&self, name: &str) -> Command {
        let SlurmSettings { partition, account, .. } = self.settings;
        let mut command = Command::new("sbatch");
        command.args(["--parsable", "--job-name", name, "--chdir"]).arg(&self.submission.cwd);
        command.args(pair("--partition", partition.as_ref()));
        command.args(pair("--account", account.as_ref()));
        command
    }

    /// Returns the script of a job; its argument is the index of task 0.
    pub(super) fn script(&self) -> String {
        let setup = self.settings.setup.as_ref().map_or(String::new(), |path| {
            let path = self.submission.cwd.join(path);
            format!(". {} || exit\n", quoted(&path.display().to_string()))
        });
        let again = "scontrol requeue \"${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID\"";
        format!(
            "#!/bin/bash\n\
             # A run of the plan beside this file, as a task of an array. It becomes the program, which then gets Slurm's\n\
             # signals: USR1 before the time limit, after which it asks for its next start.\n\
             {setup}exec {} --on-checkpoint {} --index $((SLURM_ARRAY_TASK_ID + $1))\n",
            self.submission.run_command(self.folder),
            quoted(again),
        )
    }

    /// Submits the report as a job after all others, for those who leave; one submitted before waits no longer.
    fn submit_report(&self, ids: Vec<String>, listener: &Listener<'_>) {
        let live = self.queue.iter().map(|queued| queued.array.clone());
        let after: BTreeSet<String> = live.chain(ids).collect();
        let after = after.into_iter().collect::<Vec<_>>().join(":");
        let Submission { pmoe, out, cwd, .. } = self.submission;
        let (pmoe, out) = (quoted(&pmoe.display().to_string()), quoted(&out.display().to_string()));
        let mut command = self.job(&report_name(self.folder));
        command.args(["--dependency", &format!("afterany:{after}"), "--output"]);
        command.arg(cwd.join(&self.folder.path).join("report.log"));
        command.args(&self.settings.sbatch_args);
        command.args(["--wrap", &format!("exec {pmoe} report {out} --out {out}/report")]);
        let submitted =
            slurm::cancel(&report_name(self.folder)).and_then(|()| slurm::submit(&mut command));
        if let Err(error) = submitted {
            listener(Notice::Waiting(&format!("no job for the report: {}", words(&error))));
        }
    }

    /// Ends all jobs, and waits until they have ended.
    pub(super) fn cancel(&self) {
        let names = [&self.names[..], &[report_name(self.folder)]].concat();
        for name in &names {
            // Slurm may be the reason for this; whatever it then still starts finds its run as it is.
            let _ = slurm::cancel(name);
        }
        let begun = Instant::now();
        while begun.elapsed() < CANCELLING
            && !slurm::queue(&names).is_ok_and(|queue| queue.is_empty())
        {
            thread::sleep(Duration::from_millis(200));
        }
    }

    /// Ends the job of the report: whoever sees the last run end makes it.
    pub(super) fn finish(&self) {
        // At worst the report is made twice.
        let _ = slurm::cancel(&report_name(self.folder));
    }
}

/// Returns the name of a chunk's arrays.
pub(super) fn name(folder: &Folder, chunk: usize) -> String {
    format!("pmoe-{}-{chunk}", folder.id)
}

/// Returns the name of the job that makes the report.
pub(super) fn report_name(folder: &Folder) -> String {
    format!("pmoe-{}-report", folder.id)
}

/// Lets a job start that Slurm holds back for a reason that is over.
fn set_free(job: &Job) {
    let freed = match (job.state, job.reason.as_deref()) {
        (JobState::Requeued, Some(slurm::BEGIN_TIME)) => slurm::start_now(&job.id),
        (JobState::Queued | JobState::Requeued, Some(reason)) if slurm::is_hold(reason) => {
            slurm::release(&job.id)
        }
        _ => Ok(()),
    };
    // If it does not work now, it will at the next look.
    drop(freed);
}

/// Returns a flag with its value, if there is one.
fn pair<'a>(flag: &'a str, value: Option<&'a String>) -> impl Iterator<Item = &'a str> {
    value.into_iter().flat_map(move |value| [flag, value])
}

/// Quotes a word for a shell.
pub(super) fn quoted(word: &str) -> String {
    // `shlex` only refuses zero bytes, which no path can contain.
    shlex::try_quote(word).unwrap_or(word.into()).into_owned()
}
