//! Rollouts on target-reaching, Fig. 3.
//!
//! As in the figure, actions are sampled: first from the whole policy in exploration mode, which
//! resamples the primitive at every step, then from each primitive alone.

use std::path::Path;

use anyhow::Result;
use pmoe_algos::seed::{Stream, sub_stream};
use pmoe_algos::{Agent, AnyAgent, Mode, RunConfig};
use pmoe_envs::{Env, Rng, action_to_f64, obs_to_f32};
use pmoe_results::AnalysisKind;
use pmoe_results::analysis::{Rollout, Trajectories, TrajectoriesSettings};

use super::{Purpose, ReachingEnv, arena, check_size, millimetres, outcome, reaching};
use crate::commands::policy;
use crate::progress::Work;

pub(super) fn look(
    run: &Path,
    config: &RunConfig,
    settings: TrajectoriesSettings,
    work: &mut Work,
) -> Result<Trajectories> {
    let mut env = reaching(config, AnalysisKind::Trajectories)?;
    let agent = policy::restore(config, run, env.spec())?;
    let mut obs = vec![0.0; env.spec().obs_dim];
    let mut rng = sub_stream(config.seed, Stream::Analyze, Purpose::Trajectories.stream());
    env.reset(&mut rng, &mut obs)?;
    let mut seen = vec![0.0; obs.len()];
    obs_to_f32(&obs, &mut seen);
    let asked = agent.primitives(&seen, seen.len(), &mut rng);
    let num_primitives = asked.map_or(0, |primitives| primitives.num_primitives);

    let rollouts = u64::from(settings.rollouts) * (1 + num_primitives as u64);
    let limit = config.env.max_episode_steps().expect("target-reaching has a time limit");
    let most = rollouts.saturating_mul(limit.into());
    check_size("rollouts", most, "positions")?;
    work.part("playing episodes", rollouts, "episodes");
    let acting = [None].into_iter().chain((0..num_primitives).map(Some));
    let mut rollouts = Vec::new();
    for (number, primitive) in acting.enumerate() {
        for episode in 0..u64::from(settings.rollouts) {
            // Each rollout has a separate stream, so the number of rollouts does not change any of
            // them.
            let stream = Purpose::Trajectories.stream() + 1 + 1000 * number as u64 + episode;
            let mut rng = sub_stream(config.seed, Stream::Analyze, stream);
            rollouts.push(rollout(&mut env, &agent, primitive, &mut rng)?);
            work.advance();
        }
    }
    Ok(Trajectories { settings, arena: arena(env.inner().inner()), rollouts })
}

fn rollout(
    env: &mut ReachingEnv,
    agent: &AnyAgent,
    primitive: Option<usize>,
    rng: &mut Rng,
) -> Result<Rollout> {
    let mut obs = vec![0.0; env.spec().obs_dim];
    let mut seen = vec![0.0_f32; obs.len()];
    let mut action = vec![0.0_f32; env.spec().action_dim()];
    let mut env_action = vec![0.0; action.len()];
    let mut memory = <AnyAgent as Agent>::Memory::default();
    env.reset(rng, &mut obs)?;
    let mut positions = vec![millimetres(env.inner().inner().position())];
    loop {
        obs_to_f32(&obs, &mut seen);
        match primitive {
            None => agent.act(&mut memory, &seen, Mode::Explore, rng, &mut action)?,
            Some(k) => {
                if let Some(primitives) = agent.primitives(&seen, seen.len(), rng) {
                    let width = action.len();
                    action.copy_from_slice(&primitives.drawn[k * width..(k + 1) * width]);
                }
            }
        }
        action_to_f64(&action, &mut env_action);
        let step = env.step(&env_action, &mut obs)?;
        let reaching = env.inner().inner();
        positions.push(millimetres(reaching.position()));
        if step.terminated || step.truncated {
            return Ok(Rollout { primitive, positions, outcome: outcome(reaching, &step) });
        }
    }
}
