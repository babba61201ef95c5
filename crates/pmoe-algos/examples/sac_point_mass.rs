//! The whole API on one page: a task of one's own, learnt with SAC.
//!
//! `cargo run --release -p pmoe-algos --example sac_point_mass`
#![expect(clippy::print_stdout, reason = "an example shows its result")]

use std::sync::atomic::AtomicBool;

use burn::tensor::Device;
use pmoe_algos::config::parse_toml;
use pmoe_algos::sac::Sac;
use pmoe_algos::{AlgoConfig, MethodConfig, Progress, train};
use pmoe_envs::{Env, EnvError, EnvSpec, Rng, Step, TimeLimit};
use pmoe_results::{Event, MemorySink};
use rand::RngExt;

/// A point on a line; the reward is minus its squared distance from the origin.
struct PointMass {
    spec: EnvSpec,
    x: f64,
}

impl Env for PointMass {
    fn spec(&self) -> &EnvSpec {
        &self.spec
    }

    fn reset(&mut self, rng: &mut Rng, obs: &mut [f64]) -> Result<(), EnvError> {
        self.x = rng.random_range(-1.0..1.0);
        obs[0] = self.x;
        Ok(())
    }

    fn step(&mut self, action: &[f64], obs: &mut [f64]) -> Result<Step, EnvError> {
        self.x += action[0] / 5.0;
        obs[0] = self.x;
        Ok(Step {
            reward: -self.x * self.x,
            terminated: false,
            truncated: false,
        })
    }

    fn save_state(&self, state: &mut Vec<f64>) {
        state.push(self.x);
    }

    fn load_state(&mut self, state: &[f64]) -> Result<(), EnvError> {
        self.x = state[0];
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let spec = EnvSpec {
        id: "PointMass".to_owned(),
        obs_dim: 1,
        action_low: vec![-1.0],
        action_high: vec![1.0],
        dt_seconds: 1.0,
    };
    let env = || {
        TimeLimit::new(
            PointMass {
                spec: spec.clone(),
                x: 0.0,
            },
            30,
        )
    };

    let text = include_str!("../../../configs/algos/sac.toml");
    let MethodConfig {
        algo: AlgoConfig::Sac(mut config),
        mut schedule,
    } = MethodConfig::from_table(parse_toml(text, "sac.toml")?, "sac.toml")?;
    (config.hidden, config.random_steps, config.learning_starts) = (vec![32, 32], 100, 100);
    (schedule.total_steps, schedule.eval_every) = (1500, 500);

    let (seed, mut events) = (0, MemorySink::default());
    let mut agent = Sac::new(config, 1, 1, seed, &Device::flex());
    let (mut progress, interrupt) = (Progress::new(seed), AtomicBool::new(false));
    let (mut env, mut eval_env) = (env(), env());
    let (sink, save) = (&mut events, None);
    train::run(
        &mut env,
        &mut eval_env,
        &mut agent,
        &schedule,
        seed,
        &mut progress,
        sink,
        save,
        &interrupt,
    )?;

    for event in &events.events {
        if let Event::Eval {
            env_step, returns, ..
        } = event
        {
            let mean = returns.iter().sum::<f64>() / returns.len() as f64;
            println!("after {env_step} steps: return {mean:.2}");
        }
    }
    Ok(())
}
