//! What the report found, in a table for each item of the paper.

use std::collections::BTreeMap;
use std::path::Path;

use pmoe_results::Suite;
use pmoe_results::files::read_bytes;
use serde::Deserialize;

use crate::end::RunEnd;
use crate::select::Planned;
use pmoe_results::text::table;

/// Size limit of the report's numbers.
const MOST_BYTES: u64 = 1 << 28;

/// Columns of tasks beside each other.
const TASKS: usize = 3;

/// Placeholder for a missing number.
const NONE: &str = "–";

/// The part of the report's `numbers.json` that the tables show.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Findings {
    intervals: Intervals,
    numbers: Vec<Number>,
}

#[derive(Debug, Default, Deserialize)]
struct Intervals {
    /// Between 0 and 1.
    level: f64,
}

#[derive(Debug, Deserialize)]
struct Number {
    suite: Option<String>,
    task: Option<String>,
    method: Option<String>,
    quantity: String,
    value: f64,
    /// An end that is not finite is absent.
    interval: Option<[Option<f64>; 2]>,
}

impl Findings {
    /// Reads the numbers in a report's folder; none if they can't be read.
    pub(crate) fn read(report: &Path) -> Self {
        let bytes = read_bytes(&report.join("numbers.json"), MOST_BYTES);
        let found = bytes.ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        found.unwrap_or_default()
    }

    fn get(&self, suite: &str, method: &str, task: &str, quantity: &str) -> Option<&Number> {
        let is = |found: &Option<String>, name: &str| found.as_deref() == Some(name);
        self.numbers.iter().find(|number| {
            number.quantity == quantity
                && is(&number.suite, suite)
                && is(&number.method, method)
                && is(&number.task, task)
        })
    }

    /// Formats a table for each suite that runs were asked for, with a row for each method: AUC in
    /// percent of the reference's on each task, and how many of its runs are done.
    pub(crate) fn tables(&self, suites: &[Suite], runs: &[Planned], ends: &[RunEnd]) -> String {
        let mut text = String::new();
        for suite in suites {
            // Runs done and asked for, by method and task.
            let mut counts: BTreeMap<(&str, &str), [usize; 2]> = BTreeMap::new();
            for (Planned { run, .. }, end) in runs.iter().zip(ends) {
                for of in run.used_by.iter().filter(|of| of.suite == suite.name) {
                    let count = counts.entry((&of.method, &run.task)).or_default();
                    count[0] += usize::from(*end == RunEnd::Done);
                    count[1] += 1;
                }
            }
            if !counts.is_empty() {
                text += &self.of_suite(suite, &counts);
                text.push('\n');
            }
        }
        text
    }

    fn of_suite(&self, suite: &Suite, counts: &BTreeMap<(&str, &str), [usize; 2]>) -> String {
        let methods: Vec<&str> = suite.methods.iter().map(|method| method.name.as_str()).collect();
        let is_asked = |method: &&str| counts.keys().any(|key| key.0 == *method);
        let methods: Vec<&str> = methods.into_iter().filter(is_asked).collect();
        let is_asked = |task: &&str| counts.keys().any(|key| key.1 == *task);
        let tasks: Vec<&str> = suite.tasks.iter().map(String::as_str).filter(is_asked).collect();

        let text = match tasks.iter().any(|task| self.has_percent(suite, &methods, task)) {
            true => format!("AUC in % of {}", suite.reference),
            false => format!("AUC; none in % of {}, the reference", suite.reference),
        };
        let mut text = format!("{} ({}): {text}", suite.item, suite.name);
        let cells = |method: &str, task: &str| self.cells(suite, &methods, method, task);
        let has_interval =
            |task: &&str| methods.iter().any(|method| !cells(method, task)[1].is_empty());
        let with_intervals = tasks.iter().any(has_interval);
        if with_intervals {
            text += &format!(", {:.0} % intervals", 100.0 * self.intervals.level);
        }
        text.push('\n');
        for tasks in tasks.chunks(TASKS) {
            let mut header = vec!["method".to_owned()];
            for task in tasks {
                let quantity = if self.has_percent(suite, &methods, task) { "" } else { ", AUC" };
                header.push(format!("{task}{quantity}"));
                header.extend(with_intervals.then(|| "interval".to_owned()));
                header.push("runs".to_owned());
            }
            let header: Vec<&str> = header.iter().map(String::as_str).collect();
            let row = |method: &&str| {
                let mut row = vec![(*method).to_owned()];
                for task in tasks {
                    let count = counts.get(&(*method, *task));
                    let runs = count.map_or(NONE.to_owned(), |[done, all]| format!("{done}/{all}"));
                    let [value, interval] = cells(method, task);
                    row.push(value);
                    row.extend(with_intervals.then_some(interval));
                    row.push(runs);
                }
                row
            };
            text += &table(&header, &methods.iter().map(row).collect::<Vec<_>>());
        }
        text
    }

    /// Whether a task has percentages; without them, as for a reference with a negative AUC, it has
    /// AUCs.
    fn has_percent(&self, suite: &Suite, methods: &[&str], task: &str) -> bool {
        let has = |quantity: &str| {
            methods.iter().any(|method| self.get(&suite.name, method, task, quantity).is_some())
        };
        has("relative_auc") || !has("auc")
    }

    /// Returns value and interval.
    fn cells(&self, suite: &Suite, methods: &[&str], method: &str, task: &str) -> [String; 2] {
        let has_percent = self.has_percent(suite, methods, task);
        let quantity = if has_percent { "relative_auc" } else { "auc" };
        let number = self.get(&suite.name, method, task, quantity);
        let spoken = |value: f64| if has_percent { rounded(100.0 * value, 0) } else { auc(value) };
        let interval = number.and_then(|number| number.interval).map(|ends| {
            let [low, high] = ends.map(|end| end.map_or(NONE.to_owned(), spoken));
            format!("[{low}, {high}]")
        });
        let value = number.map_or(NONE.to_owned(), |number| spoken(number.value));
        [value, interval.unwrap_or_default()]
    }
}

/// Formats an AUC, with fewer digits the larger it is.
fn auc(value: f64) -> String {
    rounded(value, if value.abs() < 10.0 { 2 } else { 0 })
}

fn rounded(value: f64, digits: i32) -> String {
    let scale = 10_f64.powi(digits);
    // Adding 0.0 turns -0.0 into 0.0.
    ((value * scale).round() / scale + 0.0).to_string()
}

#[cfg(test)]
mod tests {
    use pmoe_results::plan::RunProgress;

    use super::*;
    use crate::select::tests::{planned, suites};

    fn findings() -> Findings {
        let number = |task: &str, method: &str, quantity: &str, value: f64, interval: &str| {
            format!(
                r#"{{"item": "Fig. 1", "suite": "fig", "task": "{task}", "method": "{method}",
                     "quantity": "{quantity}", "value": {value}, {interval} "n": 2, "runs": []}}"#
            )
        };
        let numbers = [
            number("Hopper-v4", "sac", "relative_auc", 1.0, ""),
            number("Hopper-v4", "pmoe-sac", "relative_auc", 0.784, r#""interval": [0.6, 0.961],"#),
            number("Ant-v4", "sac", "auc", -20.4, r#""interval": [-30, -0.1],"#),
        ];
        let text = format!(
            r#"{{"schema": 1, "intervals": {{"level": 0.95, "seed": 0}}, "numbers": [{}]}}"#,
            numbers.join(", ")
        );
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn each_item_has_a_table_of_what_was_asked_for() {
        let runs = [
            planned("sac", "Hopper-v4", 0, RunProgress::New),
            planned("sac", "Hopper-v4", 1, RunProgress::New),
            planned("pmoe-sac", "Hopper-v4", 0, RunProgress::New),
            planned("sac", "Ant-v4", 0, RunProgress::New),
        ];
        let ends = [RunEnd::Done, RunEnd::Stopped, RunEnd::Done, RunEnd::Done];
        let expected = "\
Fig. 1, Table 2 (fig): AUC in % of sac, 95 % intervals
method    Hopper-v4  interval  runs  Ant-v4, AUC  interval     runs
sac             100             1/2          -20  [-30, -0.1]   1/1
pmoe-sac         78  [60, 96]   1/1            –                  –

";
        assert_eq!(findings().tables(&suites(), &runs, &ends), expected);
        // One task alone.
        let text = findings().tables(&suites(), &runs[..2], &ends);
        assert!(!text.contains("Ant-v4") && !text.contains("pmoe-sac"), "{text}");
        // One seed has no interval.
        assert!(!text.contains("interval"), "{text}");
        // A reference without a positive AUC.
        let text = findings().tables(&suites(), &runs[3..], &ends);
        assert!(text.contains("AUC; none in % of sac, the reference, 95 % intervals\n"), "{text}");
        assert_eq!(findings().tables(&suites(), &[], &[]), "");
    }

    #[test]
    fn a_report_without_numbers_leaves_the_counts() {
        let dir = tempfile::tempdir().unwrap();
        let runs = [planned("sac", "Hopper-v4", 0, RunProgress::New)];
        let text = Findings::read(dir.path()).tables(&suites(), &runs, &[RunEnd::Done]);
        let expected = "\
Fig. 1, Table 2 (fig): AUC in % of sac
method  Hopper-v4  runs
sac             –   1/1

";
        assert_eq!(text, expected);
    }
}
