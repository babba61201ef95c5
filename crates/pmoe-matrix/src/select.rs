//! Selecting runs of a plan, and how much of them is left to do.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use pmoe_results::analysis::{AnalysisFile, AnalysisSettings};
use pmoe_results::plan::{PlannedRun, RunProgress, Use};
use pmoe_results::text::did_you_mean;
use pmoe_results::{Methods, Plan, Suite, settings};

use crate::error::{MatrixError, SelectionError};
use crate::words::{counted, in_paper_order, listed};

/// A run and its folder.
#[derive(Debug, Clone)]
pub struct Planned {
    /// The run, used only by the selected suites.
    pub run: PlannedRun,
    /// Its folder.
    pub dir: PathBuf,
}

impl Planned {
    /// Returns its name, `<suite>/<method>/<task>/seed_<n>`.
    #[must_use]
    pub fn name(&self) -> String {
        self.run.dir.display().to_string()
    }

    /// Returns the analyses that are missing.
    #[must_use]
    pub fn analyses_left(&self) -> Vec<AnalysisSettings> {
        let is_left = |settings: &&AnalysisSettings| !AnalysisFile::is_made(&self.dir, settings);
        self.run.analyses.iter().filter(is_left).cloned().collect()
    }

    /// Whether its whole budget is spent and its analyses are complete.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.run.progress == RunProgress::Done && self.analyses_left().is_empty()
    }

    /// Returns it with its progress read again.
    #[must_use]
    pub fn refreshed(&self) -> Self {
        let progress = RunProgress::read(&self.dir, self.run.total_steps);
        Self { dir: self.dir.clone(), run: PlannedRun { progress, ..self.run.clone() } }
    }

    /// Returns the environment steps that are already done.
    #[must_use]
    pub fn steps_done(&self) -> u64 {
        match self.run.progress {
            RunProgress::New => 0,
            RunProgress::Unfinished { env_step } | RunProgress::Failed { env_step } => {
                env_step.min(self.run.total_steps)
            }
            RunProgress::Done => self.run.total_steps,
        }
    }
}

/// Selects the runs that match `only` and `seeds`; an empty list matches all runs.
///
/// A name in `only` is a suite, an item of the paper such as `fig6`, a method, a task or a prefix
/// of `<suite>/<method>/<task>/seed_<n>`. A run must match one of the names and one of the seeds.
/// The folders of the runs are below `out`.
///
/// # Errors
/// Returns an error if a name or seed matches no run, or if no run matches both lists.
pub(crate) fn select(
    plan: &Plan,
    suites: &[Suite],
    only: &[String],
    seeds: &[u64],
    out: &Path,
) -> Result<Vec<Planned>, SelectionError> {
    for seed in seeds {
        if !plan.runs.iter().any(|run| run.seed == *seed) {
            let known = listed(plan.runs.iter().map(|run| run.seed));
            return Err(SelectionError::UnknownSeed { seed: *seed, known });
        }
    }
    for name in only {
        let known = |run: &PlannedRun| is_run_named(run, suites, name);
        if name.is_empty() || !plan.runs.iter().any(known) {
            return Err(unknown(plan, suites, name));
        }
    }
    let mut selected = Vec::new();
    let of_seeds = |run: &&PlannedRun| seeds.is_empty() || seeds.contains(&run.seed);
    for run in plan.runs.iter().filter(of_seeds) {
        let mut run = run.clone();
        let all = std::mem::take(&mut run.used_by);
        let wanted =
            |of: &Use| only.is_empty() || only.iter().any(|name| is_named(&run, of, suites, name));
        let used_by: Vec<_> = all.into_iter().filter(wanted).collect();
        if !used_by.is_empty() {
            run.used_by = used_by;
            selected.push(Planned { dir: out.join(&run.dir), run });
        }
    }
    if selected.is_empty() && !seeds.is_empty() {
        let named = |run: &&PlannedRun| {
            run.used_by.iter().any(|of| only.iter().any(|name| is_named(run, of, suites, name)))
        };
        return Err(SelectionError::NothingInCommon {
            only: only.join(","),
            seeds: listed(seeds.iter()),
            known: listed(plan.runs.iter().filter(named).map(|run| run.seed)),
        });
    }
    Ok(selected)
}

/// Returns an error if runs would end before their first update.
pub(crate) fn check_budgets(runs: &[Planned], methods: &Methods) -> Result<(), MatrixError> {
    let mut short = Vec::new();
    for Planned { run, .. } in runs {
        let config = methods.resolve(&run.spec())?;
        let first = ["learning_starts", "rollout_steps"].into_iter().find_map(|key| {
            let steps = settings::find(&config, key)?.as_integer()?;
            Some((u64::try_from(steps).ok()?, key))
        });
        short.extend(first.filter(|(first, _)| run.total_steps < *first).map(|first| (run, first)));
    }
    let Some((run, (first, key))) = short.first() else { return Ok(()) };
    let too_short = SelectionError::TooShort {
        runs: counted(short.len(), "run"),
        method: run.base.clone(),
        task: run.task.clone(),
        steps: run.total_steps,
        first: *first,
        key,
        enough: short.iter().map(|(_, (first, _))| *first).max().unwrap_or(*first),
    };
    Err(too_short.into())
}

/// Whether a name is that of a run in one of its suites.
pub(crate) fn is_run_named(run: &PlannedRun, suites: &[Suite], name: &str) -> bool {
    run.used_by.iter().any(|of| is_named(run, of, suites, name))
}

fn is_named(run: &PlannedRun, of: &Use, suites: &[Suite], name: &str) -> bool {
    let PlannedRun { base, task, .. } = run;
    [&of.suite, &of.method, base, task].contains(&&name.to_owned())
        || items(suites, &of.suite).any(|item| item == plain(name))
        // `Path::starts_with` compares whole components: `seed_1` is not the start of `seed_10`.
        || run.dir_in(of).starts_with(name)
}

/// Returns the figures and tables of a suite, such as `fig1`.
fn items(suites: &[Suite], suite: &str) -> impl Iterator<Item = String> {
    let suite = suites.iter().find(|known| known.name == suite);
    suite.into_iter().flat_map(|suite| suite.item.split(',').map(plain))
}

/// Reduces a name to lowercase letters and digits: `Fig. 1` becomes `fig1`.
fn plain(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase()
}

/// Returns the error for a name that matches no run.
fn unknown(plan: &Plan, suites: &[Suite], name: &str) -> SelectionError {
    let uses = || plan.runs.iter().flat_map(|run| run.used_by.iter().map(move |of| (run, of)));
    let names: BTreeSet<String> = uses()
        .flat_map(|(run, of)| [&of.suite, &of.method, &run.base, &run.task].map(Clone::clone))
        .chain(uses().flat_map(|(_, of)| items(suites, &of.suite)))
        .collect();
    let meant = did_you_mean(name, names.iter().map(String::as_str));
    let known = format!(
        "suites: {}; items: {}; methods: {}; tasks: {}; or the start of a folder, such as {}",
        in_paper_order(uses().map(|(_, of)| of.suite.clone())),
        in_paper_order(uses().flat_map(|(_, of)| items(suites, &of.suite))),
        listed(uses().map(|(_, of)| &of.method)),
        listed(uses().map(|(run, _)| &run.task)),
        uses().next().map(|(run, of)| run.dir_in(of).display().to_string()).unwrap_or_default(),
    );
    SelectionError::UnknownName { name: name.to_owned(), known, meant }
}

#[cfg(test)]
pub(crate) mod tests;
