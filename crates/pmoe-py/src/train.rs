//! Training, heard in Python.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use pmoe_cli::{Listener, Trained};
use pyo3::prelude::*;

use crate::error::of_anyhow;

/// How long Python waits to be asked whether it wants to stop.
const PATIENCE: Duration = Duration::from_millis(50);

/// Trains as `pmoe train` with these arguments does; returns the folder and the exit code.
///
/// `on_event` gets each event as JSON and returns whether to stop; `is_stopped` is asked several times a second. What
/// they raise stops the run, too, and is raised after its checkpoint is written.
#[pyfunction]
pub(crate) fn train(
    py: Python<'_>,
    arguments: Vec<OsString>,
    on_event: Option<Py<PyAny>>,
    is_stopped: Py<PyAny>,
) -> PyResult<(PathBuf, u8)> {
    let heard = Mutex::new(Heard { asked: Instant::now(), stop: false, raised: None });
    let lock = || heard.lock().unwrap_or_else(PoisonError::into_inner);
    let result = py.detach(|| {
        let listener = Listener {
            on_event: &|event| {
                if let Some(on_event) = &on_event {
                    let json = serde_json::to_string(event).expect("an event has a JSON form");
                    let answer = Python::attach(|py| on_event.call1(py, (json,))?.is_truthy(py));
                    lock().hear(answer);
                }
            },
            is_stopped: &|| {
                let is_due = {
                    let mut heard = lock();
                    let is_due = !heard.stop && heard.asked.elapsed() >= PATIENCE;
                    if is_due {
                        heard.asked = Instant::now();
                    }
                    is_due
                };
                if is_due {
                    // Python handles signals only when it is asked to.
                    let answer = Python::attach(|py| {
                        py.check_signals()?;
                        is_stopped.call0(py)?.is_truthy(py)
                    });
                    lock().hear(answer);
                }
                lock().stop
            },
        };
        pmoe_cli::train(arguments, listener)
    });
    if let Some(error) = lock().raised.take() {
        return Err(error);
    }
    let Trained { folder, exit } = result.map_err(|error| of_anyhow(&error))?;
    Ok((folder, exit.code()))
}

/// What Python has said so far.
struct Heard {
    /// When it was last asked.
    asked: Instant,
    stop: bool,
    /// The first exception.
    raised: Option<PyErr>,
}

impl Heard {
    fn hear(&mut self, answer: PyResult<bool>) {
        match answer {
            Ok(stop) => self.stop |= stop,
            Err(error) => {
                self.stop = true;
                self.raised.get_or_insert(error);
            }
        }
    }
}
