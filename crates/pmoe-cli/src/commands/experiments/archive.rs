//! `pmoe archive`: keeps finished runs in little space.

use std::path::{self, Path, PathBuf};

use anyhow::{Context, Result};
use pmoe_results::archive::{Archived, archive as keep};
use pmoe_results::number::{grouped, whole};
use pmoe_results::run::Folders;
use pmoe_results::{Exit, Plan};

use super::print_row;
use crate::exit::BadInput;

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
    if runs.is_empty() && broken.is_empty() {
        return Err(BadInput(format!("{} has no runs", from.display())).into());
    }
    check_apart(&from, &to)?;
    // What fails does not keep the others from being archived.
    let mut failed: Vec<anyhow::Error> = Vec::new();
    failed.extend(broken.into_iter().map(|(_, error)| error.into()));
    let (mut new, mut present, mut unfinished, mut total) = (0, 0, 0, 0);
    for run in runs {
        let name = run.strip_prefix(&from).expect("it was found below");
        // A lone run is kept under the name that was asked for.
        let place = if name.as_os_str().is_empty() { to.clone() } else { to.join(name) };
        match keep(&run, &place, largest_policy) {
            Err(error) => failed.push(error.into()),
            Ok(Archived::Present) => present += 1,
            Ok(Archived::Unfinished) => unfinished += 1,
            Ok(Archived::More { parts, bytes }) => {
                present += 1;
                total += bytes;
                let parts: Vec<_> = parts.iter().map(|part| part.display().to_string()).collect();
                let (place, bytes) = (place.display(), grouped(bytes));
                print_row(&format!("{place}: {bytes} bytes more, {}", parts.join(", ")))?;
            }
            Ok(Archived::New { bytes, left_out }) => {
                new += 1;
                total += bytes;
                let without =
                    left_out.map(|len| format!(", without its policy of {} bytes", grouped(len)));
                let without = without.unwrap_or_default();
                print_row(&format!("{}: {} bytes{without}", place.display(), grouped(bytes)))?;
            }
        }
    }
    if new + present > 0
        && let Err(error) = keep_plan(&from, &to)
    {
        failed.push(error);
    }
    let failures = match failed.len() {
        0 => String::new(),
        some => format!(", {some} failed"),
    };
    print_row(&format!(
        "{new} runs archived ({} bytes), {present} were there, {unfinished} are not finished{failures}",
        grouped(total)
    ))?;
    let mut failed = failed.into_iter();
    let Some(first) = failed.next() else { return Ok(Exit::Done) };
    for error in failed {
        say!("error: {error:#}");
    }
    Err(first)
}

/// Refuses an archive within the folder that is archived.
fn check_apart(from: &Path, to: &Path) -> Result<()> {
    let from = from.canonicalize().with_context(|| from.display().to_string())?;
    let to = path::absolute(to)?;
    let there = to.ancestors().find_map(|above| above.canonicalize().ok());
    if there.is_some_and(|there| there.starts_with(&from)) {
        let message = format!(
            "{} lies in {}, so that the next call would archive it as well",
            to.display(),
            from.display()
        );
        return Err(BadInput(message).into());
    }
    Ok(())
}

/// Keeps the plan of all runs, with those that the archive's own plan has beside them.
fn keep_plan(from: &Path, to: &Path) -> Result<()> {
    let Some(plan) = Plan::read(from)? else { return Ok(()) };
    let kept = Plan::read(to)?;
    let merged = match &kept {
        None => plan,
        Some(kept) => plan.with(kept).ok_or_else(|| {
            let [from, to] = [from, to].map(|folder| folder.join(Plan::FILE));
            BadInput(format!("{} is of another scale than {}", from.display(), to.display()))
        })?,
    };
    match kept {
        Some(kept) if kept == merged => Ok(()),
        _ => Ok(merged.write(to)?),
    }
}
