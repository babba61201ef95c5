//! Rows of the tables.

use pmoe_stats::{Estimate, Interval};
use serde::{Serialize, Serializer};

use crate::comparison::Excluded;
use crate::format;
use crate::group::Group;

/// A seed that is excluded from the numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// The seed.
    pub seed: u64,
    /// Why it is excluded.
    pub reason: String,
}

/// One method on one task.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// Suite or folder of the runs.
    pub suite: String,
    /// Name of the task.
    pub task: String,
    /// Name of the method.
    pub method: String,
    /// Budget in environment steps.
    pub total_steps: u64,
    /// Seeds included in the numbers.
    pub seeds: Vec<u64>,
    /// Seeds excluded from the numbers.
    pub left_out: Vec<LeftOut>,
    /// Mean evaluation return over training.
    #[serde(serialize_with = "mean_and_interval")]
    pub auc: Option<Estimate>,
    /// `auc` divided by that of the reference.
    #[serde(serialize_with = "mean_and_interval")]
    pub relative_auc: Option<Estimate>,
    /// Whether `relative_auc` is absent because the reference is not clearly above zero.
    pub reference_near_zero: bool,
    /// Probability that a run's AUC is higher than that of a run of the reference.
    #[serde(serialize_with = "mean_and_interval")]
    pub improvement: Option<Estimate>,
    /// The paper's value of `relative_auc`, in percent.
    pub paper_percent: Option<f64>,
    /// Mean evaluation return of the last tenth of the budget.
    #[serde(serialize_with = "mean_and_interval")]
    pub final_return: Option<Estimate>,
}

impl Row {
    /// Formats the number of included seeds and of all planned or found ones.
    pub(crate) fn seed_count(&self) -> String {
        format!("{} of {}", self.seeds.len(), self.seeds.len() + self.left_out.len())
    }

    pub(crate) fn auc_text(&self) -> String {
        format::estimate(self.auc.as_ref(), format::number)
    }

    pub(crate) fn final_text(&self) -> String {
        format::estimate(self.final_return.as_ref(), format::number)
    }

    pub(crate) fn relative_text(&self) -> String {
        if self.reference_near_zero {
            return "reference near zero".to_owned();
        }
        format::estimate(self.relative_auc.as_ref(), format::percent)
    }

    pub(crate) fn improvement_text(&self) -> String {
        format::estimate(self.improvement.as_ref(), format::percent)
    }

    pub(crate) fn paper_text(&self) -> String {
        self.paper_percent.map_or(format::NOTHING.to_owned(), format::number)
    }

    /// Formats the excluded seeds: `seed 1 failed: …; seeds 2, 3 not started`.
    pub(crate) fn note(&self) -> String {
        let mut notes: Vec<(&str, Vec<String>)> = Vec::new();
        for LeftOut { seed, reason } in &self.left_out {
            match notes.iter_mut().find(|(known, _)| known == reason) {
                Some((_, seeds)) => seeds.push(seed.to_string()),
                None => notes.push((reason, vec![seed.to_string()])),
            }
        }
        let text = |(reason, seeds): &(&str, Vec<String>)| {
            let noun = if seeds.len() == 1 { "seed" } else { "seeds" };
            format!("{noun} {} {reason}", seeds.join(", "))
        };
        notes.iter().map(text).collect::<Vec<_>>().join("; ")
    }
}

/// Returns the rows of a group: one per method and task, for the tasks with at least one run.
pub(crate) fn rows(group: &Group<'_>) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for cell in &group.comparison.cells {
        let left_out = cell
            .excluded
            .iter()
            .map(|(seed, why)| LeftOut { seed: *seed, reason: reason(why, cell.total_steps) });
        rows.push(Row {
            suite: group.name.clone(),
            task: cell.task.clone(),
            method: cell.method.clone(),
            total_steps: cell.total_steps,
            seeds: cell.seeds(),
            left_out: left_out.collect(),
            auc: cell.auc.clone(),
            relative_auc: cell.relative_auc.clone(),
            reference_near_zero: cell.reference_near_zero,
            improvement: cell.improvement.clone(),
            paper_percent: paper(group, &cell.method, &cell.task),
            final_return: cell.final_return.clone(),
        });
    }
    let begun = group.comparison.tasks();
    for missing in group.missing.iter().filter(|run| begun.contains(&run.task.as_str())) {
        let out = LeftOut { seed: missing.seed, reason: "not started".to_owned() };
        let is_same = |row: &&mut Row| (&row.method, &row.task) == (&missing.method, &missing.task);
        match rows.iter_mut().find(is_same) {
            Some(row) => row.left_out.push(out),
            None => rows.push(Row {
                suite: group.name.clone(),
                task: missing.task.clone(),
                method: missing.method.clone(),
                total_steps: missing.total_steps,
                seeds: Vec::new(),
                left_out: vec![out],
                auc: None,
                relative_auc: None,
                reference_near_zero: false,
                improvement: None,
                paper_percent: paper(group, &missing.method, &missing.task),
                final_return: None,
            }),
        }
    }
    // The suite's order comes first, because it includes methods without a run.
    let of_suite =
        |row: &Row| group.suite?.methods.iter().position(|method| method.name == row.method);
    let of_runs = |row: &Row| group.methods.iter().position(|method| *method == row.method);
    let method_rank = |row: &Row| (of_suite(row).unwrap_or(usize::MAX), of_runs(row));
    let task_rank = |row: &Row| begun.iter().position(|task| *task == row.task);
    rows.sort_by_key(|row| (task_rank(row), method_rank(row)));
    rows
}

fn paper(group: &Group<'_>, method: &str, task: &str) -> Option<f64> {
    group.suite?.paper.auc.get(method)?.get(task).copied()
}

/// Serializes `{ "mean": 2.0, "interval": [1.0, 3.0] }`, the form of `pmoe report --json`.
fn mean_and_interval<S: Serializer>(
    estimate: &Option<Estimate>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Json {
        mean: f64,
        interval: Option<[f64; 2]>,
    }
    let json = |Estimate { value, interval, .. }: &Estimate| Json {
        mean: *value,
        interval: interval.map(|Interval { low, high }| [low, high]),
    };
    estimate.as_ref().map(json).serialize(serializer)
}

pub(crate) fn reason(why: &Excluded, total_steps: u64) -> String {
    match why {
        Excluded::Failed { reason } => format!("failed: {reason}"),
        Excluded::Unfinished { env_step } => {
            let [at, of] = [*env_step, total_steps].map(format::count);
            format!("unfinished, at step {at} of {of}")
        }
        Excluded::Short { total_steps } => {
            format!(
                "has not evaluated the whole budget, its own is {}",
                format::count(*total_steps)
            )
        }
        Excluded::Repeated => "is there twice, the second is left out".to_owned(),
    }
}
