//! Task ids and settings.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::env::{EnvError, UnknownTask};
use crate::episode::{EPISODE_STEPS, check_episode_steps};
use crate::gym::GymConfig;
use crate::mjcf::MjcfConfig;
use crate::reaching::{ReachingConfig, ReachingPreset};

/// The robots of Gym's MuJoCo tasks. To add one, add a variant here and a file in `mujoco/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Robot {
    /// Planar one-legged hopper, 3 motors.
    Hopper,
    /// Planar two-legged walker, 6 motors.
    Walker2d,
    /// Planar two-legged runner, 6 motors.
    HalfCheetah,
    /// Four-legged ant, 8 motors.
    Ant,
    /// Walking humanoid with arms, 17 motors.
    Humanoid,
    /// The same humanoid, rising from the ground.
    HumanoidStandup,
}

impl Robot {
    /// All robots.
    pub const ALL: [Self; 6] = [
        Self::Hopper,
        Self::Walker2d,
        Self::HalfCheetah,
        Self::Ant,
        Self::Humanoid,
        Self::HumanoidStandup,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Hopper => "Hopper",
            Self::Walker2d => "Walker2d",
            Self::HalfCheetah => "HalfCheetah",
            Self::Ant => "Ant",
            Self::Humanoid => "Humanoid",
            Self::HumanoidStandup => "HumanoidStandup",
        }
    }

    fn description(self) -> &'static str {
        match self {
            Self::Hopper => "a one-legged robot hops forward",
            Self::Walker2d => "a planar two-legged robot walks forward",
            Self::HalfCheetah => "a planar two-legged robot runs forward, and can't fall",
            Self::Ant => "a four-legged robot walks forward",
            Self::Humanoid => "a humanoid walks forward",
            Self::HumanoidStandup => "a humanoid rises from the ground",
        }
    }
}

/// Version of Gym's formulas for observation, reward and termination.
///
/// All versions use MuJoCo 3.17: `V2` takes the formulas of gym 0.17, not the engine of its time,
/// so returns are not exactly comparable with those of MuJoCo 1.50.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Version {
    /// gym 0.17, with contact forces computed.
    V2,
    /// Gymnasium 1.4.0 with default arguments.
    V4,
    /// Gymnasium 1.4.0 with default arguments.
    V5,
}

impl Version {
    /// All versions.
    pub const ALL: [Self; 3] = [Self::V2, Self::V4, Self::V5];

    fn name(self) -> &'static str {
        match self {
            Self::V2 => "v2",
            Self::V4 => "v4",
            Self::V5 => "v5",
        }
    }

    fn description(self) -> &'static str {
        match self {
            Self::V2 => "formulas of gym 0.17, as in the PMOE paper",
            Self::V4 => "formulas of Gymnasium's version 4",
            Self::V5 => "formulas of Gymnasium's version 5",
        }
    }
}

/// A task id, such as `Hopper-v4` or `mjcf:robots/crawler.xml`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum TaskId {
    /// One of Gym's MuJoCo tasks.
    Mujoco {
        /// The robot.
        robot: Robot,
        /// The version of the formulas.
        version: Version,
    },
    /// The paper's target-reaching task; see [`crate::reaching`].
    TargetReaching(ReachingPreset),
    /// A model file with its settings in a TOML file next to it; see [`crate::mjcf`]. The path is
    /// the user's; a relative one is resolved against the working directory.
    Mjcf(String),
    /// A task of Gymnasium by its id there, with which a module to import may be named, `MODULE:ID`;
    /// see [`crate::gym`].
    Gym(String),
}

/// Prefix of the ids of tasks from model files.
const MJCF: &str = "mjcf:";

/// Prefix of the ids of Gymnasium's tasks.
const GYM: &str = "gym:";

impl TaskId {
    /// Returns all built-in tasks: robot by robot, then target-reaching.
    pub fn all() -> impl Iterator<Item = Self> {
        let robots = Robot::ALL.into_iter();
        robots
            .flat_map(|robot| Version::ALL.map(|version| Self::Mujoco { robot, version }))
            .chain(ReachingPreset::ALL.map(Self::TargetReaching))
    }

    /// Returns what the task is, in one line.
    #[must_use]
    pub fn description(&self) -> String {
        match self {
            Self::Mujoco { robot, version } => {
                format!("{}; {}", robot.description(), version.description())
            }
            Self::TargetReaching(preset) => preset.description().to_owned(),
            Self::Mjcf(path) => format!("the model {path}, with the settings beside it"),
            Self::Gym(id) => format!("{id} of Gymnasium, stepped in Python"),
        }
    }

    /// Key of this task's settings in a config file.
    fn family(&self) -> &'static str {
        match self {
            Self::Mujoco { .. } => "mujoco",
            Self::TargetReaching(_) => "target_reaching",
            Self::Mjcf(_) => "mjcf",
            Self::Gym(_) => "gym",
        }
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mujoco { robot, version } => {
                f.pad(&format!("{}-{}", robot.name(), version.name()))
            }
            Self::TargetReaching(preset) => f.pad(preset.id()),
            Self::Mjcf(model) => f.pad(&format!("{MJCF}{model}")),
            Self::Gym(id) => f.pad(&format!("{GYM}{id}")),
        }
    }
}

impl FromStr for TaskId {
    type Err = UnknownTask;

    fn from_str(id: &str) -> Result<Self, UnknownTask> {
        if let Some(model) = id.strip_prefix(MJCF).filter(|model| !model.is_empty()) {
            return Ok(Self::Mjcf(model.to_owned()));
        }
        if let Some(name) = id.strip_prefix(GYM).filter(|name| !name.is_empty()) {
            return Ok(Self::Gym(name.to_owned()));
        }
        Self::all().find(|task| task.to_string() == id).ok_or_else(|| UnknownTask {
            id: id.to_owned(),
            known: Self::all().map(|task| task.to_string()).collect::<Vec<_>>().join(", "),
        })
    }
}

impl TryFrom<String> for TaskId {
    type Error = UnknownTask;

    fn try_from(id: String) -> Result<Self, UnknownTask> {
        id.parse()
    }
}

impl From<TaskId> for String {
    fn from(task: TaskId) -> Self {
        task.to_string()
    }
}

/// Settings of a task, by family.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum EnvConfig {
    /// Settings of a MuJoCo task.
    Mujoco(MujocoConfig),
    /// Settings of target-reaching.
    TargetReaching(ReachingConfig),
    /// Settings of a task from a model file.
    Mjcf(MjcfConfig),
    /// Settings of a task of Gymnasium.
    Gym(GymConfig),
}

/// Settings of a MuJoCo task. Settings that don't apply to the task are `None`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MujocoConfig {
    /// Time limit of an episode (steps). It truncates: the next state keeps its value.
    pub max_episode_steps: u32,
    /// Version 2 of the ant and the humanoids: how contact forces are treated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact_forces: Option<ContactForces>,
    /// Version 4 of the ant: whether contact forces are observed and cost something, as with
    /// Gymnasium's argument of the same name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub use_contact_forces: Option<bool>,
}

/// Contact forces of gym 0.17, which depended on the MuJoCo version at the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContactForces {
    /// Computed after each control step, as MuJoCo 1.50 did.
    Computed,
    /// All zero, as with MuJoCo 2.0.
    Zero,
}

impl MujocoConfig {
    pub(crate) fn new(robot: Robot, version: Version) -> Self {
        use Robot::{Ant, Humanoid, HumanoidStandup};
        let has_forces = matches!(robot, Ant | Humanoid | HumanoidStandup);
        let (is_v2, is_ant_v4) = (version == Version::V2, (robot, version) == (Ant, Version::V4));
        Self {
            max_episode_steps: EPISODE_STEPS,
            contact_forces: (has_forces && is_v2).then_some(ContactForces::Computed),
            use_contact_forces: is_ant_v4.then_some(false),
        }
    }

    fn validate(&self, robot: Robot, version: Version) -> Result<(), EnvError> {
        let default = Self::new(robot, version);
        let error = |key: &str, value: String, allowed: &str| {
            let key = format!("env.mujoco.{key}");
            Err(EnvError::Config { key, value, allowed: allowed.to_owned() })
        };
        check_episode_steps("mujoco", self.max_episode_steps)?;
        if let (Some(forces), None) = (self.contact_forces, default.contact_forces) {
            let allowed = "absent: only version 2 of Ant, Humanoid and HumanoidStandup has it";
            return error("contact_forces", format!("{forces:?}").to_lowercase(), allowed);
        }
        if let (Some(used), None) = (self.use_contact_forces, default.use_contact_forces) {
            let allowed = "absent: only Ant-v4 has it";
            return error("use_contact_forces", used.to_string(), allowed);
        }
        Ok(())
    }
}

impl EnvConfig {
    /// Checks that the settings are in range and belong to `task`.
    ///
    /// # Errors
    /// If they don't; the error names the key, the value and the allowed values.
    pub fn validate(&self, task: &TaskId) -> Result<(), EnvError> {
        match (self, task) {
            (Self::Mujoco(config), TaskId::Mujoco { robot, version }) => {
                config.validate(*robot, *version)
            }
            (Self::TargetReaching(config), TaskId::TargetReaching(_)) => config.validate(),
            (Self::Mjcf(config), TaskId::Mjcf(_)) => config.validate(),
            (Self::Gym(_), TaskId::Gym(_)) => Ok(()),
            (found, _) => Err(EnvError::Config {
                key: "env".to_owned(),
                value: format!("`{}`", found.family()),
                allowed: format!("`{}` for {task}", task.family()),
            }),
        }
    }

    /// Key of the family in a config file.
    pub fn family(&self) -> &'static str {
        match self {
            Self::Mujoco(_) => "mujoco",
            Self::TargetReaching(_) => "target_reaching",
            Self::Mjcf(_) => "mjcf",
            Self::Gym(_) => "gym",
        }
    }

    /// Time limit of an episode (steps); `None` where the environment has its own, if any.
    pub fn max_episode_steps(&self) -> Option<u32> {
        match self {
            Self::Mujoco(config) => Some(config.max_episode_steps),
            Self::TargetReaching(config) => Some(config.max_episode_steps),
            Self::Mjcf(config) => Some(config.max_episode_steps),
            Self::Gym(_) => None,
        }
    }
}
