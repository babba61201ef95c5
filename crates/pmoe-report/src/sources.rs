//! The runs that a report is made from.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use pmoe_results::{Plan, ResultsError, Run, scan, with_causes};

use crate::ReportError;
use crate::group::DEPTH;

/// What lies at or below a folder, and what its suites share with others.
pub(crate) struct Sources {
    /// The runs, by path.
    pub(crate) runs: Vec<Run>,
    /// The plans of the folders of results that they lie in, by folder.
    pub(crate) plans: BTreeMap<PathBuf, Plan>,
    /// What can't be read, relative to the input if it lies there.
    pub(crate) broken: Vec<(PathBuf, ResultsError)>,
}

/// Finds the runs of the folder `input`, absolute and without links.
pub(crate) fn find(input: &Path) -> Result<Sources, ReportError> {
    let mut found = scan(input)?;
    let of_runs = found.runs.iter().filter_map(|run| run.path.ancestors().nth(DEPTH));
    // The input may be the results themselves or a suite in them, with no run in it yet.
    let roots: BTreeSet<PathBuf> =
        of_runs.chain(input.ancestors().take(2)).map(Path::to_owned).collect();
    let mut plans = BTreeMap::new();
    for root in roots {
        match Plan::read(&root) {
            Ok(plan) => plans.extend(plan.map(|plan| (root, plan))),
            Err(error) => found.broken.push((root.join(Plan::FILE), error)),
        }
    }
    for (root, plan) in &plans {
        for run in &plan.runs {
            let is_asked_for = |suite: &String| root.join(suite).starts_with(input);
            let dir = root.join(&run.dir);
            let elsewhere = !dir.starts_with(input) && dir.is_dir();
            if elsewhere && run.used_by.iter().any(|used| is_asked_for(&used.suite)) {
                match Run::read(&dir) {
                    Ok(run) => found.runs.push(run),
                    Err(error) => found.broken.push((dir, error)),
                }
            }
        }
    }
    let relative = |path: PathBuf| match path.strip_prefix(input) {
        Ok(below) if !below.as_os_str().is_empty() => below.to_owned(),
        _ => path,
    };
    let broken = found.broken.into_iter().map(|(path, error)| (relative(path), error)).collect();
    Ok(Sources { runs: found.runs, plans, broken })
}

impl Sources {
    /// Path and error, with its causes, of what can't be read.
    pub(crate) fn broken_texts(&self) -> Vec<(String, String)> {
        let text = |(path, error): &(PathBuf, ResultsError)| {
            (path.display().to_string(), with_causes(error))
        };
        self.broken.iter().map(text).collect()
    }

    /// The id of the run in a folder, if a plan gives it one.
    pub(crate) fn id_of(&self, path: &Path) -> Option<&str> {
        let (root, plan) =
            path.ancestors().nth(DEPTH).and_then(|root| self.plans.get_key_value(root))?;
        let dir = path.strip_prefix(root).ok()?;
        plan.runs.iter().find(|planned| planned.dir == dir).map(|planned| planned.id.as_str())
    }
}
