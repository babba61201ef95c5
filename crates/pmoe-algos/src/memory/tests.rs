use pmoe_envs::EnvSpec;

use super::*;
use crate::algo::AlgoConfig;
use crate::config::MethodConfig;

fn hopper() -> EnvSpec {
    EnvSpec::new("Hopper-v4", 11, 3)
}

fn algo(text: &str) -> AlgoConfig {
    MethodConfig::from_toml(text, "configs/methods").unwrap().algo
}

const SAC: &str = include_str!("../../../../configs/methods/sac.toml");
const SAC_LN: &str = include_str!("../../../../configs/methods/sac-ln.toml");
const PMOE: &str = include_str!("../../../../configs/methods/pmoe-sac.toml");
const PPO: &str = include_str!("../../../../configs/methods/ppo.toml");
const DAC: &str = include_str!("../../../../configs/methods/dac.toml");

#[test]
fn the_memory_of_sac_on_hopper_by_hand() {
    let memory = algo(SAC).memory(1_000, &hopper());
    // Actor: 12·256 + 257·256 + 2·257·3 = 70 406; each critic: 15·256 + 257·256 + 257 = 69 889.
    assert_eq!(memory.networks, 40 * (70_406 + 2 * 69_889));
    // 16 numbers (11 + 3 + 2) and a row index per transition.
    assert_eq!(memory.steps, 1_000 * (16 * 4 + 4));
    // 512 units, once for the policy and four times for the forward and backward passes of two
    // critics.
    assert_eq!(memory.batch, 4 * 100 * (512 + 4 * 512 + 32 * 3));
    // Normalised critics keep another number of each unit on the way forward.
    let normalised = algo(SAC_LN).memory(1_000, &hopper());
    assert_eq!(normalised.batch, memory.batch + 4 * 100 * 2 * 512);
    assert_eq!(memory.total(), memory.steps + memory.networks + memory.batch + PROGRAM_BYTES);
}

#[test]
fn the_estimate_counts_every_parameter() {
    // The counts of the networks themselves, see `tests/sac` and `tests/ppo.rs`.
    let parameters = |text: &str| algo(text).memory(1, &hopper()).networks / BYTES_PER_PARAMETER;
    let mcp = include_str!("../../../../configs/methods/mcp-sac.toml");
    assert_eq!(parameters(mcp) - 2 * 69_889, 611_100);
    assert_eq!(parameters(PMOE) - 2 * 69_889, 76_060);
    // Gains and biases of 512 units in each critic.
    assert_eq!(parameters(SAC_LN), parameters(SAC) + 2 * 2 * 512);
    // 12·64 + 65·64 in the trunk, 65·3 and 65 in the heads.
    assert_eq!(parameters(PPO), 768 + 4_160 + 195 + 65);
    // Ten networks of 768 + 4 160, with 4, 4, 4·1 and 4·3 outputs.
    assert_eq!(parameters(DAC), 10 * (768 + 4_160) + 65 * (4 + 4 + 4 + 12));
}

#[test]
fn the_largest_setting_is_named() {
    let largest = |text: &str, total_steps| algo(text).largest_setting(total_steps, &hopper());
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
    let memory = AlgoConfig::Sac(config).memory(u64::MAX, &EnvSpec::new("large", most, 17));
    assert_eq!([memory.steps, memory.networks, memory.batch, memory.total()], [u64::MAX; 4]);
}
