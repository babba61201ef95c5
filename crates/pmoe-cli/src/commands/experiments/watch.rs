//! `pmoe watch`: shows the state of a folder of runs, live, as text or as JSON.

use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use anyhow::Result;
use pmoe_results::Exit;
use pmoe_watch::{Theme, Wanted, WatchError, Watcher};

use super::{print_json, print_line};
use crate::config;
use crate::exit::BadInput;

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
        let snapshot = watcher.refresh(SystemTime::now(), Wanted::All)?;
        if args.json {
            print_json(&snapshot)?;
        } else {
            print_line(snapshot.to_text().trim_end())?;
        }
    } else if io::stdout().is_terminal() {
        pmoe_watch::watch(watcher, args.interval, Theme::from_env(), &mut || None).map_err(
            |error| match error {
                WatchError::Results(error) => error.into(),
                error => anyhow::Error::from(error),
            },
        )?;
    } else {
        let words = "pmoe watch needs a terminal; use --once for text or --json for JSON";
        return Err(BadInput(words.to_owned()).into());
    }
    Ok(Exit::Done)
}
