//! Deep reinforcement learning on burn: soft actor-critic (SAC) and proximal policy optimisation (PPO) with Gaussian,
//! gating, MCP and PMOE policies, double actor-critic (DAC) and TD3, for any task that is an [`Env`](pmoe_envs::Env).
//!
//! [`Training`] is the one loop for all of them. The same settings and seed give the same bits, also for a run that was
//! stopped and went on from a checkpoint.
//!
//! # Example
//! A task of your own, learnt with SAC; `examples/custom_env.rs` goes on to save, load and compare the policy.
//!
//! ```
//! use pmoe_algos::burn::tensor::Device;
//! use pmoe_algos::evaluate::evaluate;
//! use pmoe_algos::pmoe_envs::rand::{RngExt, SeedableRng};
//! use pmoe_algos::pmoe_envs::{Env, EnvError, EnvSpec, Rng, Step, TimeLimit};
//! use pmoe_algos::pmoe_results::run::MemorySink;
//! use pmoe_algos::{AlgoConfig, MethodConfig, Training};
//!
//! /// A point on a line; the reward is minus its squared distance from the origin.
//! struct PointMass(EnvSpec, f64);
//!
//! impl Env for PointMass {
//!     fn spec(&self) -> &EnvSpec {
//!         &self.0
//!     }
//!     fn reset(&mut self, rng: &mut Rng, obs: &mut [f64]) -> Result<(), EnvError> {
//!         self.1 = rng.random_range(-1.0..1.0);
//!         obs[0] = self.1;
//!         Ok(())
//!     }
//!     fn step(&mut self, action: &[f64], obs: &mut [f64]) -> Result<Step, EnvError> {
//!         self.1 += action[0] / 5.0;
//!         obs[0] = self.1;
//!         Ok(Step { reward: -self.1 * self.1, terminated: false, truncated: false, success: None })
//!     }
//!     fn save_state(&self, state: &mut Vec<f64>) {
//!         state.push(self.1);
//!     }
//!     fn load_state(&mut self, state: &[f64]) -> Result<(), EnvError> {
//!         self.1 = state[0];
//!         Ok(())
//!     }
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let make = || TimeLimit::new(PointMass(EnvSpec::new("PointMass", 1, 1), 0.0), 30);
//! let (mut env, mut eval_env) = (make(), make());
//!
//! let MethodConfig { mut algo, mut schedule } = MethodConfig::named("sac")?;
//! if let AlgoConfig::Sac(sac) = &mut algo {
//!     (sac.hidden, sac.random_steps, sac.learning_starts) = (vec![32, 32], 100, 100);
//! }
//! (schedule.total_steps, schedule.eval_every) = (600, 300);
//! let mut agent = algo.agent(env.spec(), schedule.total_steps, 0, &Device::flex());
//! let mut events = MemorySink::default();
//! Training::new(&mut env, &mut eval_env, &mut agent, &schedule, 0).run(&mut events)?;
//!
//! let played = evaluate(&agent, &mut eval_env, 5, &mut Rng::seed_from_u64(1), &|| false)?;
//! assert!(played.is_some_and(|played| played.mean_return() > -5.0));
//! # Ok(())
//! # }
//! ```
//!
//! # Where to find what
//!
//! | to see | open |
//! |---|---|
//! | the training loop; how it is interrupted and resumed | [`Training::run`], [`checkpoint`] |
//! | evaluation, one episode or many at once | [`mod@evaluate`] |
//! | what a learner must offer | [`Agent`] |
//! | several runs in lockstep | [`Population`], [`sac::Lockstep`] |
//! | SAC, PPO, DAC, TD3, line by line | [`sac::Sac::gradient_step`], [`ppo::Ppo`], [`dac::Dac`], [`td3::Td3`] |
//! | the paper's policy and its loss | [`sac::PmoeActor`], [`ppo::PmoeActor`] |
//! | what the policies share; what a mixture shows of itself | [`policy`], [`policy::MixtureBatch`] |
//! | what each primitive would do | [`policy::PrimitiveActions`] |
//! | hyper-parameters | [`MethodConfig::named`], [`sac::SacConfig`], [`ppo::PpoConfig`], [`dac::DacConfig`], [`td3::Td3Config`] |
//! | all algorithms, and a learner from its config | [`algo`] |
//! | what a run takes in memory, what an update takes in time | [`memory`], [`timing`] |
//! | a policy for other programs: an ONNX graph, a PyTorch file | [`export`] |
//! | where randomness comes from | [`seed`] |
//!
//! It needs no MuJoCo: `pmoe-envs` with its feature `mujoco` has Gym's tasks. It writes no run folders: events go to any
//! [`Sink`](pmoe_results::Sink), and `pmoe_results::RunDir` is one.
//!
//! # Features
//! `ndarray`, `wgpu` and `cuda` add burn's devices of these names, which [`DeviceKind::open`] opens. The crates whose
//! types stand in signatures here are re-exported: [`burn`], [`pmoe_core`], [`pmoe_envs`], [`pmoe_results`].
//!
//! # Errors
//! [`ConfigError`] names the setting and what it may be, before anything is allocated. [`RunError`] ends a run: the task
//! failed, learning diverged, or the disk refuses; earlier checkpoints stay.

pub use {burn, pmoe_core, pmoe_envs, pmoe_results};

pub mod agent;
pub mod algo;
pub mod checkpoint;
pub mod config;
pub mod critic;
pub mod dac;
pub mod device;
pub mod error;
pub mod evaluate;
mod experience;
pub mod export;
mod layers;
pub mod memory;
pub mod normalize;
mod one_or_many;
pub mod policy;
pub mod ppo;
pub mod range;
pub mod replay;
pub mod rollout;
pub mod sac;
pub mod seed;
pub mod td3;
mod tensors;
pub mod timing;
pub mod train;

pub use agent::{Agent, AgentError, Metrics, Mode, Transition, Updates};
pub use algo::{AlgoConfig, AnyAgent, AnyMemory};
pub use checkpoint::{CheckpointError, Checkpoints, Scope};
pub use config::{MethodConfig, Origin, RunConfig, Schedule};
pub use device::{DeviceError, DeviceKind};
pub use error::RunError;
pub use evaluate::Evaluation;
pub use memory::MemoryUse;
pub use range::ConfigError;
pub use timing::TimedStep;
pub use train::{Member, Population, Progress, Restored, Training, TrainingEnd};

/// The program of README.md compiles and runs.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
