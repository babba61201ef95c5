//! How a folder of runs stands: live in a terminal, as text, or as data, for those who wait for runs.
//!
//! Nothing is written, no lock is kept, and everything comes from files, so that it works on another machine than the
//! runs', too. Whoever starts runs as jobs of a cluster tells the watcher what the queue says of them.
//!
//! # Example
//! ```
//! use std::path::Path;
//! use std::time::SystemTime;
//!
//! use pmoe_watch::{StateKind, Wanted, Watcher};
//!
//! # let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../results/hopper-300k"));
//! let mut watcher = Watcher::new(folder);
//! // Again and again; each time what is new is read.
//! let snapshot = watcher.refresh(SystemTime::now(), Wanted::All)?;
//! println!("{}", snapshot.to_text());
//! assert_eq!(snapshot.total.count.of(StateKind::Done), snapshot.runs.len());
//! # Ok::<(), pmoe_results::ResultsError>(())
//! ```
//!
//! # Where to find what
//!
//! | to | use |
//! |---|---|
//! | read a folder again and again | [`Watcher`], [`Wanted`] |
//! | see the state of every run, and what follows: runs per suite and state, speed, time left | [`Snapshot`], [`RunView`], [`Left`] |
//! | show runs that are jobs of a cluster | [`Job`], [`Jobs`], [`Watcher::set_jobs`], [`AskQueue`] |
//! | show it in a terminal, as text, as JSON | [`watch`], [`Snapshot::to_text`], `serde::Serialize` |
//!
//! # Where the numbers come from
//! A run's manifest tells at each evaluation how far the run is, and its events whenever they reach the disk. Its speed
//! is environment steps over seconds between evaluations, by its manifest: over the last few that were seen, which at the
//! first look is all of the newest attempt. Time left is what that speed leaves to do at the newest evaluation, less the
//! time since the manifest was written. A run that has not begun is taken to be as fast as those that differ in the seed
//! alone, else as those of its task, else as all; and as many run at a time as now.
//!
//! It starts and stops no run. A run that was killed is known by its lock, which no process holds. On a machine that
//! does not share the runs' locks, such as one with a copy of the folder, a run looks killed until its next write, and one
//! that was killed looks quiet. Where the queue of a cluster shows its job, it is running or requeued, whatever its lock
//! says; [`RunState`] has the whole table.
//!
//! # Errors
//! A folder that can't be listed is an error. A run or a plan that can't be read is shown with its reason, and so is a
//! queue that can't be asked.

mod app;
mod draw;
mod format;
mod job;
mod snapshot;
mod terminal;
#[cfg(test)]
#[expect(clippy::cast_precision_loss, reason = "tests have small numbers and stop at a surprise")]
mod testing;
mod text;
mod theme;
mod watcher;

pub use job::{Job, JobState, Jobs};
pub use snapshot::{
    Count, EvalPoint, Left, RunState, RunView, Snapshot, StateKind, SuiteView, TaskView, Total,
};
pub use terminal::{AskQueue, WatchError, watch};
pub use theme::Theme;
pub use watcher::{Wanted, Watcher};
