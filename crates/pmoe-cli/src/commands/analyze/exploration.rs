//! Positions during the first steps of training on target-reaching, Fig. 5.
//!
//! A run does not store positions. As training is deterministic, its beginning is trained again, by
//! the same loop, in a task that records the agent's position. The events must equal the run's.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Result, bail};
use pmoe_algos::{RunConfig, Training};
use pmoe_envs::{Env, EnvError, EnvSpec, Rng, Step};
use pmoe_results::analysis::{Exploration, ExplorationEpisode, ExplorationSettings};
use pmoe_results::run::MemorySink;
use pmoe_results::{AnalysisKind, Event, Run};

use super::{ReachingEnv, arena, millimetres, outcome, reaching};
use crate::exit::BadInput;
use crate::machine;
use crate::progress::Work;

pub(super) fn look(
    run: &Run,
    config: &RunConfig,
    settings: ExplorationSettings,
    work: &mut Work,
) -> Result<Exploration> {
    if config.from.is_some() {
        let message = format!(
            "cannot repeat the training of {}: it started from another run's policy",
            run.path.display()
        );
        return Err(BadInput(message).into());
    }
    if config.algo.num_envs() > 1 {
        let message = format!(
            "cannot repeat the training of {}: it steps {} environments, and this analysis looks at one",
            run.path.display(),
            config.algo.num_envs()
        );
        return Err(BadInput(message).into());
    }
    let device = config.device.open()?;
    let mut eval_env = reaching(config, AnalysisKind::Exploration)?;
    let arena = arena(eval_env.inner().inner());
    let total_steps = config.schedule.total_steps;
    let steps = settings.steps.min(total_steps);
    work.part("repeating the beginning of the training", steps, "steps");
    let mut env = Recording {
        env: reaching(config, AnalysisKind::Exploration)?,
        steps_left: settings.steps,
        enough: Arc::new(AtomicBool::new(false)),
        episodes: Vec::new(),
        work,
    };
    machine::check_memory(config, steps, env.spec())?;
    let mut agent = config.algo.agent(env.spec(), total_steps, config.seed, &device);
    let mut sink = MemorySink::default();
    let enough = env.enough.clone();
    let is_enough = || enough.load(Ordering::Relaxed);
    let mut training =
        Training::new(&mut env, &mut eval_env, &mut agent, &config.schedule, config.seed)
            .interrupt(&is_enough);
    training.run(&mut sink)?;
    let env_step = training.progress().env_step;
    check(run, &sink.events, env_step)?;
    Ok(Exploration { settings, arena, episodes: env.finish() })
}

/// Returns an error if the repeated training reported other events than the run did.
fn check(run: &Run, events: &[Event], env_step: u64) -> Result<()> {
    let of_run: Vec<_> =
        run.events.iter().take_while(|event| event.env_step() <= env_step).collect();
    // The repetition stopped before learning from its last step, so the run may have more events at
    // that step.
    let rest = of_run.get(events.len()..);
    let is_same = rest.is_some_and(|rest| rest.iter().all(|event| event.env_step() == env_step));
    if is_same && of_run.iter().zip(events).all(|(a, b)| *a == b) {
        return Ok(());
    }
    let differs = of_run.iter().zip(events).find(|(a, b)| *a != b);
    let at = differs.map_or(env_step, |(event, _)| event.env_step());
    bail!(
        "repeating the training of {} gives other events at step {at}: this build or machine computes different bits than the one that trained it",
        run.path.display()
    )
}

/// Records the agent's positions until enough steps are taken.
struct Recording<'a> {
    env: ReachingEnv,
    steps_left: u64,
    /// Set at the last step; ends the training loop.
    enough: Arc<AtomicBool>,
    episodes: Vec<ExplorationEpisode>,
    work: &'a mut Work,
}

impl Recording<'_> {
    fn position(&self) -> [f64; 2] {
        millimetres(self.env.inner().inner().position())
    }

    /// Returns the episodes with at least one step; the loop may reset before it stops.
    fn finish(mut self) -> Vec<ExplorationEpisode> {
        self.episodes.retain(|episode| 1 < episode.positions.len());
        self.episodes
    }
}

impl Env for Recording<'_> {
    fn spec(&self) -> &EnvSpec {
        self.env.spec()
    }

    fn reset(&mut self, rng: &mut Rng, obs: &mut [f64]) -> Result<(), EnvError> {
        self.env.reset(rng, obs)?;
        let positions = vec![self.position()];
        self.episodes.push(ExplorationEpisode { positions, outcome: None });
        Ok(())
    }

    fn step(&mut self, action: &[f64], obs: &mut [f64]) -> Result<Step, EnvError> {
        let step = self.env.step(action, obs)?;
        let ended = step.terminated || step.truncated;
        let outcome = ended.then(|| outcome(self.env.inner().inner(), &step));
        let position = self.position();
        if let Some(episode) = self.episodes.last_mut() {
            episode.positions.push(position);
            episode.outcome = outcome;
        }
        self.work.advance();
        self.steps_left = self.steps_left.saturating_sub(1);
        if self.steps_left == 0 {
            self.enough.store(true, Ordering::Relaxed);
        }
        Ok(step)
    }

    fn save_state(&self, state: &mut Vec<f64>) {
        self.env.save_state(state);
    }

    fn load_state(&mut self, state: &[f64]) -> Result<(), EnvError> {
        self.env.load_state(state)
    }
}
