//! The simulator: this file and `sim/` are the only ones that know mujoco-rs.

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

/// Most memory of a model and of one state's arena (bytes).
const MAX_MODEL_BYTES: i64 = 1 << 30;
/// Least memory of one state's arena (bytes); MuJoCo's own choice is several times as much.
const MIN_ARENA_BYTES: i64 = 1 << 20;
/// Everything that `mj_step` reads: physics, warm start, controls.
const STATE: u32 = MjtState::mjSTATE_INTEGRATION as u32;

/// Version of MuJoCo that the tasks run on: a library of another one is refused when the first model is read.
pub fn mujoco_version() -> &'static str {
    library::VERSION
}

/// A joint of a model.
pub(super) struct Joint {
    /// Index of its first position.
    pub(super) qpos: usize,
    /// Whether it has one position: it slides or is a hinge.
    pub(super) is_scalar: bool,
    /// Whether it leaves its body free; its first three positions are where that is.
    pub(super) is_free: bool,
}

/// One model and its state.
pub struct Sim {
    data: MjData<Arc<MjModel>>,
}

impl Sim {
    /// Loads a model file: an absolute path, or one in the folder of model files.
    pub(super) fn load(file: &Path) -> Result<Self, EnvError> {
        let path = model_path(file)?;
        let model = shared_model(&path)?;
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

    /// Frame positions of the bodies (m), `[nbody][3]`, row 0 the world; as of the last force
    /// evaluation, which for a Runge–Kutta step is not quite the present.
    pub fn body_positions(&self) -> &[[f64; 3]] {
        self.data.xpos()
    }

    /// Masses of the bodies (kg), `[nbody]`, first the world's.
    pub fn body_masses(&self) -> &[f64] {
        self.data.model().body_mass()
    }

    /// Centers of mass of the bodies (m), `[nbody][3]`; of the time of [`Sim::body_positions`].
    pub fn body_centers_of_mass(&self) -> &[[f64; 3]] {
        self.data.xipos()
    }

    /// Inertia of the bodies about the whole tree's center of mass, `[nbody · 10]`: six values of
    /// the tensor (kg m²), three of the first moment of mass (kg m), the mass (kg); of the time of
    /// [`Sim::body_positions`].
    pub fn body_inertias(&self) -> &[f64] {
        self.data.cinert().as_flattened()
    }

    /// Angular and linear velocity of the bodies (rad/s, m/s), the latter where the whole tree's
    /// center of mass is, `[nbody · 6]`; of the time of [`Sim::body_positions`].
    pub fn body_velocities(&self) -> &[f64] {
        self.data.cvel().as_flattened()
    }

    /// Forces and torques of the motors (N, N m), `[nv]`.
    pub fn motor_forces(&self) -> &[f64] {
        self.data.qfrc_actuator()
    }

    /// External torque and force on the bodies (N m, N), `[nbody · 6]`, first the world's; zero
    /// where [`Rules::contact_forces`](super::Rules::contact_forces) is off.
    pub fn contact_forces(&self) -> &[f64] {
        self.data.cfrc_ext().as_flattened()
    }

    /// The joint of a name.
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

    /// Names of the joints that have one.
    pub(super) fn joint_names(&self) -> Vec<String> {
        let model = self.data.model();
        let name = |id| model.id_to_name(MjtObjBase::mjOBJ_JOINT, id).map(str::to_owned);
        (0..model.jnt_type().len()).filter_map(name).collect()
    }

    /// Names of the bodies, `[nbody]`, first the world's.
    pub(super) fn body_names(&self) -> Vec<Option<String>> {
        let model = self.data.model();
        let name = |id| model.id_to_name(MjtObjBase::mjOBJ_BODY, id).map(str::to_owned);
        (0..self.body_masses().len()).map(name).collect()
    }

    /// Positions, velocities, motors and bodies.
    pub(super) fn dimensions(&self) -> [usize; 4] {
        let bodies = self.body_masses().len();
        [self.qpos().len(), self.qvel().len(), self.control_ranges().len(), bodies]
    }

    /// Range of each motor, `[nu][2]`.
    pub fn control_ranges(&self) -> &[[f64; 2]] {
        self.data.model().actuator_ctrlrange()
    }

    /// Length of a simulation step (s).
    pub fn timestep(&self) -> f64 {
        self.data.model().opt().timestep
    }

    /// Simulated time since the reset (s).
    pub fn time(&self) -> f64 {
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

/// An absolute path as it is, another one in the folder of model files.
pub(super) fn model_path(file: &Path) -> Result<PathBuf, EnvError> {
    if file.is_absolute() { Ok(file.to_owned()) } else { Ok(model_folder()?.join(file)) }
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

/// Models in use, so that environments of the same file share one.
static MODELS: Mutex<Models> = Mutex::new(Models { library_ready: false, loaded: Vec::new() });

struct Models {
    library_ready: bool,
    loaded: Vec<(PathBuf, Weak<MjModel>)>,
}

/// The model of a file; one that is in use already is not read again.
fn shared_model(path: &Path) -> Result<Arc<MjModel>, EnvError> {
    // MuJoCo's own message for a missing file names no cause.
    let path = path.canonicalize().map_err(|error| model_error(path, error))?;
    let mut models = MODELS.lock().unwrap_or_else(PoisonError::into_inner);
    models.loaded.retain(|(_, model)| model.strong_count() > 0);
    let known = models.loaded.iter().find(|(known, _)| *known == path);
    if let Some(model) = known.and_then(|(_, model)| model.upgrade()) {
        return Ok(model);
    }
    let model = Arc::new(read_model(&path, &mut models)?);
    models.loaded.push((path, Arc::downgrade(&model)));
    Ok(model)
}

/// A model that belongs to the caller alone.
#[cfg(feature = "render")]
fn fresh_model(path: &Path) -> Result<MjModel, EnvError> {
    read_model(path, &mut MODELS.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Reads and compiles a file, one at a time: that uses settings of the whole process.
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

/// Leaves out the search for islands, groups of constraints that can be solved apart, where there is one
/// at most: in a model of a single tree. No bit changes, and a step takes 3 to 8 % fewer instructions.
///
/// Two more things that look superfluous are not: without the middle phase of collisions, or with sparse
/// matrices, the humanoids' bits change.
fn skip_islands(model: &mut MjModel) {
    // Sleeping islands need to be known.
    let may_sleep = model.opt().enableflags & MjtEnableBit::mjENBL_SLEEP as i32 != 0;
    if model.ntree() <= 1 && !may_sleep {
        model.opt_mut().disableflags |= MjtDisableBit::mjDSBL_ISLAND as i32;
    }
}

/// Refuses a model with too large or too small a memory for its state: MuJoCo ends the process when it
/// can't allocate it, and when a step doesn't find room in it.
fn check_size(model: &MjModel, path: &Path) -> Result<(), EnvError> {
    let (buffer, arena) = (model.ffi().nbuffer, model.ffi().narena);
    if buffer.saturating_add(arena) > MAX_MODEL_BYTES {
        let reason = format!(
            "it takes {buffer} bytes and an arena of {arena}, more than {MAX_MODEL_BYTES} together"
        );
        return Err(model_error(path, reason));
    }
    if arena < MIN_ARENA_BYTES {
        let reason = format!(
            "its arena has {arena} bytes, less than {MIN_ARENA_BYTES}: `memory` of `size` can be left out"
        );
        return Err(model_error(path, reason));
    }
    Ok(())
}

/// Keeps MuJoCo from writing `MUJOCO_LOG.TXT` into the working directory, and its messages go through
/// [`report`].
#[expect(unsafe_code, reason = "MuJoCo's log settings are global variables")]
fn prepare_log() {
    // SAFETY: the settings may not change while another thread is in MuJoCo. Every use starts with
    // a model, models come from `read_model` only, and it calls this once, under a lock, before
    // the first of them exists.
    unsafe {
        set_log_handler(report);
        // The registration of a handler asks for news of all kinds.
        set_log_config(log_config().with_logto_file(false).with_topics(0));
    }
}

/// Prints what MuJoCo says on stderr. After an error the process ends, with exit code 1: MuJoCo can't go
/// on, and has no way back.
fn report(message: &MjLogMessage) {
    // It panics when the text is no UTF-8, cut in the middle of a character for instance.
    let text = catch_unwind(|| message.subject().to_owned()).unwrap_or_default();
    let line = match message.level() {
        MjtLogLevel::mjLOG_DEBUG | MjtLogLevel::mjLOG_INFO => return,
        // Of Gymnasium's half_cheetah.xml; the attribute does what it did.
        MjtLogLevel::mjLOG_WARNING if text.contains("'settotalmass' is deprecated") => return,
        MjtLogLevel::mjLOG_WARNING => format!("warning from MuJoCo: {text}"),
        MjtLogLevel::mjLOG_ERROR => format!("error: MuJoCo cannot go on: {text}"),
    };
    // Nobody may be reading, which is no reason to end.
    let _ = writeln!(io::stderr(), "{line}");
}

pub(super) fn model_error(path: &Path, reason: impl fmt::Display) -> EnvError {
    EnvError::Model { path: path.display().to_string(), reason: reason.to_string() }
}
