//! Tasks from a user's model file: what the TOML file beside it holds.
//!
//! `docs/custom-tasks.md` explains every key. Lengths are in metres, angles in radians, whatever the model file
//! is written in.

use serde::{Deserialize, Serialize};

use crate::env::EnvError;
use crate::episode::{EPISODE_STEPS, check_episode_steps};

/// The most simulation steps per control step.
const MOST_FRAME_SKIP: u32 = 1000;

/// What makes a task out of a model file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MjcfConfig {
    /// blake3 of the model file and of all files that it names. With another one the task is refused; filled in
    /// where the file leaves it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_blake3: Option<String>,
    /// Simulation steps per control step.
    pub frame_skip: u32,
    /// Steps of an episode. A cut is no end: the next state keeps its value.
    #[serde(default = "default_episode_steps")]
    pub max_episode_steps: u32,
    /// Spread of the initial state.
    pub reset: ResetNoise,
    /// What is observed: positions, then velocities, then contact forces.
    #[serde(default)]
    pub observation: Observation,
    /// What a step pays: the sum of the terms that are there.
    pub reward: RewardConfig,
    /// When an episode ends before its time limit.
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

/// Noise on a number, in its unit.
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
    /// Leading positions that are left out, such as those that the task does not depend on.
    pub skip_qpos: usize,
    /// Velocities are clipped to ± this; not at all if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub qvel_limit: Option<f64>,
    /// External torque and force on each body but the world; not observed if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact_forces: Option<ContactObservation>,
}

/// How contact forces are observed.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ContactObservation {
    /// They are clipped to ± this; not at all if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<f64>,
}

/// The terms of a reward; one at least is there.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RewardConfig {
    /// For moving.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forward: Option<Forward>,
    /// For every step.
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
    /// Factor.
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

/// `weight` for every step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alive {
    /// The amount.
    pub weight: f64,
    /// Whether the step that ends the episode is paid for as well.
    #[serde(default)]
    pub on_last_step: bool,
}

/// `weight` times the sum of the squares of the action as given.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ControlCost {
    /// Factor.
    pub weight: f64,
}

/// `weight` times the sum of the squares of the external torques and forces on all bodies.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContactCost {
    /// Factor.
    pub weight: f64,
    /// Each is clipped to ± this first; not at all if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<f64>,
}

/// When an episode ends.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Termination {
    /// What an unstable simulation is.
    pub when_unstable: WhenUnstable,
    /// Bounds of all positions and velocities; none if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<StateRange>,
    /// Bounds of coordinates: the episode goes on while each is inside.
    pub healthy: Vec<HealthyRange>,
}

/// What becomes of an episode whose simulation reaches a state that is not finite or beyond MuJoCo's bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhenUnstable {
    /// It ends there. The step pays nothing, and the observation is that of the model's initial state.
    #[default]
    Terminate,
    /// The run fails, as with the tasks that are built in.
    Fail,
}

/// `low < x < high` for every velocity and every position from one on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StateRange {
    /// Leading positions that don't count.
    #[serde(default)]
    pub skip_qpos: usize,
    /// `[low, high]`
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
    /// `[low, high]`; either may be infinite.
    pub range: [f64; 2],
}

/// An axis of the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Axis {
    /// The first.
    X,
    /// The second.
    Y,
    /// The third, upwards.
    Z,
}

/// A number of the simulation by name.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Coordinate<'a> {
    /// Position of a sliding joint (m) or angle of a hinge (rad).
    Joint(&'a str),
    /// Coordinate of a free joint's position (m).
    FreeJoint(&'a str, Axis),
    /// Coordinate of a body's frame (m), as of the last force evaluation.
    Body(&'a str, Axis),
}

impl<'a> Coordinate<'a> {
    /// The coordinate that a table below `key` names.
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
                Err(error(&format!("{key}.axis"), "absent", "`x`, `y` or `z`, with `body`"))
            }
            (Some(_), Some(_), _) => {
                Err(error(&format!("{key}.body"), "there", "absent, with `joint`"))
            }
            (None, None, _) => {
                let allowed = "the name of a joint, or absent beside `body` and `axis`";
                Err(error(&format!("{key}.joint"), "absent", allowed))
            }
        }
    }
}

impl Forward {
    /// What moves.
    ///
    /// # Errors
    /// When not exactly one of joint and body is named, or an axis is missing.
    pub fn coordinate(&self) -> Result<Coordinate<'_>, EnvError> {
        let Self { joint, body, axis, .. } = self;
        Coordinate::new("reward.forward", joint.as_deref(), body.as_deref(), *axis)
    }
}

impl HealthyRange {
    /// What is bounded; `key` is for the message.
    ///
    /// # Errors
    /// When not exactly one of joint and body is named, or an axis is missing.
    pub fn coordinate(&self, key: &str) -> Result<Coordinate<'_>, EnvError> {
        let Self { joint, body, axis, .. } = self;
        Coordinate::new(key, joint.as_deref(), body.as_deref(), *axis)
    }
}

impl Termination {
    /// The bounded coordinates, each with the key that it is called by in messages.
    pub fn keyed_ranges(&self) -> impl Iterator<Item = (String, &HealthyRange)> {
        let ranges = self.healthy.iter().enumerate();
        ranges.map(|(index, range)| (format!("termination.healthy[{index}]"), range))
    }
}

fn default_episode_steps() -> u32 {
    EPISODE_STEPS
}

impl MjcfConfig {
    /// Checks every value that can be judged without the model.
    ///
    /// # Errors
    /// Names the key, its value and the allowed ones.
    pub fn validate(&self) -> Result<(), EnvError> {
        if let Some(hash) = &self.model_blake3 {
            let is_hash =
                hash.len() == 64 && hash.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f'));
            check("model_blake3", hash, is_hash, "64 digits, `0` to `9` and `a` to `f`")?;
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
            let allowed = "a table with `forward`, `alive`, `control_cost` or `contact_cost`";
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

/// Start of the keys in a run's config; the file beside the model has none.
pub(crate) const KEYS: &str = "env.mjcf.";

pub(crate) fn error(key: &str, value: impl std::fmt::Display, allowed: &str) -> EnvError {
    let (value, allowed) = (value.to_string(), allowed.to_owned());
    EnvError::Config { key: format!("{KEYS}{key}"), value, allowed }
}
