//! Your own task, with a time limit and actions in [-1, 1], and a policy that solves it.
//!
//! `cargo run --release -p pmoe-envs --example own_task`
#![expect(clippy::print_stdout, reason = "an example shows something")]

use pmoe_envs::rand::{RngExt, SeedableRng};
use pmoe_envs::{Env, EnvError, EnvSpec, RescaleAction, Rng, Step, TimeLimit};

/// A cart on a line that must stop at 0.
struct Line {
    spec: EnvSpec,
    position: f64,
}

impl Line {
    fn new() -> Self {
        let spec = EnvSpec {
            id: "Line".to_owned(),
            obs_dim: 1,
            action_low: vec![-2.0],
            action_high: vec![2.0],
            dt_seconds: 0.1,
            resumable: true,
        };
        Self { spec, position: 0.0 }
    }
}

impl Env for Line {
    fn spec(&self) -> &EnvSpec {
        &self.spec
    }

    fn reset(&mut self, rng: &mut Rng, obs: &mut [f64]) -> Result<(), EnvError> {
        self.position = rng.random_range(-5.0..5.0);
        obs[0] = self.position;
        Ok(())
    }

    fn step(&mut self, action: &[f64], obs: &mut [f64]) -> Result<Step, EnvError> {
        self.position += self.spec.dt_seconds * action[0].clamp(-2.0, 2.0);
        obs[0] = self.position;
        let terminated = self.position.abs() < 0.1;
        Ok(Step { reward: -1.0, terminated, truncated: false, success: Some(terminated) })
    }

    fn save_state(&self, state: &mut Vec<f64>) {
        state.push(self.position);
    }

    fn load_state(&mut self, state: &[f64]) -> Result<(), EnvError> {
        self.position = state[0];
        Ok(())
    }
}

fn main() -> Result<(), EnvError> {
    let mut env = TimeLimit::new(RescaleAction::new(Line::new()), 200);
    let mut rng = Rng::seed_from_u64(1);
    let mut obs = [0.0];
    for episode in 0..3 {
        env.reset(&mut rng, &mut obs)?;
        let start = obs[0];
        let mut steps = 0;
        let last = loop {
            // Towards 0, as fast as it goes: 0.2 a step.
            let step = env.step(&[-obs[0].signum()], &mut obs)?;
            steps += 1;
            if step.terminated || step.truncated {
                break step;
            }
        };
        assert!(last.terminated && f64::from(steps) <= (start.abs() / 0.2).ceil());
        println!("episode {episode}: from {start:.2} to {:.2} in {steps} steps", obs[0]);
    }
    Ok(())
}
