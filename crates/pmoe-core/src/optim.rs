//! Optimiser steps: modules with their Adam state, Polyak averaging.

mod adam;
mod learner;
mod polyak;

pub use adam::Adam;
pub use learner::{Learner, LearnerError, module_from_bytes, module_to_bytes};
pub use polyak::{Target, polyak};
