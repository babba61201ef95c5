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
    /// Targets of the values.
    pub returns: Returns,
    /// Environment steps T per rollout.
    pub rollout_steps: usize,
    /// Passes over a rollout for each of the two MDPs.
    pub epochs: u32,
    /// Steps per gradient update B. The remainder of a pass is a smaller minibatch.
    pub minibatch_size: usize,
    /// Learning rate.
    pub lr: f64,
    /// ε of Adam.
    pub adam_epsilon: f32,
    /// Clipping range ε of the probability ratio around 1, positive.
    pub clip_ratio: f64,
    /// Weight of the value losses.
    pub vf_coef: f64,
    /// Weight of the entropy of the choice of options.
    pub ent_coef: f64,
    /// Weight of the mean termination probability.
    pub termination_coef: f64,
    /// Maximum norm of the joint gradient of all parameters.
    pub max_grad_norm: f64,
    /// Whether the value after a time limit is that of the state (true) or 0.
    pub bootstrap_truncation: bool,
    /// Units of each hidden layer, in all networks.
    pub hidden: Vec<usize>,
    /// Nonlinearity of hidden layers.
    pub nonlinearity: NonlinearityConfig,
    /// Gain of the orthogonal initial weights of hidden layers.
    pub hidden_gain: f64,
    /// Gain of the orthogonal initial weights of output layers.
    pub head_gain: f64,
    /// Standard deviations of all options.
    pub std: StdConfig,
    /// How evaluation chooses options.
    pub eval_option: EvalOption,
    /// Running normalisation.
    pub normalize: NormalizeConfig,
}

/// Targets of the values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Returns {
    /// Discounted sums of rewards, see [`discounted_returns`](crate::rollout::discounted_returns).
    Discounted,
    /// Advantage plus old value.
    Lambda,
}

/// How evaluation chooses options.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EvalOption {
    /// Sampled, as in training.
    Sample,
    /// The most probable one.
    Argmax,
}

impl DacConfig {
    /// Checks every range.
    ///
    /// # Errors
    /// The error names the key, its value and the allowed values.
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

    /// Returns the initialisation and nonlinearity of hidden layers.
    pub(super) fn style(&self) -> MlpStyle {
        let init = LayerInit::Orthogonal { gain: self.hidden_gain };
        MlpStyle { nonlinearity: self.nonlinearity.into(), init }
    }
}
