//! Runs that belong together: those of one suite or folder that have one budget.

use std::path::{Path, PathBuf};

use pmoe_results::{Plan, Preset, ResultsError, Run, Suite};
use pmoe_stats::Bootstrap;

use crate::comparison::{Comparison, Entry};
use crate::files::file_stem;
use crate::lots::{Lot, Origin, uses};
use crate::palette::Palette;
use crate::sources::words;

/// The runs of one suite, compared. There may be none yet.
pub(crate) struct Group<'a> {
    /// Its name in links, which no other group has.
    pub(crate) id: String,
    /// Folder of the suite, relative to the input, or the input's own name; with the budget where it is not the
    /// usual one there.
    pub(crate) name: String,
    /// The budget then.
    pub(crate) other_steps: Option<u64>,
    /// The folder that the report is of, absolute.
    pub(crate) input: &'a Path,
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
    pub(crate) comparison: Comparison<'a>,
}

impl<'a> Group<'a> {
    /// The runs of a method on a task, in whatever state.
    pub(crate) fn runs_of(&self, method: &str, task: &str) -> impl Iterator<Item = &'a Run> {
        let is_wanted = move |entry: &&Entry<'_>| {
            (entry.method, entry.run.manifest.task.as_str()) == (method, task)
        };
        self.entries.iter().filter(is_wanted).map(|entry| entry.run)
    }

    /// An error with its causes, wherever the folder of the report is.
    pub(crate) fn words(&self, error: &ResultsError) -> String {
        words(error, self.input)
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

/// Compares the runs of each lot.
pub(crate) fn group<'a>(
    lots: &'a [Lot<'a>],
    source: &Origin<'a>,
    reference: Option<&str>,
    palette: &Palette,
    bootstrap: &Bootstrap,
) -> Vec<Group<'a>> {
    let Origin { input, suites, .. } = *source;
    let suite_rank = |lot: &&Lot<'_>| {
        let name = source.folder_name(&lot.folder);
        suites.iter().position(|suite| suite.name == name).unwrap_or(suites.len())
    };
    let mut lots: Vec<_> = lots.iter().collect();
    lots.sort_by_cached_key(|lot| (suite_rank(lot), lot.folder.clone()));

    let mut ids = Vec::new();
    let groups = lots.into_iter().map(|Lot { folder, other_steps, runs }| {
        let name = source.folder_name(folder);
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
        let entry = |(method, run): &'a (String, &'a Run)| Entry { method, run };
        let mut entries: Vec<_> = runs.iter().map(entry).collect();
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
            _ if other_steps.is_some() => {
                (suite.and_then(|suite| preset_of(suite, &entries)), Vec::new())
            }
            (Some(plan), _) => (Some(plan.preset), missing_of_plan(plan, &name, &entries)),
            (None, Some(suite)) => {
                let preset = preset_of(suite, &entries);
                let missing = preset.map(|preset| missing_of_suite(suite, preset, &entries));
                (preset, missing.unwrap_or_default())
            }
            (None, None) => (None, Vec::new()),
        };
        let reference = reference.or_else(|| reference_for(suite, suites, &entries));
        let name = shown.map_or(name, |path| path.display().to_string());
        let name = name + &budget_words(*other_steps);
        Group {
            id: file_stem(&format!("part-{name}"), &mut ids),
            name,
            other_steps: *other_steps,
            input,
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

/// ` (2000 steps)`.
pub(crate) fn budget_words(other_steps: Option<u64>) -> String {
    other_steps.map(|steps| format!(" ({steps} steps)")).unwrap_or_default()
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

/// The preset whose plan has the budget of the first run that is behind numbers, or of the first of all.
fn preset_of(suite: &Suite, entries: &[Entry<'_>]) -> Option<Preset> {
    let first = entries.iter().find(|entry| entry.run.is_whole()).or(entries.first())?;
    let of = &first.run.manifest;
    Preset::ALL.into_iter().find(|preset| {
        let plan = suite.preset(*preset);
        *plan.task_steps.get(&of.task).unwrap_or(&plan.total_steps) == of.total_steps
    })
}

/// The suite's reference; without a suite, one that any suite knows, if it is among the runs that are behind
/// numbers.
fn reference_for<'a>(
    suite: Option<&'a Suite>,
    suites: &'a [Suite],
    entries: &[Entry<'_>],
) -> Option<&'a str> {
    let whole: Vec<_> = entries.iter().filter(|entry| entry.run.is_whole()).collect();
    let found = |name: &&str| whole.iter().any(|entry| entry.method == *name);
    let known = || suites.iter().map(|suite| suite.reference.as_str()).find(found);
    suite.map(|suite| suite.reference.as_str()).or_else(known)
}
