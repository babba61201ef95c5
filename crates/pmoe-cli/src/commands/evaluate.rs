//! `pmoe evaluate`: how good the policy of a run is.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::ValueEnum;
use pmoe_algos::evaluate::evaluate_many;
use pmoe_algos::sac::{ActorConfig, EvalPrimitive};
use pmoe_algos::seed::{Stream, sub_stream};
use pmoe_algos::{AlgoConfig, RunConfig};
use pmoe_envs::{Env, ObsNoise, TaskId, VecEnv};
use serde::Serialize;

use super::{policy, print_json, print_line};
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
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    episodes: u32,
    /// Seed of resets, noise and the choice of primitives.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Standard deviation of Gaussian noise on what the policy sees.
    #[arg(long, default_value_t = 0.0, allow_negative_numbers = true)]
    obs_noise: f64,
    /// Always act with this primitive of a mixture, from 0.
    #[arg(long, conflicts_with = "eval_primitive")]
    primitive: Option<usize>,
    /// Which primitive of a mixture acts; as trained if absent.
    #[arg(long, rename_all = "snake_case")]
    eval_primitive: Option<Choice>,
    /// Threads that step the environments; results do not depend on it.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..))]
    threads: u8,
    /// One JSON document on stdout.
    #[arg(long)]
    json: bool,
}

/// Environments that play at the same time, whatever the threads.
const COPIES: u32 = 8;

#[derive(Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Choice {
    /// Drawn from the router's weights.
    Sample,
    /// The one with the largest weight.
    ArgmaxW,
    /// The one whose mean action the critics value most.
    ArgmaxQ,
}

#[derive(Serialize)]
struct Summary {
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

pub(crate) fn evaluate(args: Args) -> Result<ExitCode> {
    if !(0.0 <= args.obs_noise && args.obs_noise.is_finite()) {
        let message =
            format!("--obs-noise is {}, but must be a finite number, at least 0", args.obs_noise);
        return Err(BadInput(message).into());
    }
    let mut config = policy::read_config(&args.run)?;
    choose_primitive(&mut config, &args)?;
    let copies = COPIES.min(args.episodes);
    let make = |_| -> Result<Box<dyn Env>> {
        let env = pmoe_envs::make_with(config.task, &config.env)?;
        Ok(if args.obs_noise > 0.0 { Box::new(ObsNoise::new(env, args.obs_noise)) } else { env })
    };
    let envs = (0..copies).map(make).collect::<Result<Vec<_>>>()?;
    // Of each copy one stream for the environment, one for the policy.
    let streams = |which| {
        (0..u64::from(copies)).map(move |i| sub_stream(args.seed, Stream::Evaluate, 2 * i + which))
    };
    let mut envs = VecEnv::new(envs, streams(0).collect(), args.threads.into());
    let agent = policy::restore(&config, &args.run, envs.spec())?;
    let mut rngs: Vec<_> = streams(1).collect();
    let evaluation = evaluate_many(&agent, &mut envs, args.episodes, &mut rngs)?;
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
    Ok(ExitCode::SUCCESS)
}

/// Puts the command line's choice of primitive into the config, which is checked again.
fn choose_primitive(config: &mut RunConfig, args: &Args) -> Result<()> {
    let choice = match (args.primitive, args.eval_primitive) {
        (Some(index), _) => EvalPrimitive::Index(index),
        (None, Some(Choice::Sample)) => EvalPrimitive::Sample,
        (None, Some(Choice::ArgmaxW)) => EvalPrimitive::ArgmaxW,
        (None, Some(Choice::ArgmaxQ)) => EvalPrimitive::ArgmaxQ,
        (None, None) => return Ok(()),
    };
    let AlgoConfig::Sac(sac) = &mut config.algo;
    match &mut sac.actor {
        ActorConfig::Pmoe(pmoe) => pmoe.eval_primitive = choice,
        ActorConfig::Gaussian {} | ActorConfig::Gating(_) | ActorConfig::Mcp(_) => {
            let message =
                format!("the policy of {} has no primitives to choose from", config.method);
            return Err(BadInput(message).into());
        }
    }
    Ok(sac.validate()?)
}
