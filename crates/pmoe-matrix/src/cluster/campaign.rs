//! Decides what to do about the runs of a plan on a cluster: submit them, wait, let them be, give up.
//!
//! A function of what the queue shows and of what the folders hold: it asks no engine, reads no file and knows no time.
//! [`Cluster`](super::Cluster) does what it orders, and so does a simulation.

use std::collections::{BTreeMap, BTreeSet};

use super::note::{JobEnd, Note};
use crate::end::RunEnd;

/// A run in the queue of an engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// The run's index in the plan.
    pub index: usize,
    /// The engine's name for the job, such as `123_7`.
    pub id: String,
    /// Its state.
    pub state: JobState,
    /// Whether its run has begun since it was submitted.
    pub has_begun: bool,
    /// The machine that it runs on.
    pub node: Option<String>,
    /// Why it waits, in the engine's words.
    pub reason: Option<String>,
}

/// State of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobState {
    /// It waits for its first start.
    Queued,
    /// It began and waits for its next start.
    Requeued,
    /// It is running, or about to start or end.
    Running,
}

/// What is found of a run that is not in the queue.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// Whether its whole budget is spent and its analyses are complete.
    pub done: bool,
    /// Environment steps at its newest checkpoint.
    pub env_step: u64,
    /// What its last job left.
    pub note: Option<Note>,
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// Submit these runs; [`Campaign::submitted`] then counts them.
    Submit(Vec<usize>),
    /// A run is over.
    Over(usize, RunEnd),
    /// Cancel everything: no run can be made there, for this reason.
    GiveUp(String),
}

/// How often a run is submitted that ends in one way or another, without a step of progress in between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Jobs whose run failed. Each has started it several times.
    pub failures: u32,
    /// Jobs that vanished: killed, or cancelled by hand, or their node died.
    pub losses: u32,
    /// Jobs that left the queue without having begun.
    pub silences: u32,
    /// Such jobs of all runs together, while none has begun.
    pub silences_at_first: u32,
    /// Jobs that found another process at the run.
    pub locks: u32,
}

impl Default for Budget {
    fn default() -> Self {
        Self { failures: 3, losses: 10, silences: 3, silences_at_first: 8, locks: 10 }
    }
}

/// Brings the runs of a plan to their end.
#[derive(Debug)]
pub struct Campaign {
    budget: Budget,
    /// Most jobs in the queue at a time.
    most_queued: usize,
    /// The runs that are not over, by index.
    open: BTreeMap<usize, Tracked>,
    /// Whether a job of any run was seen to have begun.
    has_begun: bool,
    /// Jobs that left the queue before any had begun.
    silences: u32,
}

/// What is remembered of a run.
#[derive(Debug, Clone, Copy, Default)]
struct Tracked {
    /// Whether a job of it is, or was, in the queue.
    submitted: bool,
    env_step: u64,
    failures: u32,
    losses: u32,
    silences: u32,
    locks: u32,
}

/// What follows for a run that is not in the queue.
enum Verdict {
    Submit,
    Over(RunEnd),
    GiveUp(String),
}

impl Campaign {
    /// Begins with the runs 0 to `count` of a plan, none of them submitted, of which at most `most_queued` are in the
    /// queue at a time.
    #[must_use]
    pub fn new(count: usize, most_queued: usize, budget: Budget) -> Self {
        let open = (0..count).map(|index| (index, Tracked::default())).collect();
        Self { budget, most_queued, open, has_begun: false, silences: 0 }
    }

    /// Whether every run is over.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.open.is_empty()
    }

    /// Returns the runs that are not over.
    pub fn open(&self) -> impl Iterator<Item = usize> + '_ {
        self.open.keys().copied()
    }

    /// Returns the orders that follow from the jobs in the queue and from what `look` finds of runs without one.
    ///
    /// A job ends before it leaves the queue, so the queue must be read before the folders.
    pub fn round(&mut self, jobs: &[Job], mut look: impl FnMut(usize) -> Seen) -> Vec<Order> {
        for job in jobs {
            if let Some(run) = self.open.get_mut(&job.index) {
                run.submitted = true;
            }
        }
        self.has_begun |= jobs.iter().any(|job| job.has_begun);
        let queued: BTreeSet<usize> = jobs.iter().map(|job| job.index).collect();
        let absent: Vec<usize> = self.open().filter(|index| !queued.contains(index)).collect();
        let mut orders = Vec::new();
        let mut missing = Vec::new();
        for index in absent {
            match self.judge(index, &look(index)) {
                Verdict::Submit => missing.push(index),
                Verdict::Over(end) => {
                    self.open.remove(&index);
                    orders.push(Order::Over(index, end));
                }
                Verdict::GiveUp(reason) => {
                    orders.push(Order::GiveUp(reason));
                    return orders;
                }
            }
        }
        missing.truncate(self.most_queued.saturating_sub(jobs.len()));
        if !missing.is_empty() {
            orders.push(Order::Submit(missing));
        }
        orders
    }

    /// Counts runs as submitted.
    pub fn submitted(&mut self, indices: &[usize]) {
        for index in indices {
            if let Some(run) = self.open.get_mut(index) {
                run.submitted = true;
            }
        }
    }

    fn judge(&mut self, index: usize, seen: &Seen) -> Verdict {
        let Seen { done, env_step, note } = seen;
        let Some(run) = self.open.get_mut(&index) else { return Verdict::Submit };
        if *done {
            self.has_begun = true;
            return Verdict::Over(RunEnd::Done);
        }
        if *env_step > run.env_step {
            *run = Tracked { submitted: run.submitted, env_step: *env_step, ..Tracked::default() };
        }
        // A note of an earlier submission says nothing about this one.
        if !std::mem::take(&mut run.submitted) {
            return Verdict::Submit;
        }
        let budget = &self.budget;
        let Some(note) = note else {
            run.silences += 1;
            let silences = run.silences;
            return self.unheard(index, silences);
        };
        self.has_begun = true;
        run.silences = 0;
        let again = |count: &mut u32, most: u32, end: RunEnd| {
            *count += 1;
            if *count < most { Verdict::Submit } else { Verdict::Over(end) }
        };
        match &note.end {
            Some(JobEnd::Unfit(reason)) => Verdict::GiveUp(format!("node {}: {reason}", note.node)),
            Some(JobEnd::Run(end @ (RunEnd::Diverged(_) | RunEnd::Refused(_)))) => {
                Verdict::Over(end.clone())
            }
            Some(JobEnd::Run(end @ RunEnd::Failed(_))) => {
                again(&mut run.failures, budget.failures, end.clone())
            }
            Some(JobEnd::Run(RunEnd::Locked)) => {
                again(&mut run.locks, budget.locks, RunEnd::Locked)
            }
            // Done, but a network file system may not show that yet; another job would find it.
            None | Some(JobEnd::Run(RunEnd::Stopped | RunEnd::Done)) => {
                let words = format!("its jobs ended {} times without progress", budget.losses);
                again(&mut run.losses, budget.losses, RunEnd::Failed(words))
            }
        }
    }

    /// Judges a run whose last `silences` jobs ended before they began.
    fn unheard(&mut self, index: usize, silences: u32) -> Verdict {
        let Budget { silences: most, silences_at_first, .. } = self.budget;
        self.silences += 1;
        if !self.has_begun && (self.silences >= silences_at_first || silences >= most) {
            Verdict::GiveUp(format!("{} jobs ended before they began", self.silences))
        } else if silences >= most {
            let words = format!("{silences} jobs of run {index} ended before they began");
            Verdict::Over(RunEnd::Failed(words))
        } else {
            Verdict::Submit
        }
    }
}

#[cfg(test)]
mod tests;
