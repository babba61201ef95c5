//! The training loop.

use pmoe_envs::{Env, EnvError, Step, action_to_f64, obs_to_f32};
use pmoe_results::run::Position;
use pmoe_results::{Event, Sink};
use serde::{Deserialize, Serialize};

use crate::agent::{Agent, Mode, Transition};
use crate::checkpoint::{CheckpointError, Checkpoints, Files, Scope, Stored};
use crate::config::Schedule;
use crate::error::RunError;
use crate::evaluate::{Evaluation, evaluate};
use crate::seed::{Seeds, Stream, sub_stream};

/// How [`Training::run`] ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrainingEnd {
    /// All steps are done.
    Done,
    /// The run was interrupted, after writing a checkpoint.
    Interrupted,
}

/// The state of a run between two steps. Together with the agent and the environment, it determines
/// the rest of the run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Progress<M = ()> {
    /// Environment steps done.
    pub env_step: u64,
    /// Gradient updates done.
    pub grad_step: u64,
    /// Position of the event sink at that time.
    pub events: Position,
    next: Next,
    episode: Episode,
    seeds: Seeds,
    /// Current observation, `[O]`; empty before the first reset.
    obs: Vec<f64>,
    /// The policy's memory within the running episode.
    memory: M,
}

/// The next stage of a run. Interrupts are checked between stages and inside updates and
/// evaluations. After a restart, an interrupted update resumes and an interrupted evaluation starts
/// again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Next {
    /// Choose an action and do the environment step.
    Act,
    /// Learn and log.
    Learn,
    /// Evaluate and save, if due.
    Evaluate,
}

/// The running episode.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Episode {
    /// Number of episodes finished before this one.
    finished: u64,
    episode_return: f64,
    length: u32,
}

impl<M: Default> Progress<M> {
    /// Creates the initial state of a run.
    pub fn new(seed: u64) -> Self {
        Self {
            env_step: 0,
            grad_step: 0,
            events: Position::start(),
            next: Next::Evaluate,
            episode: Episode::default(),
            seeds: Seeds::new(seed),
            obs: Vec::new(),
            memory: M::default(),
        }
    }
}

impl<M> Progress<M> {
    /// Whether all steps of the schedule are done, including what follows the last one.
    pub fn is_finished(&self, schedule: &Schedule) -> bool {
        self.env_step >= schedule.total_steps && self.next == Next::Act
    }
}

/// A training run.
///
/// [`Training::new`] creates one; [`Training::resume`], [`Training::checkpoints`] and
/// [`Training::interrupt`] configure it; [`Training::run`] trains.
pub struct Training<'a, A: Agent> {
    env: &'a mut dyn Env,
    eval_env: &'a mut dyn Env,
    agent: &'a mut A,
    schedule: &'a Schedule,
    seed: u64,
    progress: Progress<A::Memory>,
    checkpoints: Option<&'a Checkpoints>,
    interrupt: &'a dyn Fn() -> bool,
}

impl<'a, A: Agent> Training<'a, A> {
    /// Creates a run without checkpoints. All randomness except the agent's initial values comes
    /// from `seed`.
    pub fn new(
        env: &'a mut dyn Env,
        eval_env: &'a mut dyn Env,
        agent: &'a mut A,
        schedule: &'a Schedule,
        seed: u64,
    ) -> Self {
        let (progress, interrupt) = (Progress::new(seed), &|| false);
        Self { env, eval_env, agent, schedule, seed, progress, checkpoints: None, interrupt }
    }

    /// Resumes from `progress`, after [`restore`] has restored agent and environment.
    #[must_use]
    pub fn resume(self, progress: Progress<A::Memory>) -> Self {
        Self { progress, ..self }
    }

    /// Saves the whole run at its start, when due and when interrupted. The checkpoint at its end
    /// holds as much as a finished run keeps.
    #[must_use]
    pub fn checkpoints(self, checkpoints: &'a Checkpoints) -> Self {
        Self { checkpoints: Some(checkpoints), ..self }
    }

    /// Stops the run once `interrupt` returns true, which it must then keep returning.
    #[must_use]
    pub fn interrupt(self, interrupt: &'a dyn Fn() -> bool) -> Self {
        Self { interrupt, ..self }
    }

    /// Returns the agent in its current state.
    pub fn agent(&self) -> &A {
        self.agent
    }

    /// Returns the current state of the run.
    pub fn progress(&self) -> &Progress<A::Memory> {
        &self.progress
    }

    /// Trains until the schedule's last step or an interrupt. Events go to `sink`.
    ///
    /// A run resumed after [`restore`] gives the same events and the same bits as an uninterrupted
    /// one.
    ///
    /// # Errors
    /// Returns an error if the environment, the learner, the disk or the sink fails. Earlier
    /// checkpoints stay.
    pub fn run(&mut self, sink: &mut dyn Sink) -> Result<TrainingEnd, RunError> {
        let schedule = self.schedule;
        let obs_dim = self.env.spec().obs_dim;
        let mut action = vec![0.0_f32; self.env.spec().action_dim()];
        let mut env_action = vec![0.0_f64; action.len()];
        let mut next_obs = vec![0.0_f64; obs_dim];
        let (mut obs_f32, mut next_obs_f32) = (vec![0.0_f32; obs_dim], vec![0.0_f32; obs_dim]);
        if self.progress.obs.is_empty() {
            self.progress.obs = vec![0.0; obs_dim];
            self.env.reset(&mut self.progress.seeds.env, &mut self.progress.obs)?;
            // Before the first event, so that events without a checkpoint show that one is missing.
            self.save(sink)?;
        }
        obs_to_f32(&self.progress.obs, &mut obs_f32);

        while !self.progress.is_finished(schedule) {
            let Self { env, agent, progress, .. } = self;
            match progress.next {
                Next::Act => {
                    agent.act(
                        &mut progress.memory,
                        &obs_f32,
                        Mode::Explore,
                        &mut progress.seeds.explore,
                        &mut action,
                    )?;
                    action_to_f64(&action, &mut env_action);
                    let step = env.step(&env_action, &mut next_obs)?;
                    obs_to_f32(&next_obs, &mut next_obs_f32);
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
                    obs_to_f32(&progress.obs, &mut obs_f32);
                    progress.next = Next::Learn;
                }
                Next::Learn => {
                    let updates = agent.update(&mut progress.seeds.learn, self.interrupt);
                    progress.grad_step += u64::from(updates.taken);
                    if updates.is_complete {
                        let (env_step, grad_step) = (progress.env_step, progress.grad_step);
                        if env_step % schedule.log_every == 0 && grad_step > 0 {
                            let metrics = agent.metrics()?;
                            sink.emit(&Event::Update { env_step, grad_step, metrics })?;
                        }
                        progress.next = Next::Evaluate;
                    }
                }
                Next::Evaluate => {
                    let env_step = progress.env_step;
                    let is_last = env_step == schedule.total_steps;
                    let is_due = env_step % schedule.eval_every == 0 || is_last;
                    let is_over = !is_due || {
                        let event = self.evaluate()?;
                        // An interrupted evaluation starts again.
                        event.as_ref().map(|event| sink.emit(event)).transpose()?.is_some()
                    };
                    if is_over {
                        self.progress.next = Next::Act;
                        let is_due = env_step % schedule.checkpoint_every == 0 && env_step > 0;
                        if is_due || is_last {
                            self.save(sink)?;
                        }
                    }
                }
            }
            if (self.interrupt)() && !self.progress.is_finished(schedule) {
                self.save(sink)?;
                return Ok(TrainingEnd::Interrupted);
            }
        }
        if let Some(checkpoints) = self.checkpoints {
            // A process killed right after its last checkpoint has left others.
            checkpoints.settle(self.progress.env_step, true)?;
        }
        Ok(TrainingEnd::Done)
    }

    /// Does the scheduled evaluation, unless interrupted. Its randomness depends only on seed and
    /// step.
    fn evaluate(&mut self) -> Result<Option<Event>, RunError> {
        let env_step = self.progress.env_step;
        let mut rng = sub_stream(self.seed, Stream::Evaluate, env_step);
        let episodes = self.schedule.eval_episodes;
        let evaluation = evaluate(self.agent, self.eval_env, episodes, &mut rng, self.interrupt)?;
        Ok(evaluation.map(|Evaluation { returns, lengths, successes }| Event::Eval {
            env_step,
            returns,
            lengths,
            successes,
        }))
    }

    /// Writes a checkpoint, which includes the position in the events.
    fn save(&mut self, sink: &mut dyn Sink) -> Result<(), RunError> {
        self.progress.events = sink.sync()?;
        let Some(checkpoints) = self.checkpoints else {
            return Ok(());
        };
        let is_last = self.progress.is_finished(self.schedule);
        let scope = if is_last { checkpoints.at_the_end } else { Scope::Everything };
        let mut files = Files::default();
        self.agent.save(&mut files, scope)?;
        let mut env_state = Vec::new();
        self.env.save_state(&mut env_state);
        files.insert_json("env.json", &env_state);
        files.insert_json("progress.json", &self.progress);
        Ok(checkpoints.write(self.progress.env_step, scope, &files, is_last)?)
    }
}

impl<M> Progress<M> {
    /// Finishes the running episode, whether it terminated or was truncated.
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

/// Result of [`restore`].
#[derive(Debug)]
pub struct Restored<M> {
    /// The state to resume from.
    pub progress: Progress<M>,
    /// What is wrong with each newer checkpoint.
    pub unusable: Vec<String>,
    /// How much of the learner the checkpoint holds.
    pub scope: Scope,
}

/// Restores agent and environment from the newest usable checkpoint. Returns `None` if the run
/// never wrote a checkpoint.
///
/// A checkpoint is usable if it is intact, belongs to this run, and `check` confirms the events
/// before its position. That of a finished run may restore only the policy, since there is nothing
/// left to learn.
///
/// # Errors
/// Returns an error if a checkpoint is from another run, or none is usable. Agent and environment
/// are then unusable.
pub fn restore<A: Agent>(
    checkpoints: &Checkpoints,
    agent: &mut A,
    env: &mut dyn Env,
    mut check: impl FnMut(&Position) -> Result<(), String>,
) -> Result<Option<Restored<A::Memory>>, RunError> {
    let found = checkpoints.newest(|Stored { path, scope, files, .. }| {
        let progress: Progress<A::Memory> = files.get_json("progress.json")?;
        check(&progress.events).map_err(|reason| CheckpointError::Damaged { path, reason })?;
        agent.load(&files, scope)?;
        let state: Vec<f64> = files.get_json("env.json")?;
        let does_not_fit = |error: EnvError| CheckpointError::Content {
            part: "env.json".to_owned(),
            reason: error.to_string(),
        };
        env.load_state(&state).map_err(does_not_fit)?;
        agent.check_restored(&progress.memory, progress.next == Next::Learn)?;
        let is_right =
            progress.obs.len() == env.spec().obs_dim && progress.obs.iter().all(|x| x.is_finite());
        CheckpointError::unless(
            is_right,
            "progress.json",
            "its observation does not fit the task",
        )?;
        Ok((progress, scope))
    });
    Ok(found?.map(|((progress, scope), unusable)| Restored { progress, unusable, scope }))
}

/// Restores policy and critic of an agent from the newest usable checkpoint. Returns the step of
/// that checkpoint and what is wrong with each newer one, or `None` if there is no checkpoint.
///
/// # Errors
/// Returns an error if a checkpoint is from another run, or none is usable.
pub fn restore_policy<A: Agent>(
    checkpoints: &Checkpoints,
    agent: &mut A,
) -> Result<Option<(u64, Vec<String>)>, RunError> {
    let found = checkpoints.newest(|Stored { files, env_step, .. }| {
        agent.load(&files, Scope::Policy)?;
        Ok(env_step)
    });
    Ok(found?)
}
