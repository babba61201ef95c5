//! Gym's MuJoCo tasks, and your own tasks from any model file.
//!
//! [`MujocoEnv`] is what the tasks have in common; a file per robot has the rest, as [`Rules`]: which
//! model, what is observed, what is paid, when it ends.
//!
//! Who compares with Gymnasium should give it actions in `float64`: with `float32`, the type of its action
//! spaces, it computes the control costs in `float32`, too.
//!
//! Your own task is a model file (MJCF) and what is paid for: in a TOML file beside it, for
//! `make("mjcf:FILE")` (see [`crate::mjcf`]), or as a value of [`Rules`] for [`MujocoEnv::new`]. It trains,
//! evaluates and renders like the others.

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

/// Something that is read off the simulation.
pub type Measure<T> = Box<dyn Fn(&Sim) -> T + Send>;

/// What writes an observation.
pub type Observe = Box<dyn Fn(&Sim, &mut [f64]) + Send>;

/// What makes a task out of a model.
pub struct Rules {
    /// The model file (MJCF): an absolute path, or one in the folder `PMOE_MODEL_DIR`.
    pub model: PathBuf,
    /// Simulation steps per control step.
    pub frame_skip: u32,
    /// Length O of an observation.
    pub obs_dim: usize,
    /// Spread of the initial state.
    pub reset: ResetNoise,
    /// Whether the contact forces are computed after each control step.
    pub contact_forces: bool,
    /// What an unstable simulation is.
    pub when_unstable: WhenUnstable,
    /// The coordinate whose speed is rewarded (m).
    pub position: Measure<f64>,
    /// Whether the episode goes on.
    pub is_healthy: Measure<bool>,
    /// What a step pays.
    pub reward: Box<dyn Fn(&StepOutcome<'_>) -> Reward + Send>,
    /// Writes the observation, `[O]`.
    pub observe: Observe,
}

/// One of Gym's tasks, named `id`.
///
/// # Errors
/// When the model can't be loaded or is none of this robot.
pub(crate) fn gym_task(
    id: &str,
    robot: Robot,
    version: Version,
    config: &MujocoConfig,
) -> Result<MujocoEnv, EnvError> {
    let rules = rules(robot, version, config);
    let sim = Sim::load(&rules.model)?;
    // Positions, velocities, motors, bodies.
    let expected = match robot {
        Robot::Hopper => [6, 6, 3, 5],
        Robot::Walker2d | Robot::HalfCheetah => [9, 9, 6, 8],
        Robot::Ant => [15, 14, 8, 14],
        Robot::Humanoid | Robot::HumanoidStandup => [24, 23, 17, 14],
    };
    let found = sim.dimensions();
    if found != expected {
        let reason = format!(
            "it has {found:?} positions, velocities, motors and bodies, but Gymnasium's has {expected:?}"
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

/// What a reward is made of.
pub struct StepOutcome<'a> {
    /// After the step.
    pub sim: &'a Sim,
    /// As given, not clamped, `[A]`.
    pub action: &'a [f64],
    /// Change of [`Rules::position`] over the step (m).
    pub displacement: f64,
    /// Length of the step (s).
    pub dt_seconds: f64,
    /// Whether the episode goes on.
    pub is_healthy: bool,
}

impl StepOutcome<'_> {
    /// Mean speed of [`Rules::position`] over the step (m/s).
    pub fn velocity(&self) -> f64 {
        self.displacement / self.dt_seconds
    }
}

/// The terms, and their sum in the order of the original, on which its last bits depend.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reward {
    /// What the step pays.
    pub total: f64,
    /// What it is made of.
    pub terms: RewardTerms,
}

/// The parts of a reward, each with its weight.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct RewardTerms {
    /// For moving forward.
    pub progress: f64,
    /// For being upright.
    pub alive: f64,
    /// Cost of the action, not negative.
    pub control_cost: f64,
    /// Cost of the contact forces, not negative; zero where a task has none.
    pub contact_cost: f64,
}

impl RewardTerms {
    /// The reward, up to rounding: a task may add in another order.
    pub fn sum(&self) -> f64 {
        self.progress + self.alive - self.control_cost - self.contact_cost
    }
}

/// A task with its physics; actions are in the motors' own units.
///
/// An action outside the range acts like the nearest one inside and costs what it says.
pub struct MujocoEnv {
    spec: EnvSpec,
    rules: Rules,
    sim: Sim,
    /// [`Rules::position`] after the last step or reset: it can't be computed again from the state.
    position: f64,
    terms: RewardTerms,
}

impl MujocoEnv {
    /// A task named `id` with these rules; the state is the model's own until a reset.
    ///
    /// Environments of the same model file share it in memory. A file may have 20 000 elements at most, copies
    /// and included files counted, and take 1 GiB.
    ///
    /// MuJoCo ends the process, with exit code 1, when a state does not fit into the memory that the model
    /// has for it (`memory` of `size` in the file), with thousands of contacts at once for instance. Gym's
    /// tasks use less than a hundredth of theirs.
    ///
    /// # Errors
    /// When the model can't be loaded, is too large, or a motor's range is not finite.
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
        };
        let has_range = |[low, high]: &[f64; 2]| low.is_finite() && low < high && high.is_finite();
        if let Some(motor) = ranges.iter().position(|range| !has_range(range)) {
            return Err(model_error(&rules.model, format!("motor {motor} has no ctrlrange")));
        }
        let position = (rules.position)(&sim);
        Ok(Self { spec, rules, sim, position, terms: RewardTerms::default() })
    }

    /// The simulator, to look at.
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

    /// The parts of the last step's reward; zero before the first step.
    pub fn reward_terms(&self) -> RewardTerms {
        self.terms
    }

    /// Starts an episode from a given state and writes its first observation, `[O]`.
    ///
    /// # Shapes
    /// - `qpos`: `[nq]`, `qvel`: `[nv]`, as [`MujocoEnv::qpos`] and [`MujocoEnv::qvel`] give them
    ///
    /// # Errors
    /// When a length is wrong or a value is not finite.
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

    /// Derives the rest from positions and velocities just set.
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

    /// Why the state is none to go on from.
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
                    // There is no state to observe or to pay for.
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
