//! Runs for tests, in memory and on disk.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pmoe_results::plan::{PlannedRun, RunProgress, Use};
use pmoe_results::run::{Attempt, JsonlSink, Position, Provenance};
use pmoe_results::{Event, Manifest, Plan, Preset, RunDir, Sink, Status};

use crate::job::{Job, JobState};
use crate::snapshot::{EvalPoint, RunState, RunView, Snapshot};

/// Returns a run of suite `fig1` with a budget of 1000 steps and an evaluation every 100 steps so
/// far.
pub(crate) fn view(method: &str, task: &str, seed: u64, state: RunState, env_step: u64) -> RunView {
    let curve: Vec<(u64, f64)> = (0..=env_step / 100)
        .filter(|_| env_step > 0)
        .map(|index| (100 * index, index as f64 * (1.0 + seed as f64)))
        .collect();
    let is_running = state == RunState::Running;
    RunView {
        dir: ["fig1", method, task, &format!("seed_{seed}")].iter().collect(),
        used_by: vec![Use { suite: "fig1".into(), method: method.into() }],
        method: method.into(),
        task: task.into(),
        seed,
        set: BTreeMap::new(),
        state,
        job: None,
        env_step,
        total_steps: 1_000,
        steps_per_second: (env_step > 0).then_some(10.0),
        seconds_left: is_running.then(|| (1_000 - env_step) as f64 / 10.0),
        quiet_seconds: is_running.then_some(3.0),
        last_eval: curve.last().map(|&(env_step, mean_return)| EvalPoint {
            env_step,
            mean_return,
            success_rate: None,
        }),
        curve,
        attempts: 1,
        wall_seconds: env_step as f64 / 10.0,
    }
}

/// Returns two methods on two tasks, with runs in every state.
pub(crate) fn snapshot() -> Snapshot {
    let failed = RunState::Failed { reason: "diverged: the loss is NaN\nat step 300".into() };
    let quiet = RunState::Quiet { reason: None };
    let runs = vec![
        view("sac", "Hopper-v2", 0, RunState::Done, 1_000),
        view("pmoe-sac", "Hopper-v2", 0, RunState::Running, 600),
        view("sac", "Ant-v2", 0, failed, 300),
        view("pmoe-sac", "Ant-v2", 0, quiet, 200),
        view("sac", "Hopper-v2", 1, RunState::Stopped, 500),
        view("pmoe-sac", "Hopper-v2", 1, RunState::Waiting, 0),
    ];
    Snapshot::new(Path::new("results/paper"), Some((Preset::Paper, Some(1_000))), runs, vec![])
}

/// Returns a job; it is on a node if it runs.
pub(crate) fn job(id: &str, state: JobState, reason: Option<&str>) -> Job {
    let node = (state == JobState::Running).then(|| "node7".to_owned());
    Job { id: id.to_owned(), state, node, reason: reason.map(str::to_owned) }
}

/// Returns a run with the state that its job gives it.
pub(crate) fn view_of_job(seed: u64, job: Job, env_step: u64) -> RunView {
    let reason = job.reason.clone();
    let state = match job.state {
        JobState::Queued => RunState::Queued { reason },
        JobState::Requeued => RunState::Requeued { reason },
        JobState::Running => RunState::Running,
    };
    RunView { job: Some(job), ..view("sac", "Ant-v2", seed, state, env_step) }
}

/// Returns runs of a cluster: one runs, one waits again, and `queued` wait.
pub(crate) fn cluster(queued: u64) -> Snapshot {
    let mut runs = vec![
        view_of_job(0, job("41_0", JobState::Running, None), 600),
        view_of_job(1, job("41_1", JobState::Requeued, Some("BeginTime")), 200),
    ];
    runs.extend((2..2 + queued).map(|seed| {
        let reason = if seed == 2 { "Resources" } else { "Priority" };
        view_of_job(seed, job(&format!("41_{seed}"), JobState::Queued, Some(reason)), 0)
    }));
    Snapshot::new(Path::new("results/paper"), Some((Preset::Paper, Some(1_000))), runs, vec![])
}

/// Returns the manifest of a run of 300 steps in progress that took 2 seconds to reach step 100.
pub(crate) fn manifest() -> Manifest {
    Manifest {
        schema: Manifest::SCHEMA,
        method: "sac".into(),
        task: "Hopper-v2".into(),
        seed: 0,
        total_steps: 300,
        status: Status::Running,
        env_step: 100,
        provenance: Provenance {
            pmoe: "0.1.0".into(),
            commit: "0123456789ab".into(),
            dirty: false,
            rustc: "1.95.0".into(),
            burn: "0.22.1".into(),
            mujoco: "3.17.0".into(),
            device: "flex".into(),
            threads: 1,
            population: None,
            cpu: "some processor".into(),
            instructions: String::new(),
            libm: String::new(),
            cores: 2,
            memory_gib: 7.5,
            os: "linux x86_64".into(),
            command: "pmoe train".into(),
        },
        attempts: vec![Attempt {
            started: "2026-01-02T03:04:05Z".into(),
            from_step: 0,
            to_step: 100,
            wall_seconds: 2.0,
            cut_episodes: false,
            provenance: None,
        }],
        events_blake3: None,
    }
}

/// Returns the folder of a run of a suite.
pub(crate) fn folder(seed: u64) -> PathBuf {
    ["fig1", "sac", "Hopper-v2", &format!("seed_{seed}")].iter().collect()
}

/// Writes a run folder with an evaluation at each step of `evals`, whose mean return is the step.
///
/// It has no lock, so that nothing tells whether a process is at work.
pub(crate) fn write_run(path: &Path, manifest: Manifest, evals: &[u64]) {
    let Manifest { method, task, seed, total_steps, .. } = &manifest;
    let [method, task] = [method, task].map(|name| toml::Value::from(name.as_str()));
    let config = format!(
        "method = {method}\ntask = {task}\nseed = {seed}\n[schedule]\ntotal_steps = {total_steps}\n"
    );
    // Created elsewhere and copied, because a run folder inside another one is refused.
    let scratch = tempfile::tempdir().unwrap();
    drop(RunDir::open(scratch.path(), &config, || manifest.clone()).unwrap());
    fs::create_dir_all(path).unwrap();
    for name in ["config.toml", "manifest.json"] {
        fs::copy(scratch.path().join(name), path.join(name)).unwrap();
    }
    let mut run = RunDir::open(path, &config, || manifest.clone()).unwrap();
    run.update_manifest(|there| *there = manifest).unwrap();
    let mut sink = JsonlSink::open_at(&run.events_path(), &Position::start()).unwrap();
    for &env_step in evals {
        sink.emit(&eval(env_step)).unwrap();
    }
    sink.sync().unwrap();
    fs::remove_file(path.join("lock")).unwrap();
}

pub(crate) fn eval(env_step: u64) -> Event {
    let mean = env_step as f64;
    Event::Eval {
        env_step,
        returns: vec![mean - 1.0, mean + 1.0],
        lengths: vec![1, 1],
        successes: Some(vec![true, false]),
    }
}

/// Appends to the events of a run.
pub(crate) fn append(path: &Path, bytes: &[u8]) {
    use std::io::Write;
    let events = path.join(Event::FILE);
    File::options().append(true).open(events).unwrap().write_all(bytes).unwrap();
}

/// Writes a plan of `seeds` runs of 300 steps; a second suite uses the first run too.
pub(crate) fn write_plan(root: &Path, seeds: u64) {
    let run = |seed| PlannedRun {
        id: format!("{seed:016}"),
        dir: folder(seed),
        base: "sac".into(),
        task: "Hopper-v2".into(),
        seed,
        total_steps: 300,
        set: Arc::default(),
        used_by: ["fig1", "fig9"]
            .into_iter()
            .take(if seed == 0 { 2 } else { 1 })
            .map(|suite| Use { suite: suite.into(), method: "sac".into() })
            .collect(),
        analyses: Vec::new(),
        progress: RunProgress::New,
    };
    let runs = (0..seeds).map(run).collect();
    let plan = Plan {
        schema: Plan::SCHEMA,
        preset: Preset::Quick,
        max_steps: None,
        own_suites: Default::default(),
        runs,
    };
    plan.write(root).unwrap();
}

/// Returns every file below a folder with its content.
pub(crate) fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.insert(path.clone(), fs::read(&path).unwrap());
        }
    }
    found
}
