//! Estimates of a run's memory use.

use crate::layers::Layer;

/// Maximum memory use of a run in bytes, by purpose.
///
/// This is an estimate, accurate to 25 % for runs dominated by networks. It allocates nothing and
/// works for any numbers: sizes beyond 64 bits saturate at [`u64::MAX`].
///
/// # Source
/// `ru_maxrss` of short runs of commit 6c61514 in MB. Each is `pmoe train --method METHOD --task
/// Hopper-v4` with the settings in the table, `schedule.eval_episodes = 1`, two updates (SAC) or
/// one rollout (PPO, DAC), and a checkpoint. Repeated runs differ by up to 15 %. The row of `sac-ln`
/// is newer; beside it, `sac` took 863:
///
/// | run | measured | estimate |
/// |---|--:|--:|
/// | `sac` | 62 | 49 |
/// | `sac`, `hidden=[1024,1024]` | 181 | 172 |
/// | `sac`, `hidden=[2048,2048]` | 609 | 556 |
/// | `sac`, `hidden=[4096,4096]` | 1990 | 2078 |
/// | `sac`, `hidden=[512,512]`, `batch_size=50000` | 932 | 1116 |
/// | `pmoe-sac`, `batch_size=10000` | 298 | 289 |
/// | `sac-ln`, `hidden=[512,512]`, `batch_size=50000` | 1301 | 1526 |
/// | `pmoe-sac`, `actor.pmoe.num_primitives=500` | 332 | 309 |
/// | `mcp-sac`, `actor.mcp.num_primitives=200` | 661 | 609 |
/// | `ppo`, `net.hidden=[4096,4096]`, `rollout_steps=200`, `minibatch_size=100` | 713 | 720 |
/// | `dac`, `hidden=[512,512]`, `num_options=20`, `rollout_steps=200`, `minibatch_size=100` | 526 | 513 |
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryUse {
    /// Transitions kept for learning.
    pub steps: u64,
    /// Parameters with their copies, gradients and moments, plus another copy in a checkpoint.
    pub networks: u64,
    /// Activations while learning from a batch.
    pub batch: u64,
}

/// The program with MuJoCo and a model, without networks and transitions: 28 to 56 MB, depending on
/// the robot.
const PROGRAM_BYTES: u64 = 40_000_000;

/// Memory per parameter of a trained network: the parameter, its target or acting copy, its
/// gradient and Adam's two moments. While a checkpoint is written, all but the gradient are copied
/// once more, the largest part twice.
///
/// Four bytes each; measurements gave 9 to 12 of them.
const BYTES_PER_PARAMETER: u64 = 4 * 10;

/// Numbers per action of each primitive at a state, for computing densities.
pub(crate) const NUMBERS_PER_ACTION: u64 = 32;

/// What determines memory use; [`u64::MAX`] in place of larger numbers.
pub(crate) struct Sizes {
    pub(crate) parameters: u64,
    /// Rows of a batch, and the number of activations per row.
    pub(crate) batch: [u64; 2],
    /// The same for all steps of a rollout, without gradients.
    pub(crate) rollout: [u64; 2],
}

impl Sizes {
    /// Returns the memory use of a run that keeps `bytes_of_steps` of transitions.
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
    /// Returns the sum over all purposes.
    pub fn total(self) -> u64 {
        let Self { steps, networks, batch } = self;
        [steps, networks, batch].into_iter().fold(PROGRAM_BYTES, u64::saturating_add)
    }
}

/// Returns the key and a copy of the config in which `change` changed that setting.
pub(crate) fn with<C: Clone>(
    config: &C,
    key: &'static str,
    change: impl FnOnce(&mut C),
) -> (&'static str, C) {
    let mut config = config.clone();
    change(&mut config);
    (key, config)
}

/// Counts the parameters of layers.
pub(crate) fn parameters(layers: &[Layer]) -> u64 {
    let of_layer = |&(inputs, outputs): &Layer| {
        (inputs as u64).saturating_add(1).saturating_mul(outputs as u64)
    };
    layers.iter().map(of_layer).fold(0, u64::saturating_add)
}

/// Counts the units of hidden layers.
pub(crate) fn units(hidden: &[usize]) -> u64 {
    hidden.iter().map(|&units| units as u64).fold(0, u64::saturating_add)
}

#[cfg(test)]
mod tests;
