//! `pmoe export`: the policy of a run as one file for other programs.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::ValueEnum;
use pmoe_algos::checkpoint::{
    Files, PolicyAbout, PolicyEvaluation, PolicyFacts, PolicyNormalizer, policy_bytes,
};
use pmoe_algos::{Agent as _, AnyAgent, RunConfig, Scope, export as forms};
use pmoe_envs::{Env as _, EnvSpec};
use pmoe_results::files::write_atomic;
use pmoe_results::{Event, Exit, Manifest, Run, RunDir};
use pmoe_stats::mean;

use super::choice::Chosen;
use super::policy::{self, LoadedPolicy};
use crate::exit::{BadInput, cannot_write};

/// Arguments of `pmoe export`.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  pmoe export results/runs/pmoe-sac/Hopper-v4/seed_0 --output hopper.onnx
  pmoe export results/runs/pmoe-sac/Hopper-v4/seed_0 --format torch

docs/export.md describes the files and shows programs that play with them. A policy that draws the primitive that acts
has a second input in ONNX, the numbers that it draws by; --eval-primitive argmax_w makes it deterministic.")]
pub(crate) struct Args {
    /// Run folder, or a file that this command wrote. Of a run that is under way, the newest checkpoint counts.
    run: PathBuf,
    /// File to write, by default `policy` with the ending of the format.
    #[arg(long)]
    output: Option<PathBuf>,
    /// Format of the file, by default the one that its ending names, or safetensors.
    #[arg(long)]
    format: Option<Format>,
    #[command(flatten)]
    chosen: Chosen,
}

/// Formats of a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A graph from observations to actions (.onnx).
    Onnx,
    /// Parameters, which Python's `pmoe.load` reads, too (.safetensors).
    Safetensors,
    /// Parameters in PyTorch's names and layout (.pt).
    Torch,
}

impl Format {
    fn ending(self) -> &'static str {
        match self {
            Self::Onnx => "onnx",
            Self::Safetensors => "safetensors",
            Self::Torch => "pt",
        }
    }

    /// Returns the format with a file's ending.
    fn of(path: &Path) -> Result<Self> {
        let ending = path.extension().and_then(|ending| ending.to_str());
        let found = Self::value_variants().iter().find(|format| ending == Some(format.ending()));
        found.copied().ok_or_else(|| {
            let message = format!(
                "the file to write is {}, but must end in .onnx, .safetensors or .pt if no format is given",
                path.display()
            );
            BadInput(message).into()
        })
    }
}

pub(crate) fn run(args: Args) -> Result<Exit> {
    let Args { run, output, format, chosen } = args;
    let format = match (format, &output) {
        (Some(format), _) => format,
        (None, Some(output)) => Format::of(output)?,
        (None, None) => Format::Safetensors,
    };
    let output = output.unwrap_or_else(|| Path::new("policy").with_extension(format.ending()));
    write(&run, &output, format, &chosen)?;
    say!("{} written", output.display());
    Ok(Exit::Done)
}

/// Writes the policy of a run folder, or of a file that this wrote, to a file. `format` is `onnx`, `safetensors` or
/// `torch`; by default the one that the file's ending names.
///
/// # Errors
/// If there is no policy, it is damaged, its task can't be made, or the file can't be written.
pub fn export(run: &Path, output: &Path, format: Option<&str>) -> Result<()> {
    let format = match format {
        Some(name) => Format::from_str(name, false).map_err(|_| {
            BadInput(format!("the format is `{name}`, but must be onnx, safetensors or torch"))
        })?,
        None => Format::of(output)?,
    };
    write(run, output, format, &Chosen::default())
}

/// Writes the policy of a run folder to a file that [`policy::load`] reads.
#[cfg(feature = "experiments")]
pub(super) fn policy_into(run: &Path, output: &Path) -> Result<()> {
    write(run, output, Format::Safetensors, &Chosen::default())
}

fn write(run: &Path, output: &Path, format: Format, chosen: &Chosen) -> Result<()> {
    let kept = run.join(RunDir::POLICY);
    if kept.exists() && output.canonicalize().ok() == Some(kept.canonicalize()?) {
        let message = format!("{} is the policy of the run itself", output.display());
        return Err(BadInput(message).into());
    }
    let policy = policy::load_choosing(run, chosen)?;
    let spec = own_spec(&policy.config)?;
    let facts = facts(run, &policy, &spec)?;
    let parts = || -> Result<Files<'_>> {
        let mut files = Files::default();
        policy.agent.save(&mut files, Scope::Acting)?;
        Ok(files)
    };
    let bytes = match format {
        Format::Safetensors => policy_bytes(&parts()?, facts)?,
        Format::Onnx => forms::onnx(&policy.agent, &spec, &facts),
        Format::Torch => forms::torch(&parts()?, facts)?,
    };
    write_atomic(output, &bytes).map_err(|error| cannot_write(output, error))
}

/// Returns the specification of a run's task in its own units.
fn own_spec(config: &RunConfig) -> Result<EnvSpec> {
    Ok(pmoe_envs::make_bare(&config.task, &config.env)?.spec().clone())
}

/// Collects what an exported policy says about itself. A file says what it was told.
fn facts(run: &Path, policy: &LoadedPolicy, spec: &EnvSpec) -> Result<PolicyFacts> {
    let LoadedPolicy { config, agent, env_step, has_critic: _, about } = policy;
    let (commit, evaluation) = match about {
        Some(about) => (about.commit.clone(), about.evaluation.clone()),
        None if run.join(Manifest::FILE).exists() => origin(&Run::read(run)?, *env_step),
        None => (None, None),
    };
    let about = PolicyAbout {
        task: config.task.to_string(),
        method: config.method.clone(),
        action_low: spec.action_low.clone(),
        action_high: spec.action_high.clone(),
        normalizer: normalizer(agent),
        commit,
        evaluation,
    };
    Ok(PolicyFacts {
        run: config.id(),
        env_step: *env_step,
        config: config.to_toml(),
        about: Some(about),
    })
}

/// Returns the commit of a run and its newest evaluation of a policy that was trained for `env_step` steps at most.
fn origin(run: &Run, env_step: u64) -> (Option<String>, Option<PolicyEvaluation>) {
    let code = &run.manifest.provenance;
    let commit = format!("{}{}", code.commit, if code.dirty { "-dirty" } else { "" });
    let mut evaluations = run.events.iter().filter_map(|event| match event {
        Event::Eval { env_step, returns, .. } => Some(PolicyEvaluation {
            env_step: *env_step,
            episodes: returns.len(),
            mean_return: mean(returns)?,
        }),
        _ => None,
    });
    (Some(commit), evaluations.rfind(|found| found.env_step <= env_step))
}

/// Returns what the policy normalises observations by, if it does.
fn normalizer(agent: &AnyAgent) -> Option<PolicyNormalizer> {
    let normalizer = match agent {
        AnyAgent::Ppo(agent) => agent.normalizers(),
        AnyAgent::Dac(agent) => agent.normalizers(),
        AnyAgent::Sac(_) | AnyAgent::Td3(_) => return None,
    };
    let normalizer = normalizer.obs()?;
    let mean = normalizer.stats().mean().to_vec();
    let scale = (0..mean.len()).map(|index| normalizer.scale(index)).collect();
    Some(PolicyNormalizer { mean, scale, clip: normalizer.clip() })
}
