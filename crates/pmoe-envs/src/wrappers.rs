//! Wrappers that fit any task.

use crate::env::{Env, EnvError, EnvSpec, Rng, Step, check_length};

/// Cuts an episode after a fixed number of steps.
///
/// The cut is reported as `truncated`; `terminated` stays what the task says, so a step can be both.
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

/// Lets a task be driven with actions in [-1, 1].
///
/// ```text
/// env_action = (high + low) / 2 + (high − low) / 2 · action
/// ```
///
/// Nothing is clipped: an action outside [-1, 1] leaves the task's range in proportion. For a range
/// of [-1, 1] the map is the identity, bit for bit but for the sign of zero.
#[derive(Debug, Clone)]
pub struct RescaleAction<E> {
    env: E,
    spec: EnvSpec,
    center: Vec<f64>,
    half_width: Vec<f64>,
    env_action: Vec<f64>,
}

impl<E: Env> RescaleAction<E> {
    /// Wraps `env`; the new spec's bounds are -1 and 1.
    ///
    /// # Panics
    /// When a bound of `env` is not finite: there is no range to map to.
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

#[cfg(test)]
mod tests;
