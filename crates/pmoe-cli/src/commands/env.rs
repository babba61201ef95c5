//! `pmoe env`: environments on their own, without learning.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use pmoe_algos::seed::{Stream, stream, sub_stream};
use pmoe_core::instructions::Instructions;
use pmoe_core::noise;
use pmoe_envs::{TraceInput, VecEnv, action_to_f64};
use pmoe_results::Exit;
use pmoe_results::files::read_text;
use serde::Serialize;

use super::{print_json, print_line, render};
use crate::config;
use crate::exit::{BadInput, cannot_write};

/// The largest input of a trace: the maximum number of steps, with the most motors, in full
/// precision.
const MOST_TRACE_BYTES: u64 = 64 << 20;
/// The most environments, and threads, at once.
const MOST_ENVS: i64 = 1024;
/// The longest time to step for (s): a day.
const MOST_SECONDS: f64 = 86_400.0;

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Step a task from a given state with given actions; all numbers in full precision.
    #[command(after_help = "\
Example: pmoe env trace --task Hopper-v4 --input in.json --output out.json

Input:  {\"task\": \"Hopper-v4\", \"qpos\": [..], \"qvel\": [..], \"actions\": [[..], ..]}
Output: {\"task\", \"mujoco\", \"obs\", \"reward\", \"terminated\", \"truncated\", \"qpos\", \"qvel\"};
obs, qpos and qvel begin with the given state. Nothing is reset; actions are in the task's units.
The input may also contain \"use_contact_forces\": true (Ant-v4), or \"contact_forces\": \"zero\" (version 2 of
Ant, Humanoid and HumanoidStandup).")]
    Trace {
        /// Task id; must match the input's.
        #[arg(long)]
        task: Option<String>,
        /// JSON file to read.
        #[arg(long)]
        input: PathBuf,
        /// JSON file to write.
        #[arg(long)]
        output: PathBuf,
    },
    /// Draw a task with random actions.
    #[command(
        after_help = "Example: pmoe env render --task TargetReaching-v0 --output reaching.gif"
    )]
    Render {
        /// Task id, see `pmoe list tasks`.
        #[arg(long)]
        task: String,
        #[command(flatten)]
        picture: render::Picture,
    },
    /// Measure steps per second with random actions, resets included.
    #[command(after_help = "\
Examples:
  pmoe env bench --task Ant-v4 --seconds 5 --json
  pmoe env bench --task Ant-v4 --num-envs 16 --threads 2

Many environments step together, each with its own random numbers; their steps are added up.")]
    Bench {
        /// Task id, see `pmoe list tasks`.
        #[arg(long)]
        task: String,
        /// Seconds to step for.
        #[arg(long, default_value_t = 5.0, allow_negative_numbers = true)]
        seconds: f64,
        /// Environments.
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=MOST_ENVS))]
        num_envs: u32,
        /// Threads to step them on; more than there are environments have no effect.
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=MOST_ENVS))]
        threads: u32,
        /// Print one JSON document on stdout.
        #[arg(long)]
        json: bool,
    },
}

pub(crate) fn run(command: Command) -> Result<Exit> {
    match command {
        Command::Trace { task, input, output } => trace(task.as_deref(), &input, &output)?,
        Command::Render { task, picture } => return render::random(&task, &picture),
        Command::Bench { task, seconds, num_envs, threads, json } => {
            bench(&task, seconds, num_envs, threads, json)?;
        }
    }
    Ok(Exit::Done)
}

fn trace(task: Option<&str>, input: &Path, output: &Path) -> Result<()> {
    let name = input.display();
    let text = read_text(input, MOST_TRACE_BYTES)?;
    let json = &mut serde_json::Deserializer::from_str(&text);
    let parsed: TraceInput = serde_path_to_error::deserialize(json).map_err(|error| {
        let path = error.path().to_string();
        BadInput(format!("{name}: at `{path}`: {}", error.into_inner()))
    })?;
    if let Some(task) = task {
        let task = config::task(task)?;
        if task != parsed.task {
            let message = format!("{name} is for {}, but --task is {task}", parsed.task);
            return Err(BadInput(message).into());
        }
    }
    let traced = pmoe_envs::trace(&parsed).with_context(|| format!("cannot trace {name}"))?;
    let bytes = serde_json::to_vec(&traced)?;
    pmoe_results::files::write_atomic(output, &bytes)
        .map_err(|error| cannot_write(output, error))?;
    Ok(())
}

#[derive(Serialize)]
struct Speed {
    task: String,
    num_envs: u32,
    threads: u32,
    /// Vector instructions in use, of the random actions; MuJoCo chooses its own.
    instructions: &'static str,
    /// Steps of all environments together.
    steps: u64,
    seconds: f64,
    steps_per_second: f64,
}

fn bench(task: &str, seconds: f64, num_envs: u32, threads: u32, json: bool) -> Result<()> {
    if !(0.0..=MOST_SECONDS).contains(&seconds) {
        let message = format!("--seconds is {seconds}, but must be between 0 and {MOST_SECONDS}");
        return Err(BadInput(message).into());
    }
    let id = config::task(task)?;
    let length = Duration::from_secs_f64(seconds);
    let envs = (0..num_envs).map(|_| pmoe_envs::make(&id)).collect::<Result<Vec<_>, _>>()?;
    let rngs = (0..num_envs.into()).map(|env| sub_stream(0, Stream::Env, env)).collect();
    let mut envs = VecEnv::new(envs, rngs, threads as usize);
    let mut rng = stream(0, Stream::Explore);
    let mut uniform = vec![0.0_f32; envs.num_envs() * envs.spec().action_dim()];
    let mut actions = vec![0.0; uniform.len()];
    envs.reset()?;
    let (begun, mut steps) = (Instant::now(), 0);
    while begun.elapsed() < length || steps == 0 {
        noise::fill_uniform(&mut uniform, &mut rng);
        action_to_f64(&uniform, &mut actions);
        envs.step(&actions)?;
        envs.reset_ended()?;
        steps += u64::from(num_envs);
    }
    let seconds = begun.elapsed().as_secs_f64();
    let speed = Speed {
        task: task.to_owned(),
        num_envs,
        threads,
        instructions: Instructions::in_use().name(),
        steps,
        seconds,
        steps_per_second: steps as f64 / seconds,
    };
    if json {
        return print_json(&speed);
    }
    print_line(&format!("{task}: {:.0} steps per second", speed.steps_per_second))
}
