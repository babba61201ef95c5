//! Draws the viewer's state.

mod axes;
mod curves;
mod runs;
mod suites;

use pmoe_results::text::one_line;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Modifier, Style, Stylize};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, Clear, Paragraph, Wrap};

use crate::app::{App, Pane};
use crate::format::{counts, duration, percent, scale, spoken_left};
use crate::snapshot::{Count, StateKind};
use crate::theme::{Theme, sign};

/// Below this size only one pane fits.
const MIN_WIDTH: u16 = 70;
const MIN_HEIGHT: u16 = 18;

const HELP: &str = "\
↑ ↓ j k       move; PgUp PgDn, Home End, g G
Tab ← → h l   other pane
Enter         open: a suite's runs, a run's curve
Esc           back
f             show one state only, then the next
s             sort: plan, state, progress, return
q Ctrl-C      quit

✓ done  ▶ running  · waiting  ‖ stopped  ✗ failed
○ queued: its job waits in the queue of a cluster
↻ requeued: had begun, and its job waits again
! killed: marked as running, but no process holds
  its folder; the same command continues it
? quiet: running, but has not written for a long
  time; perhaps stuck

Curves: mean return of each evaluation, one line
per seed, one letter per method.";

/// Draws everything.
pub(crate) fn draw(frame: &mut Frame<'_>, app: &App, theme: Theme) {
    let [header, body, footer] =
        Layout::vertical([Constraint::Length(2), Constraint::Min(0), Constraint::Length(1)])
            .areas(frame.area());
    frame.render_widget(summary(app, header.width, theme), header);
    frame.render_widget(hints(app), footer);

    let is_small = frame.area().width < MIN_WIDTH || frame.area().height < MIN_HEIGHT;
    if app.zoom || is_small {
        draw_pane(frame, app, app.pane, body, theme);
    } else {
        let width = suites::width(app).min(body.width / 3);
        let [left, right] =
            Layout::horizontal([Constraint::Length(width), Constraint::Min(0)]).areas(body);
        let [top, bottom] =
            Layout::vertical([Constraint::Fill(1), Constraint::Fill(1)]).areas(right);
        draw_pane(frame, app, Pane::Suites, left, theme);
        draw_pane(frame, app, Pane::Runs, top, theme);
        draw_pane(frame, app, Pane::Curves, bottom, theme);
    }
    if app.help {
        draw_help(frame);
    }
}

fn draw_pane(frame: &mut Frame<'_>, app: &App, pane: Pane, area: Rect, theme: Theme) {
    match pane {
        Pane::Suites => suites::draw(frame, app, area, theme),
        Pane::Runs => runs::draw(frame, app, area, theme),
        Pane::Curves => curves::draw(frame, app, area, theme),
    }
}

/// Returns the border of a pane, thick if the pane has the focus.
fn block(app: &App, pane: Pane, title: &str) -> Block<'static> {
    let block = Block::bordered().title(format!(" {} ", one_line(title)));
    if app.pane == pane {
        block.border_type(BorderType::Thick).title_style(Style::new().add_modifier(Modifier::BOLD))
    } else {
        block.border_style(Style::new().dim())
    }
}

/// Returns two lines about all runs, with as much detail as fits.
fn summary(app: &App, width: u16, theme: Theme) -> Paragraph<'static> {
    let snapshot = &app.snapshot;
    let count = &snapshot.total.count;
    let path = one_line(&snapshot.dir.display().to_string());
    let name = snapshot
        .dir
        .file_name()
        .map_or_else(|| path.clone(), |name| one_line(&name.to_string_lossy()));
    let (scale, counts, signs) = (scale(snapshot), counts(count), signs(count));
    let first = widest(
        width,
        [
            format!("{path} ({scale})  {counts}"),
            format!("{name} ({scale})  {counts}"),
            format!("{name}  {counts}"),
            format!("{name}  {signs}"),
            signs,
        ],
    );
    let bar = usize::from(width / 4).min(30);
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of some tens of cells"
    )]
    let full = (count.share() * bar as f64).floor() as usize;
    let done = percent(count.share());
    let second = match snapshot.total.left {
        Some(left) => widest(
            width.saturating_sub(width / 4),
            [
                format!(" {done} of the steps, {}", spoken_left(left)),
                format!(" {done}, {}", spoken_left(left)),
                format!(" {done}, {} left", duration(left.seconds.unwrap_or(left.work_seconds))),
                format!(" {done}"),
            ],
        ),
        None => format!(" {done} of the steps"),
    };
    Paragraph::new(vec![
        Line::from(first).bold(),
        Line::from(vec![
            Span::styled("█".repeat(full), theme.state(StateKind::Done)),
            Span::styled("░".repeat(bar - full), Style::new().dim()),
            Span::from(second),
        ]),
    ])
}

/// Returns the first text that fits into `width` columns, else the last.
fn widest<const N: usize>(width: u16, texts: [String; N]) -> String {
    let fits = |text: &&String| text.chars().count() <= width.into();
    texts.iter().find(fits).or(texts.last()).cloned().unwrap_or_default()
}

/// Formats counts with signs: `✓11 ▶2 ✗1 ·332`.
fn signs(count: &Count) -> String {
    let there = StateKind::SPOKEN.into_iter().filter(|kind| count.of(*kind) > 0);
    there.map(|kind| format!("{}{}", sign(kind), count.of(kind))).collect::<Vec<_>>().join(" ")
}

/// Returns the last line: a problem if there is one, else the keys.
fn hints(app: &App) -> Line<'static> {
    let problem = app.error.as_ref().or_else(|| app.snapshot.problems.first());
    if let Some(problem) = problem {
        return Line::from(one_line(problem)).bold().reversed();
    }
    let filter = app.filter.map_or("all", StateKind::word);
    let sort = app.sort.word();
    Line::from(format!("q quit  ? help  f {filter}  s by {sort}  Tab pane  Enter open")).dim()
}

fn draw_help(frame: &mut Frame<'_>) {
    let outer = frame.area();
    let width = 54.min(outer.width);
    let height = (HELP.lines().count() as u16 + 2).min(outer.height);
    let area = Rect {
        x: outer.x + (outer.width - width) / 2,
        y: outer.y + (outer.height - height) / 2,
        width,
        height,
    };
    let block =
        Block::bordered().title(" keys and signs (any key closes) ").border_type(BorderType::Thick);
    frame.render_widget(Clear, area);
    frame.render_widget(Paragraph::new(HELP).wrap(Wrap { trim: false }).block(block), area);
}

/// Returns the first row to show of a list so that the selected one is visible, centred if
/// possible.
fn first_row(selected: usize, rows: usize, height: usize) -> usize {
    selected.saturating_sub(height / 2).min(rows.saturating_sub(height))
}

/// Cuts `text` to `width` columns, with `…` at the end if it is cut.
fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let kept: String = text.chars().take(width.saturating_sub(1)).collect();
    if width == 0 { kept } else { kept + "…" }
}

#[cfg(test)]
mod tests;
