//! Everything over time as CSV: evaluations and training metrics of every run.

use std::collections::{BTreeMap, BTreeSet};

use pmoe_results::{Event, Run};
use pmoe_stats::mean;

use super::quoted;
use crate::comparison::Entry;
use crate::group::Group;
use crate::metrics::updates;

/// Maximum number of lines of a run in the table of metrics.
const MOST_OF_RUN: usize = 200;

/// Number of lines that the runs of a report share in the table of metrics: a few megabytes.
const MOST_LINES: usize = 12_000;

/// Formats every evaluation of every run; see [`super::csv`].
pub(crate) fn curves_csv(groups: &[Group<'_>]) -> String {
    let mut text =
        String::from("suite,task,method,seed,env_step,return_mean,return_std,episodes\n");
    for (group, entry) in entries(groups) {
        for event in &entry.run.events {
            let Event::Eval { env_step, returns, .. } = event else { continue };
            let Some(center) = mean(returns) else { continue };
            let squares: Vec<_> = returns.iter().map(|value| (value - center).powi(2)).collect();
            let std = mean(&squares).unwrap_or(0.0).sqrt();
            let fields = [place(group, entry), env_step.to_string(), number(center), number(std)];
            text.push_str(&format!("{},{}\n", fields.join(","), returns.len()));
        }
    }
    text
}

/// Formats the training metrics of every run, one column each; of more than [`MOST_OF_RUN`] updates,
/// or less in a report of many runs, evenly spaced ones. Empty without any.
pub(crate) fn metrics_csv(groups: &[Group<'_>]) -> String {
    let runs = || entries(groups).map(|(_, entry)| entry.run);
    let names = runs().flat_map(|run| updates(run).flat_map(|(_, metrics)| metrics.keys()));
    let names: BTreeSet<&String> = names.collect();
    if names.is_empty() {
        return String::new();
    }
    let most = (MOST_LINES / runs().count().max(1)).clamp(MOST_OF_RUN / 10, MOST_OF_RUN);
    let head: Vec<_> = names.iter().map(|name| quoted(name)).collect();
    let mut text = format!("suite,task,method,seed,env_step,{}\n", head.join(","));
    for (group, entry) in entries(groups) {
        for (env_step, metrics) in thinned(entry.run, most) {
            let value = |name: &&String| metrics.get(*name).map(|value| number(*value));
            let values: Vec<_> = names.iter().map(|name| value(name).unwrap_or_default()).collect();
            text.push_str(&format!("{},{env_step},{}\n", place(group, entry), values.join(",")));
        }
    }
    text
}

fn entries<'g, 'a>(
    groups: &'g [Group<'a>],
) -> impl Iterator<Item = (&'g Group<'a>, &'g Entry<'a>)> {
    groups.iter().flat_map(|group| group.entries.iter().map(move |entry| (group, entry)))
}

fn place(group: &Group<'_>, entry: &Entry<'_>) -> String {
    let of = &entry.run.manifest;
    let [suite, task, method] = [group.name.as_str(), of.task.as_str(), entry.method].map(quoted);
    format!("{suite},{task},{method},{}", of.seed)
}

/// Returns about `most` evenly spaced updates, always the last.
fn thinned(run: &Run, most: usize) -> Vec<(u64, &BTreeMap<String, f64>)> {
    let updates: Vec<_> = updates(run).collect();
    let every = updates.len().div_ceil(most).max(1);
    // Counted from the end, so that the last one stays.
    let skipped = updates.len().saturating_sub(1) % every;
    updates.into_iter().skip(skipped).step_by(every).collect()
}

/// Formats a number with six digits; metrics have no more.
fn number(value: f64) -> String {
    format!("{value:.5e}").parse::<f64>().map_or(String::new(), |value| value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn six_digits_are_enough() {
        let cases = [
            (-0.421_816_974_878_311_16, "-0.421817"),
            (3000.0, "3000"),
            (1_234_567.0, "1234570"),
            (0.0, "0"),
            (1e-9, "0.000000001"),
        ];
        cases.iter().for_each(|&(value, text)| assert_eq!(number(value), text));
    }
}
