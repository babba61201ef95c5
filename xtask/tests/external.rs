//! pmoe-core, pmoe-envs and pmoe-algos are each usable alone: programs outside of this workspace that depend on one of
//! them and on nothing else compile and run. They get the crates as `cargo package` packs them, which have all that
//! they need.
//!
//! The programs are examples of these crates. They use cargo's target folder of the workspace, so that burn, which takes
//! minutes, is not compiled again.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Crates of ours that an external package compiles: their path is another one there, as seen from its root.
const OURS: [&str; 5] = ["pmoe-algos", "pmoe-core", "pmoe-envs", "pmoe-results", "pmoe-stats"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// What a cargo command prints, which needs no network.
#[track_caller]
fn cargo(arguments: &[&str], manifest: &Path) -> String {
    let scratch = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let mut cargo = Command::new(env!("CARGO"));
    // In the root, where `.cargo/config.toml` names the folders of MuJoCo.
    cargo.current_dir(root()).env("CARGO_TARGET_DIR", scratch.parent().unwrap());
    let [command, rest @ ..] = arguments else { panic!("there is a command") };
    cargo.args([command, "--offline", "--quiet", "--manifest-path"]).arg(manifest).args(rest);
    let output = cargo.output().unwrap();
    let [stdout, stderr] =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    assert!(output.status.success(), "{arguments:?}: {stdout}{stderr}");
    stdout
}

/// The folder of our crates as packages, unpacked: `pmoe-core-0.1.0` and so on.
fn packages() -> &'static Path {
    static PACKAGES: OnceLock<PathBuf> = OnceLock::new();
    PACKAGES.get_or_init(|| {
        let scratch = Path::new(env!("CARGO_TARGET_TMPDIR"));
        // Not verified, which would compile burn for each; the programs of these tests do more. Without a lock file,
        // for which cargo would look the crates up in the registry.
        let what = ["--workspace", "--exclude", "xtask", "--exclude", "pmoe-py"];
        let how = ["package", "--no-verify", "--allow-dirty", "--exclude-lockfile"];
        cargo(&[&how[..], &what].concat(), &root().join("Cargo.toml"));
        let folder = scratch.join("packages");
        fs::create_dir_all(&folder).unwrap();
        for ours in OURS {
            let name = format!("{ours}-{}", env!("CARGO_PKG_VERSION"));
            let file = scratch.parent().unwrap().join("package").join(format!("{name}.crate"));
            // Unpacked again only if it is another one: cargo looks at the time of files.
            let sum = blake3::hash(&fs::read(&file).unwrap()).to_hex().to_string();
            let known = folder.join(format!("{name}.blake3"));
            if fs::read_to_string(&known).is_ok_and(|known| known == sum) {
                continue;
            }
            let _ = fs::remove_dir_all(folder.join(&name));
            let mut tar = Command::new("tar");
            // The time of unpacking, as those in the package are always the same.
            tar.args(["--extract", "--gzip", "--touch", "--directory"]).arg(&folder);
            assert!(tar.arg("--file").arg(&file).status().unwrap().success());
            fs::write(known, sum).unwrap();
        }
        folder
    })
}

/// The folder of one of our crates as a package.
fn package(name: &str) -> PathBuf {
    packages().join(format!("{name}-{}", env!("CARGO_PKG_VERSION")))
}

/// A package outside of the workspace: its manifest. It depends on `of` alone, and the examples `programs` of that
/// crate are its programs.
///
/// Its folder is called `name`. Tests run at the same time, so each has one of its own, and always the same one: cargo
/// finds there what it built the last time.
fn external(name: &str, of: &str, programs: &[&str]) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("external").join(name);
    fs::create_dir_all(&folder).unwrap();
    let path = package(of);
    let mut manifest = format!(
        "[package]\nname = \"{of}-alone\"\nedition = \"2024\"\n[workspace]\n[dependencies]\n{of} = {{ path = {path:?} }}\n\
         [patch.crates-io]\n"
    );
    // Where a registry would have them.
    for ours in OURS.into_iter().filter(|ours| *ours != of) {
        manifest += &format!("{ours} = {{ path = {:?} }}\n", package(ours));
    }
    for program in programs {
        let file = path.join("examples").join(program).with_extension("rs");
        manifest += &format!("[[bin]]\nname = {program:?}\npath = {file:?}\n");
    }
    // The profile and the versions of the workspace, so that other crates are those that are built already. Ours
    // need not be fast.
    let workspace: toml::Table =
        fs::read_to_string(root().join("Cargo.toml")).unwrap().parse().unwrap();
    let mut release = workspace["profile"]["release"].as_table().unwrap().clone();
    let packages = release["package"].as_table_mut().unwrap();
    // With debugging information somewhere, as in the workspace: cargo strips other crates else.
    let ours_are: toml::Table = "opt-level = 0\ndebug = \"line-tables-only\"".parse().unwrap();
    for ours in OURS {
        packages.insert(ours.to_owned(), ours_are.clone().into());
    }
    let profile: toml::Table = [("release".to_owned(), release.into())].into_iter().collect();
    let profile: toml::Table = [("profile".to_owned(), profile.into())].into_iter().collect();
    manifest += &toml::to_string(&profile).unwrap();
    let lock = folder.join("Cargo.lock");
    fs::copy(root().join("Cargo.lock"), &lock).unwrap();
    let file = folder.join("Cargo.toml");
    fs::write(&file, manifest).unwrap();
    file
}

/// What a program prints.
#[track_caller]
fn run(manifest: &Path, program: &str, arguments: &[&str]) -> String {
    cargo(&[&["run", "--release", "--bin", program, "--"], arguments].concat(), manifest)
}

/// The number behind `label` in a text, as it is written.
#[track_caller]
fn number<'a>(text: &'a str, label: &str) -> &'a str {
    let (_, rest) = text.split_once(label).unwrap_or_else(|| panic!("no `{label}` in {text}"));
    let end = rest.find(|c: char| !(c.is_ascii_digit() || "-.".contains(c)));
    &rest[..end.unwrap_or(rest.len())]
}

#[track_caller]
fn value(text: &str, label: &str) -> f64 {
    number(text, label).parse().unwrap()
}

#[test]
fn pmoe_core_alone_learns_how_often_a_primitive_is_the_best() {
    let manifest = external("core", "pmoe-core", &["frequency_routing"]);
    let text = run(&manifest, "frequency_routing", &[]);
    assert_eq!(number(&text, "after   0 updates: w = ["), "0.500");
    // Φ(0.2 / √0.05) = 0.814; a batch of 512 rows and steps of 0.2 leave a standard deviation of about 0.01.
    assert!((value(&text, "after 600 updates: w = [") - 0.814).abs() < 0.04, "{text}");
    assert!(value(&text, "actions: ").is_finite(), "{text}");
}

#[test]
fn pmoe_envs_alone_steps_tasks_with_a_model_without_one_and_of_ones_own() {
    let manifest = external("envs", "pmoe-envs", &["random_rollout", "own_task"]);
    for task in ["Hopper-v4", "TargetReaching-v0"] {
        let text = run(&manifest, "random_rollout", &[task]);
        assert_eq!(text.lines().count(), 5, "{text}");
        assert!(value(&text, "episode 4: return ").is_finite(), "{text}");
    }
    let text = run(&manifest, "own_task", &[]);
    assert_eq!(text.lines().count(), 3, "{text}");
}

#[test]
fn pmoe_algos_alone_learns_a_task_and_keeps_the_policy() {
    let manifest = external("algos", "pmoe-algos", &["custom_env"]);
    let text = run(&manifest, "custom_env", &[]);
    let [before, after] =
        [0, 1500].map(|step| value(&text, &format!("after {step} steps: return ")));
    assert!(after > before / 2.0, "{text}");
    let [trained, loaded] =
        ["the trained policy", "as loaded"].map(|of| number(&text, &format!("{of}: return ")));
    assert_eq!(trained, loaded, "{text}");
}

/// Outside of any checkout, where no `.cargo/config.toml` names MuJoCo.
#[test]
fn without_mujoco_the_build_says_what_to_do() {
    let outside = tempfile::tempdir().unwrap();
    let manifest = outside.path().join("Cargo.toml");
    fs::copy(external("unbuilt", "pmoe-envs", &["random_rollout"]), &manifest).unwrap();
    fs::copy(root().join("Cargo.lock"), outside.path().join("Cargo.lock")).unwrap();
    let build = |library: Option<&Path>| {
        let mut cargo = Command::new(env!("CARGO"));
        // mujoco-rs stops the build as well, and cargo may ask it first.
        cargo.current_dir(outside.path()).args(["build", "--release", "--offline", "--keep-going"]);
        cargo.env("CARGO_TARGET_DIR", outside.path()).env_remove("MUJOCO_STATIC_LINK_DIR");
        match library {
            Some(folder) => cargo.env("MUJOCO_DYNAMIC_LINK_DIR", folder),
            None => cargo.env_remove("MUJOCO_DYNAMIC_LINK_DIR"),
        };
        let output = cargo.output().unwrap();
        assert!(!output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    let nowhere = build(None);
    assert!(nowhere.contains("set MUJOCO_DYNAMIC_LINK_DIR to the absolute path"), "{nowhere}");
    let missing = build(Some(&outside.path().join("nothing")));
    let sentence = "nothing/libmujoco.so; `cargo xtask setup` in a checkout of pmoe";
    assert!(missing.contains(sentence), "{missing}");
}

/// A number of codegen units that tells builds of different commits apart, nearly always. Cargo does not look at
/// the time of files in its own folder, and takes our crates of one commit for those of another.
fn codegen_units_of_the_commit() -> u16 {
    let mut git = Command::new("git");
    let output = git.current_dir(root()).args(["rev-parse", "HEAD"]).output().unwrap();
    let commit = String::from_utf8(output.stdout).unwrap();
    u16::from_str_radix(&commit[..3], 16).unwrap() + 16
}

/// The program as `cargo install --git` makes it, of the last commit. It runs anywhere, without variables.
#[test]
fn cargo_installs_a_program_that_finds_mujoco() {
    let scratch = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let outside = tempfile::tempdir().unwrap();
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(outside.path()).args(["install", "--locked", "--quiet", "pmoe-cli", "--git"]);
    cargo.arg(format!("file://{}", root().display())).arg("--root").arg(outside.path());
    // Only what is built in between: the target folder keeps its program, which other tests run.
    cargo.env("CARGO_BUILD_BUILD_DIR", scratch.parent().unwrap());
    let units = codegen_units_of_the_commit();
    // Ours need not be fast.
    let more = [
        "pmoe-cli",
        "pmoe-lab",
        "pmoe-matrix",
        "pmoe-regress",
        "pmoe-report",
        "pmoe-track",
        "pmoe-watch",
    ];
    for ours in OURS.iter().chain(&more) {
        let [level, units] = [("opt-level", 0), ("codegen-units", units)]
            .map(|(key, value)| format!("profile.release.package.{ours}.{key}={value}"));
        cargo.args(["--config", &level, "--config", &units]);
    }
    for (variable, folder) in [("MUJOCO_DYNAMIC_LINK_DIR", "lib"), ("PMOE_MODEL_DIR", "models")] {
        cargo.env(variable, root().join(".mujoco").join(folder));
    }
    let output = cargo.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut pmoe = Command::new(outside.path().join("bin/pmoe"));
    pmoe.current_dir(outside.path());
    for variable in ["MUJOCO_DYNAMIC_LINK_DIR", "PMOE_MODEL_DIR", "LD_LIBRARY_PATH"] {
        pmoe.env_remove(variable);
    }
    pmoe.args([
        "train",
        "--method",
        "ppo",
        "--task",
        "Hopper-v4",
        "--steps",
        "2048",
        "--out",
        "run",
    ]);
    let output = pmoe.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Each crate that a cargo command compiles, with its version and features.
fn compiled(manifest: &Path, arguments: &[&str]) -> BTreeSet<String> {
    let tree = ["tree", "--prefix", "none", "--format", "{p} [{f}]"];
    let text = cargo(&[&tree[..], arguments].concat(), manifest);
    let line = |line: &str| line.trim_end_matches(" (*)").to_owned();
    text.lines().map(line).filter(|line| !line.is_empty()).collect()
}

/// What programs are made of, without what is compiled to run while others are, which may have other features.
const PROGRAMS: &str = "normal,no-proc-macro";
const PROGRAMS_AND_TESTS: &str = "normal,dev,no-proc-macro";

#[track_caller]
fn assert_in_workspace(compiled: &BTreeSet<String>, workspace: &BTreeSet<String>) {
    let others: Vec<_> = compiled.difference(workspace).collect();
    assert!(others.is_empty(), "in the workspace these have other features: {others:#?}");
}

/// Crates have their features from all packages that are built at once. What burn is made of must have the same ones
/// for pmoe-core alone as for the workspace, or it is compiled once for each; pmoe-core's manifest sees to that.
#[test]
fn burn_is_compiled_once() {
    let alone = external("features", "pmoe-core", &["frequency_routing"]);
    for edges in ["normal,build,dev", PROGRAMS_AND_TESTS] {
        let all = ["--workspace", "--edges", edges];
        let all = compiled(&root().join("Cargo.toml"), &all);
        let mut alone = compiled(&alone, &["--edges", edges]);
        alone.retain(|line| !line.starts_with("pmoe-core"));
        assert_in_workspace(&alone, &all);
    }
}

/// As above for the commands of a first hour: `cargo xtask` builds itself, then the workspace's program, and
/// `cargo build --release` builds pmoe-cli; xtask's and pmoe-cli's manifests see to it.
#[test]
fn a_first_hour_compiles_each_crate_once() {
    let manifest = root().join("Cargo.toml");
    for edges in ["normal,build", PROGRAMS] {
        let built =
            |packages: &[&str]| compiled(&manifest, &[packages, &["--edges", edges]].concat());
        let workspace = built(&["--workspace"]);
        for package in ["xtask", "pmoe-cli"] {
            assert_in_workspace(&built(&["--package", package]), &workspace);
        }
    }
}
