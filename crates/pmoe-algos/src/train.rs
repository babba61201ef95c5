//! The training loop.

mod population;
mod progress;
mod restore;

use pmoe_envs::{Env, EnvSpec, action_to_f64, obs_to_f32};
use pmoe_results::{Event, Sink};

pub use self::population::{Member, Population};
use self::progress::Next;
pub use self::progress::Progress;
pub use self::restore::{Restored, restore, restore_policy};
use crate::agent::{Agent, Mode, Transition, Updates};
use crate::checkpoint::{Checkpoints, Files, Scope};
use crate::config::Schedule;
use crate::error::RunError;
use crate::evaluate::{Evaluation, evaluate};
use crate::seed::{Stream, sub_stream};

/// How [`Training::run`] ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrainingEnd {
    /// All steps are done.
    Done,
    /// The run was interrupted, after writing a checkpoint.
    Interrupted,
}

/// A training run.
///
/// [`Training::new`] creates one; [`Training::resume`], [`Training::checkpoints`] and
/// [`Training::interrupt`] configure it; [`Training::run`] trains.
pub struct Training<'a, A: Agent> {
    /// Copies of one task, stepped in turn.
    envs: Vec<&'a mut dyn Env>,
    eval_env: &'a mut dyn Env,
    agent: &'a mut A,
    schedule: &'a Schedule,
    seed: u64,
    progress: Progress<A::Memory>,
    checkpoints: Option<&'a Checkpoints>,
    interrupt: &'a dyn Fn() -> bool,
}

impl<'a, A: Agent> Training<'a, A> {
    /// Creates a run with one environment and without checkpoints. All randomness except the agent's
    /// initial values comes from `seed`.
    pub fn new(
        env: &'a mut dyn Env,
        eval_env: &'a mut dyn Env,
        agent: &'a mut A,
        schedule: &'a Schedule,
        seed: u64,
    ) -> Self {
        Self::with_envs(vec![env], eval_env, agent, schedule, seed)
    }

    /// Does the same with several copies of the task, whose number divides the schedule's numbers of
    /// steps.
    ///
    /// # Panics
    /// If there is no environment.
    pub fn with_envs(
        envs: Vec<&'a mut dyn Env>,
        eval_env: &'a mut dyn Env,
        agent: &'a mut A,
        schedule: &'a Schedule,
        seed: u64,
    ) -> Self {
        assert!(!envs.is_empty(), "at least one environment");
        let (progress, interrupt) = (Progress::with_envs(seed, envs.len()), &|| false);
        Self { envs, eval_env, agent, schedule, seed, progress, checkpoints: None, interrupt }
    }

    /// Resumes from `progress`, after [`restore`] has restored agent and environments.
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

    /// Returns the task's dimensions and bounds.
    pub fn spec(&self) -> &EnvSpec {
        self.eval_env.spec()
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
        let mut scratch = self.begin(sink)?;
        let mut actions = vec![0.0; self.envs.len() * self.envs[0].spec().action_dim()];
        while !self.is_finished() {
            let Self { agent, progress, .. } = self;
            match progress.next {
                Next::Act => {
                    agent.act_all(
                        progress.memory.iter_mut().collect(),
                        &scratch.obs,
                        Mode::Explore,
                        &mut progress.seeds.explore,
                        &mut actions,
                    )?;
                    self.step(&actions, &mut scratch, sink)?;
                }
                Next::Learn => {
                    let updates = agent.update(&mut progress.seeds.learn, self.interrupt);
                    self.log(updates, sink)?;
                }
                Next::Evaluate => self.evaluate_and_save(sink)?,
            }
            if (self.interrupt)() && !self.is_finished() {
                self.save(sink)?;
                return Ok(TrainingEnd::Interrupted);
            }
        }
        self.settle()?;
        Ok(TrainingEnd::Done)
    }

    fn is_finished(&self) -> bool {
        self.progress.is_finished(self.schedule)
    }

    /// Resets the environments of a run at its start.
    fn begin(&mut self, sink: &mut dyn Sink) -> Result<Scratch, RunError> {
        let (num_envs, obs_dim) = (self.envs.len(), self.envs[0].spec().obs_dim);
        if self.progress.obs.is_empty() {
            self.progress.obs = vec![0.0; num_envs * obs_dim];
            for (env, obs) in self.envs.iter_mut().zip(self.progress.obs.chunks_exact_mut(obs_dim))
            {
                env.reset(&mut self.progress.seeds.env, obs)?;
            }
            // Before the first event, so that events without a checkpoint show that one is missing.
            self.save(sink)?;
        }
        let mut scratch = Scratch {
            obs: vec![0.0; num_envs * obs_dim],
            next_obs: vec![0.0; obs_dim],
            next_obs_f32: vec![0.0; obs_dim],
            env_action: vec![0.0; self.envs[0].spec().action_dim()],
        };
        obs_to_f32(&self.progress.obs, &mut scratch.obs);
        Ok(scratch)
    }

    /// Steps every environment with its action, `[N · A]`, and lets the agent observe.
    fn step(
        &mut self,
        actions: &[f32],
        scratch: &mut Scratch,
        sink: &mut dyn Sink,
    ) -> Result<(), RunError> {
        let Self { envs, agent, progress, .. } = self;
        let Scratch { obs, next_obs, next_obs_f32, env_action } = scratch;
        let (obs_dim, action_dim) = (next_obs.len(), env_action.len());
        let rows = obs.chunks_exact_mut(obs_dim).zip(actions.chunks_exact(action_dim));
        for (index, (env, (obs_f32, action))) in envs.iter_mut().zip(rows).enumerate() {
            action_to_f64(action, env_action);
            let step = env.step(env_action, next_obs)?;
            obs_to_f32(next_obs, next_obs_f32);
            agent.observe(
                &progress.memory[index],
                Transition {
                    obs: obs_f32,
                    action,
                    reward: step.reward as f32,
                    next_obs: next_obs_f32,
                    terminated: step.terminated,
                    truncated: step.truncated,
                },
            );
            progress.env_step += 1;
            let episode = &mut progress.episode[index];
            episode.episode_return += step.reward;
            episode.length += 1;
            if step.terminated || step.truncated {
                sink.emit(&progress.finish_episode(index, &step))?;
                env.reset(&mut progress.seeds.env, next_obs)?;
                progress.memory[index] = A::Memory::default();
            }
            let obs = &mut progress.obs[index * obs_dim..(index + 1) * obs_dim];
            obs.copy_from_slice(next_obs);
            obs_to_f32(obs, obs_f32);
        }
        progress.next = Next::Learn;
        Ok(())
    }

    /// Counts the updates taken, and logs the agent's metrics after them, if due.
    fn log(&mut self, updates: Updates, sink: &mut dyn Sink) -> Result<(), RunError> {
        self.progress.grad_step += u64::from(updates.taken);
        if updates.is_complete {
            if self.is_log_step() && self.progress.grad_step > 0 {
                let metrics = self.agent.metrics()?;
                let Progress { env_step, grad_step, .. } = self.progress;
                sink.emit(&Event::Update { env_step, grad_step, metrics })?;
            }
            self.progress.next = Next::Evaluate;
        }
        Ok(())
    }

    fn is_log_step(&self) -> bool {
        self.progress.env_step.is_multiple_of(self.schedule.log_every)
    }

    /// Evaluates and saves, if due.
    fn evaluate_and_save(&mut self, sink: &mut dyn Sink) -> Result<(), RunError> {
        let is_over = !self.is_evaluation_due() || {
            let event = self.evaluate()?;
            // An interrupted evaluation starts again.
            event.as_ref().map(|event| sink.emit(event)).transpose()?.is_some()
        };
        if is_over {
            self.progress.next = Next::Act;
            if self.is_save_due() {
                self.save(sink)?;
            }
        }
        Ok(())
    }

    fn is_evaluation_due(&self) -> bool {
        let Schedule { eval_every, total_steps, .. } = *self.schedule;
        let env_step = self.progress.env_step;
        env_step.is_multiple_of(eval_every) || env_step == total_steps
    }

    fn is_save_due(&self) -> bool {
        let Schedule { checkpoint_every, total_steps, .. } = *self.schedule;
        let env_step = self.progress.env_step;
        (env_step.is_multiple_of(checkpoint_every) && env_step > 0) || env_step == total_steps
    }

    /// Removes what a process that was killed right after its last checkpoint has left.
    fn settle(&self) -> Result<(), RunError> {
        if let Some(checkpoints) = self.checkpoints {
            checkpoints.settle(self.progress.env_step, true)?;
        }
        Ok(())
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
        for (index, env) in self.envs.iter().enumerate() {
            let mut env_state = Vec::new();
            env.save_state(&mut env_state);
            files.insert_json(&env_file(index), &env_state);
        }
        files.insert_json("progress.json", &self.progress);
        Ok(checkpoints.write(self.progress.env_step, scope, &files, is_last)?)
    }
}

/// Memory of a step, for reuse.
struct Scratch {
    /// Current observations, `[N · O]`.
    obs: Vec<f32>,
    /// Observation after a step, `[O]`.
    next_obs: Vec<f64>,
    next_obs_f32: Vec<f32>,
    /// `[A]`
    env_action: Vec<f64>,
}

/// Where a checkpoint keeps the state of an environment.
fn env_file(index: usize) -> String {
    if index == 0 { "env.json".to_owned() } else { format!("env_{index}.json") }
}
