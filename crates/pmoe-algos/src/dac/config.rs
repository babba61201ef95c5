//! Hyper-parameters of DAC. Defaults are in `configs/methods/dac.toml`.

use pmoe_core::nn::{LayerInit, MlpStyle};
use serde::{Deserialize, Serialize};

use crate::normalize::NormalizeConfig;
use crate::policy::{NonlinearityConfig, StdConfig};
use crate::range::{
    ConfigError, Most, between, count, hidden_layers, in_range, positive, updates_of_rollout,
};

/// Hyper-parameters of [`Dac`](super::Dac).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DacConfig {
    /// Number K of options.
    pub num_options: usize,
    /// Discount γ, in [0, 1].
    pub gamma: f64,
    /// λ of the advantage estimates, in [0, 1].
    pub gae_lambda: f64,
    /// What the values are fitted to.
    pub returns: Returns,
    /// Environment steps T from one update to the next.
    pub rollout_steps: usize,
    /// Passes over a rollout for each of the two MDPs.
    pub epochs: u32,
    /// Steps per gradient update B; what is left of a pass makes a smaller one.
    pub minibatch_size: usize,
    /// Learning rate.
    pub lr: f64,
    /// ε of Adam.
    pub adam_epsilon: f32,
    /// How far ε the probability ratio may move from 1 with a gain, positive.
    pub clip_ratio: f64,
    /// Weight of the value losses.
    pub vf_coef: f64,
    /// Weight of the entropy of the choice of options.
    pub ent_coef: f64,
    /// Weight of the mean probability of ending an option.
    pub termination_coef: f64,
    /// Largest norm of the gradient of all parameters together.
    pub max_grad_norm: f64,
    /// Whether the value after a time limit is that of the state (true) or 0.
    pub bootstrap_truncation: bool,
    /// Units of each hidden layer, of all networks.
    pub hidden: Vec<usize>,
    /// What follows hidden layers.
    pub nonlinearity: NonlinearityConfig,
    /// Gain of the orthogonal matrices that hidden layers start as.
    pub hidden_gain: f64,
    /// Gain of those that output layers start as.
    pub head_gain: f64,
    /// The standard deviations of all options.
    pub std: StdConfig,
    /// How an option is chosen when evaluated.
    pub eval_option: EvalOption,
    /// Running normalisers.
    pub normalize: NormalizeConfig,
}

/// What values are fitted to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Returns {
    /// Discounted sums of rewards, see [`discounted_returns`](crate::rollout::discounted_returns).
    Discounted,
    /// Advantage plus old value.
    Lambda,
}

/// How an option is chosen when evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EvalOption {
    /// Drawn, as in training.
    Sample,
    /// The most probable one.
    Argmax,
}

impl DacConfig {
    /// Checks every range.
    ///
    /// # Errors
    /// Names the key, its value and what it may be.
    pub fn validate(&self) -> Result<(), ConfigError> {
        count("num_options", self.num_options as u64, 1, Most::PRIMITIVES)?;
        in_range("gamma", self.gamma, 0.0, 1.0)?;
        in_range("gae_lambda", self.gae_lambda, 0.0, 1.0)?;
        count("rollout_steps", self.rollout_steps as u64, 1, Most::ROWS)?;
        let most = self.rollout_steps as u64;
        between("minibatch_size", self.minibatch_size as u64, 1, most)?;
        updates_of_rollout(2 * u64::from(self.epochs), self.rollout_steps, self.minibatch_size)?;
        positive("lr", self.lr)?;
        positive("adam_epsilon", self.adam_epsilon.into())?;
        positive("clip_ratio", self.clip_ratio)?;
        in_range("vf_coef", self.vf_coef, 0.0, f64::MAX)?;
        in_range("ent_coef", self.ent_coef, 0.0, f64::MAX)?;
        in_range("termination_coef", self.termination_coef, 0.0, f64::MAX)?;
        positive("max_grad_norm", self.max_grad_norm)?;
        hidden_layers("hidden", &self.hidden)?;
        positive("hidden_gain", self.hidden_gain)?;
        positive("head_gain", self.head_gain)?;
        self.std.validate("std")?;
        self.normalize.validate("normalize")
    }

    /// How hidden layers start and what follows them.
    pub(super) fn style(&self) -> MlpStyle {
        let init = LayerInit::Orthogonal { gain: self.hidden_gain };
        MlpStyle { nonlinearity: self.nonlinearity.into(), init }
    }
}
