//! Trained policies.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use numpy::ndarray::{Array1, Array2, Array3};
use numpy::{IntoPyArray, PyArray1, PyArray2, PyArray3, PyReadonlyArray2};
use pmoe_algos::{Agent as _, AnyMemory, Mode};
use pmoe_cli::LoadedPolicy;
use pmoe_envs::{Env as _, EnvSpec, Rng};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;

use crate::env::{Spec, generator};
use crate::error::{of_anyhow, of_env};

/// What a policy carries from step to step, for each of its observations.
#[pyclass(module = "pmoe._pmoe", frozen)]
pub(crate) struct Memory(Vec<AnyMemory>);

/// A policy that acts.
#[pyclass(module = "pmoe._pmoe", frozen)]
pub(crate) struct Policy {
    /// Bounds in the task's own units.
    spec: EnvSpec,
    #[pyo3(get)]
    method: String,
    #[pyo3(get)]
    task: String,
    #[pyo3(get)]
    env_step: u64,
    /// The run's config, JSON.
    #[pyo3(get)]
    config: String,
    has_critic: bool,
    acting: Mutex<Acting>,
}

struct Acting {
    loaded: LoadedPolicy,
    rng: Rng,
}

/// Weights `[B, K]`; means and standard deviations before squashing, noise-free actions, `[B, K, A]`.
type Primitives<'py> = (
    Bound<'py, PyArray2<f32>>,
    Bound<'py, PyArray3<f32>>,
    Bound<'py, PyArray3<f32>>,
    Bound<'py, PyArray3<f32>>,
);

#[pymethods]
impl Policy {
    #[new]
    #[pyo3(signature = (path, seed=None))]
    fn new(py: Python<'_>, path: PathBuf, seed: Option<u64>) -> PyResult<Self> {
        let of_json = |error: serde_json::Error| PyRuntimeError::new_err(error.to_string());
        let loaded = py.detach(|| pmoe_cli::load(&path)).map_err(|error| of_anyhow(&error))?;
        let config = &loaded.config;
        let task = pmoe_envs::make_bare(&config.task, &config.env).map_err(of_env)?;
        Ok(Self {
            spec: task.spec().clone(),
            method: config.method.clone(),
            task: config.task.to_string(),
            env_step: loaded.env_step,
            config: serde_json::to_string(config).map_err(of_json)?,
            has_critic: loaded.has_critic,
            acting: Mutex::new(Acting { loaded, rng: generator(seed) }),
        })
    }

    #[getter]
    fn spec(&self) -> Spec {
        (&self.spec).into()
    }

    /// Begins the policy's random numbers anew.
    fn reseed(&self, py: Python<'_>, seed: Option<u64>) {
        self.with(py, |acting| acting.rng = generator(seed));
    }

    /// Acts on observations `[B, O]`; returns actions `[B, A]` in [-1, 1] and the memory to act with next.
    fn act<'py>(
        &self,
        py: Python<'py>,
        obs: PyReadonlyArray2<'_, f32>,
        deterministic: bool,
        memory: Option<&Memory>,
        starts: Vec<bool>,
    ) -> PyResult<(Bound<'py, PyArray2<f32>>, Memory)> {
        let (rows, obs) = self.rows(&obs)?;
        let mode = if deterministic { Mode::Evaluate } else { Mode::Explore };
        let mut memories = match memory {
            Some(memory) => memory.0.clone(),
            None => vec![AnyMemory::default(); rows],
        };
        for (what, found) in [("state", memories.len()), ("episode_start", starts.len())] {
            if found != rows {
                let message =
                    format!("{what} is that of {found} observations, but there are {rows}");
                return Err(PyValueError::new_err(message));
            }
        }
        for (memory, _) in memories.iter_mut().zip(&starts).filter(|(_, starts)| **starts) {
            *memory = AnyMemory::default();
        }
        let mut actions = vec![0.0; rows * self.spec.action_dim()];
        let act = |Acting { loaded, rng }: &mut Acting| {
            let agent = &loaded.agent;
            if memories.iter().any(|memory| agent.check_restored(memory, false).is_err()) {
                return Err(PyValueError::new_err("state is that of another policy"));
            }
            let acted = agent.act_all(memories.iter_mut().collect(), obs, mode, rng, &mut actions);
            acted.map_err(|error| PyRuntimeError::new_err(error.to_string()))
        };
        self.with(py, act)?;
        Ok((matrix(py, rows, actions), Memory(memories)))
    }

    /// What every primitive would do at observations `[B, O]`; none for a single Gaussian.
    fn primitives<'py>(
        &self,
        py: Python<'py>,
        obs: PyReadonlyArray2<'_, f32>,
    ) -> PyResult<Option<Primitives<'py>>> {
        let (rows, obs) = self.rows(&obs)?;
        let obs_dim = self.spec.obs_dim;
        let ask = |Acting { loaded, rng }: &mut Acting| loaded.agent.primitives(obs, obs_dim, rng);
        let Some(found) = self.with(py, ask) else { return Ok(None) };
        let shape = [rows, found.num_primitives, found.action_dim];
        let cube = |numbers: Vec<f32>| {
            let array = Array3::from_shape_vec(shape, numbers);
            array.expect("K numbers of A actions for each row").into_pyarray(py)
        };
        let weights = matrix(py, rows, found.weights);
        Ok(Some((weights, cube(found.mean), cube(found.std), cube(found.mode))))
    }

    /// The critics' value of actions `[B, A]` in [-1, 1] at observations `[B, O]`; none without critics of actions.
    fn values<'py>(
        &self,
        py: Python<'py>,
        obs: PyReadonlyArray2<'_, f32>,
        actions: PyReadonlyArray2<'_, f32>,
    ) -> PyResult<Option<Bound<'py, PyArray1<f32>>>> {
        if !self.has_critic {
            return Ok(None);
        }
        let (_, obs) = self.rows(&obs)?;
        let (obs_dim, actions) = (self.spec.obs_dim, actions.as_slice()?);
        let ask = |acting: &mut Acting| acting.loaded.agent.values(obs, obs_dim, actions);
        Ok(self.with(py, ask).map(|values| Array1::from(values).into_pyarray(py)))
    }
}

impl Policy {
    /// Works on the policy while other threads may use Python.
    fn with<T: Send>(&self, py: Python<'_>, work: impl FnOnce(&mut Acting) -> T + Send) -> T {
        py.detach(|| work(&mut self.acting.lock().unwrap_or_else(PoisonError::into_inner)))
    }

    /// The number of observations and their numbers.
    fn rows<'a>(&self, obs: &'a PyReadonlyArray2<'_, f32>) -> PyResult<(usize, &'a [f32])> {
        let (found, expected) = (obs.as_array().ncols(), self.spec.obs_dim);
        if found != expected || obs.as_array().nrows() == 0 {
            let (task, shape) = (&self.task, obs.as_array().shape().to_vec());
            let message = format!(
                "observations have the shape {shape:?}, but those of {task} are [B, {expected}]"
            );
            return Err(PyValueError::new_err(message));
        }
        let (rows, obs) = (obs.as_array().nrows(), obs.as_slice()?);
        if let Some(at) = obs.iter().position(|x| !x.is_finite()) {
            let (row, column) = (at / expected, at % expected);
            let message = format!("obs[{row}, {column}] is {}, not a finite number", obs[at]);
            return Err(PyValueError::new_err(message));
        }
        Ok((rows, obs))
    }
}

fn matrix(py: Python<'_>, rows: usize, numbers: Vec<f32>) -> Bound<'_, PyArray2<f32>> {
    let columns = numbers.len() / rows;
    Array2::from_shape_vec([rows, columns], numbers).expect("whole rows").into_pyarray(py)
}
