//! A campaign on a simulated cluster, in virtual time.

use std::time::Instant;

use pmoe_matrix::RunEnd;
use pmoe_matrix::cluster::{Budget, Campaign, Job, JobState, Order};

pub(crate) mod machine;
pub(crate) mod random;
pub(crate) mod world;

pub(crate) use machine::{Faults, Machine};
use world::World;

/// What is simulated.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setting {
    /// Runs of the plan.
    pub(crate) runs: usize,
    /// Most jobs in the queue.
    pub(crate) most_queued: usize,
    /// Seconds between two looks at the queue.
    pub(crate) poll: f64,
    pub(crate) machine: Machine,
    pub(crate) faults: Faults,
}

/// What became of it. Times are virtual seconds unless they say otherwise.
#[derive(Debug, Clone, Default)]
pub(crate) struct Outcome {
    /// Runs that are done, diverged and failed.
    pub(crate) done: usize,
    pub(crate) diverged: usize,
    pub(crate) failed: usize,
    /// What is wrong: empty if every run is over once, in the way that it had to end.
    pub(crate) wrong: Vec<String>,
    /// When the last run was over.
    pub(crate) makespan: f64,
    /// Time that slots had a job.
    pub(crate) busy: f64,
    /// Part of it that was lost in kills and failures.
    pub(crate) lost: f64,
    /// Time that slots were free while runs waited, in the queue or outside.
    pub(crate) idle: f64,
    /// Time that slots were down.
    pub(crate) down: f64,
    /// The work of the longest run.
    pub(crate) longest: f64,
    pub(crate) rounds: usize,
    /// Looks at the queue, those without an answer included.
    pub(crate) looks: usize,
    /// Arrays submitted.
    pub(crate) arrays: usize,
    /// Rounds that submitted something; each replaces the job of the report, which takes two calls more.
    pub(crate) submitting_rounds: usize,
    /// Calls that let a requeued job start at once.
    pub(crate) releases: usize,
    /// Jobs submitted.
    pub(crate) jobs: usize,
    /// Starts of jobs, those after a requeue included.
    pub(crate) starts: usize,
    /// Starts that found their run done.
    pub(crate) needless_starts: usize,
    /// Most arrays that had a job in the queue.
    pub(crate) most_arrays: usize,
    /// Run folders read.
    pub(crate) folders_read: usize,
    /// Real seconds of all rounds of the campaign, and of the longest.
    pub(crate) seconds: f64,
    pub(crate) longest_round: f64,
}

impl Outcome {
    /// Returns the least time in which this work can be done.
    pub(crate) fn bound(&self, slots: usize) -> f64 {
        (self.busy / slots as f64).max(self.longest)
    }

    /// Returns the number of calls to the engine.
    pub(crate) fn calls(&self) -> usize {
        self.looks + self.arrays + 2 * self.submitting_rounds + self.releases
    }
}

/// Brings all runs to their end.
pub(crate) fn simulate(setting: &Setting, seed: u64) -> Outcome {
    let Setting { runs, most_queued, poll, machine, faults } = *setting;
    let mut world = World::new(runs, machine, faults, seed);
    let mut campaign = Campaign::new(runs, most_queued, Budget::default());
    let mut ends: Vec<Option<RunEnd>> = vec![None; runs];
    let mut open = runs;
    let mut outcome = Outcome::default();
    let mut jobs: Vec<Job> = Vec::new();
    // No campaign takes a hundred times as long as its work.
    let last = 100.0 * (world.work() / machine.slots as f64 + world.longest());
    while world.now() < last {
        outcome.looks += 1;
        if world.queue(&mut jobs) {
            outcome.rounds += 1;
            outcome.releases += world.release();
            let mut folders_read = 0;
            let begun = Instant::now();
            let orders = campaign.round(&jobs, |index| {
                folders_read += 1;
                world.seen(index)
            });
            let seconds = begun.elapsed().as_secs_f64();
            outcome.seconds += seconds;
            outcome.longest_round = outcome.longest_round.max(seconds);
            outcome.folders_read += folders_read;
            let mut asked = Vec::new();
            for order in orders {
                match order {
                    Order::Over(index, end) => {
                        open = open.saturating_sub(1);
                        if let Some(before) = ends[index].replace(end) {
                            outcome.wrong.push(format!("run {index} was over before: {before}"));
                        }
                    }
                    Order::Submit(indices) => asked = indices,
                    Order::GiveUp(reason) => {
                        outcome.wrong.push(format!("all is given up: {reason}"));
                        return outcome;
                    }
                }
            }
            if campaign.is_over() {
                break;
            }
            if !asked.is_empty() {
                outcome.arrays += world.submit(&asked);
                outcome.submitting_rounds += 1;
                outcome.jobs += asked.len();
                campaign.submitted(&asked);
            }
            let queued = jobs.len() + asked.len();
            if queued > most_queued {
                outcome.wrong.push(format!("{queued} jobs are in the queue"));
            }
            let running = jobs.iter().filter(|job| job.state == JobState::Running).count();
            let waiting = open.saturating_sub(running);
            outcome.idle += world.free().min(waiting) as f64 * poll;
        }
        world.advance(poll);
    }
    outcome.makespan = world.now();
    world.account(&mut outcome);
    for (index, end) in ends.iter().enumerate() {
        match end {
            Some(RunEnd::Done) => outcome.done += 1,
            Some(RunEnd::Diverged(_)) => outcome.diverged += 1,
            Some(RunEnd::Failed(_)) => outcome.failed += 1,
            _ => {}
        }
        if let Some(wrong) = world.wrong(index, end.as_ref()) {
            outcome.wrong.push(wrong);
        }
    }
    outcome
}
