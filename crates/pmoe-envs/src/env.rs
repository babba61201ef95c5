//! The interface between a task and an agent.

/// The random-number generator of everything stochastic: portable, value-stable and serialisable.
pub type Rng = rand_chacha::ChaCha8Rng;

/// Dimensions, action bounds and time step of a task.
#[derive(Debug, Clone, PartialEq)]
pub struct EnvSpec {
    /// The task's id, such as `Hopper-v4`.
    pub id: String,
    /// Length O of an observation.
    pub obs_dim: usize,
    /// Lower bounds of meaningful actions, `[A]`, in the units of [`Env::step`].
    pub action_low: Vec<f64>,
    /// Upper bounds of meaningful actions, `[A]`.
    pub action_high: Vec<f64>,
    /// Simulated time per step, in seconds.
    pub dt_seconds: f64,
    /// Whether [`Env::save_state`] saves all that future steps depend on. Where it can't, a resumed run begins new
    /// episodes.
    pub resumable: bool,
}

impl EnvSpec {
    /// Creates a specification with actions in [-1, 1]^A, steps of one second and a state that can be saved.
    pub fn new(id: impl Into<String>, obs_dim: usize, action_dim: usize) -> Self {
        Self {
            id: id.into(),
            obs_dim,
            action_low: vec![-1.0; action_dim],
            action_high: vec![1.0; action_dim],
            dt_seconds: 1.0,
            resumable: true,
        }
    }

    /// Returns the length A of an action.
    pub fn action_dim(&self) -> usize {
        self.action_low.len()
    }
}

/// Result of a step, besides the observation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// Reward of this step, unscaled.
    pub reward: f64,
    /// Whether the MDP ended, so that the value of the next state is zero.
    pub terminated: bool,
    /// Whether the episode was cut by a time limit. The next state still has a value to bootstrap
    /// from.
    pub truncated: bool,
    /// Whether the step reached the goal; `None` for a task without a goal.
    pub success: Option<bool>,
}

/// Failure of an environment. It ends the run, but never the process.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum EnvError {
    /// The simulator reached a state from which it can't continue.
    #[error("the simulation of {task} became unstable at t = {time_seconds} s ({reason})")]
    Unstable {
        /// The task's id.
        task: String,
        /// Simulated time of the failing step, in seconds.
        time_seconds: f64,
        /// The simulator's message.
        reason: String,
    },
    /// An action contains a NaN or an infinity.
    #[error("action[{index}] of {task} is {value}, not a finite number")]
    NonFiniteAction {
        /// The task's id.
        task: String,
        /// Index of the first such component.
        index: usize,
        /// Its value.
        value: f64,
    },
    /// A slice has the wrong length.
    #[error("{what} of {task} has {found} values, expected {expected}")]
    WrongLength {
        /// The task's id.
        task: String,
        /// `action`, `obs`, `qpos`, `qvel` or `state`.
        what: &'static str,
        /// Its length.
        found: usize,
        /// The length it must have.
        expected: usize,
    },
    /// A saved state has the right length, but can't be a state of this task.
    #[error("the saved state of {task} is damaged: {reason}")]
    InvalidState {
        /// The task's id.
        task: String,
        /// What is impossible about it.
        reason: String,
    },
    /// One action of a recorded sequence failed.
    #[error("actions[{index}]: {source}")]
    AtAction {
        /// Index in the sequence.
        index: usize,
        /// The error of the action or of its step.
        source: Box<EnvError>,
    },
    /// One of several copies failed.
    #[error("environment {index}: {source}")]
    InCopy {
        /// Index of the copy.
        index: usize,
        /// Its error.
        source: Box<EnvError>,
    },
    /// MuJoCo's library is missing, broken or the wrong version.
    #[error(
        "cannot load MuJoCo: {reason}; set MUJOCO_DYNAMIC_LINK_DIR to the folder of its library"
    )]
    Library {
        /// Where it was searched for, or what is wrong with it.
        reason: String,
    },
    /// A model file can't be read or compiled.
    #[error("cannot load the model {path}: {reason}")]
    Model {
        /// The file.
        path: String,
        /// The simulator's message.
        reason: String,
    },
    /// A picture can't be rendered.
    #[error("cannot draw: {reason}")]
    Render {
        /// What is missing or wrong.
        reason: String,
    },
    /// A setting of a task is out of range.
    #[error("`{key}` is {value}, but must be {allowed}")]
    Config {
        /// Dotted path of the key.
        key: String,
        /// Its value.
        value: String,
        /// The allowed values.
        allowed: String,
    },
    /// The settings for a model file can't be read.
    #[error("cannot use the task file {path}: {reason}")]
    TaskFile {
        /// The file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A setting in a file is out of range.
    #[error("{path}: {source}")]
    InFile {
        /// The file.
        path: String,
        /// The error of the setting.
        source: Box<EnvError>,
    },
    /// The model is not the one that the task's settings belong to.
    #[error(
        "the model {path} has changed: the blake3 of its files is {found}, but the settings expect {expected}"
    )]
    ModelChanged {
        /// The model file.
        path: String,
        /// The blake3 in the settings.
        expected: String,
        /// The blake3 of the current files.
        found: String,
    },
    /// The build lacks a feature that the task needs.
    #[error("{task} needs a build with the feature `{feature}`")]
    MissingFeature {
        /// The task's id.
        task: String,
        /// The cargo feature.
        feature: &'static str,
    },
    /// A task of Gymnasium, in a program without Python.
    #[error(
        "{task} is stepped in Python, which this program is without: use the command `pmoe` of the Python package, or \
         `pmoe.train` there"
    )]
    NeedsPython {
        /// The task's id.
        task: String,
    },
    /// An environment made elsewhere can't be used.
    #[error("cannot use {task}: {reason}")]
    Unsuitable {
        /// The task's id.
        task: String,
        /// What is wrong with it, and what would help.
        reason: String,
    },
    /// An environment made elsewhere raised an exception, or returned what it must not.
    #[error("{task} failed: {reason}")]
    Raised {
        /// The task's id.
        task: String,
        /// The exception, with its traceback.
        reason: String,
    },
    /// No task has this id.
    #[error(transparent)]
    UnknownTask(#[from] UnknownTask),
}

/// No task has this id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "unknown task `{id}`: it must be one of {known}, mjcf:FILE for your own model file, or gym:ID for a task of Gymnasium"
)]
pub struct UnknownTask {
    /// The unknown id.
    pub id: String,
    /// All ids, comma-separated.
    pub known: String,
}

/// A task: physics, reward and termination. It has no time limit (see [`crate::TimeLimit`]) and
/// does not reset automatically.
///
/// The caller resets after `terminated || truncated`, so the last observation of an episode is
/// always the true successor.
pub trait Env: Send {
    /// Returns the task's dimensions and bounds.
    fn spec(&self) -> &EnvSpec;

    /// Starts an episode and writes its first observation, `[O]`. All randomness comes from `rng`.
    ///
    /// # Errors
    /// Returns an error if the simulator fails or the length of `obs` is not [`EnvSpec::obs_dim`].
    fn reset(&mut self, rng: &mut Rng, obs: &mut [f64]) -> Result<(), EnvError>;

    /// Advances one control step with `action`, `[A]`, and writes the next observation, `[O]`.
    ///
    /// # Errors
    /// Returns an error if the simulation becomes unstable, the action is not finite or a length is
    /// wrong.
    fn step(&mut self, action: &[f64], obs: &mut [f64]) -> Result<Step, EnvError>;

    /// Appends everything that future steps depend on (physics, counters) to `state`; nothing if it is not
    /// [`EnvSpec::resumable`].
    fn save_state(&self, state: &mut Vec<f64>);

    /// Restores what [`Env::save_state`] wrote. The following steps then have the same bits.
    ///
    /// # Errors
    /// Returns an error if `state` was not written by this task.
    fn load_state(&mut self, state: &[f64]) -> Result<(), EnvError>;
}

impl<E: Env + ?Sized> Env for Box<E> {
    fn spec(&self) -> &EnvSpec {
        (**self).spec()
    }

    fn reset(&mut self, rng: &mut Rng, obs: &mut [f64]) -> Result<(), EnvError> {
        (**self).reset(rng, obs)
    }

    fn step(&mut self, action: &[f64], obs: &mut [f64]) -> Result<Step, EnvError> {
        (**self).step(action, obs)
    }

    fn save_state(&self, state: &mut Vec<f64>) {
        (**self).save_state(state);
    }

    fn load_state(&mut self, state: &[f64]) -> Result<(), EnvError> {
        (**self).load_state(state)
    }
}

/// Returns an error if the action has the wrong length or a value that is not finite.
pub(crate) fn check_action(spec: &EnvSpec, action: &[f64]) -> Result<(), EnvError> {
    check_length(&spec.id, "action", action.len(), spec.action_dim())?;
    match action.iter().enumerate().find(|(_, x)| !x.is_finite()) {
        None => Ok(()),
        Some((index, &value)) => {
            Err(EnvError::NonFiniteAction { task: spec.id.clone(), index, value })
        }
    }
}

/// Returns an error if a slice has the wrong length.
pub(crate) fn check_length(
    task: &str,
    what: &'static str,
    found: usize,
    expected: usize,
) -> Result<(), EnvError> {
    if found == expected {
        return Ok(());
    }
    Err(EnvError::WrongLength { task: task.to_owned(), what, found, expected })
}
