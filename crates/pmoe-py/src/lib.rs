//! The Python package `pmoe`: environments, trained policies and the command `pmoe`.
//!
//! This crate is the compiled part, `pmoe._pmoe`, which does no more than pass arrays to the other crates and back. The
//! package's interface, with its types and documentation, is Python in `python/pmoe`.

mod env;
mod error;
mod policy;
mod vec_env;

use std::ffi::OsString;

use pmoe_envs::EnvError;
use pyo3::prelude::*;

use crate::error::of_env;

#[pymodule]
mod _pmoe {
    #[pymodule_export]
    use super::env::{Env, Renderer};
    #[pymodule_export]
    use super::policy::{Memory, Policy};
    #[pymodule_export]
    use super::vec_env::VecEnv;
    #[pymodule_export]
    use super::{max_episode_steps, run, task_ids};
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

/// Does what a command line says; returns the exit code.
#[pyfunction]
fn run(py: Python<'_>, arguments: Vec<OsString>) -> u8 {
    py.detach(|| pmoe_cli::run(arguments)).code()
}
