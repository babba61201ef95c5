//! A tracker that gets the events of a run as they are reported.

use std::path::Path;

use clap::ValueEnum;
use pmoe_results::error::with_causes;
use pmoe_results::{Event, Sink};
use pmoe_track::TensorBoard;

/// What a run can be tracked with while it trains.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Track {
    /// Files for TensorBoard, in the run's folder.
    Tensorboard,
}

/// The tracker of a run. It has a copy of the events, so its errors are warnings: the run goes on without it.
pub(super) struct Tracker(Option<TensorBoard>);

impl Tracker {
    /// Opens the tracker of a run, which first gets what the run has reported so far.
    pub(super) fn begin(track: Option<Track>, run: &Path) -> Self {
        let Some(Track::Tensorboard) = track else { return Self(None) };
        let opened = TensorBoard::open(run).and_then(|mut board| {
            board.catch_up()?;
            Ok(board)
        });
        Self(opened.inspect_err(|error| warn(&with_causes(error), run)).ok())
    }

    pub(super) fn emit(&mut self, event: &Event, run: &Path) {
        self.attempt(run, |board| board.emit(event));
    }

    pub(super) fn sync(&mut self, run: &Path) {
        self.attempt(run, |board| board.sync().map(drop));
    }

    fn attempt(&mut self, run: &Path, does: impl Fn(&mut TensorBoard) -> std::io::Result<()>) {
        if let Some(Err(error)) = self.0.as_mut().map(does) {
            warn(&with_causes(&error), run);
            self.0 = None;
        }
    }
}

fn warn(error: &str, run: &Path) {
    let run = run.display();
    say!(
        "warning: TensorBoard gets no more of this run: {error}; `pmoe track {run} --to tensorboard` adds the rest later"
    );
}
