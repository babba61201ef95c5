//! Decides whether MuJoCo's library is loaded when it is needed (`sim/library.rs`) or linked
//! (`cfg(linked_mujoco)`). If it is linked from a given folder, executables find it without
//! `LD_LIBRARY_PATH`: those of this package through an rpath, those of dependents through
//! `DEP_PMOE_MUJOCO_FOLDER`.

use std::env;
use std::path::Path;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=MUJOCO_DYNAMIC_LINK_DIR");
    println!("cargo::rerun-if-env-changed=MUJOCO_STATIC_LINK_DIR");
    println!("cargo::rustc-check-cfg=cfg(linked_mujoco)");
    if env::var_os("CARGO_FEATURE_MUJOCO").is_none() {
        return;
    }
    // Without the variable, the library is linked statically or found in the system's own paths.
    let folder = env::var("MUJOCO_DYNAMIC_LINK_DIR").ok();
    let folder = folder.filter(|_| env::var_os("MUJOCO_STATIC_LINK_DIR").is_none());
    let Some(folder) = folder else {
        println!("cargo::rustc-cfg=linked_mujoco");
        return;
    };
    let is = |key: &str, allowed: &[&str]| {
        env::var(format!("CARGO_CFG_TARGET_{key}")).is_ok_and(|it| allowed.contains(&it.as_str()))
    };
    let macos = is("OS", &["macos"]);
    let library = Path::new(&folder).join(if macos { "libmujoco.dylib" } else { "libmujoco.so" });
    println!("cargo::rerun-if-changed={}", library.display());
    if !library.is_file() {
        println!(
            "cargo::error=no MuJoCo library at {}: run `cargo xtask setup`",
            library.display()
        );
        return;
    }
    // The function table supports only these targets.
    if is("OS", &["linux"]) && is("ENV", &["gnu"]) && is("ARCH", &["x86_64", "aarch64"]) {
        return;
    }
    println!("cargo::rustc-cfg=linked_mujoco");
    println!("cargo::rustc-link-arg=-Wl,-rpath,{folder}");
    println!("cargo::metadata=FOLDER={folder}");
}
