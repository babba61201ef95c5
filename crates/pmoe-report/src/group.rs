//! Groups of comparable runs: one suite or folder, one budget.

use std::path::{Path, PathBuf};

use pmoe_results::{Plan, Preset, ResultsError, Run, Suite};
use pmoe_stats::Bootstrap;

use crate::comparison::{Comparison, Entry};
use crate::files::file_stem;
use crate::lots::{Lot, Origin, uses};
use crate::palette::Palette;
use crate::sources::words;

/// The runs of one suite and their comparison. A group may be empty.
pub(crate) struct Group<'a> {
    /// Unique name of the group in links.
    pub(crate) id: String,
    /// Folder of the suite relative to the input, or the input's name. Includes the budget if it
    /// differs from the suite's usual one.
    pub(crate) name: String,
    /// The budget, if it differs from the suite's usual one.
    pub(crate) other_steps: Option<u64>,
    /// Input folder of the report, absolute.
    pub(crate) input: &'a Path,
    /// The suite of that name, if any.
    pub(crate) suite: Option<&'a Suite>,
    /// Preset that matches the budget of the runs.
    pub(crate) preset: Option<Preset>,
    /// Budget limit of the plan in environment steps, if any.
    pub(crate) max_steps: Option<u64>,
    /// Runs sorted by task, method and seed, in the order of the suite.
    pub(crate) entries: Vec<Entry<'a>>,
    /// Methods of the runs, in the order of the suite.
    pub(crate) methods: Vec<&'a str>,
    /// Planned runs without a folder.
    pub(crate) missing: Vec<Missing>,
    /// The numbers computed from the runs.
    pub(crate) comparison: Comparison<'a>,
}

impl<'a> Group<'a> {
    /// Returns the runs of a method on a task, in any state.
    pub(crate) fn runs_of(&self, method: &str, task: &str) -> impl Iterator<Item = &'a Run> {
        let is_wanted = move |entry: &&Entry<'_>| {
            (entry.method, entry.run.manifest.task.as_str()) == (method, task)
        };
        self.entries.iter().filter(is_wanted).map(|entry| entry.run)
    }

    /// Returns the method that the figures are about: the suite's subject, or without a suite the
    /// only one besides the reference.
    pub(crate) fn subject(&self) -> Option<&str> {
        match (self.suite, &self.comparison.reference, self.methods.as_slice()) {
            (Some(suite), ..) => suite.subject.as_deref(),
            (None, Some(reference), [a, b]) if a == reference => Some(b),
            (None, Some(reference), [a, b]) if b == reference => Some(a),
            (None, ..) => None,
        }
    }

    /// Formats an error with its causes, independently of the report's location.
    pub(crate) fn words(&self, error: &ResultsError) -> String {
        words(error, self.input)
    }
}

/// A planned run without a folder.
pub(crate) struct Missing {
    pub(crate) method: String,
    pub(crate) task: String,
    pub(crate) seed: u64,
    pub(crate) total_steps: u64,
    /// Folder relative to the results; the same for every suite that plans the run.
    pub(crate) dir: PathBuf,
}

/// Groups the lots and compares the runs of each.
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

/// Formats a budget that differs from the usual one: ` (2000 steps)`.
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

/// Returns the preset with the budget of the first complete run, or of the first run if none is
/// complete.
fn preset_of(suite: &Suite, entries: &[Entry<'_>]) -> Option<Preset> {
    let first = entries.iter().find(|entry| entry.run.is_whole()).or(entries.first())?;
    let of = &first.run.manifest;
    Preset::ALL.into_iter().find(|preset| {
        let plan = suite.preset(*preset);
        *plan.task_steps.get(&of.task).unwrap_or(&plan.total_steps) == of.total_steps
    })
}

/// Returns the suite's reference. Without a suite, returns the first reference of any suite that
/// has a complete run here.
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
