//! What a reader of a failed check needs: a table of all tests, and for each that failed its runs and
//! two curves.

use std::collections::BTreeSet;

use pmoe_results::text::table;
use pmoe_stats::Interval;

use crate::calibration::{Calibration, LOSSES, Scope};
use crate::chart::chart;
use crate::gate::{Decision, Finding};
use crate::samples::{Sample, Samples};

/// Formats all tests as a table, those that failed first.
#[must_use]
pub fn findings(findings: &[Finding]) -> String {
    let header = [
        "method",
        "task",
        "measure",
        "before",
        "runs",
        "now",
        "runs",
        "now/before",
        "difference",
        "95 % interval",
        "p",
        "adjusted",
        "",
    ];
    let mut order: Vec<_> = findings.iter().collect();
    order.sort_by_key(|finding| finding.decision != Decision::Worse);
    let row = |finding: &&Finding| {
        let Finding { case, measure, reference, fresh, difference, .. } = finding;
        vec![
            case.method.clone(),
            case.task.clone(),
            measure.name().to_owned(),
            mean_of(reference),
            reference.len().to_string(),
            mean_of(fresh),
            fresh.len().to_string(),
            finding.ratio().map_or("–".to_owned(), |ratio| format!("{:.0} %", 100.0 * ratio)),
            format!("{:+.0}", difference.value),
            difference.interval.map_or("–".to_owned(), interval),
            p_value(finding.p_value),
            p_value(finding.adjusted),
            finding.decision.name().to_owned(),
        ]
    };
    table(&header, &order.iter().map(row).collect::<Vec<_>>())
}

/// Describes each test that failed: how much was lost, the seeds and commits of both sides, and the
/// mean curve of each. Empty if none failed.
#[must_use]
pub fn failures(all: &[Finding], reference: &Samples, fresh: &Samples) -> String {
    let worse = all.iter().filter(|finding| finding.decision == Decision::Worse);
    worse.map(|finding| failure(finding, reference, fresh)).collect::<Vec<_>>().join("\n")
}

fn failure(finding: &Finding, reference: &Samples, fresh: &Samples) -> String {
    let Finding { case, measure, .. } = finding;
    let change = match finding.ratio() {
        Some(ratio) => format!("{:.0} % of what it was", 100.0 * ratio),
        None => format!("{:+.0} in mean return", finding.difference.value),
    };
    let sides = [reference, fresh].map(|samples| samples.of(case));
    let [before, now] = sides.map(|samples| format!("{}, {}", commits(samples), seeds(samples)));
    let curves = sides
        .map(|samples| samples.iter().map(|sample| sample.curve(*measure)).collect::<Vec<_>>());
    format!(
        "{case}, return by {}: {change}\n  before: {before}\n  now:    {now}\n{}",
        measure.name(),
        chart(&curves)
    )
}

/// Lists the commits in the order of the seeds: a range, if there are several.
fn commits(samples: &[Sample]) -> String {
    let commits: BTreeSet<&str> = samples.iter().map(|sample| sample.commit.as_str()).collect();
    let short: Vec<_> = commits.iter().map(|commit| commit.get(..10).unwrap_or(commit)).collect();
    match short.as_slice() {
        [] | [""] => "commit unknown".to_owned(),
        [one] => format!("commit {one}"),
        several => format!("commits {}", several.join(", ")),
    }
}

fn seeds(samples: &[Sample]) -> String {
    let seeds: Vec<_> = samples.iter().map(|sample| sample.seed.to_string()).collect();
    match seeds.as_slice() {
        [one] => format!("seed {one}"),
        [first, .., last] if 12 < seeds.len() => {
            format!("{} seeds from {first} to {last}", seeds.len())
        }
        several => format!("seeds {}", several.join(", ")),
    }
}

/// Formats how often a gate is wrong, in the form of Markdown.
#[must_use]
pub fn calibration(found: &Calibration) -> String {
    let percent = |share: f64| format!("{:.1} %", 100.0 * share);
    let alarms = &found.false_alarms;
    let mut text = format!(
        "False alarms: {} of {} draws, {}; {:.0} runs a check in the mean.\n\n",
        alarms.failures,
        alarms.draws,
        percent(alarms.share()),
        alarms.mean_runs()
    );
    text += "| loss of mean return in |";
    LOSSES.iter().for_each(|loss| text += &format!(" {:.0} % |", 100.0 * loss));
    text += "\n|---|--:|--:|--:|--:|\n";
    for scope in Scope::ALL {
        let rates = found.power.iter().filter(|power| power.scope == scope);
        text += &format!("| {} |", scope.name());
        rates.for_each(|power| text += &format!(" {} |", percent(power.rate.share())));
        text += "\n";
    }
    for of_case in found.by_case.chunk_by(|left, right| left.0 == right.0) {
        text += &format!("| {} |", of_case[0].0);
        of_case.iter().for_each(|(_, _, rate)| text += &format!(" {} |", percent(rate.share())));
        text += "\n";
    }
    text
}

fn mean_of(scores: &[f64]) -> String {
    pmoe_stats::mean(scores).map_or("–".to_owned(), |mean| format!("{mean:.0}"))
}

fn interval(Interval { low, high }: Interval) -> String {
    format!("[{low:.0}, {high:.0}]")
}

fn p_value(p: f64) -> String {
    if p < 0.001 { format!("{p:.0e}") } else { format!("{p:.3}") }
}
