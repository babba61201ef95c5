//! `pmoe bench cost`: estimates the cost of a run from about a second of it.

use std::time::Instant;

use anyhow::Result;
use pmoe_algos::checkpoint::Files;
use pmoe_algos::seed::{Stream, stream};
use pmoe_algos::{Agent, Mode, Scope, Transition};
use pmoe_envs::{Env, action_to_f64, obs_to_f32};
use pmoe_results::Exit;
use pmoe_results::number::{MOST_STEPS, whole};
use serde::Serialize;

use super::CommonArgs;
use crate::commands::{print_json, print_line};
use crate::config;
use crate::machine;

#[derive(clap::Args)]
#[command(after_help = "\
Example: pmoe bench cost --method pmoe-ppo --task Ant-v2 --steps 1000000

Trains briefly and times each part. Rollouts are cut to four minibatches, and the replay buffer starts with
one batch: the first update comes sooner, but takes as long as usual.")]
pub(crate) struct Args {
    #[command(flatten)]
    common: CommonArgs,
    /// Environment steps of the run; by default the method's.
    #[arg(long, allow_negative_numbers = true, value_parser = whole::<u64>(1..=MOST_STEPS))]
    steps: Option<u64>,
}

#[derive(Serialize)]
struct Cost {
    method: String,
    task: String,
    /// Choosing an action and storing the transition.
    ms_per_act: f64,
    /// One environment step, including resets.
    ms_per_env_step: f64,
    /// Learning, averaged over environment steps once learning has begun.
    ms_of_learning_per_env_step: f64,
    /// Checkpoint of a finished run.
    bytes_when_finished: u64,
    /// Checkpoint of an unfinished run, without the transitions to learn from.
    bytes_of_learner: u64,
    /// Transitions to learn from, at the end of the run.
    bytes_of_steps: u64,
}

/// The fewest gradient updates to time.
const UPDATES: u32 = 40;

/// The fewest environment steps to time.
const STEPS: u32 = 200;

pub(crate) fn cost(args: Args) -> Result<Exit> {
    let Args { common: CommonArgs { method, task, compute, json }, steps } = args;
    let id = config::task(&task)?;
    let config = config::resolve(&method, &id, 0, steps)?;
    let device = config.device.open()?;
    let mut envs = config::envs(&config)?;
    let spec = envs[0].spec().clone();
    let total_steps = config.schedule.total_steps;
    machine::check_memory(&config, total_steps, &spec)?;
    // The policy acts from the first step, as it does for most of a run.
    let algo = config.algo.clone().with_random_steps(0).learning_early();
    let cost = compute.run(config.device, || -> Result<Cost> {
        let mut agent = algo.agent(&spec, total_steps, config.seed, &device);
        // Warm up with the first update, or the first rollout and its updates.
        let mut timed = Timed::default();
        timed.train(&mut agent, &mut envs, 1, 1)?;
        timed = Timed::default();
        timed.train(&mut agent, &mut envs, UPDATES, STEPS)?;
        // Only now, as optimisers have no state before their first step.
        let size = |scope| -> Result<u64> {
            let mut files = Files::default();
            agent.save(&mut files, scope)?;
            Ok(files.size()?)
        };
        Ok(Cost {
            method: config.method.clone(),
            task,
            ms_per_act: timed.per_step(timed.acting),
            ms_per_env_step: timed.per_step(timed.simulating),
            ms_of_learning_per_env_step: timed.per_step(timed.learning),
            bytes_when_finished: size(algo.scope_at_the_end(false))?,
            bytes_of_learner: size(Scope::Everything)?,
            bytes_of_steps: config.algo.kept_steps(total_steps, &spec).1 as u64,
        })
    })?;
    if json {
        print_json(&cost)?;
    } else {
        print(&cost)?;
    }
    Ok(Exit::Done)
}

/// Time spent on each part, in seconds.
#[derive(Default)]
struct Timed {
    acting: f64,
    simulating: f64,
    learning: f64,
    steps: u32,
    updates: u32,
}

impl Timed {
    /// Trains for at least `updates` gradient updates and `steps` environment steps, and stops
    /// right after an update.
    fn train<A: Agent>(
        &mut self,
        agent: &mut A,
        envs: &mut [Box<dyn Env>],
        updates: u32,
        steps: u32,
    ) -> Result<()> {
        let [mut env_rng, mut explore, mut learn] =
            [Stream::Env, Stream::Explore, Stream::Learn].map(|of| stream(0, of));
        let (num_envs, spec) = (envs.len(), envs[0].spec());
        let (obs_dim, action_dim) = (spec.obs_dim, spec.action_dim());
        let mut actions = vec![0.0_f32; num_envs * action_dim];
        let mut wide_action = vec![0.0_f64; action_dim];
        let mut obs = vec![0.0_f64; obs_dim];
        let mut next_obs = vec![0.0_f32; obs_dim];
        let mut all_obs = vec![0.0_f32; num_envs * obs_dim];
        let mut memories: Vec<A::Memory> = (0..num_envs).map(|_| A::Memory::default()).collect();
        for (env, all_obs) in envs.iter_mut().zip(all_obs.chunks_exact_mut(obs_dim)) {
            env.reset(&mut env_rng, &mut obs)?;
            obs_to_f32(&obs, all_obs);
        }
        loop {
            let acting = Instant::now();
            let each = memories.iter_mut().collect();
            agent.act_all(each, &all_obs, Mode::Explore, &mut explore, &mut actions)?;
            self.acting += acting.elapsed().as_secs_f64();
            let rows = all_obs.chunks_exact_mut(obs_dim).zip(actions.chunks_exact(action_dim));
            for ((env, memory), (row, action)) in envs.iter_mut().zip(&mut memories).zip(rows) {
                let simulating = Instant::now();
                action_to_f64(action, &mut wide_action);
                let step = env.step(&wide_action, &mut obs)?;
                obs_to_f32(&obs, &mut next_obs);
                let simulated = simulating.elapsed();
                let observing = Instant::now();
                let transition = Transition {
                    obs: row,
                    action,
                    reward: step.reward as f32,
                    next_obs: &next_obs,
                    terminated: step.terminated,
                    truncated: step.truncated,
                };
                agent.observe(memory, transition);
                let observed = observing.elapsed();
                let resetting = Instant::now();
                if step.terminated || step.truncated {
                    env.reset(&mut env_rng, &mut obs)?;
                    *memory = A::Memory::default();
                }
                obs_to_f32(&obs, row);
                self.simulating += (simulated + resetting.elapsed()).as_secs_f64();
                self.acting += observed.as_secs_f64();
                self.steps += 1;
            }
            let learning = Instant::now();
            let taken = agent.update(&mut learn, &|| false).taken;
            self.learning += learning.elapsed().as_secs_f64();
            self.updates += taken;
            if 0 < taken && updates <= self.updates && steps <= self.steps {
                return Ok(());
            }
        }
    }

    /// Converts seconds in all to milliseconds per environment step.
    fn per_step(&self, seconds: f64) -> f64 {
        1e3 * seconds / f64::from(self.steps)
    }
}

fn print(cost: &Cost) -> Result<()> {
    let Cost { method, task, ms_per_act, ms_per_env_step, ms_of_learning_per_env_step, .. } = cost;
    print_line(&format!("{method} on {task}, for each environment step:"))?;
    for (part, ms) in [
        ("acting", ms_per_act),
        ("simulating", ms_per_env_step),
        ("learning", ms_of_learning_per_env_step),
    ] {
        print_line(&format!("  {part:<11} {ms:7.3} ms"))?;
    }
    let megabytes = |bytes: u64| bytes as f64 / 1e6;
    let unfinished = megabytes(cost.bytes_of_learner + cost.bytes_of_steps);
    let finished = megabytes(cost.bytes_when_finished);
    print_line(&format!("checkpoint: at most {unfinished:.1} MB, {finished:.1} MB when finished"))
}
