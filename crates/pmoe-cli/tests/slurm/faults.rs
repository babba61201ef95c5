//! What happens to clusters: jobs, nodes and controller die, jobs are cancelled and requeued, time runs out.

use std::env;
use std::fs;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::cluster::Cluster;
use super::{Place, assert_same, results};
use crate::common::signal;

const FLAGS: [&str; 4] = ["--executor", "slurm", "--poll", "1"];

/// Something that happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// A job is killed with its run.
    KilledJob,
    /// A job's time is about to end.
    EndOfTime,
    /// A job is cancelled by hand.
    Cancelled,
    /// A job is requeued by hand while it runs.
    Requeued,
    /// All that runs on a node dies.
    DeadNode,
    /// A node's daemon dies, and its jobs go on.
    LostNode,
    /// The controller dies.
    DeadController,
    /// The program that submits dies, and is started again.
    DeadMatrix,
    /// The program that submits is interrupted, and is started again.
    InterruptedMatrix,
}

impl Fault {
    const ALL: [Self; 9] = [
        Self::KilledJob,
        Self::EndOfTime,
        Self::Cancelled,
        Self::Requeued,
        Self::DeadNode,
        Self::LostNode,
        Self::DeadController,
        Self::DeadMatrix,
        Self::InterruptedMatrix,
    ];
}

/// A matrix on a cluster, under way.
struct UnderWay<'a> {
    place: &'a Place,
    cluster: &'a Cluster,
    out: String,
    matrix: Child,
}

impl<'a> UnderWay<'a> {
    fn start(place: &'a Place, cluster: &'a Cluster, out: &str) -> Self {
        let matrix = Self::spawn(place, cluster, out);
        Self { place, cluster, out: out.to_owned(), matrix }
    }

    fn spawn(place: &Place, cluster: &Cluster, out: &str) -> Child {
        let log =
            fs::File::options().create(true).append(true).open(place.path(&format!("{out}.log")));
        let mut command = place.matrix(out, &FLAGS);
        cluster.with(&mut command).stdout(Stdio::null()).stderr(log.unwrap()).spawn().unwrap()
    }

    fn is_over(&mut self) -> bool {
        self.matrix.try_wait().unwrap().is_some()
    }

    /// Waits until it ends by itself, and compares what it leaves.
    fn end(mut self, expected: &[(std::path::PathBuf, Vec<u8>)]) {
        let log = || fs::read_to_string(self.place.path(&format!("{}.log", self.out))).unwrap();
        let (mut since, mut done) = (Instant::now(), 0);
        while self.matrix.try_wait().unwrap().is_none() {
            // However busy the machine is, runs end one after the other.
            let now = log().matches(": done").count();
            if now > done {
                (since, done) = (Instant::now(), now);
            }
            assert!(since.elapsed() < Duration::from_secs(400), "it does not go on: {}", log());
            self.cluster.heal();
            thread::sleep(Duration::from_millis(500));
        }
        let log = log();
        assert_eq!(self.matrix.wait().unwrap().code(), Some(0), "{log}");
        eprintln!("{log}");
        assert_same(&results(&self.place.path(&self.out).join("smoke")), expected);
    }

    /// Sends a signal to the job of `pmoe run` that was started last, if there is one.
    fn signal_job(&self, name: &str) -> bool {
        let pattern = format!("pmoe run --plan {}/smoke", self.out);
        let status =
            Command::new("pkill").args(["--newest", "--signal", name, "--full", &pattern]).status();
        status.unwrap().success()
    }

    /// Lets a fault happen; returns whether there was something that it could happen to.
    fn strike(&mut self, fault: Fault, random: &mut Random) -> bool {
        let running = self.cluster.running();
        let job = running.get(random.below(running.len().max(1))).cloned();
        let node = ["n0", "n1"][random.below(2)];
        match fault {
            Fault::KilledJob => self.signal_job("KILL"),
            Fault::EndOfTime => self.signal_job("USR1"),
            Fault::Cancelled => job.is_some_and(|job| {
                self.cluster.ask("scancel", &[&job]);
                true
            }),
            Fault::Requeued => job.is_some_and(|job| {
                self.cluster.ask("scontrol", &["requeue", &job]);
                true
            }),
            Fault::DeadNode | Fault::LostNode => {
                if fault == Fault::DeadNode {
                    self.cluster.crash(node);
                } else {
                    self.cluster.kill(node);
                }
                thread::sleep(Duration::from_millis(200 + random.below(2_000) as u64));
                self.cluster.start_again(node);
                true
            }
            Fault::DeadController => {
                self.cluster.kill("controller");
                thread::sleep(Duration::from_millis(200 + random.below(2_000) as u64));
                self.cluster.start_again("controller");
                true
            }
            Fault::DeadMatrix | Fault::InterruptedMatrix => {
                match fault {
                    Fault::DeadMatrix => self.matrix.kill().unwrap(),
                    _ => signal(&self.matrix, "INT"),
                }
                self.matrix.wait().unwrap();
                thread::sleep(Duration::from_millis(random.below(1_000) as u64));
                self.matrix = Self::spawn(self.place, self.cluster, &self.out);
                true
            }
        }
    }
}

/// Numbers for the order of faults (splitmix64).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) as usize % bound
    }
}

#[test]
fn every_fault_once_changes_no_byte() {
    let place = Place::new(4_000);
    let Some(cluster) = Cluster::start(&place.path("cluster"), 1) else { return };
    let expected = place.local();
    let mut matrix = UnderWay::start(&place, &cluster, "faults");
    let random = &mut Random(0);
    for fault in Fault::ALL {
        cluster.wait_for("a job that runs", || !cluster.running().is_empty());
        // Long enough for a job to have begun its run.
        thread::sleep(Duration::from_millis(700));
        assert!(!matrix.is_over(), "it was over before {fault:?}");
        cluster.wait_for("something to strike", || matrix.place.path("faults").exists());
        while !matrix.strike(fault, random) {
            assert!(!matrix.is_over(), "it was over before {fault:?}");
            thread::sleep(Duration::from_millis(50));
        }
    }
    matrix.end(&expected);
}

#[test]
fn faults_at_random_times_change_no_byte() {
    let Ok(matrices) = env::var("PMOE_MATRICES") else {
        eprintln!("skipped: PMOE_MATRICES is the number of matrices, some two minutes each");
        return;
    };
    // A number, or a range such as 5..10.
    let (first, last) = matrices.split_once("..").unwrap_or(("0", &matrices));
    let seeds = first.parse::<u64>().unwrap()..last.parse().unwrap();
    let place = Place::new(4_000);
    let Some(cluster) = Cluster::start(&place.path("cluster"), 1) else { return };
    let expected = place.local();
    for seed in seeds {
        let random = &mut Random(1_000 + seed);
        let mut matrix = UnderWay::start(&place, &cluster, &format!("matrix-{seed}"));
        let mut struck = Vec::new();
        while !matrix.is_over() && struck.len() < 12 {
            thread::sleep(Duration::from_millis(100 + random.below(4_000) as u64));
            let fault = Fault::ALL[random.below(Fault::ALL.len())];
            if !matrix.is_over() && matrix.strike(fault, random) {
                struck.push(fault);
            }
        }
        matrix.end(&expected);
        eprintln!("matrix {seed}: {struck:?}");
    }
}

#[test]
fn a_run_goes_on_after_its_jobs_time() {
    // The shortest time limit of Slurm is a minute, and a run has to be longer than what is left of it.
    let place = Place::new(60_000);
    let Some(cluster) = Cluster::start(&place.path("cluster"), 1) else { return };
    let only = ["--seeds", "0", "--only", "sac"];
    let mut local = place.matrix("local", &only);
    assert!(local.output().unwrap().status.success());
    let time = ["--time", "1", "--sbatch-arg=--signal=B:USR1@55"];
    let finished = place.on(&cluster, "limited", &[&only[..], &time].concat());
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    let [found, expected] = ["limited/smoke", "local/smoke"].map(|out| results(&place.path(out)));
    assert_same(&found, &expected);
    let manifest = "tiny/sac/TargetReaching-v0/seed_0/manifest.json";
    let text = fs::read_to_string(place.path("limited/smoke").join(manifest)).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert!(manifest["attempts"].as_array().unwrap().len() > 1, "{text}");
}
