//! A gate for your own project: it compares your agent on your task with runs that you made before.
//!
//! `cargo run --release -p pmoe-regress --example own_project`
#![expect(clippy::print_stdout, reason = "an example shows its result")]

use std::error::Error;
use std::ops::Range;

use pmoe_algos::burn::tensor::Device;
use pmoe_algos::pmoe_envs::rand::RngExt;
use pmoe_algos::pmoe_envs::{Env, EnvError, EnvSpec, Rng, Step, TimeLimit};
use pmoe_algos::pmoe_results::run::MemorySink;
use pmoe_algos::{AlgoConfig, MethodConfig, Training};
use pmoe_regress::{Case, Decision, Gate, Sample, Samples, text, undecided};

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

/// Trains SAC with each seed; `critic_lr` is what somebody changed.
fn runs(seeds: Range<u64>, critic_lr: f64) -> Result<Samples, Box<dyn Error>> {
    let mut samples = Samples::default();
    for seed in seeds {
        let make = || TimeLimit::new(PointMass(EnvSpec::new("PointMass", 1, 1), 0.0), 30);
        let (mut task, mut eval_task) = (make(), make());
        let MethodConfig { mut algo, mut schedule } = MethodConfig::named("sac")?;
        if let AlgoConfig::Sac(sac) = &mut algo {
            (sac.hidden, sac.random_steps, sac.learning_starts) = (vec![32, 32], 100, 100);
            sac.critic_lr = critic_lr;
        }
        (schedule.total_steps, schedule.eval_every) = (900, 300);
        let mut agent = algo.agent(task.spec(), schedule.total_steps, seed, &Device::flex());
        let mut sink = MemorySink::default();
        Training::new(&mut task, &mut eval_task, &mut agent, &schedule, seed).run(&mut sink)?;
        let sample = Sample::from_events(seed, schedule.total_steps, &sink.events)?;
        samples.add(Case::new("sac", "PointMass"), sample)?;
    }
    Ok(samples)
}

/// Whether the new code learns as well as the reference: more seeds only if that is undecided.
fn passes(reference: &Samples, critic_lr: f64) -> Result<bool, Box<dyn Error>> {
    let gate = Gate::sequential();
    let mut findings = Vec::new();
    for (index, stage) in gate.stages().iter().enumerate() {
        let fresh = runs(1000..1000 + stage.seeds as u64, critic_lr)?;
        findings = gate.judge(reference, &fresh, index)?;
        println!("{}{}", text::findings(&findings), text::failures(&findings, reference, &fresh));
        if undecided(&findings).is_empty() {
            break;
        }
    }
    Ok(findings.iter().all(|finding| finding.decision != Decision::Worse))
}

fn main() -> Result<(), Box<dyn Error>> {
    let reference = runs(0..20, 1e-3)?;
    println!("unchanged: passes = {}\n", passes(&reference, 1e-3)?);
    println!("critics that hardly learn: passes = {}", passes(&reference, 1e-6)?);
    Ok(())
}
