//! `pmoe evaluate`: evaluates the policy of a run.

use std::path::PathBuf;

use anyhow::Result;
use pmoe_algos::seed::Stream;
use pmoe_envs::TaskId;
use pmoe_results::Exit;
use pmoe_results::number::{MOST_EPISODES, whole};
use serde::Serialize;

use super::choice::Chosen;
use super::policy::{self, Streams};
use super::{print_json, print_line};
use crate::config;
use crate::exit::BadInput;

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  pmoe evaluate results/runs/pmoe-sac/Hopper-v4/seed_0 --episodes 100
  pmoe evaluate results/runs/pmoe-sac/Hopper-v4/seed_0 --obs-noise 0.1 --eval-primitive argmax_w --json")]
pub(crate) struct Args {
    /// Run folder.
    run: PathBuf,
    /// Episodes to play.
    #[arg(long, default_value_t = 100, allow_negative_numbers = true, value_parser = whole::<u32>(1..=MOST_EPISODES))]
    episodes: u32,
    /// Seed of resets, noise and sampled primitives.
    #[arg(long, default_value_t = 0, allow_negative_numbers = true, value_parser = config::seed)]
    seed: u64,
    /// Standard deviation of Gaussian noise on the observations.
    #[arg(long, default_value_t = 0.0, allow_negative_numbers = true)]
    obs_noise: f64,
    #[command(flatten)]
    chosen: Chosen,
    /// Threads that step the environments. Results do not depend on it.
    #[arg(long, default_value_t = 1, allow_negative_numbers = true, value_parser = whole::<u8>(1..=255))]
    threads: u8,
    /// Print one JSON document on stdout.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Summary {
    #[serde(serialize_with = "pmoe_results::text::path_text")]
    run: PathBuf,
    task: TaskId,
    episodes: u32,
    seed: u64,
    obs_noise: f64,
    mean_return: f64,
    std_return: f64,
    returns: Vec<f64>,
    lengths: Vec<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    successes: Option<Vec<bool>>,
}

pub(crate) fn evaluate(args: Args) -> Result<Exit> {
    if !(0.0 <= args.obs_noise && args.obs_noise.is_finite()) {
        let message =
            format!("--obs-noise is {}, but must be a finite number, at least 0", args.obs_noise);
        return Err(BadInput(message).into());
    }
    let mut config = policy::read_config(&args.run)?;
    args.chosen.apply(&mut config)?;
    let streams = Streams { seed: args.seed, stream: Stream::Evaluate, first: 0 };
    let evaluation = policy::play(
        &args.run,
        &config,
        args.episodes,
        args.obs_noise,
        streams,
        args.threads.into(),
    )?;
    let result = Summary {
        run: args.run,
        task: config.task,
        episodes: args.episodes,
        seed: args.seed,
        obs_noise: args.obs_noise,
        mean_return: evaluation.mean_return(),
        std_return: evaluation.std_return(),
        returns: evaluation.returns,
        lengths: evaluation.lengths,
        successes: evaluation.successes,
    };
    if args.json {
        print_json(&result)?;
    } else {
        let Summary { task, episodes, mean_return, std_return, .. } = &result;
        let mut line = format!(
            "{task}: return {mean_return:.1} ± {std_return:.1} (mean ± standard deviation over {episodes} episodes)"
        );
        if let Some(successes) = &result.successes {
            let reached = successes.iter().filter(|&&success| success).count();
            line += &format!(", goal reached in {reached}");
        }
        print_line(&line)?;
    }
    Ok(Exit::Done)
}
