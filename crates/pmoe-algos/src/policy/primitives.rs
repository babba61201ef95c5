//! Actions of each primitive of a policy.

/// Weights and actions of every primitive at some states.
#[derive(Debug, Clone, PartialEq)]
pub struct PrimitiveActions {
    /// Number K of primitives.
    pub num_primitives: usize,
    /// Size A of an action.
    pub action_dim: usize,
    /// Weights of the router or gate, `[B, K]`; each row sums to 1.
    pub weights: Vec<f32>,
    /// Mean of every primitive's Gaussian before squashing, `[B, K, A]`.
    pub mean: Vec<f32>,
    /// Standard deviation of every primitive's Gaussian before squashing, `[B, K, A]`.
    pub std: Vec<f32>,
    /// Noise-free action of every primitive, `[B, K, A]`, in [-1, 1].
    pub mode: Vec<f32>,
    /// Action sampled from every primitive, `[B, K, A]`, in [-1, 1].
    pub drawn: Vec<f32>,
}
