//! The contract between a task and whoever acts in it.

/// The random-number generator of every stochastic part: portable, value-stable, serialisable.
pub type Rng = rand_chacha::ChaCha8Rng;

/// What a task looks like from outside.
#[derive(Debug, Clone, PartialEq)]
pub struct EnvSpec {
    /// The task's id, such as `Hopper-v4`.
    pub id: String,
    /// Length O of an observation.
    pub obs_dim: usize,
    /// Smallest meaningful action, `[A]`, in the units that [`Env::step`] takes.
    pub action_low: Vec<f64>,
    /// Largest meaningful action, `[A]`.
    pub action_high: Vec<f64>,
    /// Simulated time of one step (s).
    pub dt_seconds: f64,
}

impl EnvSpec {
    /// A task with actions in [-1, 1]^A and steps of a second.
    pub fn new(id: impl Into<String>, obs_dim: usize, action_dim: usize) -> Self {
        Self {
            id: id.into(),
            obs_dim,
            action_low: vec![-1.0; action_dim],
            action_high: vec![1.0; action_dim],
            dt_seconds: 1.0,
        }
    }

    /// Length A of an action.
    pub fn action_dim(&self) -> usize {
        self.action_low.len()
    }
}

/// What one step gave beside the observation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// Reward of this step, unscaled.
    pub reward: f64,
    /// The MDP ended: the value of the next state is zero.
    pub terminated: bool,
    /// The episode was cut (time limit): the next state has a value, bootstrap from it.
    pub truncated: bool,
    /// Whether the step reached the goal; none for a task without one.
    pub success: Option<bool>,
}

/// A failure of an environment. It ends the run that meets it, never the process.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum EnvError {
    /// The simulator reached a state that it can't continue from.
    #[error("the simulation of {task} became unstable at t = {time_seconds} s ({reason})")]
    Unstable {
        /// The task's id.
        task: String,
        /// Simulated time (s) of the failing step.
        time_seconds: f64,
        /// What the simulator reported.
        reason: String,
    },
    /// An action holds a NaN or an infinity.
    #[error("action[{index}] of {task} is {value}, not a finite number")]
    NonFiniteAction {
        /// The task's id.
        task: String,
        /// First offending component.
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
    /// A saved state has the right length but can't be one of this task's.
    #[error("the saved state of {task} is damaged: {reason}")]
    InvalidState {
        /// The task's id.
        task: String,
        /// What can't be.
        reason: String,
    },
    /// One action of a recorded sequence is at fault.
    #[error("actions[{index}]: {source}")]
    AtAction {
        /// Position in the sequence.
        index: usize,
        /// What is wrong with it or with the step that it caused.
        source: Box<EnvError>,
    },
    /// One of several copies is at fault.
    #[error("environment {index}: {source}")]
    InCopy {
        /// Its position among the copies.
        index: usize,
        /// What is wrong with it.
        source: Box<EnvError>,
    },
    /// MuJoCo's library is missing, broken or of another version.
    #[error(
        "cannot load MuJoCo: {reason}; set MUJOCO_DYNAMIC_LINK_DIR to the folder of its library"
    )]
    Library {
        /// Where it was looked for, or what is wrong with it.
        reason: String,
    },
    /// A model file can't be read or compiled.
    #[error("cannot load the model {path}: {reason}")]
    Model {
        /// The file.
        path: String,
        /// What the simulator said.
        reason: String,
    },
    /// A picture can't be drawn.
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
        /// The allowed ones.
        allowed: String,
    },
    /// The settings beside a model file can't be read.
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
        /// What is wrong with the setting.
        source: Box<EnvError>,
    },
    /// A model is not the one that a task's settings were made with.
    #[error(
        "the model {path} has changed: the blake3 of its files is {found}, but the settings expect {expected}"
    )]
    ModelChanged {
        /// The model file.
        path: String,
        /// The blake3 that the settings name.
        expected: String,
        /// That of the files as they are.
        found: String,
    },
    /// The build lacks what a task needs.
    #[error("{task} needs a build with the feature `{feature}`")]
    MissingFeature {
        /// The task's id.
        task: String,
        /// The cargo feature.
        feature: &'static str,
    },
    /// No task has this id.
    #[error(transparent)]
    UnknownTask(#[from] UnknownTask),
}

/// No task has this id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown task `{id}`: it must be one of {known}, or mjcf:FILE for your own model file")]
pub struct UnknownTask {
    /// What was asked for.
    pub id: String,
    /// All ids, comma-separated.
    pub known: String,
}

/// A task: physics, reward and endings; no time limit (see [`crate::TimeLimit`]), no reset of its own.
///
/// The caller resets after `terminated || truncated`, so the last observation of an episode is
/// always the true successor state.
pub trait Env: Send {
    /// The task's dimensions and bounds.
    fn spec(&self) -> &EnvSpec;

    /// Starts an episode and writes its first observation, `[O]`. All randomness comes from `rng`.
    ///
    /// # Errors
    /// When the simulator fails or `obs` has another length than [`EnvSpec::obs_dim`].
    fn reset(&mut self, rng: &mut Rng, obs: &mut [f64]) -> Result<(), EnvError>;

    /// Advances one control step with `action`, `[A]`, and writes the next observation, `[O]`.
    ///
    /// # Errors
    /// When the simulation becomes unstable, the action is not finite or a length is wrong.
    fn step(&mut self, action: &[f64], obs: &mut [f64]) -> Result<Step, EnvError>;

    /// Appends everything that decides the future (physics, counters) to `state`.
    fn save_state(&self, state: &mut Vec<f64>);

    /// Restores what [`Env::save_state`] wrote: the following steps have the same bits.
    ///
    /// # Errors
    /// When `state` was not written by this task.
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

/// Refuses an action of the wrong length or with a value that is not finite.
pub(crate) fn check_action(spec: &EnvSpec, action: &[f64]) -> Result<(), EnvError> {
    check_length(&spec.id, "action", action.len(), spec.action_dim())?;
    match action.iter().enumerate().find(|(_, x)| !x.is_finite()) {
        None => Ok(()),
        Some((index, &value)) => {
            Err(EnvError::NonFiniteAction { task: spec.id.clone(), index, value })
        }
    }
}

/// Says which slice has the wrong length.
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
