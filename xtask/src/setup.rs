//! Fetches MuJoCo's library and the tasks' model files into `.mujoco/`, pinned by sha256.
//!
//! Both come from Python wheels: the library from `mujoco`, the XML files from `gymnasium`. `pip
//! download` fetches them, so a mirror, proxy or certificate configured for pip is used here too.
//! The folder is created completely or not at all.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

/// The name of the folder in the workspace root.
const FOLDER: &str = ".mujoco";
/// Name of the file that lists the pins of the folder's contents, one per line.
const STAMP: &str = "pins";
/// Set by the user to use MuJoCo's library in another folder.
const LIBRARY_VARIABLE: &str = "MUJOCO_DYNAMIC_LINK_DIR";
/// Set by the user to use the XML files in another folder.
const MODEL_VARIABLE: &str = "PMOE_MODEL_DIR";

/// Extracts members of a wheel, without their folders: `wheel destination member..`.
const UNZIP: &str = "
import os, sys, zipfile
wheel, destination, *members = sys.argv[1:]
with zipfile.ZipFile(wheel) as archive:
    for member in members:
        with open(os.path.join(destination, os.path.basename(member)), 'wb') as out:
            out.write(archive.read(member))
";

/// What to extract from a wheel.
#[derive(Debug, Clone)]
struct Wheel {
    package: &'static str,
    version: &'static str,
    sha256: String,
    /// Folder inside the wheel.
    source: &'static str,
    /// Folder inside `.mujoco/`.
    destination: &'static str,
    /// Names and sha256 of the files.
    files: Vec<(&'static str, String)>,
    /// An additional name for the first file.
    link: Option<&'static str>,
}

impl Wheel {
    /// The line of the stamp file that records this wheel.
    fn pin(&self) -> String {
        let Self { package, version, sha256, .. } = self;
        format!("{package}=={version} --hash=sha256:{sha256}")
    }
}

/// A platform for which MuJoCo publishes a wheel.
struct Machine {
    /// The platform tag, as pip names it.
    platform: &'static str,
    wheel_sha256: &'static str,
    library: &'static str,
    library_sha256: &'static str,
    /// The name that the linker looks for.
    link: &'static str,
}

const LINUX_X86_64: Machine = Machine {
    platform: "manylinux_2_28_x86_64",
    wheel_sha256: "42371356efe53a5f5f73ed03fcb967bdf04048017f80e2fca01e71a360e42da2",
    library: "libmujoco.so.3.17.0",
    library_sha256: "23496b023ee80fb61ab71167e94bc649f9941710fde96b18bb8204fb332523ad",
    link: "libmujoco.so",
};
const LINUX_AARCH64: Machine = Machine {
    platform: "manylinux_2_28_aarch64",
    wheel_sha256: "525e09a00ecd964f06582773d9eeb03bb0e5a1675edf296a6868024759b3b235",
    library: "libmujoco.so.3.17.0",
    library_sha256: "e2edd0204fb9229f75f332a4fcd1a32345bb9f90651dc0fddfa20ec0670db789",
    link: "libmujoco.so",
};
const MACOS_ARM64: Machine = Machine {
    platform: "macosx_11_0_arm64",
    wheel_sha256: "c677ab789299db70ca3fffe96b44a424bdad516cc87cc2a83898140923c2e91e",
    library: "libmujoco.3.17.0.dylib",
    library_sha256: "454d51fa639100018579716bd68e61285e9b53c9241b029680d82dec95bc8d53",
    link: "libmujoco.dylib",
};

/// The model files of the six tasks. Version 5 of Walker2d has a separate one.
const MODELS: [(&str, &str); 7] = [
    ("ant.xml", "cd5f83ef0ea35b0969e65d360c5bacd5b74ccaef6b27e4433b5168c605e3e2be"),
    ("half_cheetah.xml", "11797a5d69e8ac955e89ca6fdd3a0087f1c990094fda401ac51420de1b6c5494"),
    ("hopper.xml", "3ce93a055ffdcd83c0c701d2400768e40d2cbb9532f3c4ae33377c27f8b39f9e"),
    ("humanoid.xml", "85816f372c826d2094b4a598918233bd9c5843b2439119eece2733bdc2e0d073"),
    ("humanoidstandup.xml", "9f72a3c4ef956d0d8b1fb555a6ae1a5c22334c5c58cf814ef987ea4d3880e8fc"),
    ("walker2d.xml", "ac13373c7ac9003a5311c4704b314ed11149b3dd7600bbc02770487300f9ad2d"),
    ("walker2d_v5.xml", "6bed53a6cc3ca73c4fe8ac3486d3b4228927264a6454f4ef16d3eed3c58bc09d"),
];

/// Ensures that `.mujoco/` in `root` contains what this machine needs. Returns at once if it
/// already does.
///
/// # Errors
/// If there is no wheel for the machine, python3 or pip is missing, the download fails or a hash
/// differs. The folder then stays as it was.
pub fn run(root: &Path) -> Result<()> {
    let folder = root.join(FOLDER);
    let mut wheels = Vec::new();
    let mut platform = "any"; // gymnasium's wheel suits every machine
    if !is_users(env::var_os(LIBRARY_VARIABLE), root, ".mujoco/lib") {
        let machine = this_machine()?;
        platform = machine.platform;
        wheels.push(library_wheel(&machine));
    }
    if !is_users(env::var_os(MODEL_VARIABLE), root, ".mujoco/models") {
        wheels.push(model_wheel());
    }
    if is_complete(&folder, &wheels) {
        return Ok(());
    }
    fetch(root, &wheels, platform, OsStr::new("python3"))
}

/// Whether a variable points to another folder than `ours` in `root`, the value in cargo's
/// configuration. The two paths of the root may differ by a symbolic link.
fn is_users(value: Option<OsString>, root: &Path, ours: &str) -> bool {
    let Some(value) = value.map(PathBuf::from) else {
        return false;
    };
    let real = |path: &Path| path.canonicalize().ok();
    let in_root = value.ancestors().nth(2).and_then(real) == real(root);
    !(in_root && value.ends_with(ours))
}

fn this_machine() -> Result<Machine> {
    match (env::consts::OS, env::consts::ARCH) {
        ("linux", "x86_64") if cfg!(target_env = "gnu") => Ok(LINUX_X86_64),
        ("linux", "aarch64") if cfg!(target_env = "gnu") => Ok(LINUX_AARCH64),
        ("macos", "aarch64") => Ok(MACOS_ARM64),
        (os, arch) => bail!(unsupported(os, arch)),
    }
}

fn unsupported(os: &str, arch: &str) -> String {
    format!(
        "there is no MuJoCo package for {os} on {arch}: set {LIBRARY_VARIABLE} to a directory with \
         MuJoCo 3.17.0's library and {MODEL_VARIABLE} to one with Gymnasium 1.4.0's XML files"
    )
}

fn library_wheel(machine: &Machine) -> Wheel {
    Wheel {
        package: "mujoco",
        version: "3.17.0",
        sha256: machine.wheel_sha256.to_owned(),
        source: "mujoco",
        destination: "lib",
        files: vec![(machine.library, machine.library_sha256.to_owned())],
        link: Some(machine.link),
    }
}

fn model_wheel() -> Wheel {
    Wheel {
        package: "gymnasium",
        version: "1.4.0",
        sha256: "1cb947c59e7c72d8eabb2c2274c00cd20948e69f8452a9ef4092223be24fdf0e".to_owned(),
        source: "gymnasium/envs/mujoco/assets",
        destination: "models",
        files: MODELS.map(|(name, sha256)| (name, sha256.to_owned())).to_vec(),
        link: None,
    }
}

/// Whether the stamp lists all pins and the files exist. Their hashes were checked before the stamp
/// was written.
fn is_complete(folder: &Path, wheels: &[Wheel]) -> bool {
    let stamp = fs::read_to_string(folder.join(STAMP)).unwrap_or_default();
    wheels.iter().all(|wheel| {
        let destination = folder.join(wheel.destination);
        let mut names = wheel.files.iter().map(|(name, _)| *name).chain(wheel.link);
        stamp.lines().any(|line| line == wheel.pin())
            && names.all(|name| destination.join(name).is_file())
    })
}

/// Downloads, checks and unpacks in a temporary folder, then moves the result into place.
fn fetch(root: &Path, wheels: &[Wheel], platform: &str, python: &OsStr) -> Result<()> {
    let names: Vec<_> = wheels.iter().map(|w| format!("{} {}", w.package, w.version)).collect();
    say!("fetching {} with pip into {FOLDER}/", names.join(" and "));
    check_python(python)?;

    // On the same file system as the folder, so that the last step is a rename.
    let work = tempfile::Builder::new()
        .prefix(&format!("{FOLDER}-"))
        .tempdir_in(root)
        .with_context(|| format!("cannot create a temporary folder in {}", root.display()))?;
    let downloads = work.path().join("downloads");
    fs::create_dir(&downloads).with_context(|| cannot("create", &downloads))?;
    download(python, wheels, platform, &downloads)?;

    let finished = work.path().join("finished");
    for wheel in wheels {
        unpack(python, wheel, &downloads, &finished.join(wheel.destination))?;
    }
    let stamp: String = wheels.iter().map(|wheel| wheel.pin() + "\n").collect();
    fs::write(finished.join(STAMP), stamp).with_context(|| cannot("write", &finished))?;
    replace(&root.join(FOLDER), &finished, &work.path().join("old"), wheels)
}

fn check_python(python: &OsStr) -> Result<()> {
    let name = python.to_string_lossy();
    let Ok(output) = pip(python).arg("--version").output() else {
        bail!(
            "cannot run {name}: install Python 3 with pip, or set {LIBRARY_VARIABLE} to a directory \
             with MuJoCo 3.17.0's library and {MODEL_VARIABLE} to one with Gymnasium 1.4.0's XML files"
        );
    };
    if !output.status.success() {
        bail!("{name} has no pip: install it (Debian: `apt install python3-pip`)");
    }
    Ok(())
}

/// `python3 -m pip` with the user's configuration, except for options that would interfere.
fn pip(python: &OsStr) -> Command {
    let mut command = Command::new(python);
    command.args(["-m", "pip"]);
    command.env("PIP_REQUIRE_VIRTUALENV", "0").env("PIP_DISABLE_PIP_VERSION_CHECK", "1");
    command.env("PIP_NO_INPUT", "1").env_remove("PIP_CONSTRAINT");
    command
}

fn download(python: &OsStr, wheels: &[Wheel], platform: &str, downloads: &Path) -> Result<()> {
    let list = downloads.join("pinned.txt");
    let pins: String = wheels.iter().map(|wheel| wheel.pin() + "\n").collect();
    fs::write(&list, pins).with_context(|| cannot("write", &list))?;
    let output = pip(python)
        .args(["download", "--no-deps", "--only-binary=:all:", "--require-hashes"])
        // A fixed wheel, whatever the local Python version: the library inside is the same.
        .args(["--python-version", "3.12", "--implementation", "cp", "--abi", "cp312"])
        .args(["--platform", platform, "--dest"])
        .arg(downloads)
        .arg("-r")
        .arg(&list)
        .output()
        .with_context(|| format!("cannot run {}", python.to_string_lossy()))?;
    if output.status.success() { Ok(()) } else { bail!(download_failure(wheels, &output)) }
}

/// Summarises pip's error output in one sentence.
fn download_failure(wheels: &[Wheel], output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    let packages: Vec<_> = wheels.iter().map(|w| format!("{}=={}", w.package, w.version)).collect();
    let packages = packages.join(" and ");
    if text.contains("DO NOT MATCH THE HASHES") {
        return format!(
            "a downloaded file of {packages} does not have the pinned sha256: pip's package index serves another file; point pip to an index that serves the original"
        );
    }
    let last = text.lines().rev().find(|line| line.starts_with("ERROR: "));
    let said = last.map_or("nothing", |line| line.trim_start_matches("ERROR: ").trim());
    format!(
        "cannot download {packages} with pip: check the network and pip's settings (index, proxy, \
         certificate); pip said: {said}"
    )
}

/// Extracts the files of a downloaded wheel to `destination` and checks all hashes.
fn unpack(python: &OsStr, wheel: &Wheel, downloads: &Path, destination: &Path) -> Result<()> {
    let archive = find_wheel(wheel, downloads)?;
    check_sha256(&archive, &wheel.sha256)?;
    fs::create_dir_all(destination).with_context(|| cannot("create", destination))?;
    let members = wheel.files.iter().map(|(name, _)| format!("{}/{name}", wheel.source));
    let output = Command::new(python)
        .args(["-I", "-c", UNZIP])
        .args([&archive, destination])
        .args(members)
        .output()
        .with_context(|| format!("cannot run {}", python.to_string_lossy()))?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        let reason = text.lines().last().unwrap_or("no reason given");
        bail!("cannot unpack {}: {reason}", archive.display());
    }
    for (name, sha256) in &wheel.files {
        check_sha256(&destination.join(name), sha256)?;
    }
    if let (Some(name), Some((file, _))) = (wheel.link, wheel.files.first()) {
        let path = destination.join(name);
        link(file, &path).with_context(|| cannot("create", &path))?;
    }
    Ok(())
}

/// Gives the file `name` in the same folder another path.
fn link(name: &str, path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    return std::os::unix::fs::symlink(name, path);
    #[cfg(not(unix))]
    return fs::copy(path.with_file_name(name), path).map(|_| ());
}

fn find_wheel(wheel: &Wheel, downloads: &Path) -> Result<PathBuf> {
    let prefix = format!("{}-{}-", wheel.package, wheel.version);
    let entries = fs::read_dir(downloads).with_context(|| cannot("read", downloads))?;
    entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| {
            path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&prefix))
        })
        .with_context(|| format!("pip reported success but left no file {prefix}*.whl"))
}

fn check_sha256(path: &Path, expected: &str) -> Result<()> {
    let bytes = fs::read(path).with_context(|| cannot("read", path))?;
    let found = sha256(&bytes);
    if found == expected {
        return Ok(());
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    bail!("{name} has the sha256 {found} instead of {expected}: the file is not the pinned one")
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Moves `finished` to `folder`, and an existing folder to `old`, which the caller deletes.
fn replace(folder: &Path, finished: &Path, old: &Path, wheels: &[Wheel]) -> Result<()> {
    if folder.exists() {
        fs::rename(folder, old).with_context(|| cannot("replace", folder))?;
    }
    match fs::rename(finished, folder) {
        // A concurrent set-up was faster; its folder is equivalent.
        Err(_) if is_complete(folder, wheels) => Ok(()),
        result => result.with_context(|| cannot("create", folder)),
    }
}

fn cannot(verb: &str, path: &Path) -> String {
    format!("cannot {verb} {}", path.display())
}

#[cfg(test)]
mod tests;
