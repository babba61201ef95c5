//! Inspecting a policy without acting.

use burn::tensor::{Tensor, TensorData, activation::softmax};
use pmoe_core::noise;
use pmoe_envs::Rng;

use super::{Critics, Sac};
use crate::policy::PrimitiveActions;

impl Sac {
    /// Returns weights and actions of the policy's primitives at some states, see
    /// [`PrimitiveActions`]; `None` for a single Gaussian.
    ///
    /// # Shapes
    /// - `obs`: `[B, O]`, row-major, with B at least 1
    pub fn primitives(
        &self,
        obs: &[f32],
        obs_dim: usize,
        rng: &mut Rng,
    ) -> Option<PrimitiveActions> {
        let data = TensorData::new(obs.to_vec(), [obs.len() / obs_dim, obs_dim]);
        let mixture =
            self.networks.actor.frozen().primitives(Tensor::from_data(data, &self.device))?;
        let [_, num_primitives, action_dim] = mixture.mean.dims();
        let primitives = mixture.primitives();
        let noise = noise::normal(primitives.mean.dims(), rng, &self.device);
        Some(PrimitiveActions {
            num_primitives,
            action_dim,
            weights: host(softmax(mixture.router_logits, 1)),
            mean: host(primitives.mean.clone()),
            std: host(primitives.log_std.clone().exp()),
            mode: host(primitives.mode()),
            drawn: host(primitives.rsample(noise).action),
        })
    }
}

impl Sac {
    /// Computes the value by which actions are chosen at some states, `[B]`: the smaller one of the
    /// critics. `None` if every primitive has critics of its own, which an action alone does not
    /// determine.
    ///
    /// # Shapes
    /// - `obs`: `[B, O]`, `actions`: `[B, A]` in [-1, 1], both row-major, with B at least 1
    pub fn values(&self, obs: &[f32], obs_dim: usize, actions: &[f32]) -> Option<Vec<f32>> {
        if let Critics::Primitive(_) = self.critics() {
            return None;
        }
        let rows = obs.len() / obs_dim;
        let tensor = |numbers: &[f32]| {
            let data = TensorData::new(numbers.to_vec(), [rows, numbers.len() / rows]);
            Tensor::<2>::from_data(data, &self.device)
        };
        Some(host(self.critics().judge(tensor(obs), tensor(actions))))
    }
}

fn host<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.try_into_vec_as::<f32>().expect("floats are floats")
}
