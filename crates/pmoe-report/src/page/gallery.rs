//! Clips of policies: for each task, the best run of each method that has one.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pmoe_results::{Run, RunDir};
use pmoe_stats::curve::final_return;

use crate::format::number;
use crate::group::Group;

/// A clip is part of the page, which must stay small.
const MOST_BYTES: u64 = 400 << 10;

/// The clips of one task.
pub(super) struct TaskClips {
    pub(super) task: String,
    pub(super) clips: Vec<Clip>,
}

/// A clip of one run.
pub(super) struct Clip {
    pub(super) method: String,
    /// Figures and tables of the paper, or the suite, that the run belongs to.
    pub(super) part: String,
    pub(super) seed: u64,
    pub(super) final_return: String,
    /// The film as a `data:` address.
    pub(super) film: String,
}

/// Returns the clips of all parts, by task, each run once.
pub(super) fn gallery(groups: &[Group<'_>]) -> Vec<TaskClips> {
    let mut tasks: Vec<TaskClips> = Vec::new();
    let mut shown = BTreeSet::new();
    for group in groups {
        for cell in &group.comparison.cells {
            let of = |run: &Run| final_return(&run.eval_curve(), run.manifest.total_steps);
            let films = cell.runs.iter().filter_map(|run| Some((of(run)?, *run, film(&run.path)?)));
            let best = films.max_by(|a, b| a.0.total_cmp(&b.0));
            let Some((value, run, film)) = best.filter(|best| shown.insert(&best.1.path)) else {
                continue;
            };
            let clip = Clip {
                method: cell.method.clone(),
                part: group.suite.map_or(&group.name, |suite| &suite.item).clone(),
                seed: run.manifest.seed,
                final_return: number(value),
                film,
            };
            match tasks.iter_mut().find(|of| of.task == cell.task) {
                Some(of) => of.clips.push(clip),
                None => tasks.push(TaskClips { task: cell.task.clone(), clips: vec![clip] }),
            }
        }
    }
    tasks
}

/// A run's film as a `data:` address; none if it has none, or one that is no MP4 or too large.
fn film(run: &Path) -> Option<String> {
    let path = run.join(RunDir::CLIP);
    let metadata = fs::metadata(&path).ok()?;
    if !metadata.is_file() || MOST_BYTES < metadata.len() {
        return None;
    }
    let bytes = fs::read(path).ok()?;
    let is_mp4 = bytes.get(4..8) == Some(b"ftyp");
    is_mp4.then(|| format!("data:video/mp4;base64,{}", STANDARD.encode(bytes)))
}
