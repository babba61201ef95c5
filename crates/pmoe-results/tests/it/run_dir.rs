use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use pmoe_results::{ResultsError, RunDir, Status};

use crate::{CONFIG, manifest};

fn open(path: &Path) -> Result<RunDir, ResultsError> {
    RunDir::open(path, CONFIG, || manifest("sac", "Hopper-v4", 3))
}

/// Name and content of every file but the lock, which any start may write.
fn content(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let files = entries.filter(|path| path.is_file() && !path.ends_with("lock"));
    files.map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

#[test]
fn a_new_folder_keeps_config_and_manifest() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("suite/sac/Hopper-v4/seed_3");
    let mut run = open(&path).unwrap();
    assert_eq!(fs::read_to_string(path.join("config.toml")).unwrap(), CONFIG);
    run.update_manifest(|manifest| manifest.env_step = 50).unwrap();
    drop(run);
    let run = RunDir::open(&path, CONFIG, || panic!("there is a manifest")).unwrap();
    assert_eq!(run.manifest().env_step, 50);
    assert_eq!(run.manifest().status, Status::Running);
    assert_eq!(run.path(), path);
}

#[test]
fn one_writer_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let first = open(dir.path()).unwrap();
    let error = open(dir.path()).unwrap_err();
    assert!(matches!(&error, ResultsError::Locked { .. }));
    assert!(!error.is_bad_input());
    let process = std::process::id().to_string();
    assert!(error.to_string().contains(&process), "{error}");
    drop(first);
    open(dir.path()).unwrap();
}

#[test]
fn a_config_may_differ_in_bytes_not_in_meaning() {
    let dir = tempfile::tempdir().unwrap();
    open(dir.path()).unwrap();
    let before = content(dir.path());
    let same = "schedule = { total_steps = 100 }\n# Later.\n".replace("# Later.\n", "");
    let same = format!("seed = 3 # a comment\n{same}algo = 'sac'");
    RunDir::open(dir.path(), &same, || panic!("there is a manifest")).unwrap();

    let cases = [
        ("total_steps = 100", "total_steps = 200", "schedule.total_steps", "100", "200"),
        ("seed = 3", "seed = 3.0", "seed", "3", "3.0"),
        ("seed = 3", "", "seed", "3", "absent"),
        ("seed = 3", "seed = 3\ngamma = 0.9", "gamma", "absent", "0.9"),
        ("[schedule]\ntotal_steps = 100", "schedule = 1", "schedule", "{ total_steps = 100 }", "1"),
    ];
    for (old, new, key, found, expected) in cases {
        let other = CONFIG.replace(old, new);
        let error = RunDir::open(dir.path(), &other, || panic!("there is one")).unwrap_err();
        assert!(error.is_bad_input());
        match error {
            ResultsError::ConfigMismatch { key: k, found: f, expected: e, .. } => {
                assert_eq!((k.as_str(), f.as_str(), e.as_str()), (key, found, expected));
            }
            error => panic!("{error}"),
        }
    }
    assert_eq!(content(dir.path()), before);
}

#[test]
fn never_starts_over_on_a_folder_with_data() {
    // What is in the folder, and what the error has to name.
    let cases = [
        (vec!["events.jsonl"], "config.toml"),
        (vec!["checkpoint"], "config.toml"),
        (vec!["manifest.json"], "config.toml"),
        (vec!["config.toml", "events.jsonl"], "manifest.json"),
    ];
    for (names, missing) in cases {
        let dir = tempfile::tempdir().unwrap();
        for name in &names {
            fs::write(dir.path().join(name), if *name == "config.toml" { CONFIG } else { "x" })
                .unwrap();
        }
        let before = content(dir.path());
        let error = open(dir.path()).unwrap_err();
        assert!(matches!(error, ResultsError::NotARun { .. }), "{names:?}: {error}");
        assert!(error.to_string().contains(missing), "{names:?}: {error}");
        assert_eq!(content(dir.path()), before);
    }
}

#[test]
fn an_interrupted_start_is_taken_up() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("config.toml"), CONFIG).unwrap();
    fs::write(dir.path().join(".tmpA1b2C3"), "{\"sch").unwrap();
    let run = open(dir.path()).unwrap();
    assert_eq!(run.manifest().seed, 3);
}

#[test]
fn bad_files_are_named() {
    let dir = tempfile::tempdir().unwrap();
    open(dir.path()).unwrap();
    let path = dir.path().join("manifest.json");
    let good = fs::read_to_string(&path).unwrap();
    let cases = [
        ("\"seed\": 3", "\"seed\": \"x\"", "seed"),
        ("\"cores\": 2", "\"cores\": -2", "provenance.cores"),
        ("\"schema\": 1", "\"schema\": 2", "schema"),
        ("\"state\": \"running\"", "\"state\": \"asleep\"", "status"),
    ];
    for (old, new, key) in cases {
        assert!(good.contains(old));
        fs::write(&path, good.replace(old, new)).unwrap();
        let error = open(dir.path()).unwrap_err().to_string();
        assert!(error.contains("manifest.json") && error.contains(key), "{error}");
    }
    fs::write(&path, &good[..good.len() / 2]).unwrap();
    assert!(matches!(open(dir.path()), Err(ResultsError::BadFile { .. })));

    fs::write(&path, good).unwrap();
    fs::write(dir.path().join("config.toml"), "algo = \"sac\"\nseed = \n").unwrap();
    let error = open(dir.path()).unwrap_err().to_string();
    assert!(error.contains("config.toml") && error.contains("line 2"), "{error}");
}

#[test]
fn a_place_that_cannot_be_written_is_bad_input() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "mine").unwrap();
    for path in [file.clone(), file.join("run")] {
        let error = open(&path).unwrap_err();
        assert!(matches!(error, ResultsError::NotWritable { .. }), "{error:?}");
        assert!(error.is_bad_input());
    }
    assert_eq!(fs::read(&file).unwrap(), b"mine");
}

#[test]
fn a_manifest_that_cannot_be_written_is_unchanged() {
    let dir = tempfile::tempdir().unwrap();
    let mut run = open(dir.path()).unwrap();
    // A folder in its place makes the write fail, also for root.
    fs::remove_file(dir.path().join("manifest.json")).unwrap();
    fs::create_dir(dir.path().join("manifest.json")).unwrap();
    let before = content(dir.path());
    run.update_manifest(|manifest| manifest.env_step = 9).unwrap_err();
    assert_eq!(run.manifest().env_step, 0);
    assert_eq!(content(dir.path()), before);
}
