//! Traces: steps from a given state with given actions, for comparison with other programs.

use serde::{Deserialize, Serialize};

use crate::env::{Env, EnvError, check_length};
use crate::make::make_mujoco_with;
use crate::mujoco::mujoco_version;
use crate::task::{ContactForces, EnvConfig, TaskId};

/// The most steps of a trace. Everything observed on the way is kept, some kilobytes per step.
const MOST_STEPS: usize = 100_000;

/// Input of a trace.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TraceInput {
    /// The task.
    pub task: TaskId,
    /// Version 2 of the ant and the humanoids: whether contact forces are computed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact_forces: Option<ContactForces>,
    /// Ant-v4: whether contact forces are observed and cost something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub use_contact_forces: Option<bool>,
    /// Initial positions, `[nq]` (m, rad, quaternions).
    pub qpos: Vec<f64>,
    /// Initial velocities, `[nv]` (m/s, rad/s).
    pub qvel: Vec<f64>,
    /// T actions, `[T][A]`, in the task's own units; values outside the range are allowed.
    pub actions: Vec<Vec<f64>>,
}

/// Result of a trace. All values are finite, so JSON keeps them exactly.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TraceOutput {
    /// The task.
    pub task: TaskId,
    /// Version of the MuJoCo library.
    pub mujoco: String,
    /// Observations, `[T + 1][O]`, starting with that of the initial state.
    pub obs: Vec<Vec<f64>>,
    /// Rewards, `[T]`.
    pub reward: Vec<f64>,
    /// Whether each step terminated the episode, `[T]`. Stepping continues regardless.
    pub terminated: Vec<bool>,
    /// Whether each step reached the time limit, `[T]`.
    pub truncated: Vec<bool>,
    /// Positions, `[T + 1][nq]`.
    pub qpos: Vec<Vec<f64>>,
    /// Velocities, `[T + 1][nv]`.
    pub qvel: Vec<Vec<f64>>,
}

/// Sets the state and takes all steps, without resets.
///
/// # Errors
/// If a length is wrong, a value is not finite, there are too many steps, or the simulation becomes
/// unstable.
pub fn trace(input: &TraceInput) -> Result<TraceOutput, EnvError> {
    let steps = input.actions.len();
    if MOST_STEPS < steps {
        return Err(EnvError::Config {
            key: "actions (length of the list)".to_owned(),
            value: steps.to_string(),
            allowed: format!("at most {MOST_STEPS}"),
        });
    }
    let config = config(input)?;
    let mut env = make_mujoco_with(&input.task, &config)?;
    let spec = env.spec().clone();
    let mut obs = vec![0.0; spec.obs_dim];
    env.set_physics(&input.qpos, &input.qvel, &mut obs)?;
    for (index, action) in input.actions.iter().enumerate() {
        check_length(&spec.id, "action", action.len(), spec.action_dim())
            .map_err(|error| at_action(index, error))?;
    }

    let mut output = TraceOutput {
        task: input.task.clone(),
        mujoco: mujoco_version().to_owned(),
        obs: vec![obs.clone()],
        reward: Vec::new(),
        terminated: Vec::new(),
        truncated: Vec::new(),
        qpos: vec![env.qpos().to_vec()],
        qvel: vec![env.qvel().to_vec()],
    };
    for (index, action) in input.actions.iter().enumerate() {
        let step = env.step(action, &mut obs).map_err(|error| at_action(index, error))?;
        output.obs.push(obs.clone());
        output.reward.push(step.reward);
        output.terminated.push(step.terminated);
        let is_last = |limit| limit as usize <= index + 1;
        output.truncated.push(config.max_episode_steps().is_some_and(is_last));
        output.qpos.push(env.qpos().to_vec());
        output.qvel.push(env.qvel().to_vec());
    }
    Ok(output)
}

/// Returns the task's settings, overridden by those of the input.
fn config(input: &TraceInput) -> Result<EnvConfig, EnvError> {
    let mut config = input.task.config()?;
    if let EnvConfig::Mujoco(settings) = &mut config {
        settings.contact_forces = input.contact_forces.or(settings.contact_forces);
        settings.use_contact_forces = input.use_contact_forces.or(settings.use_contact_forces);
    }
    Ok(config)
}

fn at_action(index: usize, error: EnvError) -> EnvError {
    EnvError::AtAction { index, source: Box::new(error) }
}
