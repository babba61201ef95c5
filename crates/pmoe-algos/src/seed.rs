//! The source of all randomness.

use pmoe_envs::Rng;
use rand::SeedableRng;
use serde::{Deserialize, Serialize};

/// The purpose of a random stream. Every purpose has a separate stream under the run's seed, so
/// that a new consumer does not shift the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Initial values of the policy's primitives.
    ActorInit = 1,
    /// Initial values of the router. Separate, so that PMOE with one primitive has the same initial
    /// values as SAC.
    RouterInit = 2,
    /// Initial values of the critics.
    CriticInit = 3,
    /// Resets of the training environment.
    Env = 4,
    /// Exploration.
    Explore = 5,
    /// Replay sampling and the noise of the updates.
    Learn = 6,
    /// Resets and actions in evaluations; one sub-stream per evaluation.
    Evaluate = 7,
    /// Initial values of the Q-network that PMOE-PPO's router learns from.
    ActionValueInit = 8,
    /// Analysis of a trained policy; one sub-stream per purpose.
    Analyze = 9,
    /// The two critics of a target, where there are more; one sub-stream per update.
    CriticPair = 10,
}

/// Returns the generator of one purpose under `seed`.
pub fn stream(seed: u64, stream: Stream) -> Rng {
    sub_stream(seed, stream, 0)
}

/// Returns number `index` (below 2⁵⁶) of the independent generators of one purpose.
///
/// Evaluations use the environment step as the index, so the frequency of evaluation affects
/// neither training nor other evaluations.
pub fn sub_stream(seed: u64, stream: Stream, index: u64) -> Rng {
    let mut rng = Rng::seed_from_u64(seed);
    rng.set_stream(((stream as u64) << 56) | index);
    rng
}

/// The generators that a run advances. They are saved and restored with it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seeds {
    /// Resets of the training environment.
    pub env: Rng,
    /// Exploration.
    pub explore: Rng,
    /// Replay sampling and the noise of the updates.
    pub learn: Rng,
}

impl Seeds {
    /// Creates all generators in their initial state.
    pub fn new(seed: u64) -> Self {
        Self {
            env: stream(seed, Stream::Env),
            explore: stream(seed, Stream::Explore),
            learn: stream(seed, Stream::Learn),
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::RngExt;

    use super::*;

    fn draws(mut rng: Rng) -> [u64; 4] {
        std::array::from_fn(|_| rng.random())
    }

    #[test]
    fn streams_differ_by_seed_purpose_and_index() {
        let reference = draws(stream(0, Stream::Env));
        assert_eq!(reference, draws(stream(0, Stream::Env)));
        assert_ne!(reference, draws(stream(1, Stream::Env)));
        assert_ne!(reference, draws(stream(0, Stream::Learn)));
        assert_ne!(reference, draws(sub_stream(0, Stream::Env, 1)));
    }

    #[test]
    fn a_run_draws_from_the_stream_of_each_purpose() {
        let Seeds { env, explore, learn } = Seeds::new(3);
        for (found, purpose) in
            [(env, Stream::Env), (explore, Stream::Explore), (learn, Stream::Learn)]
        {
            assert_eq!(draws(found), draws(stream(3, purpose)), "{purpose:?}");
        }
    }

    #[test]
    fn a_restored_generator_continues() {
        let mut seeds = Seeds::new(7);
        let _: [u8; 3] = std::array::from_fn(|_| seeds.env.random());
        let json = serde_json::to_string(&seeds).unwrap();
        let restored: Seeds = serde_json::from_str(&json).unwrap();
        assert_eq!(draws(seeds.env), draws(restored.env));
    }
}
