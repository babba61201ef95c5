//! Compiles the workspace for systems other than this one, up to linking.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use pmoe_matrix::process;

use crate::cargo;

/// The systems, and the name of MuJoCo's library that their linkers look for.
const SYSTEMS: [(&str, &str); 2] =
    [("aarch64-apple-darwin", "libmujoco.dylib"), ("x86_64-pc-windows-msvc", "mujoco.lib")];

/// Seconds that a standard library may take to arrive.
const FETCH: &str = "120";

/// Runs `cargo check` for each system.
///
/// # Errors
/// If something does not compile there.
pub fn run() -> Result<()> {
    for (system, library) in SYSTEMS {
        if !has_standard_library(system) {
            say!("skipped {system}: rustup can't fetch its standard library here");
            continue;
        }
        // What a build only needs to link: a folder with a library, and compilers of C code.
        let stand_ins = tempfile::tempdir()?;
        let stand_ins = stand_ins.path();
        fs::write(stand_ins.join(library), "")?;
        let compiler = program(stand_ins.join("cl"), NO_COMPILER)?;
        let mut check = cargo::cargo();
        check.args(["check", "--workspace", "--target", system]);
        check.env("MUJOCO_DYNAMIC_LINK_DIR", stand_ins).env("SDKROOT", stand_ins);
        for tool in ["CC", "CXX", "AR"] {
            check.env(format!("{tool}_{system}"), &compiler);
        }
        process::run(&mut check)?;
        say!("{system}: compiles");
    }
    Ok(())
}

/// Whether the toolchain can compile for a system, after fetching what it needs.
fn has_standard_library(system: &str) -> bool {
    let mut rustup = Command::new("timeout");
    rustup.args([FETCH, "rustup", "target", "add", system]);
    rustup.output().is_ok_and(|output| output.status.success())
}

/// A compiler and archiver of C code that makes nothing but an empty library.
const NO_COMPILER: &str = r#"#!/bin/sh
for argument; do
    case $argument in -out:*) : > "${argument#-out:}" ;; esac
done
"#;

/// Writes a program and returns its path.
fn program(path: PathBuf, text: &str) -> Result<PathBuf> {
    fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
    }
    Ok(path)
}
