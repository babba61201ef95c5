//! A device that this build or this machine lacks is refused in one sentence, with the way out.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use std::path::Path;
use std::process::Command;

fn train(device: &str, out: &Path) -> Command {
    let mut command = common::pmoe();
    command.args(["train", "--method", "sac", "--task", "TargetReaching-v0", "--steps", "300"]);
    command.args(["--progress", "none", "--device", device, "--out"]).arg(out);
    for setting in common::SMALL.iter().chain(common::SMALL_SCHEDULE) {
        command.args(["--set", setting]);
    }
    command
}

/// Asserts that a command fails with one line that contains all `words`, and leaves no folder.
#[track_caller]
fn refuse(mut command: Command, out: &Path, words: &[&str]) {
    common::refuse(&mut command, 2, words);
    let stderr = common::run(&mut command).stderr;
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert!(!out.exists(), "a refused run leaves nothing behind");
}

#[test]
fn a_device_of_another_build_names_the_feature() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("run");
    let gpus = [("wgpu", cfg!(feature = "wgpu")), ("cuda", cfg!(feature = "cuda"))];
    for (device, is_built) in [("ndarray", cfg!(feature = "ndarray"))].into_iter().chain(gpus) {
        if !is_built {
            let remedy = format!("cargo build --release --features {device}");
            refuse(train(device, &out), &out, &[&format!("no device `{device}`"), &remedy]);
        }
    }
}

/// Vulkan's loader and EGL find no driver, whatever is installed.
#[cfg(feature = "wgpu")]
#[test]
fn a_missing_driver_is_named_with_its_package() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("run");
    let mut command = train("wgpu", &out);
    let variables = ["VK_DRIVER_FILES", "VK_ICD_FILENAMES", "__EGL_VENDOR_LIBRARY_FILENAMES"];
    command.envs(variables.map(|variable| (variable, "/nonexistent.json")));
    refuse(command, &out, &["no device `wgpu`", "Vulkan driver", "mesa-vulkan-drivers"]);
}

/// With a driver, a run says what it computes on, and nothing of what drivers say.
#[cfg(feature = "wgpu")]
#[test]
fn a_run_names_its_hardware_and_shows_no_warnings_of_drivers() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("run");
    let finished = common::run(&mut train("wgpu", &out));
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    for word in ["WARN", "ERROR", "MESA", "libEGL", "vulkan", "XDG_RUNTIME_DIR"] {
        assert!(!finished.stderr.contains(word), "`{word}` in: {}", finished.stderr);
    }
    let device = common::manifest(&out)["provenance"]["device"].clone();
    let device = device.as_str().unwrap();
    assert!(device.starts_with("wgpu (") && device.len() > 7, "{device}");
}

/// Where there is no NVIDIA driver; elsewhere it can't be hidden.
#[cfg(feature = "cuda")]
#[test]
fn a_missing_nvidia_driver_is_named() {
    if Path::new("/dev/nvidiactl").exists() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("run");
    refuse(train("cuda", &out), &out, &["no device `cuda`", "NVIDIA's driver"]);
}
