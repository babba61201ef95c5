use std::io::{Seek, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;

/// Never beats, and waits for a hundredth of a second.
const QUICK: Pace = Pace {
    beat: Duration::MAX,
    silence: Duration::from_millis(10),
    look: Duration::from_millis(1),
};
/// Waits for longer than any test.
const PATIENT: Pace = Pace { silence: Duration::from_secs(600), ..QUICK };

const ELSEWHERE: &str = "process 7 on another.machine";

fn folder_with(text: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join(LOCK), text).unwrap();
    dir
}

fn content(folder: &Path) -> String {
    fs::read_to_string(folder.join(LOCK)).unwrap()
}

#[test]
fn the_file_names_its_holder_and_is_empty_when_it_left() {
    let dir = tempfile::tempdir().unwrap();
    let lock = Lock::at(dir.path(), &QUICK).unwrap();
    let text = content(dir.path());
    let process = format!("process {} on ", std::process::id());
    assert!(text.starts_with(&process) && !is_of_another_host(&text), "{text}");
    lock.check().unwrap();
    drop(lock);
    assert_eq!(content(dir.path()), "");
}

#[test]
fn a_holder_beats_until_it_leaves() {
    let dir = tempfile::tempdir().unwrap();
    let pace = Pace { beat: Duration::from_millis(1), ..QUICK };
    let lock = Lock::at(dir.path(), &pace).unwrap();
    let first = content(dir.path());
    let mut now = first.clone();
    while now == first {
        thread::yield_now();
        now = content(dir.path());
    }
    assert_eq!(owner(&now), owner(&first));
    lock.check().unwrap();
    drop(lock);
    assert_eq!(content(dir.path()), "");
}

#[test]
fn who_beats_on_another_machine_holds_the_folder() {
    let dir = folder_with(&format!("{ELSEWHERE}\nkey 0\n"));
    let stop = AtomicBool::new(false);
    let error = thread::scope(|scope| {
        scope.spawn(|| {
            let path = dir.path().join(LOCK);
            let file = File::options().write(true).open(&path).unwrap();
            for beats in 0.. {
                // In place, as a holder does.
                (&file).rewind().unwrap();
                write!(&file, "{ELSEWHERE}\nkey {beats}\n").unwrap();
                if stop.load(Ordering::Relaxed) {
                    break;
                }
            }
        });
        let error = Lock::at(dir.path(), &PATIENT).unwrap_err();
        stop.store(true, Ordering::Relaxed);
        error
    });
    assert!(matches!(&error, ResultsError::Locked { owner, .. } if owner == ELSEWHERE), "{error}");
    assert!(content(dir.path()).starts_with(ELSEWHERE));
}

#[test]
fn who_is_silent_on_another_machine_is_gone() {
    let dir = folder_with(&format!("{ELSEWHERE}\nkey 3\nand a long rest of something"));
    let lock = Lock::at(dir.path(), &QUICK).unwrap();
    lock.check().unwrap();
    let text = content(dir.path());
    assert!(!is_of_another_host(&text) && text.ends_with(" 0\n"), "{text}");
}

#[test]
fn who_leaves_in_order_meanwhile_is_gone_at_once() {
    let dir = folder_with(&format!("{ELSEWHERE}\nkey 3\n"));
    thread::scope(|scope| {
        scope.spawn(|| fs::write(dir.path().join(LOCK), "").unwrap());
        Lock::at(dir.path(), &PATIENT).unwrap();
    });
}

#[test]
fn on_one_machine_the_systems_lock_decides_at_once() {
    let here = Mark::new().text(3);
    // Earlier versions wrote no machine.
    for text in [here.as_str(), "process 123456\n", ""] {
        let dir = folder_with(text);
        let lock = Lock::at(dir.path(), &PATIENT).unwrap();
        let error = Lock::at(dir.path(), &PATIENT).unwrap_err();
        let us = format!("process {} on ", std::process::id());
        assert!(matches!(&error, ResultsError::Locked { owner, .. } if owner.starts_with(&us)));
        drop(lock);
    }
}

#[test]
fn a_holder_that_lost_the_folder_leaves_the_file_to_the_other() {
    let dir = tempfile::tempdir().unwrap();
    let pace = Pace { beat: Duration::from_millis(1), ..QUICK };
    let lock = Lock::at(dir.path(), &pace).unwrap();
    let path = dir.path().join("notes");
    let file = lock.guard(File::create(&path).unwrap());
    let theirs = format!("{ELSEWHERE}\nkey 0\n");
    // Another's mark may be written over by a beat that looked before: then it has not got the folder.
    while lock.held.known().is_ok() {
        fs::write(dir.path().join(LOCK), &theirs).unwrap();
        thread::yield_now();
    }
    fs::write(dir.path().join(LOCK), &theirs).unwrap();
    let mut file = io::BufWriter::new(file);
    file.write_all(b"late").unwrap();
    file.flush().unwrap_err();
    assert!(matches!(lock.check().unwrap_err(), ResultsError::Locked { .. }));
    drop((file, lock));
    assert_eq!(content(dir.path()), theirs);
    assert_eq!(fs::read(path).unwrap(), b"");
}

#[test]
fn no_two_holders_have_the_same_mark() {
    let [one, other] = [Mark::new(), Mark::new()];
    assert!(one.is_in(&one.text(7)) && !one.is_in(&other.text(7)));
    assert!(!one.is_in("") && !one.is_in(ELSEWHERE));
}
