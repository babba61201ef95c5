//! Cost of runs, and the machines they ran on.

use pmoe_results::Run;
use pmoe_results::run::Attempt;

use crate::comparison::Entry;
use crate::format::{NOTHING, count, duration, plural};
use crate::group::Group;
use crate::rows::Row;

/// Cost of a set of runs.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Cost {
    pub(crate) runs: usize,
    /// Environment steps, including those that were lost and redone.
    pub(crate) env_steps: u64,
    pub(crate) wall_seconds: f64,
    /// Wall time × threads of each attempt, shared by the runs that learnt in lockstep.
    pub(crate) core_hours: f64,
}

/// Cost of a method on a task.
#[derive(Debug)]
pub(crate) struct CostRow {
    pub(crate) task: String,
    pub(crate) method: String,
    pub(crate) cost: Cost,
}

impl Cost {
    pub(crate) fn of<'a>(runs: impl Iterator<Item = &'a Run>) -> Self {
        runs.fold(Self::default(), |sum, run| {
            let attempts = run.manifest.attempts.iter();
            let steps = attempts.map(|attempt| attempt.to_step.saturating_sub(attempt.from_step));
            let wall = run.manifest.wall_seconds();
            let core_seconds = |attempt: &Attempt| {
                let on = attempt.provenance.as_ref().unwrap_or(&run.manifest.provenance);
                attempt.wall_seconds * on.threads as f64 / on.population.unwrap_or(1) as f64
            };
            let core_seconds: f64 = run.manifest.attempts.iter().map(core_seconds).sum();
            Self {
                runs: sum.runs + 1,
                env_steps: steps.fold(sum.env_steps, u64::saturating_add),
                wall_seconds: sum.wall_seconds + wall,
                core_hours: sum.core_hours + core_seconds / 3600.0,
            }
        })
    }

    pub(crate) fn steps_per_second(&self) -> Option<f64> {
        (0.0 < self.wall_seconds).then(|| self.env_steps as f64 / self.wall_seconds)
    }

    pub(crate) fn steps(&self) -> String {
        count(self.env_steps)
    }

    pub(crate) fn wall(&self) -> String {
        duration(self.wall_seconds)
    }

    pub(crate) fn speed(&self) -> String {
        self.steps_per_second().map_or(NOTHING.to_owned(), |speed| format!("{speed:.0}"))
    }

    pub(crate) fn cores(&self) -> String {
        match self.core_hours {
            hours if hours < 0.1 => format!("{hours:.3}"),
            hours => format!("{hours:.1}"),
        }
    }
}

/// Returns one line per row with runs.
pub(crate) fn costs(group: &Group<'_>, rows: &[Row]) -> Vec<CostRow> {
    let cost = |row: &Row| {
        let cost = Cost::of(group.runs_of(&row.method, &row.task));
        (0 < cost.runs).then(|| CostRow {
            task: row.task.clone(),
            method: row.method.clone(),
            cost,
        })
    };
    rows.iter().filter_map(cost).collect()
}

/// Returns each label with its distinct values, in the order of the runs.
pub(crate) fn provenance(entries: &[Entry<'_>]) -> Vec<(&'static str, Vec<String>)> {
    let facts = entries.iter().map(|Entry { run, .. }| {
        let of = &run.manifest.provenance;
        let dirty = if of.dirty { " with uncommitted changes" } else { "" };
        let instructions = match of.instructions.as_str() {
            "" => String::new(),
            name => format!(", {name}"),
        };
        [
            ("commit", format!("{}{dirty}", of.commit)),
            ("pmoe", of.pmoe.clone()),
            ("burn", of.burn.clone()),
            ("MuJoCo", of.mujoco.clone()),
            ("rustc", of.rustc.clone()),
            ("device", format!("{}, {}", of.device, plural(of.threads, "thread"))),
            ("processor", format!("{}{instructions}, {}", of.cpu, plural(of.cores, "core"))),
            ("memory", format!("{:.1} GiB", of.memory_gib)),
            ("system", of.os.clone()),
        ]
    });
    let mut rows: Vec<(&'static str, Vec<String>)> = Vec::new();
    for (label, value) in facts.flatten() {
        match rows.iter_mut().find(|row| row.0 == label) {
            Some((_, values)) if values.contains(&value) => {}
            Some((_, values)) => values.push(value),
            None => rows.push((label, vec![value])),
        }
    }
    rows
}
