//! Only commands that need MuJoCo's library load it.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
// Elsewhere the library is linked.
#![cfg(all(target_os = "linux", target_env = "gnu"))]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::{refuse, succeed};

const VARIABLE: &str = "MUJOCO_DYNAMIC_LINK_DIR";
const NAME: &str = "libmujoco.so.3.17.0";

/// A folder with a copy of the program in `bin`.
struct Installed(tempfile::TempDir);

impl Installed {
    fn new() -> Self {
        // On the program's file system, so that a hard link suffices.
        let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        fs::create_dir(dir.path().join("bin")).unwrap();
        fs::hard_link(env!("CARGO_BIN_EXE_pmoe"), dir.path().join("bin/pmoe")).unwrap();
        Self(dir)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a library into `folder` and returns the folder.
    fn library(&self, folder: &str, name: &str, bytes: &[u8]) -> PathBuf {
        let folder = self.path(folder);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(name), bytes).unwrap();
        folder
    }

    fn pmoe(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.path("bin/pmoe"));
        command.args(arguments).env_remove(VARIABLE);
        command
    }

    /// The copy, unable to find any library.
    fn without(&self, arguments: &[&str]) -> Command {
        let mut command = self.pmoe(arguments);
        command.env(VARIABLE, self.library("none", "README", b""));
        command
    }

    /// Asserts that a command that needs the library fails with one sentence that contains all
    /// `words`.
    #[track_caller]
    fn refuse(&self, command: &mut Command, words: &[&str]) {
        let remedy = ["error: cannot load MuJoCo: ", VARIABLE, "cargo xtask setup"];
        refuse(command, 2, &[&remedy, words].concat());
        assert_eq!(common::run(command).stderr.lines().count(), 1);
    }
}

fn whole() -> Vec<u8> {
    fs::read(Path::new(env!("MUJOCO_DYNAMIC_LINK_DIR")).join("libmujoco.so")).unwrap()
}

/// The library with every `from` replaced by `to`, which has the same length.
fn changed(from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut bytes = whole();
    let found = bytes.windows(from.len()).enumerate().filter(|(_, window)| *window == from);
    let places: Vec<usize> = found.map(|(at, _)| at).collect();
    assert!(!places.is_empty());
    places.into_iter().for_each(|at| bytes[at..at + to.len()].copy_from_slice(to));
    bytes
}

fn of_version_3_16() -> Vec<u8> {
    changed(b"\x003.17.0\0", b"\x003.16.0\0")
}

const BENCH: [&str; 6] = ["env", "bench", "--task", "Hopper-v4", "--seconds", "0.01"];

const SMALL: [&str; 18] = [
    "--seed=1",
    "--steps=300",
    "--set=hidden=[8,8]",
    "--set=batch_size=8",
    "--set=random_steps=100",
    "--set=learning_starts=100",
    "--set=schedule.eval_every=150",
    "--set=schedule.eval_episodes=1",
    "--set=schedule.checkpoint_every=100",
    "--set=schedule.log_every=100",
    "--progress=none",
    "--device=flex",
    "--threads=1",
    "--set=gamma=0.9",
    "--set=tau=0.01",
    "--method",
    "sac",
    "--out",
];

#[test]
fn what_needs_no_simulator_works_without() {
    let here = Installed::new();
    let version = succeed(&mut here.without(&["--version"]));
    assert!(version.starts_with("pmoe "), "{version}");
    for what in ["methods", "tasks", "suites"] {
        assert!(succeed(&mut here.without(&["list", what])).lines().count() > 5);
    }
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs/methods/sac.toml");
    succeed(here.without(&["config", "check"]).arg(config));
    succeed(&mut here.without(&["config", "show", "--method", "sac", "--task", "Hopper-v4"]));

    let runs = here.path("runs");
    let task = ["--task", "TargetReaching-v0"];
    succeed(here.without(&[&["train"], &task[..], &SMALL].concat()).arg(runs.join("run")));
    let manifest = fs::read_to_string(runs.join("run/manifest.json")).unwrap();
    assert!(manifest.contains(r#""mujoco": "3.17.0""#), "{manifest}");
    succeed(here.without(&["evaluate", "--episodes", "1"]).arg(runs.join("run")));
    succeed(here.without(&["env", "bench", "--seconds", "0.01"]).args(task));
    succeed(here.without(&["report"]).arg(&runs));
    succeed(here.without(&["verify"]).arg(&runs));
    succeed(here.without(&["watch", "--once"]).arg(&runs));
}

#[test]
fn what_needs_it_says_so_and_changes_nothing() {
    let here = Installed::new();
    let none = here.path("none");
    let words = [NAME, none.to_str().unwrap()];
    here.refuse(&mut here.without(&BENCH), &words);
    let out = here.path("run");
    let train = [&["train", "--task", "Hopper-v4"][..], &SMALL].concat();
    here.refuse(here.without(&train).arg(&out), &words);
    assert!(!out.exists(), "a refused run leaves nothing behind");
    let picture = here.path("picture.png");
    let render = ["env", "render", "--task", "Ant-v5", "--output"];
    here.refuse(here.without(&render).arg(&picture), &words);
    assert!(!picture.exists());

    // A finished run that was trained with the library.
    succeed(here.pmoe(&train).arg(&out));
    let before = common::snapshot(&out);
    here.refuse(here.without(&["evaluate", "--episodes", "1"]).arg(&out), &words);
    assert_eq!(common::snapshot(&out), before);
}

#[test]
fn it_is_found_by_the_variable_beside_the_program_or_where_it_was_built() {
    let here = Installed::new();
    succeed(&mut here.pmoe(&BENCH));
    // Libraries of another version, named in every error, reveal the search order.
    let wrong = of_version_3_16();
    let [lib, bin] = ["lib", "bin"].map(|folder| {
        let folder = here.library(folder, NAME, &wrong).join(NAME);
        here.refuse(&mut here.pmoe(&BENCH), &[folder.to_str().unwrap(), "3.16.0", "3.17.0"]);
        folder
    });
    succeed(here.pmoe(&BENCH).env(VARIABLE, here.library("named", "libmujoco.so", &whole())));
    fs::write(&bin, whole()).unwrap();
    succeed(&mut here.pmoe(&BENCH));
    fs::remove_file(bin).unwrap();
    fs::write(lib, whole()).unwrap();
    succeed(&mut here.pmoe(&BENCH));
}

#[test]
fn a_broken_one_and_one_of_another_version_are_refused() {
    let here = Installed::new();
    let bytes = whole();
    let mut index = 0;
    let mut refuse = |bytes: &[u8], words: &[&str]| {
        index += 1;
        let folder = here.library(&format!("broken-{index}"), NAME, bytes);
        let path = folder.join(NAME);
        let words = [&[path.to_str().unwrap()][..], words].concat();
        here.refuse(here.pmoe(&BENCH).env(VARIABLE, &folder), &words);
    };
    refuse(b"", &["cannot be loaded"]);
    refuse(b"not a library\n", &["cannot be loaded"]);
    for len in [5, 64, 4096, bytes.len() / 2, bytes.len() - 1] {
        refuse(&bytes[..len], &["is cut short"]);
    }
    let program = fs::read("/proc/self/exe").unwrap();
    refuse(&program, &["cannot be loaded"]);
    refuse(&of_version_3_16(), &["has version 3.16.0, not 3.17.0"]);
    refuse(
        &changed(b"\0mj_versionString\0", b"\0mj_versionStrunk\0"),
        &["is not MuJoCo's library"],
    );
    refuse(&changed(b"\0mju_Halton\0", b"\0mju_HaltoX\0"), &["lacks the function mju_Halton"]);
    // A folder and a pipe are not libraries.
    let folder = here.path("folder");
    fs::create_dir_all(folder.join(NAME)).unwrap();
    here.refuse(here.pmoe(&BENCH).env(VARIABLE, &folder), &["there is no", NAME]);
    let pipe = here.library("pipe", "README", b"");
    assert!(Command::new("mkfifo").arg(pipe.join(NAME)).status().unwrap().success());
    here.refuse(here.pmoe(&BENCH).env(VARIABLE, &pipe), &["there is no", NAME]);
}
