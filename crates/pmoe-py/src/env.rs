//! One environment.

use std::sync::{Mutex, PoisonError};

use numpy::{PyArray1, PyReadonlyArray1};
use pmoe_envs::mujoco::Renderer as MujocoRenderer;
use pmoe_envs::{
    Env as _, EnvConfig, EnvError, EnvSpec, MujocoEnv, RewardTerms, Rng, Step, TargetReaching,
    TaskId, check_picture_size,
};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use rand::SeedableRng;

use crate::error::of_env;

/// A bare task: actions in its own units, no time limit.
pub(crate) enum Task {
    Mujoco(Box<MujocoEnv>),
    Reaching(Box<TargetReaching>),
}

impl Task {
    /// Makes the task and returns its time limit (steps), too.
    pub(crate) fn new(id: &str) -> Result<(Self, u32), EnvError> {
        let task: TaskId = id.parse()?;
        let config = task.config()?;
        let Some(limit) = config.max_episode_steps() else {
            let reason = "gymnasium.make and gymnasium.make_vec make it".to_owned();
            return Err(EnvError::Unsuitable { task: id.to_owned(), reason });
        };
        let task = match config {
            EnvConfig::TargetReaching(config) => {
                Self::Reaching(Box::new(TargetReaching::new(id, config)?))
            }
            config => Self::Mujoco(Box::new(pmoe_envs::make_mujoco_with(&task, &config)?)),
        };
        Ok((task, limit))
    }
}

impl pmoe_envs::Env for Task {
    fn spec(&self) -> &EnvSpec {
        match self {
            Self::Mujoco(env) => env.spec(),
            Self::Reaching(env) => env.spec(),
        }
    }

    fn reset(&mut self, rng: &mut Rng, obs: &mut [f64]) -> Result<(), EnvError> {
        match self {
            Self::Mujoco(env) => env.reset(rng, obs),
            Self::Reaching(env) => env.reset(rng, obs),
        }
    }

    fn step(&mut self, action: &[f64], obs: &mut [f64]) -> Result<Step, EnvError> {
        match self {
            Self::Mujoco(env) => env.step(action, obs),
            Self::Reaching(env) => env.step(action, obs),
        }
    }

    fn save_state(&self, state: &mut Vec<f64>) {
        match self {
            Self::Mujoco(env) => env.save_state(state),
            Self::Reaching(env) => env.save_state(state),
        }
    }

    fn load_state(&mut self, state: &[f64]) -> Result<(), EnvError> {
        match self {
            Self::Mujoco(env) => env.load_state(state),
            Self::Reaching(env) => env.load_state(state),
        }
    }
}

/// A generator for a seed, or one that nobody knows.
pub(crate) fn generator(seed: Option<u64>) -> Rng {
    seed.map_or_else(|| Rng::from_rng(&mut rand::rng()), Rng::seed_from_u64)
}

/// An observation, its reward, whether the episode terminated, and whether the goal was reached.
type Stepped<'py> = (Bound<'py, PyArray1<f64>>, f64, bool, Option<bool>);

/// Dimensions and bounds of a task, in its own units.
#[pyclass(module = "pmoe._pmoe", frozen, get_all)]
pub(crate) struct Spec {
    obs_dim: usize,
    action_low: Vec<f64>,
    action_high: Vec<f64>,
    /// Simulated time per step.
    dt_seconds: f64,
}

impl From<&EnvSpec> for Spec {
    fn from(spec: &EnvSpec) -> Self {
        let EnvSpec { id: _, obs_dim, action_low, action_high, dt_seconds, resumable: _ } =
            spec.clone();
        Self { obs_dim, action_low, action_high, dt_seconds }
    }
}

/// One copy of a task, without a time limit. Threads that use it wait for each other.
#[pyclass(module = "pmoe._pmoe", frozen)]
pub(crate) struct Env {
    spec: EnvSpec,
    playing: Mutex<Playing>,
}

/// A task and its generator.
struct Playing {
    task: Task,
    rng: Rng,
}

#[pymethods]
impl Env {
    #[new]
    fn new(py: Python<'_>, id: &str) -> PyResult<Self> {
        let (task, _) = py.detach(|| Task::new(id)).map_err(of_env)?;
        let (spec, playing) = (task.spec().clone(), Playing { task, rng: generator(None) });
        Ok(Self { spec, playing: Mutex::new(playing) })
    }

    #[getter]
    fn spec(&self) -> Spec {
        (&self.spec).into()
    }

    #[pyo3(signature = (seed=None))]
    fn reset<'py>(
        &self,
        py: Python<'py>,
        seed: Option<u64>,
    ) -> PyResult<Bound<'py, PyArray1<f64>>> {
        let mut obs = vec![0.0; self.spec.obs_dim];
        let reset = |Playing { task, rng }: &mut Playing| {
            if seed.is_some() {
                *rng = generator(seed);
            }
            task.reset(rng, &mut obs)
        };
        self.with(py, reset).map_err(of_env)?;
        Ok(PyArray1::from_vec(py, obs))
    }

    fn set_state<'py>(
        &self,
        py: Python<'py>,
        qpos: PyReadonlyArray1<'_, f64>,
        qvel: PyReadonlyArray1<'_, f64>,
    ) -> PyResult<Bound<'py, PyArray1<f64>>> {
        let mut obs = vec![0.0; self.spec.obs_dim];
        let (qpos, qvel) = (qpos.as_slice()?, qvel.as_slice()?);
        let set = |playing: &mut Playing| match &mut playing.task {
            Task::Mujoco(env) => Some(env.set_physics(qpos, qvel, &mut obs)),
            Task::Reaching(_) => None,
        };
        self.with(py, set).ok_or_else(|| self.without_joints())?.map_err(of_env)?;
        Ok(PyArray1::from_vec(py, obs))
    }

    fn step<'py>(
        &self,
        py: Python<'py>,
        action: PyReadonlyArray1<'_, f64>,
    ) -> PyResult<Stepped<'py>> {
        let action = action.as_slice()?;
        let mut obs = vec![0.0; self.spec.obs_dim];
        let step = self.with(py, |playing| playing.task.step(action, &mut obs)).map_err(of_env)?;
        Ok((PyArray1::from_vec(py, obs), step.reward, step.terminated, step.success))
    }

    /// Positions and velocities, `[nq]` and `[nv]`; none for target-reaching.
    fn state<'py>(&self, py: Python<'py>) -> Option<[Bound<'py, PyArray1<f64>>; 2]> {
        let of = |playing: &mut Playing| match &playing.task {
            Task::Mujoco(env) => Some([env.qpos().to_vec(), env.qvel().to_vec()]),
            Task::Reaching(_) => None,
        };
        self.with(py, of).map(|state| state.map(|values| PyArray1::from_vec(py, values)))
    }

    /// Progress, alive, control cost and contact cost of the last step; none for target-reaching.
    fn reward_terms(&self, py: Python<'_>) -> Option<[f64; 4]> {
        let of = |playing: &mut Playing| match &playing.task {
            Task::Mujoco(env) => Some(env.reward_terms()),
            Task::Reaching(_) => None,
        };
        let RewardTerms { progress, alive, control_cost, contact_cost } = self.with(py, of)?;
        Some([progress, alive, control_cost, contact_cost])
    }
}

impl Env {
    /// Works on the task while other threads may use Python.
    fn with<T: Send>(&self, py: Python<'_>, work: impl FnOnce(&mut Playing) -> T + Send) -> T {
        py.detach(|| work(&mut self.playing.lock().unwrap_or_else(PoisonError::into_inner)))
    }

    fn without_joints(&self) -> PyErr {
        PyValueError::new_err(format!("{} has no joints", self.spec.id))
    }
}

/// Draws an environment; it must stay on the thread that made it.
#[pyclass(module = "pmoe._pmoe", unsendable)]
pub(crate) struct Renderer {
    width: usize,
    /// `None` for target-reaching, which is drawn without a graphics device.
    of_mujoco: Option<MujocoRenderer>,
}

#[pymethods]
impl Renderer {
    #[new]
    fn new(env: &Env, width: usize, height: usize) -> PyResult<Self> {
        check_picture_size(width, height).map_err(of_env)?;
        let playing = env.playing.lock().unwrap_or_else(PoisonError::into_inner);
        let of_mujoco = match &playing.task {
            Task::Mujoco(env) => Some(MujocoRenderer::new(env, width, height).map_err(of_env)?),
            Task::Reaching(_) => None,
        };
        Ok(Self { width, of_mujoco })
    }

    /// Width, height and pixels of the current state, `[height · width · 3]`.
    fn frame<'py>(
        &mut self,
        py: Python<'py>,
        env: &Env,
    ) -> PyResult<(usize, usize, Bound<'py, PyArray1<u8>>)> {
        let playing = env.playing.lock().unwrap_or_else(PoisonError::into_inner);
        let frame = match (&mut self.of_mujoco, &playing.task) {
            (Some(renderer), Task::Mujoco(env)) => renderer.frame(env).map_err(of_env)?,
            (None, Task::Reaching(env)) => env.draw(self.width, &[]),
            _ => return Err(PyValueError::new_err("the renderer is of another task")),
        };
        Ok((frame.width, frame.height, PyArray1::from_vec(py, frame.rgb)))
    }
}
