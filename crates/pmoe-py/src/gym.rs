//! Tasks of Gymnasium, stepped in Python.

use numpy::{PyArray1, PyReadonlyArray1};
use pmoe_envs::gym::GymConfig;
use pmoe_envs::rand::Rng as _;
use pmoe_envs::{Env, EnvError, EnvSpec, Rng, Step};
use pyo3::intern;
use pyo3::prelude::*;

/// A task of Gymnasium in its own units: an `Adapter` of `pmoe._gym`, which checks what it returns.
pub(crate) struct GymEnv {
    spec: EnvSpec,
    adapter: Py<PyAny>,
    /// Whether it takes actions of `f32` instead of `f64`.
    in_single: bool,
}

/// Makes the environment with an id of Gymnasium.
pub(crate) fn make(id: &str, config: &GymConfig) -> Result<Box<dyn Env>, EnvError> {
    let task = format!("gym:{id}");
    let kwargs = serde_json::to_string(&config.kwargs).expect("TOML has a JSON form");
    Python::attach(|py| {
        let module = py.import("pmoe._gym").map_err(|error| raised(py, &task, &error))?;
        let made = module.call_method1("make", (id, kwargs));
        let adapter = made.map_err(|error| match module.getattr("Unsuitable") {
            Ok(unsuitable) if error.matches(py, &unsuitable).unwrap_or(false) => {
                EnvError::Unsuitable { task: task.clone(), reason: error.value(py).to_string() }
            }
            _ => EnvError::Unsuitable { task: task.clone(), reason: described(py, &error) },
        })?;
        let facts = adapter.getattr("facts").and_then(|facts| facts.extract());
        let (obs_dim, action_low, action_high, dt_seconds, in_single) =
            facts.map_err(|error| raised(py, &task, &error))?;
        let id = task.clone();
        let spec = EnvSpec { id, obs_dim, action_low, action_high, dt_seconds, resumable: false };
        Ok(Box::new(GymEnv { spec, adapter: adapter.unbind(), in_single }) as Box<dyn Env>)
    })
}

impl Env for GymEnv {
    fn spec(&self) -> &EnvSpec {
        &self.spec
    }

    fn reset(&mut self, rng: &mut Rng, obs: &mut [f64]) -> Result<(), EnvError> {
        let seed = rng.next_u32();
        Python::attach(|py| {
            let first = self.adapter.bind(py).call_method1(intern!(py, "reset"), (seed,));
            first
                .and_then(|first| self.take(py, &first.extract()?, 0.0, obs))
                .map_err(|error| raised(py, &self.spec.id, &error))
        })
    }

    fn step(&mut self, action: &[f64], obs: &mut [f64]) -> Result<Step, EnvError> {
        Python::attach(|py| {
            let action = if self.in_single {
                let action: Vec<f32> = action.iter().map(|x| *x as f32).collect();
                PyArray1::from_vec(py, action).into_any()
            } else {
                PyArray1::from_slice(py, action).into_any()
            };
            let found = self.adapter.bind(py).call_method1(intern!(py, "step"), (action,));
            let step = found.and_then(|found| {
                let (next, reward, terminated, truncated, success) = found.extract()?;
                self.take(py, &next, reward, obs)?;
                Ok(Step { reward, terminated, truncated, success })
            });
            step.map_err(|error| raised(py, &self.spec.id, &error))
        })
    }

    fn save_state(&self, _state: &mut Vec<f64>) {}

    fn load_state(&mut self, _state: &[f64]) -> Result<(), EnvError> {
        Ok(())
    }
}

impl Drop for GymEnv {
    fn drop(&mut self) {
        // Where Python has ended, it has freed the environment itself.
        let _ = Python::try_attach(|py| self.adapter.bind(py).call_method0("close").map(drop));
    }
}

impl GymEnv {
    /// Copies an observation, if it and the reward are finite.
    fn take(
        &self,
        py: Python<'_>,
        found: &PyReadonlyArray1<'_, f64>,
        reward: f64,
        obs: &mut [f64],
    ) -> PyResult<()> {
        obs.copy_from_slice(found.as_slice()?);
        if reward.is_finite() && obs.iter().all(|x| x.is_finite()) {
            return Ok(());
        }
        let refuse = intern!(py, "refuse");
        self.adapter
            .bind(py)
            .call_method1(refuse, (PyArray1::from_slice(py, obs), reward))
            .map(drop)
    }
}

/// The error for an exception of the environment.
fn raised(py: Python<'_>, task: &str, error: &PyErr) -> EnvError {
    EnvError::Raised { task: task.to_owned(), reason: described(py, error) }
}

/// An exception's name and message, then its traceback.
fn described(py: Python<'_>, error: &PyErr) -> String {
    let traceback = py.import("traceback").and_then(|traceback| {
        let parts = (error.get_type(py), error.value(py), error.traceback(py));
        let lines = traceback.call_method1("format_exception", parts)?;
        Ok(lines.extract::<Vec<String>>()?.concat())
    });
    format!("{error}\n{}", traceback.unwrap_or_default().trim_end())
}
