//! Errors of Rust as exceptions of Python, with the same text.

use pmoe_envs::EnvError;
use pyo3::PyErr;
use pyo3::exceptions::{PyRuntimeError, PyValueError};

/// A `ValueError` for what the caller gave, otherwise a `RuntimeError`.
pub(crate) fn of_env(error: EnvError) -> PyErr {
    match is_given(&error) {
        true => PyValueError::new_err(error.to_string()),
        false => PyRuntimeError::new_err(error.to_string()),
    }
}

/// Whether what the caller gave is at fault.
fn is_given(error: &EnvError) -> bool {
    match error {
        EnvError::InCopy { source, .. } => is_given(source),
        EnvError::Unstable { .. }
        | EnvError::Library { .. }
        | EnvError::Render { .. }
        | EnvError::Raised { .. } => false,
        _ => true,
    }
}

/// The same for what the command would print, in one line.
pub(crate) fn of_anyhow(error: &anyhow::Error) -> PyErr {
    let message = format!("{error:#}");
    match pmoe_cli::is_bad_input(error) {
        true => PyValueError::new_err(message),
        false => PyRuntimeError::new_err(message),
    }
}
