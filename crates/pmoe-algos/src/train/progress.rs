//! The state of a run between two steps.

use pmoe_envs::Step;
use pmoe_results::Event;
use pmoe_results::run::Position;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::config::Schedule;
use crate::one_or_many;
use crate::seed::Seeds;

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
    pub(super) next: Next,
    /// Of each environment.
    #[serde(with = "one_or_many")]
    pub(super) episode: Vec<Episode>,
    pub(super) seeds: Seeds,
    /// Current observations, `[N · O]`; empty before the first reset.
    pub(super) obs: Vec<f64>,
    /// The policy's memory within each running episode.
    #[serde(with = "one_or_many", bound = "M: Serialize + DeserializeOwned")]
    pub(super) memory: Vec<M>,
}

/// The next stage of a run. Interrupts are checked between stages and inside updates and
/// evaluations. After a restart, an interrupted update resumes and an interrupted evaluation starts
/// again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Next {
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
pub(super) struct Episode {
    /// Number of episodes that this environment finished before this one.
    finished: u64,
    pub(super) episode_return: f64,
    pub(super) length: u32,
}

impl<M: Default> Progress<M> {
    /// Creates the initial state of a run with one environment.
    pub fn new(seed: u64) -> Self {
        Self::with_envs(seed, 1)
    }

    /// Creates the initial state of a run with `num_envs` environments.
    pub fn with_envs(seed: u64, num_envs: usize) -> Self {
        Self {
            env_step: 0,
            grad_step: 0,
            events: Position::start(),
            next: Next::Evaluate,
            episode: vec![Episode::default(); num_envs],
            seeds: Seeds::new(seed),
            obs: Vec::new(),
            memory: (0..num_envs).map(|_| M::default()).collect(),
        }
    }
}

impl<M> Progress<M> {
    /// Whether all steps of the schedule are done, including what follows the last one.
    pub fn is_finished(&self, schedule: &Schedule) -> bool {
        self.env_step >= schedule.total_steps && self.next == Next::Act
    }

    /// Forgets the running episodes, unfinished, which new ones replace.
    pub(super) fn forget_episodes(&mut self)
    where
        M: Default,
    {
        for episode in &mut self.episode {
            *episode = Episode { finished: episode.finished, ..Episode::default() };
        }
        self.memory.fill_with(M::default);
    }

    /// Finishes an environment's running episode, whether it terminated or was truncated.
    pub(super) fn finish_episode(&mut self, env: usize, last: &Step) -> Event {
        let ended = std::mem::take(&mut self.episode[env]);
        self.episode[env].finished = ended.finished + 1;
        Event::Episode {
            env_step: self.env_step,
            episode: self.episode.iter().map(|episode| episode.finished).sum(),
            episode_return: ended.episode_return,
            episode_length: ended.length,
            truncated: last.truncated,
            success: last.success,
        }
    }
}
