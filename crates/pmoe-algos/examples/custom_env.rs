//! The whole API on one page: a custom task, learnt with SAC, and its policy saved and loaded.
//!
//! `cargo run --release -p pmoe-algos --example custom_env`
#![expect(clippy::print_stdout, reason = "an example shows its result")]

use std::num::NonZeroUsize;
use std::{env, fs, process};

use pmoe_algos::burn::tensor::Device;
use pmoe_algos::evaluate::evaluate;
use pmoe_algos::pmoe_envs::rand::{RngExt, SeedableRng};
use pmoe_algos::pmoe_envs::{Env, EnvError, EnvSpec, Rng, Step, TimeLimit};
use pmoe_algos::pmoe_results::Event;
use pmoe_algos::pmoe_results::run::MemorySink;
use pmoe_algos::{Agent, AlgoConfig, Checkpoints, MethodConfig, Scope, Training};

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
    let make = || TimeLimit::new(PointMass(EnvSpec::new("PointMass", 1, 1), 0.0), 30);
    let (mut task, mut eval_task) = (make(), make());

    let MethodConfig { mut algo, mut schedule } = MethodConfig::named("sac")?;
    if let AlgoConfig::Sac(sac) = &mut algo {
        (sac.hidden, sac.random_steps, sac.learning_starts) = (vec![32, 32], 100, 100);
    }
    (schedule.total_steps, schedule.eval_every) = (1500, 500);

    // The finished run keeps its policy here.
    let checkpoints = Checkpoints {
        folder: env::temp_dir().join(format!("point-mass-{}", process::id())),
        run: "point-mass".to_owned(),
        keep: NonZeroUsize::MIN,
        at_the_end: Scope::Policy,
    };
    let mut agent = algo.agent(task.spec(), schedule.total_steps, 0, &Device::flex());
    let mut sink = MemorySink::default();
    let mut training = Training::new(&mut task, &mut eval_task, &mut agent, &schedule, 0);
    training = training.checkpoints(&checkpoints);
    training.run(&mut sink)?;

    for event in &sink.events {
        if let Event::Eval { env_step, returns, .. } = event {
            let mean = returns.iter().sum::<f64>() / returns.len() as f64;
            println!("after {env_step} steps: return {mean:.2}");
        }
    }

    // Loads the trained policy into an agent with other initial values.
    let mut loaded = algo.agent(task.spec(), schedule.total_steps, 1, &Device::flex());
    checkpoints.newest(|stored| loaded.load(&stored.files, stored.scope))?;
    for (name, agent) in [("the trained policy", &agent), ("as loaded", &loaded)] {
        let rng = &mut Rng::seed_from_u64(2);
        if let Some(played) = evaluate(agent, &mut eval_task, 20, rng, &|| false)? {
            println!("{name}: return {:.4} over 20 episodes", played.mean_return());
        }
    }
    fs::remove_dir_all(&checkpoints.folder)?;
    Ok(())
}
