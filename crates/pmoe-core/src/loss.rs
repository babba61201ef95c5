//! The losses of PMOE: pure functions of tensors, each `[1]`.

mod frequency;
mod primitive;

pub use frequency::{Reduction, best_primitive, frequency_loss};
pub use primitive::{backpropagate_all_loss, backpropagate_max_loss};
