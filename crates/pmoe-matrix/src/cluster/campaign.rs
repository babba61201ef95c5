//! Decides what to do about the runs of a plan on a cluster: submit them, wait, let them be, give up.
//!
//! A function of what the queue shows and of what the folders hold: it asks no engine, reads no file and knows no time.
//! [`Cluster`](super::Cluster) does what it orders, and so does a simulation.

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
    GiveUp(Obstacle),
}

/// Why no run can be made on a cluster.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Obstacle {
    /// A machine lacks something.
    #[error("node {node}: {reason}")]
    Unfit {
        /// The machine.
        node: String,
        /// What it lacks.
        reason: String,
    },
    /// Jobs end before they begin.
    #[error("{jobs} jobs ended before they began")]
    Silence {
        /// How many.
        jobs: u32,
    },
}

/// How often a run is submitted that ends in one way or another, without a step of progress in between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Jobs whose run failed. Each has started it several times.
    pub failures: u32,
    /// Jobs that vanished: killed, or cancelled by hand, or forgotten by the engine, or their node died.
    pub losses: u32,
    /// Jobs that left the queue without having begun, while none of any run has. Later they are losses: the cluster can
    /// make runs, and nothing is wrong with a run that has not begun.
    pub silences: u32,
    /// Such jobs of all runs together.
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
    /// The runs, by index.
    runs: Vec<Tracked>,
    /// Runs that are not over.
    open: usize,
    /// Rounds so far.
    round: u64,
    /// The round before which runs wait until a submission is worth it; none if none wait.
    patience: Option<u64>,
    /// Whether a job of any run was seen to have begun.
    has_begun: bool,
    /// Jobs that left the queue before any had begun.
    silences: u32,
}

/// What is remembered of a run.
#[derive(Debug, Clone, Copy, Default)]
struct Tracked {
    stage: Stage,
    env_step: u64,
    failures: u32,
    losses: u32,
    silences: u32,
    locks: u32,
    /// The round before which it is not submitted.
    rests_until: u64,
}

/// Where a run is, as far as is known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Stage {
    /// Nobody has looked.
    #[default]
    Unknown,
    /// It was looked at, and is to be submitted.
    Missing,
    /// It is in the queue, or was: the last round that saw it there, or before which it was submitted.
    Submitted(u64),
    Over,
}

/// What follows for a run that is not in the queue.
enum Verdict {
    Submit,
    Over(RunEnd),
    GiveUp(Obstacle),
}

/// Rounds for which a run waits at most for others to be submitted with it, and after its job found another process at
/// it: that may be one which its cluster has forgotten and will end.
const PATIENCE: u64 = 20;

impl Campaign {
    /// Begins with the runs 0 to `count` of a plan, none of them submitted, of which at most `most_queued` are in the
    /// queue at a time.
    #[must_use]
    pub fn new(count: usize, most_queued: usize, budget: Budget) -> Self {
        Self {
            budget,
            most_queued,
            runs: vec![Tracked::default(); count],
            open: count,
            round: 0,
            patience: None,
            has_begun: false,
            silences: 0,
        }
    }

    /// Whether every run is over.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.open == 0
    }

    /// Returns the runs that are not over.
    pub fn open(&self) -> impl Iterator<Item = usize> + '_ {
        let runs = self.runs.iter().enumerate();
        runs.filter(|(_, run)| run.stage != Stage::Over).map(|(index, _)| index)
    }

    /// Returns the orders that follow from the jobs in the queue and from what `look` finds of runs without one: it is
    /// asked about each run once at first, and then whenever a job of the run has left the queue.
    ///
    /// A job ends before it leaves the queue, so the queue must be read before the folders.
    pub fn round(&mut self, jobs: &[Job], mut look: impl FnMut(usize) -> Seen) -> Vec<Order> {
        self.round += 1;
        for job in jobs {
            self.enter(job.index);
            self.has_begun |= job.has_begun;
        }
        let mut orders = Vec::new();
        let mut missing = Vec::new();
        for index in 0..self.runs.len() {
            let verdict = match self.runs[index].stage {
                Stage::Over => continue,
                Stage::Submitted(round) if round == self.round => continue,
                Stage::Missing => Verdict::Submit,
                Stage::Unknown | Stage::Submitted(_) => self.judge(index, &look(index)),
            };
            match verdict {
                Verdict::Submit => {
                    let run = &mut self.runs[index];
                    run.stage = Stage::Missing;
                    missing.extend((run.rests_until <= self.round).then_some(index));
                }
                Verdict::Over(end) => {
                    self.runs[index].stage = Stage::Over;
                    self.open -= 1;
                    orders.push(Order::Over(index, end));
                }
                Verdict::GiveUp(obstacle) => {
                    orders.push(Order::GiveUp(obstacle));
                    return orders;
                }
            }
        }
        let room = self.most_queued.saturating_sub(jobs.len());
        let waiting = jobs.iter().filter(|job| job.state != JobState::Running).count();
        if self.is_worth_it(missing.len(), room, waiting) {
            missing.truncate(room);
            orders.push(Order::Submit(missing));
        }
        orders
    }

    /// Counts runs as submitted.
    pub fn submitted(&mut self, indices: &[usize]) {
        indices.iter().for_each(|index| self.enter(*index));
        if !indices.is_empty() {
            self.patience = None;
        }
    }

    /// Notes that a run has a job.
    fn enter(&mut self, index: usize) {
        if let Some(run) = self.runs.get_mut(index).filter(|run| run.stage != Stage::Over) {
            run.stage = Stage::Submitted(self.round);
        }
    }

    /// Whether to submit now. While enough others wait for a slot, a submission would hardly start anything earlier, and
    /// each is an array that the engine has to keep; so it is left until it is a quarter of what waits, or for some time.
    fn is_worth_it(&mut self, missing: usize, room: usize, waiting: usize) -> bool {
        if missing == 0 || room == 0 {
            return false;
        }
        let until = *self.patience.get_or_insert(self.round + PATIENCE);
        4 * missing.min(room) >= waiting || self.round >= until
    }

    fn judge(&mut self, index: usize, seen: &Seen) -> Verdict {
        let Seen { done, env_step, note } = seen;
        let run = &mut self.runs[index];
        if *done {
            self.has_begun = true;
            return Verdict::Over(RunEnd::Done);
        }
        if *env_step > run.env_step {
            *run = Tracked { stage: run.stage, env_step: *env_step, ..Tracked::default() };
        }
        // A note of an earlier submission says nothing about this one.
        if run.stage == Stage::Unknown {
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
            Some(JobEnd::Unfit(reason)) => {
                let (node, reason) = (note.node.clone(), reason.clone());
                Verdict::GiveUp(Obstacle::Unfit { node, reason })
            }
            Some(JobEnd::Run(end @ (RunEnd::Diverged(_) | RunEnd::Refused(_)))) => {
                Verdict::Over(end.clone())
            }
            Some(JobEnd::Run(end @ RunEnd::Failed(_))) => {
                again(&mut run.failures, budget.failures, end.clone())
            }
            Some(JobEnd::Run(RunEnd::Locked)) => {
                run.rests_until = self.round + PATIENCE;
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
        let Budget { silences: most, silences_at_first, losses, .. } = self.budget;
        self.silences += 1;
        if !self.has_begun && (self.silences >= silences_at_first || silences >= most) {
            Verdict::GiveUp(Obstacle::Silence { jobs: self.silences })
        } else if silences >= losses {
            let words = format!("{silences} jobs of run {index} ended before they began");
            Verdict::Over(RunEnd::Failed(words))
        } else {
            Verdict::Submit
        }
    }
}

#[cfg(test)]
mod tests;
