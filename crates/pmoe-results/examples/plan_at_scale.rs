//! Plans a very large matrix, writes and reads its plan, and reads the progress of as many finished
//! runs; prints how long each step takes, and the most memory that the program has had by then.
//!
//! ```text
//! cargo run --release -p pmoe-results --example plan_at_scale -- 100000
//! ```

use std::error::Error;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use pmoe_results::plan::{PlannedRun, RunProgress};
use pmoe_results::{Methods, Plan, Preset, Suite};

const METHODS: usize = 20;
const TASKS: usize = 10;
/// A file can have 65 000 names on some file systems.
const MOST_NAMES: usize = 50_000;

#[expect(clippy::print_stdout, reason = "an example shows its result")]
fn main() -> Result<(), Box<dyn Error>> {
    let runs: usize = std::env::args().nth(1).unwrap_or_default().parse().unwrap_or(100_000);
    let seeds = runs.div_ceil(METHODS * TASKS);
    let suite = Suite::parse(&suite(seeds)?, Path::new("large.toml"))?;
    let methods = Methods::embedded()?;
    let folder = tempfile::tempdir()?;
    let root = folder.path();
    let plan_now = || Plan::new(std::slice::from_ref(&suite), Preset::Paper, None, &methods, root);

    let plan = timed("plan, all new", &plan_now)?;
    println!("{} runs", plan.runs.len());
    timed("write plan.json", &|| plan.write(root))?;
    let mib = fs::metadata(root.join(Plan::FILE))?.len() >> 20;
    println!("it has {mib} MiB");
    let read = timed("read plan.json", &|| Plan::read(root))?;
    println!("the same: {}", read.as_ref() == Some(&plan));
    drop(read);

    finish(&plan.runs, root)?;
    let progress = || -> Result<_, Box<dyn Error>> {
        let is_done = |run: &&PlannedRun| {
            RunProgress::read(&root.join(&run.dir), run.total_steps) == RunProgress::Done
        };
        Ok(plan.runs.iter().filter(is_done).count())
    };
    println!("{} are done", timed("read their progress", &progress)?);
    let again = timed("plan, all done", &plan_now)?;
    println!("{} runs", again.runs.len());
    Ok(())
}

/// Prints the seconds that `does` takes.
#[expect(clippy::print_stdout, reason = "an example shows its result")]
fn timed<T, E>(what: &str, does: &dyn Fn() -> Result<T, E>) -> Result<T, E> {
    let start = Instant::now();
    let result = does();
    let seconds = start.elapsed().as_secs_f64();
    println!("{what}: {seconds:.2} s, at most {} so far", peak().unwrap_or_default());
    result
}

/// The most memory that this process has had, on Linux.
fn peak() -> Option<String> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().to_owned())
}

/// A suite of variants of PMOE-SAC.
fn suite(seeds: usize) -> Result<String, std::fmt::Error> {
    let mut text = "title = \"Large\"\nitem = \"none\"\nreference = \"m0\"\ntasks = [".to_owned();
    (0..TASKS).try_for_each(|task| write!(text, "\"Task{task}-v4\", "))?;
    text += "]\n[presets]\n";
    for preset in Preset::ALL {
        let seeds: Vec<usize> = (0..seeds).collect();
        writeln!(text, "{preset} = {{ seeds = {seeds:?}, total_steps = 1000000 }}")?;
    }
    for method in 0..METHODS {
        writeln!(text, "[[variants]]\nname = \"m{method}\"\nbase = \"pmoe-sac\"")?;
        let lr = 1e-4 * (method + 1) as f64;
        writeln!(text, "set = {{ actor_lr = {lr}, critic_lr = {lr}, batch_size = 128 }}")?;
    }
    Ok(text)
}

/// Makes a folder with a finished run in the place of each run: all are the same small one.
fn finish(runs: &[PlannedRun], root: &Path) -> Result<(), Box<dyn Error>> {
    let manifest = r#"{"schema": 3, "method": "pmoe-sac", "task": "Task0-v4", "seed": 0,
"total_steps": 1000000, "status": {"state": "done"}, "env_step": 1000000, "attempts": [],
"events_blake3": "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262",
"provenance": {"pmoe": "0.1.0", "commit": "", "dirty": false, "rustc": "", "burn": "", "mujoco": "",
"device": "flex", "threads": 1, "cpu": "", "cores": 1, "memory_gib": 1.0, "os": "", "command": ""}}"#;
    let config =
        "method = \"pmoe-sac\"\ntask = \"Task0-v4\"\nseed = 0\nschedule.total_steps = 1000000\n";
    let files = [("manifest.json", manifest), ("config.toml", config), ("events.jsonl", "")];
    let mut originals: Vec<PathBuf> = Vec::new();
    for (index, run) in runs.iter().enumerate() {
        let folder = root.join(&run.dir);
        fs::create_dir_all(&folder)?;
        for (name, text) in files {
            if index % MOST_NAMES == 0 {
                fs::write(folder.join(name), text)?;
            } else {
                fs::hard_link(originals[index / MOST_NAMES].join(name), folder.join(name))?;
            }
        }
        if index % MOST_NAMES == 0 {
            originals.push(folder);
        }
    }
    Ok(())
}
