//! A program that trains and listens.

use std::path::PathBuf;

use pmoe_results::{Event, Exit};

/// What a program hears of the run that it trains, and whether the run goes on.
#[derive(Clone, Copy)]
pub struct Listener<'a> {
    /// Gets each event after it is written.
    pub on_event: &'a dyn Fn(&Event),
    /// Stops the run, after a checkpoint, once it returns true, which it must then keep returning. It is asked at every
    /// step and gradient update.
    pub is_stopped: &'a dyn Fn() -> bool,
}

/// A run after training.
#[derive(Debug)]
pub struct Trained {
    /// Its folder.
    pub folder: PathBuf,
    /// Whether it is done, was stopped, or diverged earlier.
    pub exit: Exit,
}
