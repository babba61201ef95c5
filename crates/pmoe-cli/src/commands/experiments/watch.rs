//! `pmoe watch`: shows the state of a folder of runs, live, as text or as JSON.

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, SystemTime};

use anyhow::Result;
use pmoe_matrix::cluster;
use pmoe_results::Exit;
use pmoe_results::error::with_causes;
use pmoe_watch::{Job, JobState, Jobs, Theme, Wanted, WatchError, Watcher};

use super::{print_json, print_line};
use crate::config;
use crate::exit::BadInput;

/// Time between two looks at the queue of a cluster.
const QUEUE_EVERY: Duration = Duration::from_secs(10);

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  pmoe watch results/paper                 # live; ? shows the keys
  pmoe watch results/paper --once          # one look, as text

It opens on the runs in progress, else on what is done. It changes nothing, so you can start and stop it at
any time, also over ssh or on another machine with access to the folder. NO_COLOR=1 turns colours off.")]
pub(crate) struct Args {
    /// Folder with run folders, at any depth, such as `results/paper`; with a plan.json, also the runs
    /// that wait.
    dir: PathBuf,
    /// Print the state once, as text.
    #[arg(long, conflicts_with = "json")]
    once: bool,
    /// Print the state once, as one JSON document.
    #[arg(long)]
    json: bool,
    /// Seconds between two reads of the files.
    #[arg(long, value_name = "SECONDS", default_value = "2", value_parser = config::seconds)]
    interval: Duration,
}

pub(crate) fn watch(args: Args) -> Result<Exit> {
    let mut watcher = Watcher::new(&args.dir);
    if args.once || args.json {
        match jobs(&args.dir) {
            Ok(jobs) => watcher.set_jobs(jobs),
            Err(problem) => watcher.set_jobs_problem(problem),
        }
        let snapshot = watcher.refresh(SystemTime::now(), Wanted::All)?;
        if args.json {
            print_json(&snapshot)?;
        } else {
            print_line(snapshot.to_text().trim_end())?;
        }
    } else if io::stdout().is_terminal() {
        pmoe_watch::watch(watcher, args.interval, Theme::from_env(), &mut queue(args.dir))
            .map_err(|error| match error {
                WatchError::Results(error) => error.into(),
                error => anyhow::Error::from(error),
            })?;
    } else {
        let words = "pmoe watch needs a terminal; use --once for text or --json for JSON";
        return Err(BadInput(words.to_owned()).into());
    }
    Ok(Exit::Done)
}

/// Asks the queue of a cluster from now on; returns a source of its newest answer.
///
/// It is asked by another thread, as it may take long, and seldom, as it serves others too.
fn queue(dir: PathBuf) -> impl FnMut() -> Option<Result<Jobs, String>> {
    let (sender, answers) = mpsc::sync_channel(1);
    thread::spawn(move || {
        while sender.send(jobs(&dir)).is_ok() {
            thread::sleep(QUEUE_EVERY);
        }
    });
    move || answers.try_recv().ok()
}

/// Returns the jobs that make the runs in a folder of results, as the queue of their cluster shows them.
fn jobs(dir: &Path) -> Result<Jobs, String> {
    let jobs = cluster::jobs(dir).map_err(|error| with_causes(&error))?;
    let shown = |(dir, job): (PathBuf, cluster::Job)| {
        let state = match job.state {
            cluster::JobState::Queued => JobState::Queued,
            cluster::JobState::Requeued => JobState::Requeued,
            cluster::JobState::Running => JobState::Running,
        };
        (dir, Job { id: job.id, state, node: job.node, reason: job.reason })
    };
    Ok(jobs.into_iter().map(shown).collect())
}
