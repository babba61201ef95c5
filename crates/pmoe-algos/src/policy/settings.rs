//! Settings that policies of several algorithms share.

use pmoe_core::dist::BlendVariance;
use pmoe_core::loss::Reduction;
use pmoe_core::nn::Nonlinearity;
use serde::{Deserialize, Serialize};

/// Input of the router.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RoutingInput {
    /// The trunk's features, without gradient into the trunk.
    TrunkSg,
    /// The trunk's features, with the router's gradient flowing into the trunk.
    Trunk,
    /// The observation.
    Obs,
}

/// The primitive that acts in evaluation. Its mean is the action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EvalPrimitive {
    /// Sampled from the router's weights.
    Sample,
    /// The primitive with the largest weight.
    ArgmaxW,
    /// The primitive whose mean action has the highest value.
    ArgmaxQ,
    /// Always the primitive with this index, from 0.
    Index(usize),
}

/// How the frequency loss is reduced.
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
    /// `Σ w² σ²`: the variance of a weighted sum of independent samples.
    Exact,
}

/// Settings of an [`McpActor`](super::McpActor).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct McpConfig {
    /// Number K of Gaussians.
    pub num_primitives: usize,
    /// How gate outputs become weights.
    pub gate: McpGate,
    /// Sizes of the networks.
    pub network: McpNetwork,
    /// What the limits of log standard deviations bound. Configs of earlier versions, which bounded
    /// the primitives alone, have no such key.
    #[serde(default = "McpBound::earlier", skip_serializing_if = "McpBound::is_earlier")]
    pub bound: McpBound,
}

/// How gate outputs become weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum McpGate {
    /// Each independently in (0, 1): MCP.
    Sigmoid,
    /// Normalised to sum to 1.
    Softmax,
}

/// Sizes of MCP's networks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum McpNetwork {
    /// The sizes of the MCP paper: 512, 256 and 256 units in the gate; 512 and 256 units shared by
    /// the primitives, then 256 for each.
    Full,
    /// The sizes of PMOE-SAC: one trunk of `hidden`, with heads and gate on top.
    Matched,
}

/// What the limits of MCP's log standard deviations bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum McpBound {
    /// Each primitive. Where all weights are small, the product's deviation is larger, up to 10⁴.
    Primitives,
    /// Each primitive, and the product.
    Product,
}

/// Nonlinearity of hidden layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NonlinearityConfig {
    /// max(·, 0).
    Relu,
    /// tanh.
    Tanh,
}

impl McpBound {
    /// Returns what earlier versions bounded.
    pub(crate) fn earlier() -> Self {
        Self::Primitives
    }

    /// Whether it is left out of a config, so that the ids of earlier runs stay.
    pub(crate) fn is_earlier(&self) -> bool {
        *self == Self::earlier()
    }
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
    /// Returns the number of router inputs.
    pub(crate) fn width(self, obs_dim: usize, hidden: &[usize]) -> usize {
        match self {
            Self::TrunkSg | Self::Trunk => hidden[hidden.len() - 1],
            Self::Obs => obs_dim,
        }
    }
}
