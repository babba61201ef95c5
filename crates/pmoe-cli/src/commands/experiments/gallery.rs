//! `pmoe gallery`: clips for a report's page.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;
use pmoe_results::run::{Scan, scan};
use pmoe_results::{Exit, Run, RunDir};
use pmoe_stats::curve::final_return;

use super::package::{self, package};
use super::print_row;
use crate::commands::render;
use crate::exit::{BadInput, cannot_write};

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  pmoe gallery results/paper && pmoe report results/paper
  pmoe gallery results/paper --models models

Clips take the program ffmpeg, and a graphics device for MuJoCo's tasks.")]
pub(crate) struct Args {
    /// Folder with run folders, at any depth.
    dir: PathBuf,
    /// Also package these policies below this folder, under the names of suite, method and task.
    #[arg(long, value_name = "DIR")]
    models: Option<PathBuf>,
}

pub(crate) fn gallery(args: &Args) -> Result<Exit> {
    let Scan { runs, broken, .. } = scan(&args.dir)?;
    if let Some((_, error)) = broken.into_iter().next() {
        return Err(error.into());
    }
    if runs.is_empty() {
        return Err(BadInput(format!("{} has no runs", args.dir.display())).into());
    }
    let drawable: Vec<&Run> =
        runs.iter().filter(|run| run.is_whole() && has_policy(&run.path)).collect();
    let mut best: BTreeMap<&Path, (f64, &Run)> = BTreeMap::new();
    for run in &drawable {
        let Some(value) = final_return(&run.eval_curve(), run.manifest.total_steps) else {
            continue;
        };
        let kept = best.entry(seeds(run)).or_insert((value, run));
        if kept.0 < value {
            *kept = (value, run);
        }
    }
    let (mut drawn, mut there) = (0, 0);
    for (_, run) in best.values() {
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
    // A clip that can't be drawn again stays.
    for run in drawable {
        let clip = run.path.join(RunDir::CLIP);
        if best.get(seeds(run)).is_some_and(|(_, best)| best.path != run.path) && clip.exists() {
            fs::remove_file(&clip).map_err(|error| cannot_write(&clip, error))?;
            print_row(&format!("{} removed: another seed is better", clip.display()))?;
        }
    }
    if let Some(models) = &args.models {
        for (seeds, (_, run)) in best {
            let name = seeds.strip_prefix(&args.dir).unwrap_or(seeds);
            model(run, &models.join(name))?;
        }
    }
    Ok(Exit::Done)
}

/// The folder of a method and task, in which seeds lie side by side as `seed_<n>`; of a run with a name of its own,
/// that run's.
fn seeds(run: &Run) -> &Path {
    let name = format!("seed_{}", run.manifest.seed);
    let above = run.path.parent().filter(|_| run.path.ends_with(name));
    above.unwrap_or(&run.path)
}

/// Packages a run, unless its package is there.
fn model(run: &Run, folder: &Path) -> Result<()> {
    let [kept, wanted] = [folder, &run.path].map(|of| fs::read(of.join(RunDir::CONFIG)).ok());
    if kept.is_none() {
        let above = folder.parent().expect("names of suite, method and task");
        fs::create_dir_all(above).map_err(|error| cannot_write(above, error))?;
        return package(package::Args::of(run.path.clone(), folder.to_owned())).map(drop);
    }
    if kept == wanted {
        return Ok(());
    }
    let [folder, run] = [folder, &run.path].map(|path| path.display());
    let message = format!("{folder} holds another policy than the best, {run}; remove it");
    Err(BadInput(message).into())
}

fn has_policy(run: &Path) -> bool {
    run.join(RunDir::POLICY).is_file()
}
