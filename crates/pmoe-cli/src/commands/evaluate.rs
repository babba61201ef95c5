//! `pmoe evaluate`: evaluates the policy of a run.

use std::path::PathBuf;

use anyhow::Result;
use clap::ValueEnum;
use pmoe_algos::RunConfig;
use pmoe_algos::policy::EvalPrimitive;
use pmoe_algos::seed::Stream;
use pmoe_envs::TaskId;
use pmoe_results::Exit;
use pmoe_results::number::{MOST_EPISODES, whole};
use serde::Serialize;

use super::policy::{self, Streams};
use super::{print_json, print_line};
use crate::config;
use crate::exit::BadInput;

/// The largest index of a primitive on the command line. The policy's number of primitives is
/// checked later.
const MOST_PRIMITIVE: u64 = 1_000;

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
    /// Always act with this primitive of a mixture, counted from 0.
    #[arg(
        long, conflicts_with = "eval_primitive", allow_negative_numbers = true,
        value_parser = whole::<usize>(0..=MOST_PRIMITIVE)
    )]
    primitive: Option<usize>,
    /// How the acting primitive of a mixture is chosen; by default as in the run's config.
    #[arg(long, rename_all = "snake_case")]
    eval_primitive: Option<Choice>,
    /// Threads that step the environments. Results do not depend on it.
    #[arg(long, default_value_t = 1, allow_negative_numbers = true, value_parser = whole::<u8>(1..=255))]
    threads: u8,
    /// Print one JSON document on stdout.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Choice {
    /// Sampled from the router's weights.
    Sample,
    /// The primitive with the largest weight.
    ArgmaxW,
    /// The primitive whose mean action the critics rate highest.
    ArgmaxQ,
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
    choose_primitive(&mut config, &args)?;
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

/// Writes the primitive chosen on the command line into the config and validates it again.
fn choose_primitive(config: &mut RunConfig, args: &Args) -> Result<()> {
    let choice = match (args.primitive, args.eval_primitive) {
        (Some(index), _) => EvalPrimitive::Index(index),
        (None, Some(Choice::Sample)) => EvalPrimitive::Sample,
        (None, Some(Choice::ArgmaxW)) => EvalPrimitive::ArgmaxW,
        (None, Some(Choice::ArgmaxQ)) => EvalPrimitive::ArgmaxQ,
        (None, None) => return Ok(()),
    };
    let Some(eval_primitive) = config.algo.eval_primitive() else {
        let message = format!("the policy of {} has no primitives to choose from", config.method);
        return Err(BadInput(message).into());
    };
    *eval_primitive = choice;
    Ok(config.algo.validate()?)
}
