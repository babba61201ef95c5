//! The simulator: the only file that knows mujoco-rs.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::{env, fmt};

use mujoco_rs::wrappers::mj_data::{MjData, MjtState, MjtWarning};
use mujoco_rs::wrappers::mj_logging::{log_config, set_log_config};
use mujoco_rs::wrappers::mj_model::MjModel;

use crate::env::EnvError;

/// The version whose results this crate reproduces.
const EXPECTED_VERSION: &str = "3.17.0";
/// Everything that `mj_step` reads: physics, warm start, controls.
const STATE: u32 = MjtState::mjSTATE_INTEGRATION as u32;

/// Version of the MuJoCo library in use, such as `3.17.0`.
pub fn mujoco_version() -> &'static str {
    mujoco_rs::mujoco_version()
}

/// One model and its state.
pub(super) struct Sim {
    data: MjData<Arc<MjModel>>,
}

impl Sim {
    /// Loads `file` from the folder of model files.
    pub(super) fn load(file: &str) -> Result<Self, EnvError> {
        let path = model_folder()?.join(file);
        let model = Arc::new(load_model(&path)?);
        let data = MjData::try_new(model).map_err(|error| model_error(&path, error))?;
        Ok(Self { data })
    }

    /// Goes to the model's initial state and forgets the past, warm start and warnings included.
    pub(super) fn reset(&mut self) {
        self.data.reset();
    }

    /// Computes what follows from positions and velocities, without moving.
    pub(super) fn forward(&mut self) {
        self.data.forward();
    }

    /// Holds `control` for `count` simulation steps.
    ///
    /// MuJoCo clamps what acts on the joints to the motors' range and keeps `control` as it is.
    pub(super) fn advance(&mut self, control: &[f64], count: u32) {
        self.data.ctrl_mut().copy_from_slice(control);
        for _ in 0..count {
            self.data.step();
        }
    }

    /// Fills [`Sim::contact_forces`]; the dynamics don't change.
    pub(super) fn compute_contact_forces(&mut self) {
        self.data.rne_post_constraint();
    }

    /// Why the last steps are void. MuJoCo goes back to the initial state by itself in this case.
    pub(super) fn fault(&self) -> Option<&'static str> {
        let warnings = self.data.warning();
        let seen = |warning: MjtWarning| warnings[warning as usize].number > 0;
        if seen(MjtWarning::mjWARN_BADQPOS) {
            Some("a position is not finite or huge")
        } else if seen(MjtWarning::mjWARN_BADQVEL) {
            Some("a velocity is not finite or huge")
        } else if seen(MjtWarning::mjWARN_BADQACC) {
            Some("an acceleration is not finite or huge")
        } else {
            None
        }
    }

    /// Generalised positions, `[nq]` (m, rad, quaternions).
    pub(super) fn qpos(&self) -> &[f64] {
        self.data.qpos()
    }

    pub(super) fn qpos_mut(&mut self) -> &mut [f64] {
        self.data.qpos_mut()
    }

    /// Generalised velocities, `[nv]` (m/s, rad/s).
    pub(super) fn qvel(&self) -> &[f64] {
        self.data.qvel()
    }

    pub(super) fn qvel_mut(&mut self) -> &mut [f64] {
        self.data.qvel_mut()
    }

    /// Frame positions of the bodies (m), `[nbody][3]`, row 0 the world; as of the last force
    /// evaluation, which for a Runge–Kutta step is not quite the present.
    pub(super) fn body_positions(&self) -> &[[f64; 3]] {
        self.data.xpos()
    }

    /// Masses of the bodies (kg), `[nbody]`, first the world's.
    pub(super) fn body_masses(&self) -> &[f64] {
        self.data.model().body_mass()
    }

    /// Centers of mass of the bodies (m), `[nbody][3]`; of the time of [`Sim::body_positions`].
    pub(super) fn body_centers_of_mass(&self) -> &[[f64; 3]] {
        self.data.xipos()
    }

    /// Inertia of the bodies about the whole tree's center of mass, `[nbody · 10]`: six values of
    /// the tensor (kg m²), three of the first moment of mass (kg m), the mass (kg); of the time of
    /// [`Sim::body_positions`].
    pub(super) fn body_inertias(&self) -> &[f64] {
        self.data.cinert().as_flattened()
    }

    /// Angular and linear velocity of the bodies (rad/s, m/s), the latter where the whole tree's
    /// center of mass is, `[nbody · 6]`; of the time of [`Sim::body_positions`].
    pub(super) fn body_velocities(&self) -> &[f64] {
        self.data.cvel().as_flattened()
    }

    /// Forces and torques of the motors (N, N m), `[nv]`.
    pub(super) fn motor_forces(&self) -> &[f64] {
        self.data.qfrc_actuator()
    }

    /// External torque and force on the bodies (N m, N), `[nbody · 6]`, first the world's; zero
    /// until [`Sim::compute_contact_forces`].
    pub(super) fn contact_forces(&self) -> &[f64] {
        self.data.cfrc_ext().as_flattened()
    }

    /// Range of each motor, `[nu][2]`.
    pub(super) fn control_ranges(&self) -> &[[f64; 2]] {
        self.data.model().actuator_ctrlrange()
    }

    /// Length of a simulation step (s).
    pub(super) fn timestep(&self) -> f64 {
        self.data.model().opt().timestep
    }

    /// Simulated time since the reset (s).
    pub(super) fn time(&self) -> f64 {
        self.data.time()
    }

    /// Length of the vector of [`Sim::state`].
    pub(super) fn state_len(&self) -> usize {
        self.data.model().state_size(STATE)
    }

    /// All that decides the future steps.
    pub(super) fn state(&self) -> Box<[f64]> {
        self.data.state(STATE)
    }

    /// Restores what [`Sim::state`] gave.
    ///
    /// # Panics
    /// When `state` has another length than [`Sim::state_len`].
    pub(super) fn set_state(&mut self, state: &[f64]) {
        assert_eq!(state.len(), self.state_len(), "a state has the model's length");
        self.data.reset();
        self.data
            .set_state(state, STATE)
            .expect("the length is right and the models have no history buffers");
    }
}

/// Where the model files are: `PMOE_MODEL_DIR` of now, else of build time.
fn model_folder() -> Result<PathBuf, EnvError> {
    env::var_os("PMOE_MODEL_DIR")
        .map(PathBuf::from)
        .or_else(|| option_env!("PMOE_MODEL_DIR").map(PathBuf::from))
        .ok_or_else(|| {
            let reason = "set PMOE_MODEL_DIR to the folder with Gymnasium's XML files";
            model_error(Path::new("PMOE_MODEL_DIR"), reason)
        })
}

fn load_model(path: &Path) -> Result<MjModel, EnvError> {
    if mujoco_version() != EXPECTED_VERSION {
        let reason = format!("the library is MuJoCo {}, not {EXPECTED_VERSION}", mujoco_version());
        return Err(model_error(path, reason));
    }
    // MuJoCo's own message for a missing file names no cause.
    if let Err(error) = path.metadata() {
        return Err(model_error(path, error));
    }
    // One at a time: loading uses settings of the whole process.
    static LOADING: Mutex<bool> = Mutex::new(false);
    let mut log_silenced = LOADING.lock().unwrap_or_else(PoisonError::into_inner);
    if !*log_silenced {
        silence_log_file();
        *log_silenced = true;
    }
    MjModel::from_xml(path).map_err(|error| model_error(path, error))
}

/// Keeps MuJoCo from writing `MUJOCO_LOG.TXT` into the working directory; its warnings still go to
/// stderr.
#[expect(unsafe_code, reason = "MuJoCo's log settings are a global variable")]
fn silence_log_file() {
    // SAFETY: the settings may not change while another thread is in MuJoCo. Every use starts with
    // a model, models come from `load_model` only, and it calls this once, under a lock, before
    // the first of them exists.
    unsafe { set_log_config(log_config().with_logto_file(false)) }
}

fn model_error(path: &Path, reason: impl fmt::Display) -> EnvError {
    EnvError::Model { path: path.display().to_string(), reason: reason.to_string() }
}
