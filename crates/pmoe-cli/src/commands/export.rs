//! `pmoe export`: the policy of a run as one file for other programs.

use std::path::PathBuf;

use anyhow::Result;
use pmoe_results::Exit;

use super::policy;

/// Arguments of `pmoe export`.
#[derive(clap::Args)]
#[command(after_help = "\
Example: pmoe export results/runs/pmoe-sac/Hopper-v4/seed_0 --output hopper.safetensors

A tensor is called after network and parameter, `actor.router.layers.0.weight`, and is [inputs, outputs] if it is
a weight. The entry `pmoe` of the metadata is JSON: the run's config, its steps, and what is no tensor, such as the
statistics of an observation normaliser.")]
pub(crate) struct Args {
    /// Run folder. Of a run that is under way, the newest checkpoint counts.
    run: PathBuf,
    /// File to write, in the safetensors format.
    #[arg(long)]
    output: PathBuf,
}

pub(crate) fn export(args: Args) -> Result<Exit> {
    let Args { run, output } = args;
    let config = policy::read_config(&run)?;
    let env = pmoe_envs::make_with(&config.task, &config.env)?;
    let policy = policy::restore_with_facts(&config, &run, env.spec())?;
    policy::write(&policy.agent, &config, policy.env_step, &output)?;
    say!("{} written", output.display());
    Ok(Exit::Done)
}
