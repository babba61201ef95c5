//! The Python package `pmoe`: environments, trained policies and the command `pmoe`.
//!
//! This crate is the compiled part, `pmoe._pmoe`, which does no more than pass arrays to the other crates and back. The
//! package's interface, with its types and documentation, is Python in `python/pmoe`.

mod compare;
mod env;
mod error;
mod gym;
mod policy;
mod track;
mod train;
mod vec_env;

use std::ffi::OsString;
use std::path::PathBuf;

use pmoe_cli::{PythonCommand, Sweep};
use pmoe_envs::EnvError;
use pmoe_results::Exit;
use pmoe_results::run::EventFile;
use pmoe_stats::curve::EvalCurve;
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;

use crate::error::{of_anyhow, of_env};

/// As in the program: gradient updates are faster with it than with the system's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[pymodule]
mod _pmoe {
    #[pymodule_export]
    use super::compare::compare;
    #[pymodule_export]
    use super::env::{Env, Renderer, Spec};
    #[pymodule_export]
    use super::policy::{Memory, Policy};
    #[pymodule_export]
    use super::track::{Feed, Lock, is_under_way, run_config, track_tensorboard};
    #[pymodule_export]
    use super::train::train;
    #[pymodule_export]
    use super::vec_env::VecEnv;
    #[pymodule_export]
    use super::{
        area_under_curve, event_lines, export, final_return, max_episode_steps, read_sweep, run,
        sweep_folder, task_ids,
    };

    #[pymodule_init]
    fn init(_module: &pyo3::Bound<'_, pyo3::types::PyModule>) -> pyo3::PyResult<()> {
        pmoe_envs::gym::register(super::gym::make);
        Ok(())
    }
}

/// The ids of all tasks.
#[pyfunction]
fn task_ids() -> Vec<String> {
    pmoe_envs::TaskId::all().map(|task| task.to_string()).collect()
}

/// The time limit of a task's episodes (steps); none for those that Gymnasium makes.
#[pyfunction]
fn max_episode_steps(task: &str) -> PyResult<Option<u32>> {
    let task: pmoe_envs::TaskId = task.parse().map_err(EnvError::from).map_err(of_env)?;
    Ok(task.config().map_err(of_env)?.max_episode_steps())
}

/// The events of a run folder as JSON lines, packed or not.
#[pyfunction]
fn event_lines(run: PathBuf) -> PyResult<Vec<u8>> {
    let read = EventFile::read(&run).map_err(|error| PyValueError::new_err(error.to_string()))?;
    let missing = || PyValueError::new_err(format!("{} has no events", run.display()));
    read.map(|(_, lines)| lines).ok_or_else(missing)
}

/// The mean return of the evaluations in the last tenth of the steps; none without any.
#[pyfunction]
fn final_return(curve: Vec<(u64, f64)>, total_steps: u64) -> Option<f64> {
    pmoe_stats::curve::final_return(&EvalCurve::new(curve), total_steps)
}

/// The mean return from the first evaluation to the last step, by the trapezoidal rule; none if they are not there.
#[pyfunction]
fn area_under_curve(curve: Vec<(u64, f64)>, total_steps: u64) -> Option<f64> {
    let first = curve.iter().map(|(env_step, _)| *env_step).min()?;
    pmoe_stats::curve::auc(&EvalCurve::new(curve), first, total_steps)
}

/// Writes the policy of a run folder, or of an exported file, to a file.
#[pyfunction]
#[pyo3(signature = (run, path, format=None))]
fn export(py: Python<'_>, run: PathBuf, path: PathBuf, format: Option<&str>) -> PyResult<()> {
    let written = py.detach(|| pmoe_cli::export(&run, &path, format));
    written.map_err(|error| of_anyhow(&error))
}

/// Reads and checks the file of a search for settings; returns JSON.
#[pyfunction]
fn read_sweep(py: Python<'_>, path: PathBuf) -> PyResult<String> {
    let sweep = py.detach(|| Sweep::read(&path)).map_err(|error| of_anyhow(&error))?;
    serde_json::to_string(&sweep).map_err(|error| PyRuntimeError::new_err(error.to_string()))
}

/// The folder of a search that names none.
#[pyfunction]
fn sweep_folder(path: PathBuf) -> PathBuf {
    Sweep::default_folder(&path)
}

/// Does what a command line says; returns the exit code.
///
/// `python` gets commands that take libraries of Python, as JSON, and returns their exit codes; without it they are
/// errors.
#[pyfunction]
#[pyo3(signature = (arguments, python=None))]
fn run(py: Python<'_>, arguments: Vec<OsString>, python: Option<Py<PyAny>>) -> u8 {
    let call = |command: &PythonCommand| {
        let json = serde_json::to_string(command)?;
        let code = Python::attach(|py| {
            let code = python.as_ref().map(|python| python.call1(py, (json,))?.extract::<i32>(py));
            code.unwrap_or(Ok(Exit::Failed as i32)).inspect_err(|error| error.print(py))
        });
        Ok(code.ok().and_then(Exit::from_code).unwrap_or(Exit::Failed))
    };
    let by_python: pmoe_cli::Python<'_> = if python.is_some() { Some(&call) } else { None };
    py.detach(|| pmoe_cli::run(arguments, by_python)).code()
}
