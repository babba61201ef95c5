use super::*;
use crate::snapshot::RunState;
use crate::testing::{cluster, snapshot, view};

fn press(app: &mut App, keys: &[KeyCode]) {
    for key in keys {
        assert!(app.press(KeyEvent::from(*key)), "{key:?} quits");
    }
}

fn names(app: &App) -> Vec<String> {
    app.runs().iter().map(|run| format!("{} {} {}", run.method, run.task, run.seed)).collect()
}

#[test]
fn what_is_wrong_comes_first_and_a_key_changes_the_order() {
    let mut app = App::new(snapshot());
    assert_eq!(names(&app)[..2], ["sac Ant-v2 0", "pmoe-sac Ant-v2 0"]);
    press(&mut app, &[KeyCode::Char('s')]);
    assert_eq!(names(&app)[0], "sac Hopper-v2 0");
    press(&mut app, &[KeyCode::Char('s')]);
    assert_eq!(names(&app)[0], "sac Hopper-v2 0");
    press(&mut app, &[KeyCode::Char('s')]);
    assert_eq!((app.sort, names(&app)[1].as_str()), (Sort::Plan, "pmoe-sac Hopper-v2 0"));
    press(&mut app, &[KeyCode::Char('s')]);
    assert_eq!(app.sort, Sort::State);
}

#[test]
fn it_opens_on_what_runs_or_is_done() {
    let selected = |app: &App| app.selected_run().unwrap().state.clone();
    assert_eq!(selected(&App::new(snapshot())), RunState::Running);
    // Nothing of the first suite was ever started.
    let mut runs = vec![view("sac", "Walker2d-v2", 0, RunState::Waiting, 0)];
    let mut done = view("dac", "Ant-v2", 0, RunState::Done, 1_000);
    done.used_by[0].suite = "fig2".to_owned();
    runs.push(done);
    let app = App::new(Snapshot::new("x".as_ref(), None, runs.clone(), vec![]));
    assert_eq!((selected(&app), app.wanted().len()), (RunState::Done, 1));
    // Curves of all suites: those of the one that was started.
    let app = App { list: List::Suites, ..app };
    assert_eq!(app.drawn()[0].task, "Ant-v2");
    runs.truncate(1);
    let app = App::new(Snapshot::new("x".as_ref(), None, runs, vec![]));
    assert_eq!(selected(&app), RunState::Waiting);
}

#[test]
fn the_filter_goes_through_the_states_that_there_are() {
    let mut app = App::new(snapshot());
    let mut seen = Vec::new();
    for _ in 0..7 {
        press(&mut app, &[KeyCode::Char('f')]);
        assert_eq!(app.runs().len(), if app.filter.is_some() { 1 } else { 6 });
        seen.push(app.filter);
    }
    let gone = [StateKind::Killed, StateKind::Requeued, StateKind::Queued];
    let there = StateKind::ALL.into_iter().filter(|kind| !gone.contains(kind));
    let all = there.map(Some).chain([None]);
    assert_eq!(seen, all.collect::<Vec<_>>());
}

#[test]
fn the_queue_has_filters_and_nothing_of_it_is_read() {
    let mut app = App::new(cluster(5));
    assert_eq!((app.selected_run().unwrap().seed, app.wanted().len()), (0, 1));
    for (kind, runs, wanted) in
        [(StateKind::Running, 1, 1), (StateKind::Requeued, 1, 1), (StateKind::Queued, 5, 0)]
    {
        press(&mut app, &[KeyCode::Char('f')]);
        assert_eq!((app.filter, app.runs().len()), (Some(kind), runs));
        assert_eq!(app.wanted().len(), wanted, "{kind:?}");
    }
}

#[test]
fn keys_lead_to_a_task_a_run_its_curve_and_back() {
    let mut app = App::new(snapshot());
    press(&mut app, &[KeyCode::Esc, KeyCode::Char('j'), KeyCode::Down]);
    assert_eq!(app.place, Place::Task { suite: "fig1".into(), task: "Hopper-v2".into() });
    assert_eq!((app.runs().len(), app.drawn().len()), (4, 4));
    press(&mut app, &[KeyCode::Enter, KeyCode::End]);
    assert_eq!((app.pane, app.drawn().len()), (Pane::Runs, 1));
    assert_eq!(app.selected_run().unwrap().state, RunState::Waiting);
    press(&mut app, &[KeyCode::Enter]);
    assert!((app.pane, app.zoom) == (Pane::Curves, true));
    press(&mut app, &[KeyCode::Char('k')]);
    assert_eq!(app.selected_run().unwrap().state, RunState::Done);
    press(&mut app, &[KeyCode::Esc]);
    assert!((app.pane, app.zoom) == (Pane::Runs, false));
    press(&mut app, &[KeyCode::Esc, KeyCode::Char('g')]);
    assert_eq!((app.pane, &app.place), (Pane::Suites, &Place::All));
    press(&mut app, &[KeyCode::Char('?'), KeyCode::Char('j')]);
    assert_eq!((app.help, &app.place), (false, &Place::All));
    assert!(!app.press(KeyEvent::from(KeyCode::Char('q'))));
    assert!(!app.press(KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL)));
}

#[test]
fn what_is_selected_stays_when_the_runs_change() {
    let mut app = App::new(snapshot());
    press(&mut app, &[KeyCode::Char('s'), KeyCode::Down]);
    press(&mut app, &[KeyCode::Char('s'), KeyCode::Char('s'), KeyCode::Home, KeyCode::Down]);
    assert_eq!(app.sort, Sort::Plan);
    let selected = app.selected_run().unwrap().dir.clone();
    let mut runs = app.snapshot.runs.clone();
    runs.insert(0, view("dac", "Ant-v2", 7, RunState::Running, 100));
    app.show(Snapshot::new("x".as_ref(), None, runs.clone(), vec![]));
    assert_eq!(app.selected_run().unwrap().dir, selected);
    // If it is gone, the first run is selected.
    runs.retain(|run| run.dir != selected);
    app.show(Snapshot::new("x".as_ref(), None, runs, vec![]));
    assert_eq!(app.run_row(), 0);
    app.show(Snapshot::new("x".as_ref(), None, vec![], vec![]));
    let keys =
        [KeyCode::Down, KeyCode::End, KeyCode::Enter, KeyCode::Up, KeyCode::Tab, KeyCode::Down];
    press(&mut app, &keys);
    assert_eq!((app.selected_run(), app.drawn().len()), (None, 0));
}
