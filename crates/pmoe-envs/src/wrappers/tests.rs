use proptest::prelude::*;
use rand::SeedableRng;

use super::*;
use crate::env::Rng; // proptest's prelude also exports an `Rng`

/// Ends only at step `terminates_at`. The reward is the first action, the observation the step
/// count.
#[derive(Debug, Clone)]
struct Endless {
    spec: EnvSpec,
    steps: f64,
    terminates_at: f64,
    last_action: Vec<f64>,
}

impl Endless {
    fn new(bounds: &[(f64, f64)]) -> Self {
        let spec = EnvSpec {
            id: "Endless".to_owned(),
            obs_dim: 1,
            action_low: bounds.iter().map(|bound| bound.0).collect(),
            action_high: bounds.iter().map(|bound| bound.1).collect(),
            dt_seconds: 1.0,
            resumable: true,
        };
        Self { spec, steps: 0.0, terminates_at: f64::INFINITY, last_action: Vec::new() }
    }
}

impl Env for Endless {
    fn spec(&self) -> &EnvSpec {
        &self.spec
    }

    fn reset(&mut self, _rng: &mut Rng, obs: &mut [f64]) -> Result<(), EnvError> {
        self.steps = 0.0;
        obs[0] = 0.0;
        Ok(())
    }

    fn step(&mut self, action: &[f64], obs: &mut [f64]) -> Result<Step, EnvError> {
        self.steps += 1.0;
        self.last_action = action.to_vec();
        obs[0] = self.steps;
        let terminated = self.terminates_at <= self.steps;
        Ok(Step { reward: action[0], terminated, truncated: false, success: None })
    }

    fn save_state(&self, state: &mut Vec<f64>) {
        state.push(self.steps);
    }

    fn load_state(&mut self, state: &[f64]) -> Result<(), EnvError> {
        check_length("Endless", "state", state.len(), 1)?;
        self.steps = state[0];
        Ok(())
    }
}

fn rng() -> Rng {
    Rng::seed_from_u64(0)
}

/// Returns the step at which the wrapper truncates, looking at `limit` steps at most.
fn steps_to_truncation(env: &mut dyn Env, limit: u32) -> Option<u32> {
    (1..=limit).find(|_| env.step(&[0.0], &mut [0.0]).unwrap().truncated)
}

#[test]
fn time_limit_cuts_at_exactly_its_length_in_every_episode() {
    let mut env = TimeLimit::new(Endless::new(&[(-1.0, 1.0)]), 1000);
    for _ in 0..2 {
        env.reset(&mut rng(), &mut [0.0]).unwrap();
        assert_eq!(steps_to_truncation(&mut env, 2000), Some(1000));
    }
}

#[test]
fn time_limit_keeps_terminated_and_does_not_invent_it() {
    let mut inner = Endless::new(&[(-1.0, 1.0)]);
    inner.terminates_at = 3.0;
    let mut env = TimeLimit::new(inner, 3);
    env.reset(&mut rng(), &mut [0.0]).unwrap();
    let flags: Vec<_> = (0..3)
        .map(|_| env.step(&[0.0], &mut [0.0]).unwrap())
        .map(|step| (step.terminated, step.truncated))
        .collect();
    assert_eq!(flags, [(false, false), (false, false), (true, true)]);
}

#[test]
fn time_limit_saves_its_counter() {
    let mut env: Box<dyn Env> =
        Box::new(TimeLimit::new(RescaleAction::new(Endless::new(&[(-1.0, 1.0)])), 10));
    env.reset(&mut rng(), &mut [0.0]).unwrap();
    for _ in 0..4 {
        env.step(&[0.0], &mut [0.0]).unwrap();
    }
    let mut state = Vec::new();
    env.save_state(&mut state);
    env.reset(&mut rng(), &mut [0.0]).unwrap();
    env.load_state(&state).unwrap();
    assert_eq!(steps_to_truncation(&mut env, 20), Some(6));
}

#[test]
fn time_limit_rejects_a_state_that_is_not_its_own() {
    let mut env = TimeLimit::new(Endless::new(&[(-1.0, 1.0)]), 10);
    for (state, message) in [
        (vec![], "the saved state of Endless is damaged: it is empty"),
        (vec![1.0, 0.5], "the saved state of Endless is damaged: its step counter is 0.5"),
        (vec![1.0, -1.0], "the saved state of Endless is damaged: its step counter is -1"),
        (vec![1.0, f64::NAN], "the saved state of Endless is damaged: its step counter is NaN"),
        (vec![1.0, 1.0, 1.0], "state of Endless has 2 values, expected 1"),
    ] {
        assert_eq!(env.load_state(&state).unwrap_err().to_string(), message);
    }
}

#[test]
fn rescale_maps_the_corners_and_the_middle() {
    // For [-0.4, 0.4] and [0, 4] the centres are 0 and 2, and the half widths 0.4 and 2.
    let mut env = RescaleAction::new(Endless::new(&[(-0.4, 0.4), (0.0, 4.0)]));
    assert_eq!((env.spec().action_low[1], env.spec().action_high[1]), (-1.0, 1.0));
    for (action, expected) in
        [([-1.0, -1.0], [-0.4, 0.0]), ([0.0, 0.0], [0.0, 2.0]), ([1.0, 1.5], [0.4, 5.0])]
    {
        env.step(&action, &mut [0.0]).unwrap();
        assert_eq!(env.env.last_action, expected);
    }
}

#[test]
fn rescale_names_an_action_of_wrong_length() {
    let error =
        RescaleAction::new(Endless::new(&[(-1.0, 1.0)])).step(&[0.0; 2], &mut [0.0]).unwrap_err();
    assert_eq!(error.to_string(), "action of Endless has 2 values, expected 1");
}

#[test]
#[should_panic(expected = "the action bounds of Endless are finite")]
fn rescale_needs_a_range() {
    RescaleAction::new(Endless::new(&[(-1.0, f64::INFINITY)]));
}

proptest! {
    #[test]
    fn rescale_stays_inside_the_range(
        low in -1e3..1e3_f64, width in 1e-3..1e3_f64, action in -1.0..=1.0_f64,
    ) {
        let high = low + width;
        let mut env = RescaleAction::new(Endless::new(&[(low, high)]));
        let env_action = env.step(&[action], &mut [0.0]).unwrap().reward;
        // Three roundings of numbers below 2e3.
        let slack = 3.0 * 2e3 * f64::EPSILON;
        prop_assert!(low - slack <= env_action && env_action <= high + slack);
    }

    #[test]
    fn rescale_is_the_identity_for_the_unit_range(action in -10.0..10.0_f64) {
        let mut env = RescaleAction::new(Endless::new(&[(-1.0, 1.0)]));
        let env_action = env.step(&[action], &mut [0.0]).unwrap().reward;
        prop_assert_eq!(env_action.to_bits(), action.to_bits());
    }

    #[test]
    fn time_limit_cuts_after_any_length(max_steps in 1..200_u32) {
        let mut env = TimeLimit::new(Endless::new(&[(-1.0, 1.0)]), max_steps);
        env.reset(&mut rng(), &mut [0.0]).unwrap();
        prop_assert_eq!(steps_to_truncation(&mut env, 300), Some(max_steps));
    }
}

#[test]
fn clip_action_moves_to_the_nearest_bound_and_refuses_what_is_not_finite() {
    let mut env = ClipAction::new(Endless::new(&[(-1.0, 1.0), (0.0, 0.5)]));
    for (action, expected) in [([2.0, -3.0], [1.0, 0.0]), ([-0.5, 0.25], [-0.5, 0.25])] {
        env.step(&action, &mut [0.0]).unwrap();
        assert_eq!(env.inner().last_action, expected);
    }
    let error = env.step(&[0.0, f64::INFINITY], &mut [0.0]).unwrap_err();
    assert!(matches!(error, EnvError::NonFiniteAction { index: 1, .. }), "{error}");
    assert_eq!(env.inner().last_action, [-0.5, 0.25], "nothing happened");
}

fn noisy(std: f64) -> ObsNoise<Endless> {
    ObsNoise::new(Endless::new(&[(-1.0, 1.0)]), std)
}

/// Returns the noise of an episode: the observation minus the step count.
fn noise_of(env: &mut ObsNoise<Endless>, steps: u32) -> Vec<f64> {
    let mut obs = [0.0];
    let step = |count| {
        env.step(&[0.0], &mut obs).unwrap();
        obs[0] - f64::from(count)
    };
    (1..=steps).map(step).collect()
}

#[test]
fn obs_noise_is_normal_and_seeded_by_the_reset() {
    let mut env = noisy(0.3);
    let mut obs = [0.0];
    env.reset(&mut Rng::seed_from_u64(1), &mut obs).unwrap();
    let first = obs[0];
    let noise = noise_of(&mut env, 10_000);
    let mean = noise.iter().sum::<f64>() / 1e4;
    let std = (noise.iter().map(|x| x * x).sum::<f64>() / 1e4).sqrt();
    assert!(mean.abs() < 5.0 * 0.3 / 100.0, "{mean}");
    assert!((std / 0.3 - 1.0).abs() < 5.0 / 20_000_f64.sqrt(), "{std}");

    env.reset(&mut Rng::seed_from_u64(1), &mut obs).unwrap();
    assert_eq!((obs[0], noise_of(&mut env, 10)), (first, noise[..10].to_vec()));
    env.reset(&mut Rng::seed_from_u64(2), &mut obs).unwrap();
    assert_ne!(noise_of(&mut env, 10), noise[..10]);
}

#[test]
fn obs_noise_goes_on_after_a_restore() {
    let mut env = noisy(1.0);
    env.reset(&mut rng(), &mut [0.0]).unwrap();
    noise_of(&mut env, 3);
    let mut state = Vec::new();
    env.save_state(&mut state);
    let mut other = noisy(1.0);
    other.load_state(&state).unwrap();
    let mut obs = [[0.0]; 2];
    for _ in 0..5 {
        env.step(&[0.0], &mut obs[0]).unwrap();
        other.step(&[0.0], &mut obs[1]).unwrap();
        assert_eq!(obs[0][0].to_bits(), obs[1][0].to_bits());
    }
    state[3] = 0.5;
    assert!(matches!(other.load_state(&state), Err(EnvError::InvalidState { .. })));
    assert!(other.load_state(&state[..5]).is_err());
}

#[test]
#[should_panic(expected = "a standard deviation of -1")]
fn obs_noise_needs_a_standard_deviation() {
    noisy(-1.0);
}
