//! Evaluation of a fixed policy over whole episodes.

use pmoe_envs::{Env, Rng, VecEnv, action_to_f64, obs_to_f32};

use crate::agent::{Agent, Mode};
use crate::error::RunError;

/// Results of some evaluation episodes.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    /// Undiscounted return of each episode.
    pub returns: Vec<f64>,
    /// Steps in each episode.
    pub lengths: Vec<u32>,
    /// Whether each episode reached its goal; `None` for a task without a goal.
    pub successes: Option<Vec<bool>>,
}

impl Evaluation {
    /// Computes the mean return over the episodes.
    pub fn mean_return(&self) -> f64 {
        self.returns.iter().sum::<f64>() / self.returns.len() as f64
    }

    /// Computes the standard deviation of the returns over the episodes (n in the denominator).
    pub fn std_return(&self) -> f64 {
        let mean = self.mean_return();
        let squares: f64 = self.returns.iter().map(|value| (value - mean).powi(2)).sum();
        (squares / self.returns.len() as f64).sqrt()
    }
}

/// Plays whole episodes in [`Mode::Evaluate`] without affecting training. Returns `None` if
/// `interrupt` returns true before they are finished.
///
/// Resets and policy share one generator. [`evaluate_many`] with one copy uses separate generators
/// and would therefore give other results for the same seed.
///
/// # Errors
/// Returns an error if the environment fails or an action is not finite.
pub fn evaluate<A: Agent>(
    agent: &A,
    env: &mut dyn Env,
    episodes: u32,
    rng: &mut Rng,
    interrupt: &dyn Fn() -> bool,
) -> Result<Option<Evaluation>, RunError> {
    let spec = env.spec();
    let mut action = vec![0.0_f32; spec.action_dim()];
    let mut env_action = vec![0.0_f64; action.len()];
    let mut obs = vec![0.0_f64; spec.obs_dim];
    let mut seen = vec![0.0_f32; spec.obs_dim];
    let (mut returns, mut lengths, mut successes) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..episodes {
        let mut memory = A::Memory::default();
        let (mut episode_return, mut length) = (0.0, 0);
        env.reset(rng, &mut obs)?;
        let last = loop {
            if interrupt() {
                return Ok(None);
            }
            obs_to_f32(&obs, &mut seen);
            agent.act(&mut memory, &seen, Mode::Evaluate, rng, &mut action)?;
            action_to_f64(&action, &mut env_action);
            let step = env.step(&env_action, &mut obs)?;
            episode_return += step.reward;
            length += 1;
            if step.terminated || step.truncated {
                break step;
            }
        };
        returns.push(episode_return);
        lengths.push(length);
        successes.push(last.success);
    }
    Ok(Some(Evaluation { returns, lengths, successes: successes.into_iter().collect() }))
}

/// Does the same with many environments at once. Copy i plays episodes i, i + N, i + 2N, ..., and
/// its policy draws from `rngs[i]`. The number of threads of `envs` does not affect the results.
///
/// # Errors
/// Returns an error if an environment fails or an action is not finite.
///
/// # Panics
/// If the number of generators differs from the number of copies.
pub fn evaluate_many<A: Agent>(
    agent: &A,
    envs: &mut VecEnv,
    episodes: u32,
    rngs: &mut [Rng],
) -> Result<Evaluation, RunError> {
    let (copies, episodes) = (envs.num_envs(), episodes as usize);
    assert_eq!(rngs.len(), copies, "a generator for each copy");
    let (obs_dim, action_dim) = (envs.spec().obs_dim, envs.spec().action_dim());
    let mut seen = vec![0.0_f32; obs_dim];
    let mut action = vec![0.0_f32; action_dim];
    let mut env_actions = vec![0.0_f64; copies * action_dim];
    let mut memories: Vec<A::Memory> = (0..copies).map(|_| A::Memory::default()).collect();
    // Episode, return so far and length so far of each copy.
    let mut playing: Vec<(usize, f64, u32)> = (0..copies).map(|copy| (copy, 0.0, 0)).collect();
    let mut played: Vec<Option<(f64, u32, Option<bool>)>> = vec![None; episodes];
    envs.reset()?;
    while playing.iter().any(|(episode, ..)| *episode < episodes) {
        for (copy, rng) in rngs.iter_mut().enumerate() {
            // A copy with no episode left idles.
            if playing[copy].0 < episodes {
                obs_to_f32(&envs.obs()[copy * obs_dim..(copy + 1) * obs_dim], &mut seen);
                agent.act(&mut memories[copy], &seen, Mode::Evaluate, rng, &mut action)?;
                action_to_f64(
                    &action,
                    &mut env_actions[copy * action_dim..(copy + 1) * action_dim],
                );
            }
        }
        envs.step(&env_actions)?;
        for (copy, step) in envs.steps().iter().enumerate() {
            let (episode, episode_return, length) = &mut playing[copy];
            *episode_return += step.reward;
            *length += 1;
            if step.terminated || step.truncated {
                if let Some(played) = played.get_mut(*episode) {
                    *played = Some((*episode_return, *length, step.success));
                }
                playing[copy] = (*episode + copies, 0.0, 0);
                memories[copy] = A::Memory::default();
            }
        }
        envs.reset_ended()?;
    }
    let played = || played.iter().flatten();
    Ok(Evaluation {
        returns: played().map(|(episode_return, ..)| *episode_return).collect(),
        lengths: played().map(|(_, length, _)| *length).collect(),
        successes: played().map(|(.., success)| *success).collect(),
    })
}
