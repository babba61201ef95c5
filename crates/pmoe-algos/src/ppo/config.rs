//! Hyper-parameters of the PPO family. Defaults are in `configs/methods/*.toml`.

use pmoe_core::nn::{LayerInit, MlpStyle};
use serde::{Deserialize, Serialize};

use crate::normalize::NormalizeConfig;
use crate::policy::{
    EvalPrimitive, FreqReduction, GatingVariance, LogStd, McpBound, McpGate, McpNetwork,
    NonlinearityConfig, RoutingInput, StdConfig,
};
use crate::range::{
    ConfigError, Most, between, count, hidden_layers, in_range, positive, updates_of_rollout,
};
use crate::rollout::{self, RolloutBuffer};

/// Hyper-parameters of [`Ppo`](super::Ppo).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PpoConfig {
    /// Discount γ, in [0, 1].
    pub gamma: f64,
    /// λ of the advantage estimates, in [0, 1].
    pub gae_lambda: f64,
    /// Environment steps T per rollout, of all environments together.
    pub rollout_steps: usize,
    /// Number N of environments, which divides `rollout_steps`.
    #[serde(default = "rollout::one", skip_serializing_if = "rollout::is_one")]
    pub num_envs: usize,
    /// Passes over a rollout.
    pub epochs: u32,
    /// Steps per gradient update B. The remainder of a pass is a smaller minibatch.
    pub minibatch_size: usize,
    /// Learning rate.
    pub lr: f64,
    /// Whether the learning rate decreases linearly to 0 over the run.
    pub anneal_lr: bool,
    /// ε of Adam.
    pub adam_epsilon: f32,
    /// Clipping range ε of the probability ratio around 1, positive.
    pub clip_ratio: f64,
    /// Whether changes of the value are clipped to `clip_ratio` as well.
    pub value_clip: bool,
    /// Weight of the value loss.
    pub vf_coef: f64,
    /// Weight of the entropy.
    pub ent_coef: f64,
    /// Maximum norm of the joint gradient of all parameters.
    pub max_grad_norm: f64,
    /// Rows over which advantages are normalised to mean 0 and standard deviation 1.
    pub advantage_norm: AdvantageNorm,
    /// Whether the value after a time limit is that of the state (true) or 0.
    pub bootstrap_truncation: bool,
    /// Running normalisation.
    pub normalize: NormalizeConfig,
    /// Networks.
    pub net: NetConfig,
    /// The policy.
    pub actor: ActorConfig,
}

/// Rows over which advantages are normalised to mean 0 and standard deviation 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AdvantageNorm {
    /// Each minibatch.
    Minibatch,
    /// The whole rollout.
    Rollout,
}

/// The networks of policy and value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetConfig {
    /// Units of each hidden layer of the policy.
    pub hidden: Vec<usize>,
    /// Nonlinearity of hidden layers.
    pub nonlinearity: NonlinearityConfig,
    /// Function applied to the output layer of the mean.
    pub mean_output: MeanOutput,
    /// The value's network.
    pub critic: CriticConfig,
    /// Initial weights.
    pub init: InitConfig,
}

/// Function applied to the output layer of the mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MeanOutput {
    /// None.
    Identity,
    /// tanh: means lie within the action limits.
    Tanh,
}

/// The value's network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum CriticConfig {
    /// One layer on the policy's features.
    Shared {},
    /// A separate network.
    Separate {
        /// Units of each hidden layer.
        hidden: Vec<usize>,
    },
}

/// Initial weights.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum InitConfig {
    /// U(−1/√fan_in, 1/√fan_in) everywhere.
    Torch {},
    /// Orthogonal matrices, biases 0.
    Orthogonal {
        /// Gain of hidden layers.
        hidden_gain: f64,
        /// Gain of the output layer of the mean.
        mean_gain: f64,
        /// Gain of the output layer of the value.
        value_gain: f64,
    },
}

/// The policy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ActorConfig {
    /// One Gaussian: PPO.
    Gaussian {
        /// Its standard deviation.
        std: StdConfig,
    },
    /// A mixture of Gaussians: PMOE-PPO.
    Pmoe(PmoeConfig),
    /// Gaussians blended into one by a gate: gating-PPO.
    Gating(GatingConfig),
    /// The product of weighted Gaussians: MCP-PPO.
    Mcp(McpConfig),
}

/// Settings of a [`GatingActor`](super::GatingActor).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GatingConfig {
    /// Number K of Gaussians.
    pub num_primitives: usize,
    /// Variance of the blend.
    pub variance: GatingVariance,
    /// Limits of the Gaussians' log standard deviations.
    pub log_std: LogStd,
}

/// Settings of MCP-PPO's [`McpActor`](crate::policy::McpActor). Its networks always use ReLU and
/// PyTorch's initial values, regardless of `net`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct McpConfig {
    /// Number K of Gaussians.
    pub num_primitives: usize,
    /// How gate outputs become weights.
    pub gate: McpGate,
    /// Sizes of the networks.
    pub network: McpNetwork,
    /// Limits of log standard deviations.
    pub log_std: LogStd,
    /// What they bound. Configs of earlier versions have no such key.
    #[serde(default = "McpBound::earlier", skip_serializing_if = "McpBound::is_earlier")]
    pub bound: McpBound,
}

impl ActorConfig {
    /// Returns the number K of Gaussians.
    pub(crate) fn num_primitives(&self) -> usize {
        match self {
            Self::Gaussian { .. } => 1,
            Self::Pmoe(pmoe) => pmoe.num_primitives,
            Self::Gating(gating) => gating.num_primitives,
            Self::Mcp(mcp) => mcp.num_primitives,
        }
    }

    /// Returns the mixture's settings if its router learns from a Q-network.
    pub(crate) fn with_action_value(&self) -> Option<&PmoeConfig> {
        match self {
            Self::Pmoe(pmoe) => Some(pmoe).filter(|pmoe| pmoe.routing.has_freq()),
            Self::Gaussian { .. } | Self::Gating(_) | Self::Mcp(_) => None,
        }
    }

    /// Whether the Q-network chooses the primitive that acts in evaluation.
    pub(crate) fn acts_by_value(&self) -> bool {
        matches!(self, Self::Pmoe(pmoe) if pmoe.eval_primitive == EvalPrimitive::ArgmaxQ)
    }

    /// Returns the key and a mutable reference to the number of primitives; `None` for a single
    /// Gaussian.
    pub(crate) fn num_primitives_mut(&mut self) -> Option<(&'static str, &mut usize)> {
        match self {
            Self::Gaussian { .. } => None,
            Self::Pmoe(pmoe) => Some(("actor.pmoe.num_primitives", &mut pmoe.num_primitives)),
            Self::Gating(gating) => {
                Some(("actor.gating.num_primitives", &mut gating.num_primitives))
            }
            Self::Mcp(mcp) => Some(("actor.mcp.num_primitives", &mut mcp.num_primitives)),
        }
    }
}

/// Settings of a [`PmoeActor`](super::PmoeActor).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PmoeConfig {
    /// Number K of primitives.
    pub num_primitives: usize,
    /// Standard deviations of all primitives.
    pub std: StdConfig,
    /// What the router learns from.
    pub routing: Routing,
    /// Input of the router.
    pub routing_input: RoutingInput,
    /// Weight of the frequency loss.
    pub freq_coef: f64,
    /// How the frequency loss is reduced.
    pub freq_reduction: FreqReduction,
    /// Units of each hidden layer of the Q-network that evaluates primitives.
    pub aux_hidden: Vec<usize>,
    /// Maximum initial magnitude of the weights in its last layer.
    pub aux_output_bound: f64,
    /// Its learning rate.
    pub aux_lr: f64,
    /// The primitive that acts in evaluation.
    pub eval_primitive: EvalPrimitive,
}

/// What the router learns from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Routing {
    /// Only the policy gradient; there is no Q-network.
    Pg,
    /// Only the frequency loss: weights are constants in the policy gradient.
    Freq,
    /// Both.
    PgFreq,
}

impl Routing {
    /// Whether the frequency loss is used.
    pub fn has_freq(self) -> bool {
        self != Self::Pg
    }
}

impl PpoConfig {
    /// Creates an empty rollout.
    pub(crate) fn rollout(&self) -> RolloutBuffer {
        RolloutBuffer::new(self.rollout_steps, self.num_envs)
    }

    /// Checks every range.
    ///
    /// # Errors
    /// The error names the key, its value and the allowed values.
    pub fn validate(&self) -> Result<(), ConfigError> {
        in_range("gamma", self.gamma, 0.0, 1.0)?;
        in_range("gae_lambda", self.gae_lambda, 0.0, 1.0)?;
        count("rollout_steps", self.rollout_steps as u64, 1, Most::ROWS)?;
        count("num_envs", self.num_envs as u64, 1, Most::ENVS)?;
        if !self.rollout_steps.is_multiple_of(self.num_envs) {
            return Err(ConfigError::Range {
                key: "num_envs".to_owned(),
                value: self.num_envs.to_string(),
                allowed: format!("a divisor of rollout_steps, which is {}", self.rollout_steps),
            });
        }
        let most = self.rollout_steps as u64;
        between("minibatch_size", self.minibatch_size as u64, 1, most)?;
        updates_of_rollout(self.epochs.into(), self.rollout_steps, self.minibatch_size)?;
        positive("lr", self.lr)?;
        positive("adam_epsilon", self.adam_epsilon.into())?;
        positive("clip_ratio", self.clip_ratio)?;
        in_range("vf_coef", self.vf_coef, 0.0, f64::MAX)?;
        in_range("ent_coef", self.ent_coef, 0.0, f64::MAX)?;
        positive("max_grad_norm", self.max_grad_norm)?;
        self.normalize.validate("normalize")?;
        self.net.validate()?;
        match &self.actor {
            ActorConfig::Gaussian { std } => std.validate("actor.gaussian.std"),
            ActorConfig::Pmoe(pmoe) => pmoe.validate(),
            ActorConfig::Gating(gating) => {
                let num = gating.num_primitives as u64;
                count("actor.gating.num_primitives", num, 1, Most::PRIMITIVES)?;
                gating.log_std.validate("actor.gating.log_std")
            }
            ActorConfig::Mcp(mcp) => {
                let num = mcp.num_primitives as u64;
                count("actor.mcp.num_primitives", num, 1, Most::PRIMITIVES)?;
                mcp.log_std.validate("actor.mcp.log_std")?;
                if self.net.critic == (CriticConfig::Shared {}) {
                    return Err(ConfigError::Range {
                        key: "net.critic".to_owned(),
                        value: "shared".to_owned(),
                        allowed: "`separate` with MCP, whose networks share no features".to_owned(),
                    });
                }
                Ok(())
            }
        }
    }
}

impl NetConfig {
    fn validate(&self) -> Result<(), ConfigError> {
        hidden_layers("net.hidden", &self.hidden)?;
        if let CriticConfig::Separate { hidden } = &self.critic {
            hidden_layers("net.critic.separate.hidden", hidden)?;
        }
        if let InitConfig::Orthogonal { hidden_gain, mean_gain, value_gain } = self.init {
            positive("net.init.orthogonal.hidden_gain", hidden_gain)?;
            positive("net.init.orthogonal.mean_gain", mean_gain)?;
            positive("net.init.orthogonal.value_gain", value_gain)?;
        }
        Ok(())
    }

    /// Returns the initialisation and nonlinearity of hidden layers.
    pub fn style(&self) -> MlpStyle {
        let init = match self.init {
            InitConfig::Torch {} => LayerInit::Torch,
            InitConfig::Orthogonal { hidden_gain: gain, .. } => LayerInit::Orthogonal { gain },
        };
        MlpStyle { nonlinearity: self.nonlinearity.into(), init }
    }

    /// Returns the initial values of the mean's output layer.
    pub fn mean_init(&self) -> LayerInit {
        match self.init {
            InitConfig::Torch {} => LayerInit::Torch,
            InitConfig::Orthogonal { mean_gain: gain, .. } => LayerInit::Orthogonal { gain },
        }
    }

    /// Returns the initial values of the value's output layer.
    pub fn value_init(&self) -> LayerInit {
        match self.init {
            InitConfig::Torch {} => LayerInit::Torch,
            InitConfig::Orthogonal { value_gain: gain, .. } => LayerInit::Orthogonal { gain },
        }
    }
}

impl PmoeConfig {
    fn validate(&self) -> Result<(), ConfigError> {
        let num = self.num_primitives as u64;
        count("actor.pmoe.num_primitives", num, 1, Most::PRIMITIVES)?;
        self.std.validate("actor.pmoe.std")?;
        in_range("actor.pmoe.freq_coef", self.freq_coef, 0.0, f64::MAX)?;
        hidden_layers("actor.pmoe.aux_hidden", &self.aux_hidden)?;
        positive("actor.pmoe.aux_output_bound", self.aux_output_bound)?;
        positive("actor.pmoe.aux_lr", self.aux_lr)?;
        match self.eval_primitive {
            EvalPrimitive::Index(index) => {
                between("actor.pmoe.eval_primitive.index", index as u64, 0, num - 1)
            }
            EvalPrimitive::ArgmaxQ if !self.routing.has_freq() => Err(ConfigError::Range {
                key: "actor.pmoe.eval_primitive".to_owned(),
                value: "argmax_q".to_owned(),
                allowed: "another choice if `routing` is \"pg\", which has no Q-network".to_owned(),
            }),
            _ => Ok(()),
        }
    }
}
