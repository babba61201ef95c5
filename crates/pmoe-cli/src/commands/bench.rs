//! `pmoe bench`: what learning costs.

use std::process::ExitCode;
use std::time::Instant;

use anyhow::Result;
use pmoe_algos::sac::Sac;
use pmoe_algos::seed::{Stream, stream};
use pmoe_algos::{Agent, AlgoConfig, Transition};
use pmoe_core::noise;
use serde::Serialize;

use super::{print_json, print_line};
use crate::config::{self, MethodArgs};

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Time gradient updates on random transitions.
    #[command(after_help = "Example: pmoe bench update --algo pmoe-sac --task Hopper-v4 --json")]
    Update {
        #[command(flatten)]
        method: MethodArgs,
        /// Task id: its sizes are used, it is not stepped.
        #[arg(long)]
        task: String,
        /// Updates to time, after a tenth as many to warm up.
        #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..))]
        updates: u32,
        /// One JSON document on stdout.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Serialize)]
struct Timing {
    algo: String,
    task: String,
    updates: u32,
    batch_size: usize,
    ms_per_update: Quartiles,
}

#[derive(Serialize)]
struct Quartiles {
    q1: f64,
    median: f64,
    q3: f64,
}

/// Transitions in the buffer: enough that batches are not in the cache.
const TRANSITIONS: usize = 100_000;

pub(crate) fn run(command: Command) -> Result<ExitCode> {
    let Command::Update {
        method,
        task,
        updates,
        json,
    } = command;
    let config = config::resolve(&method, &task, 0, None)?;
    let env = pmoe_envs::make(task.parse()?)?;
    let (obs_dim, action_dim) = (env.spec().obs_dim, env.spec().action_dim());
    let device = config::device(config.device)?;
    let AlgoConfig::Sac(sac) = &config.algo;
    let mut agent = Sac::new(sac.clone(), obs_dim, action_dim, 0, &device);
    fill(&mut agent, obs_dim, action_dim);
    let mut rng = stream(0, Stream::Learn);
    (0..updates.div_ceil(10)).for_each(|_| agent.gradient_step(&mut rng));
    let mut times: Vec<f64> = (0..updates)
        .map(|_| {
            let begun = Instant::now();
            agent.gradient_step(&mut rng);
            begun.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    times.sort_by(f64::total_cmp);
    let at = |quarter: usize| times[(times.len() - 1) * quarter / 4];
    let timing = Timing {
        algo: config.method.clone(),
        task,
        updates,
        batch_size: sac.batch_size,
        ms_per_update: Quartiles {
            q1: at(1),
            median: at(2),
            q3: at(3),
        },
    };
    if json {
        print_json(&timing)?;
    } else {
        let Quartiles { q1, median, q3 } = timing.ms_per_update;
        print_line(&format!(
            "{} on {}: {median:.2} ms per gradient update (quartiles {q1:.2} and {q3:.2}, {updates} updates)",
            timing.algo, timing.task
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn fill(agent: &mut Sac, obs_dim: usize, action_dim: usize) {
    let mut rng = stream(0, Stream::Env);
    let [mut obs, mut next_obs] = [vec![0.0_f32; obs_dim], vec![0.0; obs_dim]];
    let mut action = vec![0.0_f32; action_dim];
    for index in 0..TRANSITIONS {
        for values in [&mut obs, &mut next_obs, &mut action] {
            noise::fill_uniform(values, &mut rng);
        }
        let transition = Transition {
            obs: &obs,
            action: &action,
            reward: obs[0],
            next_obs: &next_obs,
            terminated: index % 100 == 0,
            truncated: false,
        };
        agent.observe(&(), transition);
    }
}
