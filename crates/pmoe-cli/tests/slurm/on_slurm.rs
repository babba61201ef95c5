//! Results of a matrix on Slurm, and how it is left and come back to.

mod cluster;
mod faults;
mod refusals;

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::common::tiny::{SUITE, assert_same, results, suite};
use crate::common::{self, pmoe, run};
use cluster::Cluster;

/// A place for a matrix: suites, results and the cluster's files.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    /// Creates it, with runs of `steps` environment steps.
    fn new(steps: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let suites = folder.path().join("suites");
        fs::create_dir(&suites).unwrap();
        fs::write(suites.join("tiny.toml"), suite(12, steps)).unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The command for the results in `out`, with flags.
    fn matrix(&self, out: &str, flags: &[&str]) -> Command {
        let mut command = pmoe();
        command.args(["matrix", "--preset", "smoke", "--suites", "suites", "--out", out]);
        command.args(flags).current_dir(self.folder.path()).stdin(Stdio::null());
        command
    }

    /// Runs it on a cluster.
    fn on(&self, cluster: &Cluster, out: &str, flags: &[&str]) -> common::Finished {
        run(cluster.with(self.matrix(out, &["--executor", "slurm", "--poll", "1"]).args(flags)))
    }

    /// Makes the results of a local matrix, which are expected of any other.
    fn local(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let finished = run(&mut self.matrix("local", &["--jobs", "2"]));
        assert_eq!(finished.code, Some(0), "{}", finished.stderr);
        results(&self.path("local/smoke"))
    }
}

#[test]
fn a_matrix_gives_the_local_bytes_on_1_2_and_4_slots() {
    let place = Place::new(600);
    let Some(two) = Cluster::start(&place.path("two"), 1) else { return };
    let expected = place.local();
    assert!(expected.len() >= 24 * 5);
    for (out, flags) in [("one", &["--max-parallel", "1"][..]), ("both", &[])] {
        let finished = place.on(&two, out, flags);
        assert_eq!(finished.code, Some(0), "{}", finished.stderr);
        assert!(finished.stdout.contains("24 runs: 24 done"), "{}", finished.stdout);
        let results_in = place.path(out).join("smoke");
        assert_same(&results(&results_in), &expected);
        // The run folders have everything; the report is made.
        assert!(!results_in.join("jobs").exists());
        assert!(results_in.join("report/index.html").exists());
    }
    drop(two);
    let four = Cluster::start(&place.path("four"), 2).unwrap();
    let finished = place.on(&four, "four-slots", &["--time", "10", "--mem", "sac=64M"]);
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    assert_same(&results(&place.path("four-slots/smoke")), &expected);
    // Runs that need the same are an array each.
    assert_eq!(
        finished.stderr.matches("12 runs submitted as job").count(),
        2,
        "{}",
        finished.stderr
    );

    // A matrix that is done submits nothing.
    let again = place.on(&four, "four-slots", &[]);
    assert_eq!(again.code, Some(0), "{}", again.stderr);
    assert!(!again.stderr.contains("submitted"), "{}", again.stderr);

    // Settings that have changed since are noticed, by the one run that they are changed of.
    let config = place.path("four-slots/smoke/tiny/sac/TargetReaching-v0/seed_3/config.toml");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, text.replace("batch_size = 8", "batch_size = 9")).unwrap();
    let changed = place.on(&four, "four-slots", &[]);
    assert_eq!(changed.code, Some(1), "{}", changed.stderr);
    assert!(changed.stderr.contains("1 run submitted"), "{}", changed.stderr);
    assert!(changed.stdout.contains("23 done, 1 refused"), "{}", changed.stdout);
}

#[test]
fn jobs_go_on_alone_and_are_come_back_to() {
    let place = Place::new(3_000);
    let Some(cluster) = Cluster::start(&place.path("cluster"), 1) else { return };
    let expected = place.local();
    let flags = ["--executor", "slurm", "--poll", "1"];
    let of = |what: &str| {
        let mut command = pmoe();
        // Whoever comes back may be in another folder.
        command.args(["matrix", what, "../out/smoke"]).current_dir(place.path("suites"));
        cluster.with(&mut command);
        command
    };

    let mut left =
        cluster.with(&mut place.matrix("out", &flags)).stderr(Stdio::piped()).spawn().unwrap();
    cluster.wait_for("a job that runs", || cluster.running().len() == 2);
    let status = run(&mut of("status")).stdout;
    assert!(status.contains("of 24 runs done, 2 running"), "{status}");
    assert!(
        status.contains("running   n0    tiny/") || status.contains("running  n0    tiny/"),
        "{status}"
    );
    assert!(status.contains("makes the report after all others"), "{status}");
    let watch = |how: &str| {
        let mut command = pmoe();
        command.args(["watch", "out/smoke", how]).current_dir(place.folder.path());
        run(cluster.with(&mut command)).stdout
    };
    let text = watch("--json");
    let seen: serde_json::Value = serde_json::from_str(&text).unwrap();
    let runs = seen["runs"].as_array().unwrap();
    let in_state =
        |state: &str| runs.iter().filter(|run| run["state"] == state).collect::<Vec<_>>();
    assert!(in_state("queued").len() >= 20, "{text}");
    let nodes: Vec<_> = in_state("running").iter().map(|run| run["job"]["node"].clone()).collect();
    assert!(nodes.iter().all(|node| node == "n0" || node == "n1") && !nodes.is_empty(), "{text}");
    assert!(in_state("queued")[0]["job"]["id"].as_str().unwrap().contains('_'), "{text}");
    assert!(watch("--once").contains("queued"));
    common::signal(&left, "INT");
    assert_eq!(left.wait().unwrap().code(), Some(130));

    // Cancelled: nothing more runs, and nothing is lost.
    let cancelled = run(&mut of("cancel"));
    assert_eq!(cancelled.code, Some(0), "{}", cancelled.stderr);
    assert!(cluster.squeue("%i").is_empty());
    let status = run(&mut of("status")).stdout;
    assert!(status.contains("0 running, 0 waiting") && status.contains("(cancelled)"), "{status}");

    let waited = run(&mut of("wait"));
    assert_eq!(waited.code, Some(0), "{}", waited.stderr);
    assert_same(&results(&place.path("out/smoke")), &expected);
    let none = run(&mut of("status"));
    assert_eq!(none.code, Some(2));
    assert!(none.stderr.contains("out/smoke has no jobs"), "{}", none.stderr);

    // Left for good: the cluster makes the runs and the report.
    let mut left = cluster.with(&mut place.matrix("alone", &flags)).spawn().unwrap();
    cluster.wait_for("jobs", || !cluster.running().is_empty());
    common::signal(&left, "INT");
    assert_eq!(left.wait().unwrap().code(), Some(130));
    cluster.wait_for("the end of all jobs", || cluster.squeue("%i").is_empty());
    assert_same(&results(&place.path("alone/smoke")), &expected);
    assert!(place.path("alone/smoke/report/index.html").exists());
}

#[test]
fn a_plan_of_100_000_runs_is_submitted() {
    let place = Place::new(600);
    let Some(cluster) = Cluster::start(&place.path("cluster"), 1) else { return };
    cluster.configure(&["MaxArraySize=10001", "MaxJobCount=250000"]);
    // Nothing of it starts.
    cluster.ask("scontrol", &["update", "PartitionName=main", "State=DOWN"]);
    let suite = place.path("suites/tiny.toml");
    let list = |items: &[String]| format!("[{}]", items.join(","));
    let seeds: Vec<_> = (0..1_000).map(|seed| seed.to_string()).collect();
    let named = |names: [&str; 10]| list(&names.map(|name| format!("{name:?}")));
    let methods = named([
        "sac",
        "sac-ln",
        "td3",
        "mcp-sac",
        "gating-sac",
        "pmoe-sac",
        "pmoe-sac-all",
        "pmoe-sac-best",
        "pmoe-sac-modes",
        "pmoe-sac-gumbel",
    ]);
    let tasks = named([
        "TargetReaching-v0",
        "TargetReachingPaper-v0",
        "Hopper-v2",
        "Hopper-v4",
        "Ant-v2",
        "Ant-v4",
        "Walker2d-v4",
        "HalfCheetah-v4",
        "Humanoid-v4",
        "HumanoidStandup-v4",
    ]);
    let text = SUITE
        .replace("STEPS", "2_000")
        .replace("SEEDS", &list(&seeds))
        .replace(r#"["sac", "pmoe-sac"]"#, &methods)
        .replace(r#"["TargetReaching-v0"]"#, &tasks);
    fs::write(suite, text).unwrap();
    let flags = ["--executor", "slurm", "--max-queued", "100000"];
    let mut command = place.matrix("out", &flags);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut matrix = cluster.with(&mut command).spawn().unwrap();
    cluster.wait_for("all runs in the queue", || cluster.squeue("%j").len() == 100_001);
    let status = fs::read_to_string(format!("/proc/{}/status", matrix.id())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let kib: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(kib < 500_000, "{kib} KiB");
    common::signal(&matrix, "INT");
    assert_eq!(matrix.wait().unwrap().code(), Some(130));
    let mut cancel = pmoe();
    cancel.args(["matrix", "cancel", "out/smoke"]).current_dir(place.folder.path());
    assert!(run(cluster.with(&mut cancel)).stdout.contains("100000 jobs cancelled"));
}
