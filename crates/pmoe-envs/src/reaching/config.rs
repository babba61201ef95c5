//! What the paper leaves open about target-reaching, each point a setting.

use serde::{Deserialize, Serialize};

use crate::env::EnvError;
use crate::episode::MOST_EPISODE_STEPS;

/// The most obstacles: each is a part of every observation.
const MOST_OBSTACLES: usize = 100;
/// The longest window of a success rate (episodes), as long as the longest evaluation.
const MOST_WINDOW: u32 = 1_000_000;

/// Settings of target-reaching. Lengths are in metres, times in seconds.
///
/// The table of presets is in [`TargetReaching`](super::TargetReaching)'s file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReachingConfig {
    /// Largest acceleration of each component (m/s²); actions beyond are clipped.
    pub acceleration_limit: f64,
    /// Largest speed (m/s).
    pub speed_limit: f64,
    /// What is limited: each component or the length of the velocity.
    pub speed_limit_norm: SpeedLimitNorm,
    /// Length of a step (s).
    pub dt_seconds: f64,
    /// How positions follow velocities.
    pub integrator: Integrator,
    /// Half the side of the square arena, which is centred on 0 (m).
    pub half_extent: f64,
    /// Where an episode starts, `[2]` (m).
    pub start: [f64; 2],
    /// Radius of the agent; 0 is a point (m).
    pub agent_radius: f64,
    /// Distance to the target, agent's radius excluded, below which it is reached (m).
    pub target_radius: f64,
    /// Where target and obstacles are.
    pub layout: Layout,
    /// What an observation holds.
    pub obs_layout: ObsLayout,
    /// Whether it holds the acceleration of the last step.
    pub observe_acceleration: bool,
    /// Reward for moving.
    pub speed_reward: SpeedReward,
    /// Reward for reaching the target.
    pub target_reward: f64,
    /// Reward for touching an obstacle.
    pub obstacle_reward: f64,
    /// Reward for touching the edge of the arena.
    pub edge_reward: f64,
    /// Whether a collision ends the episode; else the agent goes back to where it was, with its
    /// velocity reversed, and pays all the same.
    pub terminate_on_collision: bool,
    /// Steps of an episode. A cut is no end: the next state keeps its value.
    pub max_episode_steps: u32,
    /// Lowest and highest corner of the region whose share of the first steps measures exploration,
    /// the green rectangle of Fig. 5 (m). No step depends on it.
    pub region: [[f64; 2]; 2],
    /// Finished episodes over which the success rate of training is taken. No step depends on it.
    pub success_window: u32,
}

/// What the speed limit limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SpeedLimitNorm {
    /// Each component of the velocity.
    Component,
    /// Its Euclidean length.
    Euclidean,
}

/// How a position follows from the velocity before (`v`) and after (`v'`) a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Integrator {
    /// `x + v' dt + ½ (v' − v) dt`, as published: half an acceleration step too far.
    Published,
    /// `x + v' dt`.
    SemiImplicit,
}

/// What an observation holds; `M` is the number of obstacles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ObsLayout {
    /// `[8 + 3M]`: x / h, v, a, (target − x) / h, (o_i − x) / h of each obstacle, radius of each; h is
    /// half the arena's side.
    Published,
    /// `[6 + 2M]`: target − x, o_i − x of each obstacle, a, v, as printed.
    Paper,
}

/// Reward of a step that reaches and touches nothing, from the velocity v after it (m/s).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum SpeedReward {
    /// `coef · ‖v‖₂`: the 2 of the printed ‖v‖2 names the norm.
    Norm {
        /// Factor.
        coef: f64,
    },
    /// `coef · ‖v‖₂²`: the 2 is a square.
    Squared {
        /// Factor.
        coef: f64,
    },
}

/// Where target and obstacles are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Layout {
    /// Drawn anew for each episode.
    Random(RandomLayout),
    /// The same in every episode.
    Fixed {
        /// Centre of the target, `[2]` (m).
        target: [f64; 2],
        /// The M obstacles.
        obstacles: Vec<Disc>,
    },
}

/// How target and obstacles are drawn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RandomLayout {
    /// Least coordinate of the target's centre (m); both are uniform.
    pub target_low: f64,
    /// Greatest coordinate of the target's centre (m).
    pub target_high: f64,
    /// Number M of obstacles.
    pub num_obstacles: usize,
    /// Standard deviation of the coordinates of their centres, which are normal with mean 0 (m).
    pub obstacle_sigma: f64,
    /// Whether centres outside the arena move to its edge.
    pub clip_obstacles: bool,
    /// Their radii.
    pub obstacle_radius: ObstacleRadius,
    /// Whether an obstacle is drawn again that covers the target's centre or comes closer than 0.5 m
    /// to the start.
    pub reject_overlap: bool,
}

/// Radius of an obstacle.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ObstacleRadius {
    /// The same for all.
    Constant {
        /// Radius (m).
        radius: f64,
    },
    /// `n / per` for a uniform integer n with `low ≤ n < high`.
    Fraction {
        /// Least numerator.
        low: u32,
        /// First numerator too large.
        high: u32,
        /// Denominator (1/m).
        per: u32,
    },
}

/// A round thing.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Disc {
    /// Centre, `[2]` (m).
    pub center: [f64; 2],
    /// Radius (m).
    pub radius: f64,
}

impl ReachingConfig {
    /// Number M of obstacles.
    pub fn num_obstacles(&self) -> usize {
        match &self.layout {
            Layout::Random(layout) => layout.num_obstacles,
            Layout::Fixed { obstacles, .. } => obstacles.len(),
        }
    }

    /// Length O of an observation.
    pub fn obs_dim(&self) -> usize {
        let acceleration = if self.observe_acceleration { 2 } else { 0 };
        acceleration
            + match self.obs_layout {
                ObsLayout::Published => 6 + 3 * self.num_obstacles(),
                ObsLayout::Paper => 4 + 2 * self.num_obstacles(),
            }
    }

    /// Checks every value.
    ///
    /// # Errors
    /// Names the key, its value and the allowed ones.
    pub fn validate(&self) -> Result<(), EnvError> {
        positive("acceleration_limit", self.acceleration_limit)?;
        positive("speed_limit", self.speed_limit)?;
        positive("dt_seconds", self.dt_seconds)?;
        positive("half_extent", self.half_extent)?;
        positive("target_radius", self.target_radius)?;
        not_negative("agent_radius", self.agent_radius)?;
        for (key, value) in [
            ("target_reward", self.target_reward),
            ("obstacle_reward", self.obstacle_reward),
            ("edge_reward", self.edge_reward),
        ] {
            check(key, value, value.is_finite(), "a finite number")?;
        }
        let (SpeedReward::Norm { coef } | SpeedReward::Squared { coef }) = self.speed_reward;
        check("speed_reward", coef, coef.is_finite(), "a finite number")?;
        let inside = self.half_extent - self.agent_radius;
        for x in self.start {
            check("start", x, x.abs() < inside, "inside the arena")?;
        }
        for [low, high] in [0, 1].map(|axis| self.region.map(|corner| corner[axis])) {
            check(
                "region",
                high,
                low.is_finite() && low < high && high.is_finite(),
                "a finite number above the lower corner",
            )?;
        }
        let steps = f64::from(self.max_episode_steps);
        check("max_episode_steps", steps, steps >= 1.0, "at least 1")?;
        let is_short = self.max_episode_steps <= MOST_EPISODE_STEPS;
        check("max_episode_steps", steps, is_short, &format!("at most {MOST_EPISODE_STEPS}"))?;
        let window = f64::from(self.success_window);
        check("success_window", window, window >= 1.0, "at least 1")?;
        let is_short = self.success_window <= MOST_WINDOW;
        check("success_window", window, is_short, &format!("at most {MOST_WINDOW}"))?;
        self.layout.validate(self.half_extent)
    }
}

impl Layout {
    fn validate(&self, half_extent: f64) -> Result<(), EnvError> {
        match self {
            Self::Random(layout) => {
                let RandomLayout { target_low: low, target_high: high, .. } = *layout;
                let allowed = "between -half_extent and half_extent";
                check("layout.random.target_low", low, low.abs() <= half_extent, allowed)?;
                check("layout.random.target_high", high, high.abs() <= half_extent, allowed)?;
                check("layout.random.target_high", high, low <= high, "at least target_low")?;
                not_negative("layout.random.obstacle_sigma", layout.obstacle_sigma)?;
                check_count("layout.random.num_obstacles", layout.num_obstacles)?;
                match layout.obstacle_radius {
                    ObstacleRadius::Constant { radius } => {
                        not_negative("layout.random.obstacle_radius", radius)
                    }
                    ObstacleRadius::Fraction { low, high, per } => {
                        let (low, high) = (f64::from(low), f64::from(high));
                        check(
                            "layout.random.obstacle_radius.high",
                            high,
                            low < high,
                            "greater than low",
                        )?;
                        positive("layout.random.obstacle_radius.per", f64::from(per))
                    }
                }
            }
            Self::Fixed { target, obstacles } => {
                check_count("layout.fixed.obstacles (length of the list)", obstacles.len())?;
                let coordinates = obstacles.iter().flat_map(|disc| disc.center);
                for x in target.iter().copied().chain(coordinates) {
                    check("layout.fixed", x, x.abs() <= half_extent, "inside the arena")?;
                }
                obstacles
                    .iter()
                    .try_for_each(|disc| not_negative("layout.fixed.obstacles.radius", disc.radius))
            }
        }
    }
}

fn positive(key: &'static str, value: f64) -> Result<(), EnvError> {
    check(key, value, 0.0 < value && value.is_finite(), "a positive finite number")
}

fn not_negative(key: &'static str, value: f64) -> Result<(), EnvError> {
    check(key, value, 0.0 <= value && value.is_finite(), "a finite number, at least 0")
}

fn check_count(key: &str, obstacles: usize) -> Result<(), EnvError> {
    if obstacles <= MOST_OBSTACLES {
        return Ok(());
    }
    Err(error(key, obstacles.to_string(), &format!("at most {MOST_OBSTACLES}")))
}

fn check(key: &str, value: f64, is_right: bool, allowed: &str) -> Result<(), EnvError> {
    if is_right {
        return Ok(());
    }
    Err(error(key, value.to_string(), allowed))
}

fn error(key: &str, value: String, allowed: &str) -> EnvError {
    let key = format!("env.target_reaching.{key}");
    EnvError::Config { key, value, allowed: allowed.to_owned() }
}
