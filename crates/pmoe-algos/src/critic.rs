//! Twin state-action value networks.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use pmoe_core::fused::twin_min;
use pmoe_core::loss::mean_squared_errors;
use pmoe_core::nn::Mlp;
use pmoe_core::parallel::join;
use pmoe_envs::Rng;

use crate::layers::{Layer, mlp};
use crate::policy::Init;

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

    /// Returns the layers of [`TwinCritic::new`].
    pub(crate) fn layers(obs_dim: usize, action_dim: usize, hidden: &[usize]) -> Vec<Layer> {
        let layers = mlp(obs_dim.saturating_add(action_dim), hidden, 1);
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
        twin_min([&self.q1.layers, &self.q2.layers], obs, action)
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
