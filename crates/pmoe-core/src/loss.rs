//! Losses: pure functions of tensors. Each returns a tensor of shape `[1]`.
//!
//! Those whose name is a plural return the loss of each of several [runs](crate::runs), `[N]`, from the rows of all.

mod frequency;
mod primitive;
mod routing;
mod surrogate;

pub use frequency::{Reduction, best_primitive, frequency_loss, frequency_losses};
pub use primitive::{
    backpropagate_all_loss, backpropagate_all_losses, backpropagate_max_loss,
    backpropagate_max_losses,
};
pub use routing::{
    draw_primitive, expected_value, gumbel_softmax, likelihood_ratio_loss, likelihood_ratio_losses,
    reinforce_loss, reinforce_losses, straight_through, weighted_loss, weighted_losses,
};
pub use surrogate::{
    clipped_surrogate_loss, mean_squared_error, mean_squared_errors, ratio_statistics, value_loss,
};
