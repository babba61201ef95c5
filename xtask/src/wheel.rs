//! Builds the Python package, and tests it as a user has it.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use pmoe_matrix::process;

use crate::{BadInput, cargo};

/// The version of maturin, which compiles and packs.
const MATURIN: &str = "1.16.0";

/// Builds the Python package into target/wheels
///
/// Needs python3 with pip and venv; maturin is installed into the target folder. The wheel is for this
/// machine's system and for Python 3.10 and later.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask wheel
  cargo xtask wheel --test    installs it into a new environment and runs its tests there")]
pub struct Options {
    /// Install the wheel into a new virtual environment and run the package's tests there
    #[arg(long)]
    pub test: bool,
}

/// Builds, and tests if asked.
///
/// # Errors
/// If Python lacks what it takes, the package does not build, or a test fails.
pub fn run(root: &Path, options: &Options) -> Result<()> {
    let target = cargo::target_directory()?;
    let wheel = build(root, &target)?;
    say!("built {}", wheel.display());
    if options.test { test(root, &target, &wheel) } else { Ok(()) }
}

/// Builds the wheel and returns its path.
fn build(root: &Path, target: &Path) -> Result<PathBuf> {
    let tools = target.join("tools").join(format!("maturin-{MATURIN}"));
    let maturin = tools.join("bin/maturin");
    if !maturin.is_file() {
        let python = environment(&tools)?;
        pip_install(&python, &[format!("maturin=={MATURIN}").as_ref()])?;
    }
    let wheels = target.join("wheels");
    // Only the one that is built now is there afterwards.
    if wheels.exists() {
        fs::remove_dir_all(&wheels).context("cannot remove the earlier wheel")?;
    }
    let mut build = Command::new(maturin);
    build.args(["build", "--release", "--locked", "--quiet", "--manifest-path"]);
    build.arg(root.join("crates/pmoe-py/Cargo.toml")).arg("--out").arg(&wheels);
    process::run(&mut build)?;
    let files = fs::read_dir(&wheels).context("maturin built nothing")?;
    let paths = files.map(|file| Ok(file?.path())).collect::<Result<Vec<_>>>()?;
    let [wheel] = paths.as_slice() else { bail!("{} holds no single wheel", wheels.display()) };
    Ok(wheel.clone())
}

/// Installs the wheel into a new virtual environment, where nothing else is set, and runs the tests.
fn test(root: &Path, target: &Path, wheel: &Path) -> Result<()> {
    let folder = target.join("wheels-test");
    if folder.exists() {
        fs::remove_dir_all(&folder).context("cannot remove the earlier environment")?;
    }
    let python = environment(&folder)?;
    let mut with_tests = wheel.as_os_str().to_owned();
    with_tests.push("[test]");
    pip_install(&python, &[&with_tests])?;
    let mut pytest = Command::new(python);
    pytest.args(["-m", "pytest", "--quiet", "-p", "no:cacheprovider"]);
    // A file's tests share what they make once.
    pytest.args(["--numprocesses", "auto", "--dist", "loadfile"]);
    pytest.current_dir(root.join("crates/pmoe-py"));
    // Cargo sets these for its own programs; the package finds its libraries without.
    pytest.env_remove("MUJOCO_DYNAMIC_LINK_DIR").env_remove("PMOE_MODEL_DIR");
    Ok(process::run(&mut pytest)?)
}

/// Makes a virtual environment and returns its interpreter.
fn environment(folder: &Path) -> Result<PathBuf> {
    let mut make = Command::new("python3");
    make.args(["-m", "venv"]).arg(folder);
    let made = process::run(&mut make);
    made.map_err(|error| {
        BadInput(format!(
            "{error}; the Python package needs python3 with venv (Debian: python3-venv)"
        ))
    })?;
    Ok(folder.join("bin/python"))
}

fn pip_install(python: &Path, packages: &[&OsStr]) -> Result<()> {
    let mut install = Command::new(python);
    install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(packages);
    Ok(process::run(&mut install)?)
}
