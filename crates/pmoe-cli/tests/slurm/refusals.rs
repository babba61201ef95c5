//! What is wrong is said in a sentence, before anything is submitted or with everything cancelled.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::Place;
use super::cluster::Cluster;
use crate::common::{Finished, refuse, run};

/// Asserts that a matrix was refused, that no job is left, and that no run lost anything.
#[track_caller]
fn assert_refused(finished: &Finished, cluster: &Cluster, words: &[&str]) {
    assert_eq!(finished.code, Some(2), "{}{}", finished.stdout, finished.stderr);
    for word in words {
        assert!(finished.stderr.contains(word), "no `{word}` in: {}", finished.stderr);
    }
    let errors = finished.stderr.lines().filter(|line| line.starts_with("error: ")).count();
    assert_eq!(errors, 1, "{}", finished.stderr);
    assert!(cluster.squeue("%i").is_empty(), "{:?}", cluster.squeue("%i %j %T"));
}

#[test]
fn what_slurm_does_not_take_is_said_in_its_words() {
    let place = Place::new(600);
    let Some(cluster) = Cluster::start(&place.path("cluster"), 1) else { return };
    let on = |flags: &[&str]| place.on(&cluster, "out", flags);
    let partition = ["--partition", "gpu"];
    assert_refused(&on(&partition), &cluster, &["Invalid partition name", "--partition gpu"]);
    let memory = ["--mem", "100T"];
    assert_refused(&on(&memory), &cluster, &["not available"]);
    // The second of two arrays is refused: the first is cancelled.
    let second = ["--mem", "64M", "--mem", "sac=100T"];
    let finished = on(&second);
    assert_refused(&finished, &cluster, &["not available"]);
    assert_refused(&on(&["--sbatch-arg=--nonsense"]), &cluster, &["nonsense"]);
    // Names and files are checked before Slurm is asked.
    assert_refused(
        &on(&["--time", "Humanoid-v9=8:00:00"]),
        &cluster,
        &["--time: `Humanoid-v9` matches no run"],
    );
    assert_refused(&on(&["--setup", "none.sh"]), &cluster, &["there is no file none.sh"]);
    // A setup that fails on the node keeps the run from beginning.
    fs::write(place.path("setup.sh"), "echo no such module >&2; exit 1\n").unwrap();
    let finished = on(&["--setup", "setup.sh"]);
    assert_refused(
        &finished,
        &cluster,
        &["ended before they began", "no such module", "cancelled"],
    );

    // No controller.
    cluster.kill("controller");
    let finished = on(&[]);
    assert_eq!(finished.code, Some(2), "{}", finished.stderr);
    assert!(finished.stderr.contains("Slurm does not answer"), "{}", finished.stderr);
    cluster.start_again("controller");
}

#[test]
fn without_slurm_nothing_is_submitted() {
    let place = Place::new(600);
    let mut command = place.matrix("out", &["--executor", "slurm"]);
    command.env("PATH", place.path("suites"));
    refuse(&mut command, 2, &["cannot start `scontrol`", "needs Slurm's programs"]);
    assert!(!place.path("out").exists());
    let mut other = place.matrix("out", &["--partition", "main"]);
    refuse(&mut other, 2, &["--partition is for --executor slurm"]);
}

#[test]
fn a_full_queue_is_said_and_a_part_of_it_is_enough() {
    let place = Place::new(600);
    let Some(cluster) = Cluster::start(&place.path("cluster"), 1) else { return };
    // What other users have queued, in a cluster that takes no more.
    cluster.configure(&["MaxJobCount=10", "MinJobAge=2"]);
    // sbatch itself waits for minutes.
    let other = ["2", "sbatch", "--hold", "--job-name", "other", "--wrap", "true"];
    while !cluster.ask("timeout", &other).is_empty() {}
    let finished = place.on(&cluster, "out", &[]);
    assert_eq!(finished.code, Some(2), "{}", finished.stderr);
    assert!(finished.stderr.contains("Slurm takes no more jobs"), "{}", finished.stderr);
    assert!(finished.stderr.contains("--max-queued"), "{}", finished.stderr);
    assert!(cluster.squeue("%j").iter().all(|name| name == "other"));

    // With a window all runs find their place.
    cluster.ask("scancel", &["--name", "other"]);
    // Slurm forgets jobs a while after their end only.
    cluster
        .wait_for("room in the queue", || cluster.ask("squeue", &["-h", "-t", "all"]).is_empty());
    let finished = place.on(&cluster, "out", &["--max-queued", "3"]);
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    assert!(finished.stderr.contains("3 runs submitted"), "{}", finished.stderr);
}

#[test]
fn nodes_without_the_folder_or_mujoco_are_noticed() {
    let place = Place::new(600);
    // Folders are hidden from the nodes by mounting over them, which only some users may.
    let may = Command::new("unshare").args(["--mount", "true"]).status();
    if !may.is_ok_and(|status| status.success()) {
        eprintln!("skipped: this user may not mount");
        return;
    }
    let results = place.path("out");
    fs::create_dir(&results).unwrap();
    {
        let hidden = Cluster::start_hiding(&place.path("hidden"), &[&results]);
        let Some(cluster) = hidden else { return };
        let finished = place.on(&cluster, "out", &[]);
        assert_refused(
            &finished,
            &cluster,
            &["ended before they began", "do the nodes share this folder?"],
        );
    }
    let library = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.mujoco/lib");
    let suites = place.path("suites/tiny.toml");
    let text = fs::read_to_string(&suites).unwrap().replace("TargetReaching-v0", "Hopper-v4");
    fs::write(suites, text).unwrap();
    let cluster =
        Cluster::start_hiding(&place.path("bare"), &[&library.canonicalize().unwrap()]).unwrap();
    let finished = place.on(&cluster, "bare-out", &[]);
    assert_refused(&finished, &cluster, &["node n", "MuJoCo", "all jobs are cancelled"]);
    let _ = run;
}
