//! A campaign on the simulated cluster of the example `cluster_at_scale`, in miniature.

#[path = "../examples/cluster_at_scale/model/mod.rs"]
mod model;

use model::{Faults, Machine, Setting, simulate};

const RUNS: usize = 2_000;
const SLOTS: usize = 50;

fn setting(most_queued: usize, faults: Faults) -> Setting {
    let machine = Machine { slots: SLOTS, slots_per_node: 8, ..Machine::default() };
    Setting { runs: RUNS, most_queued, poll: 15.0, machine, faults }
}

#[test]
fn every_run_is_over_once_whatever_fails() {
    for faults in [Faults::default(), Faults::some(), Faults::many()] {
        for most_queued in [RUNS, 250] {
            for seed in 0..3 {
                let outcome = simulate(&setting(most_queued, faults), seed);
                assert_eq!(outcome.wrong, [""; 0], "seed {seed}, {most_queued}, {faults:?}");
                assert_eq!(outcome.done + outcome.diverged + outcome.failed, RUNS);
            }
        }
    }
}

#[test]
fn a_cluster_without_failures_gets_each_run_once() {
    for most_queued in [RUNS, 250, 60] {
        let outcome = simulate(&setting(most_queued, Faults::default()), 7);
        assert_eq!((outcome.done, outcome.jobs, outcome.needless_starts), (RUNS, RUNS, 0));
        assert!(outcome.lost.abs() < 1.0, "{} s are lost", outcome.lost);
        // Each folder at first and after its job.
        assert_eq!(outcome.folders_read, 2 * RUNS);
        let (makespan, bound) = (outcome.makespan, outcome.bound(SLOTS));
        let most = outcome.busy / SLOTS as f64 + outcome.longest + 1_800.0;
        assert!(
            (bound..most).contains(&makespan),
            "{makespan} s; at least {bound}, at most {most}"
        );
        if most_queued != 60 {
            let calls = outcome.calls() - outcome.looks;
            assert!(calls < RUNS, "{calls} calls beside looks at the queue");
        }
        let idle = outcome.idle / (SLOTS as f64 * outcome.makespan);
        assert!(idle < 0.005, "{idle} of the slots' time is free while runs wait");
    }
}

#[test]
fn the_same_seed_gives_the_same_campaign() {
    let one = || simulate(&setting(250, Faults::many()), 3);
    let (one, other) = (one(), one());
    assert_eq!((one.jobs, one.starts, one.rounds), (other.jobs, other.starts, other.rounds));
    assert_eq!(one.busy.to_bits(), other.busy.to_bits());
}
