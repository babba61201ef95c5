//! Twin state-action value networks, with or without layer normalisation.
//!
//! # Equations
//! A hidden layer is h' = ReLU(LN(W h + b)), with [`CriticNorm::Layer`]
//!
//! ```text
//! LN(z) = γ (z − mean z) / √(var z + 1e-5) + β
//! ```
//!
//! mean and biased variance being those of the layer's units for one state and action, and without
//! a norm LN(z) = z. The last layer, which gives the value, is never normalised. γ and β are learnt
//! from 1 and 0, and the target critics follow them like all other parameters.
//!
//! # Source
//! Ba et al., arXiv:1607.06450 (layer normalisation); Hiraoka et al., arXiv:2110.02034 (DroQ), where
//! it keeps values bounded away from the data. Here it comes without DroQ's dropout.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use pmoe_core::fused::twin_min;
use pmoe_core::loss::mean_squared_errors;
use pmoe_core::nn::Mlp;
use pmoe_core::parallel::join;
use pmoe_envs::Rng;
use serde::{Deserialize, Serialize};

use crate::layers::{Layer, layer_norm, mlp};
use crate::policy::Init;

/// Normalisation in the hidden layers of critics.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CriticNorm {
    /// None.
    #[default]
    None,
    /// Layer normalisation between each hidden layer and its ReLU.
    Layer,
}

impl CriticNorm {
    /// Whether there is none. Configs then leave it out, so that a run without it is the same run
    /// as before it existed.
    pub(crate) fn is_none(&self) -> bool {
        *self == Self::None
    }

    /// Returns how many numbers a forward pass keeps of each hidden unit: its output and, if it is
    /// normalised, its value before gain and bias.
    pub(crate) fn numbers_per_unit(self) -> u64 {
        match self {
            Self::None => 1,
            Self::Layer => 2,
        }
    }
}

/// Two independent critics `Q_i(s, a)`; their minimum counters overestimation.
///
/// # Source
/// Fujimoto et al., arXiv:1802.09477 (clipped double Q).
#[derive(Module, Debug)]
pub struct TwinCritic {
    /// Q₁.
    pub q1: Mlp,
    /// Q₂.
    pub q2: Mlp,
}

impl TwinCritic {
    /// Creates two networks `O + A → hidden → 1`.
    pub fn new(
        obs_dim: usize,
        action_dim: usize,
        hidden: &[usize],
        init: Init,
        rng: &mut Rng,
        device: &Device,
    ) -> Self {
        let sizes: Vec<usize> =
            [obs_dim + action_dim].iter().chain(hidden).chain(&[1]).copied().collect();
        let network = |rng: &mut Rng| init.hidden().network(&sizes, init.value_head(), rng, device);
        Self { q1: network(rng), q2: network(rng) }
    }

    /// Normalises the hidden layers of both networks.
    ///
    /// As this draws after [`TwinCritic::new`], and parameter ids alone, equal seeds give equal
    /// weights with every norm.
    #[must_use]
    pub fn with_norm(self, norm: CriticNorm, rng: &mut Rng, device: &Device) -> Self {
        let mut normalised = |network: Mlp| match norm {
            CriticNorm::None => network,
            CriticNorm::Layer => network.normalised(rng, device),
        };
        Self { q1: normalised(self.q1), q2: normalised(self.q2) }
    }

    /// Returns the layers of both networks.
    pub(crate) fn layers(
        obs_dim: usize,
        action_dim: usize,
        hidden: &[usize],
        norm: CriticNorm,
    ) -> Vec<Layer> {
        let mut layers = mlp(obs_dim.saturating_add(action_dim), hidden, 1);
        if norm == CriticNorm::Layer {
            layers.extend(hidden.iter().map(|&units| layer_norm(units)));
        }
        [layers.clone(), layers].concat()
    }

    /// Computes both values, `[N]` each, of `obs`, `[N, O]`, and `action`, `[N, A]`.
    pub fn forward(&self, obs: Tensor<2>, action: Tensor<2>) -> (Tensor<1>, Tensor<1>) {
        let input = Tensor::cat(vec![obs, action], 1);
        let value = |network: &Mlp, input| network.forward(input).squeeze_dim(1);
        join(|| value(&self.q1, input.clone()), || value(&self.q2, input.clone()))
    }

    /// Computes the smaller of the two values, `[B·K]`, for K actions at each state.
    ///
    /// # Shapes
    /// - `obs`: `[B, O]`, `action`: `[B·K, A]`, the actions of a state in consecutive rows
    ///
    /// # Gradients
    /// Flow only into `action` if this is a plain module (`critic.valid()`), see [`twin_min`].
    pub fn min(&self, obs: Tensor<2>, action: Tensor<2>) -> Tensor<1> {
        twin_min([self.q1.network(), self.q2.network()], obs, action)
    }
}

/// Computes the mean squared Bellman residual of one critic, `[1]`: `mean (Q − y)²`.
///
/// # Shapes
/// - `q`, `target`: `[B]`
///
/// # Gradients
/// Flow into `q`; `target` is a constant.
///
/// # Source
/// arXiv:1812.05905, eq. 5, without the factor ½.
pub fn critic_loss(q: Tensor<1>, target: Tensor<1>) -> Tensor<1> {
    critic_losses(q, target, 1)
}

/// Computes the [`critic_loss`] of each run, `[runs]`.
///
/// # Shapes
/// - `q`, `target`: `[runs · B]`
pub fn critic_losses(q: Tensor<1>, target: Tensor<1>, runs: usize) -> Tensor<1> {
    mean_squared_errors(q, target, runs)
}
