//! Tests reports of synthetic run folders through the public interface.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helper functions too")]
#![expect(clippy::float_cmp, reason = "the numbers are made from small ones and exact")]

mod apart;
mod archived;
mod claims;
mod comparison;
mod figures;
mod hostile;
mod panels;
mod report;
mod suites;
mod verify;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use pmoe_report::claims::Claim;
use pmoe_report::{ReportError, ReportOptions, ReportSummary, write_report};
use pmoe_results::plan::PlannedRun;
use pmoe_results::run::{Attempt, JsonlSink, Position, Provenance};
use pmoe_results::{Event, Manifest, Plan, Preset, RunDir, Sink, Status, Suite};
use pmoe_stats::Bootstrap;
use tempfile::TempDir;

const SUITE: &str = r#"
title = "One against the other"
item = "Table 9"
reference = "sac"
methods = ["sac", "pmoe-sac"]
tasks = ["Hopper-v4", "Ant-v4"]

[presets]
smoke = { seeds = [0, 1], total_steps = 3000 }
quick = { seeds = [0], total_steps = 100_000 }
paper = { seeds = [0, 1, 2, 3, 4], total_steps = 1_000_000 }

[paper.auc]
pmoe-sac = { "Hopper-v4" = 115.4 }
"#;

struct Fixture {
    dir: TempDir,
    suites: Vec<Suite>,
}

impl Fixture {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("table9.toml");
        fs::write(&path, SUITE).unwrap();
        fs::create_dir(dir.path().join("results")).unwrap();
        Self { suites: vec![Suite::load(&path).unwrap()], dir }
    }

    fn results(&self) -> PathBuf {
        self.dir.path().join("results")
    }

    fn output(&self) -> PathBuf {
        self.dir.path().join("out")
    }

    fn report(&self) -> ReportSummary {
        self.try_report(&self.results(), &self.output()).unwrap()
    }

    fn try_report(&self, input: &Path, output: &Path) -> Result<ReportSummary, ReportError> {
        let options = ReportOptions {
            suites: &self.suites,
            claims: &self.claims(),
            reference: None,
            bootstrap: Bootstrap::STANDARD,
            smooth: ReportOptions::SMOOTH,
        };
        write_report(input, output, &options)
    }

    fn claims(&self) -> Vec<Claim> {
        Claim::of_tables(&self.suites)
    }

    fn page(&self) -> String {
        fs::read_to_string(self.output().join("index.html")).unwrap()
    }

    /// Writes a run to `folder` below the results, with evaluations at 0, 1000, …
    fn run(&self, folder: &str, names: (&str, &str, u64), values: &[f64], status: Status) {
        let (method, task, seed) = names;
        let config = format!(
            "method = {}\ntask = {}\nseed = {seed}\ngamma = 0.99\n\
             num_primitives = {}\n[schedule]\neval_every = 1000\n",
            toml::Value::from(method),
            toml::Value::from(task),
            method.len()
        );
        self.write(folder, manifest(method, task, seed), &config, values, status);
    }

    /// Writes a run with this manifest and config.
    fn write(
        &self,
        folder: &str,
        manifest: Manifest,
        config: &str,
        values: &[f64],
        status: Status,
    ) {
        let evaluation =
            |(index, value): (usize, &f64)| (1000 * index as u64, vec![value - 1.0, value + 1.0]);
        let evaluations: Vec<_> = values.iter().enumerate().map(evaluation).collect();
        write_run(&self.results().join(folder), manifest, config, &evaluations, status);
    }

    fn suite_run(&self, names: (&str, &str, u64), values: &[f64], status: Status) {
        let folder = format!("table9/{}/{}/seed_{}", names.0, names.1, names.2);
        self.run(&folder, names, values, status);
    }
}

/// Writes a run folder with these evaluations (step and returns), and adds the required keys to its
/// config.
fn write_run(
    path: &Path,
    manifest: Manifest,
    config: &str,
    evaluations: &[(u64, Vec<f64>)],
    status: Status,
) {
    let mut config: toml::Table = config.parse().unwrap();
    config.insert("method".to_owned(), manifest.method.as_str().into());
    config.insert("task".to_owned(), manifest.task.as_str().into());
    config.insert("seed".to_owned(), i64::try_from(manifest.seed).unwrap().into());
    let schedule = config.get_mut("schedule").unwrap().as_table_mut().unwrap();
    let total_steps = i64::try_from(manifest.total_steps).unwrap();
    schedule.insert("total_steps".to_owned(), total_steps.into());
    let config = toml::to_string(&config).unwrap();
    // Created elsewhere, because a run folder inside another one is rejected.
    let scratch = tempfile::tempdir().unwrap();
    drop(RunDir::open(scratch.path(), &config, || manifest.clone()).unwrap());
    fs::create_dir_all(path).unwrap();
    for name in ["config.toml", "manifest.json"] {
        fs::copy(scratch.path().join(name), path.join(name)).unwrap();
    }
    let mut run = RunDir::open(path, &config, || manifest).unwrap();
    let mut sink = JsonlSink::open_at(&run.events_path(), &Position::start()).unwrap();
    for (env_step, returns) in evaluations {
        let lengths = vec![1; returns.len()];
        let (env_step, returns) = (*env_step, returns.clone());
        sink.emit(&Event::Eval { env_step, returns, lengths, successes: None }).unwrap();
    }
    sink.sync().unwrap();
    let hash = blake3::hash(&fs::read(run.events_path()).unwrap()).to_hex().to_string();
    run.update_manifest(|manifest| {
        manifest.events_blake3 = (status == Status::Done).then_some(hash);
        manifest.env_step = evaluations.last().map_or(0, |evaluation| evaluation.0);
        manifest.status = status;
    })
    .unwrap();
}

/// A plan of the smoke preset.
fn plan(runs: Vec<PlannedRun>) -> Plan {
    Plan {
        schema: Plan::SCHEMA,
        preset: Preset::Smoke,
        max_steps: None,
        own_suites: BTreeMap::new(),
        runs,
    }
}

fn manifest(method: &str, task: &str, seed: u64) -> Manifest {
    Manifest {
        schema: Manifest::SCHEMA,
        method: method.into(),
        task: task.into(),
        seed,
        total_steps: 3000,
        status: Status::Running,
        env_step: 0,
        provenance: Provenance {
            pmoe: "0.1.0".into(),
            commit: "0123456789ab".into(),
            dirty: true,
            rustc: "1.95.0".into(),
            burn: "0.22.1".into(),
            mujoco: "3.17.0".into(),
            device: "flex".into(),
            threads: 1,
            population: None,
            cpu: "Some <processor>".into(),
            instructions: String::new(),
            libm: String::new(),
            cores: 2,
            memory_gib: 7.5,
            os: "linux x86_64".into(),
            command: format!("pmoe train --method {method} --seed {seed}"),
        },
        attempts: vec![Attempt {
            started: "2026-01-02T03:04:05Z".into(),
            from_step: 0,
            to_step: 3000,
            wall_seconds: 30.0,
            cut_episodes: false,
            provenance: None,
        }],
        events_blake3: None,
    }
}
