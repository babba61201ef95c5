//! Links MuJoCo so that users need not set a library path, embeds the configs and records the
//! commit.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    link_mujoco();
    let package = env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR");
    let root = Path::new(&package).join("../..");
    // A package has what the links in this crate's own folder lead to.
    let of_repository = root.join("configs");
    let own = Path::new(&package).join("configs");
    embed_configs(if of_repository.join("suites").is_dir() { &of_repository } else { &own });
    record_build(&root);
}

/// Adds the library folder that the build script of `pmoe-envs` found to the binary's rpath.
fn link_mujoco() {
    println!("cargo::rerun-if-env-changed=DEP_PMOE_MUJOCO_FOLDER");
    if let Ok(folder) = env::var("DEP_PMOE_MUJOCO_FOLDER") {
        println!("cargo::rustc-link-arg=-Wl,-rpath,{folder}");
    }
}

/// Writes `configs.rs`: the name and text of every file in `configs/suites`, and the text of
/// `configs/claims.toml`.
fn embed_configs(configs: &Path) {
    let mut code = String::new();
    let folder = configs.join("suites");
    println!("cargo::rerun-if-changed={}", folder.display());
    code += "pub(crate) static SUITES: &[(&str, &str)] = &[\n";
    for file in toml_files(&folder) {
        println!("cargo::rerun-if-changed={}", file.display());
        let stem = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let path = fs::canonicalize(&file).unwrap_or(file);
        code += &format!("    ({stem:?}, include_str!({:?})),\n", path.display().to_string());
    }
    code += "];\n";
    let claims = configs.join("claims.toml");
    println!("cargo::rerun-if-changed={}", claims.display());
    let claims = fs::canonicalize(&claims).unwrap_or(claims);
    code += &format!(
        "#[cfg(feature = \"experiments\")]\npub(crate) static CLAIMS: &str = include_str!({:?});\n",
        claims.display().to_string()
    );
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    fs::write(out.join("configs.rs"), code).expect("OUT_DIR can be written");
}

fn toml_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder);
    let entries = entries.unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    files.sort();
    files
}

/// Sets `PMOE_COMMIT`, `PMOE_DIRTY`, `PMOE_RUSTC` and `PMOE_BURN`, which every run's manifest
/// records.
fn record_build(root: &Path) {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").arg("-C").arg(root).args(arguments).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?.trim().to_owned();
        output.status.success().then_some(text)
    };
    // Not always in `.git`: a worktree has its own.
    for file in ["HEAD", "index"] {
        if let Some(path) = git(&["rev-parse", "--git-path", file]) {
            println!("cargo::rerun-if-changed={}", root.join(path).display());
        }
    }
    let commit = git(&["rev-parse", "HEAD"]).unwrap_or_else(|| "not a checkout".to_owned());
    let changes = git(&["status", "--porcelain", "--untracked-files=no"]);
    let dirty = changes.is_some_and(|changes| !changes.is_empty());
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = Command::new(rustc).arg("--version").output().ok();
    let version = version.and_then(|output| String::from_utf8(output.stdout).ok());
    let lock = root.join("Cargo.lock");
    println!("cargo::rerun-if-changed={}", lock.display());
    let lock = fs::read_to_string(lock).unwrap_or_default();
    let burn = lock.split_once("name = \"burn\"\nversion = \"");
    let burn = burn.and_then(|(_, rest)| rest.split('"').next()).unwrap_or("unknown");
    println!("cargo::rustc-env=PMOE_BURN={burn}");
    println!("cargo::rustc-env=PMOE_COMMIT={commit}");
    println!("cargo::rustc-env=PMOE_DIRTY={dirty}");
    println!("cargo::rustc-env=PMOE_RUSTC={}", version.unwrap_or_default().trim());
}
