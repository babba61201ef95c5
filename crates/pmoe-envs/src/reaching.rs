//! Target-reaching: a point mass in a square must reach a target and touch nothing else.
//!
//! Appendix C of the paper describes the task but leaves 21 points open. Each is a setting
//! ([`ReachingConfig`]), and each preset is a task:
//!
//! | setting              | `TargetReaching-v0` | `TargetReachingPaper-v0` | `TargetReachingFixed-v0` |
//! |----------------------|---------------------|--------------------------|--------------------------|
//! | what it is           | values published by the authors | Appendix C to the letter | the former on the layout of Fig. 3 |
//! | acceleration, speed  | 1 m/s², 1 m/s       | 2 m/s², 2 m/s            | 1 m/s², 1 m/s            |
//! | reward for moving    | 0.1 ‖v‖₂            | ‖v‖₂                     | 0.1 ‖v‖₂                 |
//! | obstacles            | 3, σ = 2.35 m, radius 0.30 to 0.58 m | 3, σ = 3 m, radius 0.5 m | (-2.5, -2.5), (-3, -0.5), (-0.5, -3), radius 0.6 m |
//! | target               | U(0, 3) m each      | U(0, 3) m each           | (3, 3) m                 |
//! | touching an obstacle | -10                 | -10                      | -100                     |
//! | observation          | `[17]`              | `[12]`                   | `[17]`                   |
//!
//! With the paper's limits and reward, moving forever is worth ‖v‖₂ / (1 − γ) = 2.83 / 0.01 = 283
//! at γ = 0.99. Reaching the target ends that after about 35 steps, for 154 in all: circling is
//! optimal. With the published factor of 0.1, moving is worth 14 and reaching about 57.
//!
//! # Observation
//! M is the number of obstacles, x the agent's position, v its velocity, a the acceleration of the
//! last step (clipped; 0 at the start), and h = 5 m half the side of the arena. Each point takes
//! two values.
//!
//! | index (published) | meaning                        | unit | index (paper)  | meaning              | unit |
//! |-------------------|--------------------------------|------|----------------|----------------------|------|
//! | 0, 1              | x / h                          | 1    | 0, 1           | target − x           | m    |
//! | 2, 3              | v                              | m/s  | 2 to 1 + 2M    | o_i − x              | m    |
//! | 4, 5              | a                              | m/s² | 2 + 2M, 3 + 2M | a                    | m/s² |
//! | 6, 7              | (target − x) / h               | 1    | 4 + 2M, 5 + 2M | v                    | m/s  |
//! | 8 to 7 + 2M       | (o_i − x) / h                  | 1    |                |                      |      |
//! | from 8 + 2M       | radius of each obstacle        | m    |                |                      |      |
//!
//! # Action
//! `[2]`: the acceleration (m/s²), clipped to ±`acceleration_limit`.
//!
//! # Step
//! ```text
//! a  = clip(action, ±acceleration_limit)
//! v' = clip(v + a dt, ±speed_limit)
//! x' = x + v' dt + ½ (v' − v) dt          (published; not the textbook's v dt + ½ a dt²)
//! ```
//!
//! # Reward and termination
//! The first row that applies after the step:
//!
//! | case                                       | reward        | episode ends |
//! |--------------------------------------------|---------------|--------------|
//! | |x − o_i| < radius_i for an obstacle       | -10 (-100)    | yes          |
//! | |x_j| ≥ h for a coordinate                 | -10           | yes          |
//! | |x − target| < 0.5 m                       | 100           | yes, reached |
//! | else                                       | for moving    | no           |
//!
//! The agent is a point; an agent with a radius touches objects that much earlier. A wrapper sets
//! the time limit of 1000 steps.
//!
//! # Reset
//! x = (-4.5, -4.5) m, v = a = 0. The target is drawn first, then all centres, then all radii,
//! coordinate by coordinate. Centres outside the arena move to its edge. Obstacles may cover the
//! start or the target.
//!
//! # Source
//! Appendix C and Figs. 3, 5, 7 of the paper. Published values come from `reach_goal.py` in the
//! first author's repository LapUtopia/Mixture_IL (October 2020), of which only facts are used.

mod config;
mod draw;
mod preset;

use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};

pub use self::config::{
    Disc, Integrator, Layout, ObsLayout, ObstacleRadius, RandomLayout, ReachingConfig,
    SpeedLimitNorm, SpeedReward,
};
pub use self::preset::ReachingPreset;
use crate::env::{Env, EnvError, EnvSpec, Rng, Step, check_action, check_length};

/// Distance to the start that [`RandomLayout::reject_overlap`] keeps free (m).
const FREE_AROUND_START: f64 = 0.5;
/// Draws per obstacle before [`RandomLayout::reject_overlap`] gives up.
const MAX_DRAWS: u32 = 1000;

type Point = [f64; 2];

/// What the agent touched in a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Touched {
    /// An obstacle.
    Obstacle,
    /// The edge of the arena.
    Edge,
    /// The target and nothing else.
    Target,
}

/// The target-reaching task; see the [module documentation](self).
#[derive(Debug, Clone)]
pub struct TargetReaching {
    config: ReachingConfig,
    spec: EnvSpec,
    position: Point,
    velocity: Point,
    acceleration: Point,
    target: Point,
    obstacles: Vec<Disc>,
    touched: Option<Touched>,
}

impl TargetReaching {
    /// Creates the task with these settings. `id` is its name in specs and messages.
    ///
    /// # Errors
    /// If a setting is out of range.
    pub fn new(id: &str, config: ReachingConfig) -> Result<Self, EnvError> {
        config.validate()?;
        let limit = config.acceleration_limit;
        let spec = EnvSpec {
            id: id.to_owned(),
            obs_dim: config.obs_dim(),
            action_low: vec![-limit; 2],
            action_high: vec![limit; 2],
            dt_seconds: config.dt_seconds,
            resumable: true,
        };
        let (target, obstacles) = match &config.layout {
            Layout::Fixed { target, obstacles } => (*target, obstacles.clone()),
            Layout::Random(layout) => {
                let nowhere = Disc { center: [0.0; 2], radius: 0.0 };
                ([layout.target_low; 2], vec![nowhere; layout.num_obstacles])
            }
        };
        let position = config.start;
        let (velocity, acceleration) = ([0.0; 2], [0.0; 2]);
        Ok(Self {
            config,
            spec,
            position,
            velocity,
            acceleration,
            target,
            obstacles,
            touched: None,
        })
    }

    /// The settings.
    pub fn config(&self) -> &ReachingConfig {
        &self.config
    }

    /// Position of the agent (m).
    pub fn position(&self) -> [f64; 2] {
        self.position
    }

    /// Centre of the target (m).
    pub fn target(&self) -> [f64; 2] {
        self.target
    }

    /// The obstacles.
    pub fn obstacles(&self) -> &[Disc] {
        &self.obstacles
    }

    /// Returns what the agent touched in the last step; `None` after a reset or a restored state.
    ///
    /// If collisions don't end the episode, the agent is no longer at that place.
    pub fn touched(&self) -> Option<Touched> {
        self.touched
    }

    fn observe(&self, obs: &mut [f64]) {
        let x = self.position;
        let minus_x = |point: Point| [point[0] - x[0], point[1] - x[1]];
        let acceleration = self.config.observe_acceleration.then_some(self.acceleration);
        let obstacles = self.obstacles.iter();
        match self.config.obs_layout {
            ObsLayout::Published => {
                let scaled = |point: Point| point.map(|x| x / self.config.half_extent);
                let points = [scaled(x), self.velocity].into_iter();
                let points = points
                    .chain(acceleration)
                    .chain([scaled(minus_x(self.target))])
                    .chain(obstacles.clone().map(|disc| scaled(minus_x(disc.center))));
                let radii = obstacles.map(|disc| disc.radius);
                write(points.flatten().chain(radii), obs);
            }
            ObsLayout::Paper => {
                let points = [minus_x(self.target)].into_iter();
                let points = points
                    .chain(obstacles.map(|disc| minus_x(disc.center)))
                    .chain(acceleration)
                    .chain([self.velocity]);
                write(points.flatten(), obs);
            }
        }
    }

    fn speed_reward(&self) -> f64 {
        let [x, y] = self.velocity;
        match self.config.speed_reward {
            SpeedReward::Norm { coef } => coef * x.hypot(y),
            SpeedReward::Squared { coef } => coef * (x * x + y * y),
        }
    }

    /// Advances position and velocity by one step.
    fn advance(&mut self, action: &[f64]) {
        let ReachingConfig { acceleration_limit, speed_limit, dt_seconds: dt, .. } = self.config;
        let before = self.velocity;
        for axis in [0, 1] {
            self.acceleration[axis] = action[axis].clamp(-acceleration_limit, acceleration_limit);
            self.velocity[axis] += self.acceleration[axis] * dt;
        }
        match self.config.speed_limit_norm {
            SpeedLimitNorm::Component => {
                self.velocity = self.velocity.map(|v| v.clamp(-speed_limit, speed_limit));
            }
            SpeedLimitNorm::Euclidean => {
                let speed = self.velocity[0].hypot(self.velocity[1]);
                if speed > speed_limit {
                    self.velocity = self.velocity.map(|v| v * (speed_limit / speed));
                }
            }
        }
        for axis in [0, 1] {
            let v = self.velocity[axis];
            self.position[axis] += match self.config.integrator {
                Integrator::Published => v * dt + 0.5 * (v - before[axis]) * dt,
                Integrator::SemiImplicit => v * dt,
            };
        }
    }

    /// Returns what the agent touches at its current position.
    fn touches(&self) -> Option<Touched> {
        let ReachingConfig { agent_radius, half_extent, target_radius, .. } = self.config;
        let x = self.position;
        let touches = |disc: &Disc| distance(x, disc.center) < disc.radius + agent_radius;
        if self.obstacles.iter().any(touches) {
            Some(Touched::Obstacle)
        } else if x.iter().any(|x| x.abs() >= half_extent - agent_radius) {
            Some(Touched::Edge)
        } else if distance(x, self.target) < target_radius + agent_radius {
            Some(Touched::Target)
        } else {
            None
        }
    }

    fn draw_layout(&mut self, rng: &mut Rng) -> Result<(), EnvError> {
        let Layout::Random(layout) = &self.config.layout else { return Ok(()) };
        let RandomLayout { target_low: low, target_high: high, .. } = *layout;
        self.target = std::array::from_fn(|_| low + (high - low) * rng.random::<f64>());
        let bound = self.config.half_extent;
        let center = |rng: &mut Rng| -> Point {
            std::array::from_fn(|_| {
                let normal: f64 = StandardNormal.sample(rng);
                let x = layout.obstacle_sigma * normal;
                if layout.clip_obstacles { x.clamp(-bound, bound) } else { x }
            })
        };
        for disc in &mut self.obstacles {
            disc.center = center(rng);
        }
        for disc in &mut self.obstacles {
            disc.radius = match layout.obstacle_radius {
                ObstacleRadius::Constant { radius } => radius,
                ObstacleRadius::Fraction { low, high, per } => {
                    f64::from(rng.random_range(low..high)) / f64::from(per)
                }
            };
        }
        if layout.reject_overlap {
            let (start, target) = (self.config.start, self.target);
            for disc in &mut self.obstacles {
                let covers = |disc: &Disc| {
                    distance(disc.center, start) < disc.radius + FREE_AROUND_START
                        || distance(disc.center, target) < disc.radius
                };
                let mut draws = 1;
                while covers(disc) {
                    disc.center = center(rng);
                    draws += 1;
                    if draws > MAX_DRAWS {
                        return Err(EnvError::Config {
                            key: "env.target_reaching.layout.random.reject_overlap".to_owned(),
                            value: "true".to_owned(),
                            allowed: "false, as the obstacles leave no free place".to_owned(),
                        });
                    }
                }
            }
        }
        Ok(())
    }
}

impl Env for TargetReaching {
    fn spec(&self) -> &EnvSpec {
        &self.spec
    }

    fn reset(&mut self, rng: &mut Rng, obs: &mut [f64]) -> Result<(), EnvError> {
        check_length(&self.spec.id, "obs", obs.len(), self.spec.obs_dim)?;
        self.position = self.config.start;
        (self.velocity, self.acceleration) = ([0.0; 2], [0.0; 2]);
        self.touched = None;
        self.draw_layout(rng)?;
        self.observe(obs);
        Ok(())
    }

    fn step(&mut self, action: &[f64], obs: &mut [f64]) -> Result<Step, EnvError> {
        check_action(&self.spec, action)?;
        check_length(&self.spec.id, "obs", obs.len(), self.spec.obs_dim)?;
        let before = (self.position, self.velocity);
        self.advance(action);
        self.touched = self.touches();
        let reward = match self.touched {
            Some(Touched::Obstacle) => self.config.obstacle_reward,
            Some(Touched::Edge) => self.config.edge_reward,
            Some(Touched::Target) => self.config.target_reward,
            None => self.speed_reward(),
        };
        let reached = self.touched == Some(Touched::Target);
        let collided = self.touched.is_some() && !reached;
        let terminated = reached || collided && self.config.terminate_on_collision;
        if collided && !terminated {
            self.position = before.0;
            self.velocity = before.1.map(|v| -v);
        }
        self.observe(obs);
        Ok(Step { reward, terminated, truncated: false, success: Some(reached) })
    }

    fn save_state(&self, state: &mut Vec<f64>) {
        let points = [self.position, self.velocity, self.acceleration, self.target];
        state.extend(points.as_flattened());
        let discs = self.obstacles.iter();
        state.extend(discs.flat_map(|disc| [disc.center[0], disc.center[1], disc.radius]));
    }

    fn load_state(&mut self, state: &[f64]) -> Result<(), EnvError> {
        let expected = 8 + 3 * self.obstacles.len();
        check_length(&self.spec.id, "state", state.len(), expected)?;
        if let Some(bad) = state.iter().find(|x| !x.is_finite()) {
            let reason = format!("it contains {bad}");
            return Err(EnvError::InvalidState { task: self.spec.id.clone(), reason });
        }
        let (points, discs) = state.split_at(8);
        let point = |index: usize| [points[2 * index], points[2 * index + 1]];
        (self.position, self.velocity) = (point(0), point(1));
        (self.acceleration, self.target) = (point(2), point(3));
        for (disc, values) in self.obstacles.iter_mut().zip(discs.chunks_exact(3)) {
            *disc = Disc { center: [values[0], values[1]], radius: values[2] };
        }
        self.touched = None;
        Ok(())
    }
}

fn distance(a: Point, b: Point) -> f64 {
    (a[0] - b[0]).hypot(a[1] - b[1])
}

fn write(values: impl Iterator<Item = f64>, obs: &mut [f64]) {
    obs.iter_mut().zip(values).for_each(|(out, x)| *out = x);
}

#[cfg(test)]
mod tests;
