//! What a run takes in memory, known before it takes it.

use crate::config::AlgoConfig;
use crate::dac::{self, DacConfig};
use crate::ppo::{self, CriticConfig, PpoConfig};
use crate::replay::ReplayBuffer;
use crate::rollout::RolloutBuffer;
use crate::sac::{self, SacConfig};

/// Bytes that a run takes at the most, by what it takes them for.
///
/// An estimate: of runs that networks dominate within 25 %. Nothing is allocated to make it, and it holds for any
/// numbers: what does not fit into 64 bits is [`u64::MAX`].
///
/// # Source
/// `ru_maxrss` of short runs of commit 6c61514 in MB, each `pmoe train --algo ALGO --task Hopper-v4` with the
/// settings in the table, `--set schedule.eval_episodes=1`, two updates (SAC) or one rollout (PPO, DAC), and a
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
pub struct Memory {
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
const NUMBERS_PER_ACTION: u64 = 32;

/// What decides it.
struct Sizes {
    parameters: u64,
    /// Rows of a batch, and the numbers that each leaves between the layers.
    batch: [u64; 2],
    /// The same for all steps of a rollout, without gradients.
    rollout: [u64; 2],
}

impl Memory {
    /// All of it.
    pub fn total(self) -> u64 {
        let Self { steps, networks, batch } = self;
        [steps, networks, batch].into_iter().fold(PROGRAM_BYTES, u64::saturating_add)
    }
}

impl AlgoConfig {
    /// What a run of `total_steps` environment steps takes in memory.
    pub fn memory(&self, total_steps: u64, obs_dim: usize, action_dim: usize) -> Memory {
        let kept = |most: usize| usize::try_from(total_steps).map_or(most, |steps| steps.min(most));
        let (steps, sizes) = match self {
            Self::Sac(config) => (
                ReplayBuffer::bytes(kept(config.buffer_size), obs_dim, action_dim),
                of_sac(config, obs_dim, action_dim),
            ),
            Self::Ppo(config) => (
                RolloutBuffer::bytes(kept(config.rollout_steps), obs_dim, action_dim),
                of_ppo(config, obs_dim, action_dim),
            ),
            Self::Dac(config) => (
                RolloutBuffer::bytes(kept(config.rollout_steps), obs_dim, action_dim),
                of_dac(config, obs_dim, action_dim),
            ),
        };
        let bytes = |rows: [u64; 2]| rows[0].saturating_mul(rows[1]).saturating_mul(4);
        Memory {
            steps: steps as u64,
            networks: sizes.parameters.saturating_mul(BYTES_PER_PARAMETER),
            batch: bytes(sizes.batch).max(bytes(sizes.rollout)),
        }
    }

    /// The setting that the most memory is due to: the one that saves the most at its least.
    pub fn largest_setting(&self, total_steps: u64, obs_dim: usize, action_dim: usize) -> String {
        let saved = |(_, smaller): &(String, Self)| {
            smaller.memory(total_steps, obs_dim, action_dim).total()
        };
        // Of several the first.
        let most = self.with_one_at_its_least().into_iter().min_by_key(saved);
        most.map(|(key, _)| key).unwrap_or_default()
    }

    /// For each setting that memory grows with: its key, and the config with this one at its least.
    fn with_one_at_its_least(&self) -> Vec<(String, Self)> {
        let mut all = Vec::new();
        match self {
            Self::Sac(config) => {
                let mut add = |key: &str, change: &dyn Fn(&mut SacConfig)| {
                    let mut smaller = config.clone();
                    change(&mut smaller);
                    all.push((format!("algo.sac.{key}"), Self::Sac(smaller)));
                };
                add("hidden", &|config| config.hidden = vec![1]);
                add("buffer_size", &|config| config.buffer_size = 1);
                add("batch_size", &|config| config.batch_size = 1);
                let mut smaller = config.clone();
                if let Some((key, num_primitives)) = smaller.actor.num_primitives_mut() {
                    *num_primitives = 1;
                    all.push((format!("algo.sac.{key}"), Self::Sac(smaller)));
                }
            }
            Self::Ppo(config) => {
                let mut add = |key: &str, change: &dyn Fn(&mut PpoConfig)| {
                    let mut smaller = config.clone();
                    change(&mut smaller);
                    all.push((format!("algo.ppo.{key}"), Self::Ppo(smaller)));
                };
                add("net.hidden", &|config| config.net.hidden = vec![1]);
                add("net.critic.separate.hidden", &|config| {
                    if let CriticConfig::Separate { hidden } = &mut config.net.critic {
                        *hidden = vec![1];
                    }
                });
                add("actor.pmoe.aux_hidden", &|config| {
                    if let ppo::ActorConfig::Pmoe(pmoe) = &mut config.actor {
                        pmoe.aux_hidden = vec![1];
                    }
                });
                add("rollout_steps", &|config| config.rollout_steps = 1);
                add("minibatch_size", &|config| config.minibatch_size = 1);
                let mut smaller = config.clone();
                if let Some((key, num_primitives)) = smaller.actor.num_primitives_mut() {
                    *num_primitives = 1;
                    all.push((format!("algo.ppo.{key}"), Self::Ppo(smaller)));
                }
            }
            Self::Dac(config) => {
                let mut add = |key: &str, change: &dyn Fn(&mut DacConfig)| {
                    let mut smaller = config.clone();
                    change(&mut smaller);
                    all.push((format!("algo.dac.{key}"), Self::Dac(smaller)));
                };
                add("hidden", &|config| config.hidden = vec![1]);
                add("rollout_steps", &|config| config.rollout_steps = 1);
                add("minibatch_size", &|config| config.minibatch_size = 1);
                add("num_options", &|config| config.num_options = 1);
            }
        }
        all
    }
}

/// Parameters of layers, given as inputs and outputs.
fn parameters(layers: &[(usize, usize)]) -> u64 {
    let of_layer = |&(inputs, outputs): &(usize, usize)| {
        (inputs as u64).saturating_add(1).saturating_mul(outputs as u64)
    };
    layers.iter().map(of_layer).fold(0, u64::saturating_add)
}

/// Units of hidden layers.
fn units(hidden: &[usize]) -> u64 {
    hidden.iter().map(|&units| units as u64).fold(0, u64::saturating_add)
}

fn of_sac(config: &SacConfig, obs_dim: usize, action_dim: usize) -> Sizes {
    let units = units(&config.hidden);
    let actions = (config.actor.num_primitives() as u64).saturating_mul(action_dim as u64);
    // The policy, then both critics: forward for all actions that they judge, back for those that teach.
    let judged = units.saturating_mul(2).saturating_mul(sac::judged_and_learning(config));
    let numbers = units.saturating_add(judged);
    let numbers = numbers.saturating_add(actions.saturating_mul(NUMBERS_PER_ACTION));
    Sizes {
        parameters: parameters(&sac::layers(config, obs_dim, action_dim)),
        batch: [config.batch_size as u64, numbers],
        rollout: [0, 0],
    }
}

fn of_ppo(config: &PpoConfig, obs_dim: usize, action_dim: usize) -> Sizes {
    let mut all = units(&config.net.hidden);
    if let CriticConfig::Separate { hidden } = &config.net.critic {
        all = all.saturating_add(units(hidden));
    }
    let primitives = config.actor.num_primitives() as u64;
    let actions = primitives.saturating_mul(action_dim as u64).saturating_mul(NUMBERS_PER_ACTION);
    let judging = match &config.actor {
        ppo::ActorConfig::Pmoe(pmoe) if pmoe.routing.has_freq() => {
            units(&pmoe.aux_hidden).saturating_mul(primitives)
        }
        _ => 0,
    };
    let numbers = all.saturating_mul(2).saturating_add(judging).saturating_add(actions);
    Sizes {
        parameters: parameters(&ppo::layers(config, obs_dim, action_dim)),
        batch: [config.minibatch_size as u64, numbers],
        rollout: [config.rollout_steps as u64, all.saturating_add(actions)],
    }
}

fn of_dac(config: &DacConfig, obs_dim: usize, action_dim: usize) -> Sizes {
    let units = units(&config.hidden);
    let options = config.num_options as u64;
    let actions = options.saturating_mul(action_dim as u64).saturating_mul(NUMBERS_PER_ACTION);
    // The master policy and the critic, and of each option the end or the mean.
    let networks = options.saturating_add(2);
    let numbers = units.saturating_mul(2).saturating_mul(networks).saturating_add(actions);
    Sizes {
        parameters: parameters(&dac::layers(config, obs_dim, action_dim)),
        batch: [config.minibatch_size as u64, numbers],
        rollout: [config.rollout_steps as u64, units.saturating_add(actions)],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::MethodConfig;

    fn algo(text: &str) -> AlgoConfig {
        MethodConfig::from_toml(text, "configs/algos").unwrap().algo
    }

    const SAC: &str = include_str!("../../../configs/algos/sac.toml");
    const PMOE: &str = include_str!("../../../configs/algos/pmoe-sac.toml");
    const PPO: &str = include_str!("../../../configs/algos/ppo.toml");
    const DAC: &str = include_str!("../../../configs/algos/dac.toml");

    #[test]
    fn the_memory_of_sac_on_hopper_by_hand() {
        let memory = algo(SAC).memory(1_000, 11, 3);
        // Actor: 12·256 + 257·256 + 2·257·3 = 70 406; each critic: 15·256 + 257·256 + 257 = 69 889.
        assert_eq!(memory.networks, 40 * (70_406 + 2 * 69_889));
        // 11 + 3 + 2 numbers and a row's number for each transition.
        assert_eq!(memory.steps, 1_000 * (16 * 4 + 4));
        // 512 units: the policy's once, of two critics there and back.
        assert_eq!(memory.batch, 4 * 100 * (512 + 4 * 512 + 32 * 3));
        assert_eq!(memory.total(), memory.steps + memory.networks + memory.batch + PROGRAM_BYTES);
    }

    #[test]
    fn the_estimate_counts_every_parameter() {
        // The numbers that the networks themselves have, see `tests/sac.rs` and `tests/ppo.rs`.
        let parameters = |text: &str| algo(text).memory(1, 11, 3).networks / BYTES_PER_PARAMETER;
        let mcp = include_str!("../../../configs/algos/mcp-sac.toml");
        assert_eq!(parameters(mcp) - 2 * 69_889, 611_100);
        assert_eq!(parameters(PMOE) - 2 * 69_889, 76_060);
        // 12·64 + 65·64 of the trunk, 65·3 and 65 of the heads.
        assert_eq!(parameters(PPO), 768 + 4_160 + 195 + 65);
        // Ten networks of 768 + 4 160, with 4, 4, 4·1 and 4·3 outputs.
        assert_eq!(parameters(DAC), 10 * (768 + 4_160) + 65 * (4 + 4 + 4 + 12));
    }

    #[test]
    fn the_largest_setting_is_named() {
        let largest = |text: &str, total_steps| algo(text).largest_setting(total_steps, 11, 3);
        let hidden = SAC.replace("hidden = [256, 256]", "hidden = [65536, 65536]");
        assert_eq!(largest(&hidden, 1_000), "algo.sac.hidden");
        let buffer = SAC.replace("buffer_size = 1_000_000", "buffer_size = 4_294_967_294");
        assert_eq!(largest(&buffer, 1_000_000_000), "algo.sac.buffer_size");
        let batch = SAC.replace("batch_size = 100 ", "batch_size = 900_000 ");
        assert_eq!(largest(&batch, 1_000), "algo.sac.batch_size");
        let primitives = PMOE.replace("num_primitives = 4", "num_primitives = 500");
        assert_eq!(largest(&primitives, 1_000), "algo.sac.actor.pmoe.num_primitives");
        let rollout = PPO.replace("rollout_steps = 2048", "rollout_steps = 16_000_000");
        assert_eq!(largest(&rollout, 20_000_000), "algo.ppo.rollout_steps");
        let options = DAC.replace("num_options = 4", "num_options = 500");
        assert_eq!(largest(&options, 1_000), "algo.dac.num_options");
    }

    #[test]
    fn no_numbers_are_too_large_for_it() {
        let AlgoConfig::Sac(mut config) = algo(PMOE) else { panic!("SAC") };
        let most = usize::MAX;
        (config.batch_size, config.buffer_size) = (most, most);
        config.hidden = vec![most; 3];
        *config.actor.num_primitives_mut().unwrap().1 = most;
        let memory = AlgoConfig::Sac(config).memory(u64::MAX, most, most);
        assert_eq!([memory.steps, memory.networks, memory.batch, memory.total()], [u64::MAX; 4]);
    }
}
