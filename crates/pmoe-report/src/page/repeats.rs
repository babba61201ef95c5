//! Runs that several parts show: the first shows them, the others refer to it.

use std::collections::BTreeSet;
use std::path::Path;

use crate::group::Group;

/// The parts of the page so far.
#[derive(Default)]
pub(crate) struct Shown<'a> {
    parts: Vec<Part<'a>>,
}

struct Part<'a> {
    id: String,
    label: String,
    reference: Option<String>,
    runs: BTreeSet<(&'a str, &'a Path)>,
}

/// A task whose runs are all in an earlier part, under the same names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Repeat {
    pub(crate) task: String,
    /// The earlier part: its name in links, and its title.
    pub(super) id: String,
    pub(super) label: String,
    /// Whether that part compares with the same reference, and so has the same numbers.
    pub(super) is_same: bool,
}

impl<'a> Shown<'a> {
    /// Adds a part and returns the tasks that it repeats.
    pub(crate) fn repeats(&mut self, group: &Group<'a>) -> Vec<Repeat> {
        let of_task = |task: &str| -> BTreeSet<(&'a str, &'a Path)> {
            let of_task = group.entries.iter().filter(|entry| entry.run.manifest.task == task);
            of_task.map(|entry| (entry.method, entry.run.path.as_path())).collect()
        };
        let repeat = |task: &str| {
            let runs = of_task(task);
            let part = self.parts.iter().find(|part| runs.is_subset(&part.runs))?;
            Some(Repeat {
                task: task.to_owned(),
                id: part.id.clone(),
                label: part.label.clone(),
                is_same: part.reference == group.comparison.reference,
            })
        };
        let repeats = group.comparison.tasks().into_iter().filter_map(repeat).collect();
        self.parts.push(Part {
            id: group.id.clone(),
            label: group.suite.map_or_else(|| group.name.clone(), |suite| suite.item.clone()),
            reference: group.comparison.reference.clone(),
            runs: group.entries.iter().map(|of| (of.method, of.run.path.as_path())).collect(),
        });
        repeats
    }
}
