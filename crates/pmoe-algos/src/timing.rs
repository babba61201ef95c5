//! Gradient updates on random transitions, for timing.

use std::fmt::Debug;

use pmoe_core::noise;
use pmoe_envs::{EnvSpec, Rng};

use crate::agent::{Agent, Mode, Transition};
use crate::seed::{Stream, stream};

/// A gradient update of a learner with data. It reports each part on completion.
pub type TimedStep = Box<dyn FnMut(&mut Rng, &mut dyn FnMut(&dyn Debug))>;

/// Lets `agent` act on and observe `count` random transitions.
pub(crate) fn observe_random<A: Agent>(agent: &mut A, count: usize, spec: &EnvSpec) {
    let mut rng = stream(0, Stream::Env);
    let [mut obs, mut next_obs] = [vec![0.0_f32; spec.obs_dim], vec![0.0; spec.obs_dim]];
    let mut action = vec![0.0_f32; spec.action_dim()];
    let mut memory = A::Memory::default();
    for index in 0..count {
        for values in [&mut obs, &mut next_obs] {
            noise::fill_uniform(values, &mut rng);
        }
        agent
            .act(&mut memory, &obs, Mode::Explore, &mut rng, &mut action)
            .expect("numbers within bounds lead to finite actions");
        let transition = Transition {
            obs: &obs,
            action: &action,
            reward: obs[0],
            next_obs: &next_obs,
            terminated: index % 100 == 0,
            truncated: false,
        };
        agent.observe(&memory, transition);
    }
}

/// Returns an iterator over the full minibatches of a rollout, in order and endlessly.
pub(crate) fn minibatches(
    rollout_steps: usize,
    minibatch_size: usize,
) -> impl FnMut() -> Vec<usize> {
    let mut first = 0;
    move || {
        let rows = first..first + minibatch_size;
        first = if rows.end + minibatch_size <= rollout_steps { rows.end } else { 0 };
        rows.collect()
    }
}
