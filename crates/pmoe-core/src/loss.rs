//! Losses: pure functions of tensors. Each returns a tensor of shape `[1]`.

mod frequency;
mod primitive;
mod routing;
mod surrogate;

pub use frequency::{Reduction, best_primitive, frequency_loss};
pub use primitive::{backpropagate_all_loss, backpropagate_max_loss};
pub use routing::{
    draw_primitive, expected_value, gumbel_softmax, likelihood_ratio_loss, reinforce_loss,
    straight_through, weighted_loss,
};
pub use surrogate::{clipped_surrogate_loss, mean_squared_error, ratio_statistics, value_loss};
