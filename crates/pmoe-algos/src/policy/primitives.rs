//! What the primitives of a policy would do, each on its own.

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
