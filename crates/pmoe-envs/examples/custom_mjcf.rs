//! A custom task from a model file (MJCF): keep a pole upright on a cart.
//!
//! `cargo run --release -p pmoe-envs --example custom_mjcf`
//!
//! The result is an [`Env`] like any other. To train on it, wrap it in [`RescaleAction`] and
//! [`TimeLimit`], as `crates/pmoe-algos/examples/custom_env.rs` does.

#![expect(clippy::print_stdout, reason = "an example shows something")]

use std::error::Error;
use std::path::PathBuf;

use pmoe_envs::mjcf::{Noise, ResetNoise, WhenUnstable};
use pmoe_envs::mujoco::{MujocoEnv, Reward, RewardTerms, Rules};
use pmoe_envs::rand::SeedableRng;
use pmoe_envs::{Env, RescaleAction, Rng, TimeLimit};

/// Observation `[4]`: position (m) and angle (rad), then their rates. The reward is 1 per step
/// minus the cost of the force, until the pole leans more than 0.2 rad.
fn cart_pole() -> Rules {
    Rules {
        model: PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/cart_pole.xml")),
        frame_skip: 2,
        obs_dim: 4,
        reset: ResetNoise { qpos: Noise::Uniform(0.01), qvel: Noise::Uniform(0.01) },
        contact_forces: false,
        when_unstable: WhenUnstable::Terminate,
        position: Box::new(|sim| sim.qpos()[0]),
        is_healthy: Box::new(|sim| sim.qpos()[1].abs() < 0.2),
        reward: Box::new(|outcome| {
            let control_cost = 0.01 * outcome.action.iter().map(|a| a * a).sum::<f64>();
            let terms = RewardTerms { alive: 1.0, control_cost, ..RewardTerms::default() };
            Reward { total: terms.sum(), terms }
        }),
        observe: Box::new(|sim, obs| {
            let (positions, velocities) = obs.split_at_mut(2);
            positions.copy_from_slice(sim.qpos());
            velocities.copy_from_slice(sim.qvel());
        }),
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let env = MujocoEnv::new("CartPole", cart_pole())?;
    let mut env = TimeLimit::new(RescaleAction::new(env), 500);
    let mut rng = Rng::seed_from_u64(0);
    let mut obs = vec![0.0; env.spec().obs_dim];
    for (name, policy) in [("nothing", [0.0; 4]), ("a little", [0.5, 10.0, 1.0, 2.0])] {
        env.reset(&mut rng, &mut obs)?;
        let mut episode_return = 0.0;
        loop {
            let push: f64 = policy.iter().zip(&obs).map(|(gain, x)| gain * x).sum();
            let step = env.step(&[push.clamp(-1.0, 1.0)], &mut obs)?;
            episode_return += step.reward;
            if step.terminated || step.truncated {
                break;
            }
        }
        println!("pushing {name}: return {episode_return:.1}");
    }
    Ok(())
}
