//! Deep reinforcement learning on burn: soft actor-critic (SAC) and proximal policy optimisation (PPO)
//! with gating, MCP and PMOE policies, and double actor-critic (DAC).
//!
//! One page to find one's way:
//!
//! | to see | open |
//! |---|---|
//! | the training loop | [`Training::run`] |
//! | evaluation, one episode or many at once | [`mod@evaluate`] |
//! | what a learner must offer | [`Agent`] |
//! | SAC, line by line | [`sac::Sac::gradient_step`] |
//! | PPO, DAC, TD3, line by line | [`ppo::Ppo`], [`dac::Dac`], [`td3::Td3`] |
//! | the paper's policy and its loss | [`sac::PmoeActor`], [`ppo::PmoeActor`] |
//! | what the policies share; what a mixture shows of itself | [`policy`], [`policy::MixtureBatch`] |
//! | what each primitive would do | [`policy::PrimitiveActions`] |
//! | hyper-parameters | [`sac::SacConfig`], [`ppo::PpoConfig`], [`dac::DacConfig`], [`td3::Td3Config`], `configs/algos/*.toml` |
//! | all algorithms, and a learner from its config | [`algo`] |
//! | what a run takes in memory, what an update takes in time | [`memory`], [`timing`] |
//! | where randomness comes from | [`seed`] |
//! | how a run survives a kill | [`checkpoint`] |
//!
//! Any [`Env`](pmoe_envs::Env) can be learnt in; MuJoCo is not needed:
//! `examples/custom_env.rs` is the whole API on one page.

pub mod agent;
pub mod algo;
pub mod checkpoint;
pub mod config;
pub mod critic;
pub mod dac;
pub mod error;
pub mod evaluate;
mod layers;
pub mod memory;
pub mod normalize;
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
pub use config::{DeviceKind, MethodConfig, Origin, RunConfig, Schedule};
pub use error::RunError;
pub use evaluate::Evaluation;
pub use memory::MemoryUse;
pub use range::ConfigError;
pub use timing::TimedStep;
pub use train::{Progress, Restored, Training, TrainingEnd};
