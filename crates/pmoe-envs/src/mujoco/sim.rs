//! The simulator. Only this file and `sim/` use mujoco-rs.

mod files;
mod library;
mod limits;
#[cfg(feature = "render")]
mod render;

use std::io::{self, Write};
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::{env, fmt};

use mujoco_rs::logging::set_log_handler;
use mujoco_rs::wrappers::mj_data::{MjData, MjtState, MjtWarning};
use mujoco_rs::wrappers::mj_logging::{MjLogMessage, MjtLogLevel, log_config, set_log_config};
use mujoco_rs::wrappers::mj_model::{MjModel, MjtDisableBit, MjtEnableBit, MjtJoint, MjtObjBase};

use crate::env::EnvError;

pub(super) use files::model_blake3;
#[cfg(feature = "render")]
pub use render::Renderer;

/// The most memory of a model and one state's arena together (bytes).
const MAX_MODEL_BYTES: i64 = 1 << 30;
/// The least memory of one state's arena (bytes). MuJoCo's default is several times as much.
const MIN_ARENA_BYTES: i64 = 1 << 20;
/// Everything that `mj_step` reads: physics, warm start and controls.
const STATE: u32 = MjtState::mjSTATE_INTEGRATION as u32;

/// Version of MuJoCo that the tasks run on. Loading the first model fails with a library of any
/// other version.
pub fn mujoco_version() -> &'static str {
    library::VERSION
}

/// A joint of a model.
pub(super) struct Joint {
    /// Index of the joint's first position.
    pub(super) qpos: usize,
    /// Whether the joint has a single position, as slide and hinge joints do.
    pub(super) is_scalar: bool,
    /// Whether it is a free joint, whose first three positions are the body's position.
    pub(super) is_free: bool,
}

/// A model and its state.
pub struct Sim {
    data: MjData<Arc<MjModel>>,
}

impl Sim {
    /// Loads a model file: an absolute path, or one relative to the folder of model files.
    pub(super) fn load(file: &Path) -> Result<Self, EnvError> {
        let path = model_path(file)?;
        let model = shared_model(&path)?;
        let data = MjData::try_new(model).map_err(|error| model_error(&path, error))?;
        Ok(Self { data })
    }

    /// Resets to the model's initial state and clears all history, including the warm start and
    /// warnings.
    pub(super) fn reset(&mut self) {
        self.data.reset();
    }

    /// Computes all quantities that depend on positions and velocities, without advancing time.
    pub(super) fn forward(&mut self) {
        self.data.forward();
    }

    /// Applies `control` for `count` simulation steps.
    ///
    /// MuJoCo clamps the forces on the joints to the motors' range but keeps `control` unchanged.
    pub(super) fn advance(&mut self, control: &[f64], count: u32) {
        self.data.ctrl_mut().copy_from_slice(control);
        for _ in 0..count {
            self.data.step();
        }
    }

    /// Computes [`Sim::contact_forces`], without affecting the dynamics.
    pub(super) fn compute_contact_forces(&mut self) {
        self.data.rne_post_constraint();
    }

    /// Returns why the last steps are invalid, if they are. MuJoCo then resets the state on its
    /// own.
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
    pub fn qpos(&self) -> &[f64] {
        self.data.qpos()
    }

    pub(super) fn qpos_mut(&mut self) -> &mut [f64] {
        self.data.qpos_mut()
    }

    /// Generalised velocities, `[nv]` (m/s, rad/s).
    pub fn qvel(&self) -> &[f64] {
        self.data.qvel()
    }

    pub(super) fn qvel_mut(&mut self) -> &mut [f64] {
        self.data.qvel_mut()
    }

    /// Positions of the body frames (m), `[nbody][3]`, row 0 the world; as of the last force
    /// evaluation, which after a Runge–Kutta step differs slightly from the current state.
    pub fn body_positions(&self) -> &[[f64; 3]] {
        self.data.xpos()
    }

    /// Masses of the bodies (kg), `[nbody]`, starting with the world.
    pub fn body_masses(&self) -> &[f64] {
        self.data.model().body_mass()
    }

    /// Centers of mass of the bodies (m), `[nbody][3]`; same time as [`Sim::body_positions`].
    pub fn body_centers_of_mass(&self) -> &[[f64; 3]] {
        self.data.xipos()
    }

    /// Inertia of the bodies about the whole tree's center of mass, `[nbody · 10]`: six values of
    /// the tensor (kg m²), three of the first moment of mass (kg m), and the mass (kg); same time
    /// as [`Sim::body_positions`].
    pub fn body_inertias(&self) -> &[f64] {
        self.data.cinert().as_flattened()
    }

    /// Angular and linear velocity of the bodies (rad/s, m/s), the latter at the whole tree's
    /// center of mass, `[nbody · 6]`; same time as [`Sim::body_positions`].
    pub fn body_velocities(&self) -> &[f64] {
        self.data.cvel().as_flattened()
    }

    /// Forces and torques of the motors (N, N m), `[nv]`.
    pub fn motor_forces(&self) -> &[f64] {
        self.data.qfrc_actuator()
    }

    /// External torque and force on the bodies (N m, N), `[nbody · 6]`, starting with the world;
    /// zero if [`Rules::contact_forces`](super::Rules::contact_forces) is off.
    pub fn contact_forces(&self) -> &[f64] {
        self.data.cfrc_ext().as_flattened()
    }

    /// Returns the joint of this name.
    pub(super) fn joint(&self, name: &str) -> Option<Joint> {
        let model = self.data.model();
        let is_it = |id: &usize| model.id_to_name(MjtObjBase::mjOBJ_JOINT, *id) == Some(name);
        let id = (0..model.jnt_type().len()).find(is_it)?;
        let kind = model.jnt_type()[id];
        Some(Joint {
            qpos: model.jnt_qposadr()[id] as usize,
            is_scalar: matches!(kind, MjtJoint::mjJNT_SLIDE | MjtJoint::mjJNT_HINGE),
            is_free: matches!(kind, MjtJoint::mjJNT_FREE),
        })
    }

    /// Names of all named joints.
    pub(super) fn joint_names(&self) -> Vec<String> {
        let model = self.data.model();
        let name = |id| model.id_to_name(MjtObjBase::mjOBJ_JOINT, id).map(str::to_owned);
        (0..model.jnt_type().len()).filter_map(name).collect()
    }

    /// Names of the bodies, `[nbody]`, starting with the world.
    pub(super) fn body_names(&self) -> Vec<Option<String>> {
        let model = self.data.model();
        let name = |id| model.id_to_name(MjtObjBase::mjOBJ_BODY, id).map(str::to_owned);
        (0..self.body_masses().len()).map(name).collect()
    }

    /// Numbers of positions, velocities, motors and bodies.
    pub(super) fn dimensions(&self) -> [usize; 4] {
        let bodies = self.body_masses().len();
        [self.qpos().len(), self.qvel().len(), self.control_ranges().len(), bodies]
    }

    /// Control range of each motor, `[nu][2]`.
    pub fn control_ranges(&self) -> &[[f64; 2]] {
        self.data.model().actuator_ctrlrange()
    }

    /// Duration of a simulation step (s).
    pub fn timestep(&self) -> f64 {
        self.data.model().opt().timestep
    }

    /// Simulated time since the reset (s).
    pub fn time(&self) -> f64 {
        self.data.time()
    }

    /// Length of the state vector, see [`Sim::state`].
    pub(super) fn state_len(&self) -> usize {
        self.data.model().state_size(STATE)
    }

    /// Returns everything that determines future steps.
    pub(super) fn state(&self) -> Box<[f64]> {
        self.data.state(STATE)
    }

    /// Restores a state from [`Sim::state`].
    ///
    /// # Panics
    /// If the length of `state` is not [`Sim::state_len`].
    pub(super) fn set_state(&mut self, state: &[f64]) {
        assert_eq!(state.len(), self.state_len(), "a state has the model's length");
        self.data.reset();
        self.data
            .set_state(state, STATE)
            .expect("the length is right and the models have no history buffers");
    }
}

/// Returns an absolute path unchanged, and resolves any other in the folder of model files.
pub(super) fn model_path(file: &Path) -> Result<PathBuf, EnvError> {
    if file.is_absolute() { Ok(file.to_owned()) } else { Ok(model_folder()?.join(file)) }
}

/// The folder of model files: `PMOE_MODEL_DIR` at run time, otherwise at build time.
fn model_folder() -> Result<PathBuf, EnvError> {
    env::var_os("PMOE_MODEL_DIR")
        .map(PathBuf::from)
        .or_else(|| option_env!("PMOE_MODEL_DIR").map(PathBuf::from))
        .ok_or_else(|| {
            let reason = "set PMOE_MODEL_DIR to the folder with Gymnasium's XML files";
            model_error(Path::new("PMOE_MODEL_DIR"), reason)
        })
}

/// Models in use, shared by environments of the same files.
static MODELS: Mutex<Models> = Mutex::new(Models { library_ready: false, loaded: Vec::new() });

struct Models {
    library_ready: bool,
    loaded: Vec<Loaded>,
}

/// A model in use.
struct Loaded {
    path: PathBuf,
    /// The blake3 of what its files held: a file that has changed since is another model.
    blake3: String,
    model: Weak<MjModel>,
}

/// Returns the model of a file. A model already in use is not read again.
fn shared_model(path: &Path) -> Result<Arc<MjModel>, EnvError> {
    // MuJoCo's own message for a missing file names no cause.
    let path = path.canonicalize().map_err(|error| model_error(path, error))?;
    let mut models = MODELS.lock().unwrap_or_else(PoisonError::into_inner);
    let blake3 = model_blake3(&path).map_err(|reason| model_error(&path, reason))?;
    models.loaded.retain(|known| known.model.strong_count() > 0);
    let known = models.loaded.iter().find(|known| known.path == path && known.blake3 == blake3);
    if let Some(model) = known.and_then(|known| known.model.upgrade()) {
        return Ok(model);
    }
    let shared = Arc::new(read_model(&path, &mut models)?);
    let model = Arc::downgrade(&shared);
    models.loaded.push(Loaded { path, blake3, model });
    Ok(shared)
}

/// Returns a model that is not shared.
#[cfg(feature = "render")]
fn fresh_model(path: &Path) -> Result<MjModel, EnvError> {
    read_model(path, &mut MODELS.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Reads and compiles a file. Only one at a time, as this uses process-wide settings.
fn read_model(path: &Path, models: &mut Models) -> Result<MjModel, EnvError> {
    if !models.library_ready {
        library::load()?;
        prepare_log();
        models.library_ready = true;
    }
    limits::check(path).map_err(|reason| model_error(path, reason))?;
    let mut model = MjModel::from_xml(path).map_err(|error| model_error(path, error))?;
    check_size(&model, path)?;
    skip_islands(&mut model);
    Ok(model)
}

/// Disables the search for islands (groups of constraints that can be solved separately) in models
/// of a single tree, which have at most one. No bit changes, and a step takes 3 to 8 % fewer
/// instructions.
///
/// Two other apparent savings would change the humanoids' bits: disabling the collisions' middle
/// phase, and using sparse matrices.
fn skip_islands(model: &mut MjModel) {
    // Sleeping needs the islands.
    let may_sleep = model.opt().enableflags & MjtEnableBit::mjENBL_SLEEP as i32 != 0;
    if model.ntree() <= 1 && !may_sleep {
        model.opt_mut().disableflags |= MjtDisableBit::mjDSBL_ISLAND as i32;
    }
}

/// Returns an error if a model's memory is too large or too small. MuJoCo exits the process if it
/// can't allocate the memory, or if a step runs out of it.
fn check_size(model: &MjModel, path: &Path) -> Result<(), EnvError> {
    let (buffer, arena) = (model.ffi().nbuffer, model.ffi().narena);
    if buffer.saturating_add(arena) > MAX_MODEL_BYTES {
        let reason = format!(
            "it needs {buffer} bytes and an arena of {arena} bytes, together more than {MAX_MODEL_BYTES}"
        );
        return Err(model_error(path, reason));
    }
    if arena < MIN_ARENA_BYTES {
        let reason = format!(
            "its arena has {arena} bytes, fewer than {MIN_ARENA_BYTES}; remove `memory` from `size`"
        );
        return Err(model_error(path, reason));
    }
    Ok(())
}

/// Keeps MuJoCo from writing `MUJOCO_LOG.TXT` into the working directory, and routes its messages
/// through [`report`].
#[expect(unsafe_code, reason = "MuJoCo's log settings are global variables")]
fn prepare_log() {
    // SAFETY: the settings must not change while another thread is in MuJoCo. Every use starts with
    // a model, and models come from `read_model` only, which calls this once, under a lock, before
    // the first model exists.
    unsafe {
        set_log_handler(report);
        // Registering a handler enables messages of all topics.
        set_log_config(log_config().with_logto_file(false).with_topics(0));
    }
}

/// Prints MuJoCo's messages on stderr. After an error the process exits with code 1, as MuJoCo can
/// neither continue nor return.
fn report(message: &MjLogMessage) {
    // `subject` panics if the text is not UTF-8, for instance if it was cut within a character.
    let text = catch_unwind(|| message.subject().to_owned()).unwrap_or_default();
    let line = match message.level() {
        MjtLogLevel::mjLOG_DEBUG | MjtLogLevel::mjLOG_INFO => return,
        // Caused by Gymnasium's half_cheetah.xml; the attribute still works.
        MjtLogLevel::mjLOG_WARNING if text.contains("'settotalmass' is deprecated") => return,
        MjtLogLevel::mjLOG_WARNING => format!("warning from MuJoCo: {text}"),
        MjtLogLevel::mjLOG_ERROR => format!("error: MuJoCo cannot continue: {text}"),
    };
    // Ignore write errors.
    let _ = writeln!(io::stderr(), "{line}");
}

pub(super) fn model_error(path: &Path, reason: impl fmt::Display) -> EnvError {
    EnvError::Model { path: path.display().to_string(), reason: reason.to_string() }
}
