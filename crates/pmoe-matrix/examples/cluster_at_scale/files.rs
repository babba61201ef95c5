//! What the files of a large plan cost.

use std::error::Error;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use pmoe_matrix::cluster::Indices;
use pmoe_results::plan::{PlannedRun, RunProgress, Use};
use pmoe_results::{Plan, Preset};

/// Methods and tasks, as many of each; seeds make up the rest.
const NAMES: usize = 10;

/// Writes and reads a plan and lists of its runs; returns a table.
pub(crate) fn measure(runs: usize) -> Result<String, Box<dyn Error>> {
    let root = tempfile::tempdir()?;
    let runs = (0..runs).map(planned).collect();
    let plan = Plan {
        schema: Plan::SCHEMA,
        preset: Preset::Paper,
        max_steps: None,
        own_suites: Default::default(),
        runs,
    };
    let mut lines = vec!["| step | seconds | size |".to_owned(), "| --- | --- | --- |".to_owned()];
    let mut row = |step: &str, begun: Instant, size: String| {
        lines.push(format!("| {step} | {:.4} | {size} |", begun.elapsed().as_secs_f64()));
    };
    let begun = Instant::now();
    plan.write(root.path())?;
    let bytes = fs::metadata(root.path().join(Plan::FILE))?.len();
    row("`Plan::write`", begun, format!("{:.1} MB", bytes as f64 / 1e6));
    let begun = Instant::now();
    let read = Plan::read(root.path())?.ok_or("the plan is gone")?;
    row("`Plan::read`", begun, format!("{} runs", read.runs.len()));
    let begun = Instant::now();
    row("`Plan::digest`", begun, plan.digest());
    let begun = Instant::now();
    // Every seventh is done.
    let left: Indices = (0..plan.runs.len()).filter(|index| index % 7 != 3).collect();
    row("`Indices`, with holes", begun, format!("{} runs", left.as_slice().len()));
    let begun = Instant::now();
    let text = left.to_string();
    row("as text", begun, format!("{:.1} kB", text.len() as f64 / 1e3));
    let begun = Instant::now();
    let parsed: Indices = text.parse()?;
    row("parsed", begun, format!("{} runs", parsed.as_slice().len()));
    match read == plan && parsed == left {
        true => Ok(lines.join("\n")),
        false => Err("what was read is not what was written".into()),
    }
}

/// Plans the run of an index.
fn planned(index: usize) -> PlannedRun {
    let digit = |power: u32| (index / NAMES.pow(power)) % NAMES;
    let (suite, method) = (format!("suite-{}", digit(2)), format!("method-{}", digit(0)));
    let (task, seed) = (format!("Hopper-v{}", digit(1)), (index / NAMES.pow(3)) as u64);
    let dir: PathBuf = [&suite, &method, &task, &format!("seed_{seed}")].iter().collect();
    let set = ["batch_size", "gamma", "hidden"].map(|key| (key.to_owned(), digit(0).to_string()));
    PlannedRun {
        id: format!("{index:016x}"),
        dir,
        base: "sac".to_owned(),
        task,
        seed,
        total_steps: 1_000_000,
        set: Arc::new(set.into()),
        used_by: vec![Use { suite, method }],
        analyses: Vec::new(),
        progress: RunProgress::New,
    }
}
