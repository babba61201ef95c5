//! Splits runs into comparable lots by suite or folder and by budget, and names their methods.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use pmoe_results::methods::{Called, variant_names};
use pmoe_results::plan::PlannedRun;
use pmoe_results::{Plan, Run, Suite};

/// Depth of a run below the results: `<suite>/<method>/<task>/seed_<n>`.
pub(crate) const DEPTH: usize = 4;

/// Where the runs of a report come from.
pub(crate) struct Origin<'a> {
    /// Input folder, absolute.
    pub(crate) input: &'a Path,
    /// Name of that folder when the report was first written.
    pub(crate) name: &'a str,
    /// Plans by the absolute path of their results folder.
    pub(crate) plans: &'a BTreeMap<PathBuf, Plan>,
    pub(crate) suites: &'a [Suite],
}

/// Comparable runs.
pub(crate) struct Lot<'a> {
    /// Folder of the suite, or the input.
    pub(crate) folder: PathBuf,
    /// Budget of the runs, if it differs from the folder's usual or planned one.
    pub(crate) other_steps: Option<u64>,
    /// Runs with the names of their methods.
    pub(crate) runs: Vec<(String, &'a Run)>,
}

/// A run in a folder, before variants of its method get distinct names.
struct PlacedRun<'a> {
    method: &'a str,
    planned: bool,
    run: &'a Run,
}

/// Splits runs by suite, then by budget.
///
/// A run belongs to every suite that its plan lists for it. An unplanned run belongs to the suite
/// of its folder, `<suite>/<method>/<task>/seed_<n>`, if that folder is in the input. All other
/// runs form one lot.
pub(crate) fn lots<'a>(runs: &'a [Run], source: &Origin<'a>) -> Vec<Lot<'a>> {
    let input = source.input;
    let mut by_folder: BTreeMap<PathBuf, Vec<PlacedRun<'a>>> = BTreeMap::new();
    for run in runs {
        let planned = planned_places(run, source);
        let is_planned = !planned.is_empty();
        let places = if is_planned { planned } else { vec![folder_place(run, input)] };
        for (folder, method) in places {
            let place = PlacedRun { method, planned: is_planned, run };
            by_folder.entry(folder).or_default().push(place);
        }
    }
    // Keep suites without runs, so that the report shows them.
    for (root, plan) in source.plans {
        for used in plan.runs.iter().flat_map(|run| &run.used_by) {
            by_folder.entry(root.join(&used.suite)).or_default();
        }
    }
    // Drop suites outside of the input, even those that share runs with a suite inside.
    by_folder.retain(|folder, _| folder.starts_with(input) || input.starts_with(folder));
    by_folder.into_iter().flat_map(|(folder, places)| by_budget(folder, &places, source)).collect()
}

/// Returns the suite folders that the plan assigns a run to, with the method's name in each.
fn planned_places<'a>(run: &Run, source: &Origin<'a>) -> Vec<(PathBuf, &'a str)> {
    let Some((root, plan)) =
        run.path.ancestors().nth(DEPTH).and_then(|root| source.plans.get_key_value(root))
    else {
        return Vec::new();
    };
    let is_run =
        |planned: &&PlannedRun| run.path.strip_prefix(root).is_ok_and(|dir| dir == planned.dir);
    let uses = plan.runs.iter().find(is_run).into_iter().flat_map(|run| &run.used_by);
    uses.map(|used| (root.join(&used.suite), used.method.as_str())).collect()
}

/// Returns the folder above `<method>/<task>/seed_<n>` and the method, if the run lies at such a
/// path below the input. Otherwise returns the input and the manifest's method, so that the input's
/// own name never counts as a method.
fn folder_place<'a>(run: &'a Run, input: &Path) -> (PathBuf, &'a str) {
    let of = &run.manifest;
    let below: Vec<_> =
        run.path.strip_prefix(input).map(|below| below.components().collect()).unwrap_or_default();
    let seed = format!("seed_{}", of.seed);
    match below.as_slice() {
        [
            above @ ..,
            Component::Normal(method),
            Component::Normal(task),
            Component::Normal(last),
        ] if *task == of.task.as_str() && *last == seed.as_str() => {
            let folder = input.join(above.iter().collect::<PathBuf>());
            (folder, method.to_str().unwrap_or(&of.method))
        }
        _ => (input.to_owned(), &of.method),
    }
}

/// Returns one lot with the usual budgets, then one for each other budget, longest first.
fn by_budget<'a>(folder: PathBuf, places: &[PlacedRun<'a>], source: &Origin<'_>) -> Vec<Lot<'a>> {
    let name = source.folder_name(&folder);
    let plan = folder.parent().and_then(|root| source.plans.get(root));
    let planned: Vec<_> = plan.iter().flat_map(|plan| uses(plan, &name)).collect();
    // A suite defines the settings and the budget of each task.
    let is_suite = !planned.is_empty() || source.suites.iter().any(|suite| suite.name == name);
    let called =
        |of: &PlacedRun<'a>| Called { method: of.method, planned: of.planned, run: of.run };
    let names = variant_names(&places.iter().map(called).collect::<Vec<_>>(), is_suite);

    let of_plan: BTreeMap<&str, u64> =
        planned.iter().map(|(run, _)| (run.task.as_str(), run.total_steps)).collect();
    let usual = usual_budgets(places);
    let budget = |task: &str| of_plan.get(task).or(usual.get(task)).copied();
    let mut lots: BTreeMap<Option<u64>, Vec<(String, &Run)>> = BTreeMap::from([(None, Vec::new())]);
    for (place, name) in places.iter().zip(names) {
        let of = &place.run.manifest;
        let other = Some(of.total_steps).filter(|steps| budget(&of.task) != Some(*steps));
        lots.entry(other).or_default().push((name, place.run));
    }
    let usual = lots.remove_entry(&None);
    let others = lots.into_iter().rev();
    let lots = usual.into_iter().chain(others);
    let lot = |(other_steps, runs)| Lot { folder: folder.clone(), other_steps, runs };
    lots.map(lot)
        .filter(|lot| lot.other_steps.is_some() || !lot.runs.is_empty() || !planned.is_empty())
        .collect()
}

/// Returns the usual budget of each task: the one with the most complete runs on the task. Ties go
/// to the budget with the most complete runs on all tasks, then to the longest. Incomplete runs
/// count only on tasks without complete ones.
fn usual_budgets<'a>(places: &[PlacedRun<'a>]) -> BTreeMap<&'a str, u64> {
    let whole: Vec<&Run> = places.iter().map(|of| of.run).filter(|run| run.is_whole()).collect();
    let of_all = |steps: u64| whole.iter().filter(|run| run.manifest.total_steps == steps).count();
    let mut usual = BTreeMap::new();
    for PlacedRun { run, .. } in places {
        let task = run.manifest.task.as_str();
        if usual.contains_key(task) {
            continue;
        }
        let on_task = |run: &&Run| run.manifest.task == task;
        let mut runs: Vec<&Run> = whole.iter().copied().filter(|run| on_task(run)).collect();
        if runs.is_empty() {
            runs = places.iter().map(|of| of.run).filter(on_task).collect();
        }
        let here = |steps: u64| runs.iter().filter(|run| run.manifest.total_steps == steps).count();
        let budgets = runs.iter().map(|run| run.manifest.total_steps);
        let best = budgets.max_by_key(|steps| (here(*steps), of_all(*steps), *steps));
        usual.extend(best.map(|steps| (task, steps)));
    }
    usual
}

/// Returns the planned runs of a suite, with the name of their method in it.
pub(crate) fn uses<'a>(
    plan: &'a Plan,
    suite: &str,
) -> impl Iterator<Item = (&'a PlannedRun, &'a str)> {
    plan.runs.iter().flat_map(move |run| {
        let here = run.used_by.iter().filter(move |used| used.suite == suite);
        here.map(move |used| (run, used.method.as_str()))
    })
}

impl Origin<'_> {
    /// Returns the last component of a folder's path; for the input, its recorded name.
    pub(crate) fn folder_name(&self, folder: &Path) -> String {
        match folder.file_name() {
            _ if folder == self.input => self.name.to_owned(),
            Some(name) => name.to_string_lossy().into_owned(),
            None => "runs".to_owned(),
        }
    }
}
