//! Finds the runs of a report.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use pmoe_results::error::with_causes;
use pmoe_results::run::{Repeated, scan};
use pmoe_results::text::one_line;
use pmoe_results::{Plan, ResultsError, Run};

use crate::error::ReportError;
use crate::files::relative;
use crate::format::count;
use crate::lots::DEPTH;

/// The runs at or below a folder, and those that its suites share with others.
pub(crate) struct Sources {
    /// The runs, by path.
    pub(crate) runs: Vec<Run>,
    /// Plans of the runs' results folders, by folder.
    pub(crate) plans: BTreeMap<PathBuf, Plan>,
    /// Unreadable files: path relative to the input, and error.
    pub(crate) broken: Vec<(PathBuf, String)>,
    /// Links to runs that were found before, as text.
    pub(crate) repeated: Vec<String>,
    /// Runs that were continued by another build, as text.
    pub(crate) mixed_builds: Vec<String>,
}

/// Finds the runs of `input`, an absolute path without symbolic links.
pub(crate) fn find(input: &Path) -> Result<Sources, ReportError> {
    let mut found = scan(input)?;
    let of_runs = found.runs.iter().filter_map(|run| run.path.ancestors().nth(DEPTH));
    // The input may be the results folder or a suite in it, still without runs.
    let roots: BTreeSet<PathBuf> =
        of_runs.chain(input.ancestors().take(2)).map(Path::to_owned).collect();
    let mut plans = BTreeMap::new();
    for root in roots {
        match Plan::read(&root) {
            Ok(plan) => plans.extend(plan.map(|plan| (root, plan))),
            Err(error) => found.broken.push((root.join(Plan::FILE), error)),
        }
    }
    // A run outside of the input may already have been found through a link.
    let real = |path: &Path| fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let mut known: BTreeSet<PathBuf> = found.runs.iter().map(|run| real(&run.path)).collect();
    for (root, plan) in &plans {
        for run in &plan.runs {
            let is_asked_for = |suite: &String| root.join(suite).starts_with(input);
            let dir = root.join(&run.dir);
            let elsewhere = !dir.starts_with(input) && dir.is_dir();
            if elsewhere
                && run.used_by.iter().any(|used| is_asked_for(&used.suite))
                && known.insert(real(&dir))
            {
                match Run::read(&dir) {
                    Ok(run) => found.runs.push(run),
                    Err(error) => found.broken.push((dir, error)),
                }
            }
        }
    }
    let broken = found.broken.iter();
    let broken =
        broken.map(|(path, error)| (relative(input, path).into(), words(error, input))).collect();
    let repeated = |Repeated { link, target }: Repeated| {
        let [link, target] = [link, target].map(|path| relative(input, &path).into());
        Repeated { link, target }.to_string()
    };
    let repeated = found.repeated.into_iter().map(repeated).collect();
    let mixed_builds = found.runs.iter().flat_map(|run| mixed_builds(run, input)).collect();
    Ok(Sources { runs: found.runs, plans, broken, repeated, mixed_builds })
}

/// Describes where another build continued a run, and the changes in it.
fn mixed_builds(run: &Run, input: &Path) -> Vec<String> {
    let name = relative(input, &run.path);
    let sentence = |(step, changes): (u64, Vec<String>)| {
        one_line(&format!("{name} at step {}: {}", count(step), changes.join(", ")))
    };
    run.manifest.code_changes().into_iter().map(sentence).collect()
}

/// Formats an error with its causes. Paths are relative to `input`, so the text does not depend on
/// its location.
pub(crate) fn words(error: &ResultsError, input: &Path) -> String {
    let mut text = with_causes(error);
    for (folder, from_input) in [(Some(input), ""), (input.parent(), "../")] {
        let folder = folder.map(|folder| folder.display().to_string());
        if let Some(folder) = folder.filter(|folder| folder != "/") {
            text = text.replace(&format!("{folder}/"), from_input);
        }
    }
    text.replace(&input.display().to_string(), ".")
}

impl Sources {
    /// Returns path and error of every unreadable file.
    pub(crate) fn broken_texts(&self) -> Vec<(String, String)> {
        let text = |(path, error): &(PathBuf, String)| (path.display().to_string(), error.clone());
        self.broken.iter().map(text).collect()
    }

    /// Returns the id that a plan assigns to the run in a folder, if any.
    pub(crate) fn id_of(&self, path: &Path) -> Option<&str> {
        let (root, plan) =
            path.ancestors().nth(DEPTH).and_then(|root| self.plans.get_key_value(root))?;
        let dir = path.strip_prefix(root).ok()?;
        plan.runs.iter().find(|planned| planned.dir == dir).map(|planned| planned.id.as_str())
    }
}
