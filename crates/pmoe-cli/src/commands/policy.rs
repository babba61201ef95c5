//! The policy of a finished or running run, to act with.

use std::num::NonZeroUsize;
use std::path::Path;

use anyhow::{Context, Result};
use pmoe_algos::checkpoint::Files;
use pmoe_algos::evaluate::evaluate_many;
use pmoe_algos::seed::{Stream, sub_stream};
use pmoe_algos::{Agent, AnyAgent, Checkpoints, Evaluation, Origin, RunConfig, Scope, train};
use pmoe_envs::{Env, EnvSpec, ObsNoise, VecEnv};
use pmoe_results::files::{MOST_CONFIG_BYTES, read_text};
use pmoe_results::{AnalysisKind, Manifest, RunDir, Status};

use crate::config;
use crate::exit::BadInput;
use crate::machine;

/// The config of a run folder.
pub(super) fn read_config(run: &Path) -> Result<RunConfig> {
    let source = run.join(RunDir::CONFIG).display().to_string();
    Ok(RunConfig::from_toml(&config_text(run)?, &source)?)
}

fn config_text(run: &Path) -> Result<String> {
    read_text(&run.join(RunDir::CONFIG), MOST_CONFIG_BYTES)
        .with_context(|| format!("{} is not a run folder", run.display()))
}

/// Takes the lock of a run folder; nothing else of it is changed.
pub(super) fn lock(run: &Path) -> Result<RunDir> {
    let manifest = Manifest::read(run)?;
    Ok(RunDir::open(run, &config_text(run)?, || manifest)?)
}

/// The checkpoints of a run in its folder, to read them.
pub(super) fn checkpoints(run: &Path, config: &RunConfig) -> Checkpoints {
    Checkpoints {
        folder: run.join(RunDir::CHECKPOINT),
        run: config.id(),
        keep: NonZeroUsize::MIN,
        at_the_end: Scope::Policy,
    }
}

/// The policy in the run's newest usable checkpoint, acting as `config` says.
pub(super) fn restore(config: &RunConfig, run: &Path, spec: &EnvSpec) -> Result<AnyAgent> {
    let mut agent = new_agent(config, spec)?;
    start_from(run, &mut agent)?;
    Ok(agent)
}

fn new_agent(config: &RunConfig, spec: &EnvSpec) -> Result<AnyAgent> {
    let device = config::device(config.device)?;
    let total_steps = config.schedule.total_steps;
    // Nothing is kept to learn from.
    machine::check_memory(config, 0, spec)?;
    Ok(config.algo.agent(spec, total_steps, config.seed, &device))
}

/// Gives an agent the policy in a run's newest usable checkpoint.
pub(super) fn start_from(run: &Path, agent: &mut AnyAgent) -> Result<()> {
    let checkpoints = checkpoints(run, &read_config(run)?);
    let found = train::restore_policy(&checkpoints, agent)
        .with_context(|| format!("cannot use the policy of {}", run.display()))?;
    let Some(unusable) = found else {
        let message = match Manifest::read(run) {
            Ok(manifest) if manifest.status == Status::Done => "its policy was not kept",
            _ => "it has no checkpoint yet",
        };
        return Err(BadInput(format!("cannot use {}: {message}", run.display())).into());
    };
    for reason in unusable {
        say!("warning: {reason}");
    }
    Ok(())
}

/// The policy of `run`, as the config of a run that starts from it names it.
pub(super) fn origin(run: &Path, config: &RunConfig) -> Result<Origin> {
    let env = pmoe_envs::make_with(&config.task, &config.env)?;
    let mut agent = new_agent(config, env.spec())?;
    start_from(run, &mut agent)?;
    let mut policy = Files::default();
    agent.save(&mut policy, Scope::Policy)?;
    Ok(Origin { run: read_config(run)?.id(), policy: policy.blake3()? })
}

/// Environments that play at the same time, whatever the threads.
const COPIES: u32 = 8;

/// Where the randomness of some evaluation episodes comes from.
#[derive(Clone, Copy)]
pub(super) struct Streams {
    pub(super) seed: u64,
    pub(super) stream: Stream,
    /// The first of two sub-streams for each environment.
    pub(super) first: u64,
}

/// Plays evaluation episodes with the policy of a run, with noise of this standard deviation on what it sees.
pub(super) fn play(
    run: &Path,
    config: &RunConfig,
    episodes: u32,
    obs_noise: f64,
    streams: Streams,
    threads: usize,
) -> Result<Evaluation> {
    let copies = COPIES.min(episodes);
    let make = |_| -> Result<Box<dyn Env>> {
        let env = pmoe_envs::make_with(&config.task, &config.env)?;
        Ok(if obs_noise > 0.0 { Box::new(ObsNoise::new(env, obs_noise)) } else { env })
    };
    let envs = (0..copies).map(make).collect::<Result<Vec<_>>>()?;
    // Of each copy one stream for the environment, one for the policy.
    let Streams { seed, stream, first } = streams;
    let rngs = |which| {
        (0..u64::from(copies)).map(move |i| sub_stream(seed, stream, first + 2 * i + which))
    };
    let mut envs = VecEnv::new(envs, rngs(0).collect(), threads);
    let agent = restore(config, run, envs.spec())?;
    let mut rngs: Vec<_> = rngs(1).collect();
    Ok(evaluate_many(&agent, &mut envs, episodes, &mut rngs)?)
}

/// What to say where an analysis needs primitives that the policy does not have.
pub(super) fn no_primitives(config: &RunConfig, kind: AnalysisKind) -> BadInput {
    BadInput(format!(
        "{kind}: the policy of {} has no primitives to look at; those of the SAC family with gating, MCP \
         and PMOE have",
        config.method
    ))
}
