//! Measures a refresh of a large plan, by default of 100 000 runs, of which 1 000 are in progress, with and
//! without a queue of as many jobs.
//!
//! ```text
//! cargo build --release --workspace --example large_plan
//! target/release/examples/large_plan 100000 1000
//! ```

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use pmoe_results::plan::{PlannedRun, RunProgress, Use};
use pmoe_results::run::{Attempt, Provenance};
use pmoe_results::{Event, Manifest, Plan, Preset, ResultsError, Status};
use pmoe_watch::{Job, JobState, Jobs, Snapshot, Wanted, Watcher};

/// Suites, methods and tasks, as many of each; seeds make up the rest.
const NAMES: u64 = 10;
const EVALUATIONS: u64 = 20;
const TOTAL_STEPS: u64 = 1_000_000;
/// Refreshes of which the fastest counts.
const REFRESHES: usize = 10;

#[expect(clippy::print_stdout, reason = "an example shows its result")]
fn main() -> Result<(), Box<dyn Error>> {
    let mut sizes = std::env::args().skip(1).map(|argument| argument.parse::<u64>());
    let runs = sizes.next().unwrap_or(Ok(100_000))?;
    let folders = sizes.next().unwrap_or(Ok(1_000))?.min(runs);
    let root = tempfile::tempdir()?;
    let runs: Vec<_> = (0..runs).map(planned).collect();
    for run in runs.iter().take(usize::try_from(folders)?) {
        write(root.path(), run)?;
    }
    let jobs: Jobs = runs
        .iter()
        .enumerate()
        .map(|(index, run)| {
            let is_running = (index as u64) < folders;
            let job = Job {
                id: format!("4711_{index}"),
                state: if is_running { JobState::Running } else { JobState::Queued },
                node: is_running.then(|| format!("node{index}")),
                reason: (!is_running).then(|| "Priority".to_owned()),
            };
            (run.dir.clone(), job)
        })
        .collect();
    Plan {
        schema: Plan::SCHEMA,
        preset: Preset::Paper,
        max_steps: None,
        own_suites: Default::default(),
        runs,
    }
    .write(root.path())?;

    let mut watcher = Watcher::new(root.path());
    let refresh = |watcher: &mut Watcher| -> Result<(f64, Snapshot), ResultsError> {
        let begun = Instant::now();
        let snapshot = watcher.refresh(SystemTime::now(), Wanted::All)?;
        Ok((begun.elapsed().as_secs_f64(), snapshot))
    };
    println!("first refresh: {:.3} s", refresh(&mut watcher)?.0);
    for queue in ["no jobs", "a job for each run"] {
        if queue != "no jobs" {
            let begun = Instant::now();
            watcher.set_jobs(jobs.clone());
            println!("taking the jobs: {:.3} s", begun.elapsed().as_secs_f64());
        }
        let mut fastest = refresh(&mut watcher)?;
        for _ in 1..REFRESHES {
            let next = refresh(&mut watcher)?;
            fastest = if next.0 < fastest.0 { next } else { fastest };
        }
        let (seconds, snapshot) = fastest;
        let begun = Instant::now();
        let lines = snapshot.to_text().lines().count();
        let text_seconds = begun.elapsed().as_secs_f64();
        println!("{queue}: refresh {seconds:.3} s, text of {lines} lines {text_seconds:.3} s");
    }
    if let Ok(status) = fs::read_to_string("/proc/self/status") {
        let memory = |line: &&str| line.starts_with("VmHWM") || line.starts_with("VmRSS");
        status.lines().filter(memory).for_each(|line| println!("{line}"));
    }
    Ok(())
}

/// Plans the run of an index: all suites, methods and tasks of a seed come before the next seed.
fn planned(index: u64) -> PlannedRun {
    let digit = |power: u32| (index / NAMES.pow(power)) % NAMES;
    let (suite, method) = (format!("suite-{}", digit(2)), format!("method-{}", digit(0)));
    let (task, seed) = (format!("Hopper-v{}", digit(1)), index / NAMES.pow(3));
    PlannedRun {
        id: format!("{index:016x}"),
        dir: [&suite, &method, &task, &format!("seed_{seed}")].iter().collect(),
        base: "sac".to_owned(),
        task,
        seed,
        total_steps: TOTAL_STEPS,
        set: Arc::new(
            ["batch_size", "gamma", "hidden"]
                .map(|key| (key.to_owned(), digit(0).to_string()))
                .into(),
        ),
        used_by: vec![Use { suite, method }],
        analyses: Vec::new(),
        progress: RunProgress::New,
    }
}

/// Writes the folder of a run in progress, whose process is not on this machine.
fn write(root: &Path, run: &PlannedRun) -> Result<(), Box<dyn Error>> {
    let folder: PathBuf = root.join(&run.dir);
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("lock"), "process 1\n")?;
    let every = TOTAL_STEPS / EVALUATIONS;
    let mut events = Vec::new();
    for evaluation in 0..=EVALUATIONS / 2 {
        let env_step = evaluation * every;
        let (returns, lengths) = (vec![1.0, 2.0], vec![10, 20]);
        events.extend(Event::Eval { env_step, returns, lengths, successes: None }.to_line()?);
    }
    fs::write(folder.join(Event::FILE), events)?;
    let manifest = Manifest {
        schema: Manifest::SCHEMA,
        method: run.base.clone(),
        task: run.task.clone(),
        seed: run.seed,
        total_steps: run.total_steps,
        status: Status::Running,
        env_step: TOTAL_STEPS / 2,
        provenance: provenance(),
        attempts: vec![Attempt {
            started: "2026-01-02T03:04:05Z".to_owned(),
            from_step: 0,
            to_step: TOTAL_STEPS / 2,
            wall_seconds: 1_000.0,
            cut_episodes: false,
            provenance: None,
        }],
        events_blake3: None,
    };
    fs::write(folder.join(Manifest::FILE), serde_json::to_vec(&manifest)?)?;
    Ok(())
}

fn provenance() -> Provenance {
    let unknown = || "unknown".to_owned();
    Provenance {
        pmoe: unknown(),
        commit: unknown(),
        dirty: false,
        rustc: unknown(),
        burn: unknown(),
        mujoco: unknown(),
        device: unknown(),
        threads: 1,
        population: None,
        cpu: unknown(),
        instructions: unknown(),
        libm: unknown(),
        cores: 2,
        memory_gib: 7.5,
        os: unknown(),
        command: unknown(),
    }
}
