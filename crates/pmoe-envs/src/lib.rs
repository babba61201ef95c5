//! Reinforcement-learning tasks behind one small trait.
//!
//! [`Env`] is the contract: slices of `f64` in and out, no allocation per step, all randomness from
//! the caller's generator, the whole state saved and restored. [`TimeLimit`], [`RescaleAction`],
//! [`ClipAction`] and [`ObsNoise`] wrap any task; [`VecEnv`] steps many at once.
//!
//! # An episode
//! [`make`] gives a task as training uses it: actions in \[-1, 1\], episodes of limited length.
//!
//! ```
//! use pmoe_envs::{Rng, make};
//! use rand::{RngExt, SeedableRng};
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
//! Target-reaching is a point mass among obstacles ([`reaching`]). With the feature `mujoco` (on by default)
//! there are Gym's MuJoCo tasks, version 2, 4 and 5 ([`mujoco`]): on the same MuJoCo library and the same C
//! mathematics library they give the bits of Gymnasium 1.4.0 in observation, reward and ending of every step.
//! [`TaskId::all`] lists all of them.
//!
//! `mjcf:FILE` is a task from a model file, with its settings in a TOML file beside it ([`mjcf`]).
//!
//! | call                         | gives                                                            |
//! |------------------------------|------------------------------------------------------------------|
//! | `make(&task)`                | what training uses: actions in \[-1, 1\], episodes of 1000 steps |
//! | `make_with(&task, &config)`  | the same with settings of your own                               |
//! | `make_mujoco(&task)`         | the bare task: own units, no time limit, physics can be set      |
//! | `MujocoEnv::new(id, rules)`  | a task from any model file, with rewards in Rust                 |
//! | `trace(&input)`              | every step of a given state and action sequence                  |
//!
//! # A task of your own
//! Implement [`Env`], without a time limit and without resets of its own, and wrap it.
//!
//! ```
//! use pmoe_envs::{Env, EnvError, EnvSpec, RescaleAction, Rng, Step, TimeLimit};
//! use rand::{RngExt, SeedableRng};
//!
//! /// A cart on a line that is to stop at 0.
//! struct Line {
//!     spec: EnvSpec,
//!     position: f64,
//! }
//!
//! impl Env for Line {
//!     fn spec(&self) -> &EnvSpec {
//!         &self.spec
//!     }
//!
//!     fn reset(&mut self, rng: &mut Rng, obs: &mut [f64]) -> Result<(), EnvError> {
//!         self.position = rng.random_range(-5.0..5.0);
//!         obs[0] = self.position;
//!         Ok(())
//!     }
//!
//!     fn step(&mut self, action: &[f64], obs: &mut [f64]) -> Result<Step, EnvError> {
//!         self.position += 0.1 * action[0].clamp(-2.0, 2.0);
//!         obs[0] = self.position;
//!         let terminated = self.position.abs() < 0.1;
//!         Ok(Step { reward: -1.0, terminated, truncated: false, success: Some(terminated) })
//!     }
//!
//!     fn save_state(&self, state: &mut Vec<f64>) {
//!         state.push(self.position);
//!     }
//!
//!     fn load_state(&mut self, state: &[f64]) -> Result<(), EnvError> {
//!         self.position = state[0];
//!         Ok(())
//!     }
//! }
//!
//! # fn main() -> Result<(), EnvError> {
//! let spec = EnvSpec {
//!     id: "Line".to_owned(),
//!     obs_dim: 1,
//!     action_low: vec![-2.0],
//!     action_high: vec![2.0],
//!     dt_seconds: 0.1,
//! };
//! let mut env = TimeLimit::new(RescaleAction::new(Line { spec, position: 0.0 }), 200);
//! let mut obs = [0.0];
//! env.reset(&mut Rng::seed_from_u64(1), &mut obs)?;
//! // Towards 0, as fast as it goes: 0.2 a step.
//! let steps = (1..).find(|_| {
//!     let action = [-obs[0].signum()];
//!     env.step(&action, &mut obs).is_ok_and(|step| step.terminated)
//! });
//! assert!(steps.is_some_and(|steps| steps <= 25));
//! # Ok(())
//! # }
//! ```

mod env;
mod episode;
mod frame;
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

pub use env::{Env, EnvError, EnvSpec, Rng, Step};
pub use episode::EPISODE_STEPS;
pub use frame::Frame;
pub use make::{make, make_with};
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
