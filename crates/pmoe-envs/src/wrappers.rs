//! Wrappers for any task.

use rand::SeedableRng;
use rand_distr::{Distribution, StandardNormal};

use crate::env::{Env, EnvError, EnvSpec, Rng, Step, check_action, check_length};

/// Truncates episodes after a fixed number of steps.
///
/// This sets `truncated`; `terminated` is still the task's, so a step can set both.
#[derive(Debug, Clone)]
pub struct TimeLimit<E> {
    env: E,
    max_steps: u32,
    steps: u32,
}

impl<E: Env> TimeLimit<E> {
    /// Limits the episodes of `env` to `max_steps` steps.
    pub fn new(env: E, max_steps: u32) -> Self {
        Self { env, max_steps, steps: 0 }
    }

    /// Returns the wrapped task.
    pub fn inner(&self) -> &E {
        &self.env
    }
}

impl<E: Env> Env for TimeLimit<E> {
    fn spec(&self) -> &EnvSpec {
        self.env.spec()
    }

    fn reset(&mut self, rng: &mut Rng, obs: &mut [f64]) -> Result<(), EnvError> {
        self.steps = 0;
        self.env.reset(rng, obs)
    }

    fn step(&mut self, action: &[f64], obs: &mut [f64]) -> Result<Step, EnvError> {
        let step = self.env.step(action, obs)?;
        self.steps = self.steps.saturating_add(1);
        Ok(Step { truncated: step.truncated || self.max_steps <= self.steps, ..step })
    }

    fn save_state(&self, state: &mut Vec<f64>) {
        self.env.save_state(state);
        state.push(f64::from(self.steps));
    }

    fn load_state(&mut self, state: &[f64]) -> Result<(), EnvError> {
        let invalid = |reason| EnvError::InvalidState { task: self.env.spec().id.clone(), reason };
        let (&steps, inner) =
            state.split_last().ok_or_else(|| invalid("it is empty".to_owned()))?;
        if steps.fract() != 0.0 || !(0.0..=f64::from(u32::MAX)).contains(&steps) {
            return Err(invalid(format!("its step counter is {steps}")));
        }
        self.env.load_state(inner)?;
        self.steps = steps as u32; // exact: checked above
        Ok(())
    }
}

/// Maps actions in [-1, 1] to the task's range.
///
/// ```text
/// env_action = (high + low) / 2 + (high − low) / 2 · action
/// ```
///
/// Nothing is clipped: an action outside [-1, 1] exceeds the task's range in proportion. For a
/// range of [-1, 1] the map is the identity, bit for bit except for the sign of zero.
#[derive(Debug, Clone)]
pub struct RescaleAction<E> {
    env: E,
    spec: EnvSpec,
    center: Vec<f64>,
    half_width: Vec<f64>,
    env_action: Vec<f64>,
}

impl<E: Env> RescaleAction<E> {
    /// Wraps `env`; the bounds of the new spec are -1 and 1.
    ///
    /// # Panics
    /// If a bound of `env` is not finite.
    pub fn new(env: E) -> Self {
        let spec = env.spec();
        let bounds = || spec.action_low.iter().zip(&spec.action_high);
        assert!(
            bounds().all(|(low, high)| low.is_finite() && high.is_finite()),
            "the action bounds of {} are finite",
            spec.id
        );
        let center = bounds().map(|(low, high)| (high + low) / 2.0).collect();
        let half_width = bounds().map(|(low, high)| (high - low) / 2.0).collect();
        let num_actions = spec.action_dim();
        let spec = EnvSpec {
            action_low: vec![-1.0; num_actions],
            action_high: vec![1.0; num_actions],
            ..spec.clone()
        };
        Self { env, spec, center, half_width, env_action: vec![0.0; num_actions] }
    }

    /// Returns the wrapped task.
    pub fn inner(&self) -> &E {
        &self.env
    }
}

impl<E: Env> Env for RescaleAction<E> {
    fn spec(&self) -> &EnvSpec {
        &self.spec
    }

    fn reset(&mut self, rng: &mut Rng, obs: &mut [f64]) -> Result<(), EnvError> {
        self.env.reset(rng, obs)
    }

    fn step(&mut self, action: &[f64], obs: &mut [f64]) -> Result<Step, EnvError> {
        check_length(&self.spec.id, "action", action.len(), self.env_action.len())?;
        let map = self.center.iter().zip(&self.half_width);
        for ((env_action, action), (center, half_width)) in
            self.env_action.iter_mut().zip(action).zip(map)
        {
            *env_action = center + half_width * action;
        }
        self.env.step(&self.env_action, obs)
    }

    fn save_state(&self, state: &mut Vec<f64>) {
        self.env.save_state(state);
    }

    fn load_state(&mut self, state: &[f64]) -> Result<(), EnvError> {
        self.env.load_state(state)
    }
}

/// Clips every action to the task's range.
///
/// Tasks treat actions outside their range differently. MuJoCo's motors saturate, but the control
/// cost is computed from the action before clamping; with this wrapper it is computed from the
/// clipped action.
#[derive(Debug, Clone)]
pub struct ClipAction<E> {
    env: E,
    env_action: Vec<f64>,
}

impl<E: Env> ClipAction<E> {
    /// Wraps `env` and keeps its bounds.
    pub fn new(env: E) -> Self {
        let env_action = vec![0.0; env.spec().action_dim()];
        Self { env, env_action }
    }

    /// Returns the wrapped task.
    pub fn inner(&self) -> &E {
        &self.env
    }
}

impl<E: Env> Env for ClipAction<E> {
    fn spec(&self) -> &EnvSpec {
        self.env.spec()
    }

    fn reset(&mut self, rng: &mut Rng, obs: &mut [f64]) -> Result<(), EnvError> {
        self.env.reset(rng, obs)
    }

    fn step(&mut self, action: &[f64], obs: &mut [f64]) -> Result<Step, EnvError> {
        // NaN and infinities are rejected, not clipped.
        check_action(self.env.spec(), action)?;
        let EnvSpec { action_low, action_high, .. } = self.env.spec();
        let bounds = action_low.iter().zip(action_high);
        for ((env_action, action), (low, high)) in
            self.env_action.iter_mut().zip(action).zip(bounds)
        {
            *env_action = action.max(*low).min(*high);
        }
        self.env.step(&self.env_action, obs)
    }

    fn save_state(&self, state: &mut Vec<f64>) {
        self.env.save_state(state);
    }

    fn load_state(&mut self, state: &[f64]) -> Result<(), EnvError> {
        self.env.load_state(state)
    }
}

/// Adds Gaussian noise to observations. The noise does not affect the task itself.
///
/// Each reset draws a generator for the episode's noise from the caller's generator. Equal seeds
/// thus give equal noise, whatever the actions.
#[derive(Debug, Clone)]
pub struct ObsNoise<E> {
    env: E,
    std: f64,
    rng: Rng,
}

impl<E: Env> ObsNoise<E> {
    /// Wraps `env`. `std` is the standard deviation, in the units of each observed value.
    ///
    /// # Panics
    /// If `std` is negative or not finite.
    pub fn new(env: E, std: f64) -> Self {
        assert!(0.0 <= std && std.is_finite(), "a standard deviation of {std}");
        Self { env, std, rng: Rng::from_seed([0; 32]) }
    }

    /// Returns the wrapped task.
    pub fn inner(&self) -> &E {
        &self.env
    }

    fn add_noise(&mut self, obs: &mut [f64]) {
        for x in obs {
            let normal: f64 = StandardNormal.sample(&mut self.rng);
            *x += self.std * normal;
        }
    }
}

/// Length of a saved generator: its seed and position in 32-bit words, which `f64` holds exactly.
const RNG_WORDS: usize = 8 + 4;

impl<E: Env> Env for ObsNoise<E> {
    fn spec(&self) -> &EnvSpec {
        self.env.spec()
    }

    fn reset(&mut self, rng: &mut Rng, obs: &mut [f64]) -> Result<(), EnvError> {
        self.rng = Rng::from_rng(rng);
        self.env.reset(rng, obs)?;
        self.add_noise(obs);
        Ok(())
    }

    fn step(&mut self, action: &[f64], obs: &mut [f64]) -> Result<Step, EnvError> {
        let step = self.env.step(action, obs)?;
        self.add_noise(obs);
        Ok(step)
    }

    fn save_state(&self, state: &mut Vec<f64>) {
        self.env.save_state(state);
        let (seed, position) = (self.rng.get_seed(), self.rng.get_word_pos().to_le_bytes());
        let words = seed.as_chunks::<4>().0.iter().chain(position.as_chunks::<4>().0);
        state.extend(words.map(|word| f64::from(u32::from_le_bytes(*word))));
    }

    fn load_state(&mut self, state: &[f64]) -> Result<(), EnvError> {
        let invalid = |reason| EnvError::InvalidState { task: self.env.spec().id.clone(), reason };
        let (inner, words) = state
            .split_last_chunk::<RNG_WORDS>()
            .ok_or_else(|| invalid("it has no random-number generator".to_owned()))?;
        let mut bytes = [0; 4 * RNG_WORDS];
        for (bytes, word) in bytes.chunks_exact_mut(4).zip(words) {
            if word.fract() != 0.0 || !(0.0..=f64::from(u32::MAX)).contains(word) {
                return Err(invalid(format!("a word of its random-number generator is {word}")));
            }
            bytes.copy_from_slice(&(*word as u32).to_le_bytes()); // exact: checked above
        }
        self.env.load_state(inner)?;
        let (seed, position) = bytes.split_first_chunk::<32>().expect("12 words are 48 bytes");
        self.rng = Rng::from_seed(*seed);
        self.rng.set_word_pos(u128::from_le_bytes(position.try_into().expect("16 bytes")));
        Ok(())
    }
}

#[cfg(test)]
mod tests;
