//! Decides whether MuJoCo's library is loaded when it is needed (`sim/library.rs`) or linked
//! (`cfg(linked_mujoco)`). If it is linked from a given folder, executables find it without
//! `LD_LIBRARY_PATH`: those of this package through an rpath, those of dependents through
//! `DEP_PMOE_MUJOCO_FOLDER`.

use std::env;
use std::path::Path;
use std::process::Command;

/// What to do without the library.
const SET_UP: &str =
    "`cargo xtask setup` in a checkout of pmoe puts it into the folder .mujoco/lib";
const NO_LIBRARY: &str = "MuJoCo was not found: set MUJOCO_DYNAMIC_LINK_DIR to the absolute path of its \
    folder lib, in the environment or under [env] in .cargo/config.toml";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=MUJOCO_DYNAMIC_LINK_DIR");
    println!("cargo::rerun-if-env-changed=MUJOCO_STATIC_LINK_DIR");
    println!("cargo::rustc-check-cfg=cfg(linked_mujoco)");
    if env::var_os("CARGO_FEATURE_MUJOCO").is_none() {
        return;
    }
    let variable = |name| env::var(name).ok().filter(|value: &String| !value.is_empty());
    if variable("MUJOCO_STATIC_LINK_DIR").is_some() {
        println!("cargo::rustc-cfg=linked_mujoco");
        return;
    }
    let Some(folder) = variable("MUJOCO_DYNAMIC_LINK_DIR") else {
        // mujoco-rs finds the library itself, or says less about what to do than this.
        if variable("MUJOCO_DOWNLOAD_DIR").is_none() && !is_installed() {
            println!("cargo::error={NO_LIBRARY}; {SET_UP}");
        }
        println!("cargo::rustc-cfg=linked_mujoco");
        return;
    };
    let is = |key: &str, allowed: &[&str]| {
        env::var(format!("CARGO_CFG_TARGET_{key}")).is_ok_and(|it| allowed.contains(&it.as_str()))
    };
    let file = match () {
        () if is("OS", &["macos"]) => "libmujoco.dylib",
        () if is("OS", &["windows"]) => "mujoco.lib",
        () => "libmujoco.so",
    };
    let library = Path::new(&folder).join(file);
    println!("cargo::rerun-if-changed={}", library.display());
    if !library.is_file() {
        let library = library.display();
        println!("cargo::error=MUJOCO_DYNAMIC_LINK_DIR: there is no {library}; {SET_UP}");
        return;
    }
    // The function table supports only these targets.
    if is("OS", &["linux"]) && is("ENV", &["gnu"]) && is("ARCH", &["x86_64", "aarch64"]) {
        return;
    }
    println!("cargo::rustc-cfg=linked_mujoco");
    if !is("OS", &["windows"]) {
        println!("cargo::rustc-link-arg=-Wl,-rpath,{folder}");
        println!("cargo::metadata=FOLDER={folder}");
    }
}

/// Whether the system has MuJoCo where the linker finds it.
fn is_installed() -> bool {
    let found = Command::new("pkg-config").args(["--exists", "mujoco"]).status();
    found.is_ok_and(|status| status.success())
}
