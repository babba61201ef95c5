//! Loads the policy of a finished or running run, and acts with it.

use std::num::NonZeroUsize;
use std::path::Path;

use anyhow::{Context, Result};
use pmoe_algos::checkpoint::{Files, PolicyAbout, PolicyFacts, read_policy, write_policy};
use pmoe_algos::evaluate::evaluate_many;
use pmoe_algos::policy::EvalPrimitive;
use pmoe_algos::seed::{Stream, sub_stream};
use pmoe_algos::{Agent, AnyAgent, Checkpoints, Evaluation, Origin, RunConfig, Scope, train};
use pmoe_envs::{Env, EnvSpec, ObsNoise, VecEnv};
use pmoe_results::files::{MOST_CONFIG_BYTES, read_text};
use pmoe_results::run::held_elsewhere;
use pmoe_results::{AnalysisKind, Manifest, RunDir, Status};

use super::choice::Chosen;
use crate::exit::BadInput;
use crate::machine;

/// Reads the config of a run folder.
pub(super) fn read_config(run: &Path) -> Result<RunConfig> {
    let source = run.join(RunDir::CONFIG).display().to_string();
    Ok(RunConfig::from_run(&config_text(run)?, &source)?)
}

fn config_text(run: &Path) -> Result<String> {
    read_text(&run.join(RunDir::CONFIG), MOST_CONFIG_BYTES)
        .with_context(|| format!("{} is not a run folder", run.display()))
}

/// Locks a run folder; nothing else in it changes.
pub(super) fn lock(run: &Path) -> Result<RunDir> {
    let manifest = Manifest::read(run)?;
    say_wait(run);
    Ok(RunDir::open(run, &config_text(run)?, || manifest)?)
}

/// Says that opening a folder takes a while, if it does.
pub(super) fn say_wait(run: &Path) {
    if let Some(owner) = held_elsewhere(run) {
        let run = run.display();
        say!("{run} was not left in order by {owner}; waiting a minute for a sign of life");
    }
}

/// Returns the checkpoints of a run, for reading.
pub(super) fn checkpoints(run: &Path, config: &RunConfig) -> Checkpoints {
    Checkpoints {
        folder: run.join(RunDir::CHECKPOINT),
        run: config.id(),
        keep: NonZeroUsize::MIN,
        at_the_end: Scope::Policy,
    }
}

/// A policy that acts.
pub struct LoadedPolicy {
    /// Config of its run.
    pub config: RunConfig,
    /// The learner, of which only the policy, and perhaps its critic, is loaded.
    pub agent: AnyAgent,
    /// Steps that it was trained for.
    pub env_step: u64,
    /// Whether the critic is loaded, too.
    pub has_critic: bool,
    /// What an exported file says of its task and origin.
    pub about: Option<PolicyAbout>,
}

/// Loads the policy of a run folder, or of a file that `pmoe export` wrote. Nothing in it is executed.
///
/// # Errors
/// If there is no policy, it is damaged, or its task can't be made.
pub fn load(path: &Path) -> Result<LoadedPolicy> {
    load_choosing(path, &Chosen::default())
}

/// As [`load`]; of a mixture, the chosen primitive acts.
pub(super) fn load_choosing(path: &Path, chosen: &Chosen) -> Result<LoadedPolicy> {
    if !path.is_file() {
        let mut config = read_config(path)?;
        chosen.apply(&mut config)?;
        let env = pmoe_envs::make_with(&config.task, &config.env)?;
        return restore_with_facts(&config, path, env.spec());
    }
    let (files, facts) = read_policy(path)?;
    let mut config = RunConfig::from_run(&facts.config, &path.display().to_string())?;
    chosen.apply(&mut config)?;
    if asks_critic(&config) && !has_critic(&files) {
        let message = format!("cannot use {}: it has no critic", path.display());
        return Err(BadInput(message).into());
    }
    let env = pmoe_envs::make_with(&config.task, &config.env)?;
    let agent = new_agent(&config, env.spec())?;
    load_files(agent, config, &files, facts)
}

/// Restores the policy of the run's newest usable checkpoint, or the one that it kept when it was
/// finished; it acts according to `config`.
pub(super) fn restore(config: &RunConfig, run: &Path, spec: &EnvSpec) -> Result<AnyAgent> {
    Ok(restore_with_facts(config, run, spec)?.agent)
}

/// As [`restore`], with what is known of the policy.
pub(super) fn restore_with_facts(
    config: &RunConfig,
    run: &Path,
    spec: &EnvSpec,
) -> Result<LoadedPolicy> {
    let mut agent = new_agent(config, spec)?;
    let config = config.clone();
    if let Some(env_step) = load_newest(run, &mut agent)? {
        return Ok(LoadedPolicy { config, agent, env_step, has_critic: true, about: None });
    }
    let kept = run.join(RunDir::POLICY);
    if !kept.exists() {
        return Err(without_policy(run));
    }
    let (files, facts) = read_policy(&kept)?;
    if asks_critic(&config) && !has_critic(&files) {
        return Err(without_policy(run));
    }
    let id = read_config(run)?.id();
    if facts.run != id {
        let message = format!("{} is of another run: {}, not {id}", kept.display(), facts.run);
        return Err(BadInput(message).into());
    }
    load_files(agent, config, &files, facts)
}

/// Whether a critic chooses the primitive that acts.
fn asks_critic(config: &RunConfig) -> bool {
    matches!(config.algo.clone().eval_primitive(), Some(EvalPrimitive::ArgmaxQ))
}

/// Whether a policy file has the critic, which it has if acting takes it.
fn has_critic(files: &Files<'_>) -> bool {
    ["critic.bpk", "action_value.bpk"].into_iter().any(|name| files.contains(name))
}

fn load_files(
    mut agent: AnyAgent,
    config: RunConfig,
    files: &Files<'_>,
    facts: PolicyFacts,
) -> Result<LoadedPolicy> {
    agent.load(files, Scope::Acting)?;
    let PolicyFacts { env_step, about, .. } = facts;
    Ok(LoadedPolicy { config, agent, env_step, has_critic: has_critic(files), about })
}

/// Writes what `agent` needs to act to a file.
pub(super) fn write<A: Agent>(
    agent: &A,
    config: &RunConfig,
    env_step: u64,
    path: &Path,
) -> Result<()> {
    let mut files = Files::default();
    agent.save(&mut files, Scope::Acting)?;
    let facts = PolicyFacts { run: config.id(), env_step, config: config.to_toml(), about: None };
    Ok(write_policy(path, &files, facts)?)
}

/// Makes the agent of a trained policy: its first steps are not random ones, as those of a new run are.
fn new_agent(config: &RunConfig, spec: &EnvSpec) -> Result<AnyAgent> {
    let device = config.device.open()?;
    let total_steps = config.schedule.total_steps;
    // No transitions are stored, as the agent won't learn.
    machine::check_memory(config, 0, spec)?;
    let algo = config.algo.clone().with_random_steps(0);
    Ok(algo.agent(spec, total_steps, config.seed, &device))
}

/// Loads the policy and critic of a run's newest usable checkpoint into an agent.
pub(super) fn start_from(run: &Path, agent: &mut AnyAgent) -> Result<()> {
    load_newest(run, agent)?.map(drop).ok_or_else(|| without_policy(run))
}

/// Loads the newest usable checkpoint and returns its step, if there is one.
fn load_newest(run: &Path, agent: &mut AnyAgent) -> Result<Option<u64>> {
    let checkpoints = checkpoints(run, &read_config(run)?);
    let found = train::restore_policy(&checkpoints, agent)
        .with_context(|| format!("cannot use the policy of {}", run.display()))?;
    let Some((env_step, unusable)) = found else { return Ok(None) };
    for reason in unusable {
        say!("warning: {reason}");
    }
    Ok(Some(env_step))
}

/// Returns the error for a run whose folder lacks what acting, or learning on, takes.
fn without_policy(run: &Path) -> anyhow::Error {
    let has_policy = run.join(RunDir::POLICY).exists();
    let message = match Manifest::read(run) {
        Ok(manifest) if manifest.status == Status::Done => {
            let again = shlex::try_join(["pmoe", "retrain", &run.display().to_string()]);
            let again = again.unwrap_or_else(|_| "pmoe retrain RUN".to_owned());
            let lacks = if has_policy { "critic" } else { "policy" };
            format!("its {lacks} was not kept; `{again} --out FOLDER` trains it once more")
        }
        // A packaged policy, or what is left of one, has no manifest.
        _ if has_policy => "it has no critic".to_owned(),
        Ok(_) => "it has no checkpoint yet".to_owned(),
        Err(_) => format!("it has no {}", RunDir::POLICY),
    };
    BadInput(format!("cannot use {}: {message}", run.display())).into()
}

/// Describes the policy of `run` for the config of a run that starts from it.
pub(super) fn origin(run: &Path, config: &RunConfig) -> Result<Origin> {
    let env = pmoe_envs::make_with(&config.task, &config.env)?;
    let mut agent = new_agent(config, env.spec())?;
    start_from(run, &mut agent)?;
    let mut policy = Files::default();
    agent.save(&mut policy, Scope::Policy)?;
    Ok(Origin { run: read_config(run)?.id(), policy: policy.blake3()? })
}

/// Environments stepped in parallel, whatever the number of threads.
const COPIES: u32 = 8;

/// Random streams of some evaluation episodes.
#[derive(Clone, Copy)]
pub(super) struct Streams {
    pub(super) seed: u64,
    pub(super) stream: Stream,
    /// The first sub-stream; every environment uses two.
    pub(super) first: u64,
}

/// Plays evaluation episodes with the policy of a run. `obs_noise` is the standard deviation of the
/// noise on its observations.
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
    // Two streams per copy: one for the environment, one for the policy.
    let Streams { seed, stream, first } = streams;
    let rngs = |which| {
        (0..u64::from(copies)).map(move |i| sub_stream(seed, stream, first + 2 * i + which))
    };
    let mut envs = VecEnv::new(envs, rngs(0).collect(), threads);
    let agent = restore(config, run, envs.spec())?;
    let mut rngs: Vec<_> = rngs(1).collect();
    Ok(evaluate_many(&agent, &mut envs, episodes, &mut rngs)?)
}

/// The error for an analysis of primitives if the policy has none.
pub(super) fn no_primitives(config: &RunConfig, kind: AnalysisKind) -> BadInput {
    BadInput(format!(
        "{kind}: the policy of {} has no primitives to analyze; choose gating, MCP or PMOE of the SAC family",
        config.method
    ))
}
