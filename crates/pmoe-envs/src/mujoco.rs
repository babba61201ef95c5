//! Gym's MuJoCo tasks, and custom tasks from any model file.
//!
//! [`MujocoEnv`] implements what the tasks share. One file per robot defines the rest as [`Rules`]:
//! model, observation, reward and termination.
//!
//! To compare results with Gymnasium, pass it actions in `float64`: given `float32`, the type of
//! its action spaces, it also computes the control cost in `float32`.
//!
//! A custom task consists of a model file (MJCF) and a reward. The reward is defined either in a
//! TOML file next to the model, for `make("mjcf:FILE")` (see [`crate::mjcf`]), or as [`Rules`] for
//! [`MujocoEnv::new`]. Custom tasks train, evaluate and render like the others.

mod ant;
pub(crate) mod described;
mod half_cheetah;
mod hopper;
mod humanoid;
mod humanoid_standup;
mod numeric;
mod sim;
mod walker2d;

use std::path::PathBuf;

use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};

use crate::env::{Env, EnvError, EnvSpec, Rng, Step, check_action, check_length};
use crate::mjcf::{Noise, ResetNoise, WhenUnstable};
use crate::task::{ContactForces, MujocoConfig, Robot, Version};

#[cfg(feature = "render")]
pub use sim::Renderer;
pub use sim::{Sim, mujoco_version};
use sim::{model_error, model_path};

/// A function of the simulation's state.
pub type Measure<T> = Box<dyn Fn(&Sim) -> T + Send>;

/// A function that writes an observation.
pub type Observe = Box<dyn Fn(&Sim, &mut [f64]) + Send>;

/// Everything that turns a model into a task.
pub struct Rules {
    /// The model file (MJCF): an absolute path, or one relative to `PMOE_MODEL_DIR`.
    pub model: PathBuf,
    /// Simulation steps per control step.
    pub frame_skip: u32,
    /// Length O of an observation.
    pub obs_dim: usize,
    /// Noise on the initial state.
    pub reset: ResetNoise,
    /// Whether the contact forces are computed after each control step.
    pub contact_forces: bool,
    /// How an unstable simulation is treated.
    pub when_unstable: WhenUnstable,
    /// The coordinate whose velocity is rewarded (m).
    pub position: Measure<f64>,
    /// Whether the episode continues.
    pub is_healthy: Measure<bool>,
    /// Computes the reward of a step.
    pub reward: Box<dyn Fn(&StepOutcome<'_>) -> Reward + Send>,
    /// Writes the observation, `[O]`.
    pub observe: Observe,
}

/// Creates one of Gym's tasks, named `id`.
///
/// # Errors
/// If the model can't be loaded or is not of this robot.
pub(crate) fn gym_task(
    id: &str,
    robot: Robot,
    version: Version,
    config: &MujocoConfig,
) -> Result<MujocoEnv, EnvError> {
    let rules = rules(robot, version, config);
    let sim = Sim::load(&rules.model)?;
    // Numbers of positions, velocities, motors and bodies.
    let expected = match robot {
        Robot::Hopper => [6, 6, 3, 5],
        Robot::Walker2d | Robot::HalfCheetah => [9, 9, 6, 8],
        Robot::Ant => [15, 14, 8, 14],
        Robot::Humanoid | Robot::HumanoidStandup => [24, 23, 17, 14],
    };
    let found = sim.dimensions();
    if found != expected {
        let reason = format!(
            "its numbers of positions, velocities, motors and bodies are {found:?}, but {expected:?} in Gymnasium's"
        );
        return Err(model_error(&model_path(&rules.model)?, reason));
    }
    MujocoEnv::with_sim(id, rules, sim)
}

fn rules(robot: Robot, version: Version, config: &MujocoConfig) -> Rules {
    let has_forces = config.contact_forces != Some(ContactForces::Zero);
    match robot {
        Robot::Hopper => hopper::rules(version),
        Robot::Walker2d => walker2d::rules(version),
        Robot::HalfCheetah => half_cheetah::rules(),
        Robot::Ant if config.use_contact_forces == Some(true) => ant::rules_v4_with_forces(),
        Robot::Ant => {
            Rules { contact_forces: has_forces && version != Version::V4, ..ant::rules(version) }
        }
        Robot::Humanoid => Rules { contact_forces: has_forces, ..humanoid::rules(version) },
        Robot::HumanoidStandup => {
            Rules { contact_forces: has_forces, ..humanoid_standup::rules(version) }
        }
    }
}

/// Inputs of the reward function.
pub struct StepOutcome<'a> {
    /// The simulation after the step.
    pub sim: &'a Sim,
    /// The action before clamping, `[A]`.
    pub action: &'a [f64],
    /// Change of [`Rules::position`] over the step (m).
    pub displacement: f64,
    /// Duration of the step (s).
    pub dt_seconds: f64,
    /// Whether the episode continues.
    pub is_healthy: bool,
}

impl StepOutcome<'_> {
    /// Mean velocity of [`Rules::position`] over the step (m/s).
    pub fn velocity(&self) -> f64 {
        self.displacement / self.dt_seconds
    }
}

/// A reward: its terms, and their sum in the order of the original, which determines the last bits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reward {
    /// Total reward of the step.
    pub total: f64,
    /// The terms of the total.
    pub terms: RewardTerms,
}

/// The weighted terms of a reward.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct RewardTerms {
    /// Reward for moving forward.
    pub progress: f64,
    /// Reward for staying upright.
    pub alive: f64,
    /// Cost of the action, non-negative.
    pub control_cost: f64,
    /// Cost of the contact forces, non-negative; zero for tasks without it.
    pub contact_cost: f64,
}

impl RewardTerms {
    /// Returns the total reward, up to rounding, as a task may add the terms in another order.
    pub fn sum(&self) -> f64 {
        self.progress + self.alive - self.control_cost - self.contact_cost
    }
}

/// A task with its physics. Actions are in the motors' own units.
///
/// An action outside the range acts like the nearest one inside, but its cost is that of the action
/// before clamping.
pub struct MujocoEnv {
    spec: EnvSpec,
    rules: Rules,
    sim: Sim,
    /// [`Rules::position`] after the last step or reset. It can't be recomputed from the state.
    position: f64,
    terms: RewardTerms,
}

impl MujocoEnv {
    /// Creates a task named `id` with these rules. The state is the model's initial one until the
    /// first reset.
    ///
    /// Environments of the same model file share the model in memory. A model may contain at most
    /// 20 000 elements, counting copies and included files, and take at most 1 GiB.
    ///
    /// MuJoCo exits the process, with exit code 1, if a state does not fit into the memory that the
    /// model reserves (`memory` of `size` in the file), for instance with thousands of simultaneous
    /// contacts. Gym's tasks use less than a hundredth of theirs.
    ///
    /// # Errors
    /// If the model can't be loaded, is too large, or a motor's range is not finite.
    pub fn new(id: &str, rules: Rules) -> Result<Self, EnvError> {
        let sim = Sim::load(&rules.model)?;
        Self::with_sim(id, rules, sim)
    }

    fn with_sim(id: &str, rules: Rules, mut sim: Sim) -> Result<Self, EnvError> {
        sim.forward();
        let ranges = sim.control_ranges();
        let spec = EnvSpec {
            id: id.to_owned(),
            obs_dim: rules.obs_dim,
            action_low: ranges.iter().map(|range| range[0]).collect(),
            action_high: ranges.iter().map(|range| range[1]).collect(),
            dt_seconds: sim.timestep() * f64::from(rules.frame_skip),
            resumable: true,
        };
        if ranges.is_empty() {
            return Err(model_error(&rules.model, "it has no motor"));
        }
        if spec.obs_dim == 0 {
            return Err(model_error(&rules.model, "nothing of it is observed"));
        }
        let has_range = |[low, high]: &[f64; 2]| low.is_finite() && low < high && high.is_finite();
        if let Some(motor) = ranges.iter().position(|range| !has_range(range)) {
            return Err(model_error(&rules.model, format!("motor {motor} has no ctrlrange")));
        }
        let position = (rules.position)(&sim);
        Ok(Self { spec, rules, sim, position, terms: RewardTerms::default() })
    }

    /// Returns the simulator, for inspection.
    pub fn sim(&self) -> &Sim {
        &self.sim
    }

    /// Generalised positions, `[nq]` (m, rad, quaternions).
    pub fn qpos(&self) -> &[f64] {
        self.sim.qpos()
    }

    /// Generalised velocities, `[nv]` (m/s, rad/s).
    pub fn qvel(&self) -> &[f64] {
        self.sim.qvel()
    }

    /// Noise on the initial state of an episode.
    pub fn reset_noise(&self) -> ResetNoise {
        self.rules.reset
    }

    /// Terms of the last step's reward; zero before the first step.
    pub fn reward_terms(&self) -> RewardTerms {
        self.terms
    }

    /// Starts an episode from a given state and writes its first observation, `[O]`.
    ///
    /// # Shapes
    /// - `qpos`: `[nq]`, `qvel`: `[nv]`, as returned by [`MujocoEnv::qpos`] and [`MujocoEnv::qvel`]
    ///
    /// # Errors
    /// If a length is wrong or a value is not finite.
    pub fn set_physics(
        &mut self,
        qpos: &[f64],
        qvel: &[f64],
        obs: &mut [f64],
    ) -> Result<(), EnvError> {
        check_length(&self.spec.id, "qpos", qpos.len(), self.sim.qpos().len())?;
        check_length(&self.spec.id, "qvel", qvel.len(), self.sim.qvel().len())?;
        check_length(&self.spec.id, "obs", obs.len(), self.spec.obs_dim)?;
        self.sim.reset();
        self.sim.qpos_mut().copy_from_slice(qpos);
        self.sim.qvel_mut().copy_from_slice(qvel);
        self.begin(obs)
    }

    /// Computes everything that depends on the positions and velocities just set.
    fn begin(&mut self, obs: &mut [f64]) -> Result<(), EnvError> {
        self.sim.forward();
        self.position = (self.rules.position)(&self.sim);
        self.terms = RewardTerms::default();
        self.check_finite()?;
        (self.rules.observe)(&self.sim, obs);
        Ok(())
    }

    fn check_finite(&self) -> Result<(), EnvError> {
        self.fault().map_or(Ok(()), |fault| Err(self.unstable(fault)))
    }

    /// Returns why the simulation can't continue from the current state, if it can't.
    fn fault(&self) -> Option<&'static str> {
        let is_finite = || self.sim.qpos().iter().chain(self.sim.qvel()).all(|x| x.is_finite());
        let not_finite = || (!is_finite()).then_some("a position or velocity is not finite");
        self.sim.fault().or_else(not_finite)
    }

    fn unstable(&self, reason: &str) -> EnvError {
        EnvError::Unstable {
            task: self.spec.id.clone(),
            time_seconds: self.sim.time(),
            reason: reason.to_owned(),
        }
    }
}

fn draw(noise: Noise, rng: &mut Rng) -> f64 {
    match noise {
        Noise::Uniform(bound) => -bound + 2.0 * bound * rng.random::<f64>(),
        Noise::Normal(std) => {
            let normal: f64 = StandardNormal.sample(rng);
            std * normal
        }
    }
}

impl Env for MujocoEnv {
    fn spec(&self) -> &EnvSpec {
        &self.spec
    }

    fn reset(&mut self, rng: &mut Rng, obs: &mut [f64]) -> Result<(), EnvError> {
        check_length(&self.spec.id, "obs", obs.len(), self.spec.obs_dim)?;
        self.sim.reset();
        let ResetNoise { qpos, qvel } = self.rules.reset;
        self.sim.qpos_mut().iter_mut().for_each(|x| *x += draw(qpos, rng));
        self.sim.qvel_mut().iter_mut().for_each(|x| *x += draw(qvel, rng));
        self.begin(obs)
    }

    fn step(&mut self, action: &[f64], obs: &mut [f64]) -> Result<Step, EnvError> {
        check_action(&self.spec, action)?;
        check_length(&self.spec.id, "obs", obs.len(), self.spec.obs_dim)?;

        let before = self.position;
        self.sim.advance(action, self.rules.frame_skip);
        if self.rules.contact_forces {
            self.sim.compute_contact_forces();
        }
        if let Some(fault) = self.fault() {
            return match self.rules.when_unstable {
                WhenUnstable::Fail => Err(self.unstable(fault)),
                WhenUnstable::Terminate => {
                    // The state can't be observed or rewarded.
                    self.sim.reset();
                    self.begin(obs)?;
                    Ok(Step { reward: 0.0, terminated: true, truncated: false, success: None })
                }
            };
        }
        self.position = (self.rules.position)(&self.sim);

        let is_healthy = (self.rules.is_healthy)(&self.sim);
        let outcome = StepOutcome {
            sim: &self.sim,
            action,
            displacement: self.position - before,
            dt_seconds: self.spec.dt_seconds,
            is_healthy,
        };
        let reward = (self.rules.reward)(&outcome);
        if !reward.total.is_finite() {
            return Err(self.unstable("the reward is not finite"));
        }
        self.terms = reward.terms;
        (self.rules.observe)(&self.sim, obs);
        Ok(Step { reward: reward.total, terminated: !is_healthy, truncated: false, success: None })
    }

    fn save_state(&self, state: &mut Vec<f64>) {
        state.extend_from_slice(&self.sim.state());
        state.push(self.position);
    }

    fn load_state(&mut self, state: &[f64]) -> Result<(), EnvError> {
        let num_physics = self.sim.state_len();
        check_length(&self.spec.id, "state", state.len(), num_physics + 1)?;
        self.sim.set_state(&state[..num_physics]);
        self.position = state[num_physics];
        self.terms = RewardTerms::default();
        self.check_finite()
    }
}
