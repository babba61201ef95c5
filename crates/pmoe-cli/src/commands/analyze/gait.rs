//! Router weights and primitive actions while a robot runs, Figs. 8 and 9.

use std::path::Path;

use anyhow::{Result, bail};
use pmoe_algos::seed::{Stream, sub_stream};
use pmoe_algos::{Agent, AnyAgent, Mode, RunConfig};
use pmoe_envs::{Env, action_to_f64, obs_to_f32};
use pmoe_results::AnalysisKind;
use pmoe_results::analysis::{Gait, GaitSettings};

use super::{Purpose, rounded};
use crate::commands::policy;
use crate::progress::Work;

/// The fewest steps that can show a period.
const FEWEST_STEPS: usize = 8;

/// Plays one evaluation episode, until its end or the last step asked for.
pub(super) fn look(
    run: &Path,
    config: &RunConfig,
    settings: GaitSettings,
    work: &mut Work,
) -> Result<Gait> {
    let mut env = pmoe_envs::make_with(&config.task, &config.env)?;
    let agent = policy::restore(config, run, env.spec())?;
    // Acting and inspecting use separate streams, so inspection does not change what the policy
    // does.
    let mut rng = sub_stream(config.seed, Stream::Analyze, Purpose::Gait.stream());
    let mut looking = sub_stream(config.seed, Stream::Analyze, Purpose::Gait.stream() + 1);
    let dt_seconds = env.spec().dt_seconds;
    let mut gait =
        Gait { settings, dt_seconds, obs: Vec::new(), weights: Vec::new(), actions: Vec::new() };
    let mut obs = vec![0.0; env.spec().obs_dim];
    let mut seen = vec![0.0_f32; obs.len()];
    let mut action = vec![0.0_f32; env.spec().action_dim()];
    let mut env_action = vec![0.0; action.len()];
    let mut memory = <AnyAgent as Agent>::Memory::default();
    env.reset(&mut rng, &mut obs)?;
    let mut played = 0;
    work.part("playing an episode", (settings.skip + settings.steps) as u64, "steps");
    while played < settings.skip + settings.steps {
        obs_to_f32(&obs, &mut seen);
        if settings.skip <= played {
            let primitives = agent.primitives(&seen, seen.len(), &mut looking);
            let primitives =
                primitives.ok_or_else(|| policy::no_primitives(config, AnalysisKind::Gait))?;
            let short = |values: &[f32]| -> Vec<f64> {
                values.iter().map(|x| rounded(f64::from(*x), 4)).collect()
            };
            gait.obs.push(obs.iter().map(|x| rounded(*x, 4)).collect());
            gait.weights.push(short(&primitives.weights));
            let actions = primitives.mode.chunks_exact(primitives.action_dim);
            gait.actions.push(actions.map(short).collect());
        }
        agent.act(&mut memory, &seen, Mode::Evaluate, &mut rng, &mut action)?;
        action_to_f64(&action, &mut env_action);
        let step = env.step(&env_action, &mut obs)?;
        played += 1;
        work.advance();
        if step.terminated || step.truncated {
            break;
        }
    }
    if gait.obs.len() < FEWEST_STEPS {
        bail!(
            "the episode ends after {played} steps, but the analysis needs {FEWEST_STEPS} after the first {}",
            settings.skip
        );
    }
    Ok(gait)
}
