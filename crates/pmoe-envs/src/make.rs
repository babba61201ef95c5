//! Creates tasks from their names.

use crate::env::{Env, EnvError};
use crate::gym::{self, GymConfig};
#[cfg(feature = "mujoco")]
use crate::mujoco::{self, MujocoEnv};
use crate::reaching::TargetReaching;
use crate::task::{EnvConfig, MujocoConfig, TaskId};
use crate::wrappers::{RescaleAction, TimeLimit};

impl TaskId {
    /// Returns the default settings of this task. For a model file they are read from the TOML file
    /// next to it and checked against the model.
    ///
    /// # Errors
    /// If a model file or its settings can't be used, or the build lacks MuJoCo.
    pub fn config(&self) -> Result<EnvConfig, EnvError> {
        Ok(match self {
            Self::Mujoco { robot, version } => {
                EnvConfig::Mujoco(MujocoConfig::new(*robot, *version))
            }
            Self::TargetReaching(preset) => EnvConfig::TargetReaching(preset.config()),
            Self::Gym(_) => EnvConfig::Gym(GymConfig::default()),
            #[cfg(feature = "mujoco")]
            Self::Mjcf(model) => EnvConfig::Mjcf(mujoco::described::read(model)?),
            #[cfg(not(feature = "mujoco"))]
            Self::Mjcf(_) => {
                return Err(EnvError::MissingFeature { task: self.to_string(), feature: "mujoco" });
            }
        })
    }
}

/// Creates a task for training: actions in [-1, 1], episodes of limited length.
///
/// # Errors
/// If a model file can't be loaded, the build lacks MuJoCo, or Gymnasium can't make its task.
pub fn make(task: &TaskId) -> Result<Box<dyn Env>, EnvError> {
    make_with(task, &task.config()?)
}

/// Like [`make`], with custom settings.
///
/// # Errors
/// If the settings don't fit the task, a model file can't be loaded, the build lacks MuJoCo, or Gymnasium can't make
/// its task.
pub fn make_with(task: &TaskId, config: &EnvConfig) -> Result<Box<dyn Env>, EnvError> {
    let env = RescaleAction::new(make_bare(task, config)?);
    Ok(match config.max_episode_steps() {
        Some(limit) => Box::new(TimeLimit::new(env, limit)),
        None => Box::new(env),
    })
}

/// Creates a bare task: actions in its own units, no time limit of ours.
///
/// # Errors
/// As those of [`make_with`].
pub fn make_bare(task: &TaskId, config: &EnvConfig) -> Result<Box<dyn Env>, EnvError> {
    config.validate(task)?;
    match (task, config) {
        (TaskId::Gym(id), EnvConfig::Gym(config)) => gym::make(id, config),
        (_, EnvConfig::TargetReaching(config)) => {
            Ok(Box::new(TargetReaching::new(&task.to_string(), config.clone())?))
        }
        #[cfg(feature = "mujoco")]
        _ => Ok(Box::new(make_mujoco_with(task, config)?)),
        #[cfg(not(feature = "mujoco"))]
        _ => Err(EnvError::MissingFeature { task: task.to_string(), feature: "mujoco" }),
    }
}

/// Creates a bare MuJoCo task: actions in its own units, no time limit.
///
/// # Errors
/// If the model file can't be loaded or `task` is not a MuJoCo task.
#[cfg(feature = "mujoco")]
pub fn make_mujoco(task: &TaskId) -> Result<MujocoEnv, EnvError> {
    make_mujoco_with(task, &task.config()?)
}

/// Like [`make_mujoco`], with custom settings.
///
/// # Errors
/// If the model file can't be loaded, the settings don't fit the task, or `task` is not a MuJoCo
/// task.
#[cfg(feature = "mujoco")]
pub fn make_mujoco_with(task: &TaskId, config: &EnvConfig) -> Result<MujocoEnv, EnvError> {
    config.validate(task)?;
    match (task, config) {
        (TaskId::Mujoco { robot, version }, EnvConfig::Mujoco(config)) => {
            mujoco::gym_task(&task.to_string(), *robot, *version, config)
        }
        (TaskId::Mjcf(model), EnvConfig::Mjcf(config)) => {
            mujoco::described::env(&task.to_string(), model, config)
        }
        _ => Err(EnvError::Config {
            key: "task".to_owned(),
            value: task.to_string(),
            allowed: "a MuJoCo task".to_owned(),
        }),
    }
}
