//! What the primitives of a policy would do, each on its own.

use pmoe_core::noise::Rng;

use crate::any_agent::AnyAgent;

/// Weights and actions of every primitive at some states.
#[derive(Debug, Clone, PartialEq)]
pub struct PrimitiveActions {
    /// Number K of primitives.
    pub num_primitives: usize,
    /// Length A of an action.
    pub action_dim: usize,
    /// Weights of the router or gate, `[B, K]`; each row sums to 1.
    pub weights: Vec<f32>,
    /// The action of every primitive without noise, `[B, K, A]`, in [-1, 1].
    pub mode: Vec<f32>,
    /// An action drawn from every primitive, `[B, K, A]`, in [-1, 1].
    pub drawn: Vec<f32>,
}

impl AnyAgent {
    /// What every primitive would do at some states: nothing is chosen, nothing changes.
    ///
    /// `None` for a policy of one Gaussian, and for PPO's and DAC's policies, which act on statistics of
    /// observations that a state alone does not give.
    ///
    /// # Shapes
    /// - `obs`: `[B, O]`, row by row; B at least 1
    pub fn primitives(
        &self,
        obs: &[f32],
        obs_dim: usize,
        rng: &mut Rng,
    ) -> Option<PrimitiveActions> {
        match self {
            Self::Sac(agent) => agent.primitives(obs, obs_dim, rng),
            Self::Ppo(_) | Self::Dac(_) => None,
        }
    }
}
