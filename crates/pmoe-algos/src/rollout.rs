//! Rollouts: consecutive steps of one policy, and the advantages of its actions.

use pmoe_envs::Rng;
use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};

use crate::agent::Transition;

/// The latest steps of the policy being improved, in host memory and in order.
///
/// With several environments, rows of the same time are adjacent: row r is of environment r mod N.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RolloutBuffer {
    /// Number T of steps of a full rollout, of all environments together.
    num_steps: usize,
    /// Number N of environments, which divides T.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    num_envs: usize,
    /// Observations as the policy saw them, `[T · O]`.
    obs: Vec<f32>,
    /// Actions as sampled from the policy, before clipping, `[T · A]`.
    action: Vec<f32>,
    /// `[T]`
    reward: Vec<f32>,
    /// Whether and how each step ended its episode, `[T]`.
    end: Vec<End>,
    /// Successors that are not rows, in order, `[C · O]`: after steps cut by a time limit, and after
    /// each environment's last step.
    cut_obs: Vec<f32>,
}

/// The number of environments if none is given.
pub(crate) fn one() -> usize {
    1
}

/// Whether a number of environments need not be written.
pub(crate) fn is_one(num_envs: &usize) -> bool {
    *num_envs == 1
}

/// Whether and how a step ended its episode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum End {
    No,
    /// The MDP ended: the step has no successor.
    Terminated,
    /// A time limit ended the episode, but not the MDP.
    Truncated,
}

impl RolloutBuffer {
    /// Creates an empty rollout of `num_steps` steps, those of `num_envs` environments in turn.
    ///
    /// # Panics
    /// If `num_envs` does not divide `num_steps`.
    pub fn new(num_steps: usize, num_envs: usize) -> Self {
        assert!(num_steps.is_multiple_of(num_envs), "equally many steps of each environment");
        let (obs, action, reward, end) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { num_steps, num_envs, obs, action, reward, end, cut_obs: Vec::new() }
    }

    /// Number of minibatches in a rollout shortened for measurements.
    pub(crate) const FEW_MINIBATCHES: usize = 4;

    /// Returns the size of a full rollout in bytes.
    pub fn bytes(num_steps: usize, obs_dim: usize, action_dim: usize) -> usize {
        let numbers = obs_dim.saturating_add(action_dim).saturating_add(1);
        let bytes = numbers.saturating_mul(size_of::<f32>()).saturating_add(size_of::<End>());
        num_steps.saturating_mul(bytes)
    }

    /// Adds a step, with `obs` and `next_obs` as the policy sees them.
    ///
    /// # Panics
    /// If the rollout is full.
    pub fn push(&mut self, step: Transition<'_>) {
        assert!(!self.is_full(), "a full rollout is learnt from and cleared");
        self.obs.extend_from_slice(step.obs);
        self.action.extend_from_slice(step.action);
        self.reward.push(step.reward);
        self.end.push(match (step.terminated, step.truncated) {
            (true, _) => End::Terminated,
            (false, true) => End::Truncated,
            (false, false) => End::No,
        });
        if self.is_cut(self.len() - 1) {
            self.cut_obs.extend_from_slice(step.next_obs);
        }
    }

    /// Cuts each environment's running episode after its latest step, as by a time limit. `next_obs`, `[N · O]`, are the
    /// successors as the policy sees them.
    pub fn cut(&mut self, next_obs: &[f32]) {
        let obs_dim = next_obs.len() / self.num_envs;
        let latest = self.len().saturating_sub(self.num_envs)..self.len();
        let earlier = self.cut_steps().take_while(|step| *step < latest.start).count();
        // The latest steps' successors are rewritten in order, as some of them may be there already.
        let known = self.cut_obs.split_off(earlier * obs_dim);
        let mut known = known.chunks_exact(obs_dim);
        for (step, next_obs) in latest.zip(next_obs.chunks_exact(obs_dim)) {
            let is_known = self.is_cut(step);
            if self.end[step] == End::No {
                self.end[step] = End::Truncated;
            }
            if self.is_cut(step) {
                let known = is_known.then(|| known.next()).flatten();
                self.cut_obs.extend_from_slice(known.unwrap_or(next_obs));
            }
        }
    }

    /// Whether the next step, ending with these flags, will need the value of its successor.
    pub fn needs_next_obs(&self, terminated: bool, truncated: bool) -> bool {
        !terminated && (truncated || self.is_last(self.len()))
    }

    /// Whether a step is its environment's last one in a full rollout.
    fn is_last(&self, step: usize) -> bool {
        step + self.num_envs >= self.num_steps
    }

    /// Whether the successor of a step exists but is not a row.
    fn is_cut(&self, step: usize) -> bool {
        match self.end[step] {
            End::Terminated => false,
            End::Truncated => true,
            End::No => self.is_last(step),
        }
    }

    /// Returns the number of steps so far.
    pub fn len(&self) -> usize {
        self.reward.len()
    }

    /// Whether there are no steps yet.
    pub fn is_empty(&self) -> bool {
        self.reward.is_empty()
    }

    /// Whether all T steps are present.
    pub fn is_full(&self) -> bool {
        self.len() == self.num_steps
    }

    /// Removes all steps.
    pub fn clear(&mut self) {
        self.obs.clear();
        self.action.clear();
        self.reward.clear();
        self.end.clear();
        self.cut_obs.clear();
    }

    /// Whether this is a valid part of the rollout of which `fresh` is the beginning, with these
    /// dimensions.
    pub fn fit(&self, fresh: &Self, obs_dim: usize, action_dim: usize) -> bool {
        let len = self.len();
        (self.num_steps, self.num_envs) == (fresh.num_steps, fresh.num_envs)
            && len <= self.num_steps
            && len.is_multiple_of(self.num_envs)
            && self.end.len() == len
            && self.obs.len() == len * obs_dim
            && self.action.len() == len * action_dim
            && self.cut_obs.len() == self.cut_steps().count() * obs_dim
    }

    /// Returns observations as the policy saw them, `[T · O]`.
    pub fn obs(&self) -> &[f32] {
        &self.obs
    }

    /// Returns actions as sampled from the policy, `[T · A]`.
    pub fn action(&self) -> &[f32] {
        &self.action
    }

    /// Returns rewards, `[T]`.
    pub fn reward(&self) -> &[f32] {
        &self.reward
    }

    /// Returns the number N of environments.
    pub fn num_envs(&self) -> usize {
        self.num_envs
    }

    /// Returns the observations whose values [`RolloutBuffer::next_value`] needs, `[C · O]`.
    pub fn cut_obs(&self) -> &[f32] {
        &self.cut_obs
    }

    /// Returns the steps whose successors are [`RolloutBuffer::cut_obs`], `[C]`.
    pub fn cut_steps(&self) -> impl Iterator<Item = usize> {
        (0..self.end.len()).filter(|step| self.is_cut(*step))
    }

    /// Returns whether each step ended its episode, in either way, `[T]`.
    pub fn ended(&self) -> Vec<bool> {
        self.end.iter().map(|end| *end != End::No).collect()
    }

    /// Computes the value of the state after each step, `[T]`; it is 0 where the MDP ended. After a
    /// time limit, it is the value of the last state, or 0 without `bootstrap_truncation`.
    ///
    /// # Shapes
    /// - `value`: `[T]`, of [`RolloutBuffer::obs`]; `cut_value`: `[C]`, of
    ///   [`RolloutBuffer::cut_obs`]
    pub fn next_value(
        &self,
        value: &[f32],
        cut_value: &[f32],
        bootstrap_truncation: bool,
    ) -> Vec<f32> {
        // If a step does not end its episode, its environment's next row is its successor, except
        // for the last one.
        let mut next = value[self.num_envs..].to_vec();
        next.resize(value.len(), 0.0);
        for (next, end) in next.iter_mut().zip(&self.end) {
            if *end != End::No {
                *next = 0.0;
            }
        }
        for (step, value) in self.cut_steps().zip(cut_value) {
            if bootstrap_truncation || self.end[step] != End::Truncated {
                next[step] = *value;
            }
        }
        next
    }
}

/// Computes generalised advantage estimates, `[T]`, of steps of `num_envs` environments in turn.
///
/// ```text
/// δ_t = r_t + γ V(s_{t+1}) − V(s_t)
/// A_t = δ_t + γ λ (1 − ended_t) A_{t+1}
/// ```
///
/// # Shapes
/// - `reward`, `value`: `[T]`; `next_value`: `[T]`, V(s_{t+1}), 0 where the MDP ended
/// - `ended`: `[T]`, whether the step ended the episode, by termination or by a time limit
///
/// # Source
/// Schulman et al., arXiv:1506.02438, eq. 16.
pub fn gae(
    reward: &[f32],
    value: &[f32],
    next_value: &[f32],
    ended: &[bool],
    num_envs: usize,
    gamma: f64,
    gae_lambda: f64,
) -> Vec<f32> {
    let mut advantages = vec![0.0; reward.len()];
    // The latest one of each environment.
    let mut latest = vec![0.0; num_envs];
    for step in (0..reward.len()).rev() {
        let [reward, value, next_value] = [reward, value, next_value].map(|x| f64::from(x[step]));
        let delta = reward + gamma * next_value - value;
        let advantage = &mut latest[step % num_envs];
        let following = if ended[step] { 0.0 } else { *advantage };
        *advantage = delta + gamma * gae_lambda * following;
        advantages[step] = *advantage as f32;
    }
    advantages
}

/// Computes discounted sums of rewards to the end of the episode, `[T]`, with the value of the
/// state where the episode was cut.
///
/// ```text
/// R_t = r_t + γ R_{t+1},   or r_t + γ V(s_{t+1}) where the episode or the rollout ends
/// ```
///
/// # Shapes
/// - as for [`gae`]
pub fn discounted_returns(
    reward: &[f32],
    next_value: &[f32],
    ended: &[bool],
    gamma: f64,
) -> Vec<f32> {
    let mut returns = vec![0.0; reward.len()];
    let mut following = next_value.last().copied().map_or(0.0, f64::from);
    for step in (0..reward.len()).rev() {
        if ended[step] {
            following = f64::from(next_value[step]);
        }
        following = f64::from(reward[step]) + gamma * following;
        returns[step] = following as f32;
    }
    returns
}

/// Standardises numbers to mean 0 and standard deviation 1 (n − 1 in the denominator, as in
/// PyTorch).
///
/// A single number becomes 0.
pub fn standardise(values: &mut [f32]) {
    let count = values.len() as f64;
    let mean = values.iter().map(|x| f64::from(*x)).sum::<f64>() / count;
    let squares: f64 = values.iter().map(|x| (f64::from(*x) - mean).powi(2)).sum();
    let scale = (squares / (count - 1.0).max(1.0)).sqrt() + 1e-8;
    values.iter_mut().for_each(|x| *x = ((f64::from(*x) - mean) / scale) as f32);
}

/// Computes the fraction of the variance of `returns` that the values explain: 1 − Var(R − V) /
/// Var(R), or 0 if all returns are equal.
pub fn explained_variance(value: &[f32], returns: &[f32]) -> f64 {
    let variance = |values: &mut dyn Iterator<Item = f64>| {
        let values: Vec<f64> = values.collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        values.iter().map(|x| (x - mean).powi(2)).sum::<f64>()
    };
    let total = variance(&mut returns.iter().map(|r| f64::from(*r)));
    let pairs = returns.iter().zip(value);
    let rest = variance(&mut pairs.map(|(r, v)| f64::from(*r) - f64::from(*v)));
    if total > 0.0 { 1.0 - rest / total } else { 0.0 }
}

/// Several passes over the rows of a rollout, each in a different order and in minibatches. They
/// can be interrupted after any minibatch, saved and resumed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Passes {
    finished: u32,
    /// Order of the current pass; empty between passes.
    order: Vec<usize>,
    /// Number of rows of the current pass that were returned.
    taken: usize,
}

impl Passes {
    /// Whether at least this many passes are finished.
    pub fn are_done(&self, passes: u32) -> bool {
        self.finished >= passes
    }

    /// Returns the next minibatch of `num_rows` rows: `minibatch_size` of them, or the remainder of
    /// the pass.
    ///
    /// # Panics
    /// If one of the numbers is 0.
    pub fn next(&mut self, num_rows: usize, minibatch_size: usize, rng: &mut Rng) -> Vec<usize> {
        assert!(num_rows > 0 && minibatch_size > 0, "there is something to hand out");
        if self.order.is_empty() {
            self.order = shuffled(num_rows, rng);
        }
        let end = num_rows.min(self.taken + minibatch_size);
        let rows = self.order[self.taken..end].to_vec();
        self.taken = end;
        if end == num_rows {
            *self = Self { finished: self.finished + 1, ..Self::default() };
        }
        rows
    }

    /// Whether at most this many passes are finished.
    pub(crate) fn are_at_most(&self, passes: u32) -> bool {
        self.finished <= passes
    }

    /// Whether these passes can resume on `num_rows` rows.
    pub fn fit(&self, num_rows: usize) -> bool {
        let mut seen = vec![false; num_rows];
        let is_new =
            |row: &usize| seen.get_mut(*row).is_some_and(|seen| !std::mem::replace(seen, true));
        self.order.is_empty() && self.taken == 0
            || self.order.len() == num_rows
                && self.taken < num_rows
                && self.order.iter().all(is_new)
    }
}

/// Returns the numbers below `len` in random order.
pub fn shuffled(len: usize, rng: &mut Rng) -> Vec<usize> {
    let mut order: Vec<usize> = (0..len).collect();
    order.shuffle(rng);
    order
}

/// Gathers rows of a row-major block, `[rows.len() · dim]`.
pub fn gather<T: Copy>(block: &[T], dim: usize, rows: &[usize]) -> Vec<T> {
    let mut gathered = Vec::with_capacity(rows.len() * dim);
    for row in rows {
        gathered.extend_from_slice(&block[row * dim..(row + 1) * dim]);
    }
    gathered
}

#[cfg(test)]
mod tests;
