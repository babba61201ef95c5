//! What happens on the cluster: jobs start and end, and things fail.

use super::*;

impl World {
    pub(super) fn happen(&mut self, event: Event) {
        match event {
            Event::Begin { run, start } => self.begin(run, start),
            Event::End { run, start } | Event::EndOrphan { run, start } => {
                let process = self.runs[run].process.filter(|process| process.start == start);
                if let Some(process) = process {
                    let is_orphan = matches!(event, Event::EndOrphan { .. });
                    self.end(run, if is_orphan { Cause::Killed } else { process.cause }, false);
                }
            }
            Event::Unhold { run, number } => {
                if self.held.remove(&(number, run))
                    && let Some(job) = &mut self.runs[run].job
                {
                    job.place = Place::Waits;
                    self.waiting.insert((number, run));
                }
            }
            Event::NodeDies(node) => self.node_dies(node),
            Event::NodeIsBack(node) => {
                self.node_is_up[node] = true;
                self.free.extend(self.slots(node));
                self.plan_next(self.faults.node_deaths, Event::NodeDies(node));
            }
            Event::ControllerDies => self.controller_dies(),
            Event::ControllerIsBack => {
                self.controller_is_up = true;
                self.plan_next(self.faults.restarts, Event::ControllerDies);
            }
            Event::Cancel => self.cancel_some(),
        }
        self.start_jobs();
    }

    /// Gives free slots to the jobs that have waited longest.
    pub(super) fn start_jobs(&mut self) {
        while self.controller_is_up
            && !self.free.is_empty()
            && let Some((_, run)) = self.waiting.pop_first()
            && let Some(slot) = self.free.pop()
        {
            let at = self.now.max(self.next_start);
            self.next_start = at + 1.0 / self.machine.starts_per_second;
            let start = self.starts;
            self.starts += 1;
            if let Some(job) = &mut self.runs[run].job {
                job.place = Place::Placed { slot, start };
            }
            self.in_slot[slot] = Some(run);
            let latency = 0.5 + 2.5 * self.random.unit();
            self.plan(at + latency, Event::Begin { run, start });
        }
    }

    /// A job begins.
    fn begin(&mut self, index: usize, start: u64) {
        let Self { now, machine, .. } = *self;
        let kill = HOUR * self.random.until(self.faults.kills);
        let run = &mut self.runs[index];
        let slot = match run.job.map(|job| job.place) {
            Some(Place::Placed { slot, start: its }) if its == start => slot,
            _ => return,
        };
        run.note = Some(None);
        let glance = if run.completions > 0 {
            self.needless_starts += 1;
            Some(RunEnd::Done)
        } else {
            run.process.is_some().then_some(RunEnd::Locked)
        };
        if glance.is_some() {
            run.note = Some(glance);
            self.busy += GLANCE;
            self.lost += GLANCE;
            self.leave_queue(index);
            self.leave_slot(slot);
            return;
        }
        let left = |work: f64| (work - run.saved).max(0.0);
        let (span, cause) = match run.fate {
            Fate::Done => (left(run.work), Cause::Done),
            Fate::Diverges(at) => (left(at), Cause::Diverges),
            Fate::Fails(at) => {
                let again = GLANCE + at - checkpoint(at).max(run.saved);
                (left(at) + (TRIES - 1.0) * again, Cause::Fails)
            }
        };
        let limit = machine.time_limit - NOTICE;
        let (span, cause) = if span > limit { (limit, Cause::Stops) } else { (span, cause) };
        let (span, cause) = if kill < span { (kill, Cause::Killed) } else { (span, cause) };
        run.process = Some(Process { start, begun: now, slot, cause });
        self.plan(now + span, Event::End { run: index, start });
    }

    /// A process ends, and with it its job, unless that is requeued.
    fn end(&mut self, index: usize, cause: Cause, requeue: bool) {
        let now = self.now;
        let is_refused = self.random.unit() < self.faults.refused_requeues;
        let run = &mut self.runs[index];
        let Some(process) = run.process.take() else { return };
        let spent = now - process.begun;
        let before = run.saved;
        let reached = match run.fate {
            Fate::Done => run.work,
            Fate::Fails(at) | Fate::Diverges(at) => at,
        };
        let worked = reached.min(before + spent);
        let end = match cause {
            Cause::Done => {
                run.completions += 1;
                Some(RunEnd::Done)
            }
            Cause::Diverges => Some(RunEnd::Diverged("NaN".to_owned())),
            Cause::Fails => Some(RunEnd::Failed("no such file".to_owned())),
            Cause::Stops => Some(RunEnd::Stopped),
            Cause::Killed => None,
        };
        run.saved = match cause {
            Cause::Done | Cause::Stops => worked,
            Cause::Diverges | Cause::Fails | Cause::Killed => checkpoint(worked).max(before),
        };
        self.busy += spent;
        self.lost += spent - (run.saved - before);
        let has_job = matches!(
            run.job, Some(InQueue { place: Place::Placed { start, .. }, .. }) if start == process.start
        );
        // The folder knows how a job ended that was forgotten, but its note is the next job's by then.
        if has_job || run.job.is_none() {
            run.note = Some(end);
        }
        if has_job {
            let asks = cause == Cause::Stops && !is_refused;
            if requeue || asks { self.requeue(index) } else { self.leave_queue(index) }
        }
        self.leave_slot(process.slot);
    }

    fn requeue(&mut self, index: usize) {
        if let Some(job) = &mut self.runs[index].job {
            job.place = Place::Held;
            let number = job.number;
            self.held.insert((number, index));
            self.plan(self.now + HOLD, Event::Unhold { run: index, number });
        }
    }

    fn leave_queue(&mut self, index: usize) {
        let Some(job) = self.runs[index].job.take() else { return };
        self.queued.remove(&index);
        self.waiting.remove(&(job.number, index));
        self.held.remove(&(job.number, index));
        self.live[job.array] -= 1;
        self.live_arrays -= usize::from(self.live[job.array] == 0);
    }

    fn leave_slot(&mut self, slot: usize) {
        self.in_slot[slot] = None;
        if self.node_is_up[slot / self.machine.slots_per_node] {
            self.free.push(slot);
        }
    }

    /// Takes a job out of the queue, its process told to stop.
    fn cancel(&mut self, index: usize) {
        let Some(job) = self.runs[index].job else { return };
        match job.place {
            Place::Placed { start, .. }
                if self.runs[index].process.is_some_and(|process| process.start == start) =>
            {
                self.leave_queue(index);
                self.end(index, Cause::Stops, false);
            }
            Place::Placed { slot, .. } => {
                self.leave_queue(index);
                self.leave_slot(slot);
            }
            Place::Waits | Place::Held => self.leave_queue(index),
        }
    }

    fn cancel_some(&mut self) {
        let count = self.runs.len();
        let first = (0..count)
            .map(|_| self.random.below(count))
            .find(|index| self.runs[*index].job.is_some());
        if let Some(first) = first {
            let jobs = (first..count).filter(|index| self.runs[*index].job.is_some());
            let some: Vec<usize> =
                jobs.take((CANCELLED * self.machine.slots as f64).ceil() as usize).collect();
            some.into_iter().for_each(|index| self.cancel(index));
        }
        self.plan_next(self.faults.cancels, Event::Cancel);
    }

    fn slots(&self, node: usize) -> std::ops::Range<usize> {
        let Machine { slots, slots_per_node, .. } = self.machine;
        node * slots_per_node..((node + 1) * slots_per_node).min(slots)
    }

    /// A node dies: its jobs are requeued.
    fn node_dies(&mut self, node: usize) {
        let slots = self.slots(node);
        self.node_is_up[node] = false;
        self.free.retain(|slot| !slots.contains(slot));
        self.down += slots.len() as f64 * REPAIR;
        for slot in slots {
            let Some(run) = self.in_slot[slot] else { continue };
            if self.runs[run].process.is_some_and(|process| process.slot == slot) {
                self.end(run, Cause::Killed, true);
            } else {
                self.requeue(run);
                self.leave_slot(slot);
            }
        }
        self.plan(self.now + REPAIR, Event::NodeIsBack(node));
    }

    /// The controller dies, and forgets the newest jobs; their processes go on for a while.
    fn controller_dies(&mut self) {
        self.controller_is_up = false;
        for index in 0..self.runs.len() {
            let Some(job) = self.runs[index].job else { continue };
            if job.submitted < self.now - FORGOTTEN {
                continue;
            }
            self.leave_queue(index);
            if let Place::Placed { slot, start } = job.place {
                match self.runs[index].process {
                    Some(process) if process.start == start => {
                        self.plan(self.now + ORPHAN, Event::EndOrphan { run: index, start });
                    }
                    _ => self.leave_slot(slot),
                }
            }
        }
        self.plan(self.now + OUTAGE, Event::ControllerIsBack);
    }
}
