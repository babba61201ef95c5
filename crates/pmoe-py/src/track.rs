//! The events of a run for a tracker.

use std::collections::BTreeMap;
use std::path::PathBuf;

use pmoe_track::{After, Kept, News, TensorBoard, Tracked, scalars};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::error::of_anyhow;

/// Number of an event, its environment steps, about when it was reported (seconds since 1970), its numbers by name.
type Point = (u64, u64, f64, BTreeMap<String, f64>);

/// What is new in a run for a tracker, and what the tracker has of it.
#[pyclass(module = "pmoe._pmoe")]
pub(crate) struct Feed {
    run: PathBuf,
    place: String,
    /// None once it is closed.
    kept: Option<Kept>,
    /// None where the events before it are not those of the run, at least not yet.
    feed: Option<pmoe_track::Feed>,
}

#[pymethods]
impl Feed {
    /// Goes on where the tracker was left. `place` tells projects and servers of a tracker apart.
    #[new]
    fn new(run: PathBuf, tracker: &str, place: String) -> PyResult<Self> {
        // A folder that is no run is left as it is.
        pmoe_results::Manifest::read(&run).map_err(of_results)?;
        let kept = Kept::open(&run, tracker).map_err(of_results)?;
        let feed = kept.get(&place).is_none().then(|| pmoe_track::Feed::new(&run));
        Ok(Self { run, place, kept: Some(kept), feed })
    }

    /// The tracker's name of the run, none if it has none yet.
    #[getter]
    fn id(&self) -> Option<String> {
        self.kept.as_ref()?.get(&self.place).map(|tracked| tracked.id.clone())
    }

    /// What is new, some thousands of points at most; none if the run is another than the tracker has.
    fn read(&mut self) -> PyResult<Option<Vec<Point>>> {
        let tracked = open(self.kept.as_mut())?.get(&self.place);
        let feed = match (&mut self.feed, tracked) {
            (Some(feed), _) => feed,
            (None, None) => self.feed.insert(pmoe_track::Feed::new(&self.run)),
            (None, Some(tracked)) => {
                match pmoe_track::Feed::after(&self.run, &tracked.events).map_err(of_results)? {
                    After::Same(feed) => self.feed.insert(*feed),
                    After::Short => return Ok(Some(Vec::new())),
                    After::Changed => return Ok(None),
                }
            }
        };
        match feed.read().map_err(of_results)? {
            News::Changed => Ok(None),
            News::Events(events) => {
                let points = events.into_iter().map(|timed| {
                    let numbers = scalars(&timed.event).into_iter().collect();
                    (timed.number, timed.event.env_step(), timed.time, numbers)
                });
                Ok(Some(points.collect()))
            }
        }
    }

    /// Writes down that the tracker has everything that was read, under this name of the run.
    fn keep(&mut self, id: String) -> PyResult<()> {
        let Some(feed) = &self.feed else { return Ok(()) };
        let tracked = Tracked { id, events: feed.position() };
        open(self.kept.as_mut())?.set(&self.place, tracked).map_err(of_results)
    }

    /// Lets other processes have the run.
    fn close(&mut self) {
        self.kept = None;
    }

    /// Reads the run from its first event on.
    fn restart(&mut self) {
        self.feed = Some(pmoe_track::Feed::new(&self.run));
    }
}

fn open(kept: Option<&mut Kept>) -> PyResult<&mut Kept> {
    kept.ok_or_else(|| PyRuntimeError::new_err("the feed is closed"))
}

/// A folder that this process alone may write, within a `with`.
#[pyclass(module = "pmoe._pmoe")]
pub(crate) struct Lock {
    folder: PathBuf,
    taken: Option<pmoe_results::run::Lock>,
}

#[pymethods]
impl Lock {
    #[new]
    fn new(folder: PathBuf) -> Self {
        Self { folder, taken: None }
    }

    fn __enter__(&mut self, py: Python<'_>) -> PyResult<()> {
        // This takes a minute if a process on another machine did not leave the folder in order.
        let taken = py.detach(|| pmoe_results::run::Lock::take(&self.folder));
        self.taken = Some(taken.map_err(of_results)?);
        Ok(())
    }

    #[pyo3(signature = (*_error))]
    fn __exit__(&mut self, _error: &Bound<'_, PyTuple>) {
        self.taken = None;
    }
}

/// The config of a run, JSON.
#[pyfunction]
pub(crate) fn run_config(run: PathBuf) -> PyResult<String> {
    let path = run.join(pmoe_results::RunDir::CONFIG);
    let text = pmoe_results::files::read_text(&path, pmoe_results::files::MOST_CONFIG_BYTES);
    let table = text.and_then(|text| pmoe_results::settings::parse(&text, &path));
    let table = table.map_err(of_results)?;
    serde_json::to_string(&table).map_err(|error| PyRuntimeError::new_err(error.to_string()))
}

/// Whether more events may come from a run.
#[pyfunction]
pub(crate) fn is_under_way(run: PathBuf) -> PyResult<bool> {
    pmoe_track::is_under_way(&run).map_err(of_results)
}

/// Adds what is new in a run to its files for TensorBoard; returns the number of events.
#[pyfunction]
pub(crate) fn track_tensorboard(run: PathBuf) -> PyResult<u64> {
    let mut board = TensorBoard::open(&run).map_err(of_results)?;
    board.catch_up().map_err(of_results)
}

fn of_results(error: pmoe_results::ResultsError) -> PyErr {
    of_anyhow(&error.into())
}
