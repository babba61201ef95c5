//! Settings that policies of several algorithms have.

use pmoe_core::dist::BlendVariance;
use pmoe_core::loss::Reduction;
use pmoe_core::nn::Nonlinearity;
use serde::{Deserialize, Serialize};

/// What the router sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RoutingInput {
    /// The trunk's features as constants.
    TrunkSg,
    /// The trunk's features, its gradient shaping them.
    Trunk,
    /// The observation.
    Obs,
}

/// Which primitive acts when evaluated; its mean is the action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EvalPrimitive {
    /// Drawn from the router's weights.
    Sample,
    /// The one with the largest weight.
    ArgmaxW,
    /// The one whose mean action the critics value most.
    ArgmaxQ,
    /// Always this one, from 0.
    Index(usize),
}

/// How the frequency loss adds up over primitives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FreqReduction {
    /// Sum over primitives, mean over the batch: eq. 7.
    Sum,
    /// Mean over both: the authors' release.
    Mean,
}

/// The variance of a blend of Gaussians.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GatingVariance {
    /// `Σ w σ²`: eq. 15.
    Paper,
    /// `Σ w² σ²`: of a weighted sum of independent draws.
    Exact,
}

/// Settings of an [`McpActor`](super::McpActor).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct McpConfig {
    /// Number K of Gaussians.
    pub num_primitives: usize,
    /// How the gate's outputs become weights.
    pub gate: McpGate,
    /// The networks' sizes.
    pub network: McpNetwork,
}

/// How a gate's outputs become weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum McpGate {
    /// Each in (0, 1) by itself: MCP.
    Sigmoid,
    /// They sum to 1.
    Softmax,
}

/// The sizes of MCP's networks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum McpNetwork {
    /// MCP's own: a gate of 512, 256 and 256 units; 512 and 256 units shared by the primitives, 256 for
    /// each alone.
    Full,
    /// Those of PMOE-SAC: one trunk of `hidden`, heads and gate on it.
    Matched,
}

/// What follows hidden layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NonlinearityConfig {
    /// max(·, 0).
    Relu,
    /// tanh.
    Tanh,
}

impl From<FreqReduction> for Reduction {
    fn from(config: FreqReduction) -> Self {
        match config {
            FreqReduction::Sum => Self::Sum,
            FreqReduction::Mean => Self::Mean,
        }
    }
}

impl From<GatingVariance> for BlendVariance {
    fn from(config: GatingVariance) -> Self {
        match config {
            GatingVariance::Paper => Self::Paper,
            GatingVariance::Exact => Self::Exact,
        }
    }
}

impl From<NonlinearityConfig> for Nonlinearity {
    fn from(config: NonlinearityConfig) -> Self {
        match config {
            NonlinearityConfig::Relu => Self::Relu,
            NonlinearityConfig::Tanh => Self::Tanh,
        }
    }
}

impl RoutingInput {
    /// Numbers that the router reads.
    pub(crate) fn width(self, obs_dim: usize, hidden: &[usize]) -> usize {
        match self {
            Self::TrunkSg | Self::Trunk => hidden[hidden.len() - 1],
            Self::Obs => obs_dim,
        }
    }
}
