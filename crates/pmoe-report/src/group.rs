//! Runs that belong together: those of one suite, or of one folder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use pmoe_results::{Bootstrap, Cell, Comparison, Entry, Plan, Preset, Run, Suite};

use crate::palette::Palette;

/// The runs of one suite, compared. There may be none yet.
pub(crate) struct Group<'a> {
    /// Folder of the suite, relative to the input, or the input's own name.
    pub(crate) name: String,
    /// The suite of that name, if there is one.
    pub(crate) suite: Option<&'a Suite>,
    /// The preset whose budget the runs have.
    pub(crate) preset: Option<Preset>,
    /// The largest budget of the plan, where it is below the preset's.
    pub(crate) max_steps: Option<u64>,
    /// The runs, by task, method and seed in the order of the suite.
    pub(crate) entries: Vec<Entry<'a>>,
    /// Their methods, in the order of the suite.
    pub(crate) methods: Vec<&'a str>,
    /// Runs of the plan that have no folder.
    pub(crate) missing: Vec<Missing>,
    /// The numbers.
    pub(crate) comparison: Comparison,
}

impl<'a> Group<'a> {
    /// The runs of a method on a task, in whatever state.
    pub(crate) fn runs_of(&self, method: &str, task: &str) -> impl Iterator<Item = &'a Run> {
        let is_wanted = move |entry: &&Entry<'_>| {
            (entry.method, entry.run.manifest.task.as_str()) == (method, task)
        };
        self.entries.iter().filter(is_wanted).map(|entry| entry.run)
    }

    /// The runs behind the numbers of a cell, in the order of its seeds.
    pub(crate) fn runs_behind(&self, cell: &Cell) -> impl Iterator<Item = &'a Run> {
        let of_path = |path: &PathBuf| self.entries.iter().find(|entry| entry.run.path == *path);
        cell.runs.iter().filter_map(of_path).map(|entry| entry.run)
    }
}

/// A run that should be there.
pub(crate) struct Missing {
    pub(crate) method: String,
    pub(crate) task: String,
    pub(crate) seed: u64,
    pub(crate) total_steps: u64,
    /// Its folder, relative to the results: the same for every suite that misses it.
    pub(crate) dir: PathBuf,
}

/// Folders from a run up to the results: `<suite>/<method>/<task>/seed_<n>`.
pub(crate) const DEPTH: usize = 4;

/// Where the runs of a report come from.
pub(crate) struct Source<'a> {
    /// The folder they were found in, absolute.
    pub(crate) input: &'a Path,
    /// The plans of the folders of results, absolute, that they lie in.
    pub(crate) plans: &'a BTreeMap<PathBuf, Plan>,
    pub(crate) suites: &'a [Suite],
}

/// Splits runs by suite.
///
/// A run belongs to every suite that the plan names for it. One that no plan knows belongs to the suite
/// of its folder, `<suite>/<method>/<task>/seed_<n>`, even if the input is one of the folders in between;
/// all others make one group.
pub(crate) fn group<'a>(
    runs: &'a [Run],
    source: &Source<'a>,
    reference: Option<&str>,
    palette: &Palette,
    bootstrap: &Bootstrap,
) -> Vec<Group<'a>> {
    let Source { input, suites, .. } = *source;
    let mut by_folder: BTreeMap<PathBuf, Vec<Entry<'a>>> = BTreeMap::new();
    for run in runs {
        let planned = planned_places(run, source);
        let places = if planned.is_empty() { vec![folder_place(run, input)] } else { planned };
        for (folder, method) in places {
            by_folder.entry(folder).or_default().push(Entry { method, run });
        }
    }
    // A suite that has no run yet is shown as such.
    for (root, plan) in source.plans {
        for used in plan.runs.iter().flat_map(|run| &run.used_by) {
            by_folder.entry(root.join(&used.suite)).or_default();
        }
    }
    // A suite beside the input is not asked for, though it may share runs with one that is.
    by_folder.retain(|folder, _| folder.starts_with(input) || input.starts_with(folder));
    let mut groups: Vec<_> = by_folder.into_iter().collect();
    let suite_rank = |folder: &Path| {
        let name = file_name(folder);
        suites.iter().position(|suite| suite.name == name).unwrap_or(suites.len())
    };
    groups.sort_by_cached_key(|(folder, _)| (suite_rank(folder), folder.clone()));

    let groups = groups.into_iter().map(|(folder, mut entries)| {
        let name = file_name(&folder);
        let suite = suites.iter().find(|suite| suite.name == name);
        let task_rank = |task: &String| {
            suite.map(|suite| {
                suite.tasks.iter().position(|known| known == task).unwrap_or(usize::MAX)
            })
        };
        let method_rank = |method: &str| {
            let place = |suite: &Suite| suite.methods.iter().position(|known| known.name == method);
            (suite.and_then(place).unwrap_or(usize::MAX), palette.rank(method))
        };
        entries.sort_by_cached_key(|Entry { method, run }| {
            let of = &run.manifest;
            (task_rank(&of.task), of.task.clone(), method_rank(method), of.seed)
        });
        let mut methods: Vec<_> = entries.iter().map(|entry| entry.method).collect();
        methods.sort_by_cached_key(|method| (method_rank(method), *method));
        methods.dedup();
        let shown = folder.strip_prefix(input).ok().filter(|path| !path.as_os_str().is_empty());
        let plan = folder.parent().and_then(|root| source.plans.get(root));
        let plan = plan.filter(|plan| uses(plan, &name).next().is_some());
        let (preset, missing) = match (plan, suite) {
            (Some(plan), _) => (Some(plan.preset), missing_of_plan(plan, &name, &entries)),
            (None, Some(suite)) => {
                let preset = preset_of(suite, &entries);
                let missing = preset.map(|preset| missing_of_suite(suite, preset, &entries));
                (preset, missing.unwrap_or_default())
            }
            (None, None) => (None, Vec::new()),
        };
        let reference = reference.or_else(|| reference_for(suite, suites, &entries));
        Group {
            name: shown.map_or(name, |path| path.display().to_string()),
            suite,
            preset,
            max_steps: plan.and_then(|plan| plan.max_steps),
            missing,
            comparison: Comparison::new(&entries, reference, bootstrap),
            entries,
            methods,
        }
    });
    groups.collect()
}

/// The suites' folders that a run belongs to by the plan, and its method's name in each.
fn planned_places<'a>(run: &Run, source: &Source<'a>) -> Vec<(PathBuf, &'a str)> {
    let Some((root, plan)) =
        run.path.ancestors().nth(DEPTH).and_then(|root| source.plans.get_key_value(root))
    else {
        return Vec::new();
    };
    let is_run = |planned: &&pmoe_results::PlannedRun| {
        run.path.strip_prefix(root).is_ok_and(|dir| dir == planned.dir)
    };
    let uses = plan.runs.iter().find(is_run).into_iter().flat_map(|run| &run.used_by);
    uses.map(|used| (root.join(&used.suite), used.method.as_str())).collect()
}

/// The folder above `<method>/<task>/seed_<n>` and the method, if the run lies like that; else the
/// input, and the algorithm.
fn folder_place<'a>(run: &'a Run, input: &Path) -> (PathBuf, &'a str) {
    let of = &run.manifest;
    let inner: PathBuf = [&of.task, &format!("seed_{}", of.seed)].iter().collect();
    let mut above = run.path.ancestors().skip(2);
    match (above.next().and_then(Path::file_name).and_then(|name| name.to_str()), above.next()) {
        (Some(method), Some(folder)) if run.path.ends_with(inner) => (folder.to_owned(), method),
        _ => (input.to_owned(), &of.algo),
    }
}

fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(|| "runs".to_owned(), |name| name.to_string_lossy().into_owned())
}

/// The runs of a suite, and the names of their methods in it.
fn uses<'a>(
    plan: &'a Plan,
    suite: &str,
) -> impl Iterator<Item = (&'a pmoe_results::PlannedRun, &'a str)> {
    plan.runs.iter().flat_map(move |run| {
        let here = run.used_by.iter().filter(move |used| used.suite == suite);
        here.map(move |used| (run, used.method.as_str()))
    })
}

fn missing_of_plan(plan: &Plan, suite: &str, entries: &[Entry<'_>]) -> Vec<Missing> {
    let planned = uses(plan, suite).map(|(run, method)| Missing {
        method: method.to_owned(),
        task: run.task.clone(),
        seed: run.seed,
        total_steps: run.total_steps,
        dir: run.dir.clone(),
    });
    planned.filter(|missing| !missing.is_among(entries)).collect()
}

fn missing_of_suite(suite: &Suite, preset: Preset, entries: &[Entry<'_>]) -> Vec<Missing> {
    let planned = suite.plan(preset).into_iter().map(|spec| Missing {
        method: spec.method,
        task: spec.task,
        seed: spec.seed,
        total_steps: spec.total_steps,
        dir: spec.dir,
    });
    planned.filter(|missing| !missing.is_among(entries)).collect()
}

impl Missing {
    fn is_among(&self, entries: &[Entry<'_>]) -> bool {
        entries.iter().any(|Entry { method, run }| {
            let of = &run.manifest;
            (*method, &of.task, of.seed) == (self.method.as_str(), &self.task, self.seed)
        })
    }
}

/// The preset whose plan has the budget of the first run.
fn preset_of(suite: &Suite, entries: &[Entry<'_>]) -> Option<Preset> {
    let of = &entries.first()?.run.manifest;
    Preset::ALL.into_iter().find(|preset| {
        let plan = suite.preset(*preset);
        *plan.task_steps.get(&of.task).unwrap_or(&plan.total_steps) == of.total_steps
    })
}

/// The suite's reference; without a suite, one that any suite knows, if it is among the runs.
fn reference_for<'a>(
    suite: Option<&'a Suite>,
    suites: &'a [Suite],
    entries: &[Entry<'_>],
) -> Option<&'a str> {
    let found = |name: &&str| entries.iter().any(|entry| entry.method == *name);
    let known = || suites.iter().map(|suite| suite.reference.as_str()).find(found);
    suite.map(|suite| suite.reference.as_str()).or_else(known)
}
