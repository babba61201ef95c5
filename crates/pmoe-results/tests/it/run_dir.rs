use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use pmoe_results::run::{Position, held_elsewhere, is_held};
use pmoe_results::{Event, ResultsError, Run, RunDir, Sink, Status};

use crate::{CONFIG, eval, manifest};

fn open(path: &Path) -> Result<RunDir, ResultsError> {
    RunDir::open(path, CONFIG, || manifest("sac", "Hopper-v4", 3))
}

/// Returns the name and content of every file except the lock, which any start may write.
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
    let same = format!("seed = 3 # a comment\n{same}method = 'sac'\ntask = \"Hopper-v4\"");
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
    // The files in the folder, and what the error must name.
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
        let is_known = matches!(
            error,
            ResultsError::NotARun { .. }
                | ResultsError::MissingPart { .. }
                | ResultsError::BadFile { .. }
        );
        assert!(is_known, "{names:?}: {error}");
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
        ("\"schema\": 3", "\"schema\": 4", "schema"),
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
    // A folder in its place makes the write fail, even for root.
    fs::remove_file(dir.path().join("manifest.json")).unwrap();
    fs::create_dir(dir.path().join("manifest.json")).unwrap();
    let before = content(dir.path());
    run.update_manifest(|manifest| manifest.env_step = 9).unwrap_err();
    assert_eq!(run.manifest().env_step, 0);
    assert_eq!(content(dir.path()), before);
}

#[test]
fn somebody_elses_lock_and_links_are_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let victim = dir.path().join("victim");
    fs::write(&victim, "precious").unwrap();
    let run = dir.path().join("run");
    let lock = run.join("lock");
    let cases: [&dyn Fn(); 5] = [
        &|| fs::write(&lock, "precious").unwrap(),
        &|| fs::write(&lock, "process").unwrap(),
        &|| symlink(&victim, &lock).unwrap(),
        &|| symlink("nowhere", &lock).unwrap(),
        &|| fs::create_dir(&lock).unwrap(),
    ];
    for case in cases {
        let _ = fs::remove_dir_all(&run);
        fs::create_dir(&run).unwrap();
        case();
        let before = (content(&run), fs::read(&lock).ok());
        let error = open(&run).unwrap_err();
        assert!(error.is_bad_input() && error.to_string().contains("lock"), "{error}");
        assert_eq!((content(&run), fs::read(&lock).ok()), before);
        assert!(!run.join("nowhere").exists());
    }
    assert_eq!(fs::read(&victim).unwrap(), b"precious");
    // A folder that is not ours does not even get a lock.
    fs::remove_dir_all(&run).unwrap();
    fs::create_dir(&run).unwrap();
    fs::write(run.join("events.jsonl"), "precious").unwrap();
    open(&run).unwrap_err();
    assert!(!lock.exists());
    // A lock left by a killed process is taken over, whatever its process number.
    fs::remove_file(run.join("events.jsonl")).unwrap();
    fs::write(&lock, "process 123456\n").unwrap();
    open(&run).unwrap();
}

#[test]
fn who_asks_for_the_lock_sees_a_writer_and_keeps_none_away() {
    let dir = tempfile::tempdir().unwrap();
    let lock = dir.path().join("lock");
    assert_eq!(is_held(dir.path()), None);
    assert!(!lock.exists());
    let writer = open(dir.path()).unwrap();
    let before = fs::read(&lock).unwrap();
    assert_eq!(is_held(dir.path()), Some(true));
    assert_eq!(fs::read(&lock).unwrap(), before);
    drop(writer);
    assert_eq!(is_held(dir.path()), Some(false));
    assert_eq!(fs::read(&lock).unwrap(), b"", "left in order");
    fs::write(&lock, "precious").unwrap();
    assert_eq!(is_held(dir.path()), None, "no lock of ours");

    // One who asks is kept from running in mid-question.
    fs::write(&lock, "").unwrap();
    let question = fs::File::open(&lock).unwrap();
    question.lock_shared().unwrap();
    thread::scope(|scope| {
        let opened = scope.spawn(|| open(dir.path()).map(drop));
        thread::sleep(Duration::from_millis(200));
        drop(question);
        opened.join().unwrap().unwrap();
    });

    // Somebody asks all the time; each start still gets the lock.
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let ask = || {
            while !stop.load(Ordering::Relaxed) {
                let _ = is_held(dir.path());
                thread::yield_now();
            }
        };
        scope.spawn(ask);
        let opened: Result<Vec<_>, _> = (0..100).map(|_| open(dir.path()).map(drop)).collect();
        stop.store(true, Ordering::Relaxed);
        opened.unwrap();
    });
}

#[test]
fn a_writer_whose_folder_another_machine_took_writes_nothing_more() {
    let dir = tempfile::tempdir().unwrap();
    let mut run = open(dir.path()).unwrap();
    let mut events = run.events_from(&Position::start()).unwrap();
    let mut late = run.events_from(&Position::start()).unwrap();
    events.emit(&eval(1, 0.5)).unwrap();
    let update = Event::Update { env_step: 2, grad_step: 1, metrics: BTreeMap::new() };
    late.emit(&update).unwrap(); // not in the file yet
    let lock = dir.path().join("lock");
    assert!(held_elsewhere(dir.path()).is_none());

    fs::write(&lock, "process 7 on another.machine\n1 0\n").unwrap();
    let before = content(dir.path());
    let lost = |error: ResultsError| {
        assert!(matches!(&error, ResultsError::Locked { .. }), "{error}");
        assert!(error.to_string().contains("process 7 on another.machine"), "{error}");
    };
    let in_io = |error: std::io::Error| lost(*error.into_inner().unwrap().downcast().unwrap());
    in_io(events.emit(&eval(2, 0.5)).unwrap_err());
    in_io(events.sync().unwrap_err());
    in_io(late.sync().unwrap_err());
    lost(run.update_manifest(|manifest| manifest.env_step = 2).unwrap_err());
    lost(run.extend(CONFIG, 200).unwrap_err());
    lost(run.events_from(&Position::start()).unwrap_err());
    lost(run.check().unwrap_err());
    // It has lost it for good, whoever leaves now.
    fs::write(&lock, "").unwrap();
    lost(run.check().unwrap_err());
    fs::write(&lock, "process 7 on another.machine\n1 1\n").unwrap();
    drop((events, late, run));
    assert_eq!(content(dir.path()), before);
    assert_eq!(fs::read(&lock).unwrap(), b"process 7 on another.machine\n1 1\n");
    assert_eq!(held_elsewhere(dir.path()).unwrap(), "process 7 on another.machine");
}

#[test]
fn a_writer_without_its_lock_file_does_not_go_on() {
    let dir = tempfile::tempdir().unwrap();
    let mut run = open(dir.path()).unwrap();
    fs::remove_file(dir.path().join("lock")).unwrap();
    let before = content(dir.path());
    let error = run.update_manifest(|manifest| manifest.env_step = 2).unwrap_err();
    assert!(matches!(&error, ResultsError::Io { .. }), "{error}");
    assert!(error.to_string().contains("lock"), "{error}");
    assert_eq!(content(dir.path()), before);
}

#[test]
fn a_link_to_a_run_folder_is_one() {
    let dir = tempfile::tempdir().unwrap();
    let [scratch, link] = ["scratch", "link"].map(|name| dir.path().join(name));
    fs::create_dir(&scratch).unwrap();
    symlink(&scratch, &link).unwrap();
    open(&link).unwrap();
    assert!(scratch.join("manifest.json").exists());
    open(&scratch).unwrap();
}

#[test]
fn run_folders_do_not_nest() {
    let dir = tempfile::tempdir().unwrap();
    let outer = dir.path().join("outer");
    drop(open(&outer).unwrap());
    for inner in ["inner", "checkpoint/a/b"] {
        let inner = outer.join(inner);
        let error = open(&inner).unwrap_err();
        assert!(matches!(error, ResultsError::NotARun { .. }), "{error}");
        assert!(error.to_string().contains("it is inside the run folder"), "{error}");
        assert!(!inner.exists());
    }
    let error = open(dir.path()).unwrap_err();
    assert!(error.to_string().contains("it contains the run folder"), "{error}");
    assert!(!dir.path().join("config.toml").exists());
    // An existing run folder opens regardless of its place.
    open(&outer).unwrap();
}

#[test]
fn what_killed_processes_left_goes_and_other_files_stay() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path()).unwrap());
    let ours = [".tmpA1b2C3", "checkpoint/.tmpzZ9900", "analysis/.tmpabcdef"];
    let others = [".tmp", ".tmpA1b2C34", ".tmp.note1", "tmpA1b2C3", ".tmpdirect/x", "notes"];
    for name in ours.iter().chain(&others) {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, name).unwrap();
    }
    open(dir.path()).unwrap();
    assert!(ours.iter().all(|name| !dir.path().join(name).exists()));
    assert!(others.iter().all(|name| dir.path().join(name).exists()));
}

#[test]
fn a_manifest_of_another_run_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let open = || open(dir.path()).map(drop);
    open().unwrap();
    let path = dir.path().join("manifest.json");
    let good = fs::read_to_string(&path).unwrap();
    for (old, new, key) in [
        ("\"sac\"", "\"ppo\"", "method"),
        ("Hopper-v4", "Ant-v4", "task"),
        ("\"seed\": 3", "\"seed\": 4", "seed"),
        ("\"seed\": 3", "\"seed\": 18446744073709551615", "seed"),
        ("\"total_steps\": 100", "\"total_steps\": 50", "total_steps"),
    ] {
        fs::write(&path, good.replacen(old, new, 1)).unwrap();
        let errors = [open().unwrap_err(), Run::read(dir.path()).unwrap_err()];
        for error in errors {
            assert!(matches!(error, ResultsError::ManifestMismatch { .. }), "{error}");
            assert!(error.to_string().contains(&format!("`{key}`")), "{error}");
        }
    }
    // A config without a task fits no manifest.
    fs::write(&path, good).unwrap();
    fs::write(dir.path().join("config.toml"), CONFIG.replace("task =", "tusk =")).unwrap();
    let error = Run::read(dir.path()).unwrap_err().to_string();
    assert!(error.contains("`task` is absent"), "{error}");
}

#[test]
fn a_manifest_of_an_older_version_is_read() {
    let dir = tempfile::tempdir().unwrap();
    open(dir.path()).unwrap();
    let path = dir.path().join("manifest.json");
    let new = fs::read_to_string(&path).unwrap();
    for schema in ["1", "2"] {
        let old = new.replace("\"schema\": 3", &format!("\"schema\": {schema}"));
        fs::write(&path, old.replace("\"method\"", "\"algo\"")).unwrap();
        assert_eq!(Run::read(dir.path()).unwrap().manifest.method, "sac");
        open(dir.path()).unwrap();
    }
}

#[test]
fn a_finished_run_may_get_a_larger_budget() {
    let dir = tempfile::tempdir().unwrap();
    let with = |steps: u32| CONFIG.replace("100", &steps.to_string());
    let open =
        |steps: u32| RunDir::open(dir.path(), &with(steps), || manifest("sac", "Hopper-v4", 3));
    let mut run = open(100).unwrap();
    drop(run);
    assert!(matches!(open(200), Err(ResultsError::ConfigMismatch { .. })), "not finished");
    run = open(100).unwrap();
    run.update_manifest(|manifest| manifest.status = Status::Done).unwrap();
    drop(run);
    assert!(matches!(open(50), Err(ResultsError::ConfigMismatch { .. })), "a smaller one");

    let before = content(dir.path());
    run = open(200).unwrap();
    assert_eq!(run.finished_budget(), Some(100));
    assert_eq!(content(dir.path()), before);
    run.extend(&with(200), 200).unwrap();
    assert_eq!((run.finished_budget(), run.manifest().total_steps), (None, 200));
    drop(run);
    assert_eq!(open(200).unwrap().manifest().status, Status::Interrupted);

    // As after a kill between the writes of config and manifest.
    for (name, bytes) in before {
        if name.ends_with("manifest.json") {
            fs::write(name, bytes).unwrap();
        }
    }
    assert_eq!(open(200).unwrap().finished_budget(), Some(100));
}

#[test]
fn starting_over_keeps_what_there_was() {
    let dir = tempfile::tempdir().unwrap();
    let restart = || RunDir::restart(dir.path(), CONFIG, || manifest("sac", "Hopper-v4", 3));
    let names = |paths: Vec<PathBuf>| -> Vec<String> {
        let name = |path: PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
        paths.into_iter().map(name).collect()
    };
    assert!(restart().unwrap().1.is_empty(), "a new folder");
    for number in [1, 2] {
        fs::write(dir.path().join("events.jsonl"), format!("events {number}")).unwrap();
        fs::create_dir(dir.path().join("checkpoint")).unwrap();
        let (run, aside) = restart().unwrap();
        assert_eq!(
            names(aside),
            [format!("events.{number}.jsonl"), format!("checkpoint.{number}")]
        );
        assert_eq!((run.manifest().status.clone(), run.manifest().env_step), (Status::Running, 0));
        let kept = fs::read_to_string(dir.path().join(format!("events.{number}.jsonl"))).unwrap();
        assert_eq!(kept, format!("events {number}"));
    }
    fs::write(dir.path().join("manifest.json"), "{").unwrap();
    assert_eq!(names(restart().unwrap().1), ["manifest.1.json"]);
    fs::remove_file(dir.path().join("config.toml")).unwrap();
    fs::write(dir.path().join("events.jsonl"), "events 3").unwrap();
    // The manifest alone lacks the settings, but its method, task and seed match.
    assert_eq!(names(restart().unwrap().1), ["events.3.jsonl"]);
    // A folder that is not ours.
    let outside = tempfile::tempdir().unwrap();
    let other = outside.path().join("others");
    fs::create_dir(&other).unwrap();
    fs::write(other.join("events.jsonl"), "precious").unwrap();
    let refused = RunDir::restart(&other, CONFIG, || manifest("sac", "Hopper-v4", 3));
    assert!(matches!(refused, Err(ResultsError::NotARun { .. })));
    assert_eq!(fs::read_to_string(other.join("events.jsonl")).unwrap(), "precious");
    fs::remove_dir_all(other).unwrap();
}
