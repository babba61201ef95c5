use std::fs;

use super::*;
use crate::testing::{Trained, events};

/// The one file of a run that is not empty, and its records, whose checksums are right.
fn records(run: &Path) -> (String, Vec<proto::Event>) {
    let files = fs::read_dir(run.join(TensorBoard::FOLDER)).unwrap().map(Result::unwrap);
    let files = files.filter(|file| file.metadata().unwrap().len() > 0);
    let names = files.map(|file| file.file_name().into_string().unwrap());
    let names: Vec<String> = names.filter(|name| name.starts_with(PREFIX)).collect();
    let [name] = names.as_slice() else { panic!("{names:?}") };
    let bytes = fs::read(run.join(TensorBoard::FOLDER).join(name)).unwrap();
    let mut left = bytes.as_slice();
    let mut found = Vec::new();
    while !left.is_empty() {
        let length = u64::from_le_bytes(left[..8].try_into().unwrap()) as usize;
        let data = &left[12..12 + length];
        assert_eq!(record(data), left[..16 + length], "the framing of a record");
        found.push(proto::Event::decode(data).unwrap());
        left = &left[16 + length..];
    }
    (name.clone(), found)
}

/// Steps and values of a scalar.
fn scalar(records: &[proto::Event], tag: &str) -> Vec<(i64, f32)> {
    let values = records.iter().flat_map(|record| match &record.what {
        Some(What::Summary(summary)) => {
            summary.value.iter().map(|value| (record.step, value)).collect()
        }
        _ => Vec::new(),
    });
    let of_tag = values.filter(|(_, value)| value.tag == tag);
    of_tag
        .map(|(step, value)| match value.content {
            Some(Content::Simple(number)) => (step, number),
            _ => panic!("{tag} is no scalar"),
        })
        .collect()
}

fn track(run: &Path) -> u64 {
    TensorBoard::open(run).unwrap().catch_up().unwrap()
}

#[test]
fn a_file_begins_with_what_makes_readers_forget() {
    let dir = tempfile::tempdir().unwrap();
    let mut run = Trained::new(&dir.path().join("run"));
    run.attempt(&Position::start(), &events([1, 2], 0.0));
    assert_eq!(track(&run.path), 4);
    let (_, records) = records(&run.path);
    assert_eq!(records[0].what, Some(What::FileVersion("brain.Event:2".to_owned())));
    let start = SessionLog { status: SessionStatus::Start.into() };
    assert_eq!(records[1].what, Some(What::SessionLog(start)));
    assert_eq!(scalar(&records, "eval/return"), [(1, 1.0), (2, 1.0)]);
    assert_eq!(scalar(&records, "train/alpha"), [(1, 0.5), (2, 0.5)]);
    let tags: Vec<_> = records
        .iter()
        .flat_map(|record| match &record.what {
            Some(What::Summary(summary)) => summary.value.iter().map(|value| &*value.tag).collect(),
            _ => Vec::new(),
        })
        .collect();
    for (tag, count) in [("run/config", 1), ("run/provenance", 1), ("train/primitives", 2)] {
        assert_eq!(tags.iter().filter(|found| **found == tag).count(), count, "{tag}");
    }
}

#[test]
fn what_is_new_is_appended_to_the_same_file() {
    let dir = tempfile::tempdir().unwrap();
    let mut run = Trained::new(&dir.path().join("run"));
    let first = run.attempt(&Position::start(), &events([1, 2], 0.0));
    assert_eq!(track(&run.path), 4);
    let (name, before) = records(&run.path);
    assert_eq!(track(&run.path), 0);
    run.attempt(&first, &events([3], 0.0));
    assert_eq!(track(&run.path), 2);
    let (same, after) = records(&run.path);
    assert_eq!((same, &after[..before.len()]), (name, before.as_slice()));
    assert_eq!(scalar(&after, "eval/return"), [(1, 1.0), (2, 1.0), (3, 1.0)]);
}

#[test]
fn a_run_that_trains_leaves_the_file_that_is_made_afterwards() {
    let dir = tempfile::tempdir().unwrap();
    let mut run = Trained::new(&dir.path().join("run"));
    run.attempt(&Position::start(), &events([1], 0.0));
    let mut sink = TensorBoard::open(&run.path).unwrap();
    sink.catch_up().unwrap();
    for event in events([2, 3], 0.0) {
        sink.emit(&event).unwrap();
    }
    let position = sink.sync().unwrap();
    drop(sink);
    assert_eq!(position, run.attempt(&Position::start(), &events([1, 2, 3], 0.0)));
    let (name, live) = records(&run.path);
    assert_eq!(track(&run.path), 0);
    fs::remove_dir_all(run.path.join(TensorBoard::FOLDER)).unwrap();
    track(&run.path);
    let (_, after) = records(&run.path);
    let what = |records: &[proto::Event]| {
        records.iter().map(|record| (record.step, record.what.clone())).collect::<Vec<_>>()
    };
    assert_eq!(what(&live), what(&after), "{name}");
}

#[test]
fn a_run_that_was_cut_has_every_point_once() {
    let dir = tempfile::tempdir().unwrap();
    let mut run = Trained::new(&dir.path().join("run"));
    let checkpoint = run.attempt(&Position::start(), &events([1], 0.0));
    // Killed: the file has more than the events, and nothing says so.
    let mut sink = TensorBoard::open(&run.path).unwrap();
    sink.catch_up().unwrap();
    events([2, 3], 0.0).iter().for_each(|event| sink.emit(event).unwrap());
    sink.file.flush().unwrap();
    drop(sink);
    let (killed, _) = records(&run.path);
    // It goes on from its checkpoint.
    run.attempt(&checkpoint, &[]);
    let mut sink = TensorBoard::open(&run.path).unwrap();
    sink.catch_up().unwrap();
    events([2, 3, 4], 0.0).iter().for_each(|event| sink.emit(event).unwrap());
    sink.sync().unwrap();
    let (name, records) = records(&run.path);
    assert!(killed < name, "{killed} is read before {name}");
    assert_eq!(scalar(&records, "eval/return"), [(1, 1.0), (2, 1.0), (3, 1.0), (4, 1.0)]);
}

#[test]
fn a_file_or_a_run_that_is_another_is_written_anew() {
    let dir = tempfile::tempdir().unwrap();
    let mut run = Trained::new(&dir.path().join("run"));
    run.attempt(&Position::start(), &events([1, 2], 0.0));
    track(&run.path);
    let folder = run.path.join(TensorBoard::FOLDER);
    let expected = [(1, 1.0), (2, 1.0)];
    for damage in ["longer", "gone", "no state", "bad state"] {
        let (name, _) = records(&run.path);
        match damage {
            "longer" => {
                let mut file = File::options().append(true).open(folder.join(&name)).unwrap();
                file.write_all(b"more").unwrap();
            }
            "gone" => fs::remove_file(folder.join(&name)).unwrap(),
            "no state" => fs::remove_file(folder.join("state.json")).unwrap(),
            _ => fs::write(folder.join("state.json"), "{").unwrap(),
        }
        assert_eq!(track(&run.path), 4, "{damage}");
        assert_eq!(scalar(&records(&run.path).1, "eval/return"), expected, "{damage}");
    }
    let files = fs::read_dir(&folder).unwrap().count();
    assert!(files <= 4, "{files} files: lock, state, the newest and at most one that is empty");
    // While it is followed, the run is started over.
    let mut board = TensorBoard::open(&run.path).unwrap();
    run.attempt(&Position::start(), &events([1, 2, 3], 5.0));
    assert_eq!(board.catch_up().unwrap(), 6);
    let expected = [(1, 6.0), (2, 6.0), (3, 6.0)];
    assert_eq!(scalar(&records(&run.path).1, "eval/return"), expected);
}

#[test]
fn one_process_writes_and_other_folders_stay_as_they_are() {
    let dir = tempfile::tempdir().unwrap();
    let run = Trained::new(&dir.path().join("run"));
    let _board = TensorBoard::open(&run.path).unwrap();
    let error = TensorBoard::open(&run.path).unwrap_err();
    assert!(matches!(error, ResultsError::Locked { .. }), "{error}");
    let other = dir.path().join("other");
    fs::create_dir(&other).unwrap();
    TensorBoard::open(&other).unwrap_err();
    assert_eq!(fs::read_dir(&other).unwrap().count(), 0);
}
