//! `pmoe run`: one run of a plan, for whatever starts many: a cluster's engine, GNU parallel, a loop.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use pmoe_matrix::{Executor, Local, Notice, Planned, RunEnd};
use pmoe_results::{Exit, Plan};

use crate::exit::BadInput;

/// Arguments of `pmoe run`.
#[derive(clap::Args)]
#[command(after_help = "\
Example: pmoe run --plan results/paper/plan.json --index 17

The run is trained and analysed, resumed, or left alone if it is done, so that an engine may start it any number of
times. Its folder is the truth: nothing else is written.

Exit codes: 0 done, 1 failed, 2 it can't be started, 3 it diverged, 75 another process is at it, 99 stopped with a
checkpoint: start it again.")]
pub(crate) struct Args {
    /// File with the plan, as `pmoe matrix` writes it.
    #[arg(long, value_name = "FILE")]
    plan: PathBuf,
    /// Which of the plan's runs, counted from 0.
    #[arg(long, value_name = "N")]
    index: usize,
    /// Folder of the results [default: the plan's].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub(crate) fn run(args: Args) -> Result<Exit> {
    let Args { plan: path, index, out } = args;
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
    let planned = Planned { dir: out.join(&run.dir), run };
    say!("{index}: {}", planned.name());
    // Training and analyses are processes of this same executable.
    let pmoe = env::current_exe().context("cannot find this program's own file")?;
    let ends = Local::new(pmoe, 1).execute(&[planned], &|notice| {
        if let Notice::Retried { reason, attempt, of, .. } = notice {
            say!("{index}: {reason}; start {attempt} of {of}");
        }
    })?;
    let end = ends.first().unwrap_or(&RunEnd::Stopped);
    say!("{index}: {end}");
    Ok(exit(end))
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
