//! The whole API on one page: a task of one's own, learnt with SAC.
//!
//! `cargo run --release -p pmoe-algos --example custom_env`
#![expect(clippy::print_stdout, reason = "an example shows its result")]

use burn::tensor::Device;
use pmoe_algos::sac::Sac;
use pmoe_algos::{AlgoConfig, MethodConfig, Progress, train};
use pmoe_envs::{Env, EnvError, EnvSpec, Rng, Step, TimeLimit};
use pmoe_results::{Event, MemorySink};
use rand::RngExt;

/// A point on a line; the reward is minus its squared distance from the origin.
struct PointMass(EnvSpec, f64);

impl Env for PointMass {
    fn spec(&self) -> &EnvSpec {
        &self.0
    }
    fn reset(&mut self, rng: &mut Rng, obs: &mut [f64]) -> Result<(), EnvError> {
        self.1 = rng.random_range(-1.0..1.0);
        obs[0] = self.1;
        Ok(())
    }
    fn step(&mut self, action: &[f64], obs: &mut [f64]) -> Result<Step, EnvError> {
        self.1 += action[0] / 5.0;
        obs[0] = self.1;
        Ok(Step { reward: -self.1 * self.1, terminated: false, truncated: false, success: None })
    }
    fn save_state(&self, state: &mut Vec<f64>) {
        state.push(self.1);
    }
    fn load_state(&mut self, state: &[f64]) -> Result<(), EnvError> {
        self.1 = state[0];
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (id, one) = ("PointMass".to_owned(), vec![1.0]);
    let spec =
        EnvSpec { id, obs_dim: 1, action_low: vec![-1.0], action_high: one, dt_seconds: 1.0 };
    let make = || TimeLimit::new(PointMass(spec.clone(), 0.0), 30);
    let (mut env, mut eval_env) = (make(), make());

    let text = include_str!("../../../configs/algos/sac.toml");
    let MethodConfig { algo: AlgoConfig::Sac(mut config), mut schedule } =
        MethodConfig::from_toml(text, "sac.toml")?
    else {
        unreachable!("the file says so")
    };
    (config.hidden, config.random_steps, config.learning_starts) = (vec![32, 32], 100, 100);
    (schedule.total_steps, schedule.eval_every) = (1500, 500);

    let (seed, mut sink) = (0, MemorySink::default());
    let mut agent = Sac::new(config, 1, 1, seed, &Device::flex());
    let (mut at, stop) = (Progress::new(seed), || false);
    let (env, eval_env) = (&mut env, &mut eval_env);
    train::run(env, eval_env, &mut agent, &schedule, seed, &mut at, &mut sink, None, &stop)?;

    for event in &sink.events {
        if let Event::Eval { env_step, returns, .. } = event {
            let mean = returns.iter().sum::<f64>() / returns.len() as f64;
            println!("after {env_step} steps: return {mean:.2}");
        }
    }
    Ok(())
}
