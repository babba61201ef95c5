//! `pmoe run`: one run of a plan, for whatever starts many: a cluster's engine, GNU parallel, a loop.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::slice;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};
use pmoe_envs::{EnvError, TaskId};
use pmoe_matrix::cluster::{JobEnd, Note};
use pmoe_matrix::{Executor, Local, Notice, Planned, RunEnd, process};
use pmoe_results::exit::is_end_of_time;
use pmoe_results::{Exit, Plan};

use crate::exit::BadInput;

/// Consecutive jobs that may be stopped before their run has taken a step.
const MOST_IDLE: u32 = 3;

/// Arguments of `pmoe run`.
#[derive(clap::Args)]
#[command(after_help = "\
Example: pmoe run --plan results/paper/plan.json --index 17

The run is trained and analysed, resumed, or left alone if it is done, so that an engine may start it any number of
times. Its folder is the truth: nothing else is written, but for the notes that are asked for.

Exit codes: 0 done, 1 failed, 2 it can't be started, 3 it diverged, 75 another process is at it, 99 stopped with a
checkpoint: start it again.")]
pub(crate) struct Args {
    /// File with the plan, as `pmoe matrix` writes it.
    #[arg(long, value_name = "FILE")]
    plan: PathBuf,
    /// Which of the plan's runs, counted from 0.
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    index: usize,
    /// Folder of the results [default: the plan's].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Folder for a note that says that the run began, and how it ended.
    #[arg(long, value_name = "DIR")]
    notes: Option<PathBuf>,
    /// Shell command that asks for another start, after a checkpoint that SIGUSR1 asked for.
    #[arg(long, value_name = "COMMAND")]
    on_checkpoint: Option<String>,
}

pub(crate) fn run(args: Args) -> Result<Exit> {
    let Args { plan: path, index, out, notes, on_checkpoint } = args;
    let plan = Plan::read_file(&path)?;
    let plan = plan.ok_or_else(|| BadInput(format!("there is no plan {}", path.display())))?;
    let many = plan.runs.len();
    let Some(run) = plan.runs.into_iter().nth(index) else {
        let path = path.display();
        return Err(
            BadInput(format!("--index is {index}, but {path} has {many} runs, from 0")).into()
        );
    };
    let out = out.unwrap_or_else(|| path.parent().unwrap_or(Path::new(".")).to_owned());
    let planned = Planned { dir: out.join(&run.dir), run }.refreshed();
    let notebook = Notebook { folder: notes, index };
    let mut note = notebook.begin(&planned)?;
    say!("{index}: {} on {}", planned.name(), note.node);

    if let Err(reason) = fitness(&planned) {
        note.end = Some(JobEnd::Unfit(reason.clone()));
        notebook.write(&note)?;
        return Err(BadInput(reason).into());
    }
    // Training and analyses are processes of this same executable.
    let pmoe = env::current_exe().context("cannot find this program's own file")?;
    let asked_for_checkpoint = AtomicBool::new(false);
    let ends = Local::new(pmoe, 1).execute(slice::from_ref(&planned), &|notice| match notice {
        Notice::Retried { reason, attempt, of, .. } => {
            say!("{index}: {reason}; start {attempt} of {of}");
        }
        Notice::Stopping(signal) => {
            asked_for_checkpoint.store(is_end_of_time(signal), Ordering::Relaxed)
        }
        _ => {}
    })?;
    let mut end = ends.into_iter().next().unwrap_or(RunEnd::Stopped);
    let again = end == RunEnd::Stopped && asked_for_checkpoint.into_inner();
    if again {
        let is_idle = planned.refreshed().steps_done() <= note.from_step;
        note.idle = if is_idle { note.idle + 1 } else { 0 };
        if note.idle >= MOST_IDLE {
            let words = format!(
                "{MOST_IDLE} jobs were stopped before they took a step: their time is too short"
            );
            end = RunEnd::Failed(words);
        }
    }
    say!("{index}: {end}");
    note.end = Some(JobEnd::Run(end.clone()));
    notebook.write(&note)?;
    if let Some(command) = on_checkpoint.filter(|_| again && end == RunEnd::Stopped) {
        // Whoever submitted the job starts it again if this fails.
        if let Err(error) = process::run(Command::new("sh").args(["-c", &command])) {
            say!("{index}: {error}");
        }
    }
    Ok(exit(&end))
}

/// The notes about a run, if somebody wants them.
struct Notebook {
    folder: Option<PathBuf>,
    index: usize,
}

impl Notebook {
    /// Writes that the run begins; returns the note, to be continued.
    fn begin(&self, planned: &Planned) -> Result<Note> {
        let before = match &self.folder {
            Some(folder) => Note::read(folder, self.index)?,
            None => None,
        };
        let from_step = planned.steps_done();
        let idle = before.filter(|note| note.from_step >= from_step).map_or(0, |note| note.idle);
        let note = Note::begin(from_step, idle);
        self.write(&note)?;
        Ok(note)
    }

    fn write(&self, note: &Note) -> Result<()> {
        Ok(self.folder.as_ref().map_or(Ok(()), |folder| note.write(folder, self.index))?)
    }
}

/// Whether this machine can make the run at all; else why not.
fn fitness(planned: &Planned) -> Result<(), String> {
    match planned.run.task.parse().map(|task: TaskId| pmoe_envs::make(&task)) {
        Ok(Err(error @ EnvError::Library { .. })) => Err(pmoe_results::error::with_causes(&error)),
        // The run says what else is wrong.
        _ => Ok(()),
    }
}

/// How the program ends after a run, which tells an engine whether another start would help.
fn exit(end: &RunEnd) -> Exit {
    match end {
        RunEnd::Done => Exit::Done,
        RunEnd::Diverged(_) => Exit::Diverged,
        RunEnd::Refused(_) => Exit::BadInput,
        RunEnd::Failed(_) => Exit::Failed,
        RunEnd::Locked => Exit::Locked,
        RunEnd::Stopped => Exit::Continue,
    }
}
