//! The losses of the mixture policies: pure functions of tensors, each `[1]`.

mod frequency;
mod primitive;
mod routing;

pub use frequency::{Reduction, best_primitive, frequency_loss};
pub use primitive::{backpropagate_all_loss, backpropagate_max_loss};
pub use routing::{
    draw_primitive, expected_value, gumbel_softmax, likelihood_ratio_loss, reinforce_loss,
    straight_through, weighted_loss,
};
