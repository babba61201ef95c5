//! A cluster with its queue, its failures and the folders of its runs.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

use pmoe_matrix::RunEnd;
use pmoe_matrix::cluster::{Job, JobEnd, JobState, Note, Seen};

use super::Outcome;
use super::machine::{Faults, Machine};
use super::random::Random;

mod happening;

const MINUTE: f64 = 60.0;
const HOUR: f64 = 3600.0;

/// Work between two checkpoints.
const CHECKPOINT: f64 = 10.0 * MINUTE;
/// Time before the limit at which a job is told to stop.
const NOTICE: f64 = 2.0 * MINUTE;
/// Time for which a requeued job is held unless it is released.
const HOLD: f64 = 2.0 * MINUTE;
/// Time that a node is down.
const REPAIR: f64 = 30.0 * MINUTE;
/// Time for which the controller does not answer.
const OUTAGE: f64 = 90.0;
/// Age of the jobs that a restart of the controller forgets, at most.
const FORGOTTEN: f64 = 2.0 * MINUTE;
/// Time after which a node ends the jobs that the controller has forgotten.
const ORPHAN: f64 = 5.0 * MINUTE;
/// Jobs that are cancelled by hand at a time, for each slot.
const CANCELLED: f64 = 0.05;
/// Time that a job needs to see that its run is done or locked, or that a failing run is tried again in it.
const GLANCE: f64 = 2.0;
/// Tries of a failing run in a job.
const TRIES: f64 = 3.0;

/// How a run ends if it is let.
#[derive(Debug, Clone, Copy)]
enum Fate {
    Done,
    /// It fails after so much work.
    Fails(f64),
    /// It diverges after so much work.
    Diverges(f64),
}

/// A run: its folder, its note, its process and its job.
#[derive(Debug)]
struct Run {
    work: f64,
    fate: Fate,
    /// Work at its newest checkpoint.
    saved: f64,
    /// Whether it was brought to the end of its work, and how often.
    completions: u32,
    /// The note of its last job, and in it how that ended.
    note: Option<Option<RunEnd>>,
    process: Option<Process>,
    job: Option<InQueue>,
}

/// A process that works on a run, and so has its lock.
#[derive(Debug, Clone, Copy)]
struct Process {
    start: u64,
    begun: f64,
    slot: usize,
    cause: Cause,
}

/// Why a process ends.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Cause {
    Done,
    Diverges,
    Fails,
    /// Told to write a checkpoint.
    Stops,
    Killed,
}

/// A job in the queue.
#[derive(Debug, Clone, Copy)]
struct InQueue {
    /// Its place, which it keeps when it is requeued.
    number: u64,
    array: usize,
    submitted: f64,
    place: Place,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Place {
    Waits,
    /// It was requeued and is held for a while.
    Held,
    /// It starts, or runs.
    Placed {
        slot: usize,
        start: u64,
    },
}

/// Something that is to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Begin { run: usize, start: u64 },
    End { run: usize, start: u64 },
    EndOrphan { run: usize, start: u64 },
    Unhold { run: usize, number: u64 },
    NodeDies(usize),
    NodeIsBack(usize),
    ControllerDies,
    ControllerIsBack,
    Cancel,
}

/// A cluster at a time.
#[derive(Debug)]
pub(crate) struct World {
    machine: Machine,
    faults: Faults,
    random: Random,
    now: f64,
    /// What is to happen, by time in microseconds, then in the order in which it was planned.
    events: BinaryHeap<Reverse<(u64, u64, Event)>>,
    planned: u64,
    runs: Vec<Run>,
    /// Runs in the queue.
    queued: BTreeSet<usize>,
    /// Jobs that wait, by number.
    waiting: BTreeSet<(u64, usize)>,
    /// Jobs that are held, by number.
    held: BTreeSet<(u64, usize)>,
    /// Slots without a job, of nodes that are up.
    free: Vec<usize>,
    /// The run in each slot.
    in_slot: Vec<Option<usize>>,
    node_is_up: Vec<bool>,
    controller_is_up: bool,
    /// When the scheduler starts the next job at the earliest.
    next_start: f64,
    starts: u64,
    numbers: u64,
    /// Jobs in the queue, by array.
    live: Vec<u32>,
    live_arrays: usize,
    most_arrays: usize,
    needless_starts: usize,
    busy: f64,
    lost: f64,
    down: f64,
}

impl World {
    /// Begins with an empty queue and runs that nobody has started.
    pub(crate) fn new(count: usize, machine: Machine, faults: Faults, seed: u64) -> Self {
        let mut plan = Random::new(seed, 0);
        let runs = (0..count).map(|_| Run::new(&mut plan, &faults)).collect();
        let nodes = machine.slots.div_ceil(machine.slots_per_node);
        let mut world = Self {
            machine,
            faults,
            random: Random::new(seed, 1),
            now: 0.0,
            events: BinaryHeap::new(),
            planned: 0,
            runs,
            queued: BTreeSet::new(),
            waiting: BTreeSet::new(),
            held: BTreeSet::new(),
            free: (0..machine.slots).rev().collect(),
            in_slot: vec![None; machine.slots],
            node_is_up: vec![true; nodes],
            controller_is_up: true,
            next_start: 0.0,
            starts: 0,
            numbers: 0,
            live: Vec::new(),
            live_arrays: 0,
            most_arrays: 0,
            needless_starts: 0,
            busy: 0.0,
            lost: 0.0,
            down: 0.0,
        };
        (0..nodes).for_each(|node| world.plan_next(faults.node_deaths, Event::NodeDies(node)));
        world.plan_next(faults.restarts, Event::ControllerDies);
        world.plan_next(faults.cancels, Event::Cancel);
        world
    }

    pub(crate) fn now(&self) -> f64 {
        self.now
    }

    /// Returns the work of all runs.
    pub(crate) fn work(&self) -> f64 {
        self.runs.iter().map(|run| run.work).sum()
    }

    /// Returns the work of the longest run.
    pub(crate) fn longest(&self) -> f64 {
        self.runs.iter().map(|run| run.work).fold(0.0, f64::max)
    }

    /// Returns the number of slots without a job, of nodes that are up.
    pub(crate) fn free(&self) -> usize {
        self.free.len()
    }

    /// Reads the queue; returns whether there was an answer.
    pub(crate) fn queue(&self, jobs: &mut Vec<Job>) -> bool {
        if !self.controller_is_up {
            return false;
        }
        jobs.clear();
        for &index in &self.queued {
            let run = &self.runs[index];
            let Some(job) = &run.job else { continue };
            let has_begun = run.note.is_some();
            let state = match (job.place, has_begun) {
                (Place::Placed { .. }, _) => JobState::Running,
                (_, true) => JobState::Requeued,
                (_, false) => JobState::Queued,
            };
            let (id, node, reason) = (String::new(), None, None);
            jobs.push(Job { index, id, state, has_begun, node, reason });
        }
        true
    }

    /// Lets held jobs start; returns their number.
    pub(crate) fn release(&mut self) -> usize {
        let held = std::mem::take(&mut self.held);
        for &(number, index) in &held {
            if let Some(job) = &mut self.runs[index].job {
                job.place = Place::Waits;
            }
            self.waiting.insert((number, index));
        }
        self.start_jobs();
        held.len()
    }

    /// Submits runs, as an array of each chunk; returns the number of arrays.
    pub(crate) fn submit(&mut self, indices: &[usize]) -> usize {
        let chunks = indices.chunk_by(|a, b| a / self.machine.array == b / self.machine.array);
        let mut arrays = 0;
        for chunk in chunks {
            arrays += 1;
            let array = self.live.len();
            self.live.push(u32::try_from(chunk.len()).unwrap_or(u32::MAX));
            self.live_arrays += 1;
            for &index in chunk {
                let run = &mut self.runs[index];
                assert!(run.job.is_none(), "run {index} is in the queue already");
                let number = self.numbers;
                self.numbers += 1;
                run.note = None;
                run.job = Some(InQueue { number, array, submitted: self.now, place: Place::Waits });
                self.queued.insert(index);
                self.waiting.insert((number, index));
            }
        }
        self.most_arrays = self.most_arrays.max(self.live_arrays);
        self.start_jobs();
        arrays
    }

    /// Returns what the folder and the note of a run say.
    pub(crate) fn seen(&self, index: usize) -> Seen {
        let Run { completions, saved, note, .. } = &self.runs[index];
        let note = note.clone().map(|end| Note {
            schema: Note::SCHEMA,
            node: String::new(),
            from_step: 0,
            idle: 0,
            end: end.map(JobEnd::Run),
        });
        Seen { done: *completions > 0, env_step: (saved * 1000.0) as u64, note }
    }

    /// Lets time pass.
    pub(crate) fn advance(&mut self, seconds: f64) {
        let end = self.now + seconds;
        while let Some(Reverse((at, _, _))) = self.events.peek()
            && *at as f64 / 1e6 <= end
            && let Some(Reverse((at, _, event))) = self.events.pop()
        {
            self.now = at as f64 / 1e6;
            self.happen(event);
        }
        self.now = end;
    }

    /// Says what is wrong about the end of a run.
    pub(crate) fn wrong(&self, index: usize, end: Option<&RunEnd>) -> Option<String> {
        let run = &self.runs[index];
        let (is_right, completions) = match run.fate {
            Fate::Done => (matches!(end, Some(RunEnd::Done)), 1),
            Fate::Fails(_) => (matches!(end, Some(RunEnd::Failed(_))), 0),
            Fate::Diverges(_) => (matches!(end, Some(RunEnd::Diverged(_))), 0),
        };
        let is_idle = run.job.is_none() && run.process.is_none();
        (!is_right || run.completions != completions || !is_idle).then(|| {
            format!("run {index}, which was to end as {:?}, ended as {end:?}: {run:?}", run.fate)
        })
    }

    /// Adds what happened to an outcome.
    pub(crate) fn account(&self, outcome: &mut Outcome) {
        outcome.busy = self.busy;
        outcome.lost = self.lost;
        outcome.down = self.down;
        outcome.longest = self.longest();
        outcome.starts = self.starts as usize;
        outcome.needless_starts = self.needless_starts;
        outcome.most_arrays = self.most_arrays;
    }

    fn plan(&mut self, at: f64, event: Event) {
        if at.is_finite() {
            self.planned += 1;
            self.events.push(Reverse(((at * 1e6).ceil() as u64, self.planned, event)));
        }
    }

    /// Plans what happens again and again, `rate` times an hour.
    fn plan_next(&mut self, rate: f64, event: Event) {
        let at = self.now + HOUR * self.random.until(rate);
        self.plan(at, event);
    }
}

impl Run {
    /// Draws a run of a matrix like the paper's: 28 % PPO's, minutes long; 14 % SAC's that are as short; 58 % SAC's of
    /// an hour or many.
    fn new(random: &mut Random, faults: &Faults) -> Self {
        let work = match random.unit() {
            ..0.28 => random.skewed(10.0 * MINUTE, 0.5),
            ..0.42 => random.skewed(15.0 * MINUTE, 0.5),
            _ => random.skewed(1.2 * HOUR, 0.8),
        };
        let work = work.clamp(MINUTE, 24.0 * HOUR);
        let at = work * random.unit();
        let lot = random.unit();
        let fate = if lot < faults.failing {
            Fate::Fails(at)
        } else if lot < faults.failing + faults.diverging {
            Fate::Diverges(at)
        } else {
            Fate::Done
        };
        Self { work, fate, saved: 0.0, completions: 0, note: None, process: None, job: None }
    }
}

/// Returns the work at the newest checkpoint before some work.
fn checkpoint(work: f64) -> f64 {
    (work / CHECKPOINT).floor() * CHECKPOINT
}
