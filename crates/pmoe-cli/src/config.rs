//! Turns a method's name and the command line into a checked config.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::ValueEnum;
use pmoe_algos::{ConfigError, DeviceKind, MethodConfig, RunConfig};
use pmoe_core::engine::with_engine;
use pmoe_core::parallel::with_threads;
use pmoe_envs::{Env, TaskId, UnknownTask};
#[cfg(feature = "experiments")]
use pmoe_report::claims::Claim;
use pmoe_results::Suite;
use pmoe_results::error::SettingError;
use pmoe_results::files::{MOST_CONFIG_BYTES, read_text};
use pmoe_results::methods;
use pmoe_results::number::{MOST_SEED, whole};
use pmoe_results::settings::{absolute_key, assign, find, meant, parse_setting};
use pmoe_results::text::did_you_mean;
use toml::{Table, Value};

use crate::exit::BadInput;

include!(concat!(env!("OUT_DIR"), "/configs.rs"));

/// Command-line arguments that determine a run's config.
#[derive(clap::Args)]
pub(crate) struct MethodArgs {
    /// Method: a name from `pmoe list methods`, or a TOML file of the same form.
    #[arg(long, alias = "algo", value_name = "NAME")]
    pub(crate) method: String,
    /// Override a setting, e.g. `batch_size=256`, `actor.pmoe.num_primitives=8`,
    /// `schedule.eval_every=5000`, `env.max_episode_steps=500`,
    /// `temperature={auto={initial_alpha=1.0,target_entropy_per_dim=-1.0}}`.
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// Device that holds the tensors.
    #[arg(long, default_value = "flex")]
    pub(crate) device: DeviceArg,
}

/// A device by name.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum DeviceArg {
    /// The CPU, burn's flex backend.
    Flex,
    /// The CPU, with burn's own operations only; slower, for cross-checks.
    FlexPlain,
    /// The CPU, burn's ndarray backend; needs a build with `--features ndarray`.
    Ndarray,
    /// A GPU through wgpu; needs a build with `--features wgpu`.
    Wgpu,
    /// An NVIDIA GPU through CUDA; needs a build with `--features cuda`.
    Cuda,
}

impl From<DeviceArg> for DeviceKind {
    fn from(device: DeviceArg) -> Self {
        match device {
            DeviceArg::Flex => Self::Flex,
            DeviceArg::FlexPlain => Self::FlexPlain,
            DeviceArg::Ndarray => Self::Ndarray,
            DeviceArg::Wgpu => Self::Wgpu,
            DeviceArg::Cuda => Self::Cuda,
        }
    }
}

/// Parses a seed.
pub(crate) fn seed(text: &str) -> Result<u64, String> {
    whole(0..=MOST_SEED)(text)
}

/// Parses an interval of 0.1 s to one day.
pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "expected a number of seconds".to_owned())?;
    if (0.1..=86_400.0).contains(&seconds) {
        Ok(Duration::from_secs_f64(seconds))
    } else {
        Err("expected 0.1 to 86400 seconds".to_owned())
    }
}

/// Parses a task's name.
pub(crate) fn task(name: &str) -> Result<TaskId> {
    name.parse().map_err(|error: UnknownTask| {
        let known: Vec<String> = TaskId::all().map(|task| task.to_string()).collect();
        let meant = did_you_mean(name, known.iter().map(String::as_str));
        BadInput(format!("{error}{meant}")).into()
    })
}

/// Returns the config of the run that `args`, `task` and `seed` describe, with every setting
/// resolved.
///
/// # Errors
/// If the config is invalid or the run would never learn.
pub(crate) fn resolve_run(
    args: &MethodArgs,
    task: &TaskId,
    seed: u64,
    total_steps: Option<u64>,
) -> Result<RunConfig> {
    let config = resolve(args, task, seed, total_steps)?;
    config.check_learns()?;
    Ok(config)
}

/// Makes the environments that a run steps.
///
/// # Errors
/// If the task can't be made.
pub(crate) fn envs(config: &RunConfig) -> Result<Vec<Box<dyn Env>>> {
    let make = |_| pmoe_envs::make_with(&config.task, &config.env);
    Ok((0..config.algo.num_envs()).map(make).collect::<Result<_, _>>()?)
}

/// Borrows each of the environments that [`envs`] made.
pub(crate) fn each(envs: &mut [Box<dyn Env>]) -> Vec<&mut dyn Env> {
    envs.iter_mut().map(|env| &mut **env as _).collect()
}

/// Like [`resolve_run`], for commands that do not train a whole run.
pub(crate) fn resolve(
    args: &MethodArgs,
    task: &TaskId,
    seed: u64,
    total_steps: Option<u64>,
) -> Result<RunConfig> {
    let (name, mut table, mut source) = read_method(&args.method)?;
    table.insert("env".to_owned(), Value::try_from(task.config()?)?);
    if let Some(steps) = total_steps {
        assign(&mut table, "schedule.total_steps", Value::Integer(steps.try_into()?))?;
    }
    // A suggestion for the first key that the method does not contain. Such keys may still be
    // valid.
    let mut hint = None;
    for setting in &args.set {
        let (key, value) = parse_setting(setting).map_err(of_set)?;
        if hint.is_none() && find(&table, key).is_none() {
            hint = meant(&table, key);
        }
        let key = absolute_key(&table, key);
        assign(&mut table, &key, value).map_err(of_set)?;
    }
    if !args.set.is_empty() {
        source += &format!(" with --set {}", args.set.join(" --set "));
    }
    let device = toml::Value::try_from(DeviceKind::from(args.device))?;
    let seed = i64::try_from(seed)?;
    table.insert("method".to_owned(), Value::String(name));
    table.insert("task".to_owned(), Value::String(task.to_string()));
    table.insert("seed".to_owned(), Value::Integer(seed));
    table.insert("device".to_owned(), device);
    Ok(RunConfig::from_table(table, &source).map_err(|error| with_hint(error, hint))?)
}

/// Adds the flag that a setting comes from.
pub(crate) fn of_set(error: SettingError) -> BadInput {
    BadInput(format!("--set {error}"))
}

/// Appends a suggestion if the error is about an unknown key.
fn with_hint(mut error: ConfigError, hint: Option<String>) -> ConfigError {
    if let (ConfigError::Key { message, .. }, Some(hint)) = (&mut error, hint)
        && message.starts_with("unknown field")
    {
        // The hint considers all keys, not only those of the table that the unknown key is in.
        let words = message.split("; did you mean").next().unwrap_or_default();
        *message = format!("{words}; did you mean `{hint}`?");
    }
    error
}

/// Returns the name, all settings and the source of a method.
fn read_method(wanted: &str) -> Result<(String, Table, String)> {
    if let Some(table) = methods::config_of(wanted) {
        return Ok((wanted.to_owned(), table, format!("configs/methods/{wanted}.toml")));
    }
    let path = Path::new(wanted);
    if path.extension().is_none_or(|extension| extension != "toml") {
        let known: Vec<&str> = methods::committed().iter().map(|(name, _)| *name).collect();
        let meant = did_you_mean(wanted, known.iter().copied());
        let known = known.join(", ");
        let message =
            format!("unknown method `{wanted}`: it must be one of {known}, or a .toml file{meant}");
        return Err(BadInput(message).into());
    }
    let text = read_text(path, MOST_CONFIG_BYTES)?;
    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let own = pmoe_algos::config::parse_toml(&text, wanted)?;
    let whole = methods::extended(own, path).map_err(ConfigError::from)?;
    Ok((name, whole, wanted.to_owned()))
}

/// How a run uses the machine. Results do not depend on it.
#[derive(clap::Args)]
pub(crate) struct ComputeArgs {
    /// Threads that compute; with 2, learning runs the two critics in parallel. Results do not depend on it.
    #[arg(long, default_value_t = 1, allow_negative_numbers = true, value_parser = whole::<u8>(1..=2))]
    pub(crate) threads: u8,
}

impl ComputeArgs {
    /// Runs `body` with these threads and the engine of the device.
    pub(crate) fn run<R>(&self, device: DeviceKind, body: impl FnOnce() -> R) -> R {
        with_engine(device.engine(), || with_threads(self.threads.into(), body))
    }
}

/// Returns the committed suites.
pub(crate) fn suites() -> Result<Vec<Suite>> {
    let parse = |(name, text): &(&str, &str)| {
        let path = format!("configs/suites/{name}.toml");
        Suite::parse(text, Path::new(&path)).with_context(|| format!("cannot use {path}"))
    };
    let mut suites = SUITES.iter().map(parse).collect::<Result<Vec<_>>>()?;
    Suite::sort(&mut suites);
    Ok(suites)
}

/// Returns the claims of the paper: those of the committed file, then those of the suites' tables.
#[cfg(feature = "experiments")]
pub(crate) fn claims(suites: &[Suite]) -> Result<Vec<Claim>> {
    let path = Path::new("configs/claims.toml");
    let claims = Claim::parse(CLAIMS, path, suites).context("cannot use configs/claims.toml")?;
    Ok(claims.into_iter().chain(Claim::of_tables(suites)).collect())
}

/// Checks a config file of any kind: a method, a run's resolved config, a suite, claims, or a
/// task's settings, which are next to its model file.
pub(crate) fn check(path: &Path) -> Result<()> {
    let source = path.display().to_string();
    let text = read_text(path, MOST_CONFIG_BYTES)?;
    let table = pmoe_algos::config::parse_toml(&text, &source)?;
    if table.contains_key("presets") {
        return check_suite(&Suite::parse(&text, path)?, &source);
    }
    if table.contains_key("claims") {
        #[cfg(feature = "experiments")]
        return Ok(Claim::parse(&text, path, &suites()?).map(drop)?);
        #[cfg(not(feature = "experiments"))]
        return Err(BadInput(format!("{source}: claims need a build with `experiments`")).into());
    }
    if table.contains_key("method") {
        RunConfig::from_run(&text, &source)?;
    } else if table.contains_key("algo") || table.contains_key("extends") {
        MethodConfig::from_toml(&text, &source)?;
    } else if ["frame_skip", "reset", "reward"].iter().any(|key| table.contains_key(*key)) {
        TaskId::Mjcf(path.with_extension("xml").display().to_string()).config()?;
    } else {
        let key = "(top level)".to_owned();
        let message =
            "expected a method (table `algo`), a suite (table `presets`), claims, a sweep (table \
             `space`) or a task (table `reward`)"
                .to_owned();
        return Err(ConfigError::Key { source_name: source, key, message }.into());
    }
    Ok(())
}

/// Checks that every run of every preset resolves.
fn check_suite(suite: &Suite, source: &str) -> Result<()> {
    for preset in pmoe_results::Preset::ALL {
        for spec in suite.plan(preset) {
            let set = spec.set.iter().map(|(key, value)| format!("{key}={value}")).collect();
            let args = MethodArgs { method: spec.base.clone(), set, device: DeviceArg::Flex };
            let run = format!("{source}, preset {preset}, {} on {}", spec.method, spec.task);
            let task = task(&spec.task).with_context(|| run.clone())?;
            resolve_run(&args, &task, spec.seed, Some(spec.total_steps)).with_context(|| run)?;
        }
    }
    Ok(())
}
