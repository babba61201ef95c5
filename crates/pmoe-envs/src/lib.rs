//! Reinforcement-learning tasks behind one small trait.
//!
//! [`Env`] is the contract: slices of `f64` in and out, no allocation per step, all randomness from
//! the caller's generator, the whole state saved and restored. [`TimeLimit`], [`RescaleAction`],
//! [`ClipAction`] and [`ObsNoise`] wrap any task; [`VecEnv`] steps many at once.
//!
//! The tasks are target-reaching, a point mass among obstacles ([`reaching`]), and, with the feature
//! `mujoco` (on by default), Gym's MuJoCo tasks, version 2, 4 and 5 ([`mujoco`]). On the same MuJoCo
//! library and the same C mathematics library those give the bits of Gymnasium 1.4.0: observation,
//! reward and ending of every step.
//!
//! | call                         | gives                                                            |
//! |------------------------------|------------------------------------------------------------------|
//! | `make(task)`                 | what training uses: actions in \[-1, 1\], episodes of 1000 steps |
//! | `make_with(task, &config)`   | the same with settings of one's own                              |
//! | `make_mujoco(task)`          | the bare task: own units, no time limit, physics can be set      |
//! | `MujocoEnv::new(id, rules)`  | a task of one's own from any MJCF file                           |
//! | `trace(&input)`              | every step of a given state and action sequence                  |
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
mod frame;
#[cfg(feature = "mujoco")]
pub mod mujoco;
mod precision;
pub mod reaching;
mod task;
#[cfg(feature = "mujoco")]
mod trace;
mod vec_env;
mod wrappers;

pub use env::{Env, EnvError, EnvSpec, Rng, Step};
pub use frame::Frame;
#[cfg(feature = "mujoco")]
pub use mujoco::{MujocoEnv, RewardTerms, mujoco_version};
pub use precision::{action_to_f64, obs_to_f32};
pub use reaching::{ReachingConfig, ReachingPreset, TargetReaching};
pub use task::{
    ContactForces, EPISODE_STEPS, EnvConfig, MujocoConfig, Robot, TaskId, Version, make, make_with,
};
#[cfg(feature = "mujoco")]
pub use task::{make_mujoco, make_mujoco_with};
#[cfg(feature = "mujoco")]
pub use trace::{TraceInput, TraceOutput, trace};
pub use vec_env::VecEnv;
pub use wrappers::{ClipAction, ObsNoise, RescaleAction, TimeLimit};
