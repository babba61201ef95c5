//! Many environments, stepped in parallel on several threads.

use std::sync::mpsc::{Receiver, RecvError, Sender, TryRecvError, channel};
use std::thread::{self, Builder, JoinHandle};
use std::time::{Duration, Instant};
use std::{mem, process};

use crate::env::{Env, EnvError, EnvSpec, Rng, Step, check_action, check_length};

/// N copies of a task, each with its own random-number generator, distributed among threads.
///
/// The behaviour of a copy depends only on its generator and its actions, not on the number of
/// threads. After [`VecEnv::step`] the observations are the true successors, even where an episode
/// ended. [`VecEnv::reset_ended`] then starts the next episodes.
///
/// ```
/// use pmoe_envs::rand::SeedableRng;
/// use pmoe_envs::{Rng, TaskId, VecEnv, make};
///
/// # fn main() -> Result<(), pmoe_envs::EnvError> {
/// let task: TaskId = "TargetReaching-v0".parse()?;
/// let envs = (0..4).map(|_| make(&task)).collect::<Result<Vec<_>, _>>()?;
/// let rngs = (0..4).map(Rng::seed_from_u64).collect();
/// let mut envs = VecEnv::new(envs, rngs, 2);
/// envs.reset()?;
/// for _ in 0..100 {
///     envs.step(&[0.5; 4 * 2])?;
///     let ended = envs.steps().iter().filter(|step| step.terminated || step.truncated).count();
///     assert!(ended <= 4);
///     envs.reset_ended()?;
/// }
/// assert_eq!(envs.obs().len(), 4 * 17);
/// # Ok(())
/// # }
/// ```
pub struct VecEnv {
    spec: EnvSpec,
    workers: Vec<Worker>,
    obs: Vec<f64>,
    steps: Vec<Step>,
}

/// Some of the copies, and the thread that steps them.
struct Worker {
    /// `None` if the calling thread does the jobs: those of the first worker, and of any that the
    /// system refused to start.
    thread: Option<WorkerThread>,
    /// Index of the first copy; `count` is the number of copies.
    first: usize,
    count: usize,
    /// The job, with its buffers; the thread has it while it works.
    job: Option<Job>,
}

/// A thread that does the jobs it receives and sends them back.
struct WorkerThread {
    /// The process that started it. A fork of that has no such thread.
    process: u32,
    /// Dropped to stop the thread.
    jobs: Sender<Job>,
    done: Receiver<Job>,
    handle: JoinHandle<()>,
}

/// A job for a worker, the data it needs, and its results.
struct Job {
    copies: Vec<(Box<dyn Env>, Rng)>,
    task: Task,
    /// The copies that [`Task::ResetChosen`] resets, `[count]`.
    chosen: Vec<bool>,
    /// Actions, `[count · A]`.
    actions: Vec<f64>,
    /// Observations, `[count · O]`.
    obs: Vec<f64>,
    /// Results of the steps, `[count]`.
    steps: Vec<Step>,
    /// Index and error of the worker's first copy that failed.
    error: Option<(usize, EnvError)>,
}

#[derive(Clone, Copy)]
enum Task {
    Reset,
    ResetChosen,
    ResetEnded,
    Step,
    StepOrReset,
}

/// The result of a step that none was taken for.
const IDLE: Step = Step { reward: 0.0, terminated: false, truncated: false, success: None };

impl VecEnv {
    /// Creates copies from `envs` with one generator each, on at most `threads` threads. The calling
    /// thread is one of them.
    ///
    /// Uses fewer threads if the system refuses to start them; results are the same.
    ///
    /// # Panics
    /// If there is no environment or no thread, the numbers of environments and generators differ,
    /// or the environments have different specs.
    pub fn new(envs: Vec<Box<dyn Env>>, rngs: Vec<Rng>, threads: usize) -> Self {
        Self::on(Builder::new, envs, rngs, threads)
    }

    fn on(
        builder: fn() -> Builder,
        envs: Vec<Box<dyn Env>>,
        rngs: Vec<Rng>,
        threads: usize,
    ) -> Self {
        assert!(!envs.is_empty() && threads > 0, "at least one environment and one thread");
        assert_eq!(envs.len(), rngs.len(), "one generator for each environment");
        let spec = envs[0].spec().clone();
        assert!(envs.iter().all(|env| *env.spec() == spec), "copies of one task");
        let (total, threads) = (envs.len(), threads.min(envs.len()));
        let mut copies = envs.into_iter().zip(rngs);
        let mut workers = Vec::with_capacity(threads);
        let mut first = 0;
        for index in 0..threads {
            // Distribute the copies as evenly as possible.
            let count = (total - first).div_ceil(threads - index);
            let copies = copies.by_ref().take(count).collect();
            let thread = if index == 0 { None } else { WorkerThread::start(builder()) };
            workers.push(Worker::new(thread, copies, first, &spec));
            first += count;
        }
        Self { obs: vec![0.0; total * spec.obs_dim], steps: vec![IDLE; total], spec, workers }
    }

    /// The task's dimensions and bounds.
    pub fn spec(&self) -> &EnvSpec {
        &self.spec
    }

    /// Number N of copies.
    pub fn num_envs(&self) -> usize {
        self.steps.len()
    }

    /// The latest observations, `[N · O]`.
    pub fn obs(&self) -> &[f64] {
        &self.obs
    }

    /// Results of the latest [`VecEnv::step`], `[N]`.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Replaces the generator of a copy.
    ///
    /// # Panics
    /// If there is no such copy.
    pub fn set_rng(&mut self, copy: usize, rng: Rng) {
        let is_its = |worker: &&mut Worker| copy < worker.first + worker.count;
        let worker = self.workers.iter_mut().find(is_its).expect("a copy");
        let job = worker.job.as_mut().expect("the last job was awaited");
        job.copies[copy - worker.first].1 = rng;
    }

    /// Starts an episode in every copy.
    ///
    /// # Errors
    /// The error of the first copy that failed.
    pub fn reset(&mut self) -> Result<(), EnvError> {
        self.run(Task::Reset, &[])
    }

    /// Starts an episode in the copies that are `chosen`, `[N]`.
    ///
    /// # Errors
    /// If the length is wrong, or the error of the first copy that failed.
    pub fn reset_chosen(&mut self, chosen: &[bool]) -> Result<(), EnvError> {
        check_length(&self.spec.id, "chosen", chosen.len(), self.num_envs())?;
        for worker in &mut self.workers {
            let rows = worker.first..worker.first + worker.count;
            let job = worker.job.as_mut().expect("the last job was awaited");
            job.chosen.copy_from_slice(&chosen[rows]);
        }
        self.run(Task::ResetChosen, &[])
    }

    /// Steps every copy with its row of `actions`, `[N · A]`.
    ///
    /// # Errors
    /// If the length is wrong or an action is not finite, before any copy steps; otherwise the error of the first copy
    /// that failed, and the others have stepped.
    pub fn step(&mut self, actions: &[f64]) -> Result<(), EnvError> {
        self.check_actions(actions)?;
        self.run(Task::Step, actions)
    }

    /// Steps every copy with its row of `actions`, `[N · A]`, except those whose latest step ended an
    /// episode: they start the next one, and their step has neither reward nor end.
    ///
    /// # Errors
    /// As those of [`VecEnv::step`].
    pub fn step_or_reset(&mut self, actions: &[f64]) -> Result<(), EnvError> {
        self.check_actions(actions)?;
        self.run(Task::StepOrReset, actions)
    }

    fn check_actions(&self, actions: &[f64]) -> Result<(), EnvError> {
        let (spec, action_dim) = (&self.spec, self.spec.action_dim());
        check_length(&spec.id, "action", actions.len(), self.num_envs() * action_dim)?;
        for (index, action) in actions.chunks_exact(action_dim).enumerate() {
            check_action(spec, action)
                .map_err(|source| EnvError::InCopy { index, source: Box::new(source) })?;
        }
        Ok(())
    }

    /// Starts a new episode in every copy whose latest step ended one.
    ///
    /// # Errors
    /// The error of the first copy that failed.
    pub fn reset_ended(&mut self) -> Result<(), EnvError> {
        self.run(Task::ResetEnded, &[])
    }

    fn run(&mut self, task: Task, actions: &[f64]) -> Result<(), EnvError> {
        let (obs_dim, action_dim) = (self.spec.obs_dim, self.spec.action_dim());
        for worker in &mut self.workers {
            let rows = worker.first..worker.first + worker.count;
            let actions = actions.get(rows.start * action_dim..rows.end * action_dim);
            worker.start(task, actions.unwrap_or_default());
        }
        let mut result = Ok(());
        // The calling thread's own share comes first, while the others work.
        for worker in &mut self.workers {
            let (first, rows) = (worker.first, worker.first..worker.first + worker.count);
            let job = worker.finish();
            self.obs[rows.start * obs_dim..rows.end * obs_dim].copy_from_slice(&job.obs);
            self.steps[rows].copy_from_slice(&job.steps);
            if let (Ok(()), Some((index, source))) = (&result, job.error.take()) {
                let index = first + index;
                result = Err(EnvError::InCopy { index, source: Box::new(source) });
            }
        }
        result
    }
}

impl Worker {
    fn new(
        thread: Option<WorkerThread>,
        copies: Vec<(Box<dyn Env>, Rng)>,
        first: usize,
        spec: &EnvSpec,
    ) -> Self {
        let count = copies.len();
        let job = Job {
            copies,
            task: Task::Reset,
            chosen: vec![true; count],
            actions: Vec::with_capacity(count * spec.action_dim()),
            obs: vec![0.0; count * spec.obs_dim],
            steps: vec![IDLE; count],
            error: None,
        };
        Self { thread, first, count, job: Some(job) }
    }

    fn start(&mut self, task: Task, actions: &[f64]) {
        self.forget_lost_thread();
        let mut job = self.job.take().expect("the last job was awaited");
        job.task = task;
        job.actions.clear();
        job.actions.extend_from_slice(actions);
        match &self.thread {
            Some(thread) => thread.jobs.send(job).expect("a worker ends with its owner only"),
            None => self.job = Some(job),
        }
    }

    /// In a fork of the process the calling thread does all jobs.
    fn forget_lost_thread(&mut self) {
        if let Some(lost) = self.thread.take_if(|thread| thread.process != process::id()) {
            // Nothing here may wait for it.
            mem::forget(lost);
        }
    }

    fn finish(&mut self) -> &mut Job {
        match &self.thread {
            Some(thread) => {
                self.job.insert(receive(&thread.done).expect("an environment panicked"))
            }
            None => {
                let job = self.job.as_mut().expect("it was started");
                job.run();
                job
            }
        }
    }
}

impl WorkerThread {
    /// None if the system refuses.
    fn start(builder: Builder) -> Option<Self> {
        let (jobs, received) = channel::<Job>();
        let (finished, done) = channel();
        let work = move || {
            while let Ok(mut job) = receive(&received) {
                job.run();
                if finished.send(job).is_err() {
                    break;
                }
            }
        };
        Some(Self { process: process::id(), jobs, done, handle: builder.spawn(work).ok()? })
    }
}

/// How long a thread looks for what another sends before it sleeps: waking takes longer than many steps of a task.
const LOOK: Duration = Duration::from_micros(200);

/// Receives, soon if it is sent soon. A thread that waits leaves its core to any other.
fn receive<T>(from: &Receiver<T>) -> Result<T, RecvError> {
    let begun = Instant::now();
    loop {
        match from.try_recv() {
            Ok(sent) => return Ok(sent),
            Err(TryRecvError::Disconnected) => return Err(RecvError),
            Err(TryRecvError::Empty) if begun.elapsed() < LOOK => thread::yield_now(),
            Err(TryRecvError::Empty) => return from.recv(),
        }
    }
}

impl Job {
    fn run(&mut self) {
        let copies = &mut self.copies;
        let obs_dim = self.obs.len() / copies.len();
        let action_dim = self.actions.len() / copies.len();
        let rows = self.obs.chunks_exact_mut(obs_dim).zip(&mut self.steps);
        self.error = None;
        for (index, ((env, rng), (obs, step))) in copies.iter_mut().zip(rows).enumerate() {
            let has_ended = step.terminated || step.truncated;
            let result = match self.task {
                Task::ResetChosen if !self.chosen[index] => Ok(()),
                Task::Reset | Task::ResetChosen => {
                    *step = IDLE;
                    env.reset(rng, obs)
                }
                Task::ResetEnded if has_ended => env.reset(rng, obs),
                Task::ResetEnded => Ok(()),
                Task::StepOrReset if has_ended => {
                    *step = IDLE;
                    env.reset(rng, obs)
                }
                Task::Step | Task::StepOrReset => {
                    let action = &self.actions[index * action_dim..][..action_dim];
                    env.step(action, obs).map(|found| *step = found)
                }
            };
            if let (None, Err(error)) = (&self.error, result) {
                self.error = Some((index, error));
            }
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.forget_lost_thread();
        if let Some(WorkerThread { jobs, handle, .. }) = self.thread.take() {
            drop(jobs);
            // A panic of an environment was already reported when it happened.
            let _ = handle.join();
        }
    }
}

#[cfg(test)]
mod tests;
