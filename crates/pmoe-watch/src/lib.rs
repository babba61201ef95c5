//! How a folder of runs stands: live in a terminal, as text, or as data. Nothing is written, nothing is
//! locked, and everything comes from files, so that it works on another machine than the runs', too.
//!
//! - [`Watcher`] reads a folder again and again, each time what is new, and makes a [`Snapshot`] of it.
//! - [`Snapshot`] is the state of every run, and what follows: runs per suite and state, speed, time left.
//! - [`watch`] shows it in a terminal, [`Snapshot::to_text`] as text.
//!
//! # Where the numbers come from
//! How far a run is, its manifest says at each evaluation and its events say whenever they reach the disk.
//! Its speed is environment steps over seconds between evaluations, as its manifest has them: over the
//! last few that were seen, which at the first look is all of the newest attempt. Time left is what that
//! speed leaves to do at the newest evaluation, less the time since the manifest was written. A run that has
//! not begun is taken to be as fast as those that differ in the seed alone, else as those of its task, else as
//! all; and as many run at a time as now.

mod app;
mod draw;
mod format;
mod snapshot;
mod terminal;
#[cfg(test)]
#[expect(clippy::cast_precision_loss, reason = "tests have small numbers and stop at a surprise")]
mod testing;
mod text;
mod theme;
mod watcher;

pub use snapshot::{
    Count, EvalPoint, Left, RunState, RunView, Snapshot, StateKind, SuiteView, TaskView, Total,
};
pub use terminal::{WatchError, watch};
pub use theme::Theme;
pub use watcher::{Wanted, Watcher};
