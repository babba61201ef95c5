//! Reinforcement-learning tasks behind one small trait: Gym's MuJoCo tasks, bit for bit, target-reaching, and tasks of
//! your own.
//!
//! [`Env`] is the contract: slices of `f64` in and out, no allocation per step, all randomness from the caller's
//! generator, the whole state saved and restored. [`TimeLimit`], [`RescaleAction`], [`ClipAction`] and [`ObsNoise`] wrap
//! any task; [`VecEnv`] steps many at once.
//!
//! # Example
//! [`make`] gives a task as training uses it: actions in \[-1, 1\], episodes of limited length.
//!
//! ```
//! use pmoe_envs::rand::{RngExt, SeedableRng};
//! use pmoe_envs::{Rng, make};
//!
//! # fn main() -> Result<(), pmoe_envs::EnvError> {
//! let mut env = make(&"TargetReaching-v0".parse()?)?;
//! let mut rng = Rng::seed_from_u64(0);
//! let mut obs = vec![0.0; env.spec().obs_dim];
//! let mut action = vec![0.0; env.spec().action_dim()];
//! let mut episode_return = 0.0;
//! env.reset(&mut rng, &mut obs)?;
//! loop {
//!     action.fill_with(|| rng.random_range(-1.0..1.0));
//!     let step = env.step(&action, &mut obs)?;
//!     episode_return += step.reward;
//!     // `terminated`: the task is over. `truncated`: time is up, and the state still has a value.
//!     if step.terminated || step.truncated {
//!         break;
//!     }
//! }
//! assert!(episode_return.is_finite());
//! # Ok(())
//! # }
//! ```
//!
//! # The tasks
//! Target-reaching is a point mass among obstacles ([`reaching`]). With the feature `mujoco` (on by default) there are
//! Gym's MuJoCo tasks, version 2, 4 and 5 ([`mujoco`]): on the same MuJoCo library and the same C mathematics library
//! they give the bits of Gymnasium 1.4.0 in observation, reward and ending of every step. [`TaskId::all`] lists all of
//! them. `mjcf:FILE` is a task from a model file, with its settings in a TOML file beside it ([`mjcf`]), and `gym:ID` one
//! of Gymnasium, in programs that hold Python ([`gym`]).
//!
//! | call                         | gives                                                            |
//! |------------------------------|------------------------------------------------------------------|
//! | `make(&task)`                | what training uses: actions in \[-1, 1\], episodes of 1000 steps |
//! | `make_with(&task, &config)`  | the same with settings of your own                               |
//! | `make_bare(&task, &config)`  | the bare task: own units, no time limit                          |
//! | `make_mujoco(&task)`         | the bare task of MuJoCo, whose physics can be set                |
//! | `MujocoEnv::new(id, rules)`  | a task from any model file, with rewards in Rust                 |
//! | `trace(&input)`              | every step of a given state and action sequence                  |
//!
//! # A task of your own
//! Implement [`Env`], without a time limit and without resets of its own, and wrap it; `examples/own_task.rs` is one, and
//! `examples/custom_mjcf.rs` one with a MuJoCo model.
//!
//! It holds no learner and no burn: `pmoe-algos` trains on these tasks.
//!
//! # MuJoCo
//! The library is loaded where the first model is read, from the folder that `MUJOCO_DYNAMIC_LINK_DIR` names, and a
//! program that reads no model does without. Gym's model files are looked for in the folder `PMOE_MODEL_DIR`. When
//! building, mujoco-rs wants the first of these as well. `cargo xtask setup` of this repository fetches both.
//!
//! # Features
//! `mujoco` (default): the MuJoCo tasks. `render`: pictures of them, through EGL. [`rand`] is re-exported in the version
//! whose traits [`Rng`] has.
//!
//! # Errors
//! [`EnvError`] names the task, and what is wrong: a setting and what it may be, an action that is not finite, a slice of
//! the wrong length, a simulation that became unstable, a library or model that can't be loaded. It ends an episode,
//! never the process.

pub use rand;

mod env;
mod episode;
mod frame;
pub mod gym;
mod make;
pub mod mjcf;
#[cfg(feature = "mujoco")]
pub mod mujoco;
mod precision;
pub mod reaching;
mod task;
#[cfg(feature = "mujoco")]
mod trace;
mod vec_env;
mod wrappers;

pub use env::{Env, EnvError, EnvSpec, Rng, Step, UnknownTask};
pub use episode::EPISODE_STEPS;
pub use frame::{Frame, check_picture_size};
pub use make::{make, make_bare, make_with};
#[cfg(feature = "mujoco")]
pub use make::{make_mujoco, make_mujoco_with};
pub use mjcf::MjcfConfig;
#[cfg(feature = "mujoco")]
pub use mujoco::{MujocoEnv, RewardTerms, mujoco_version};
pub use precision::{action_to_f64, obs_to_f32};
pub use reaching::{ReachingConfig, ReachingPreset, TargetReaching};
pub use task::{ContactForces, EnvConfig, MujocoConfig, Robot, TaskId, Version};
#[cfg(feature = "mujoco")]
pub use trace::{TraceInput, TraceOutput, trace};
pub use vec_env::VecEnv;
pub use wrappers::{ClipAction, ObsNoise, RescaleAction, TimeLimit};

/// The program of README.md compiles and runs.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
