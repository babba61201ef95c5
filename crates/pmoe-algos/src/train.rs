//! The one training loop.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use pmoe_envs::{Env, EnvError, Step};
use pmoe_results::{Event, Sink};
use serde::{Deserialize, Serialize};

use crate::agent::{Agent, AgentError, Mode, Scope, Transition};
use crate::checkpoint::{self, CheckpointError, Files};
use crate::config::Schedule;
use crate::evaluate::{Evaluation, evaluate};
use crate::seed::{Seeds, Stream, sub_stream};

/// Why a run ended early.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The environment failed.
    #[error(transparent)]
    Env(#[from] EnvError),
    /// The learner failed; learning diverged.
    #[error(transparent)]
    Agent(#[from] AgentError),
    /// A checkpoint can't be written or read.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The events can't be kept.
    #[error("cannot write the events")]
    Sink(#[from] std::io::Error),
}

/// How [`run`] came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// All steps are done.
    Done,
    /// Interrupted, a checkpoint written.
    Interrupted,
}

/// Where a run stands between two steps: with the agent and the environment, all that the future
/// depends on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Progress<M = ()> {
    /// Environment steps taken.
    pub env_step: u64,
    /// Gradient updates taken.
    pub grad_step: u64,
    /// Where the event sink stood at this step.
    pub events_position: u64,
    episode: Episode,
    seeds: Seeds,
    /// Observation to act on, `[O]`; empty before the first reset.
    obs: Vec<f64>,
    /// What the policy carries inside the running episode.
    memory: M,
}

/// The running episode.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Episode {
    /// Episodes finished before this one.
    finished: u64,
    episode_return: f64,
    length: u32,
}

impl<M: Default> Progress<M> {
    /// The start of a run.
    pub fn new(seed: u64) -> Self {
        Self {
            env_step: 0,
            grad_step: 0,
            events_position: 0,
            episode: Episode::default(),
            seeds: Seeds::new(seed),
            obs: Vec::new(),
            memory: M::default(),
        }
    }
}

/// Trains `agent` in `env` until the schedule's last step, or until `interrupt` is set.
///
/// Starts at `progress` and moves it; events go to `sink`. With a `checkpoint` folder the whole run
/// is saved there when due, when interrupted and at the end (the policy and its critic alone). A run that
/// is restored by [`restore`] and goes on gives the same events and the same bits as one that never
/// stopped.
///
/// # Errors
/// When the environment, the learner, the disk or the sink fails; earlier checkpoints stay.
#[expect(clippy::too_many_arguments, reason = "the parts of a run, each named at the call")]
pub fn run<A: Agent>(
    env: &mut dyn Env,
    eval_env: &mut dyn Env,
    agent: &mut A,
    schedule: &Schedule,
    seed: u64,
    progress: &mut Progress<A::Memory>,
    sink: &mut dyn Sink,
    checkpoint: Option<&Path>,
    interrupt: &AtomicBool,
) -> Result<Outcome, RunError> {
    let obs_dim = env.spec().obs_dim;
    let mut action = vec![0.0_f32; env.spec().action_dim()];
    let mut env_action = vec![0.0_f64; action.len()];
    let mut next_obs = vec![0.0_f64; obs_dim];
    let (mut obs_f32, mut next_obs_f32) = (vec![0.0_f32; obs_dim], vec![0.0_f32; obs_dim]);
    if progress.obs.is_empty() {
        progress.obs = vec![0.0; obs_dim];
        env.reset(&mut progress.seeds.env, &mut progress.obs)?;
        sink.emit(&evaluate_at(0, agent, eval_env, schedule, seed)?)?;
    }
    narrow(&progress.obs, &mut obs_f32);

    while progress.env_step < schedule.total_steps {
        agent.act(
            &mut progress.memory,
            &obs_f32,
            Mode::Explore,
            &mut progress.seeds.explore,
            &mut action,
        )?;
        widen(&action, &mut env_action);
        let step = env.step(&env_action, &mut next_obs)?;
        narrow(&next_obs, &mut next_obs_f32);
        agent.observe(
            &progress.memory,
            Transition {
                obs: &obs_f32,
                action: &action,
                reward: step.reward as f32,
                next_obs: &next_obs_f32,
                terminated: step.terminated,
                truncated: step.truncated,
            },
        );
        progress.env_step += 1;
        progress.episode.episode_return += step.reward;
        progress.episode.length += 1;
        if step.terminated || step.truncated {
            sink.emit(&progress.finish_episode(&step))?;
            env.reset(&mut progress.seeds.env, &mut progress.obs)?;
            progress.memory = A::Memory::default();
        } else {
            std::mem::swap(&mut progress.obs, &mut next_obs);
        }
        narrow(&progress.obs, &mut obs_f32);

        progress.grad_step += u64::from(agent.update(&mut progress.seeds.learn));
        let (env_step, grad_step) = (progress.env_step, progress.grad_step);
        if env_step % schedule.log_every == 0 && grad_step > 0 {
            sink.emit(&Event::Update { env_step, grad_step, metrics: agent.metrics()? })?;
        }
        let is_last = env_step == schedule.total_steps;
        if env_step % schedule.eval_every == 0 || is_last {
            sink.emit(&evaluate_at(env_step, agent, eval_env, schedule, seed)?)?;
        }
        let interrupted = interrupt.load(Ordering::Relaxed);
        if env_step % schedule.checkpoint_every == 0 || is_last || interrupted {
            progress.events_position = sink.sync()?;
            if let Some(folder) = checkpoint {
                let scope = if is_last { Scope::Policy } else { Scope::Everything };
                save(folder, agent, env, progress, scope)?;
            }
        }
        if interrupted && !is_last {
            return Ok(Outcome::Interrupted);
        }
    }
    Ok(Outcome::Done)
}

impl<M> Progress<M> {
    /// Closes the running episode: both endings are reported.
    fn finish_episode(&mut self, last: &Step) -> Event {
        let ended = std::mem::take(&mut self.episode);
        self.episode.finished = ended.finished + 1;
        Event::Episode {
            env_step: self.env_step,
            episode: self.episode.finished,
            episode_return: ended.episode_return,
            episode_length: ended.length,
            truncated: last.truncated,
            success: last.success,
        }
    }
}

/// The scheduled evaluation after `env_step` steps; its randomness depends on seed and step alone.
fn evaluate_at<A: Agent>(
    env_step: u64,
    agent: &A,
    eval_env: &mut dyn Env,
    schedule: &Schedule,
    seed: u64,
) -> Result<Event, RunError> {
    let mut rng = sub_stream(seed, Stream::Evaluate, env_step);
    let Evaluation { returns, lengths, successes } =
        evaluate(agent, eval_env, schedule.eval_episodes, &mut rng)?;
    Ok(Event::Eval { env_step, returns, lengths, successes })
}

fn save<A: Agent>(
    folder: &Path,
    agent: &A,
    env: &dyn Env,
    progress: &Progress<A::Memory>,
    scope: Scope,
) -> Result<(), CheckpointError> {
    let mut files = Files::default();
    agent.save(&mut files, scope)?;
    let mut env_state = Vec::new();
    env.save_state(&mut env_state);
    files.insert_json("env.json", &env_state);
    files.insert_json("progress.json", progress);
    checkpoint::write(folder, progress.env_step, &files)
}

/// Brings agent and environment to the newest checkpoint in `folder`; `None` when there is none.
///
/// The checkpoint of a finished run restores the policy alone: there is nothing left to learn.
///
/// # Errors
/// When the checkpoint is damaged or of another run. Agent and environment are then unusable.
pub fn restore<A: Agent>(
    folder: &Path,
    agent: &mut A,
    env: &mut dyn Env,
    schedule: &Schedule,
) -> Result<Option<Progress<A::Memory>>, RunError> {
    let Some(files) = checkpoint::read(folder)? else {
        return Ok(None);
    };
    let progress: Progress<A::Memory> = files.get_json("progress.json")?;
    let finished = progress.env_step == schedule.total_steps;
    agent.load(&files, if finished { Scope::Policy } else { Scope::Everything })?;
    env.load_state(&files.get_json::<Vec<f64>>("env.json")?)?;
    Ok(Some(progress))
}

/// Brings an agent to the newest checkpoint in `folder`, to act with; `false` when there is none.
///
/// # Errors
/// When the checkpoint is damaged or of another run.
pub fn restore_policy<A: Agent>(folder: &Path, agent: &mut A) -> Result<bool, RunError> {
    let Some(files) = checkpoint::read(folder)? else {
        return Ok(false);
    };
    agent.load(&files, Scope::Policy)?;
    Ok(true)
}

pub(crate) fn narrow(from: &[f64], to: &mut [f32]) {
    to.iter_mut().zip(from).for_each(|(to, from)| *to = *from as f32);
}

pub(crate) fn widen(from: &[f32], to: &mut [f64]) {
    to.iter_mut().zip(from).for_each(|(to, from)| *to = f64::from(*from));
}
