//! Optimisation: modules with their Adam state, gradient clipping, Polyak averaging.

mod adam;
mod clip;
mod learner;
mod parameters;
mod polyak;
mod stack;
mod stored;

pub use adam::Adam;
pub use clip::clip_grad_norm;
pub use learner::{Learner, LearnerError, module_from_bytes, module_to_bytes};
pub use parameters::{Parameter, parameters_of_bytes, parameters_to_bytes};
pub use polyak::{Target, polyak};
