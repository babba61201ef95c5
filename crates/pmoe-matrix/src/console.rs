//! Runs a matrix from plan to report, with messages for the user.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use pmoe_results::Suite;

use crate::cluster::slurm::{self, Limits};
use crate::cluster::{self, ExecutorKind};
use crate::end::{MatrixEnd, RunEnd};
use crate::error::{ClusterError, MatrixError};
use crate::estimate::Forecast;
use crate::executor::Executor;
use crate::findings::Findings;
use crate::local::Local;
use crate::matrix::Matrix;
use crate::process;
use crate::progress::ProgressDisplay;
use crate::select::Planned;
use crate::words::{counted, size, spoken};
use pmoe_results::error::with_causes;
use pmoe_results::text::table;

/// Numbers of runs at a time for which the time on a cluster is estimated.
const SLOTS: [usize; 5] = [1, 8, 32, 128, 512];

/// Output of a command; the texts may contain names from files.
#[derive(Debug, Clone, Copy)]
pub struct Console {
    /// Receives a part of the result, for stdout.
    pub show: fn(&str),
    /// Receives a line about progress, for stderr.
    pub say: fn(&str),
}

/// Shows what `matrix` will run and what that takes; unless `dry_run`, runs it and writes the
/// report.
///
/// `pmoe` is the program that measures, trains, analyses and reports on this machine.
///
/// # Errors
/// Returns an error if the estimate fails, nothing can be run, or the report fails. Failed runs are
/// no error: the [`MatrixEnd`] shows them.
pub fn run(
    matrix: &Matrix,
    pmoe: &Path,
    dry_run: bool,
    console: Console,
) -> Result<MatrixEnd, MatrixError> {
    let Console { show, say } = console;
    show(&format!("{}\n", heading(matrix)));
    show(&matrix.overview());
    if matrix.executor() == ExecutorKind::Local {
        show(&to_go(matrix, pmoe)?);
        if dry_run {
            return Ok(MatrixEnd::Done);
        }
        let display = ProgressDisplay::new(matrix.runs(), matrix.jobs(), say);
        let local = Local::new(pmoe, matrix.jobs());
        let ends = matrix.execute(&local, &|notice| display.show(notice))?;
        display.clear();
        return conclude(pmoe, matrix.out(), matrix.runs(), &ends, matrix.suites(), show);
    }
    if dry_run {
        let limits = slurm::limits();
        show(&on_a_cluster(matrix, pmoe)?);
        if let Err(error) = limits.as_ref().map_err(|error| with_causes(error))
            && matrix.executor() == ExecutorKind::Slurm
        {
            show(&format!("{error}; with the limits of Slurm's defaults, this is submitted:"));
        }
        let cluster = matrix.cluster(pmoe, limits.unwrap_or_default())?;
        show(cluster.preview(&matrix.left_indices()).trim_end());
        return Ok(MatrixEnd::Done);
    }
    let limits = match matrix.executor() {
        ExecutorKind::Slurm => slurm::limits().map_err(ClusterError::from)?,
        ExecutorKind::Local | ExecutorKind::Command => Limits::default(),
    };
    let cluster = matrix.cluster(pmoe, limits)?;
    let display = ProgressDisplay::new(matrix.runs(), 0, say);
    let ends = matrix.execute(&cluster, &|notice| display.show(notice))?;
    display.clear();
    match MatrixEnd::of(&ends) {
        // The cluster goes on, and makes the report.
        MatrixEnd::Interrupted => Ok(MatrixEnd::Interrupted),
        _ => conclude(pmoe, matrix.out(), matrix.runs(), &ends, matrix.suites(), show),
    }
}

/// Goes on with what was submitted to a cluster for the results in `out`, and writes the report.
///
/// # Errors
/// Returns an error if nothing was submitted, nothing can be run, or the report fails.
pub fn wait(out: &Path, pmoe: &Path, console: Console) -> Result<MatrixEnd, MatrixError> {
    let Console { show, say } = console;
    let (mut runs, mut ends) = (Vec::new(), Vec::new());
    for cluster in cluster::reopen(out)? {
        let its = cluster.runs();
        let display = ProgressDisplay::new(&its, 0, say);
        ends.extend(cluster.execute(&its, &|notice| display.show(notice))?);
        display.clear();
        runs.extend(its);
        if MatrixEnd::of(&ends) == MatrixEnd::Interrupted {
            return Ok(MatrixEnd::Interrupted);
        }
    }
    conclude(pmoe, out, &runs, &ends, &[], show)
}

/// Writes the report and shows how the runs ended.
fn conclude(
    pmoe: &Path,
    out: &Path,
    runs: &[Planned],
    ends: &[RunEnd],
    suites: &[Suite],
    show: fn(&str),
) -> Result<MatrixEnd, MatrixError> {
    let folder = out.join("report");
    let made = report(pmoe, out, &folder);
    let end = MatrixEnd::of(ends);
    show(&format!("\n{}", summary(runs, ends)));
    if made.is_ok() && !suites.is_empty() {
        let tables = Findings::read(&folder).tables(suites, runs, ends);
        show(&format!("{}\n", tables.trim_end()));
    }
    if end == MatrixEnd::Interrupted {
        show("Interrupted. Run the same command again to continue.");
    }
    // The last line is where to look.
    match made {
        Ok(page) => show(&format!("Report: {}", page.display())),
        Err(error) if end == MatrixEnd::Interrupted => {
            show(&format!("No report: {}", with_causes(&error)));
        }
        Err(error) => return Err(error),
    }
    Ok(end)
}

/// Formats the heading: `Scale paper: 138 runs for 163 places in the suites in results/paper`.
fn heading(matrix: &Matrix) -> String {
    let runs = matrix.runs();
    let uses = runs.iter().map(|planned| planned.run.used_by.len()).sum::<usize>();
    let mut num_runs = counted(runs.len(), "run");
    if uses != runs.len() {
        num_runs += &format!(" for {uses} places in the suites");
    }
    format!("Scale {}: {num_runs} in {}", matrix.scale(), matrix.out().display())
}

/// Describes the time and disk space that the remaining runs will take.
fn to_go(matrix: &Matrix, pmoe: &Path) -> Result<String, MatrixError> {
    let left = matrix.left().len();
    if left == 0 {
        return Ok("All runs are done; their settings are checked again.".to_owned());
    }
    let forecast = matrix.forecast(pmoe)?;
    let Forecast { seconds, bytes_at_the_end: end, bytes_under_way: under_way, .. } = forecast;
    let mut text = format!(
        "{} to go: {} with {}. Disk space: about {} when all are done, up to {} more until then.",
        counted(left, "run"),
        spoken(seconds),
        counted(matrix.jobs(), "job"),
        size(end),
        size(under_way),
    );
    if let Some(free) = free_bytes(matrix.out())
        && free < end + under_way
    {
        text += &format!("\nwarning: only {} is free there", size(free));
    }
    Ok(text)
}

/// Describes what the remaining runs take on a cluster of machines like this one.
fn on_a_cluster(matrix: &Matrix, pmoe: &Path) -> Result<String, MatrixError> {
    let left = matrix.left().len();
    if left == 0 {
        return Ok("All runs are done.".to_owned());
    }
    let slots = matrix.max_parallel().map_or(SLOTS, |most| [1, most, most, most, most]);
    let forecasts = matrix.forecasts(pmoe, slots)?;
    let [Forecast { total_seconds, longest_seconds, bytes_at_the_end, .. }, ..] = forecasts;
    let mut rows: Vec<_> = slots
        .iter()
        .zip(forecasts)
        .map(|(slots, forecast)| vec![slots.to_string(), spoken(forecast.seconds)])
        .collect();
    rows.dedup();
    Ok(format!(
        "{} to go: {} of one core ({:.2} core-hours), the longest run {}, measured on this machine. Disk space: about \
         {}.\n\n{}",
        counted(left, "run"),
        spoken(total_seconds),
        total_seconds / 3600.0,
        spoken(longest_seconds),
        size(bytes_at_the_end),
        table(&["slots", "until the last run ends"], &rows)
    ))
}

/// Returns the free bytes on the disk of a path or its nearest existing parent, where the system
/// tells.
#[cfg(unix)]
fn free_bytes(path: &Path) -> Option<f64> {
    let path = std::path::absolute(path).ok()?;
    let found = path.ancestors().find(|path| path.exists())?;
    let disk = rustix::fs::statvfs(found).ok()?;
    #[expect(clippy::cast_precision_loss, reason = "nobody needs the last bytes")]
    Some(disk.f_bavail as f64 * disk.f_frsize as f64)
}

#[cfg(not(unix))]
fn free_bytes(_: &Path) -> Option<f64> {
    None
}

/// Writes the report of all runs in `out` into `folder`, including those that are not in this plan;
/// returns its page.
fn report(pmoe: &Path, out: &Path, folder: &Path) -> Result<PathBuf, MatrixError> {
    // What it prints is in the tables.
    process::stdout(Command::new(pmoe).arg("report").arg(out).arg("--out").arg(folder))?;
    Ok(folder.join("index.html"))
}

/// Formats how many runs ended in which state, and a table of those that are not done.
fn summary(runs: &[Planned], ends: &[RunEnd]) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut rows = Vec::new();
    for (run, end) in runs.iter().zip(ends) {
        *counts.entry(end.word()).or_default() += 1;
        if *end != RunEnd::Done {
            let reason = end.reason().unwrap_or_default();
            rows.push(vec![run.name(), end.word().to_owned(), reason.to_owned()]);
        }
    }
    let counts: Vec<_> = counts.iter().map(|(word, count)| format!("{count} {word}")).collect();
    let mut text = format!("{}: {}\n", counted(runs.len(), "run"), counts.join(", "));
    if !rows.is_empty() {
        text += &table(&["not done", "state", "reason"], &rows);
    }
    text
}

#[cfg(test)]
mod tests {
    use pmoe_results::plan::RunProgress;

    use super::*;
    use crate::select::tests::planned;

    #[test]
    fn the_summary_names_what_is_not_done() {
        let runs = [0, 1, 2].map(|seed| planned("sac", "Ant-v4", seed, RunProgress::New));
        let ends = [RunEnd::Done, RunEnd::Diverged("q1 is NaN".to_owned()), RunEnd::Done];
        assert_eq!(
            summary(&runs, &ends),
            "3 runs: 1 diverged, 2 done\n\
             not done               state     reason\n\
             fig/sac/Ant-v4/seed_1  diverged  q1 is NaN\n"
        );
    }
}
