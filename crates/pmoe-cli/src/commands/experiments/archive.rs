//! `pmoe archive`: keeps finished runs in little space.

use std::fs;
use std::path::PathBuf;

use anyhow::Result;
use pmoe_results::archive::{Archived, archive as keep};
use pmoe_results::files::write_atomic;
use pmoe_results::number::{grouped, whole};
use pmoe_results::run::Folders;
use pmoe_results::{Exit, Plan};

use super::print_row;
use crate::exit::{BadInput, cannot_write};

#[derive(clap::Args)]
#[command(after_help = "\
Example: pmoe archive results/paper /data/archive/paper

An archived run is a run like any other for report, verify, watch, track, evaluate and Python. It can't be trained on,
as its checkpoints are left behind.")]
pub(crate) struct Args {
    /// Folder with run folders, at any depth.
    from: PathBuf,
    /// Folder to keep them in, under the same names; made if it is missing.
    to: PathBuf,
    /// Largest policy to keep, in bytes.
    #[arg(long, value_name = "BYTES", default_value_t = u64::MAX, hide_default_value = true, allow_negative_numbers = true, value_parser = whole::<u64>(0..=u64::MAX))]
    largest_policy: u64,
}

pub(crate) fn archive(args: Args) -> Result<Exit> {
    let Args { from, to, largest_policy } = args;
    let Folders { runs, broken, .. } = Folders::find(&from)?;
    if let Some((_, error)) = broken.into_iter().next() {
        return Err(error.into());
    }
    if runs.is_empty() {
        return Err(BadInput(format!("{} has no runs", from.display())).into());
    }
    let (mut new, mut present, mut unfinished, mut total) = (0, 0, 0, 0);
    for run in runs {
        let name = run.strip_prefix(&from).expect("it was found below");
        // A lone run is kept under the name that was asked for.
        let place = if name.as_os_str().is_empty() { to.clone() } else { to.join(name) };
        match keep(&run, &place, largest_policy)? {
            Archived::Present => present += 1,
            Archived::Unfinished => unfinished += 1,
            Archived::New { bytes, left_out } => {
                new += 1;
                total += bytes;
                let without =
                    left_out.map(|len| format!(", without its policy of {} bytes", grouped(len)));
                let without = without.unwrap_or_default();
                print_row(&format!("{}: {} bytes{without}", place.display(), grouped(bytes)))?;
            }
        }
    }
    // The plan of all runs, which one that is there may know better.
    let plan = [&from, &to].map(|folder| folder.join(Plan::FILE));
    if plan[0].is_file() && !plan[1].exists() {
        let text = fs::read(&plan[0])?;
        write_atomic(&plan[1], &text).map_err(|error| cannot_write(&plan[1], error))?;
    }
    print_row(&format!(
        "{new} runs archived ({} bytes), {present} were there, {unfinished} are not finished",
        grouped(total)
    ))?;
    Ok(Exit::Done)
}
