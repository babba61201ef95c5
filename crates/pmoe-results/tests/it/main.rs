//! Tests of run folders and suite files through the public interface.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helper functions too")]

mod analysis;
mod archive;
mod folders;
mod plan;
mod run;
mod run_dir;
mod suite;

use std::fs;
use std::path::Path;

use pmoe_results::run::{Attempt, JsonlSink, Position, Provenance};
use pmoe_results::{Event, Manifest, RunDir, Sink, Status};

const CONFIG: &str =
    "method = \"sac\"\ntask = \"Hopper-v4\"\nseed = 3\n\n[schedule]\ntotal_steps = 100\n";

fn manifest(method: &str, task: &str, seed: u64) -> Manifest {
    Manifest {
        schema: Manifest::SCHEMA,
        method: method.into(),
        task: task.into(),
        seed,
        total_steps: 100,
        status: Status::Running,
        env_step: 0,
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
            wall_seconds: 2.5,
            cut_episodes: false,
            provenance: None,
        }],
        events_blake3: None,
    }
}

fn eval(env_step: u64, episode_return: f64) -> Event {
    Event::Eval { env_step, returns: vec![episode_return], lengths: vec![1], successes: None }
}

/// Writes a run folder whose evaluations give `curve`, and closes it with `status`.
fn write_run(path: &Path, manifest: Manifest, curve: &[(u64, f64)], status: Status) {
    let Manifest { method, task, seed, total_steps, .. } = &manifest;
    let config = format!(
        "method = {method:?}\ntask = {task:?}\nseed = {seed}\n[schedule]\ntotal_steps = {total_steps}\n"
    );
    // Created elsewhere and copied, because a run folder inside another one is refused.
    let scratch = tempfile::tempdir().unwrap();
    drop(RunDir::open(scratch.path(), &config, || manifest.clone()).unwrap());
    fs::create_dir_all(path).unwrap();
    for name in ["config.toml", "manifest.json"] {
        fs::copy(scratch.path().join(name), path.join(name)).unwrap();
    }
    let mut run = RunDir::open(path, &config, || manifest).unwrap();
    let mut sink = JsonlSink::open_at(&run.events_path(), &Position::start()).unwrap();
    for &(env_step, episode_return) in curve {
        sink.emit(&eval(env_step, episode_return)).unwrap();
    }
    sink.sync().unwrap();
    let hash = blake3::hash(&fs::read(run.events_path()).unwrap()).to_hex().to_string();
    run.update_manifest(|manifest| {
        manifest.events_blake3 = (status == Status::Done).then_some(hash);
        manifest.env_step = curve.last().map_or(0, |point| point.0);
        manifest.status = status;
    })
    .unwrap();
}
