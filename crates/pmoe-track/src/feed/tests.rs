use std::fs;

use pmoe_results::archive::archive;

use super::*;
use crate::testing::{Trained, events};

/// The steps of what is new; none if the run is another.
fn steps(feed: &mut Feed) -> Option<Vec<u64>> {
    let mut steps = Vec::new();
    loop {
        match feed.read().unwrap() {
            News::Changed => return None,
            News::Events(events) if events.is_empty() => return Some(steps),
            News::Events(events) => {
                steps.extend(events.iter().map(|timed| timed.event.env_step()));
            }
        }
    }
}

#[test]
fn each_event_comes_once_also_to_another_process() {
    let dir = tempfile::tempdir().unwrap();
    let mut run = Trained::new(&dir.path().join("run"));
    let mut feed = Feed::new(&run.path);
    assert_eq!(steps(&mut feed), Some(vec![]));
    let first = run.attempt(&Position::start(), &events([1, 2], 0.0));
    assert_eq!(steps(&mut feed), Some(vec![1, 1, 2, 2]));
    assert_eq!((feed.position(), feed.number()), (first.clone(), 4));
    assert_eq!(steps(&mut feed), Some(vec![]));

    run.attempt(&first, &events([3], 0.0));
    assert_eq!(steps(&mut feed), Some(vec![3, 3]));
    let After::Same(mut other) = Feed::after(&run.path, &first).unwrap() else { panic!("changed") };
    assert_eq!((steps(&mut other), other.number()), (Some(vec![3, 3]), 6));
    let after = |position: &Position| Feed::after(&run.path, position).unwrap();
    assert!(matches!(after(&Position::after(b"else")), After::Changed));
    let long = Position { bytes: 1 << 20, ..first };
    assert!(matches!(after(&long), After::Short));
    run.end();
    assert!(matches!(Feed::after(&run.path, &long).unwrap(), After::Changed));
}

#[test]
fn a_run_that_was_cut_says_nothing_twice() {
    let dir = tempfile::tempdir().unwrap();
    let mut run = Trained::new(&dir.path().join("run"));
    let mut feed = Feed::new(&run.path);
    let checkpoint = run.attempt(&Position::start(), &events([1], 0.0));
    run.attempt(&checkpoint, &events([2, 3], 0.0));
    assert_eq!(steps(&mut feed), Some(vec![1, 1, 2, 2, 3, 3]));
    // As it goes on from the checkpoint.
    run.attempt(&checkpoint, &events([2], 0.0));
    assert_eq!(steps(&mut feed), Some(vec![]));
    run.attempt(&checkpoint, &events([2, 3, 4], 0.0));
    assert_eq!(steps(&mut feed), Some(vec![4, 4]));
}

#[test]
fn another_run_in_its_place_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let mut run = Trained::new(&dir.path().join("run"));
    let mut feed = Feed::new(&run.path);
    run.attempt(&Position::start(), &events([1, 2], 0.0));
    assert_eq!(steps(&mut feed), Some(vec![1, 1, 2, 2]));
    // It is as long already when it is looked at.
    run.attempt(&Position::start(), &events([1, 2, 3], 7.0));
    assert_eq!(steps(&mut feed), None);

    let mut feed = Feed::new(&run.path);
    assert_eq!(steps(&mut feed), Some(vec![1, 1, 2, 2, 3, 3]));
    // It ends before it is as long.
    run.attempt(&Position::start(), &events([1], 0.0));
    assert_eq!(steps(&mut feed), Some(vec![]));
    run.end();
    assert_eq!(steps(&mut feed), None);
}

#[test]
fn a_line_that_is_being_written_waits() {
    let dir = tempfile::tempdir().unwrap();
    let mut run = Trained::new(&dir.path().join("run"));
    run.attempt(&Position::start(), &events([1, 2], 0.0));
    let path = run.path.join(Run::EVENTS);
    let whole = fs::read(&path).unwrap();
    let mut feed = Feed::new(&run.path);
    for cut in [1, whole.len() / 2, whole.len() - 1, whole.len()] {
        fs::write(&path, &whole[..cut]).unwrap();
        let lines = whole[..cut].iter().filter(|&&byte| byte == b'\n').count() as u64;
        steps(&mut feed).unwrap();
        assert_eq!(feed.number(), lines, "{cut} bytes");
    }
}

#[test]
fn packed_events_are_the_same_events() {
    let dir = tempfile::tempdir().unwrap();
    let mut run = Trained::new(&dir.path().join("run"));
    let end = run.attempt(&Position::start(), &events(1..100, 0.5));
    run.end();
    let kept = dir.path().join("kept");
    archive(&run.path, &kept, 0).unwrap();
    let [before, after] = [&run.path, &kept].map(|path| {
        let mut feed = Feed::new(path);
        (steps(&mut feed), feed.position(), feed.number())
    });
    assert_eq!(before, after);
    assert!(matches!(Feed::after(&kept, &end).unwrap(), After::Same(_)));
}

#[test]
fn a_bad_line_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let mut run = Trained::new(&dir.path().join("run"));
    run.attempt(&Position::start(), &events([1], 0.0));
    let path = run.path.join(Run::EVENTS);
    let text = fs::read_to_string(&path).unwrap() + "{\"event\":\"party\"}\n";
    fs::write(&path, text).unwrap();
    let error = Feed::new(&run.path).read().unwrap_err();
    assert!(error.to_string().contains("line 3"), "{error}");
}
