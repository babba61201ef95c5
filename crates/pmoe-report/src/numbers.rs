//! `numbers.json`: every number of a report and the runs behind it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use pmoe_results::run::EventFile;
use pmoe_results::{AnalysisKind, Quantity, Run};
use pmoe_stats::{Bootstrap, Estimate, Interval};
use serde::{Deserialize, Serialize};

use crate::claims::Test;
use crate::files::{NUMBERS, relative};
use crate::group::Group;
use crate::options::{Place, ReportOptions};
use crate::page::{ClaimLine, Ledger, Measured, Section};
use crate::sources::Sources;

/// The file `numbers.json` of a report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Numbers {
    /// Version of the format, [`Numbers::SCHEMA`].
    pub schema: u32,
    /// Version of the program that wrote the report.
    pub version: String,
    /// Command that reproduces the report.
    pub command: String,
    /// Folder of the runs, relative to the report.
    pub input: String,
    /// Name of that folder when the report was written. It names parts of the report, which must
    /// stay the same in a copy under another name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Method to divide by, if it is not the suite's reference.
    pub reference: Option<String>,
    /// Settings of the intervals.
    pub intervals: Intervals,
    /// Number of evaluations behind each point of a drawn learning curve.
    #[serde(default = "usual_smooth")]
    pub smooth: u16,
    /// The runs behind the numbers.
    pub runs: Vec<Source>,
    /// The numbers, in the order of the page.
    pub numbers: Vec<Number>,
}

/// Settings of a report's bootstrap intervals: the middle `level` of `resamples` draws from `seed`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Intervals {
    /// Nominal coverage.
    pub level: f64,
    /// Number of draws.
    pub resamples: usize,
    /// Seed of the generator.
    pub seed: u64,
}

/// A run of a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Folder relative to the report.
    pub dir: String,
    /// Id that a plan assigns to the run, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// blake3 hash of its events and analyses, by file.
    pub blake3: BTreeMap<String, String>,
}

/// One number: an [`Estimate`] as stored in the file, with its place and its runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Number {
    /// Figure or table of the paper.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<String>,
    /// Suite or folder of the runs.
    pub suite: String,
    /// Name of the task; absent for a number over several tasks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// Name of the method.
    pub method: String,
    /// Name of the quantity; `docs/report.md` explains the names.
    pub quantity: String,
    /// The value.
    pub value: f64,
    /// Interval, if any; an end that is not finite is `null`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<[Option<f64>; 2]>,
    /// Number of runs behind it.
    pub n: usize,
    /// The paper's value of the same quantity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paper: Option<f64>,
    /// Folders of the runs behind it, relative to the report.
    pub runs: Vec<String>,
}

impl Numbers {
    /// Version of the format that this crate reads and writes.
    pub const SCHEMA: u32 = 1;

    /// Name of the file.
    pub const FILE: &str = NUMBERS;

    pub(crate) fn new(
        place: &Place<'_>,
        name: &str,
        command: &str,
        options: &ReportOptions<'_>,
        sources: &Sources,
        numbers: Vec<Number>,
    ) -> Self {
        let Bootstrap { resamples, level, seed } = options.bootstrap;
        let source = |run: &Run| Source {
            dir: relative(place.output, &run.path),
            id: sources.id_of(&run.path).map(str::to_owned),
            blake3: hashes(&run.path),
        };
        Self {
            schema: Self::SCHEMA,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            command: command.to_owned(),
            input: relative(place.output, place.input),
            name: Some(name.to_owned()),
            reference: options.reference.map(str::to_owned),
            intervals: Intervals { level, resamples, seed },
            smooth: options.smooth,
            runs: sources.runs.iter().map(source).collect(),
            numbers,
        }
    }

    /// Whether this version of the program wrote the report.
    pub(crate) fn is_of_this_version(&self) -> bool {
        self.version == env!("CARGO_PKG_VERSION")
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).expect("numbers have a JSON form");
        bytes.push(b'\n');
        bytes
    }
}

/// Returns the smoothing of a report that does not state it.
fn usual_smooth() -> u16 {
    ReportOptions::SMOOTH
}

impl Intervals {
    /// Maximum number of draws, so that a file can't make the program compute forever.
    const MOST_RESAMPLES: usize = 1_000_000;

    /// Whether the settings are valid.
    pub(crate) fn are_sound(self) -> bool {
        let Self { level, resamples, .. } = self;
        0.0 < level && level < 1.0 && (1..=Self::MOST_RESAMPLES).contains(&resamples)
    }

    pub(crate) fn bootstrap(self) -> Bootstrap {
        Bootstrap { resamples: self.resamples, level: self.level, seed: self.seed }
    }
}

impl Number {
    /// Returns the unique name of the number: its place in the report and its quantity.
    #[must_use]
    pub fn name(&self) -> String {
        let task = self.task.as_deref().unwrap_or("all tasks");
        format!("{} / {task} / {} / {}", self.suite, self.method, self.quantity)
    }
}

/// Hashes the files of a run that enter the numbers. Unreadable files are skipped: no number comes
/// from them, and their part of the page reports the error.
fn hashes(run: &Path) -> BTreeMap<String, String> {
    // Of the lines, packed or not.
    let events = EventFile::read(run).ok().flatten();
    let events = events.map(|(_, lines)| (PathBuf::from(Run::EVENTS), lines));
    let analyses = AnalysisKind::ALL.map(AnalysisKind::file).into_iter();
    let analyses = analyses.filter(|name| run.join(name).is_file());
    let analyses = analyses.filter_map(|name| fs::read(run.join(&name)).ok().map(|of| (name, of)));
    let hash = |(name, bytes): (PathBuf, Vec<u8>)| {
        (name.to_string_lossy().into_owned(), blake3::hash(&bytes).to_hex().to_string())
    };
    events.into_iter().chain(analyses).map(hash).collect()
}

/// Returns the effects of the claims.
pub(crate) fn numbers_of_claims(ledger: &Ledger<'_>) -> Vec<Number> {
    let of_line = |line: &ClaimLine<'_>| {
        let ClaimLine { claim, judgement, runs, .. } = line;
        let estimate = judgement.effect.as_ref().map(|effect| &effect.estimate);
        let (Test::Runs(test), Some(estimate)) = (&claim.test, estimate) else {
            return None;
        };
        Some(Number {
            item: Some(claim.place.clone()),
            suite: test.suite.clone(),
            task: test.task.clone(),
            method: test.method.clone(),
            quantity: format!("claim {}", claim.id),
            value: estimate.value,
            interval: ends(estimate),
            n: runs.len(),
            paper: line.paper_ratio(),
            runs: runs.iter().map(|run| run.dir.clone()).collect(),
        })
    };
    ledger.lines.iter().filter_map(of_line).filter(|number| number.value.is_finite()).collect()
}

/// Returns the ends of an interval; JSON can't represent infinite ones.
fn ends(estimate: &Estimate) -> Option<[Option<f64>; 2]> {
    let finite = |end: f64| Some(end).filter(|end| end.is_finite());
    estimate.interval.map(|Interval { low, high }| [finite(low), finite(high)])
}

/// Returns the paper's return under observation noise.
fn printed(group: &Group<'_>, of: &Measured) -> Option<f64> {
    let paper = &group.suite?.paper;
    paper.noise_return(&of.method, &of.task, of.quantity.obs_noise()?).map(|printed| printed.mean)
}

/// Returns the numbers of a section.
pub(crate) fn numbers(group: &Group<'_>, section: &Section, output: &Path) -> Vec<Number> {
    let mut numbers = Vec::new();
    let number = |method: &str, task: Option<&str>, quantity: &str, of: &Estimate, runs| Number {
        item: section.item.clone(),
        suite: group.name.clone(),
        task: task.map(str::to_owned),
        method: method.to_owned(),
        quantity: quantity.to_owned(),
        value: of.value,
        interval: ends(of),
        n: Vec::len(&runs),
        paper: None,
        runs,
    };
    let folders = |paths: &[PathBuf]| -> Vec<String> {
        paths.iter().map(|path| relative(output, path)).collect()
    };
    let of_runs = |runs: &[&Run]| -> Vec<String> {
        runs.iter().map(|run| relative(output, &run.path)).collect()
    };
    let behind = |method: &str, task: &str| {
        group.comparison.cell(method, task).map(|cell| of_runs(&cell.runs)).unwrap_or_default()
    };
    for row in &section.rows {
        let runs = behind(&row.method, &row.task);
        for (quantity, value) in [
            ("auc", &row.auc),
            ("relative_auc", &row.relative_auc),
            ("improvement", &row.improvement),
            ("final_return", &row.final_return),
        ] {
            let paper = row.paper_percent.filter(|_| quantity == "relative_auc");
            numbers.extend(value.as_ref().map(|value| Number {
                paper: paper.map(|percent| percent / 100.0),
                ..number(&row.method, Some(&row.task), quantity, value, runs.clone())
            }));
        }
    }
    for of in section.aggregates.iter().flat_map(|aggregates| &aggregates.methods) {
        let tasks = &section.aggregates.as_ref().expect("it is being read").tasks;
        let runs: Vec<_> = tasks.iter().flat_map(|task| behind(&of.method, task)).collect();
        for (quantity, value) in [
            ("iqm", of.iqm.as_ref()),
            ("median", Some(&of.median)),
            ("mean", Some(&of.mean)),
            ("optimality_gap", Some(&of.optimality_gap)),
            ("improvement", of.improvement.as_ref()),
        ] {
            numbers
                .extend(value.map(|value| number(&of.method, None, quantity, value, runs.clone())));
        }
    }
    for row in &section.acting {
        for (quantity, value) in [
            (Quantity::ActingAuc.name(), Some(&row.auc)),
            ("relative_acting_auc", row.relative_auc.as_ref()),
            (Quantity::ActingReturn.name(), row.last.as_ref()),
        ] {
            numbers.extend(value.map(|value| {
                number(&row.method, Some(&row.task), quantity, value, folders(&row.runs))
            }));
        }
    }
    for of in section.measured() {
        let runs = folders(&of.runs);
        let number = number(&of.method, Some(&of.task), of.quantity.name(), &of.estimate, runs);
        numbers.push(Number { paper: printed(group, of), ..number });
    }
    for row in &section.costs {
        let runs = of_runs(&group.runs_of(&row.method, &row.task).collect::<Vec<_>>());
        let cost = &row.cost;
        for (quantity, value) in [
            ("env_steps", Some(cost.env_steps as f64)),
            ("wall_seconds", Some(cost.wall_seconds)),
            ("steps_per_second", cost.steps_per_second()),
            ("core_hours", Some(cost.core_hours)),
        ] {
            let value = value.map(|value| Estimate::statistic(value, None));
            numbers.extend(
                value.map(|value| {
                    number(&row.method, Some(&row.task), quantity, &value, runs.clone())
                }),
            );
        }
    }
    // JSON can't represent the others.
    numbers.retain(|number| number.value.is_finite());
    numbers
}
