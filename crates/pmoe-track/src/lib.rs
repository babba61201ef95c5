//! The events of runs for trackers: programs that show how many runs learn, such as TensorBoard.
//!
//! `events.jsonl` is the truth of a run, and a tracker has a copy of it. So everything here reads run folders, adds what
//! a tracker lacks, and may be stopped or killed at any time.
//!
//! | to | use |
//! |---|---|
//! | write the files that TensorBoard reads, while a run trains or afterwards | [`TensorBoard`] |
//! | feed another tracker: what is new in a run, with names and times | [`Feed`], [`Timed`], [`scalars()`], [`is_under_way`] |
//! | remember what a tracker has of a run | [`Kept`], [`Tracked`] |
//!
//! # Runs that are cut
//! A run that was killed goes on from its checkpoint, and its events after that are cut and reported again, the same to
//! the byte. A tracker that has them already therefore waits until the run has come that far again, and compares the
//! checksum of everything before: if it is another, the run is another, and the tracker begins anew.

mod clock;
mod feed;
mod kept;
mod picture;
mod scalars;
mod tensorboard;
#[cfg(test)]
mod testing;

pub use feed::{After, Feed, News, Timed, is_under_way};
pub use kept::{Kept, Tracked};
pub use scalars::scalars;
pub use tensorboard::TensorBoard;
