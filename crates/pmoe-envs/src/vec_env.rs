//! Many environments stepped at once, on several threads.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};

use crate::env::{Env, EnvError, EnvSpec, Rng, Step, check_length};

/// N copies of a task with a random-number generator each, shared among threads.
///
/// What a copy does depends on its generator and its actions alone: the number of threads changes
/// nothing. After [`VecEnv::step`] the observations are the true successors, also where an episode
/// ended; [`VecEnv::reset_ended`] then starts the next ones.
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

/// A thread and the copies it owns.
struct Worker {
    /// Taken when the thread is to end.
    jobs: Option<Sender<Job>>,
    done: Receiver<Job>,
    thread: Option<JoinHandle<()>>,
    /// Index of its first copy, and how many it has.
    first: usize,
    count: usize,
    /// The buffers of the last job, used again.
    idle: Option<Job>,
}

/// What a worker is to do, and what came of it.
struct Job {
    task: Task,
    /// `[count · A]`
    actions: Vec<f64>,
    /// `[count · O]`
    obs: Vec<f64>,
    /// `[count]`
    steps: Vec<Step>,
    /// The first copy that failed, among the worker's.
    error: Option<(usize, EnvError)>,
}

#[derive(Clone, Copy)]
enum Task {
    Reset,
    Step,
    ResetEnded,
}

impl VecEnv {
    /// `envs` with a generator each, on at most `threads` threads.
    ///
    /// # Panics
    /// When there is no environment or no thread, the counts of environments and generators differ,
    /// or the environments have different specs.
    pub fn new(envs: Vec<Box<dyn Env>>, rngs: Vec<Rng>, threads: usize) -> Self {
        assert!(!envs.is_empty() && threads > 0, "at least one environment and one thread");
        assert_eq!(envs.len(), rngs.len(), "one generator for each environment");
        let spec = envs[0].spec().clone();
        assert!(envs.iter().all(|env| *env.spec() == spec), "copies of one task");
        let (total, threads) = (envs.len(), threads.min(envs.len()));
        let mut copies = envs.into_iter().zip(rngs);
        let mut workers = Vec::with_capacity(threads);
        let mut first = 0;
        for index in 0..threads {
            // As equal as possible.
            let count = (total - first).div_ceil(threads - index);
            workers.push(Worker::new(copies.by_ref().take(count).collect(), first, &spec));
            first += count;
        }
        let idle = Step { reward: 0.0, terminated: false, truncated: false, success: None };
        Self { obs: vec![0.0; total * spec.obs_dim], steps: vec![idle; total], spec, workers }
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

    /// What the latest [`VecEnv::step`] gave, `[N]`.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Starts an episode in every copy.
    ///
    /// # Errors
    /// That of the first copy that failed.
    pub fn reset(&mut self) -> Result<(), EnvError> {
        self.run(Task::Reset, &[])
    }

    /// Steps every copy with its row of `actions`, `[N · A]`.
    ///
    /// # Errors
    /// That of the first copy that failed; the others have stepped.
    pub fn step(&mut self, actions: &[f64]) -> Result<(), EnvError> {
        let expected = self.num_envs() * self.spec.action_dim();
        check_length(&self.spec.id, "action", actions.len(), expected)?;
        self.run(Task::Step, actions)
    }

    /// Starts a new episode where the latest step ended one.
    ///
    /// # Errors
    /// That of the first copy that failed.
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
    fn new(mut copies: Vec<(Box<dyn Env>, Rng)>, first: usize, spec: &EnvSpec) -> Self {
        let count = copies.len();
        let idle = Step { reward: 0.0, terminated: false, truncated: false, success: None };
        let job = Job {
            task: Task::Reset,
            actions: Vec::with_capacity(count * spec.action_dim()),
            obs: vec![0.0; count * spec.obs_dim],
            steps: vec![idle; count],
            error: None,
        };
        let (jobs, received) = channel::<Job>();
        let (finished, done) = channel();
        let thread = thread::spawn(move || {
            for mut job in received {
                job.run(&mut copies);
                if finished.send(job).is_err() {
                    break;
                }
            }
        });
        Self { jobs: Some(jobs), done, thread: Some(thread), first, count, idle: Some(job) }
    }

    fn start(&mut self, task: Task, actions: &[f64]) {
        let mut job = self.idle.take().expect("the last job was awaited");
        job.task = task;
        job.actions.clear();
        job.actions.extend_from_slice(actions);
        let jobs = self.jobs.as_ref().expect("there until the end");
        jobs.send(job).expect("a worker ends with its owner only");
    }

    fn finish(&mut self) -> &mut Job {
        let job = self.done.recv().expect("an environment panicked");
        self.idle.insert(job)
    }
}

impl Job {
    fn run(&mut self, copies: &mut [(Box<dyn Env>, Rng)]) {
        let obs_dim = self.obs.len() / copies.len();
        let action_dim = self.actions.len() / copies.len();
        let rows = self.obs.chunks_exact_mut(obs_dim).zip(&mut self.steps);
        self.error = None;
        for (index, ((env, rng), (obs, step))) in copies.iter_mut().zip(rows).enumerate() {
            let result = match self.task {
                Task::Reset => env.reset(rng, obs),
                Task::ResetEnded if step.terminated || step.truncated => env.reset(rng, obs),
                Task::ResetEnded => Ok(()),
                Task::Step => {
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
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // A panic of an environment was reported when it happened.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests;
