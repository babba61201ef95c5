//! Many environments at once.

use std::sync::{Mutex, PoisonError};

use numpy::{PyReadonlyArray2, PyReadwriteArray1, PyReadwriteArray2};
use pmoe_envs::{EnvError, EnvSpec, TimeLimit};
use pyo3::prelude::*;

use crate::env::{Spec, Task, generator};
use crate::error::of_env;

/// Copies of a task with its time limit, stepped on threads.
#[pyclass(module = "pmoe._pmoe", frozen)]
pub(crate) struct VecEnv {
    spec: EnvSpec,
    envs: Mutex<pmoe_envs::VecEnv>,
}

/// Where the results of a step go: observations `[N, O]`, and one number of each copy, `[N]`.
type Results<'py> = (
    PyReadwriteArray2<'py, f64>,
    PyReadwriteArray1<'py, f64>,
    PyReadwriteArray1<'py, bool>,
    PyReadwriteArray1<'py, bool>,
);

#[pymethods]
impl VecEnv {
    #[new]
    fn new(
        py: Python<'_>,
        id: &str,
        num_envs: usize,
        num_threads: usize,
        max_episode_steps: Option<u32>,
    ) -> PyResult<Self> {
        let make = |_| -> Result<Box<dyn pmoe_envs::Env>, EnvError> {
            let (task, limit) = Task::new(id)?;
            Ok(Box::new(TimeLimit::new(task, max_episode_steps.unwrap_or(limit))))
        };
        let envs = py.detach(|| (0..num_envs).map(make).collect::<Result<Vec<_>, _>>());
        let envs = envs.map_err(of_env)?;
        let rngs = (0..num_envs).map(|_| generator(None)).collect();
        let envs = pmoe_envs::VecEnv::new(envs, rngs, num_threads);
        Ok(Self { spec: envs.spec().clone(), envs: Mutex::new(envs) })
    }

    #[getter]
    fn spec(&self) -> Spec {
        (&self.spec).into()
    }

    /// Starts an episode in the chosen copies; one with a seed begins its random numbers anew.
    fn reset(
        &self,
        py: Python<'_>,
        seeds: Vec<Option<u64>>,
        chosen: Vec<bool>,
        mut obs: PyReadwriteArray2<'_, f64>,
    ) -> PyResult<()> {
        let obs = obs.as_slice_mut()?;
        let reset = |envs: &mut pmoe_envs::VecEnv| {
            for (copy, seed) in seeds.iter().enumerate() {
                if seed.is_some() && chosen.get(copy) == Some(&true) {
                    envs.set_rng(copy, generator(*seed));
                }
            }
            envs.reset_chosen(&chosen)?;
            obs.copy_from_slice(envs.obs());
            Ok(())
        };
        self.with(py, reset).map_err(of_env)
    }

    /// Steps every copy.
    fn step(
        &self,
        py: Python<'_>,
        actions: PyReadonlyArray2<'_, f64>,
        results: Results<'_>,
    ) -> PyResult<()> {
        self.advance(py, &actions, results, pmoe_envs::VecEnv::step)
    }

    /// Steps every copy whose episode goes on, and starts an episode in the others.
    fn step_or_reset(
        &self,
        py: Python<'_>,
        actions: PyReadonlyArray2<'_, f64>,
        results: Results<'_>,
    ) -> PyResult<()> {
        self.advance(py, &actions, results, pmoe_envs::VecEnv::step_or_reset)
    }

    /// Starts an episode in every copy whose latest step ended one.
    fn reset_ended(&self, py: Python<'_>, mut obs: PyReadwriteArray2<'_, f64>) -> PyResult<()> {
        let obs = obs.as_slice_mut()?;
        let reset = |envs: &mut pmoe_envs::VecEnv| {
            envs.reset_ended()?;
            obs.copy_from_slice(envs.obs());
            Ok(())
        };
        self.with(py, reset).map_err(of_env)
    }

    /// Whether the latest step of each copy reached the goal, none for a copy that began an episode instead; none at
    /// all if no copy says so, as in a task without a goal.
    fn successes(&self, py: Python<'_>) -> Option<Vec<Option<bool>>> {
        self.with(py, |envs| {
            let steps = envs.steps();
            let says = steps.iter().any(|step| step.success.is_some());
            says.then(|| steps.iter().map(|step| step.success).collect())
        })
    }
}

impl VecEnv {
    fn advance(
        &self,
        py: Python<'_>,
        actions: &PyReadonlyArray2<'_, f64>,
        results: Results<'_>,
        step: fn(&mut pmoe_envs::VecEnv, &[f64]) -> Result<(), EnvError>,
    ) -> PyResult<()> {
        let (mut obs, mut rewards, mut terminations, mut truncations) = results;
        let actions = actions.as_slice()?;
        let (obs, rewards) = (obs.as_slice_mut()?, rewards.as_slice_mut()?);
        let (terminations, truncations) =
            (terminations.as_slice_mut()?, truncations.as_slice_mut()?);
        let advance = |envs: &mut pmoe_envs::VecEnv| {
            step(envs, actions)?;
            obs.copy_from_slice(envs.obs());
            let ends = terminations.iter_mut().zip(truncations);
            for (step, (reward, (terminated, truncated))) in
                envs.steps().iter().zip(rewards.iter_mut().zip(ends))
            {
                (*reward, *terminated, *truncated) = (step.reward, step.terminated, step.truncated);
            }
            Ok(())
        };
        self.with(py, advance).map_err(of_env)
    }

    /// Works on the copies while other threads may use Python.
    fn with<T: Send>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&mut pmoe_envs::VecEnv) -> T + Send,
    ) -> T {
        py.detach(|| work(&mut self.envs.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}
