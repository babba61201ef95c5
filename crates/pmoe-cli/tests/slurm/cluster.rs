//! A Slurm cluster on this machine alone.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

/// The script that starts and stops its daemons.
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../pmoe-matrix/tests/slurm/cluster");

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(300);

/// A controller and two nodes, until it is dropped.
pub(crate) struct Cluster {
    folder: PathBuf,
}

impl Cluster {
    /// Starts it with its files in `folder` and `slots` jobs at a time on each node; `None` where Slurm is not installed.
    pub(crate) fn start(folder: &Path, slots: usize) -> Option<Self> {
        let has = |program: &&str| {
            let folders = ["/usr/sbin", "/usr/bin"].map(Path::new);
            folders.iter().any(|folder| folder.join(program).exists())
        };
        let missing =
            ["slurmctld", "slurmd", "munged", "sbatch"].into_iter().find(|program| !has(program));
        if let Some(program) = missing {
            assert!(env::var_os("PMOE_REQUIRE_SLURM").is_none(), "{program} is not installed");
            eprintln!("skipped: {program} is not installed");
            return None;
        }
        let cluster = Self { folder: folder.to_owned() };
        cluster.script(&["up"], &[&slots.to_string()]);
        Some(cluster)
    }

    /// Starts it with nodes that do not see some folders of this machine.
    pub(crate) fn start_hiding(folder: &Path, hidden: &[&Path]) -> Option<Self> {
        let cluster = Self::start(folder, 1)?;
        for node in ["n0", "n1"] {
            cluster.crash(node);
            let mounts: String = hidden
                .iter()
                .map(|path| format!("mount -t tmpfs none '{}' && ", path.display()))
                .collect();
            let script = format!("{mounts} exec \"$0\" start \"$1\" {node}");
            let mut command = Command::new("unshare");
            command.args(["--mount", "sh", "-c", &script, SCRIPT]).arg(folder);
            assert!(command.status().unwrap().success());
        }
        cluster
            .wait_for("the nodes", || cluster.ask("sinfo", &["-h", "-o", "%T"]).trim() == "idle");
        Some(cluster)
    }

    /// Starts it again with other lines of configuration.
    pub(crate) fn configure(&self, lines: &[&str]) {
        let text = fs::read_to_string(self.conf()).unwrap();
        let key = |line: &str| line.split('=').next().unwrap_or_default().to_owned();
        let keys: Vec<_> = lines.iter().map(|line| key(line)).collect();
        let kept = text.lines().filter(|line| !keys.contains(&key(line)));
        let text: String =
            lines.iter().copied().chain(kept).map(|line| format!("{line}\n")).collect();
        fs::write(self.conf(), text).unwrap();
        for daemon in ["n0", "n1", "controller"] {
            self.kill(daemon);
        }
        for daemon in ["controller", "n0", "n1"] {
            self.start_again(daemon);
        }
        self.wait_for("the nodes", || self.ask("sinfo", &["-h", "-o", "%T"]).trim() == "idle");
    }

    fn script(&self, what: &[&str], more: &[&str]) {
        let status = Command::new(SCRIPT).args(what).arg(&self.folder).args(more).status().unwrap();
        assert!(status.success(), "{what:?} {more:?}");
    }

    /// Kills a daemon alone.
    pub(crate) fn kill(&self, daemon: &str) {
        self.script(&["kill"], &[daemon]);
    }

    /// Kills all that runs on a node.
    pub(crate) fn crash(&self, node: &str) {
        self.script(&["crash"], &[node]);
    }

    /// Starts a daemon that was killed.
    pub(crate) fn start_again(&self, daemon: &str) {
        self.script(&["start"], &[daemon]);
        if daemon != "controller" {
            // As whoever starts a node again would.
            self.ask("scontrol", &["update", &format!("NodeName={daemon}"), "State=RESUME"]);
        }
    }

    /// Takes nodes back that Slurm has given up, as an administrator's health check would.
    pub(crate) fn heal(&self) {
        for line in self.ask("sinfo", &["-h", "-N", "-o", "%N %T %E"]).lines() {
            let [node, state, reason] = line.splitn(3, ' ').collect::<Vec<_>>()[..] else {
                continue;
            };
            if state.contains("drain") {
                eprintln!("Slurm has drained {node}: {reason}");
                self.ask("scontrol", &["update", &format!("NodeName={node}"), "State=RESUME"]);
            }
        }
    }

    /// Path of its configuration.
    pub(crate) fn conf(&self) -> PathBuf {
        self.folder.join("slurm.conf")
    }

    /// Lets a command use the cluster.
    pub(crate) fn with<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.env("SLURM_CONF", self.conf())
    }

    /// Runs a program of Slurm; returns what it prints, or nothing if it fails.
    pub(crate) fn ask(&self, program: &str, arguments: &[&str]) -> String {
        let output = self.with(Command::new(program).args(arguments)).output().unwrap();
        if output.status.success() {
            String::from_utf8(output.stdout).unwrap()
        } else {
            String::new()
        }
    }

    /// Lines of the queue, each job on its own.
    pub(crate) fn squeue(&self, format: &str) -> Vec<String> {
        let text = self.ask("squeue", &["--noheader", "--array", "--format", format]);
        text.lines().map(|line| line.trim().to_owned()).collect()
    }

    /// Ids of the jobs that run.
    pub(crate) fn running(&self) -> Vec<String> {
        let jobs = self.squeue("%i %T");
        jobs.iter().filter_map(|job| job.strip_suffix(" RUNNING").map(str::to_owned)).collect()
    }

    #[track_caller]
    pub(crate) fn wait_for(&self, what: &str, is_so: impl Fn() -> bool) {
        let begun = Instant::now();
        while !is_so() {
            assert!(begun.elapsed() < PATIENCE, "{what}: {:?}", self.squeue("%i %T %r %N"));
            thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.script(&["down"], &[]);
    }
}
