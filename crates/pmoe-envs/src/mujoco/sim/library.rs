//! MuJoCo's library, loaded when the first model is read.
//!
//! mujoco-rs asks the linker for the library, and a program linked with it does not start without
//! it, whatever the command. Hence [`table`]: it defines the functions that mujoco-rs declares as
//! jumps to addresses that [`load`] fills in, and the linker leaves out the library. Otherwise the
//! build sets `linked_mujoco`, and the library is linked as usual (see `build.rs`).

#[cfg(not(linked_mujoco))]
mod elf;
#[cfg(not(linked_mujoco))]
mod functions;
#[cfg(not(linked_mujoco))]
mod table;

use crate::env::EnvError;

/// The only supported version, whose results this crate reproduces.
pub(super) const VERSION: &str = "3.17.0";

/// Loads MuJoCo. Nothing of mujoco-rs may be used before this succeeds.
///
/// # Errors
/// If the library is missing, broken or of another version. A failed call may be retried.
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
    Err(format!("has version {found}, not {VERSION}"))
}

#[cfg(not(linked_mujoco))]
mod at_run_time {
    use std::env;
    use std::ffi::{CStr, c_char};
    use std::path::{Path, PathBuf};

    use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};

    use super::{check_version, elf, table};

    /// Names the library's folder, at run time and at build time.
    const VARIABLE: &str = "MUJOCO_DYNAMIC_LINK_DIR";
    /// The file name in MuJoCo's packages, and the one for linkers.
    const FILES: [&str; 2] = ["libmujoco.so.3.17.0", "libmujoco.so"];

    pub(super) fn load() -> Result<(), String> {
        let path = find()?;
        open(&path).map_err(|reason| format!("{} {reason}", path.display()))
    }

    /// Finds the library in the first folder that contains it.
    fn find() -> Result<PathBuf, String> {
        let folders = folders();
        let files = folders.iter().flat_map(|folder| FILES.map(|file| folder.join(file)));
        // Only regular files: the loader would block on a pipe, for instance.
        files.into_iter().find(|path| path.is_file()).ok_or_else(|| {
            let folders: Vec<_> = folders.iter().map(|path| path.display().to_string()).collect();
            format!("there is no {} in {}", FILES[0], folders.join(" or "))
        })
    }

    /// Folders to search: the one that the user names; otherwise the program's, `../lib` next to
    /// it, and the one set at build time.
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

    /// Loads the library for the lifetime of the process.
    #[expect(unsafe_code, reason = "a library is code that the compiler does not see")]
    fn open(path: &Path) -> Result<(), String> {
        if elf::is_cut_short(path).map_err(|error| format!("cannot be read: {error}"))? {
            return Err("is cut short".to_owned());
        }
        // SAFETY: loading runs the library's constructors, and MuJoCo's are harmless. Like the
        // system's loader, we must trust that the file is MuJoCo; its version is checked before
        // use.
        let library = unsafe { Library::open(Some(path), RTLD_NOW | RTLD_LOCAL) };
        let library = library.map_err(|error| {
            let (error, path) = (error.to_string(), format!("{}: ", path.display()));
            format!("cannot be loaded: {}", error.strip_prefix(&path).unwrap_or(&error))
        })?;
        // SAFETY: `const char* mj_versionString(void)` returns a constant in every version of
        // MuJoCo.
        let version = unsafe {
            let function =
                library.get::<unsafe extern "C" fn() -> *const c_char>(b"mj_versionString\0");
            let function = function.map_err(|_| "is not MuJoCo's library".to_owned())?;
            CStr::from_ptr(function()).to_string_lossy().into_owned()
        };
        check_version(&version)?;
        table::fill(&library)?;
        // The table points into the library from now on.
        std::mem::forget(library);
        Ok(())
    }
}
