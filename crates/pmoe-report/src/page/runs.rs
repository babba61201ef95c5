//! The runs of a section: their states, those that are left out, and the list of all.

use std::collections::BTreeMap;
use std::path::Path;

use pmoe_results::{AnalysisKind, Run, Status};

use crate::comparison::{Entry, Excluded};
use crate::files::link;
use crate::format::{count, duration, plural};
use crate::group::Group;
use crate::rows::reason;

/// Number of a section's runs in each state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct States {
    pub(crate) done: usize,
    pub(crate) failed: usize,
    pub(crate) unfinished: usize,
    pub(crate) missing: usize,
}

/// One run in the list.
pub(super) struct RunLine {
    pub(super) link: String,
    /// Name of the file with its events.
    pub(super) events: &'static str,
    /// Name and file of each analysis; the file is relative to the run's folder.
    pub(super) analyses: Vec<(&'static str, String)>,
    pub(super) task: String,
    pub(super) method: String,
    pub(super) seed: u64,
    pub(super) state: &'static str,
    pub(super) detail: String,
    pub(super) steps: String,
    pub(super) wall: String,
    pub(super) command: String,
}

impl States {
    pub(super) fn of(group: &Group<'_>) -> Self {
        let mut states = Self { missing: group.missing.len(), ..Self::default() };
        for entry in &group.entries {
            match entry.run.manifest.status {
                Status::Done => states.done += 1,
                Status::Failed { .. } => states.failed += 1,
                Status::Running | Status::Interrupted => states.unfinished += 1,
            }
        }
        states
    }

    pub(crate) fn total(&self) -> usize {
        self.done + self.failed + self.unfinished + self.missing
    }

    /// Returns name and count of the states that occur.
    pub(crate) fn listed(&self) -> Vec<(&'static str, usize)> {
        let Self { done, failed, unfinished, missing } = *self;
        let states = [
            ("done", done),
            ("failed", failed),
            ("unfinished", unfinished),
            ("not started", missing),
        ];
        states.into_iter().filter(|(_, count)| 0 < *count).collect()
    }
}

/// Number of unfinished runs up to which each gets its own sentence.
const FEW: usize = 6;

/// Lists the excluded runs: one sentence each, except that many unfinished runs and all missing
/// runs are only counted.
pub(super) fn left_out(group: &Group<'_>) -> Vec<String> {
    let mut sentences = Vec::new();
    let mut unfinished: Vec<(&str, String)> = Vec::new();
    for cell in &group.comparison.cells {
        for (seed, why) in &cell.excluded {
            let reason = reason(why, cell.total_steps);
            let sentence = format!("{} on {}, seed {seed}: {reason}.", cell.method, cell.task);
            match why {
                Excluded::Unfinished { .. } => unfinished.push((&cell.task, sentence)),
                _ => sentences.push(sentence),
            }
        }
    }
    let total = plural(States::of(group).total(), "run");
    if unfinished.len() <= FEW {
        sentences.extend(unfinished.into_iter().map(|(_, sentence)| sentence));
    } else {
        let (sum, tasks) = (unfinished.len(), by_task(unfinished.iter().map(|(task, _)| *task)));
        sentences.push(format!("{sum} of {total} unfinished: {tasks}."));
    }
    if !group.missing.is_empty() {
        let tasks = by_task(group.missing.iter().map(|run| run.task.as_str()));
        sentences.push(format!("{} of {total} not started: {tasks}.", group.missing.len()));
    }
    sentences
}

/// Counts runs by task: `Ant-v2 3, Hopper-v2 1`.
fn by_task<'a>(tasks: impl Iterator<Item = &'a str>) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    tasks.for_each(|task| *counts.entry(task).or_default() += 1);
    counts.iter().map(|(task, count)| format!("{task} {count}")).collect::<Vec<_>>().join(", ")
}

pub(super) fn run_line(Entry { method, run }: &Entry<'_>, output: &Path) -> RunLine {
    let of = &run.manifest;
    let (state, detail) = match &of.status {
        Status::Done => ("done", String::new()),
        Status::Running => ("unfinished", "under way, or killed".to_owned()),
        Status::Interrupted => ("unfinished", "stopped, can be continued".to_owned()),
        Status::Failed { reason, diverged: false } => ("failed", reason.clone()),
        Status::Failed { reason, diverged: true } => ("failed", format!("diverged: {reason}")),
    };
    let analyses =
        AnalysisKind::ALL.into_iter().filter(|kind| run.path.join(kind.file()).is_file());
    RunLine {
        link: link(output, &run.path),
        events: Run::events_name(&run.path),
        analyses: analyses.map(|kind| (kind.name(), kind.file().display().to_string())).collect(),
        task: of.task.clone(),
        method: (*method).to_owned(),
        seed: of.seed,
        state,
        detail,
        steps: format!("{} of {}", count(of.env_step), count(of.total_steps)),
        wall: duration(of.wall_seconds()),
        command: of.provenance.command.clone(),
    }
}
