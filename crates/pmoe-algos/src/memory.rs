//! What a run takes in memory, known before it takes it.

use crate::layers::Layer;

/// Bytes that a run takes at the most, by what it takes them for.
///
/// An estimate: of runs that networks dominate within 25 %. Nothing is allocated to make it, and it holds for any
/// numbers: what does not fit into 64 bits is [`u64::MAX`].
///
/// # Source
/// `ru_maxrss` of short runs of commit 6c61514 in MB, each `pmoe train --method METHOD --task Hopper-v4` with the
/// settings in the table, `schedule.eval_episodes = 1`, two updates (SAC) or one rollout (PPO, DAC), and a
/// checkpoint; the same run takes up to 15 % more or less the next time:
///
/// | run | measured | estimate |
/// |---|--:|--:|
/// | `sac` | 62 | 49 |
/// | `sac`, `hidden=[1024,1024]` | 181 | 172 |
/// | `sac`, `hidden=[2048,2048]` | 609 | 556 |
/// | `sac`, `hidden=[4096,4096]` | 1990 | 2078 |
/// | `sac`, `hidden=[512,512]`, `batch_size=50000` | 932 | 1116 |
/// | `pmoe-sac`, `batch_size=10000` | 298 | 289 |
/// | `pmoe-sac`, `actor.pmoe.num_primitives=500` | 332 | 309 |
/// | `mcp-sac`, `actor.mcp.num_primitives=200` | 661 | 609 |
/// | `ppo`, `net.hidden=[4096,4096]`, `rollout_steps=200`, `minibatch_size=100` | 713 | 720 |
/// | `dac`, `hidden=[512,512]`, `num_options=20`, `rollout_steps=200`, `minibatch_size=100` | 526 | 513 |
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryUse {
    /// Steps that are kept to learn from.
    pub steps: u64,
    /// Parameters, their copies, gradients and moments, and all of that once more in a checkpoint.
    pub networks: u64,
    /// What lies between the layers while a batch is learnt from.
    pub batch: u64,
}

/// The program with MuJoCo and a model, networks and steps apart: 28 to 56 MB with any robot.
const PROGRAM_BYTES: u64 = 40_000_000;

/// For each parameter of a network that learns: itself, a target's or an acting copy, its gradient and Adam's two
/// moments, and while a checkpoint is written all but the gradient once more, the largest part twice.
///
/// Four bytes each; 9 to 12 of them were measured.
const BYTES_PER_PARAMETER: u64 = 4 * 10;

/// Numbers for each action of each primitive at a state: what densities are computed from.
pub(crate) const NUMBERS_PER_ACTION: u64 = 32;

/// What decides it; [`u64::MAX`] where it does not fit.
pub(crate) struct Sizes {
    pub(crate) parameters: u64,
    /// Rows of a batch, and the numbers that each leaves between the layers.
    pub(crate) batch: [u64; 2],
    /// The same for all steps of a rollout, without gradients.
    pub(crate) rollout: [u64; 2],
}

impl Sizes {
    /// The memory of a run that keeps `bytes_of_steps` to learn from.
    pub(crate) fn memory(&self, bytes_of_steps: usize) -> MemoryUse {
        let bytes = |[rows, numbers]: [u64; 2]| rows.saturating_mul(numbers).saturating_mul(4);
        MemoryUse {
            steps: bytes_of_steps as u64,
            networks: self.parameters.saturating_mul(BYTES_PER_PARAMETER),
            batch: bytes(self.batch).max(bytes(self.rollout)),
        }
    }
}

impl MemoryUse {
    /// All of it.
    pub fn total(self) -> u64 {
        let Self { steps, networks, batch } = self;
        [steps, networks, batch].into_iter().fold(PROGRAM_BYTES, u64::saturating_add)
    }
}

/// A config with the setting `key` changed.
pub(crate) fn with<C: Clone>(
    config: &C,
    key: &'static str,
    change: impl FnOnce(&mut C),
) -> (&'static str, C) {
    let mut config = config.clone();
    change(&mut config);
    (key, config)
}

/// Parameters of layers, given as inputs and outputs.
pub(crate) fn parameters(layers: &[Layer]) -> u64 {
    let of_layer = |&(inputs, outputs): &Layer| {
        (inputs as u64).saturating_add(1).saturating_mul(outputs as u64)
    };
    layers.iter().map(of_layer).fold(0, u64::saturating_add)
}

/// Units of hidden layers.
pub(crate) fn units(hidden: &[usize]) -> u64 {
    hidden.iter().map(|&units| units as u64).fold(0, u64::saturating_add)
}

#[cfg(test)]
mod tests;
