//! Prints, for every method and task below a folder of runs, the return of the training episodes, in which the agent
//! acts as it learns, beside the return of evaluations: means of the last third of the runs,
//! or of the last sixth with a 6 behind the folder.
//!
//! ```text
//! cargo run --release -p pmoe-report --example acting_and_evaluation -- results/paper-300k
//! ```

use std::error::Error;
use std::path::Path;

use pmoe_report::comparison::{Comparison, Entry};
use pmoe_results::Run;
use pmoe_results::run::{Event, scan};
use pmoe_stats::{Bootstrap, Estimate, mean};

#[expect(clippy::print_stdout, reason = "an example shows its result")]
fn main() -> Result<(), Box<dyn Error>> {
    let Some(folder) = std::env::args().nth(1) else {
        println!("usage: acting_and_evaluation FOLDER [PARTS]");
        return Ok(());
    };
    let parts: u64 = std::env::args().nth(2).map_or(Ok(3), |parts| parts.parse())?;
    let found = scan(Path::new(&folder))?;
    let entries: Vec<_> = found.runs.iter().map(Entry::from).collect();
    let comparison = Comparison::new(&entries, None, &Bootstrap::STANDARD);
    println!("| task | method | seeds | acting | evaluation |\n|---|---|--:|--:|--:|");
    for cell in &comparison.cells {
        let means = |of: fn(&Run, u64) -> Option<f64>| -> Option<String> {
            let values: Vec<f64> = cell.runs.iter().filter_map(|run| of(run, parts)).collect();
            let Estimate { value, interval, .. } = Estimate::mean(values, &Bootstrap::STANDARD)?;
            let ends = interval.map(|ends| format!(" [{:.0}, {:.0}]", ends.low, ends.high));
            Some(format!("{value:.0}{}", ends.unwrap_or_default()))
        };
        if let (Some(acting), Some(evaluation)) = (means(acting), means(evaluation)) {
            let seeds = cell.runs.len();
            println!("| {} | {} | {seeds} | {acting} | {evaluation} |", cell.task, cell.method);
        }
    }
    Ok(())
}

/// Returns whether a step is in the last of this many parts of a run.
fn is_late(run: &Run, parts: u64, env_step: u64) -> bool {
    parts.saturating_sub(1) * run.manifest.total_steps < parts * env_step
}

/// Returns the mean return of the training episodes that ended late.
fn acting(run: &Run, parts: u64) -> Option<f64> {
    let returns = run.events.iter().filter_map(|event| match event {
        Event::Episode { env_step, episode_return, .. } if is_late(run, parts, *env_step) => {
            Some(*episode_return)
        }
        _ => None,
    });
    mean(&returns.collect::<Vec<_>>())
}

/// Returns the mean return of the late evaluations.
fn evaluation(run: &Run, parts: u64) -> Option<f64> {
    let curve = run.eval_curve();
    let points = curve.points().iter().filter(|(env_step, _)| is_late(run, parts, *env_step));
    mean(&points.map(|(_, value)| *value).collect::<Vec<_>>())
}
