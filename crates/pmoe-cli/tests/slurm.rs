//! `pmoe run` on a real Slurm: an array of jobs makes the results of a local matrix. Skipped where Slurm is not
//! installed.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]
#![cfg(target_os = "linux")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::pmoe;

/// One method on a task without MuJoCo, four seeds, for a second each.
const TINY: &str = r#"
title = "Tiny"
item = "Fig. 1"
reference = "sac"
methods = ["sac"]
tasks = ["TargetReaching-v0"]
[presets]
quick = { seeds = [0], total_steps = 100_000 }
paper = { seeds = [0], total_steps = 100_000 }
[presets.smoke]
seeds = [0, 1, 2, 3]
total_steps = 600
[presets.smoke.set]
hidden = [16, 16]
batch_size = 8
random_steps = 100
learning_starts = 100
"schedule.eval_every" = 200
"schedule.eval_episodes" = 1
"#;

/// A cluster on this machine alone, until it is dropped.
struct Cluster {
    folder: PathBuf,
}

impl Cluster {
    /// Starts it; `None` where Slurm is not installed.
    fn start(folder: &Path) -> Option<Self> {
        let has = |program: &str| {
            let paths = ["/usr/sbin", "/usr/bin"].map(|folder| Path::new(folder).join(program));
            paths.iter().any(|path| path.exists())
        };
        if !["slurmctld", "slurmd", "munged", "sbatch"].into_iter().all(has) {
            return None;
        }
        let cluster = Self { folder: folder.to_owned() };
        assert!(cluster.script("up").status().unwrap().success());
        Some(cluster)
    }

    fn script(&self, what: &str) -> Command {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../pmoe-matrix/tests/slurm/cluster");
        let mut command = Command::new(script);
        command.arg(what).arg(&self.folder);
        command
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("SLURM_CONF", self.folder.join("slurm.conf"));
        command
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let _ = self.script("down").status();
    }
}

#[test]
fn an_array_of_jobs_makes_the_results_of_a_local_matrix() {
    let dir = tempfile::tempdir().unwrap();
    let [suites, local, shared] = ["suites", "local", "shared"].map(|name| dir.path().join(name));
    let Some(cluster) = Cluster::start(&dir.path().join("cluster")) else {
        eprintln!("skipped: Slurm is not installed");
        return;
    };
    fs::create_dir(&suites).unwrap();
    fs::write(suites.join("tiny.toml"), TINY).unwrap();
    let mut matrix = pmoe();
    matrix.args(["matrix", "--preset", "smoke", "--suites"]).arg(&suites).arg("--out").arg(&local);
    assert!(matrix.output().unwrap().status.success());
    let plan = local.join("smoke/plan.json");

    let program = pmoe();
    let run = format!(
        "exec {} run --plan {} --out {} --index $SLURM_ARRAY_TASK_ID",
        program.get_program().display(),
        plan.display(),
        shared.display()
    );
    let mut submit = cluster.command("sbatch");
    submit.args(["--wait", "--array=0-3", "--wrap", &run, "--output"]);
    submit.arg(dir.path().join("job_%a.log")).current_dir(dir.path());
    let output = submit.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    for seed in 0..4 {
        let events = format!("tiny/sac/TargetReaching-v0/seed_{seed}/events.jsonl");
        let [expected, found] = [local.join("smoke"), shared.clone()]
            .map(|folder| fs::read(folder.join(&events)).unwrap());
        assert!(found == expected, "seed {seed} differs");
    }
}
