//! Where all randomness comes from.

use pmoe_envs::Rng;
use rand::SeedableRng;
use serde::{Deserialize, Serialize};

/// What a random stream is for. Every purpose has a stream of its own under the run's seed, so a new
/// consumer does not shift the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Initial values of the policy's primitives.
    ActorInit = 1,
    /// Initial values of the router: apart, so that PMOE with one primitive starts as SAC does.
    RouterInit = 2,
    /// Initial values of the critics.
    CriticInit = 3,
    /// Resets of the training environment.
    Env = 4,
    /// Exploration while acting.
    Explore = 5,
    /// Replay sampling and the noise of the updates.
    Learn = 6,
    /// Resets and acting of evaluations; one sub-stream per evaluation.
    Evaluate = 7,
    /// Initial values of the Q-network that PMOE-PPO's router learns from.
    ActionValueInit = 8,
    /// Looking at a trained policy; one sub-stream per purpose.
    Analyze = 9,
}

/// The generator of one purpose under `seed`.
pub fn stream(seed: u64, stream: Stream) -> Rng {
    sub_stream(seed, stream, 0)
}

/// Number `index` (below 2⁵⁶) of the independent generators of one purpose.
///
/// Evaluations use the environment step, so how often one evaluates changes neither training nor the
/// other evaluations.
pub fn sub_stream(seed: u64, stream: Stream, index: u64) -> Rng {
    let mut rng = Rng::seed_from_u64(seed);
    rng.set_stream(((stream as u64) << 56) | index);
    rng
}

/// The generators that a run advances; saved and restored with it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seeds {
    /// Resets of the training environment.
    pub env: Rng,
    /// Exploration while acting.
    pub explore: Rng,
    /// Replay sampling and the noise of the updates.
    pub learn: Rng,
}

impl Seeds {
    /// All generators at their start.
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
    fn a_restored_generator_continues() {
        let mut seeds = Seeds::new(7);
        let _: [u8; 3] = std::array::from_fn(|_| seeds.env.random());
        let json = serde_json::to_string(&seeds).unwrap();
        let restored: Seeds = serde_json::from_str(&json).unwrap();
        assert_eq!(draws(seeds.env), draws(restored.env));
    }
}
