//! Settings of tasks from a user's model file, read from the TOML file next to it.
//!
//! `docs/custom-tasks.md` explains every key. Lengths are in metres and angles in radians, whatever
//! the units of the model file.

use serde::{Deserialize, Serialize};

use crate::env::EnvError;
use crate::episode::{EPISODE_STEPS, check_episode_steps};

/// The most simulation steps per control step.
const MOST_FRAME_SKIP: u32 = 1000;

/// Settings that turn a model file into a task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MjcfConfig {
    /// blake3 of the model file and of all files that it refers to. A mismatch is an error. Filled
    /// in if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_blake3: Option<String>,
    /// Simulation steps per control step.
    pub frame_skip: u32,
    /// Time limit of an episode (steps). It truncates: the next state keeps its value.
    #[serde(default = "default_episode_steps")]
    pub max_episode_steps: u32,
    /// Noise on the initial state.
    pub reset: ResetNoise,
    /// What is observed: positions, then velocities, then contact forces.
    #[serde(default)]
    pub observation: Observation,
    /// The reward of a step: the sum of all terms present.
    pub reward: RewardConfig,
    /// Conditions that end an episode before its time limit.
    #[serde(default)]
    pub termination: Termination,
}

/// Noise on the model's initial state.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResetNoise {
    /// On each position.
    pub qpos: Noise,
    /// On each velocity.
    pub qvel: Noise,
}

/// The distribution of noise, in the unit of the noisy quantity.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Noise {
    /// U(-bound, bound).
    Uniform(f64),
    /// N(0, std²).
    Normal(f64),
}

/// What is observed.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Observation {
    /// Number of leading positions to leave out, such as those that the task does not depend on.
    pub skip_qpos: usize,
    /// Velocities are clipped to ± this limit; unclipped if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub qvel_limit: Option<f64>,
    /// External torque and force on each body except the world; not observed if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact_forces: Option<ContactObservation>,
}

/// How contact forces are observed.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ContactObservation {
    /// Forces and torques are clipped to ± this limit; unclipped if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<f64>,
}

/// The terms of the reward, at least one.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RewardConfig {
    /// Reward for moving.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forward: Option<Forward>,
    /// Reward for every step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alive: Option<Alive>,
    /// Cost of the action.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub control_cost: Option<ControlCost>,
    /// Cost of the contact forces.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact_cost: Option<ContactCost>,
}

/// `weight` times the mean velocity of a coordinate over the step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Forward {
    /// Weight of the term.
    pub weight: f64,
    /// A joint, see [`Coordinate`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub joint: Option<String>,
    /// A body, see [`Coordinate`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// An axis, see [`Coordinate`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub axis: Option<Axis>,
}

/// A constant `weight` per step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alive {
    /// Reward per step.
    pub weight: f64,
    /// Whether the step that terminates the episode is rewarded too.
    #[serde(default)]
    pub on_last_step: bool,
}

/// `weight` times the sum of squares of the action, before clamping.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ControlCost {
    /// Weight of the term.
    pub weight: f64,
}

/// `weight` times the sum of squares of the external torques and forces on all bodies.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContactCost {
    /// Weight of the term.
    pub weight: f64,
    /// Each component is first clipped to ± this limit; unclipped if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<f64>,
}

/// Conditions that end an episode.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Termination {
    /// How an unstable simulation is treated.
    pub when_unstable: WhenUnstable,
    /// Bounds on all positions and velocities; unbounded if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<StateRange>,
    /// Bounds on coordinates; the episode ends when one is violated.
    pub healthy: Vec<HealthyRange>,
}

/// What happens if the simulation reaches a state that is not finite or exceeds MuJoCo's bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhenUnstable {
    /// The episode terminates. The step's reward is 0, and its observation that of the model's
    /// initial state.
    #[default]
    Terminate,
    /// The run fails, as with the built-in tasks.
    Fail,
}

/// `low < x < high` for every velocity and for all positions after the first `skip_qpos`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StateRange {
    /// Number of leading positions that are not bounded.
    #[serde(default)]
    pub skip_qpos: usize,
    /// Bounds, `[low, high]`.
    pub range: [f64; 2],
}

/// `low < x < high` for a coordinate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HealthyRange {
    /// A joint, see [`Coordinate`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub joint: Option<String>,
    /// A body, see [`Coordinate`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// An axis, see [`Coordinate`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub axis: Option<Axis>,
    /// Bounds, `[low, high]`; either may be infinite.
    pub range: [f64; 2],
}

/// An axis of the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Axis {
    /// The first axis.
    X,
    /// The second axis.
    Y,
    /// The third axis, upwards.
    Z,
}

/// A named quantity of the simulation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Coordinate<'a> {
    /// Position of a slide joint (m) or angle of a hinge joint (rad).
    Joint(&'a str),
    /// Component of a free joint's position (m).
    FreeJoint(&'a str, Axis),
    /// Component of a body frame's position (m), as of the last force evaluation.
    Body(&'a str, Axis),
}

impl<'a> Coordinate<'a> {
    /// Returns the coordinate that the table `key` describes.
    fn new(
        key: &str,
        joint: Option<&'a str>,
        body: Option<&'a str>,
        axis: Option<Axis>,
    ) -> Result<Self, EnvError> {
        match (joint, body, axis) {
            (Some(joint), None, None) => Ok(Self::Joint(joint)),
            (Some(joint), None, Some(axis)) => Ok(Self::FreeJoint(joint, axis)),
            (None, Some(body), Some(axis)) => Ok(Self::Body(body, axis)),
            (None, Some(_), None) => {
                Err(error(&format!("{key}.axis"), "absent", "`x`, `y` or `z` if `body` is set"))
            }
            (Some(_), Some(_), _) => {
                Err(error(&format!("{key}.body"), "set", "absent if `joint` is set"))
            }
            (None, None, _) => {
                let allowed = "the name of a joint, unless `body` and `axis` are set";
                Err(error(&format!("{key}.joint"), "absent", allowed))
            }
        }
    }
}

impl Forward {
    /// Returns the coordinate whose velocity is rewarded.
    ///
    /// # Errors
    /// If not exactly one of `joint` and `body` is given, or a required axis is missing.
    pub fn coordinate(&self) -> Result<Coordinate<'_>, EnvError> {
        let Self { joint, body, axis, .. } = self;
        Coordinate::new("reward.forward", joint.as_deref(), body.as_deref(), *axis)
    }
}

impl HealthyRange {
    /// Returns the bounded coordinate; `key` is used in error messages.
    ///
    /// # Errors
    /// If not exactly one of `joint` and `body` is given, or a required axis is missing.
    pub fn coordinate(&self, key: &str) -> Result<Coordinate<'_>, EnvError> {
        let Self { joint, body, axis, .. } = self;
        Coordinate::new(key, joint.as_deref(), body.as_deref(), *axis)
    }
}

impl Termination {
    /// Returns the bounded coordinates, each with its key for error messages.
    pub fn keyed_ranges(&self) -> impl Iterator<Item = (String, &HealthyRange)> {
        let ranges = self.healthy.iter().enumerate();
        ranges.map(|(index, range)| (format!("termination.healthy[{index}]"), range))
    }
}

fn default_episode_steps() -> u32 {
    EPISODE_STEPS
}

impl MjcfConfig {
    /// Checks all values that can be checked without the model.
    ///
    /// # Errors
    /// If a value is out of range; the error names the key, the value and the allowed values.
    pub fn validate(&self) -> Result<(), EnvError> {
        if let Some(hash) = &self.model_blake3 {
            let is_hash =
                hash.len() == 64 && hash.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f'));
            check("model_blake3", hash, is_hash, "64 hexadecimal digits, in lowercase")?;
        }
        let steps = self.frame_skip;
        let allowed = format!("between 1 and {MOST_FRAME_SKIP}");
        check("frame_skip", &steps, (1..=MOST_FRAME_SKIP).contains(&steps), &allowed)?;
        check_episode_steps("mjcf", self.max_episode_steps)?;
        for (key, noise) in [("reset.qpos", self.reset.qpos), ("reset.qvel", self.reset.qvel)] {
            let (Noise::Uniform(scale) | Noise::Normal(scale)) = noise;
            not_negative(key, scale)?;
        }
        limit("observation.qvel_limit", self.observation.qvel_limit)?;
        if let Some(forces) = &self.observation.contact_forces {
            limit("observation.contact_forces.limit", forces.limit)?;
        }
        self.reward.validate()?;
        if let Some(StateRange { range, .. }) = &self.termination.state {
            check_range("termination.state", *range)?;
        }
        self.termination.keyed_ranges().try_for_each(|(key, healthy)| {
            healthy.coordinate(&key)?;
            check_range(&key, healthy.range)
        })
    }
}

impl RewardConfig {
    fn validate(&self) -> Result<(), EnvError> {
        let Self { forward, alive, control_cost, contact_cost } = self;
        if *self == Self::default() {
            let allowed = "a table with at least one of `forward`, `alive`, `control_cost` and `contact_cost`";
            return Err(error("reward", "empty", allowed));
        }
        let finite = |key: &str, x: f64| check(key, &x, x.is_finite(), "a finite number");
        if let Some(forward) = forward {
            forward.coordinate()?;
            finite("reward.forward.weight", forward.weight)?;
        }
        if let Some(alive) = alive {
            finite("reward.alive.weight", alive.weight)?;
        }
        if let Some(cost) = control_cost {
            not_negative("reward.control_cost.weight", cost.weight)?;
        }
        if let Some(cost) = contact_cost {
            not_negative("reward.contact_cost.weight", cost.weight)?;
            limit("reward.contact_cost.limit", cost.limit)?;
        }
        Ok(())
    }
}

fn check_range(key: &str, [low, high]: [f64; 2]) -> Result<(), EnvError> {
    let value = format!("[{low}, {high}]");
    check(&format!("{key}.range"), &value, low < high, "[low, high] with low < high")
}

fn not_negative(key: &str, value: f64) -> Result<(), EnvError> {
    let is_right = 0.0 <= value && value.is_finite();
    check(key, &value, is_right, "a finite number, at least 0")
}

fn limit(key: &str, value: Option<f64>) -> Result<(), EnvError> {
    value.map_or(Ok(()), |value| {
        check(key, &value, 0.0 < value && value.is_finite(), "a positive finite number, or absent")
    })
}

fn check(
    key: &str,
    value: &dyn std::fmt::Display,
    is_right: bool,
    allowed: &str,
) -> Result<(), EnvError> {
    if is_right { Ok(()) } else { Err(error(key, value, allowed)) }
}

/// Prefix of the keys in a run's config. The file next to the model omits it.
pub(crate) const KEYS: &str = "env.mjcf.";

pub(crate) fn error(key: &str, value: impl std::fmt::Display, allowed: &str) -> EnvError {
    let (value, allowed) = (value.to_string(), allowed.to_owned());
    EnvError::Config { key: format!("{KEYS}{key}"), value, allowed }
}
