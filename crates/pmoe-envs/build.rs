//! Lets executables find MuJoCo's library without `LD_LIBRARY_PATH`: this package's own, and, through
//! `DEP_PMOE_MUJOCO_FOLDER`, those of dependents.

use std::env;
use std::path::Path;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=MUJOCO_DYNAMIC_LINK_DIR");
    if env::var_os("CARGO_FEATURE_MUJOCO").is_none() {
        return;
    }
    // Without the variable the library is linked statically or comes from the system's own paths.
    let Ok(folder) = env::var("MUJOCO_DYNAMIC_LINK_DIR") else {
        return;
    };
    let macos = env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "macos");
    let library = Path::new(&folder).join(if macos { "libmujoco.dylib" } else { "libmujoco.so" });
    println!("cargo::rerun-if-changed={}", library.display());
    if library.is_file() {
        println!("cargo::rustc-link-arg=-Wl,-rpath,{folder}");
        println!("cargo::metadata=FOLDER={folder}");
    } else {
        println!(
            "cargo::error=no MuJoCo library at {}: run `cargo xtask setup`",
            library.display()
        );
    }
}
