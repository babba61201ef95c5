//! Reinforcement-learning tasks behind one small trait.
//!
//! [`Env`] is the contract: slices of `f64` in and out, no allocation per step, all randomness from
//! the caller's generator, the whole state saved and restored. [`TimeLimit`] and [`RescaleAction`]
//! wrap any task.
//!
//! With the feature `mujoco` (on by default) the crate has Gym's MuJoCo tasks, version 2, 4 and 5.
//! On the same MuJoCo library and the same C mathematics library they give the bits of
//! Gymnasium 1.4.0: observation, reward and ending of every step.
//!
//! | call                      | gives                                                            |
//! |---------------------------|------------------------------------------------------------------|
//! | `make(task)`              | what training uses: actions in \[-1, 1\], episodes of 1000 steps |
//! | `make_mujoco(task)`       | the bare task: own units, no time limit, physics can be set      |
//! | `trace(&input)`           | every step of a given state and action sequence                  |
//!
//! ```no_run
//! # #[cfg(feature = "mujoco")]
//! # fn main() -> Result<(), pmoe_envs::EnvError> {
//! use pmoe_envs::{Rng, make};
//! use rand_chacha::rand_core::SeedableRng;
//!
//! let mut env = make("Hopper-v4".parse()?)?;
//! let mut obs = vec![0.0; env.spec().obs_dim];
//! env.reset(&mut Rng::seed_from_u64(0), &mut obs)?;
//! let step = env.step(&[0.1, 0.0, -0.3], &mut obs)?;
//! assert!(!step.terminated);
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "mujoco"))]
//! # fn main() {}
//! ```

mod env;
#[cfg(feature = "mujoco")]
mod mujoco;
#[cfg(feature = "mujoco")]
mod task;
#[cfg(feature = "mujoco")]
mod trace;
mod wrappers;

pub use env::{Env, EnvError, EnvSpec, Rng, Step};
#[cfg(feature = "mujoco")]
pub use mujoco::{MujocoEnv, RewardTerms, mujoco_version};
#[cfg(feature = "mujoco")]
pub use task::{EPISODE_STEPS, TaskId, TaskKind, Version, make, make_mujoco};
#[cfg(feature = "mujoco")]
pub use trace::{TraceInput, TraceOutput, trace};
pub use wrappers::{RescaleAction, TimeLimit};
