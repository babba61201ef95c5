//! MuJoCo's library, loaded when the first model is read.
//!
//! mujoco-rs asks the linker for the library, and a program that was linked with it does not start without
//! it, whatever it is asked to do. Hence [`table`]: it defines the functions that mujoco-rs declares as jumps
//! to addresses which [`load`] fills in, and the linker leaves the library out. Where that is not done,
//! the build says `linked_mujoco` and the system's loader brings the library in (see `build.rs`).

#[cfg(not(linked_mujoco))]
mod elf;
#[cfg(not(linked_mujoco))]
mod functions;
#[cfg(not(linked_mujoco))]
mod table;

use crate::env::EnvError;

/// The version whose results this crate reproduces, and the only one that is used.
pub(super) const VERSION: &str = "3.17.0";

/// Makes MuJoCo ready to be called: nothing of mujoco-rs may be used before this has succeeded.
///
/// # Errors
/// When there is no library, it is broken or of another version. May be tried again.
pub(super) fn load() -> Result<(), EnvError> {
    #[cfg(linked_mujoco)]
    let result = check_version(mujoco_rs::mujoco_version()).map_err(|r| format!("the library {r}"));
    #[cfg(not(linked_mujoco))]
    let result = at_run_time::load();
    result.map_err(|reason| EnvError::Library { reason })
}

fn check_version(found: &str) -> Result<(), String> {
    if found == VERSION {
        return Ok(());
    }
    Err(format!("is of version {found}, not {VERSION}"))
}

#[cfg(not(linked_mujoco))]
mod at_run_time {
    use std::env;
    use std::ffi::{CStr, c_char};
    use std::path::{Path, PathBuf};

    use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};

    use super::{check_version, elf, table};

    /// Names the library's folder: when the program runs, and when it is built.
    const VARIABLE: &str = "MUJOCO_DYNAMIC_LINK_DIR";
    /// The name in MuJoCo's packages, and the one for linkers.
    const FILES: [&str; 2] = ["libmujoco.so.3.17.0", "libmujoco.so"];

    pub(super) fn load() -> Result<(), String> {
        let path = find()?;
        open(&path).map_err(|reason| format!("{} {reason}", path.display()))
    }

    /// The library in the first folder that has one.
    fn find() -> Result<PathBuf, String> {
        let folders = folders();
        let files = folders.iter().flat_map(|folder| FILES.map(|file| folder.join(file)));
        // A pipe, for instance, would keep the loader waiting.
        files.into_iter().find(|path| path.is_file()).ok_or_else(|| {
            let folders: Vec<_> = folders.iter().map(|path| path.display().to_string()).collect();
            format!("there is no {} in {}", FILES[0], folders.join(" or "))
        })
    }

    /// The folder that the user names; else that of the program, `../lib` beside it, and that of the build.
    fn folders() -> Vec<PathBuf> {
        if let Some(folder) = env::var_os(VARIABLE).filter(|folder| !folder.is_empty()) {
            return vec![folder.into()];
        }
        let program = env::current_exe().unwrap_or_default();
        let beside = program.parent().map(Path::to_owned);
        let lib = program.parent().and_then(Path::parent).map(|folder| folder.join("lib"));
        let built = option_env!("MUJOCO_DYNAMIC_LINK_DIR").map(PathBuf::from);
        [beside, lib, built].into_iter().flatten().collect()
    }

    /// Loads the library for the rest of the process.
    #[expect(unsafe_code, reason = "a library is code that the compiler does not see")]
    fn open(path: &Path) -> Result<(), String> {
        if elf::is_cut_short(path).map_err(|error| format!("cannot be read: {error}"))? {
            return Err("is not whole".to_owned());
        }
        // SAFETY: loading runs the library's constructors, which MuJoCo's are harmless. That the file is
        // MuJoCo's we must believe, as the system's loader did; its version is checked before its use.
        let library = unsafe { Library::open(Some(path), RTLD_NOW | RTLD_LOCAL) };
        let library = library.map_err(|error| {
            let (error, path) = (error.to_string(), format!("{}: ", path.display()));
            format!("cannot be loaded: {}", error.strip_prefix(&path).unwrap_or(&error))
        })?;
        // SAFETY: `const char* mj_versionString(void)` returns a constant of every version of MuJoCo.
        let version = unsafe {
            let function =
                library.get::<unsafe extern "C" fn() -> *const c_char>(b"mj_versionString\0");
            let function = function.map_err(|_| "is no library of MuJoCo".to_owned())?;
            CStr::from_ptr(function()).to_string_lossy().into_owned()
        };
        check_version(&version)?;
        table::fill(&library)?;
        // It stays as long as the table points to it.
        std::mem::forget(library);
        Ok(())
    }
}
