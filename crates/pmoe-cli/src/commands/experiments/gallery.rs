//! `pmoe gallery`: clips for a report's page.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Result;
use pmoe_results::run::{Scan, scan};
use pmoe_results::{Exit, Run, RunDir};
use pmoe_stats::curve::final_return;

use super::print_row;
use crate::commands::render;
use crate::exit::BadInput;

#[derive(clap::Args)]
#[command(after_help = "\
Example: pmoe gallery results/paper && pmoe report results/paper

Clips take the program ffmpeg, and a graphics device for MuJoCo's tasks.")]
pub(crate) struct Args {
    /// Folder with run folders, at any depth.
    dir: PathBuf,
}

pub(crate) fn gallery(args: &Args) -> Result<Exit> {
    let Scan { runs, broken, .. } = scan(&args.dir)?;
    if let Some((_, error)) = broken.into_iter().next() {
        return Err(error.into());
    }
    if runs.is_empty() {
        return Err(BadInput(format!("{} has no runs", args.dir.display())).into());
    }
    // Seeds of a method and task lie side by side.
    let mut best: BTreeMap<&Path, (f64, &Run)> = BTreeMap::new();
    for run in runs.iter().filter(|run| run.is_whole() && has_policy(&run.path)) {
        let Some(value) = final_return(&run.eval_curve(), run.manifest.total_steps) else {
            continue;
        };
        let seeds = run.path.parent().unwrap_or(&run.path);
        let kept = best.entry(seeds).or_insert((value, run));
        if kept.0 < value {
            *kept = (value, run);
        }
    }
    let (mut drawn, mut there) = (0, 0);
    for (_, run) in best.into_values() {
        let path = run.path.join(RunDir::CLIP);
        if path.exists() {
            there += 1;
            continue;
        }
        render::small_clip(&run.path, &path)?;
        print_row(&path.display().to_string())?;
        drawn += 1;
    }
    print_row(&format!("{drawn} clips drawn, {there} were there"))?;
    Ok(Exit::Done)
}

fn has_policy(run: &Path) -> bool {
    run.join(RunDir::POLICY).is_file()
}
