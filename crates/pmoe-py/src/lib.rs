//! The Python package `pmoe`: environments, trained policies and the command `pmoe`.
//!
//! This crate is the compiled part, `pmoe._pmoe`, which does no more than pass arrays to the other crates and back. The
//! package's interface, with its types and documentation, is Python in `python/pmoe`.

mod env;
mod error;
mod policy;
mod vec_env;

use std::ffi::OsString;
use std::path::PathBuf;

use pmoe_envs::EnvError;
use pmoe_stats::curve::EvalCurve;
use pyo3::prelude::*;

use crate::error::{of_anyhow, of_env};

#[pymodule]
mod _pmoe {
    #[pymodule_export]
    use super::env::{Env, Renderer, Spec};
    #[pymodule_export]
    use super::policy::{Memory, Policy};
    #[pymodule_export]
    use super::vec_env::VecEnv;
    #[pymodule_export]
    use super::{area_under_curve, export, final_return, max_episode_steps, run, task_ids};
}

/// The ids of all tasks.
#[pyfunction]
fn task_ids() -> Vec<String> {
    pmoe_envs::TaskId::all().map(|task| task.to_string()).collect()
}

/// The time limit of a task's episodes (steps).
#[pyfunction]
fn max_episode_steps(task: &str) -> PyResult<u32> {
    let task: pmoe_envs::TaskId = task.parse().map_err(EnvError::from).map_err(of_env)?;
    Ok(task.config().map_err(of_env)?.max_episode_steps())
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

/// Does what a command line says; returns the exit code.
#[pyfunction]
fn run(py: Python<'_>, arguments: Vec<OsString>) -> u8 {
    py.detach(|| pmoe_cli::run(arguments)).code()
}
