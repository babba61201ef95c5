//! Names of the tasks, and how to make one.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::env::{Env, EnvError};
use crate::mujoco::MujocoEnv;
use crate::wrappers::{RescaleAction, TimeLimit};

/// Steps of an episode (1): Gym's limit for every task here.
pub const EPISODE_STEPS: u32 = 1000;

/// The robots. A new one is a variant here and a file in `mujoco/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TaskKind {
    /// Planar one-legged hopper, 3 motors.
    Hopper,
    /// Four-legged ant, 8 motors.
    Ant,
    /// Two-legged body with arms, 17 motors.
    Humanoid,
}

impl TaskKind {
    const ALL: [Self; 3] = [Self::Hopper, Self::Ant, Self::Humanoid];

    fn name(self) -> &'static str {
        match self {
            Self::Hopper => "Hopper",
            Self::Ant => "Ant",
            Self::Humanoid => "Humanoid",
        }
    }
}

/// Generation of Gym's formulas for observation, reward and ending.
///
/// The physics is MuJoCo 3.17 for all of them: `V2` has the formulas of gym 0.17, not the engine of
/// its time, so returns are not comparable with MuJoCo 1.50 to the last digit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Version {
    /// gym 0.17, contact forces computed.
    V2,
    /// Gymnasium 1.4.0 with default arguments.
    V4,
    /// Gymnasium 1.4.0 with default arguments.
    V5,
}

impl Version {
    const ALL: [Self; 3] = [Self::V2, Self::V4, Self::V5];

    fn name(self) -> &'static str {
        match self {
            Self::V2 => "v2",
            Self::V4 => "v4",
            Self::V5 => "v5",
        }
    }
}

/// A task, written like `Hopper-v4`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TaskId {
    /// The robot.
    pub kind: TaskKind,
    /// The formulas.
    pub version: Version,
}

impl TaskId {
    /// Every task, robot by robot.
    pub fn all() -> impl Iterator<Item = Self> {
        TaskKind::ALL
            .into_iter()
            .flat_map(|kind| Version::ALL.map(|version| Self { kind, version }))
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}-{}", self.kind.name(), self.version.name()))
    }
}

impl FromStr for TaskId {
    type Err = EnvError;

    fn from_str(id: &str) -> Result<Self, EnvError> {
        Self::all().find(|task| task.to_string() == id).ok_or_else(|| EnvError::UnknownTask {
            id: id.to_owned(),
            known: Self::all().map(|task| task.to_string()).collect::<Vec<_>>().join(", "),
        })
    }
}

impl TryFrom<String> for TaskId {
    type Error = EnvError;

    fn try_from(id: String) -> Result<Self, EnvError> {
        id.parse()
    }
}

impl From<TaskId> for String {
    fn from(task: TaskId) -> Self {
        task.to_string()
    }
}

/// The task as training uses it: actions in [-1, 1], episodes of at most [`EPISODE_STEPS`].
///
/// # Errors
/// When the model file can't be loaded.
pub fn make(task: TaskId) -> Result<Box<dyn Env>, EnvError> {
    let env = RescaleAction::new(make_mujoco(task)?);
    Ok(Box::new(TimeLimit::new(env, EPISODE_STEPS)))
}

/// The bare task: actions in its own units, no time limit.
///
/// # Errors
/// When the model file can't be loaded.
pub fn make_mujoco(task: TaskId) -> Result<MujocoEnv, EnvError> {
    MujocoEnv::new(task)
}
