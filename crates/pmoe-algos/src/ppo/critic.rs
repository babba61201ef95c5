//! State values, and the Q-network that evaluates primitives.

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::{Device, Tensor};
use pmoe_core::fused::{Activation, linear_act};
use pmoe_core::loss::mean_squared_error;
use pmoe_core::nn::{LayerInit, Mlp, MlpStyle, Nonlinearity};
use pmoe_envs::Rng;

use super::{CriticConfig, NetConfig, PmoeConfig};
use crate::layers::{Layer, mlp};

/// The value `V(s)`: a separate network, or one layer on the policy's features.
#[derive(Module, Debug)]
pub struct Critic {
    /// `O → hidden`, with the nonlinearity after every layer; `None` if the policy's features are
    /// used.
    pub trunk: Option<Mlp>,
    /// `hidden → 1`
    pub head: Linear,
}

impl Critic {
    /// Creates a critic for observations of length `obs_dim`.
    pub fn new(net: &NetConfig, obs_dim: usize, rng: &mut Rng, device: &Device) -> Self {
        let (trunk, features) = match &net.critic {
            CriticConfig::Shared {} => (None, net.hidden[net.hidden.len() - 1]),
            CriticConfig::Separate { hidden } => {
                let sizes = [&[obs_dim], &hidden[..]].concat();
                (Some(net.style().trunk(&sizes, rng, device)), hidden[hidden.len() - 1])
            }
        };
        Self { trunk, head: net.value_init().linear(features, 1, rng, device) }
    }

    /// Returns the layers of [`Critic::new`].
    pub(crate) fn layers(net: &NetConfig, obs_dim: usize) -> Vec<Layer> {
        match &net.critic {
            CriticConfig::Shared {} => vec![(net.hidden[net.hidden.len() - 1], 1)],
            CriticConfig::Separate { hidden } => mlp(obs_dim, hidden, 1),
        }
    }

    /// Computes values, `[B]`.
    ///
    /// # Shapes
    /// - `obs`: `[B, O]`; `features`: `[B, H]`, of the policy
    pub fn forward(&self, obs: Tensor<2>, features: Tensor<2>) -> Tensor<1> {
        let features = match &self.trunk {
            Some(trunk) => trunk.forward(obs),
            None => features,
        };
        linear_act(features, &self.head, Activation::Identity).squeeze_dim(1)
    }
}

/// The value `Q(s, a)` of an action, fitted to returns. The router of PMOE-PPO learns from it.
///
/// # Source
/// The co-author's code: three hidden layers, and a last layer from a narrow uniform distribution.
#[derive(Module, Debug)]
pub struct ActionValue {
    /// `O + A → hidden → 1`, ReLU.
    pub network: Mlp,
    #[module(skip)]
    lr: f64,
}

impl ActionValue {
    /// Creates a network for observations of length `obs_dim` and actions of length `action_dim`.
    pub fn new(
        config: &PmoeConfig,
        obs_dim: usize,
        action_dim: usize,
        rng: &mut Rng,
        device: &Device,
    ) -> Self {
        let sizes = [&[obs_dim + action_dim], &config.aux_hidden[..], &[1]].concat();
        let output = LayerInit::Uniform { bound: config.aux_output_bound };
        Self { network: MlpStyle::RELU.network(&sizes, output, rng, device), lr: config.aux_lr }
    }

    /// Returns the layers of [`ActionValue::new`].
    pub(crate) fn layers(config: &PmoeConfig, obs_dim: usize, action_dim: usize) -> Vec<Layer> {
        mlp(obs_dim.saturating_add(action_dim), &config.aux_hidden, 1)
    }

    /// Returns the learning rate of this network.
    pub fn lr(&self) -> f64 {
        self.lr
    }

    /// Computes values, `[B]`, of `obs`, `[B, O]`, and `action`, `[B, A]`.
    pub fn forward(&self, obs: Tensor<2>, action: Tensor<2>) -> Tensor<1> {
        self.network.forward(Tensor::cat(vec![obs, action], 1)).squeeze_dim(1)
    }

    /// Computes values, `[B, K]`, of K actions at each state.
    ///
    /// # Shapes
    /// - `obs`: `[B, O]`, `action`: `[B·K, A]`, the actions of a state in consecutive rows
    pub fn of_actions(&self, obs: Tensor<2>, action: Tensor<2>) -> Tensor<2> {
        let ([rows, obs_dim], [all_rows, action_dim]) = (obs.dims(), action.dims());
        let (first, later) = self.network.layers.split_first().expect("at least one hidden layer");
        // The first layer is W_s s + W_a a + b. The state's part is the same for all actions.
        let weight = first.weight.val();
        let part = |from, len, bias| Linear { weight: weight_rows(&weight, from, len), bias };
        let of_state = part(0, obs_dim, first.bias.clone());
        let of_action = part(obs_dim, action_dim, None);
        let of_state = linear_act(obs, &of_state, Activation::Identity);
        let of_action = linear_act(action, &of_action, Activation::Identity);
        let units = of_state.dims()[1];
        let shape = [rows, all_rows / rows, units];
        let hidden = of_state.unsqueeze_dim::<3>(1).expand(shape) + of_action.reshape(shape);
        let hidden = burn::tensor::activation::relu(hidden.reshape([all_rows, units]));
        let (last, middle) = later.split_last().expect("a layer that gives the value");
        let hidden = middle.iter().fold(hidden, |x, layer| Nonlinearity::Relu.layer(x, layer));
        linear_act(hidden, last, Activation::Identity).reshape([rows, all_rows / rows])
    }
}

fn weight_rows(weight: &Tensor<2>, from: usize, len: usize) -> burn::module::Param<Tensor<2>> {
    burn::module::Param::from_tensor(weight.clone().narrow(0, from, len))
}

/// Computes the mean squared error of the values of the actions taken: `mean (Q(s, a) − R)²`,
/// `[1]`.
///
/// # Shapes
/// - `q`, `returns`: `[B]`
///
/// # Gradients
/// Flow into `q`; `returns` are constants.
pub fn action_value_loss(q: Tensor<1>, returns: Tensor<1>) -> Tensor<1> {
    mean_squared_error(q, returns)
}

#[cfg(test)]
mod tests {
    use pmoe_core::noise::normal;
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn many_actions_at_a_state_are_valued_as_one_at_a_time() {
        let device = Device::flex();
        let rng = &mut Rng::seed_from_u64(0);
        let sizes = [5, 16, 16, 1];
        let network =
            MlpStyle::RELU.network(&sizes, LayerInit::Torch, rng, &device.clone().autodiff());
        let q = ActionValue { network, lr: 1e-3 }.valid();
        let (obs, action) = (normal([4, 3], rng, &device), normal([4 * 6, 2], rng, &device));
        let together = q.of_actions(obs.clone(), action.clone()).try_into_vec_as::<f32>().unwrap();
        let repeated = obs.unsqueeze_dim::<3>(1).repeat_dim(1, 6).reshape([24, 3]);
        let alone = q.forward(repeated, action).try_into_vec_as::<f32>().unwrap();
        for (together, alone) in together.iter().zip(&alone) {
            assert!((together - alone).abs() < 1e-5, "{together} is not {alone}");
        }
    }
}
