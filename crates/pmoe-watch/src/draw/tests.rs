use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::crossterm::event::{KeyCode, KeyEvent};
use ratatui::style::Color;

use super::*;
use crate::snapshot::{RunState, Snapshot};
use crate::testing::{cluster, snapshot, view};

fn screen(app: &App, width: u16, height: u16, theme: Theme) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw(frame, app, theme)).unwrap();
    terminal.backend().buffer().clone()
}

fn lines(buffer: &Buffer) -> Vec<String> {
    let row = |y| (0..buffer.area.width).map(|x| buffer[(x, y)].symbol()).collect::<String>();
    (0..buffer.area.height).map(|y| row(y).trim_end().to_owned()).collect()
}

fn app(keys: &[KeyCode]) -> App {
    let mut app = App::new(snapshot());
    keys.iter().for_each(|key| assert!(app.press(KeyEvent::from(*key))));
    app
}

#[test]
fn all_of_it_on_80_by_24() {
    let found = lines(&screen(&app(&[]), 80, 24, Theme::Colors));
    let expected = "\
paper  1 of 6 runs done, 1 running, 1 failed, 1 quiet, 1 stopped, 1 waiting
████████░░░░░░░░░░░░ 43 % of the steps, about 4 min left, 1 run at a time
┌ suites ─────────┐┏ runs: all (6) ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┓
│✗ all         1/6│┃  state   method   task      seed steps steps/s return left┃
│✗ fig1        1/6│┃✗ failed  sac      Ant-v2       0  30 %            3.0     ┃
│▶   Hopper-v2 1/4│┃? quiet   pmoe-sac Ant-v2       0  20 %            2.0     ┃
│✗   Ant-v2    0/2│┃▶ running pmoe-sac Hopper-v2    0  60 %      10    6.0 40 s┃
│                 │┃‖ stopped sac      Hopper-v2    1  50 %           10.0     ┃
│                 │┃✓ done    sac      Hopper-v2    0 100 %           10.0     ┃
│                 │┃· waiting pmoe-sac Hopper-v2    1   0 %                    ┃
│                 │┃running, 600 of 1k steps, return 6.0 at 600, 10 steps/s, 40┃
│                 │┃s left, wrote 3 s ago                                      ┃
│                 │┗━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┛
│                 │┌ pmoe-sac Hopper-v2, seed 0 ───────────────────────────────┐";
    for (found, expected) in found.iter().zip(expected.lines()) {
        assert_eq!(found, expected);
    }
    assert_eq!(found[23], "q quit  ? help  f all  s by state  Tab pane  Enter open");
}

#[test]
fn a_cluster_on_80_by_12_and_narrow_screens_without_nodes_and_jobs() {
    let mut app = App::new(cluster(3));
    app.zoom = true;
    let found = lines(&screen(&app, 80, 12, Theme::Colors));
    let expected = "\
paper  0 of 5 runs done, 1 running, 1 requeued, 3 queued
███░░░░░░░░░░░░░░░░░ 16 % of the steps, about 7 min left, 1 run at a time
┏ runs: all (5) ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┓
┃  state    suite method task   seed steps steps/s return left job  node       ┃
┃▶ running  fig1  sac    Ant-v2    0  60 %      10    6.0 40 s 41_0 node7      ┃
┃↻ requeued fig1  sac    Ant-v2    1  20 %            4.0      41_1            ┃
┃○ queued   fig1  sac    Ant-v2    2   0 %                     41_2            ┃
┃○ queued   fig1  sac    Ant-v2    3   0 %                     41_3            ┃
┃running, job 41_0 on node7, 600 of 1k steps, return 6.0 at 600, 10 steps/s, 40┃";
    for (found, expected) in found.iter().zip(expected.lines()) {
        assert_eq!(found, expected);
    }
    for (width, titles) in [
        (74, "state    suite method task   seed steps steps/s return left job  node"),
        (73, "state    suite method task   seed steps steps/s return left job"),
        (67, "state    suite method task   seed steps steps/s return left"),
        (60, "state    method task   seed steps steps/s return left"),
    ] {
        let found = lines(&screen(&app, width, 12, Theme::Colors));
        assert_eq!(found[3].trim_matches(['┃', ' ']), titles);
    }
    assert!(app.press(KeyEvent::from(KeyCode::Down)));
    let found = lines(&screen(&app, 80, 12, Theme::Colors));
    assert!(found[8].starts_with("┃requeued: BeginTime, job 41_1, 200 of 1k"), "{found:#?}");
}

#[test]
fn a_long_list_has_the_columns_of_the_rows_nearby() {
    let mut app = App::new(cluster(3_000));
    assert!(app.press(KeyEvent::from(KeyCode::End)));
    let found = lines(&screen(&app, 100, 12, Theme::Colors)).concat();
    assert!(found.contains("3001"), "{found}");
}

#[test]
fn one_pane_on_40_by_10() {
    let found = lines(&screen(&app(&[]), 40, 10, Theme::Colors));
    assert_eq!(found[0], "paper  ✓1 ▶1 ✗1 ?1 ‖1 ·1");
    assert_eq!(found[1], "████░░░░░░ 43 %, 4 min left");
    assert_eq!(found[2], "┏ runs: all (6) ━━━━━━━━━━━━━━━━━━━━━━━┓");
    assert_eq!(found[4], "┃✗ sac      Ant-v2       0  30 %    3.0┃");
    let found = lines(&screen(&app(&[KeyCode::Left]), 40, 10, Theme::Colors));
    assert!(found[3].starts_with("┃✗ all") && found[3].ends_with("1/6┃"), "{found:#?}");
}

#[test]
fn curves_have_axes_and_a_letter_per_method() {
    let keys = [KeyCode::Esc, KeyCode::Down, KeyCode::Down, KeyCode::Tab, KeyCode::Tab];
    let mut app = app(&keys);
    app.list = crate::app::List::Suites;
    app.zoom = true;
    let found = lines(&screen(&app, 60, 20, Theme::Colors));
    assert_eq!(found[2], format!("┏ fig1 Hopper-v2 {}┓", "━".repeat(42)));
    assert_eq!(found[3].trim_matches(['┃', ' ']), "a sac ×2  b pmoe-sac ×1");
    let chart = found[4..18].join("\n");
    assert!(chart.contains("10┤") && chart.contains(" 5┤") && chart.contains(" 0┤"), "{chart}");
    assert!(found[17].starts_with("┃   0         200 "), "{found:#?}");
    assert!(found[17].ends_with(" 1k steps┃"), "{found:#?}");
    let letter = |letter: char| chart.chars().filter(|c| *c == letter).count();
    assert_eq!((letter('a'), letter('b')), (2, 1), "{chart}");
    assert!(chart.chars().any(|c| ('\u{2801}'..='\u{28ff}').contains(&c)), "{chart}");
}

#[test]
fn a_flat_curve_and_none_are_drawn_too() {
    let mut run = view("sac", "Ant-v2", 0, RunState::Running, 500);
    run.curve.iter_mut().for_each(|point| point.1 = -3.0);
    let mut app = App::new(Snapshot::new("x".as_ref(), None, vec![run], vec![]));
    let found = lines(&screen(&app, 80, 24, Theme::Colors)).concat();
    assert!(found.contains("-2┤") && found.contains("-4┤"), "{found}");
    app.snapshot.runs[0].curve.clear();
    let found = lines(&screen(&app, 80, 24, Theme::Colors)).concat();
    assert!(found.contains("no evaluation yet"), "{found}");
    let empty = App::new(Snapshot::new("x".as_ref(), None, vec![], vec![]));
    let found = lines(&screen(&empty, 80, 24, Theme::Colors)).concat();
    assert!(found.contains("no runs yet"), "{found}");
}

#[test]
fn every_size_can_be_drawn() {
    let panes = [vec![], vec![KeyCode::Left], vec![KeyCode::Enter], vec![KeyCode::Char('?')]];
    for app in panes.map(|keys| app(&keys)) {
        for (width, height) in (0..30).flat_map(|width| (0..14).map(move |height| (width, height)))
        {
            screen(&app, width * 4, height * 2, Theme::Colors);
        }
    }
}

#[test]
fn without_colours_nothing_is_coloured_and_with_them_something_is() {
    let colored = |theme| {
        let buffer = screen(&app(&[]), 100, 30, theme);
        buffer.content.iter().any(|cell| cell.fg != Color::Reset || cell.bg != Color::Reset)
    };
    assert!((colored(Theme::Colors), colored(Theme::Plain)) == (true, false));
}

#[test]
fn a_problem_is_said_in_the_last_line() {
    let mut app = app(&[]);
    app.error = Some("results/paper is not a run folder:\nit is gone".into());
    let found = lines(&screen(&app, 80, 24, Theme::Colors));
    assert_eq!(found[23], "results/paper is not a run folder: it is gone");
}

#[test]
fn names_from_files_cannot_command_the_terminal() {
    let run = view("evil\u{1b}[2J", "a\u{7}b", 0, RunState::Running, 100);
    let app = App::new(Snapshot::new("x\u{1b}c".as_ref(), None, vec![run], vec![]));
    let found = lines(&screen(&app, 100, 30, Theme::Colors)).concat();
    assert!(!found.chars().any(char::is_control), "{found:?}");
}
