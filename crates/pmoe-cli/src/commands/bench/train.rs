//! `pmoe bench train`: measures environment steps per second of whole training.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use pmoe_algos::Training;
use pmoe_algos::config::Schedule;
use pmoe_core::instructions::Instructions;
use pmoe_results::number::{MOST_STEPS, whole};
use pmoe_results::run::Position;
use pmoe_results::{Event, Exit, Sink};
use serde::Serialize;

use super::CommonArgs;
use crate::commands::{print_json, print_line};
use crate::config;
use crate::machine;

#[derive(clap::Args)]
#[command(after_help = "\
Example: pmoe bench train --method sac --task Hopper-v4 --steps 5000")]
pub(crate) struct Args {
    #[command(flatten)]
    common: CommonArgs,
    /// Environment steps to time, after the initial random steps and a warm-up. On-policy methods
    /// round it up to whole rollouts.
    #[arg(long, default_value_t = 2000, allow_negative_numbers = true, value_parser = whole::<u64>(1..=MOST_STEPS))]
    steps: u64,
}

#[derive(Serialize)]
struct Timing {
    method: String,
    task: String,
    /// Vector instructions in use.
    instructions: &'static str,
    steps: u64,
    env_steps_per_second: f64,
}

/// Updates before the clock starts.
const WARM_UP: u64 = 500;

pub(crate) fn train(args: Args) -> Result<Exit> {
    let Args { common: CommonArgs { method, task, compute, json }, steps } = args;
    let id = config::task(&task)?;
    let config = config::resolve(&method, &id, 0, None)?;
    let device = config.device.open()?;
    let mut envs = config::envs(&config)?;
    let mut eval_env = pmoe_envs::make_with(&id, &config.env)?;
    let spec = eval_env.spec().clone();
    let (_, first_update) = config.algo.first_update();
    // The policy acts from the first update on, as it does for most of a run.
    let algo = config.algo.clone().with_random_steps(first_update);
    let (warm_up, steps) = match algo.steps_per_update() {
        1 => (first_update + WARM_UP, steps),
        // Whole rollouts, each with its updates; one to warm up.
        rollout_steps => (rollout_steps, steps.next_multiple_of(rollout_steps)),
    };
    // The learner reports every `steps` steps; the clock runs between two reports.
    let started = warm_up.next_multiple_of(steps);
    let schedule = Schedule {
        total_steps: started + steps,
        eval_every: u64::MAX,
        eval_episodes: 1,
        log_every: steps,
        checkpoint_every: u64::MAX,
    };
    machine::check_memory(&config, schedule.total_steps, &spec)?;
    let mut agent = algo.agent(&spec, schedule.total_steps, config.seed, &device);
    let mut stopwatch = Stopwatch { from: started, begun: None, elapsed: None };
    compute.run(config.device, || {
        Training::with_envs(
            config::each(&mut envs),
            &mut *eval_env,
            &mut agent,
            &schedule,
            config.seed,
        )
        .run(&mut stopwatch)
    })?;
    let elapsed = stopwatch.elapsed.context("the learner reported nothing")?;
    let env_steps_per_second = steps as f64 / elapsed.as_secs_f64();
    let timing = Timing {
        method: config.method,
        task,
        instructions: Instructions::in_use().name(),
        steps,
        env_steps_per_second,
    };
    if json {
        print_json(&timing)?;
    } else {
        let Timing { method, task, .. } = timing;
        print_line(&format!("{method} on {task}: {env_steps_per_second:.1} env steps per second"))?;
    }
    Ok(Exit::Done)
}

/// Measures the time from the learner's report at step `from` to the next one.
struct Stopwatch {
    from: u64,
    begun: Option<Instant>,
    elapsed: Option<Duration>,
}

impl Sink for Stopwatch {
    fn emit(&mut self, event: &Event) -> std::io::Result<()> {
        if let Event::Update { env_step, .. } = event {
            if *env_step == self.from {
                self.begun = Some(Instant::now());
            } else {
                self.elapsed = self.begun.map(|begun| begun.elapsed());
            }
        }
        Ok(())
    }

    fn sync(&mut self) -> std::io::Result<Position> {
        Ok(Position::start())
    }
}
