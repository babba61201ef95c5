//! Runs for tests.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use pmoe_results::run::{Attempt, JsonlSink, Position, Provenance};
use pmoe_results::{Event, Manifest, RunDir, Sink, Status};

const CONFIG: &str =
    "method = \"sac\"\ntask = \"Hopper-v5\"\nseed = 0\n[schedule]\ntotal_steps = 100\n";

/// A run of 100 steps that a test writes; each attempt takes a second.
pub(crate) struct Trained {
    pub(crate) path: PathBuf,
    dir: RunDir,
}

impl Trained {
    pub(crate) fn new(path: &Path) -> Self {
        let dir = RunDir::open(path, CONFIG, manifest).unwrap();
        Self { path: path.to_owned(), dir }
    }

    /// Another attempt, from a position on, which reports `events`; returns the position after them.
    pub(crate) fn attempt(&mut self, from: &Position, events: &[Event]) -> Position {
        let mut sink = JsonlSink::open_at(&self.dir.events_path(), from).unwrap();
        let started = "2026-01-01T00:00:00Z".to_owned();
        let to_step = events.last().map_or(0, Event::env_step);
        let attempt = Attempt {
            started,
            from_step: 0,
            to_step,
            wall_seconds: 1.0,
            provenance: None,
            cut_episodes: false,
        };
        self.dir.update_manifest(|manifest| manifest.attempts.push(attempt)).unwrap();
        events.iter().for_each(|event| sink.emit(event).unwrap());
        sink.sync().unwrap()
    }

    pub(crate) fn end(&mut self) {
        let bytes = fs::read(self.dir.events_path()).unwrap();
        let hash = Position::after(&bytes).blake3;
        self.dir
            .update_manifest(|manifest| {
                manifest.status = Status::Done;
                manifest.events_blake3 = Some(hash);
            })
            .unwrap();
    }
}

/// An update and an evaluation at each of these steps; `returns` tells one run from another.
pub(crate) fn events(steps: impl IntoIterator<Item = u64>, returns: f64) -> Vec<Event> {
    let at = |env_step| {
        let metrics = [("alpha", 0.5), ("weight_mean_0", 0.25), ("weight_mean_1", 0.75)];
        let metrics = metrics.map(|(name, value)| (name.to_owned(), value));
        [
            Event::Update { env_step, grad_step: env_step, metrics: BTreeMap::from(metrics) },
            Event::Eval {
                env_step,
                returns: vec![returns, returns + 2.0],
                lengths: vec![3, 4],
                successes: None,
            },
        ]
    };
    steps.into_iter().flat_map(at).collect()
}

fn manifest() -> Manifest {
    Manifest {
        schema: Manifest::SCHEMA,
        method: "sac".to_owned(),
        task: "Hopper-v5".to_owned(),
        seed: 0,
        total_steps: 100,
        status: Status::Running,
        env_step: 0,
        provenance: Provenance {
            pmoe: "0.1.0".to_owned(),
            commit: "abc".to_owned(),
            dirty: false,
            rustc: String::new(),
            burn: String::new(),
            mujoco: String::new(),
            device: "flex".to_owned(),
            threads: 1,
            population: None,
            cpu: String::new(),
            instructions: String::new(),
            libm: String::new(),
            cores: 1,
            memory_gib: 1.0,
            os: String::new(),
            command: String::new(),
        },
        attempts: Vec::new(),
        events_blake3: None,
    }
}
