use std::fs;
use std::path::Path;

use pmoe_results::archive::{Archived, archive};
use pmoe_results::run::{Folders, Tail};
use pmoe_results::{ResultsError, Run, Status};

use crate::{manifest, write_run};

const CURVE: [(u64, f64); 3] = [(0, 1.0), (50, 0.1), (100, -2.5)];

fn finished(path: &Path, seed: u64) {
    write_run(path, manifest("sac", "Hopper-v4", seed), &CURVE, Status::Done);
}

#[test]
fn an_archived_run_reads_as_before() {
    let dir = tempfile::tempdir().unwrap();
    let [run, to] = ["run", "kept/run"].map(|name| dir.path().join(name));
    finished(&run, 3);
    for (name, content) in [
        ("policy.safetensors", "weights"),
        ("clip.mp4", "film"),
        ("analysis/gait.json", "{}"),
        ("checkpoint/step-100/state", "large"),
        ("notes.txt", "mine"),
    ] {
        let path = run.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    let Archived::New { bytes, left_out: None } = archive(&run, &to, 7).unwrap() else { panic!() };
    let mut names = vec!["config.toml", "manifest.json", "events.packed.xz"];
    names.extend(["policy.safetensors", "clip.mp4", "analysis/gait.json"]);
    let len = |name: &&str| fs::metadata(to.join(name)).unwrap().len();
    assert_eq!(bytes, names.iter().map(len).sum::<u64>());
    for name in ["checkpoint", "notes.txt", "events.jsonl", "lock"] {
        assert!(!to.join(name).exists(), "{name}");
    }
    assert_eq!(fs::read_dir(dir.path().join("kept")).unwrap().count(), 1, "nothing else is left");
    let [before, after] = [&run, &to].map(|path| Run::read(path).unwrap());
    assert_eq!(after.events, before.events);
    assert_eq!((after.manifest, after.config), (before.manifest, before.config));
    assert_eq!(
        [&run, &to].map(|path| Run::events_name(path)),
        ["events.jsonl", "events.packed.xz"]
    );

    // Once more, and from the archive to another.
    assert_eq!(archive(&run, &to, 7).unwrap(), Archived::Present);
    let again = dir.path().join("again");
    assert!(matches!(archive(&to, &again, 6).unwrap(), Archived::New { left_out: Some(7), .. }));
    assert_eq!(Run::read(&again).unwrap().events, before.events);
    assert!(!again.join("policy.safetensors").exists());
}

#[test]
fn what_comes_later_is_added_and_what_differs_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let [run, to] = ["run", "kept/run"].map(|name| dir.path().join(name));
    finished(&run, 3);
    fs::write(run.join("policy.safetensors"), "weights").unwrap();
    archive(&run, &to, 1).unwrap();
    fs::create_dir(run.join("analysis")).unwrap();
    fs::write(run.join("analysis/gait.json"), "{}").unwrap();
    fs::write(run.join("clip.mp4"), "film").unwrap();
    let parts = ["analysis/gait.json", "clip.mp4", "policy.safetensors"].map(Into::into);
    assert_eq!(
        archive(&run, &to, 7).unwrap(),
        Archived::More { parts: parts.to_vec(), bytes: 2 + 4 + 7 }
    );
    assert_eq!(fs::read(to.join("clip.mp4")).unwrap(), b"film");
    assert_eq!(archive(&run, &to, 7).unwrap(), Archived::Present);

    fs::write(to.join("policy.safetensors"), "weig").unwrap();
    let error = archive(&run, &to, 7).unwrap_err().to_string();
    assert!(error.contains("kept/run/policy.safetensors holds another"), "{error}");
}

#[test]
fn what_a_stopped_call_left_is_no_run() {
    let dir = tempfile::tempdir().unwrap();
    let [run, left] = ["run", "kept/.run.7"].map(|name| dir.path().join(name));
    finished(&run, 3);
    // The manifest is written last.
    fs::create_dir_all(&left).unwrap();
    for name in ["config.toml", "events.packed.xz"] {
        fs::write(left.join(name), "").unwrap();
    }
    archive(&run, &dir.path().join("kept/run"), 0).unwrap();
    let found = Folders::find(&dir.path().join("kept")).unwrap();
    assert_eq!((found.runs.len(), found.broken.len()), (1, 0));
}

#[test]
fn only_finished_whole_runs_are_archived_and_nothing_is_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let [run, other, to] = ["run", "other", "to"].map(|name| dir.path().join(name));
    write_run(&run, manifest("sac", "Hopper-v4", 3), &CURVE, Status::Interrupted);
    assert_eq!(archive(&run, &to, 0).unwrap(), Archived::Unfinished);
    assert!(!to.exists());

    finished(&other, 4);
    let events = other.join("events.jsonl");
    let good = fs::read_to_string(&events).unwrap();
    fs::write(&events, good.replace("0.1", "0.2")).unwrap();
    let error = archive(&other, &to, 0).unwrap_err();
    assert!(matches!(error, ResultsError::ChangedEvents { .. }), "{error}");
    assert!(!to.exists());
    fs::write(&events, good).unwrap();

    archive(&other, &to, 0).unwrap();
    let kept = fs::read(to.join("events.packed.xz")).unwrap();
    let third = dir.path().join("third");
    finished(&third, 5);
    let error = archive(&third, &to, 0).unwrap_err();
    assert!(matches!(error, ResultsError::OtherRun { .. }) && error.is_bad_input(), "{error}");
    assert_eq!(fs::read(to.join("events.packed.xz")).unwrap(), kept);
}

#[test]
fn damaged_packed_events_are_an_error_with_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let [run, to] = ["run", "to"].map(|name| dir.path().join(name));
    finished(&run, 3);
    archive(&run, &to, 0).unwrap();
    let path = to.join("events.packed.xz");
    let packed = fs::read(&path).unwrap();
    for bytes in [&packed[..packed.len() / 2], b"no archive", b""] {
        fs::write(&path, bytes).unwrap();
        let error = Run::read(&to).unwrap_err();
        assert!(error.to_string().contains("events.packed.xz"), "{error}");
        let error = archive(&run, &to, 0).unwrap_err();
        assert!(error.to_string().contains("events.packed.xz"), "{error}");
        assert!(Tail::new(&to).read(1 << 20).is_err());
    }
    fs::remove_file(&path).unwrap();
    assert!(matches!(Run::read(&to), Err(ResultsError::MissingPart { .. })));
}

#[test]
fn packed_events_are_followed_like_others() {
    let dir = tempfile::tempdir().unwrap();
    let [run, to] = ["run", "to"].map(|name| dir.path().join(name));
    finished(&run, 3);
    archive(&run, &to, 0).unwrap();
    let lines = fs::read(run.join("events.jsonl")).unwrap();
    let mut tail = Tail::new(&to);
    let first = tail.read(1).unwrap();
    let mut read = first.lines;
    assert!(first.more);
    while let Ok(tailed) = tail.read(1)
        && !tailed.lines.is_empty()
    {
        assert!(!tailed.restarted);
        read.extend(tailed.lines);
    }
    assert_eq!(read, lines);
}
