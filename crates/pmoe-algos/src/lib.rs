//! Deep reinforcement learning on burn: soft actor-critic (SAC) and proximal policy optimisation (PPO)
//! with gating, MCP and PMOE policies, and double actor-critic (DAC).
//!
//! One page to find one's way:
//!
//! | to see | open |
//! |---|---|
//! | the training loop | [`train::run`] |
//! | evaluation, one episode or many at once | [`mod@evaluate`] |
//! | what a learner must offer | [`Agent`] |
//! | SAC, line by line | [`sac::Sac::gradient_step`] |
//! | PPO, DAC, line by line | [`ppo::Ppo`], [`dac::Dac`] |
//! | the paper's policy and its loss | [`sac::PmoeActor`], [`ppo::PmoeActor`] |
//! | what a mixture shows of itself | [`mixture_metrics`] |
//! | what each primitive would do | [`primitives`] |
//! | hyper-parameters | [`sac::SacConfig`], [`ppo::PpoConfig`], [`dac::DacConfig`], `configs/algos/*.toml` |
//! | a learner from its config | [`any_agent`] |
//! | what a run takes in memory | [`memory`] |
//! | where randomness comes from | [`seed`] |
//! | how a run survives a kill | [`checkpoint`] |
//!
//! Any [`Env`](pmoe_envs::Env) can be learnt in; MuJoCo is not needed:
//! `examples/custom_env.rs` is the whole API on one page.

pub mod agent;
pub mod any_agent;
pub mod checkpoint;
pub mod config;
pub mod dac;
pub mod evaluate;
pub mod memory;
pub mod mixture_metrics;
pub mod normalize;
pub mod ppo;
pub mod primitives;
pub mod replay;
pub mod rollout;
pub mod sac;
pub mod seed;
pub mod train;

pub use agent::{Agent, AgentError, Metrics, Mode, Scope, Transition, Updates};
pub use any_agent::AnyAgent;
pub use checkpoint::{CheckpointError, Checkpoints};
pub use config::{AlgoConfig, ConfigError, DeviceKind, MethodConfig, Origin, RunConfig, Schedule};
pub use evaluate::Evaluation;
pub use memory::Memory;
pub use train::{Outcome, Progress, Restored, RunError};
