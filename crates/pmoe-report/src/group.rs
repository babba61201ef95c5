//! Runs that belong together: those of one suite, or of one folder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use pmoe_results::{Bootstrap, Comparison, Preset, Run, RunSpec, Suite};

use crate::palette::Palette;

/// The runs of one suite, compared.
pub(crate) struct Group<'a> {
    /// Folder of the suite, relative to the input, or the input's own name.
    pub(crate) name: String,
    /// The suite of that name, if there is one.
    pub(crate) suite: Option<&'a Suite>,
    /// The preset whose budget the runs have.
    pub(crate) preset: Option<Preset>,
    /// The runs, by task, method and seed in the order of the suite.
    pub(crate) runs: Vec<&'a Run>,
    /// Runs of the plan that have no folder.
    pub(crate) missing: Vec<RunSpec>,
    /// The numbers.
    pub(crate) comparison: Comparison,
}

/// Splits runs by suite. `input` is the folder they were found in, absolute.
///
/// A run at `<suite>/<algo>/<task>/seed_<n>` belongs to the suite, even if `input` is one of the
/// folders in between; all others make one group.
pub(crate) fn group<'a>(
    runs: &'a [Run],
    input: &Path,
    suites: &'a [Suite],
    reference: Option<&str>,
    palette: &Palette,
    bootstrap: &Bootstrap,
) -> Vec<Group<'a>> {
    let mut by_folder: BTreeMap<PathBuf, Vec<&Run>> = BTreeMap::new();
    for run in runs {
        let folder = suite_folder(run).unwrap_or_else(|| input.to_owned());
        by_folder.entry(folder).or_default().push(run);
    }
    let groups = by_folder.into_iter().map(|(folder, mut runs)| {
        let name = file_name(&folder);
        let suite = suites.iter().find(|suite| suite.name == name);
        let task_rank = |task: &String| {
            suite.map(|suite| {
                suite.tasks.iter().position(|known| known == task).unwrap_or(usize::MAX)
            })
        };
        runs.sort_by_cached_key(|run| {
            let of = &run.manifest;
            (task_rank(&of.task), of.task.clone(), palette.rank(&of.algo), of.seed)
        });
        let shown = folder.strip_prefix(input).ok().filter(|path| !path.as_os_str().is_empty());
        let preset = suite.and_then(|suite| preset_of(suite, &runs));
        let missing = suite.zip(preset).map(|(suite, preset)| missing(suite, preset, &runs));
        let reference = reference.or_else(|| reference_for(suite, suites, &runs));
        Group {
            name: shown.map_or(name, |path| path.display().to_string()),
            suite,
            preset,
            missing: missing.unwrap_or_default(),
            comparison: Comparison::new(&runs, reference, bootstrap),
            runs,
        }
    });
    groups.collect()
}

/// The folder above `<algo>/<task>/seed_<n>`, if the run lies like that.
fn suite_folder(run: &Run) -> Option<PathBuf> {
    let of = &run.manifest;
    let inner: PathBuf = [&of.algo, &of.task, &format!("seed_{}", of.seed)].iter().collect();
    if !run.path.ends_with(inner) {
        return None;
    }
    run.path.ancestors().nth(3).map(Path::to_owned)
}

fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(|| "runs".to_owned(), |name| name.to_string_lossy().into_owned())
}

fn preset_of(suite: &Suite, runs: &[&Run]) -> Option<Preset> {
    let total_steps = runs.iter().map(|run| run.manifest.total_steps).max()?;
    Preset::ALL.into_iter().find(|preset| suite.preset(*preset).total_steps == total_steps)
}

fn missing(suite: &Suite, preset: Preset, runs: &[&Run]) -> Vec<RunSpec> {
    let mut plan = suite.plan(preset);
    plan.retain(|spec| {
        !runs.iter().any(|run| {
            let of = &run.manifest;
            (&of.algo, &of.task, of.seed) == (&spec.algo, &spec.task, spec.seed)
        })
    });
    plan
}

/// The suite's reference; without a suite, one that any suite knows, if it is among the runs.
fn reference_for<'a>(
    suite: Option<&'a Suite>,
    suites: &'a [Suite],
    runs: &[&Run],
) -> Option<&'a str> {
    let found = |name: &&str| runs.iter().any(|run| run.manifest.algo == *name);
    let known = || suites.iter().map(|suite| suite.reference.as_str()).find(found);
    suite.map(|suite| suite.reference.as_str()).or_else(known)
}
