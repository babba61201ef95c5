//! Plays episodes of a task with random actions: `cargo run --release -p pmoe-envs --example
//! random_rollout Ant-v5`.

#![expect(clippy::print_stdout, reason = "an example shows something")]

use std::env;
use std::error::Error;

use pmoe_envs::rand::{RngExt, SeedableRng};
use pmoe_envs::{Rng, make};

fn main() -> Result<(), Box<dyn Error>> {
    let id = env::args().nth(1).unwrap_or_else(|| "Hopper-v4".to_owned());
    let mut env = make(&id.parse()?)?;
    let mut rng = Rng::seed_from_u64(0);
    let mut obs = vec![0.0; env.spec().obs_dim];
    let mut action = vec![0.0; env.spec().action_dim()];

    for episode in 0..5 {
        env.reset(&mut rng, &mut obs)?;
        let (mut episode_return, mut episode_length) = (0.0, 0);
        let ending = loop {
            action.fill_with(|| rng.random_range(-1.0..1.0));
            let step = env.step(&action, &mut obs)?;
            episode_return += step.reward;
            episode_length += 1;
            if step.terminated {
                break "terminated";
            }
            if step.truncated {
                break "truncated";
            }
        };
        println!("episode {episode}: return {episode_return:.3}, {episode_length} steps, {ending}");
    }
    Ok(())
}
